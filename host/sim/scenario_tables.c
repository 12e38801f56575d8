/* The keys of a scenario. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "config/config_forms.h"
#include "core/waits.h"
#include "sim/scenario.h"

#define AT(type, member)           .offset = offsetof(struct type, member)
#define MANY(type, member, number) AT(type, member), .count_offset = offsetof(struct type, number)
#define FIELDS(rows)               .fields = (rows), .count = sizeof(rows) / sizeof((rows)[0])
#define WORDS(...)                 ((const char *const[]){__VA_ARGS__, NULL})

#define SECOND 1000LL
#define DAY    (24 * 3600 * SECOND)
#define YEAR   (365 * DAY)

static int check_span(const char *text, struct err *e) {
    struct scenario_span ignored;
    return scenario_span_parse(text, &ignored, e);
}
static const struct config_form form_span = {"a duration, or two such as 200ms..3s",
                                             "^[0-9a-z]+(\\.\\.[0-9a-z]+)?$", check_span};

static int check_jump(const char *text, struct err *e) {
    int64_t ignored;
    return scenario_jump_parse(text, &ignored, e);
}
static const struct config_form form_jump = {"a step of the clock such as +3h or -10m",
                                             "^[+-][0-9a-z]+$", check_jump};

// ---- handlers

#define FAILS(word, cls, what)                                                                     \
    {                                                                                              \
        (word), CONFIG_NUMBER, AT(scenario_handler, fails[(cls)]), .fallback = "0", .max = 1,      \
                                                                   .doc = (what)                   \
    }

static const struct config_field fails_rows[] = {
    FAILS("input", JH_E_INPUT, "Its payload is wrong: dead at once."),
    FAILS("auth", JH_E_AUTH, "Credentials were rejected."),
    FAILS("network", JH_E_NETWORK, "Nobody was reached."),
    FAILS("rate", JH_E_RATE, "Too many calls: it comes again after `retry_after`."),
    FAILS("upstream", JH_E_UPSTREAM, "The other side answered nonsense."),
    FAILS("timeout", JH_E_TIMEOUT, "The other side was too slow."),
    FAILS("resource", JH_E_RESOURCE, "Disk, memory or descriptors of this host ran out."),
    FAILS("bug", JH_E_BUG, "It said that it is broken."),
    FAILS("permanent", JH_E_PERMANENT, "What it wanted is gone: dead at once."),
    FAILS("unknown", JH_E_UNKNOWN, "It cannot tell."),
};
static const struct config_table fails_table = {.what = "failures", FIELDS(fails_rows)};

static const struct config_field calls_rows[] = {
    {"count", CONFIG_INT, 0, AT(scenario_handler, calls), .fallback = "0",
     .max = SCENARIO_CALLS_MAX, .doc = "So many, one after the other, after its own work."},
    {"remote", CONFIG_STRING, 0, AT(scenario_handler, remote), .form = &form_name,
     .doc = "Whom it calls: one of `remotes`. Without one every call is answered."},
    {"limit", CONFIG_STRING, 0, AT(scenario_handler, limit), .max = 256,
     .doc = "The limit of the configuration that it asks before each call, with a key if there is "
            "one for each: `site:{user}`."},
    {"wait", CONFIG_DURATION, 0, AT(scenario_handler, call_wait_ms), .fallback = "0s", .max = DAY,
     .doc = "How long it waits in its thread for leave; if that takes longer, it yields."},
    {"takes", CONFIG_STRING, 0, AT(scenario_handler, call_takes_text), .fallback = "100ms",
     .form = &form_span, .doc = "How long an answer takes."},
};
static const struct config_table calls_table = {.what = "calls", FIELDS(calls_rows)};

static const struct config_field children_rows[] = {
    {"job", CONFIG_STRING, 0, AT(scenario_handler, child), .form = &form_job_type,
     .doc = "Their type."},
    {"count", CONFIG_INT, 0, AT(scenario_handler, children), .fallback = "1",
     .max = SCENARIO_CHILDREN_MAX, .doc = "So many with each success."},
    {"wait", CONFIG_BOOL, 0, AT(scenario_handler, waits), .fallback = "false",
     .doc = "It waits until all of them have ended, and ends then; else it ends as it makes them."},
    {"then", CONFIG_STRING, 0, AT(scenario_handler, then), .form = &form_job_type,
     .doc = "The type of a job that starts when its flow closes."},
    {"on_dead", CONFIG_WORD, 0, AT(scenario_handler, on_dead), .fallback = "continue",
     .words = WORDS("continue", "fail"),
     .doc = "One that dies is counted, or the others are cancelled and `then` does not run."},
};
static const struct config_table children_table = {.what = "children", FIELDS(children_rows)};

static const struct config_field waits_rows[] = {
    {"event", CONFIG_STRING, 0, AT(scenario_handler, event), .min = 1, .max = WAITS_EVENT_NAME_MAX,
     .doc =
         "Its name; `{user}` stands for the job's. One that came since the job was made will do."},
    {"for", CONFIG_DURATION, 0, AT(scenario_handler, event_for_ms),
     .default_words = "to its deadline", .fallback = "0s", .max = YEAR,
     .doc = "How long; then it goes on without."},
};
static const struct config_table waits_table = {.what = "a wait", FIELDS(waits_rows)};

static const struct config_field handler_rows[] = {
    {"plugin", CONFIG_PATH, 0, AT(scenario_handler, plugin), .default_words = "none",
     .doc = "A plugin's file, whose handler of this type runs, on the virtual clock; what it takes "
            "is added to what it sleeps. Without one it is as the other keys say."},
    {"takes", CONFIG_STRING, 0, AT(scenario_handler, takes_text), .fallback = "1s",
     .form = &form_span, .doc = "How long its own work takes, drawn evenly."},
    {"fails", CONFIG_SECTION, .table = &fails_table,
     .doc = "How likely an attempt ends with an error of a class, at the end of its work."},
    {"retry_after", CONFIG_DURATION, 0, AT(scenario_handler, retry_after_ms), .fallback = "0s",
     .max = 30 * DAY, .doc = "What a failure of it says."},
    {"crash", CONFIG_NUMBER, 0, AT(scenario_handler, crash), .fallback = "0", .max = 1,
     .doc = "How likely an attempt takes its process with it."},
    {"scope", CONFIG_WORD, 0, AT(scenario_handler, scope), .fallback = "type",
     .words = WORDS("type", "user"),
     .doc = "Whom its failures are about: breakers open for all of the type, or for `user:NAME`."},
    {"asks", CONFIG_STRING, 0, AT(scenario_handler, asks), .min = 1, .max = WAITS_QUESTION_MAX,
     .doc = "What it asks an operator after its own work; it goes on with the answer."},
    {"waits", CONFIG_SECTION, .table = &waits_table, .doc = "For an event, after its own work."},
    {"calls", CONFIG_SECTION, .table = &calls_table, .doc = "Calls that it makes."},
    {"children", CONFIG_SECTION, .table = &children_table, .doc = "Jobs that it leaves behind."},
};
static const struct config_table handler_table = {.what = "a handler",
                                                  FIELDS(handler_rows),
                                                  .size = sizeof(struct scenario_handler),
                                                  .entry = true};

// ---- remotes

static const struct config_field answer_rows[] = {
    {"path", CONFIG_STRING, FIELD_REQUIRED, AT(scenario_answer, path), .form = &form_path,
     .doc = "What stands behind `url` without its query; one that ends with `*` is a beginning. "
            "The first that fits counts."},
    {"status", CONFIG_INT, 0, AT(scenario_answer, status), .fallback = "200", .min = 200,
     .max = 599, .doc = "Of its answer."},
    {"body", CONFIG_JSON, 0, AT(scenario_answer, body), .fallback = "{}", .doc = "What it says."},
};
static const struct config_table answer_table = {.what = "an answer",
                                                 FIELDS(answer_rows),
                                                 .size = sizeof(struct scenario_answer),
                                                 .entry = true};

static const struct config_field remote_rows[] = {
    {"url", CONFIG_STRING, 0, AT(scenario_remote, url), .form = &form_http_url,
     .doc = "Calls by `jobhost.http/1` to URLs that begin so are its."},
    {"takes", CONFIG_STRING, 0, AT(scenario_remote, takes_text), .fallback = "100ms",
     .form = &form_span, .doc = "How long an answer to such a call takes, drawn evenly."},
    {"answers", CONFIG_LIST, FIELD_ONE, MANY(scenario_remote, answers, answer_count),
     .max = SCENARIO_ANSWERS_MAX, .table = &answer_table,
     .doc = "What it says to them; where none fits, 200 and `{}`."},
    {"per", CONFIG_DURATION, 0, AT(scenario_remote, per_ms), .default_words = "1s", .min = 1,
     .max = YEAR, .doc = "The length of its window."},
    {"rate", CONFIG_RATE, 0, AT(scenario_remote, rate), .fallback = "0", .max = SCENARIO_RATE_MAX,
     .doc = "Calls that it answers in any `per`, moving; more get 429. 0 = any number."},
    {"retry_after", CONFIG_DURATION, 0, AT(scenario_remote, retry_after_ms), .fallback = "0s",
     .max = DAY, .doc = "What its 429 says; 0 = nothing."},
    {"headers", CONFIG_STRINGS, FIELD_ONE, MANY(scenario_remote, headers, header_count), .max = 16,
     .form = &form_header,
     .doc = "Headers of its answers, with what their names mean: X-RateLimit-Limit, -Remaining, "
            "-Reset, -Used. A limit that has them in `learn` goes by them."},
    {"others", CONFIG_DURATION, 0, AT(scenario_remote, others_ms), .fallback = "0s", .max = YEAR,
     .doc = "The time between calls of others whom it counts with ours; 0 = there are none."},
};
static const struct config_table remote_table = {
    .what = "a remote", FIELDS(remote_rows), .size = sizeof(struct scenario_remote), .entry = true};

// ---- arrivals

static const struct config_field arrival_rows[] = {
    {"job", CONFIG_STRING, FIELD_REQUIRED, AT(scenario_arrival, job), .form = &form_job_type,
     .doc = "The type of the jobs."},
    {"every", CONFIG_DURATION, FIELD_REQUIRED, AT(scenario_arrival, every_ms), .min = 1,
     .max = YEAR, .doc = "The time from one to the next, on average."},
    {"steady", CONFIG_BOOL, 0, AT(scenario_arrival, steady), .fallback = "false",
     .doc = "Exactly then; else at random."},
    {"count", CONFIG_INT, 0, AT(scenario_arrival, count), .fallback = "1", .min = 1, .max = 1000,
     .doc = "Jobs at a time."},
    {"from", CONFIG_DURATION, 0, AT(scenario_arrival, from_ms), .fallback = "0s", .max = 10 * YEAR,
     .doc = "Since the beginning; none comes before."},
    {"until", CONFIG_DURATION, 0, AT(scenario_arrival, until_ms), .default_words = "the end",
     .fallback = "0s", .max = 10 * YEAR, .doc = "Since the beginning; none comes after."},
    {"users", CONFIG_INT, 0, AT(scenario_arrival, users), .fallback = "0",
     .max = SCENARIO_USERS_MAX, .doc = "Whose jobs they are: `user1` and so on. 0 = nobody's."},
    {"user", CONFIG_STRING, 0, AT(scenario_arrival, user), .min = 1, .max = JOB_TENANT_MAX,
     .doc = "The one whose jobs they all are."},
    {"queue", CONFIG_STRING, 0, AT(scenario_arrival, queue), .default_words = "the job type's",
     .form = &form_queue, .doc = "Where they wait."},
    {"key", CONFIG_STRING, 0, AT(scenario_arrival, key), .min = 1, .max = 256,
     .doc = "Their dedup key; `{user}` and `{n}` (1, 2, ...) stand for themselves."},
    {"payload", CONFIG_JSON, 0, AT(scenario_arrival, payload), .fallback = "{}",
     .doc = "Their payload."},
};
static const struct config_table arrival_table = {.what = "arrivals",
                                                  FIELDS(arrival_rows),
                                                  .size = sizeof(struct scenario_arrival),
                                                  .entry = true};

// ---- faults

static const struct config_field fault_rows[] = {
    {"at", CONFIG_DURATION, FIELD_REQUIRED, AT(scenario_fault, at_ms), .max = 10 * YEAR,
     .doc = "Since the beginning."},
    {"for", CONFIG_DURATION, 0, AT(scenario_fault, for_ms), .default_words = "to the end",
     .fallback = "0s", .max = 10 * YEAR, .doc = "How long it lasts; not of `clock`."},
    {"crash", CONFIG_STRING, 0, AT(scenario_fault, crash), .form = &form_job_type,
     .doc = "Attempts of this job type, or of this plugin, take their process with them."},
    {"probability", CONFIG_NUMBER, 0, AT(scenario_fault, probability), .fallback = "1", .max = 1,
     .doc = "Of `crash`, for each attempt."},
    {"storm", CONFIG_STRING, 0, AT(scenario_fault, storm), .form = &form_name,
     .doc = "This remote answers every call with 429."},
    {"retry_after", CONFIG_DURATION, 0, AT(scenario_fault, retry_after_ms), .fallback = "0s",
     .max = DAY, .doc = "What the 429 of a `storm` say; 0 = nothing."},
    {"down", CONFIG_STRING, 0, AT(scenario_fault, down), .form = &form_name,
     .doc = "This remote is not to be reached."},
    {"clock", CONFIG_STRING, 0, AT(scenario_fault, clock_text), .form = &form_jump,
     .doc = "The wall clock is set: `+3h`, `-10m`."},
    {"host", CONFIG_INT, 0, AT(scenario_fault, host), .fallback = "0", .max = SCENARIO_HOSTS_MAX,
     .doc = "This host (1, 2, ...) dies, and starts again after `for`."},
    {"store", CONFIG_BOOL, 0, AT(scenario_fault, store), .fallback = "false",
     .doc = "The store is away: jobs are refused, nothing starts, and ends wait to be written."},
};
static const struct config_table fault_table = {
    .what = "a fault", FIELDS(fault_rows), .size = sizeof(struct scenario_fault), .entry = true};

// ---- acts

static const struct config_field act_rows[] = {
    {"at", CONFIG_DURATION, FIELD_REQUIRED, AT(scenario_act, at_ms), .max = 10 * YEAR,
     .doc = "Since the beginning."},
    {"for", CONFIG_DURATION, 0, AT(scenario_act, for_ms), .default_words = "to the end",
     .fallback = "0s", .max = 10 * YEAR, .doc = "How long a pause lasts."},
    {"every", CONFIG_DURATION, 0, AT(scenario_act, every_ms), .default_words = "once",
     .fallback = "0s", .max = YEAR, .doc = "Again after each such time; not of pauses."},
    {"publish", CONFIG_STRING, 0, AT(scenario_act, publish), .min = 1, .max = WAITS_EVENT_NAME_MAX,
     .doc = "An event of this name; the jobs that wait for it go on."},
    {"payload", CONFIG_JSON, 0, AT(scenario_act, payload), .fallback = "{}",
     .doc = "What it says."},
    {"user", CONFIG_STRING, 0, AT(scenario_act, user), .min = 1, .max = JOB_TENANT_MAX,
     .doc = "Whose jobs it is for; without one for all."},
    {"resolve", CONFIG_STRING, 0, AT(scenario_act, resolve), .form = &form_job_type,
     .doc = "All jobs of this type that ask an operator have their answer."},
    {"answer", CONFIG_STRING, 0, AT(scenario_act, answer), .fallback = "yes", .min = 1, .max = 256,
     .doc = "This one."},
    {"cancel", CONFIG_STRING, 0, AT(scenario_act, cancel), .form = &form_job_type,
     .doc = "All jobs of this type that have not ended are cancelled, and what they opened."},
    {"pause_queue", CONFIG_STRING, 0, AT(scenario_act, pause_queue), .form = &form_queue,
     .doc = "Nothing of this queue starts."},
    {"pause_schedule", CONFIG_STRING, 0, AT(scenario_act, pause_schedule), .form = &form_name,
     .doc = "This schedule of the configuration is paused."},
};
static const struct config_table act_table = {
    .what = "an act", FIELDS(act_rows), .size = sizeof(struct scenario_act), .entry = true};

// ---- expect

#define COUNT(word, place, what)                                                                   \
    {                                                                                              \
        (word), CONFIG_INT, .offset = (place), .fallback = "-1", .default_words = "not looked at", \
                            .min = -1, .max = INT64_C(1) << 53, .doc = (what)                      \
    }
#define TIME(word, place, what)                                                                    \
    {                                                                                              \
        (word), CONFIG_DURATION, .offset = (place), .fallback = "0s",                              \
                                 .default_words = "not looked at", .max = YEAR, .doc = (what)      \
    }
#define JOBS(place)                                                                                \
    COUNT("dead", (place) + offsetof(struct scenario_expect_jobs, dead),                           \
          "At most so many jobs are dead."),                                                       \
        COUNT("succeeded", (place) + offsetof(struct scenario_expect_jobs, succeeded),             \
              "At least so many succeed."),                                                        \
        TIME("wait_p99", (place) + offsetof(struct scenario_expect_jobs, wait_p99_ms),             \
             "99 of 100 attempts start no later than this after they could have."),                \
        TIME("wait_max", (place) + offsetof(struct scenario_expect_jobs, wait_max_ms),             \
             "All of them.")

static const struct config_field expect_jobs_rows[] = {JOBS(0)};
static const struct config_table expect_jobs_table = {.what = "expectations of some jobs",
                                                      FIELDS(expect_jobs_rows),
                                                      .size = sizeof(struct scenario_expect_jobs),
                                                      .entry = true};

static const struct config_field expect_remote_rows[] = {
    {"never_more_than", CONFIG_INT, 0, AT(scenario_expect_remote, most), .fallback = "0",
     .default_words = "not looked at", .max = SCENARIO_RATE_MAX,
     .doc = "So many calls come to it in any `per`, answered or not."},
    {"per", CONFIG_DURATION, 0, AT(scenario_expect_remote, per_ms), .fallback = "0s",
     .default_words = "the remote's `per`", .max = YEAR, .doc = "The length of that window."},
    {"used_at_least", CONFIG_NUMBER, 0, AT(scenario_expect_remote, used), .fallback = "0",
     .default_words = "not looked at", .max = 1,
     .doc = "This share of what its `rate` allows in all the time is used by calls that it "
            "answers."},
};
static const struct config_table expect_remote_table = {.what = "expectations of a remote",
                                                        FIELDS(expect_remote_rows),
                                                        .size =
                                                            sizeof(struct scenario_expect_remote),
                                                        .entry = true};

#define EXPECT(member) offsetof(struct scenario, expect.member)
static const struct config_field expect_rows[] = {
    JOBS(EXPECT(all)),
    COUNT("over_rate", EXPECT(over_rate),
          "At most so many calls come to a remote when its window is full: 0 = the limits keep."),
    TIME("late_p99", EXPECT(late_p99_ms),
         "99 of 100 jobs of schedules are made no later than this after their time."),
    TIME("late_max", EXPECT(late_max_ms), "All of them."),
    {"each_time_once", CONFIG_BOOL, 0, AT(scenario, expect.each_time_once), .fallback = "false",
     .doc = "Every time of every schedule stands in its ledger, once, and has one job or a reason "
            "for none."},
    {"each_flow_once", CONFIG_BOOL, 0, AT(scenario, expect.each_flow_once), .fallback = "false",
     .doc =
         "Every flow whose jobs have all ended is closed, with as many members as were made, and "
         "its `then` is there if there has to be one."},
    COUNT("flows_closed", EXPECT(flows_closed), "At least so many flows close."),
    {"remotes", CONFIG_NAMED, 0, MANY(scenario, expect.remotes, expect.remote_count),
     .max = SCENARIO_REMOTES_MAX, .form = &form_name, .table = &expect_remote_table,
     .doc = "Of one of `remotes`."},
    {"jobs", CONFIG_NAMED, 0, MANY(scenario, expect.types, expect.type_count),
     .max = SCENARIO_HANDLERS_MAX, .form = &form_job_type, .table = &expect_jobs_table,
     .doc = "Of the jobs of one type."},
    {"users", CONFIG_NAMED, 0, MANY(scenario, expect.users, expect.user_count), .max = 100,
     .form = &form_name, .table = &expect_jobs_table,
     .doc = "Of the jobs of one user, of the first hundred that come."},
};
static const struct config_table expect_table = {.what = "expectations", FIELDS(expect_rows)};

// ---- all of it

static const struct config_field scenario_rows[] = {
    {"config", CONFIG_PATH, 0, AT(scenario, config), .default_words = "all defaults",
     .doc = "The configuration whose schedules, queues, jobs, limits and breakers are at work."},
    {"from", CONFIG_STRING, 0, AT(scenario, from), .fallback = "2026-01-01T00:00:00Z",
     .form = &form_time, .doc = "When it begins."},
    {"for", CONFIG_DURATION, 0, AT(scenario, for_ms), .fallback = "1d", .min = 1, .max = 10 * YEAR,
     .doc = "How long it goes on."},
    {"seed", CONFIG_INT, 0, AT(scenario, seed), .fallback = "1", .max = INT64_C(1) << 53,
     .doc = "Of all that is left to chance: the same seed, the same trace."},
    {"events", CONFIG_INT, 0, AT(scenario, events), .fallback = "20000000", .min = 1,
     .max = SCENARIO_EVENTS_MAX,
     .doc = "After so many (jobs that come, attempts, what happens in them) it is given up."},
    {"hosts", CONFIG_INT, 0, AT(scenario, hosts), .fallback = "1", .min = 1,
     .max = SCENARIO_HOSTS_MAX, .doc = "Hosts on one store."},
    {"slots", CONFIG_INT, 0, AT(scenario, slots), .fallback = "4", .min = 1,
     .max = SCENARIO_SLOTS_MAX,
     .doc = "Jobs of a plugin at a time on each host, unless the configuration has the plugin: "
            "then workers times threads."},
    {"arrivals", CONFIG_LIST, FIELD_ONE, MANY(scenario, arrivals, arrival_count),
     .max = SCENARIO_ARRIVALS_MAX, .table = &arrival_table, .doc = "Jobs that come from outside."},
    {"handlers", CONFIG_NAMED, 0, MANY(scenario, handlers, handler_count),
     .max = SCENARIO_HANDLERS_MAX, .form = &form_job_type, .table = &handler_table,
     .doc = "What jobs do, by type. One that is not here takes a second and succeeds."},
    {"remotes", CONFIG_NAMED, 0, MANY(scenario, remotes, remote_count), .max = SCENARIO_REMOTES_MAX,
     .form = &form_name, .table = &remote_table, .doc = "Whom handlers call."},
    {"faults", CONFIG_LIST, FIELD_ONE, MANY(scenario, faults, fault_count),
     .max = SCENARIO_FAULTS_MAX, .table = &fault_table, .doc = "What goes wrong, and when."},
    {"acts", CONFIG_LIST, FIELD_ONE, MANY(scenario, acts, act_count), .max = SCENARIO_ACTS_MAX,
     .table = &act_table, .doc = "What people do, and when."},
    {"expect", CONFIG_SECTION, .table = &expect_table, .doc = "What must hold in the end."},
};
const struct config_table scenario_table = {.what = "a scenario", FIELDS(scenario_rows)};
