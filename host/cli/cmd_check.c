#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/local_config.h"
#include "cli/offline.h"
#include "supervisor/probe.h"

struct check {
    struct cli *cli;
    struct local_config local;
    struct buf json; // elements of "plugins"
    unsigned failed;
    int store; // 0 opened or in use by a host; negative errno
    struct err store_error;
};

/* ---- plugins ---- */

static void say_plugin(struct check *k, const struct config_plugin *p, int r,
                       const struct probe *probe, const char *problems) {
    if (k->cli->json) {
        json_comma(&k->json);
        buf_char(&k->json, '{');
        json_kstr(&k->json, "name", p->entry.name);
        json_kbool(&k->json, "ok", r == 0);
        json_kstr(&k->json, "version", r == 0 ? probe->manifest.version : NULL);
        json_kstr(&k->json, "problems", r == 0 ? NULL : problems);
        buf_char(&k->json, '}');
    } else if (r == 0) {
        (void)printf("plugin %-12s ok, %s, %zu handler%s\n", p->entry.name, probe->manifest.version,
                     probe->manifest.handler_count, probe->manifest.handler_count == 1 ? "" : "s");
    } else {
        (void)fprintf(stderr, "plugin %s: %s%s", p->entry.name, problems,
                      problems[0] != '\0' && problems[strlen(problems) - 1] == '\n' ? "" : "\n");
    }
}

static void check_plugin(struct check *k, const struct config_plugin *p) {
    struct probe probe = {.sha256 = ""};
    struct buf problems = {0};
    struct err e = {.code = 0};
    int r = probe_plugin(k->local.config, p, k->cli->self_exe, &probe, &problems, &e);
    k->failed += r != 0;
    say_plugin(k, p, r, &probe, problems.len > 0 ? problems.data : e.msg);
    buf_free(&problems);
    arena_free(&probe.arena);
}

static void check_plugins(struct check *k) {
    const struct config *c = k->local.config;
    for (size_t i = 0; i < c->plugin_count; i++) {
        if (c->plugins[i].entry.on) {
            check_plugin(k, &c->plugins[i]);
        }
    }
}

/* ---- sections that are off, the store ---- */

static void say_off(const struct config_entry *e, const char *section) {
    if (!e->on) {
        (void)printf("%s.%s is off: %s\n", section, e->name, e->off_why == NULL ? "" : e->off_why);
    }
}

static void say_sections(const struct check *k) {
    const struct config *c = k->local.config;
    if (k->cli->json) {
        return;
    }
    for (size_t i = 0; i < c->plugin_count; i++) {
        say_off(&c->plugins[i].entry, "plugins");
    }
    for (size_t i = 0; i < c->schedule_count; i++) {
        say_off(&c->schedules[i].entry, "schedules");
    }
    for (size_t i = 0; i < c->hook_count; i++) {
        say_off(&c->hooks[i].entry, "hooks");
    }
    for (size_t i = 0; i < c->route_count; i++) {
        say_off(&c->routes[i].entry, "routes");
    }
}

static void check_store(struct check *k) {
    struct offline offline;
    int r = offline_open(k->local.config, false, &offline, &k->store_error);
    bool in_use = r == -EBUSY;
    k->store = in_use ? 0 : r;
    if (r == 0) {
        offline_close(&offline);
    }
    if (k->cli->json) {
        return;
    }
    if (k->store != 0) {
        (void)fprintf(stderr, "store: %s\n", k->store_error.msg);
    } else {
        (void)printf("store %-13s ok%s\n", "", in_use ? ", in use by a running host" : "");
    }
}

/* ---- the verdict ---- */

static void print_json(struct check *k, bool ok) {
    struct buf out = {0};
    buf_char(&out, '{');
    json_kbool(&out, "ok", ok);
    json_key(&out, "config");
    config_report_json(&k->local.report, &out);
    json_key(&out, "plugins");
    buf_printf(&out, "[%s]", k->json.data == NULL ? "" : k->json.data);
    if (k->store != 0) {
        json_kstr(&out, "store", k->store_error.msg);
    }
    buf_char(&out, '}');
    (void)printf("%s\n", out.data == NULL ? "{}" : out.data);
    buf_free(&out);
}

static int verdict(struct check *k) {
    bool ok = k->local.config != NULL && k->failed == 0 && k->store == 0;
    if (k->cli->json) {
        print_json(k, ok);
    } else if (ok) {
        (void)printf("%s is good\n", k->local.file);
    }
    return ok ? CLI_OK : CLI_FAILED;
}

int cmd_check(struct cli *cli) {
    struct check k = {.cli = cli};
    struct buf text = {0};
    int r = local_config_read(cli, cli_flag(cli, "strict"), &k.local);
    if (r != CLI_OK) {
        local_config_finish(&k.local);
        return r;
    }
    config_report_print(&k.local.report, cli->err_tty && cli->colour, &text);
    if (!cli->json && text.len > 0) {
        (void)fwrite(text.data, 1, text.len, stderr);
    }
    buf_free(&text);
    if (k.local.config != NULL) {
        say_sections(&k);
        check_plugins(&k);
        if (cli_flag(cli, "connect")) {
            check_store(&k);
        }
    }
    r = verdict(&k);
    buf_free(&k.json);
    local_config_finish(&k.local);
    return r;
}
