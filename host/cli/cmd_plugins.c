#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/crash_page.h"
#include "cli/gate_page.h"
#include "cli/out.h"
#include "cli/plugin_page.h"
#include "cli/plugin_yaml.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "supervisor/probe.h"

/* "full", or what is missing of it. */
static void add_sandbox(struct table *t, const cJSON *p) {
    const cJSON *notes = cJSON_GetObjectItemCaseSensitive(p, "sandbox");
    struct buf out = {0};
    const cJSON *n;
    cJSON_ArrayForEach(n, notes) {
        const char *state = remote_text(n, "state");
        if (state != NULL && strcmp(state, "on") != 0) {
            buf_printf(&out, "%s %s", out.len == 0 ? "without" : ",", remote_text(n, "facility"));
        }
    }
    table_cell(t, out.len > 0 ? out.data : notes == NULL ? NULL : "full");
    buf_free(&out);
}

static void add_plugin(struct table *t, const cJSON *p) {
    const char *fault = remote_text(p, "fault");
    const cJSON *breaker = cJSON_GetObjectItemCaseSensitive(p, "breaker");
    table_cell(t, remote_text(p, "name"));
    table_state(t, remote_text(p, "state"));
    table_cell(t, remote_text(p, "build"));
    table_cellf(t, "%d", cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(p, "workers")));
    table_cellf(t, "%.0f/%.0f", remote_number(p, "busy"), remote_number(p, "slots"));
    table_cellf(t, "%.0f", remote_number(p, "jobs_done"));
    table_cellf(t, "%.0f", remote_number(p, "crashes"));
    add_sandbox(t, p);
    fault = fault != NULL ? fault : remote_text(breaker, "detail");
    struct buf gate = {0};
    gate_page_text(p, &gate);
    if (fault == NULL && gate.len > 0) {
        table_cellf(t, "%s%s", remote_true(p, "paused") ? "paused " : "", gate.data);
    } else {
        table_cell(t, fault != NULL ? fault : remote_text(p, "last_crash"));
    }
    buf_free(&gate);
}

static const char *base_name(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash == NULL ? file : slash + 1;
}

/* What the configuration lacks to use a file that somebody has dropped in. It is asked here, in a process of its own, for the
 * host loads nothing that nobody has configured; of a host elsewhere there is only the name. */
static void print_new(const struct cli *cli, const char *name, const char *file) {
    char usual[PATH_MAX];
    struct probe probe = {.sha256 = ""};
    struct buf problems = {0}, yaml = {0};
    struct err e = {.code = 0};
    struct config_plugin plugin = probe_unconfigured(name, file);
    const char *base = base_name(file);
    (void)snprintf(usual, sizeof usual, "%s.so", name);
    if (access(file, R_OK) != 0) {
        out_text(
            "\n%s is in no entry of the configuration; `jobhost plugin check` says what it needs\n",
            file);
    } else if (probe_manifest(&plugin, cli->self_exe, &probe, &problems, &e) != 0) {
        out_text("\n%s is in no entry of the configuration, and cannot be used: %s\n", file, e.msg);
    } else {
        plugin_yaml(name, strcmp(base, usual) == 0 ? NULL : base, &probe.manifest, &yaml);
        out_text("\n%s is in no entry of the configuration. To use it, add, and `jobhost "
                 "reload`:\n\n%.*s",
                 file, (int)yaml.len, yaml.data);
    }
    buf_free(&problems);
    buf_free(&yaml);
    arena_free(&probe.arena);
}

static void print_all_new(const struct cli *cli, const cJSON *items) {
    const cJSON *p;
    cJSON_ArrayForEach(p, items) {
        const char *state = remote_text(p, "state"), *file = remote_text(p, "file");
        if (state != NULL && file != NULL && strcmp(state, "new") == 0) {
            print_new(cli, remote_text(p, "name"), file);
        }
    }
}

int cmd_plugins(struct cli *cli) {
    static const char *const titles[] = {"PLUGIN", "STATE",    "BUILD",   ">WORKERS", ">BUSY",
                                         ">DONE",  ">CRASHES", "SANDBOX", "NOTE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    cJSON *answer = NULL;
    const cJSON *p;
    int r = remote_json(cli, "GET", "/v1/plugins", NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            add_plugin(&t, p);
        }
        table_print(cli, &t);
        crash_page_table(cli, cJSON_GetObjectItemCaseSensitive(answer, "items"));
        print_all_new(cli, cJSON_GetObjectItemCaseSensitive(answer, "items"));
    }
    cJSON_Delete(answer);
    return r;
}

static void add_generation(struct table *t, const cJSON *g) {
    char age[32];
    const char *reason = remote_text(g, "reason");
    table_cell(t, remote_text(g, "plugin"));
    table_cellf(t, "%.0f%s", remote_number(g, "number"), remote_true(g, "current") ? "" : " (old)");
    table_state(t, remote_text(g, "state"));
    table_cell(t, remote_text(g, "build"));
    table_cell(t, out_age(remote_text(g, "since"), age));
    table_cellf(t, "%d", cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(g, "workers")));
    table_cellf(t, "%.0f/%.0f", remote_number(g, "running"), remote_number(g, "slots"));
    table_cellf(t, "%.0f", remote_number(g, "jobs_done"));
    table_cellf(t, "%.0f", remote_number(g, "crashes"));
    table_cell(t, reason != NULL ? reason : remote_text(g, "last_crash"));
}

int cmd_generations(struct cli *cli) {
    static const char *const titles[] = {"PLUGIN",   ">GENERATION", "STATE", "BUILD",    ">AGE",
                                         ">WORKERS", ">BUSY",       ">DONE", ">CRASHES", "NOTE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    struct buf path = {0};
    cJSON *answer = NULL;
    const cJSON *g;
    buf_str(&path, "/v1/generations");
    remote_query(&path, "plugin", cli->arg_count > 0 ? cli->args[0] : NULL);
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(answer, "items");
    if (r == CLI_OK && cli->arg_count > 0 && cJSON_GetArraySize(items) == 0) {
        r = cli->json ? CLI_FAILED // the empty list has been printed
                      : cli_fail(cli, CLI_FAILED, "%s: no plugin of this name runs", cli->args[0]);
    } else if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(g, items) {
            add_generation(&t, g);
        }
        table_print(cli, &t);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}

int cmd_describe(struct cli *cli) {
    struct buf path = {0};
    cJSON *plugin = NULL;
    buf_str(&path, "/v1/plugins");
    remote_segment(&path, cli->args[0]);
    int r = remote_json(cli, "GET", path.data, NULL, &plugin);
    if (r == CLI_OK && !cli->json) {
        plugin_page_print(cli, plugin);
    }
    cJSON_Delete(plugin);
    buf_free(&path);
    return r;
}
