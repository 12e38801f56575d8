/* The table of commands: names, arguments, options, help. */
#include "cli/cli.h"

/* --json first: commands of words have the rest (cli_option_tables()). */
const struct cli_option cli_common_options[] = {
    {"json", 0, NULL, "Answer as JSON on standard output, for programs.", CLI_ANY},
    {"help", 'h', NULL, "Show this help.", CLI_ANY},
    {0},
};

#define CONFIG_OPTION                                                                              \
    {                                                                                              \
        "config", 'c', "FILE",                                                                     \
            "The configuration (default: $JOBHOST_CONFIG, else config.yaml in this folder).",      \
            CLI_FILE                                                                               \
    }

const struct cli_option cli_host_options[] = {
    CONFIG_OPTION,
    {"socket", 0, "PATH",
     "The host's admin socket, instead of the one that the configuration names.", CLI_FILE},
    {"url", 0, "URL",
     "The host over the network: https://HOST:PORT or http://HOST:PORT, with the path below which "
     "a "
     "proxy serves it, if any (default without -c: "
     "$JOBHOST_URL).",
     CLI_ANY},
    {"token-file", 0, "FILE",
     "A file with the token for --url or --socket (default: $JOBHOST_TOKEN). There is no option "
     "for the token "
     "itself: every user of this machine could read it there.",
     CLI_FILE},
    {"ca", 0, "FILE", "Certificates (PEM) to trust for https, instead of the system's.", CLI_FILE},
    {0},
};

static const struct cli_option none[] = {{0}};

static const struct cli_option run_options[] = {
    CONFIG_OPTION,
    {"safe", 0, NULL, "Accept jobs and answer questions, but start no job.", CLI_ANY},
    {"strict", 0, NULL,
     "Take warnings of the configuration as errors, and end when a plugin fails to start.",
     CLI_ANY},
    {"ready-fd", 0, "N",
     "Write the line \"ready\" to this open descriptor when everything has started (systemd's "
     "NOTIFY_SOCKET is served as well).",
     CLI_ANY},
    {0},
};

static const struct cli_option check_options[] = {
    CONFIG_OPTION,
    {"strict", 0, NULL, "Take warnings as errors.", CLI_ANY},
    {"connect", 0, NULL,
     "Also open the store; of a Redis server, tell what it is and what is wrong with it.", CLI_ANY},
    {0},
};

static const struct cli_option sim_options[] = {
    {"seed", 0, "N", "Of all that is left to chance, instead of the scenario's.", CLI_ANY},
    {"from", 0, "TIME", "When it begins, instead of the scenario's time.", CLI_ANY},
    {"for", 0, "DURATION", "How long it goes on, instead of the scenario's.", CLI_ANY},
    {"trace", 0, "FILE",
     "Write everything that happens there, one JSON object a line: the same scenario and seed "
     "write the same bytes.",
     CLI_FILE},
    {0},
};

static const struct cli_option sign_options[] = {
    {"hook", 0, "NAME",
     "As a sender of this hook of the configuration would: its scheme (the first, or SCHEME), its "
     "key and its URL.",
     CLI_ANY},
    CONFIG_OPTION,
    {"secret-file", 0, "FILE",
     "A file with the secret (default: $JOBHOST_SIGN_SECRET, else the hook's own). There is no "
     "option for the secret itself: every user of this machine could read it in the list of "
     "processes.",
     CLI_FILE},
    {"payload", 'p', "TEXT|@FILE|-", "The body: a text, a file's content, or standard input.",
     CLI_AT_FILE},
    {"content-type", 0, "TYPE", "Of the body (default: application/json).", CLI_ANY},
    {"url", 0, "URL", "Where it will be sent; qstash and twilio sign it.", CLI_ANY},
    {"id", 0, "ID", "The delivery's id (default: a new one).", CLI_ANY},
    {"time", 0, "TIME", "When it was made: Unix seconds, or 2026-11-21T10:00:00Z (default: now).",
     CLI_ANY},
    {"param", 0, "NAME=VALUE",
     "A parameter of the scheme, as a configuration has it; may be repeated.", CLI_ANY},
    {"curl", 0, NULL, "Print a curl command that sends it.", CLI_ANY},
    {0},
};

static const struct cli_option reload_options[] = {
    {"all", 'a', NULL,
     "New processes for every plugin, changed or not: libraries that they load may have changed.",
     CLI_ANY},
    {"force", 0, NULL,
     "Jobs that wait for a handler that a reload has taken away are made dead (code no_handler).",
     CLI_ANY},
    {"wait", 'w', NULL, "Wait for the verdict, and print it for each plugin.", CLI_ANY},
    {0},
};

static const struct cli_option upgrade_options[] = {
    {"wait", 'w', NULL, "Wait until it has taken place, and print what became of it.", CLI_ANY},
    {0},
};

static const struct cli_option preview_options[] = {
    CONFIG_OPTION,
    {"cron", 0, "EXPRESSION", "This expression, instead of a schedule of the file.", CLI_ANY},
    {"timezone", 0, "ZONE", "With --cron: its zone, such as Europe/Berlin (default UTC).", CLI_ANY},
    {"dst", 0, "vixie|skip|both|shift", "With --cron: what fixed times do when clocks change.",
     CLI_DST},
    {"days", 0, "or|and", "With --cron: whether one of both day fields has to match, or both.",
     CLI_DAYS},
    {"from", 0, "TIME", "Times later than 2026-03-28T00:00:00Z (default now).", CLI_ANY},
    {"until", 0, "TIME", "None later than this.", CLI_ANY},
    {"limit", 'n', "N", "So many of each schedule (1 to 100000; default 10, and all with --until).",
     CLI_ANY},
    {0},
};

static const struct cli_option schedule_options[] = {
    {"why", 0, "TEXT", "A reason, for whoever looks later.", CLI_ANY}, {0}};

static const struct cli_option backfill_options[] = {
    {"from", 0, "TIME", "The first time, such as 2026-11-21T10:00:00Z.", CLI_ANY},
    {"to", 0, "TIME", "The last one; the present at most.", CLI_ANY},
    {"why", 0, "TEXT", "A reason, for whoever looks later.", CLI_ANY},
    {0}};

static const struct cli_option submit_options[] = {
    {"payload", 'p', "JSON|@FILE|-", "The payload: JSON, a file that holds it, or standard input.",
     CLI_AT_FILE},
    {"file", 'f', "NAME=PATH", "An input file; may be repeated.", CLI_NAME_FILE},
    {"queue", 'q', "QUEUE", "The queue, instead of the type's own.", CLI_QUEUE},
    {"priority", 0, "high|normal|low", "Who goes first.", CLI_PRIORITY},
    {"delay", 0, "DURATION", "Start no earlier than in 30s, 1h30m, ...", CLI_ANY},
    {"run-at", 0, "TIME", "Start no earlier than at 2026-11-21T10:00:00Z.", CLI_ANY},
    {"key", 'k', "KEY", "Deduplication key: one job at a time, and for a while after, holds it.",
     CLI_ANY},
    {"dedup", 0, "MODE",
     "What a held key does: return (default), reject, replace, debounce, throttle.", CLI_DEDUP},
    {"dedup-ttl", 0, "DURATION",
     "How long the key outlives success; throttle: how long it is held; debounce: when it runs at "
     "the latest.",
     CLI_ANY},
    {"user", 'u', "USER", "The tenant on whose behalf it runs.", CLI_ANY},
    {"max", 0, "N", "Executions at most, the first included.", CLI_ANY},
    {"timeout", 0, "DURATION", "How long one execution may take.", CLI_ANY},
    {"deadline", 0, "DURATION", "How long the whole job may take, waiting included.", CLI_ANY},
    {"expires", 0, "DURATION", "Do not start it at all after that time.", CLI_ANY},
    {"label", 'l', "LABEL", "A label; may be repeated.", CLI_ANY},
    {"callback", 0, "URL", "Where to report the end.", CLI_ANY},
    {"flow", 0, "ID", "Join the flow that this job has opened.", CLI_JOB},
    {"wait", 'w', NULL,
     "Wait for the end, with a progress bar; print the result; fail if the job does not succeed.",
     CLI_ANY},
    {"output", 'o', "DIR",
     "With --wait: save the job's output files in this folder and print their paths instead.",
     CLI_FOLDER},
    {"force", 0, NULL, "With --output: replace files that are there already.", CLI_ANY},
    {0},
};

#define FILTER_OPTIONS                                                                             \
    {"queue", 'q', "QUEUE", "Only this queue.", CLI_QUEUE},                                        \
        {"type", 't', "TYPE", "Only this type.", CLI_TYPE},                                        \
        {"user", 'u', "USER", "Only this tenant.", CLI_ANY},                                       \
        {"label", 'l', "LABEL", "Only with this label.", CLI_ANY},                                 \
        {"class", 0, "CLASS",                                                                      \
         "Only with a last error of this class: input, auth, network, rate, upstream, timeout, "   \
         "resource, bug, permanent, unknown.",                                                     \
         CLI_CLASS},                                                                               \
        {"code", 0, "CODE", "Only with this error code.", CLI_ANY}, {                              \
        "search", 0, "TEXT", "Only with this text in id, type, key or error.", CLI_ANY             \
    }

#define PAGE_OPTIONS                                                                               \
    {"limit", 'n', "N", "At most so many (1 to 1000, default 50).", CLI_ANY}, {                    \
        "cursor", 0, "CURSOR", "Where an earlier list ended.", CLI_ANY                             \
    }

#define STATE_OPTION                                                                               \
    {                                                                                              \
        "state", 's', "STATE",                                                                     \
            "Only scheduled, queued, running, parked, succeeded, dead, cancelled or duplicate "    \
            "ones.",                                                                               \
            CLI_STATE                                                                              \
    }

#define LIST_OPTIONS                                                                               \
    {"after", 0, "TIME", "Only created at or after 2026-11-21T10:00:00Z.", CLI_ANY},               \
        {"before", 0, "TIME", "Only created before that time.", CLI_ANY}, {                        \
        "parent", 0, "ID", "Only children of this job.", CLI_JOB                                   \
    }

static const struct cli_option jobs_options[] = {
    STATE_OPTION,
    {"parked", 0, "REASON", "Only parked for this: event, needs_operator, time, ...", CLI_PARK},
    FILTER_OPTIONS,
    LIST_OPTIONS,
    PAGE_OPTIONS,
    {0},
};

static const struct cli_option dlq_ls_options[] = {
    FILTER_OPTIONS,
    LIST_OPTIONS,
    PAGE_OPTIONS,
    {0},
};

static const struct cli_option act_options[] = {
    STATE_OPTION,
    FILTER_OPTIONS,
    LIST_OPTIONS,
    {"all", 'a', NULL, "Every job in a state that allows it.", CLI_ANY},
    {"yes", 'y', NULL, "Do not ask.", CLI_ANY},
    {"why", 0, "TEXT", "A reason, for whoever looks later.", CLI_ANY},
    {0},
};

static const struct cli_option resolve_options[] = {
    {"answer", 0, "TEXT", "The answer; of choices one, word by word.", CLI_ANY},
    {"by", 0, "NAME", "Who has decided, if not who types this.", CLI_ANY},
    {"why", 0, "TEXT", "A reason, for the audit log.", CLI_ANY},
    {0},
};

static const struct cli_option publish_options[] = {
    {"data", 'd', "JSON|@FILE|-", "What the event says: JSON, a file's content, or standard input.",
     CLI_AT_FILE},
    {"type", 't', "TYPE", "The content type of what is no JSON, as text/plain.", CLI_ANY},
    {"key", 'k', "KEY", "It happens once, however often it is published with this key.", CLI_ANY},
    {"user", 'u', "USER", "For jobs of this tenant alone.", CLI_ANY},
    {0},
};

static const struct cli_option retry_options[] = {
    {"restart", 0, NULL,
     "Begin again without the steps: what they kept from being done twice may be done twice.",
     CLI_ANY},
    STATE_OPTION,
    FILTER_OPTIONS,
    LIST_OPTIONS,
    {"all", 'a', NULL, "Every job in a state that allows it.", CLI_ANY},
    {"yes", 'y', NULL, "Do not ask.", CLI_ANY},
    {"why", 0, "TEXT", "A reason, for whoever looks later.", CLI_ANY},
    {0},
};

static const struct cli_option keys_options[] = {
    {"queue", 'q', "QUEUE", "Only this queue.", CLI_QUEUE},
    PAGE_OPTIONS,
    {0},
};

static const struct cli_option ledger_options[] = {
    {"verdict", 0, "VERDICT", "Only rows with this one: fire, caught_up, skipped_overlap, ...",
     CLI_VERDICT},
    PAGE_OPTIONS,
    {0},
};

static const struct cli_option children_options[] = {
    STATE_OPTION,
    PAGE_OPTIONS,
    {0},
};

static const struct cli_option page_options[] = {PAGE_OPTIONS, {0}};

static const struct cli_option inbox_options[] = {
    {"refused", 0, NULL, "Only what became no job.", CLI_ANY}, PAGE_OPTIONS, {0}};

static const struct cli_option token_options[] = {
    {"scope", 's', "viewer|submit|operator|admin", "What it may do. Required.", CLI_SCOPE},
    {"user", 'u', "USER", "It sees and touches jobs of this tenant alone.", CLI_ANY},
    {"queue", 'q', "QUEUE", "... and of this queue alone; may be repeated.", CLI_QUEUE},
    {"expires", 0, "DURATION", "After so long it is over, as 90d. Default: never.", CLI_ANY},
    {0},
};

static const struct cli_option revoke_options[] = {
    {"why", 0, "TEXT", "A reason, for the audit log.", CLI_ANY}, {0}};

static const struct cli_option audit_options[] = {
    {"actor", 0, "TEXT", "Only who has this in his name: uid:0, a token's name or id.", CLI_ANY},
    {"action", 0, "TEXT", "Only what begins so: queue., job.cancel.", CLI_ANY},
    {"target", 0, "TEXT", "Only what was done to this queue, job, ...", CLI_ANY},
    {"after", 0, "TIME", "Only what was done at that time or later.", CLI_ANY},
    {"before", 0, "TIME", "Only what was done before that time.", CLI_ANY},
    PAGE_OPTIONS,
    {0},
};

static const struct cli_option reset_options[] = {
    {"why", 0, "TEXT", "A reason, for the audit log.", CLI_ANY}, {0}};

static const struct cli_option dlq_walk_options[] = {
    FILTER_OPTIONS,
    {"all", 'a', NULL, "Every dead job.", CLI_ANY},
    {"yes", 'y', NULL, "Do not ask.", CLI_ANY},
    {"why", 0, "TEXT", "A reason, for the audit log.", CLI_ANY},
    {0},
};

static const struct cli_option result_options[] = {
    {"output", 'o', "FILE|DIR",
     "Write it there instead of to standard output. A folder (it is one, or ends with a slash, or "
     "goes with --all): save all output files in it.",
     CLI_FILE},
    {"list", 'l', NULL, "List the job's output files.", CLI_ANY},
    {"all", 'a', NULL, "Fetch all output files into the folder of -o (default: this one).",
     CLI_ANY},
    {"force", 'f', NULL, "With a folder: replace files that are there already.", CLI_ANY},
    {0}};

#define GATE_OPTIONS(verb)                                                                         \
    {"plugin", 0, "NAME", verb " a plugin instead, on this host.", CLI_PLUGIN},                    \
        {"host", 0, NULL, verb " all of this host (safe mode) instead.", CLI_ANY}, {               \
        "why", 0, "TEXT", "A reason, for whoever looks later.", CLI_ANY                            \
    }

static const struct cli_option pause_options[] = {GATE_OPTIONS("Pause"), {0}};

static const struct cli_option resume_options[] = {
    GATE_OPTIONS("Resume"),
    {"rate", 0, "N/s", "Let go so many a second (N/min, N/h) until what waits now is gone.",
     CLI_ANY},
    {0}};

static const struct cli_option fsck_options[] = {
    {"repair", 0, NULL, "Mend what can be mended.", CLI_ANY}, {0}};

static const struct cli_option config_options[] = {CONFIG_OPTION, {0}};

static const struct cli_option version_options[] = {
    {"fault-points", 0, NULL, "List the points at which a test build can be made to fail.",
     CLI_ANY},
    {0}};

static const struct cli_option help_options[] = {
    {"man", 0, NULL, "Print the manual page of all commands, for man(1).", CLI_ANY}, {0}};

static const struct cli_option plugin_check_options[] = {
    {"offline", 0, NULL, "Do not look for a host.", CLI_ANY},
    {0},
};

static const struct cli_option plugin_new_options[] = {
    {"dir", 'd', "DIR", "The folder to make (default: NAME).", CLI_FOLDER}, {0}};

const struct cli_command cli_commands[] = {
    {.name = "run",
     .synopsis = "[-c FILE] [--safe] [--strict]",
     .summary = "run the host",
     .text =
         "Runs in the foreground, logs to standard error, and drains on SIGTERM or SIGINT: running "
         "jobs are finished or given back, then it ends. A second signal cuts the drain short.",
     .example = "jobhost run -c config.yaml",
     .options = run_options,
     .run = cmd_run,
     .local = true},
    {.name = "check",
     .synopsis = "[-c FILE] [--strict] [--connect]",
     .summary = "check the configuration and its plugins",
     .text = "Reads the configuration as the host would, reports every error with its place and "
             "what is off, loads the certificates as the server would and each plugin in a "
             "process of its own to see whether it would start, and warns of job types that "
             "none handles.",
     .options = check_options,
     .run = cmd_check,
     .local = true},
    {.name = "submit",
     .synopsis = "TYPE [OPTIONS]",
     .summary = "submit a job",
     .text = "Prints the job's id. With --wait it follows the job and prints its result; on a "
             "terminal, for a job with output files, a summary and what fetches each.",
     .example = "jobhost submit hello.say --payload '{\"name\": \"Ada\"}' --wait\n"
                "jobhost submit hello.say --payload @greeting.json --key ada --priority low\n"
                "jobhost submit amazon.analyze --file orders=orders.txt --wait -o report",
     .options = submit_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_TYPE,
     .run = cmd_submit},
    {.name = "jobs",
     .synopsis = "[FILTERS]",
     .summary = "list jobs, newest first",
     .example =
         "jobhost jobs --state running\njobhost jobs --type hello.say --class network -n 200",
     .options = jobs_options,
     .run = cmd_jobs},
    {.name = "job",
     .synopsis = "ID",
     .summary = "show everything about a job",
     .options = none,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_JOB,
     .run = cmd_job},
    {.name = "children",
     .synopsis = "ID [--state STATE]",
     .summary = "list the jobs of the flow that a job has opened",
     .text = "The last made first; those of a final state in the order in which they ended.",
     .example = "jobhost children ID --state dead",
     .options = children_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_JOB,
     .run = cmd_children},
    {.name = "result",
     .synopsis = "ID [NAME | --list | --all] [-o FILE|DIR]",
     .summary = "print a job's result, or fetch its output files",
     .text =
         "Without NAME the result; with it, the output file of that name. --all, or a folder for "
         "-o, writes every output file, prints their paths, and touches nothing if one of them "
         "is there already. On a terminal the result of a job with output files is a summary "
         "and what fetches each; in a pipe, or with --json, always its bytes.",
     .example = "jobhost result ID | jq .\njobhost result ID report.html -o report.html\n"
                "jobhost result ID -o reports/",
     .options = result_options,
     .args_min = 1,
     .args_max = 2,
     .takes = CLI_JOB_SUCCEEDED,
     .run = cmd_result},
    {.name = "log",
     .synopsis = "ID",
     .summary = "print the end of a job's log",
     .options = none,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_JOB,
     .run = cmd_log},
    {.name = "watch",
     .synopsis = "ID",
     .summary = "follow a job's states, progress and log",
     .text = "Ends with the job; fails if the job does not succeed.",
     .options = none,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_JOB_ACTIVE,
     .run = cmd_watch},
    {.name = "explain",
     .synopsis = "ID|QUEUE",
     .summary = "say why a job or a queue does not run",
     .text = "The answer comes from the dispatcher's own decision, the most decisive reason first.",
     .options = none,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_JOB_OR_QUEUE,
     .run = cmd_explain},
    {.name = "cancel",
     .synopsis = "ID... | FILTERS | --all",
     .summary = "cancel jobs",
     .text = "A waiting job ends at once; a running one is asked to stop. By ids, by filters (all "
             "must match), or all that have not ended. On a terminal, filters and --all say how "
             "many and ask.",
     .example = "jobhost cancel --queue hello --state queued --why \"wrong names\"",
     .options = act_options,
     .args_max = CLI_ARGS_MAX,
     .takes = CLI_JOB_ACTIVE,
     .run = cmd_cancel},
    {.name = "retry",
     .synopsis = "ID... | FILTERS | --all",
     .summary = "start dead or cancelled jobs again",
     .text =
         "With their steps, so that what has been done is not done again. With --restart, which "
         "takes ids, they begin without; that also starts jobs that are parked because no code "
         "here resumes their steps (`jobhost explain` says so).",
     .example = "jobhost retry 01a20081-a8d0-7441-8f74-cd353fef4390 --restart",
     .options = retry_options,
     .args_max = CLI_ARGS_MAX,
     .takes = CLI_JOB_STOPPED,
     .run = cmd_retry},
    {.name = "promote",
     .synopsis = "ID... | FILTERS | --all",
     .summary = "start scheduled jobs now",
     .options = act_options,
     .args_max = CLI_ARGS_MAX,
     .takes = CLI_JOB_SCHEDULED,
     .run = cmd_promote},
    {.name = "resolve",
     .synopsis = "ID [--answer TEXT]",
     .summary = "answer a job that asks",
     .text = "Of a job that is parked as needs_operator. Without --answer the question and its "
             "choices are shown on a terminal, and the answer, or the number of a choice, is read "
             "from there. Of several answers the first is taken.",
     .example = "jobhost resolve 01a20081-a8d0-7441-8f74-cd353fef4390 --answer \"not charged\"",
     .options = resolve_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_JOB_ASKING,
     .run = cmd_resolve},
    {.name = "publish",
     .synopsis = "NAME [--data JSON|@FILE|-]",
     .summary = "tell jobs that wait for an event",
     .text = "All jobs that wait for an event of this name get it, and for a while those that come "
             "to wait for it. With --key a delivery can be repeated: it is an event once.",
     .example = "jobhost publish order-17.paid --data '{\"amount\": 42}' --key delivery-9",
     .options = publish_options,
     .args_min = 1,
     .args_max = 1,
     .run = cmd_publish},
    {.name = "rm",
     .synopsis = "ID... | FILTERS | --all",
     .summary = "delete jobs that have ended",
     .text = "With their results and logs.",
     .example = "jobhost rm --state succeeded --before 2026-11-01T00:00:00Z",
     .options = act_options,
     .args_max = CLI_ARGS_MAX,
     .takes = CLI_JOB,
     .run = cmd_rm},
    {.name = "dlq ls",
     .synopsis = "[FILTERS]",
     .summary = "list dead jobs",
     .options = dlq_ls_options,
     .run = cmd_dlq_ls},
    {.name = "dlq show",
     .synopsis = "ID",
     .summary = "show a dead job",
     .options = none,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_JOB_DEAD,
     .run = cmd_dlq_show},
    {.name = "dlq retry",
     .synopsis = "ID... | FILTERS | --all",
     .summary = "start dead jobs again",
     .text = "By ids, by filters (all must match), or all of them. On a terminal it says how many "
             "and asks.",
     .example = "jobhost dlq retry --type amazon.analyze --class resource",
     .options = dlq_walk_options,
     .args_max = CLI_ARGS_MAX,
     .takes = CLI_JOB_DEAD,
     .run = cmd_dlq_retry},
    {.name = "dlq rm",
     .synopsis = "ID... | FILTERS | --all",
     .summary = "delete dead jobs",
     .options = dlq_walk_options,
     .args_max = CLI_ARGS_MAX,
     .takes = CLI_JOB_DEAD,
     .run = cmd_dlq_rm},
    {.name = "queues",
     .synopsis = "[QUEUE]",
     .summary = "list queues with what waits in them, or show one",
     .options = none,
     .args_max = 1,
     .takes = CLI_QUEUE,
     .run = cmd_queues},
    {.name = "pause",
     .synopsis = "QUEUE | --plugin NAME | --host  --why TEXT",
     .summary = "stop starting jobs of a queue, a plugin or a host",
     .text = "Running jobs go on. Of a queue it is durable and for all hosts: it holds until the "
             "queue is resumed, restarts included. Of a plugin, and of the host as a whole, it is "
             "this host's own and ends with its process.",
     .example = "jobhost pause --plugin crawl --why \"the site is down\"",
     .options = pause_options,
     .args_max = 1,
     .takes = CLI_QUEUE,
     .run = cmd_pause},
    {.name = "resume",
     .synopsis = "QUEUE | --plugin NAME | --host  [--rate N/s] [--why TEXT]",
     .summary = "start jobs of what was paused again",
     .text = "With --rate slowly: what waits now is let go at that pace; when it is gone, or at a "
             "resume without --rate, jobs start as fast as they can. The pace is this host's own: "
             "of a queue that several hosts serve, the others start at once.",
     .example = "jobhost resume --host --rate 50/s",
     .options = resume_options,
     .args_max = 1,
     .takes = CLI_QUEUE,
     .run = cmd_resume},
    {.name = "keys ls",
     .synopsis = "[--queue QUEUE]",
     .summary = "list deduplication keys and the jobs that hold them",
     .options = keys_options,
     .run = cmd_keys_ls},
    {.name = "keys release",
     .synopsis = "QUEUE KEY",
     .summary = "let a deduplication key go",
     .text = "The job that holds it goes on; the next one with this key is no duplicate any more.",
     .options = none,
     .args_min = 2,
     .args_max = 2,
     .takes = CLI_QUEUE,
     .run = cmd_keys_release},
    {.name = "schedules",
     .synopsis = "[NAME]",
     .summary = "list schedules and when they come next, or show one",
     .text = "`drifting` says that this host fires nothing of a schedule, because its file says "
             "something else than what is stored; WHY tells more. What became of each time: "
             "`jobhost schedules ledger NAME`.",
     .options = page_options,
     .args_max = 1,
     .takes = CLI_SCHEDULE,
     .run = cmd_schedules},
    {.name = "schedules ledger",
     .synopsis = "NAME [--verdict VERDICT] [-n N]",
     .summary = "list what became of a schedule's times, newest first",
     .options = ledger_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_SCHEDULE,
     .run = cmd_schedules_ledger},
    {.name = "schedules run",
     .synopsis = "NAME",
     .summary = "start a schedule's job now",
     .text = "Whatever runs, and of a paused schedule too. It is none of its times. Prints the "
             "job's id.",
     .options = schedule_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_SCHEDULE,
     .run = cmd_schedules_run},
    {.name = "schedules pause",
     .synopsis = "NAME --why TEXT",
     .summary = "let a schedule's times pass",
     .text = "Durable, and for all hosts.",
     .options = schedule_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_SCHEDULE,
     .run = cmd_schedules_pause},
    {.name = "schedules resume",
     .synopsis = "NAME",
     .summary = "go on with a schedule's next time",
     .options = schedule_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_SCHEDULE,
     .run = cmd_schedules_resume},
    {.name = "schedules backfill",
     .synopsis = "NAME --from TIME --to TIME",
     .summary = "make up for a schedule's times that have no job",
     .text = "Each time once, however often it is asked for.",
     .example = "jobhost schedules backfill NAME --from 2026-11-21T00:00:00Z --to "
                "2026-11-22T00:00:00Z",
     .options = backfill_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_SCHEDULE,
     .run = cmd_schedules_backfill},
    {.name = "schedules put",
     .synopsis = "NAME JSON|@FILE|-",
     .summary = "store a schedule that is in no file",
     .text = "With the keys of `schedules:` in the configuration.",
     .example = "jobhost schedules put nightly '{\"cron\": \"@daily\", \"job\": "
                "\"hello.say\"}'",
     .options = none,
     .args_min = 2,
     .args_max = 2,
     .takes = CLI_SCHEDULE,
     .run = cmd_schedules_put},
    {.name = "schedules rm",
     .synopsis = "NAME",
     .summary = "remove a schedule that is in no file",
     .options = schedule_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_SCHEDULE,
     .run = cmd_schedules_rm},
    {.name = "schedules preview",
     .synopsis = "[NAME | --cron EXPRESSION] [--from TIME] [--until TIME] [-n N]",
     .summary = "print when schedules come next",
     .text = "Computed from the file, or from an expression alone; no host is asked. Local times "
             "stand with their offset. Where clocks change, the note says what becomes of a time: "
             "moved or skipped in a gap, the first or second pass of an overlap.",
     .example = "jobhost schedules preview --cron \"30 2 * * *\" --timezone Europe/Berlin --from "
                "2026-03-28T00:00:00Z",
     .options = preview_options,
     .args_max = 1,
     .run = cmd_schedules_preview,
     .local = true},
    {.name = "plugins",
     .synopsis = "",
     .summary = "list plugins, their builds and workers",
     .options = none,
     .run = cmd_plugins},
    {.name = "generations",
     .synopsis = "[PLUGIN]",
     .summary = "list the builds of plugins that have workers",
     .options = none,
     .args_max = 1,
     .takes = CLI_PLUGIN,
     .run = cmd_generations},
    {.name = "reload",
     .synopsis = "[--wait] [--all] [--force]",
     .summary = "bring a changed configuration and new plugin files into force",
     .text =
         "As SIGHUP does. Jobs go on: what runs ends on the code that it began with, or is asked "
         "to "
         "save a step when `drain_soft` is over. What does not load, or does not start, changes "
         "nothing: with --wait the command says so and ends with status 1.",
     .options = reload_options,
     .run = cmd_reload},
    {.name = "upgrade",
     .synopsis = "[--wait] [FILE]",
     .summary = "put another binary in the host's place while jobs go on",
     .text = "FILE (default: where the host's own binary lies) tests itself first: what is no "
             "jobhost, or does not "
             "take the configuration, changes nothing. Then it replaces the running one in the "
             "same process. Workers and their jobs "
             "go on, no connection is refused. Asked by the admin socket only.",
     .options = upgrade_options,
     .args_max = 1,
     .takes = CLI_FILE,
     .run = cmd_upgrade},
    {.name = "describe",
     .synopsis = "PLUGIN",
     .summary = "document a plugin's handlers and options",
     .options = none,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_PLUGIN,
     .run = cmd_describe},
    {.name = "plugin new",
     .synopsis = "NAME [--dir DIR]",
     .summary = "make a plugin from the template",
     .example = "jobhost plugin new thumbnails",
     .options = plugin_new_options,
     .args_min = 1,
     .args_max = 1,
     .run = cmd_plugin_new,
     .local = true},
    {.name = "plugin check",
     .synopsis = "FILE",
     .summary = "load a plugin file and report what it is, and what it would do to jobs",
     .text =
         "In a process of its own. If a host is running (that of the configuration, or one that is "
         "named), its jobs with steps are looked at: which versions of steps there are, how "
         "many jobs have them, and what would become of those under this file by `state_policy`; "
         "and the jobs whose handler it no longer has. Status 1 also when some of them would "
         "park, die or wait in vain.",
     .example = "jobhost plugin check build/plugins/crawl.so",
     .options = plugin_check_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_FILE,
     .run = cmd_plugin_check},
    {.name = "hosts",
     .synopsis = "",
     .summary = "list the hosts of this store",
     .options = none,
     .run = cmd_hosts},
    {.name = "limits",
     .synopsis = "",
     .summary = "list what limiters have left",
     .text =
         "HELD are calls under way, SETTLED such whose window is not over, OTHERS what the other "
         "side counts and no host here has made; WAITING is of the host that is asked.",
     .options = none,
     .run = cmd_limits},
    {.name = "limits reset",
     .synopsis = "NAME",
     .summary = "forget what the other side said of a limiter, and let go on what waits for it",
     .text = "A limiter is called LIMIT or LIMIT:KEY. Until when it is closed, a rate that was "
             "learnt and calls of others are forgotten; what hosts here have taken still counts.",
     .options = reset_options,
     .args_min = 1,
     .args_max = 1,
     .run = cmd_limits_reset},
    {.name = "breakers",
     .synopsis = "",
     .summary = "list who is left alone for a while after failures",
     .text =
         "A breaker is called CLASS:PLUGIN:SCOPE. While it is open nothing of its scope starts, "
         "and "
         "no attempt is used; after UNTIL it is half open, and one job tries it (PROBE): if that "
         "succeeds it is closed, else it opens again, for longer. FAILURES are those in a row. "
         "Closed ones are not listed.",
     .options = page_options,
     .run = cmd_breakers},
    {.name = "breakers reset",
     .synopsis = "NAME",
     .summary = "close a breaker, and let go on what waits for it",
     .text = "On all hosts; it is as if there had been no failures. That of one which is closed "
             "already changes nothing, and is no error.",
     .options = reset_options,
     .args_min = 1,
     .args_max = 1,
     .run = cmd_breakers_reset},
    {.name = "hooks",
     .synopsis = "",
     .summary = "list webhooks, and what they were sent since the host started",
     .text = "ON says why one is off. REFUSED are those that became no job: `jobhost hooks inbox "
             "--refused` says why.",
     .options = none,
     .run = cmd_hooks},
    {.name = "hooks inbox",
     .synopsis = "[NAME] [--refused] [-n N]",
     .summary = "list the last deliveries of webhooks, newest first",
     .text = "CHECK and DETAIL say why one was refused. What a hook keeps: hooks.NAME.inbox in the "
             "configuration.",
     .options = inbox_options,
     .args_max = 1,
     .run = cmd_hooks_inbox},
    {.name = "hooks show",
     .synopsis = "ID",
     .summary = "show a delivery as it came",
     .text = "Signatures, tokens and cookies are not kept; *** stands in their place.",
     .options = none,
     .args_min = 1,
     .args_max = 1,
     .run = cmd_hooks_show},
    {.name = "hooks replay",
     .synopsis = "ID",
     .summary = "make a job of a delivery once more, whoever sent it",
     .text =
         "By what the configuration says now. It is a new job, whatever became of the first, and "
         "of a delivery that was refused, too: look at it before. Prints the job's id.",
     .options = reset_options,
     .args_min = 1,
     .args_max = 1,
     .run = cmd_hooks_replay},
    {.name = "audit",
     .synopsis = "",
     .summary = "list who did what, newest first",
     .text = "Actions of operators and administrators, and attempts that a token did not allow "
             "(OUTCOME: forbidden; sixty of these a minute are written down).",
     .options = audit_options,
     .run = cmd_audit},
    {.name = "tokens new",
     .synopsis = "NAME --scope SCOPE [--user USER] [--queue QUEUE ...] [--expires DURATION]",
     .summary = "make a token for the HTTP API, and print it once",
     .text =
         "A viewer reads; a submitter submits, and reads jobs whose ids he was given; an operator "
         "does both, and acts on jobs, queues and schedules; an admin does everything. A token "
         "that is bound to a tenant or to queues does so with their jobs alone, as if there were "
         "no others. The host keeps a hash of it.",
     .example = "jobhost tokens new ci --scope submit --queue builds --expires 90d",
     .options = token_options,
     .args_min = 1,
     .args_max = 1,
     .run = cmd_tokens_new},
    {.name = "tokens ls",
     .synopsis = "",
     .summary = "list the tokens, the oldest first",
     .options = none,
     .run = cmd_tokens_ls},
    {.name = "tokens revoke",
     .synopsis = "ID ... [--why TEXT]",
     .summary = "end tokens, on all hosts",
     .options = revoke_options,
     .args_min = 1,
     .args_max = CLI_ARGS_MAX,
     .takes = CLI_TOKEN,
     .run = cmd_tokens_revoke},
    {.name = "fsck",
     .synopsis = "[-c FILE] [--repair]",
     .summary = "prove that every job is in exactly one place",
     .text = "Asks the running host, or, when none is running, opens the store itself. Fails when "
             "something is wrong and has not been repaired.",
     .options = fsck_options,
     .run = cmd_fsck},
    {.name = "sim",
     .synopsis = "SCENARIO [--seed N] [--from TIME] [--for DURATION] [--trace FILE]",
     .summary = "simulate schedules, jobs and trouble in virtual time",
     .text = "A scenario (YAML, docs/sim.md) names a configuration, jobs that come, what handlers "
             "do, and what goes wrong when. The host's own decisions are at work on a store in "
             "memory, at the speed of the processor: a year of schedules takes seconds. Prints a "
             "timeline and what came of it; fails when something that the scenario expects does "
             "not hold. With --json every event is a line, and the summary the last one.",
     .example = "jobhost sim docs/scenarios/year.yaml --seed 7",
     .options = sim_options,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_FILE,
     .run = cmd_sim,
     .local = true},
    {.name = "sign",
     .synopsis = "SCHEME | --hook NAME [SCHEME]  [OPTIONS]",
     .summary = "sign a webhook's delivery, for tests and curl",
     .text = "Prints the headers that a sender would put on it. SCHEME is qstash, "
             "standard_webhooks, svix, github, stripe, slack, shopify, gitlab, twilio, bearer or "
             "hmac. No host is asked. Of gitlab and bearer the token itself is the header, so it "
             "is printed, too.",
     .example = "jobhost sign --hook orders --payload @order.json --curl\n"
                "jobhost sign github --secret-file secret --payload '{\"zen\": \"...\"}'\n"
                "jobhost sign hmac --secret-file secret --param header=X-Signature "
                "--param prefix=sha256= -p @body",
     .options = sign_options,
     .args_max = 1,
     .run = cmd_sign,
     .local = true},
    {.name = "config schema",
     .synopsis = "",
     .summary = "print the JSON Schema of the configuration",
     .options = none,
     .run = cmd_config_schema,
     .local = true},
    {.name = "config dump",
     .synopsis = "[-c FILE]",
     .summary = "print the effective configuration and where it comes from",
     .options = config_options,
     .run = cmd_config_dump,
     .local = true},
    {.name = "config docs",
     .synopsis = "",
     .summary = "print the reference of all configuration keys",
     .options = none,
     .run = cmd_config_docs,
     .words = true,
     .local = true},
    {.name = "version",
     .synopsis = "[--fault-points]",
     .summary = "print the version",
     .options = version_options,
     .run = cmd_version,
     .local = true},
    {.name = "completion",
     .synopsis = "bash|zsh|fish",
     .summary = "print shell completion",
     .text = "Completes commands, options and their values; job ids, queues, types and plugins are "
             "asked of the host, which has half a second to answer.",
     .example = "eval \"$(jobhost completion bash)\"       # in ~/.bashrc\n"
                "eval \"$(jobhost completion zsh)\"        # in ~/.zshrc, after compinit\n"
                "jobhost completion fish | source         # in ~/.config/fish/config.fish",
     .options = none,
     .args_min = 1,
     .args_max = 1,
     .takes = CLI_SHELL,
     .run = cmd_completion,
     .words = true,
     .local = true},
    {.name = "help",
     .synopsis = "[COMMAND] [--man]",
     .summary = "explain a command",
     .options = help_options,
     .args_max = 2,
     .takes = CLI_COMMAND,
     .run = cmd_help,
     .words = true,
     .local = true},
};
const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];
