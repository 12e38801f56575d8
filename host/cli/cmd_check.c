#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/check_fallback.h"
#include "cli/check_handlers.h"
#include "cli/check_redis.h"
#include "cli/check_tls.h"
#include "cli/cli.h"
#include "cli/local_config.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "supervisor/probe.h"

struct check {
    struct cli *cli;
    struct local_config local;
    struct check_handlers handlers;
    struct buf plugins, found, tls, off,
        warnings;      // elements of the members of that name, with --json
    unsigned failed;   // plugins
    unsigned unusable; // certificates, and types where they do not belong
    unsigned doubts;   // what --strict does not let pass
    bool strict;
    const char *store_problem; // NULL: good, or not asked for
    struct err store_error;
    struct redis_survey redis;
    bool is_redis;
    int64_t spooled; /* jobs in the spool */
    struct err spool_error;
};

/* ---- plugins ---- */

static void say_plugin(struct check *k, const struct config_plugin *p, int r,
                       const struct probe *probe, const char *problems) {
    if (k->cli->json) {
        json_comma(&k->plugins);
        buf_char(&k->plugins, '{');
        json_kstr(&k->plugins, "name", p->entry.name);
        json_kbool(&k->plugins, "ok", r == 0);
        json_kstr(&k->plugins, "version", r == 0 ? probe->manifest.version : NULL);
        json_kstr(&k->plugins, "problems", r == 0 ? NULL : problems);
        buf_char(&k->plugins, '}');
    } else if (r == 0) {
        out_text("plugin %-12s ok, %s, %zu handler%s\n", p->entry.name, probe->manifest.version,
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
    if (r == 0 && check_handlers_add(&k->handlers, p->entry.name, &probe.manifest, &problems) > 0) {
        r = -EEXIST;
    }
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

/* Types without a handler, which a plugin that did not load might have. */
static void check_types(struct check *k) {
    struct buf text = {0};
    k->doubts += check_handlers_restarts(&k->handlers, k->local.config, &text);
    k->unusable += check_handlers_misused(&k->handlers, k->local.config, &text);
    if (k->failed == 0) {
        k->doubts += check_handlers_missing(&k->handlers, k->local.config, &text);
    }
    if (!k->cli->json && text.len > 0) {
        (void)fwrite(text.data, 1, text.len, stderr);
    }
    for (size_t at = 0; k->cli->json && at < text.len;) {
        size_t len = strcspn(text.data + at, "\n");
        json_comma(&k->warnings);
        json_strn(&k->warnings, text.data + at, len);
        at += len + 1;
    }
    buf_free(&text);
}

/* ---- certificates ---- */

static void say_tls(void *arg, const struct config_listen *listen, size_t index, bool usable,
                    const char *problem) {
    struct check *k = arg;
    k->unusable += !usable;
    k->doubts += usable && problem != NULL;
    if (k->cli->json) {
        json_comma(&k->tls);
        buf_char(&k->tls, '{');
        json_kstr(&k->tls, "address", listen->address);
        json_kbool(&k->tls, "ok", usable);
        json_kstr(&k->tls, "problem", problem);
        buf_char(&k->tls, '}');
    } else if (problem == NULL) {
        out_text("tls    %-12s ok\n", listen->address);
    } else {
        (void)fprintf(stderr, "host.listen[%zu].tls: %s%s\n", index, usable ? "warning: " : "",
                      problem);
    }
}

/* ---- files that nobody has configured ---- */

static void say_new(struct check *k, const struct config_found *f) {
    if (!k->cli->json) {
        out_text("plugin %-12s new: %s is in no entry; `jobhost plugin check` says what it needs\n",
                 f->name, f->file);
        return;
    }
    json_comma(&k->found);
    buf_char(&k->found, '{');
    json_kstr(&k->found, "name", f->name);
    json_kstr(&k->found, "file", f->file);
    buf_char(&k->found, '}');
}

static void check_found(struct check *k) {
    struct arena arena = {.head = NULL};
    const struct config_found *found;
    size_t count = config_found_plugins(k->local.config, &arena, &found);
    for (size_t i = 0; i < count; i++) {
        say_new(k, &found[i]);
    }
    arena_free(&arena);
}

/* ---- sections that are off, the store ---- */

static void say_off(void *arg, const char *section, const struct config_entry *e) {
    struct check *k = arg;
    if (!k->cli->json) {
        (void)printf("%s.%s is off: %s\n", section, e->name, e->off_why == NULL ? "" : e->off_why);
        return;
    }
    json_comma(&k->off);
    buf_char(&k->off, '{');
    json_kstr(&k->off, "section", section);
    json_kstr(&k->off, "name", e->name);
    json_kstr(&k->off, "why", e->off_why);
    buf_char(&k->off, '}');
}

/* `refuses`: the host would not start. */
static void say_store(const struct check *k, bool refuses, const char *text) {
    if (!k->cli->json) {
        (void)fprintf(stderr, "store: %s%s\n", refuses ? "" : "warning: ", text);
    }
}

static void say_store_ok(const struct check *k, const char *more) {
    if (!k->cli->json) {
        (void)printf("store %-13s ok%s\n", "", more);
    }
}

static void check_sqlite(struct check *k) {
    struct offline offline;
    int r = offline_open(k->local.config, false, &offline, &k->store_error);
    if (r == 0) {
        offline_close(&offline);
    }
    if (r != 0 && r != -EBUSY) {
        k->store_problem = k->store_error.msg;
        say_store(k, true, k->store_problem);
    } else {
        say_store_ok(k, r == -EBUSY ? ", in use by a running host" : "");
    }
}

static void check_server(struct check *k) {
    k->is_redis = true;
    check_redis_run(&k->local.config->store, &k->redis);
    k->store_problem = redis_survey_refusal(&k->redis);
    k->doubts += redis_survey_warnings(&k->redis);
    if (!k->redis.reached) {
        say_store(k, true, k->store_problem);
        return;
    }
    if (k->store_problem == NULL) {
        say_store_ok(k, "");
    }
    if (!k->cli->json) {
        out_line(k->cli, "address", k->redis.where);
        check_redis_print(&k->redis, k->cli);
    }
    for (unsigned i = 0; i < k->redis.findings.count; i++) {
        say_store(k, k->redis.findings.list[i].refuses, k->redis.findings.list[i].text);
    }
}

static void check_spool(struct check *k) {
    const char *fallback = k->local.config->store.fallback;
    struct err e = {.code = 0};
    k->spooled = check_fallback(fallback, &e);
    if (k->spooled >= 0 && !k->cli->json) {
        out_linef(k->cli, "fallback", "%s, %lld jobs wait", fallback, (long long)k->spooled);
    } else if (k->spooled < 0) {
        (void)err_set(&k->spool_error, e.code, "store.fallback: %s", e.msg);
        say_store(k, true, k->spool_error.msg);
        k->store_problem = k->store_problem == NULL ? k->spool_error.msg : k->store_problem;
    }
}

static void check_store(struct check *k) {
    (redis_address_is_redis(k->local.config->store.url) ? check_server : check_sqlite)(k);
    if (k->local.config->store.fallback != NULL) {
        check_spool(k);
    }
}

/* ---- the verdict ---- */

static void add_list(struct buf *out, const char *name, const struct buf *elements) {
    json_key(out, name);
    buf_printf(out, "[%s]", elements->data == NULL ? "" : elements->data);
}

static void print_json(struct check *k, bool ok) {
    struct buf out = {0};
    buf_char(&out, '{');
    json_kbool(&out, "ok", ok);
    json_key(&out, "config");
    config_report_json(&k->local.report, &out);
    add_list(&out, "plugins", &k->plugins);
    add_list(&out, "new", &k->found);
    add_list(&out, "tls", &k->tls);
    add_list(&out, "off", &k->off);
    add_list(&out, "warnings", &k->warnings);
    if (k->store_problem != NULL) {
        json_kstr(&out, "store", k->store_problem);
    }
    if (k->local.config != NULL && k->local.config->store.fallback != NULL && k->spooled >= 0) {
        json_kint(&out, "spooled", k->spooled);
    }
    if (k->is_redis) {
        json_key(&out, "redis");
        check_redis_json(&k->redis, &out);
    }
    buf_char(&out, '}');
    (void)printf("%s\n", out.data == NULL ? "{}" : out.data);
    buf_free(&out);
}

static int verdict(struct check *k) {
    bool ok = k->local.config != NULL && k->failed == 0 && k->store_problem == NULL &&
              k->unusable == 0 && (k->doubts == 0 || !k->strict);
    if (k->cli->json) {
        print_json(k, ok);
    } else if (ok) {
        (void)printf("%s is good\n", k->local.file);
    }
    return ok ? CLI_OK : CLI_FAILED;
}

int cmd_check(struct cli *cli) {
    struct check k = {.cli = cli, .strict = cli_flag(cli, "strict")};
    struct buf text = {0};
    int r = local_config_read(cli, k.strict, &k.local);
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
        config_each_off(k.local.config, say_off, &k);
        check_tls(&k.local.config->host, say_tls, &k);
        check_plugins(&k);
        check_types(&k);
        check_found(&k);
        if (cli_flag(cli, "connect")) {
            check_store(&k);
        }
    }
    r = verdict(&k);
    buf_free(&k.plugins);
    buf_free(&k.found);
    buf_free(&k.tls);
    buf_free(&k.off);
    buf_free(&k.warnings);
    arena_free(&k.handlers.arena);
    local_config_finish(&k.local);
    return r;
}
