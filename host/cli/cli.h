/* The command line: one table of commands, each with a table of options from which parsing, help
 * and shell completion come.
 *
 *     jobhost COMMAND [ARGUMENTS] [OPTIONS]    in any order; "--" ends the options
 *
 * Standard output carries the answer and nothing else (JSON with --json); everything said on the
 * side goes to standard error. */
#ifndef JOBHOST_CLI_CLI_H
#define JOBHOST_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3,
};

/* What an argument is, for shell completion (complete.c says where the words come from). */
enum cli_kind {
    CLI_ANY, /* nobody can guess it */
    CLI_FILE,
    CLI_FOLDER,
    CLI_NAME_FILE, /* NAME=FILE        */
    CLI_AT_FILE,   /* @FILE, or a text */
    CLI_JOB,
    CLI_JOB_ACTIVE,
    CLI_JOB_SCHEDULED,
    CLI_JOB_STOPPED, /* dead or cancelled */
    CLI_JOB_DEAD,
    CLI_JOB_ASKING, /* parked for an operator */
    CLI_PARK,
    CLI_JOB_SUCCEEDED,
    CLI_JOB_OR_QUEUE,
    CLI_QUEUE,
    CLI_TYPE,
    CLI_PLUGIN,
    CLI_STATE,
    CLI_CLASS,
    CLI_PRIORITY,
    CLI_DEDUP,
    CLI_DST,
    CLI_DAYS,
    CLI_SCHEDULE,
    CLI_VERDICT,
    CLI_SCOPE,
    CLI_TOKEN,
    CLI_SHELL,
    CLI_COMMAND,
};

struct cli_option {
    const char *name; /* without its dashes; NULL ends a table              */
    char letter;      /* short form, or 0                                   */
    const char *arg;  /* what stands for its argument in help; NULL: a flag */
    const char *help;
    enum cli_kind kind;
};

enum { CLI_ARGS_MAX = 1024 };

struct cli_given {
    const struct cli_option *option;
    const char *value; /* NULL: a flag */
};

struct client;

struct cli {
    const char *self_exe;
    const struct cli_command *command;
    const char **args; /* positional ones */
    size_t arg_count;
    struct cli_given *given;
    size_t given_count;
    bool json;
    bool out_tty, err_tty; /* is that end a terminal?    */
    bool colour;           /* on standard output         */
    bool silent;           /* says nothing, not even what went wrong: for completion */
    struct client **host;  /* the connection to the host, made at its first use      */
};

struct cli_command {
    const char *name;     /* "dlq retry": one or two words                      */
    const char *synopsis; /* what follows the name: "TYPE [OPTIONS]"            */
    const char *summary;  /* one line                                           */
    const char *text;     /* paragraphs for the manual; may be NULL             */
    const char *example;  /* may be NULL                                        */
    const struct cli_option *options;
    size_t args_min, args_max;
    enum cli_kind takes;         /* its arguments                                      */
    int (*run)(struct cli *cli); /* enum cli_exit                                      */
    bool local;                  /* does not talk to a host                            */
    bool words;                  /* prints a text for people or a shell: no --json     */
};

/* The table of commands, in the order of the help. */
extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;
/* Options that every command has, and those of commands that talk to a host. */
extern const struct cli_option cli_common_options[];
extern const struct cli_option cli_host_options[];

/* The tables of a command's options, its own first. Returns how many. */
enum { CLI_TABLES = 3 };
size_t cli_option_tables(const struct cli_command *c, const struct cli_option *ret[CLI_TABLES]);
/* By name (`len` bytes) or by letter; NULL: it has none such. */
const struct cli_option *cli_find_option(const struct cli_command *c, const char *name, size_t len,
                                         char letter);

int cli_main(int argc, char **argv, const char *self_exe);

/* The value of an option (the last, if given several times), or NULL. */
const char *cli_value(const struct cli *cli, const char *name);
bool cli_flag(const struct cli *cli, const char *name);
/* The n-th value of a repeated option, or NULL. */
const char *cli_nth(const struct cli *cli, const char *name, size_t n);

/* "jobhost: MESSAGE" on standard error (as {"error":...} on standard output with --json); returns
 * `status`. */
int cli_fail(const struct cli *cli, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a pointer to the command's help; CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Finds a command by its words; *ret_words is how many of them make its name. NULL: *ret_meant may
 * name a near one. */
const struct cli_command *cli_find(const char *const *words, size_t count, size_t *ret_words,
                                   const char **ret_meant);

/* Commands, by file. */
int cmd_run(struct cli *cli);
int cmd_check(struct cli *cli);
int cmd_submit(struct cli *cli);
int cmd_jobs(struct cli *cli);
int cmd_job(struct cli *cli);
int cmd_children(struct cli *cli);
int cmd_result(struct cli *cli);
int cmd_watch(struct cli *cli);
int cmd_explain(struct cli *cli);
int cmd_cancel(struct cli *cli);
int cmd_retry(struct cli *cli);
int cmd_promote(struct cli *cli);
int cmd_resolve(struct cli *cli);
int cmd_publish(struct cli *cli);
int cmd_rm(struct cli *cli);
int cmd_log(struct cli *cli);
int cmd_keys_ls(struct cli *cli);
int cmd_keys_release(struct cli *cli);
int cmd_audit(struct cli *cli);
int cmd_generations(struct cli *cli);
int cmd_reload(struct cli *cli);
int cmd_upgrade(struct cli *cli);
int cmd_dlq_ls(struct cli *cli);
int cmd_dlq_show(struct cli *cli);
int cmd_dlq_retry(struct cli *cli);
int cmd_dlq_rm(struct cli *cli);
int cmd_queues(struct cli *cli);
int cmd_schedules(struct cli *cli);
int cmd_schedules_backfill(struct cli *cli);
int cmd_schedules_ledger(struct cli *cli);
int cmd_schedules_pause(struct cli *cli);
int cmd_schedules_preview(struct cli *cli);
int cmd_schedules_put(struct cli *cli);
int cmd_schedules_resume(struct cli *cli);
int cmd_schedules_rm(struct cli *cli);
int cmd_schedules_run(struct cli *cli);
int cmd_pause(struct cli *cli);
int cmd_resume(struct cli *cli);
int cmd_plugins(struct cli *cli);
int cmd_describe(struct cli *cli);
int cmd_plugin_new(struct cli *cli);
int cmd_plugin_check(struct cli *cli);
int cmd_hosts(struct cli *cli);
int cmd_limits(struct cli *cli);
int cmd_limits_reset(struct cli *cli);
int cmd_breakers(struct cli *cli);
int cmd_breakers_reset(struct cli *cli);
int cmd_hooks(struct cli *cli);
int cmd_hooks_inbox(struct cli *cli);
int cmd_hooks_show(struct cli *cli);
int cmd_hooks_replay(struct cli *cli);
int cmd_tokens_new(struct cli *cli);
int cmd_tokens_ls(struct cli *cli);
int cmd_tokens_revoke(struct cli *cli);
int cmd_fsck(struct cli *cli);
int cmd_sign(struct cli *cli);
int cmd_sim(struct cli *cli);
int cmd_config_schema(struct cli *cli);
int cmd_config_dump(struct cli *cli);
int cmd_config_docs(struct cli *cli);
int cmd_version(struct cli *cli);
int cmd_help(struct cli *cli);
int cmd_completion(struct cli *cli);

#endif
