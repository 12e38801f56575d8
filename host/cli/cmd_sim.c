/* sim: a scenario in virtual time, with the host's own decisions. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/rfc3339.h"
#include "cli/bar.h"
#include "cli/cli.h"
#include "cli/sim_page.h"
#include "config/config_report.h"
#include "sim/sim.h"

extern char **environ;

static volatile sig_atomic_t stopped; // by a signal

struct run {
    struct cli *cli;
    struct config_env *env;
    struct scenario scenario;
    struct config *config;
    FILE *trace; // NULL = none
    struct buf line;
    struct sim_page page;
    struct bar bar;
    int64_t drawn_us;
};

/* ------------------------------------------------------------------ while it runs */

static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

static void take_note(void *arg, const struct note *n) {
    struct run *r = arg;
    if (r->trace != NULL || r->cli->json) {
        buf_clear(&r->line);
        note_json(n, &r->line);
        buf_char(&r->line, '\n');
    }
    if (r->trace != NULL) {
        (void)fwrite(r->line.data, 1, r->line.len, r->trace);
    }
    if (r->cli->json) {
        (void)fwrite(r->line.data, 1, r->line.len, stdout);
    } else {
        bar_clear(&r->bar);
        sim_page_note(&r->page, n);
    }
}

static bool go_on(void *arg, int64_t passed_ms) {
    struct run *r = arg;
    int64_t now_us = env_stopwatch_us();
    char at[RFC3339_LEN + 1];
    if (r->bar.on && now_us - r->drawn_us > 100000) {
        r->drawn_us = now_us;
        rfc3339_format(r->scenario.from_ms + passed_ms, at);
        bar_draw(&r->bar, "simulates", 100 * (double)passed_ms / (double)r->scenario.for_ms, at);
    }
    return stopped == 0 && ferror(stdout) == 0 && !r->line.failed;
}

/* ------------------------------------------------------------------ what it is about */

static int say(struct run *r, const char *file, const struct config_report *report) {
    struct buf text = {0};
    config_report_print(report, r->cli->err_tty && r->cli->colour, &text);
    if (text.len > 0 && !r->cli->silent) {
        (void)fwrite(text.data, 1, text.len, stderr);
    }
    buf_free(&text);
    return report->errors == 0 ? CLI_OK : cli_fail(r->cli, CLI_USAGE, "%s has errors", file);
}

static int load_scenario(struct run *r) {
    struct config_report report;
    (void)scenario_load(r->cli->args[0], r->env, &r->scenario, &report);
    int status = say(r, r->cli->args[0], &report);
    config_report_finish(&report);
    return status;
}

static int load_config(struct run *r) {
    const char *file = r->scenario.config;
    char plugin_dir[PATH_MAX];
    struct config_report report;
    const struct config_load_options options = {
        .default_plugin_dir = config_installed_plugin_dir(r->cli->self_exe, plugin_dir)};
    r->config = file == NULL
                    ? config_load_text("defaults", bytes_of("{}"), r->env, &options, &report)
                    : config_load(file, r->env, &options, &report);
    int status = say(r, file == NULL ? "defaults" : file, &report);
    config_report_finish(&report);
    return status;
}

static int read_number(struct run *r, const char *option, int64_t *ret) {
    const char *text = cli_value(r->cli, option);
    char *end = NULL;
    if (text == NULL) {
        return CLI_OK;
    }
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || n < 0 || n > INT64_C(1) << 53) {
        return cli_usage(r->cli, "--%s: expected a number from 0 to 2^53", option);
    }
    *ret = n;
    return CLI_OK;
}

/* Options stand above the file. */
static int read_options(struct run *r) {
    const char *from = cli_value(r->cli, "from"), *span = cli_value(r->cli, "for");
    if (from != NULL && rfc3339_parse(from, &r->scenario.from_ms) != 0) {
        return cli_usage(r->cli, "--from: expected a time such as 2026-01-31T09:00:00Z");
    }
    if (span != NULL && (duration_parse(span, &r->scenario.for_ms) != 0 || r->scenario.for_ms < 1 ||
                         r->scenario.for_ms > JOB_SPAN_MAX_MS)) {
        return cli_usage(r->cli, "--for: expected a duration such as 30d, 3650d at most");
    }
    return read_number(r, "seed", &r->scenario.seed);
}

static int open_trace(struct run *r) {
    const char *file = cli_value(r->cli, "trace");
    r->trace = file == NULL ? NULL : fopen(file, "we");
    return file == NULL || r->trace != NULL
               ? CLI_OK
               : cli_fail(r->cli, CLI_FAILED, "%s: %s", file, strerror(errno));
}

static int close_trace(struct run *r, int status) {
    bool failed = r->trace != NULL && (ferror(r->trace) != 0);
    failed |= r->trace != NULL && fclose(r->trace) != 0;
    r->trace = NULL;
    return !failed || status != CLI_OK ? status
                                       : cli_fail(r->cli, CLI_FAILED, "%s: %s",
                                                  cli_value(r->cli, "trace"), strerror(errno));
}

/* ------------------------------------------------------------------ what came of it */

static void print_summary(struct run *r, const struct report *report, int64_t took_us) {
    if (r->cli->json) {
        buf_clear(&r->line);
        report_json(report, &r->line);
        (void)printf("%s\n", r->line.data);
        return;
    }
    char span[48];
    sim_page_summary(&r->page, report);
    duration_format(report->for_ms, span, sizeof span);
    (void)printf("%s, seed %" PRId64 ": %" PRIu64 " events in %.1f s\n", span, report->seed,
                 report->events, (double)took_us / 1e6);
}

static int judge(struct run *r, const struct report *report) {
    for (size_t i = 0; i < report->broken_count; i++) {
        (void)fprintf(stderr, "expected otherwise: %s\n", report->broken[i]);
    }
    return report->broken_all == 0
               ? CLI_OK
               : cli_fail(r->cli, CLI_FAILED, "%zu expectation%s of %s %s not hold",
                          report->broken_all, report->broken_all == 1 ? "" : "s", r->cli->args[0],
                          report->broken_all == 1 ? "does" : "do");
}

static int simulate(struct run *r) {
    struct report *report = NULL;
    struct err e = {.code = 0};
    const struct sim_options options = {
        .self_exe = r->cli->self_exe, .note = take_note, .go_on = go_on, .arg = r};
    int64_t began_us = env_stopwatch_us();
    r->page = (struct sim_page){.cli = r->cli, .rest_ms = r->scenario.for_ms / 100};
    r->bar.on = r->cli->err_tty && !r->cli->json;
    int status = sim_run(&r->scenario, r->config, &options, &report, &e);
    bar_clear(&r->bar);
    if (status != 0) {
        return cli_fail(r->cli, CLI_FAILED, "%s", e.msg);
    }
    print_summary(r, report, env_stopwatch_us() - began_us);
    status = judge(r, report);
    report_free(&report);
    return status;
}

/* The folder in memory has to go whatever ends it. */
static void heed_signals(void) {
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGHUP, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

int cmd_sim(struct cli *cli) {
    struct run r = {.cli = cli, .env = config_env_new(environ)};
    int status = r.env == NULL ? cli_fail(cli, CLI_FAILED, "out of memory") : load_scenario(&r);
    if (status == CLI_OK && (status = read_options(&r)) == CLI_OK &&
        (status = load_config(&r)) == CLI_OK && (status = open_trace(&r)) == CLI_OK) {
        heed_signals();
        status = simulate(&r);
    }
    status = close_trace(&r, status);
    buf_free(&r.line);
    config_free(&r.config);
    scenario_finish(&r.scenario);
    config_env_free(&r.env);
    return status;
}
