#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/gate_page.h"
#include "cli/out.h"
#include "cli/remote.h"

/* ---- shown ---- */

void gate_page_text(const cJSON *of, struct buf *out) {
    char age[32];
    const cJSON *release = cJSON_GetObjectItemCaseSensitive(of, "release");
    if (remote_true(of, "paused")) {
        const char *why = remote_text(of, "paused_why");
        const char *by = remote_text(of, "paused_by");
        const char *at = remote_text(of, "paused_at");
        buf_printf(out, "by %s", by == NULL ? "--safe" : by);
        if (at != NULL) {
            buf_printf(out, ", %s ago", out_age(at, age));
        }
        buf_printf(out, "%s%s", why == NULL ? "" : ": ", why == NULL ? "" : why);
    } else if (release != NULL) {
        buf_printf(out, "released at %s, %.0f left", remote_text(release, "rate"),
                   remote_number(release, "left"));
    }
}

void gate_page_cell(struct table *t, const cJSON *of) {
    struct buf text = {0};
    gate_page_text(of, &text);
    table_cell(t, text.len == 0 ? NULL : text.data);
    buf_free(&text);
}

void gate_page_print(const struct cli *cli, const cJSON *of) {
    char text[64];
    const cJSON *release = cJSON_GetObjectItemCaseSensitive(of, "release");
    if (remote_true(of, "paused")) {
        const char *by = remote_text(of, "paused_by");
        const char *when = out_when(remote_text(of, "paused_at"), text);
        out_linef(cli, "paused", "by %s%s%s", by == NULL ? "--safe" : by, when == NULL ? "" : ", ",
                  when == NULL ? "" : when);
        out_line(cli, "why", remote_text(of, "paused_why"));
    } else if (release != NULL) {
        out_linef(cli, "released", "at %s, %.0f left, until %s", remote_text(release, "rate"),
                  remote_number(release, "left"), out_when(remote_text(release, "over_at"), text));
    }
}

/* ---- what is meant ---- */

enum kind { KIND_QUEUE, KIND_PLUGIN, KIND_HOST };

static enum kind kind_of(const struct cli *cli) {
    return cli_flag(cli, "host")              ? KIND_HOST
           : cli_value(cli, "plugin") != NULL ? KIND_PLUGIN
                                              : KIND_QUEUE;
}

/* Exactly one of the three. */
static int check(struct cli *cli, const char *verb) {
    int said =
        (cli->arg_count > 0) + (cli_value(cli, "plugin") != NULL) + (cli_flag(cli, "host") ? 1 : 0);
    return said == 1 ? CLI_OK
                     : cli_usage(cli, "%s needs one of QUEUE, --plugin NAME and --host", verb);
}

static const char *name_of(const struct cli *cli) {
    switch (kind_of(cli)) {
    case KIND_HOST: return "the host";
    case KIND_PLUGIN: return cli_value(cli, "plugin");
    default: return cli->args[0];
    }
}

static void add_path(const struct cli *cli, const char *verb, struct buf *path) {
    static const char *const roots[] = {"/v1/queues", "/v1/plugins", "/v1/host"};
    enum kind kind = kind_of(cli);
    buf_str(path, roots[kind]);
    if (kind != KIND_HOST) {
        remote_segment(path, name_of(cli));
    }
    buf_printf(path, "/%s", verb);
}

static void print_done(const struct cli *cli, const char *done, const cJSON *answer) {
    const cJSON *release = cJSON_GetObjectItemCaseSensitive(answer, "release");
    if (release != NULL) {
        char text[64];
        out_text("%s starts %s, until the %.0f jobs that wait are gone: %s\n", name_of(cli),
                 remote_text(release, "rate"), remote_number(release, "left"),
                 out_when(remote_text(release, "over_at"), text));
    } else {
        out_text("%s is %s\n", name_of(cli), done);
    }
}

static int set(struct cli *cli, const char *verb, const char *done, const char *rate) {
    struct buf path = {0}, body = {0};
    cJSON *answer = NULL;
    add_path(cli, verb, &path);
    buf_char(&body, '{');
    json_kstr(&body, "why", cli_value(cli, "why"));
    json_kstr(&body, "rate", rate);
    buf_char(&body, '}');
    int r = remote_json(cli, "POST", path.data, body.data, &answer);
    if (r == CLI_OK && !cli->json) {
        print_done(cli, done, answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    buf_free(&body);
    return r;
}

/* A queue that nobody has heard of is paused all the same, for its jobs may come later; but it may
 * be a slip of the pen. False also when the host does not say. */
static bool is_unheard_of(const struct cli *cli) {
    struct cli quiet = *cli;
    struct buf text = {0};
    quiet.silent = true;
    int r =
        remote_ask(&quiet, &(struct client_request){.method = "GET", .path = "/v1/queues"}, &text);
    cJSON *answer = r == CLI_OK ? cJSON_ParseWithLength(text.data, text.len) : NULL;
    bool unheard_of = answer != NULL && queues_find(answer, cli->args[0]) == NULL;
    cJSON_Delete(answer);
    buf_free(&text);
    return unheard_of;
}

int cmd_pause(struct cli *cli) {
    int r = check(cli, "pause");
    if (r != CLI_OK) {
        return r;
    }
    if (cli_value(cli, "why") == NULL) {
        return cli_usage(cli, "pause needs --why: whoever finds it paused will want to know");
    }
    bool doubtful = kind_of(cli) == KIND_QUEUE && is_unheard_of(cli); // afterwards everybody has
    r = set(cli, "pause", "paused", NULL);
    if (r == CLI_OK && doubtful) {
        (void)fprintf(stderr, "jobhost: warning: %s: %s\n", cli->args[0], queues_unknown);
    }
    return r;
}

int cmd_resume(struct cli *cli) {
    int r = check(cli, "resume");
    return r != CLI_OK ? r : set(cli, "resume", "running", cli_value(cli, "rate"));
}
