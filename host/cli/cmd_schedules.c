/* schedules preview: when schedules come next, computed from the file alone. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/rfc3339.h"
#include "cli/cli.h"
#include "cli/local_config.h"
#include "cli/table.h"
#include "config/config_times.h"
#include "config/config_timetable.h"
#include "config/config_zone.h"

enum { COUNT_DEFAULT = 10, COUNT_MAX = 100000 };

struct preview {
    struct cli *cli;
    int64_t from_ms, until_ms;
    long count; // of each schedule
    const char *name;
    struct table table;
    struct buf json;
};

static void write_note(const struct schedule_time *t, char out[96]) {
    static const char *const notes[CRON_MARK_COUNT] = {
        [CRON_PLAIN] = "",
        [CRON_GAP_MOVED] = "gap: moved from ",
        [CRON_GAP_SKIPPED] = "gap: skipped",
        [CRON_OVERLAP_1] = "overlap 1/2",
        [CRON_OVERLAP_2] = "overlap 2/2",
    };
    char local[CONFIG_TIMES_LOCAL_MAX], delay[48];
    config_times_local(t->local, NULL, local);
    int len = snprintf(out, 96, "%s%s", notes[t->mark], t->mark == CRON_GAP_MOVED ? local : "");
    if (t->fire_ms != t->nominal_ms) {
        duration_format(t->fire_ms - t->nominal_ms, delay, sizeof delay);
        (void)snprintf(out + len, 96 - (size_t)len, "%sjitter %s", len > 0 ? ", " : "", delay);
    }
}

static void add_row(struct preview *p, const struct schedule_time *t) {
    char local[CONFIG_TIMES_LOCAL_MAX], utc[RFC3339_LEN + 1] = "", note[96];
    bool skipped = t->mark == CRON_GAP_SKIPPED;
    int64_t shown = skipped ? t->local : t->nominal_ms / 1000 + t->offset;
    config_times_local(shown, skipped ? NULL : &t->offset, local);
    if (!skipped) {
        rfc3339_format(t->nominal_ms, utc);
        memcpy(utc + RFC3339_LEN - 5, "Z", 2); // milliseconds are always 0
    }
    write_note(t, note);
    table_cell(&p->table, p->name);
    table_cell(&p->table, local);
    table_cell(&p->table, utc);
    table_cell(&p->table, note);
}

static void add_time(void *arg, const struct schedule_time *t) {
    struct preview *p = arg;
    if (p->cli->json) {
        config_times_json(&p->json, p->name, t);
    } else {
        add_row(p, t);
    }
}

// What is special about it is said on the side.
static void say(const struct config_schedule *s, const struct cron *cron) {
    const char *words = cron->kind == CRON_REBOOT ? "comes at each start of the host"
                        : !s->entry.on            ? "is off; these would be its times"
                        : s->paused               ? "is paused; these would be its times"
                        : cron->kind == CRON_EVERY && s->start_at == NULL
                            ? "is counted from when a host stored it; here, from now"
                            : NULL;
    if (words != NULL) {
        (void)fprintf(stderr, "%s %s\n", s->entry.name, words);
    }
}

static int preview_one(struct preview *p, const struct config_schedule *s) {
    struct config_timetable t;
    struct err e = {0};
    int r = config_timetable_open(s, p->from_ms, &t, &e);
    if (r < 0) {
        return cli_fail(p->cli, CLI_USAGE, "%s", e.msg);
    }
    say(s, &t.cron);
    p->name = s->entry.name;
    config_times_each(&t.schedule, p->from_ms, p->until_ms, p->count, add_time, p);
    config_timetable_close(&t);
    return CLI_OK;
}

static int preview_expression(struct preview *p) {
    const struct config_schedule s = {
        .entry = {.name = "--cron", .on = true},
        .cron = cli_value(p->cli, "cron"),
        .timezone = cli_value(p->cli, "timezone"),
        .dst = cli_value(p->cli, "dst"),
        .days = cli_value(p->cli, "days"),
    };
    return preview_one(p, &s);
}

static int complain_unknown(const struct cli *cli, const struct config *c, const char *name) {
    struct nearest near = {.word = name};
    for (size_t i = 0; i < c->schedule_count; i++) {
        nearest_offer(&near, c->schedules[i].entry.name);
    }
    const char *meant = nearest_best(&near);
    return cli_fail(cli, CLI_FAILED, "the configuration has no schedule \"%s\"%s%s%s", name,
                    meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
                    meant == NULL ? "" : "\"?");
}

static int preview_file(struct preview *p, const struct config *c) {
    const char *name = p->cli->arg_count > 0 ? p->cli->args[0] : NULL;
    int r = CLI_OK;
    bool found = name == NULL;
    for (size_t i = 0; i < c->schedule_count && r == CLI_OK; i++) {
        const struct config_schedule *s = &c->schedules[i];
        bool wanted = name == NULL ? s->entry.on : strcmp(s->entry.name, name) == 0;
        found |= wanted;
        r = wanted ? preview_one(p, s) : CLI_OK;
    }
    return found ? r : complain_unknown(p->cli, c, name);
}

// The options that say what to compute; CLI_OK, or said.
static int read_options(struct preview *p) {
    static const char *const of_expression[] = {"timezone", "dst", "days"};
    const char *count = cli_value(p->cli, "limit");
    const char *cron = cli_value(p->cli, "cron");
    char *end = NULL;
    for (size_t i = 0; i < ARRAY_LEN(of_expression); i++) {
        if (cron == NULL && cli_value(p->cli, of_expression[i]) != NULL) {
            return cli_usage(p->cli, "--%s goes with --cron", of_expression[i]);
        }
    }
    if (cron != NULL && p->cli->arg_count > 0) {
        return cli_usage(p->cli, "a schedule of the file, or --cron, but not both");
    }
    p->count = count != NULL                        ? strtol(count, &end, 10)
               : cli_value(p->cli, "until") == NULL ? COUNT_DEFAULT
                                                    : COUNT_MAX;
    if (count != NULL && (end == count || *end != '\0' || p->count < 1 || p->count > COUNT_MAX)) {
        return cli_usage(p->cli, "--limit: expected a number from 1 to %d", COUNT_MAX);
    }
    return CLI_OK;
}

// The present is a test's, if there is one.
static int read_present(struct preview *p) {
    struct env env;
    struct err e = {0};
    if (env_open(&env, &e) < 0) {
        return cli_fail(p->cli, CLI_FAILED, "%s", e.msg);
    }
    p->from_ms = env_wall_ms(&env);
    p->until_ms = INT64_MAX;
    env_close(&env);
    return CLI_OK;
}

static int read_time(struct preview *p, const char *option, int64_t *ret) {
    const char *text = cli_value(p->cli, option);
    return text == NULL || rfc3339_parse(text, ret) == 0
               ? CLI_OK
               : cli_usage(p->cli, "--%s: expected a time such as 2026-01-31T09:00:00Z", option);
}

static int print_json(struct preview *p) {
    char version[CONFIG_ZONE_VERSION_MAX];
    config_zone_version(version);
    buf_char(&p->json, ']');
    if (version[0] != '\0') {
        json_kstr(&p->json, "tzdata", version);
    }
    buf_char(&p->json, '}');
    if (p->json.failed) {
        return cli_fail(p->cli, CLI_FAILED, "out of memory");
    }
    (void)printf("%s\n", p->json.data);
    return CLI_OK;
}

int cmd_schedules_preview(struct cli *cli) {
    static const char *const titles[] = {"SCHEDULE", "LOCAL", "UTC", "NOTE"};
    struct local_config local = {0};
    struct preview p = {.cli = cli, .table = {.titles = titles, .columns = ARRAY_LEN(titles)}};
    int r;
    if ((r = read_options(&p)) == CLI_OK && (r = read_present(&p)) == CLI_OK &&
        (r = read_time(&p, "from", &p.from_ms)) == CLI_OK) {
        r = read_time(&p, "until", &p.until_ms);
    }
    buf_str(&p.json, "{\"items\":[");
    if (r == CLI_OK && cli_value(cli, "cron") != NULL) {
        r = preview_expression(&p);
    } else if (r == CLI_OK) {
        r = local_config_load(cli, &local);
        r = r == CLI_OK ? preview_file(&p, local.config) : r;
    }
    if (r == CLI_OK && cli->json) {
        r = print_json(&p);
    } else if (r == CLI_OK) {
        table_print(cli, &p.table);
    }
    table_finish(&p.table);
    buf_free(&p.json);
    local_config_finish(&local);
    return r;
}
