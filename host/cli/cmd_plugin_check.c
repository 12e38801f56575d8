#define _XOPEN_SOURCE 700 // realpath

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/check_live.h"
#include "cli/cli.h"
#include "cli/local_config.h"
#include "cli/out.h"
#include "cli/plugin_yaml.h"
#include "supervisor/probe.h"

static void print_json(bool ok, const struct probe *probe, const char *problems,
                       const struct buf *yaml, const struct check_live *live) {
    struct buf out = {0};
    buf_char(&out, '{');
    json_kbool(&out, "ok", ok);
    if (ok) {
        json_kstr(&out, "name", probe->manifest.name);
        json_kstr(&out, "version", probe->manifest.version);
        json_kstr(&out, "sha256", probe->sha256);
        json_key(&out, "handlers");
        buf_char(&out, '[');
        for (size_t i = 0; i < probe->manifest.handler_count; i++) {
            json_comma(&out);
            json_str(&out, probe->manifest.handlers[i].name);
        }
        buf_char(&out, ']');
    } else {
        json_kstr(&out, "problems", problems);
    }
    if (yaml->len > 0) {
        json_key(&out, "yaml");
        json_strn(&out, yaml->data, yaml->len);
    }
    check_live_json(live, &out);
    buf_char(&out, '}');
    (void)printf("%s\n", out.data == NULL ? "{}" : out.data);
    buf_free(&out);
}

static void print_text(const struct probe *probe, const struct buf *yaml) {
    const struct pool_manifest *m = &probe->manifest;
    out_text("%s %s (ABI %u.%u, sha256 %.12s)\n", m->name, m->version, m->abi_major, m->abi_minor,
             probe->sha256);
    for (size_t i = 0; i < m->handler_count; i++) {
        const char *summary = m->handlers[i].summary;
        out_text("  %-24s %s\n", m->handlers[i].name, summary == NULL ? "" : summary);
    }
    out_text("\nto use it:\n\n%.*s", (int)yaml->len, yaml->data);
}

/* "thumbnails" of ".../thumbnails.so": what a configuration would call it. */
static void plugin_name(const char *file, char out[64]) {
    const char *base = strrchr(file, '/');
    base = base == NULL ? file : base + 1;
    (void)snprintf(out, 64, "%.*s", (int)strcspn(base, "."), base);
}

int cmd_plugin_check(struct cli *cli) {
    char path[PATH_MAX], name[64];
    if (realpath(cli->args[0], path) == NULL) {
        return cli_fail(cli, CLI_USAGE, "%s: %s", cli->args[0], strerror(errno));
    }
    plugin_name(path, name);
    struct config_plugin plugin = probe_unconfigured(name, path);
    struct probe probe = {.sha256 = ""};
    struct buf problems = {0}, yaml = {0};
    struct err e = {.code = 0};
    struct check_live live = {.asked = false};
    int asked = CLI_OK;
    int r = probe_plugin(NULL, &plugin, cli->self_exe, &probe, &problems, &e);
    const char *words = problems.len > 0 ? problems.data : e.msg;
    if (probe.manifest.name != NULL) {
        plugin_yaml(name, path, &probe.manifest, &yaml);
    }
    if (r == 0) {
        asked = check_live_ask(cli, name, &probe.manifest, &live);
    }
    if (cli->json) {
        print_json(r == 0, &probe, words, &yaml, &live);
    } else if (r == 0) {
        print_text(&probe, &yaml);
        check_live_print(cli, &live);
    } else {
        (void)cli_fail(cli, CLI_FAILED, "%s", words);
    }
    buf_free(&problems);
    buf_free(&yaml);
    bool good = r == 0 && !live.breaks;
    check_live_finish(&live);
    arena_free(&probe.arena);
    return asked != CLI_OK ? asked : good ? CLI_OK : CLI_FAILED;
}
