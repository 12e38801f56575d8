#include "cli/remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/address.h"
#include "cli/filters.h"

int remote_begin(const struct cli *cli) {
    struct address address;
    if (*cli->host != NULL) {
        return CLI_OK;
    }
    int r = address_find(cli, &address);
    if (r == CLI_OK) {
        *cli->host = client_new(&address.place);
        r = *cli->host == NULL ? cli_fail(cli, CLI_FAILED, "out of memory") : CLI_OK;
    }
    address_finish(&address);
    return r;
}

/* ---- what went wrong ---- */

static int refused_token(const struct cli *cli) {
    const char *source = address_token_source(cli);
    return source == NULL
               ? cli_fail(cli, CLI_FAILED,
                          "the host wants a token: put it into JOBHOST_TOKEN, or name "
                          "its file with --token-file FILE")
               : cli_fail(cli, CLI_FAILED, "the host does not accept the token in %s", source);
}

/* Refusals that say more than that it failed. */
static const struct {
    const char *code;
    int exit;
    const char *hint;
} refusals[] = {
    {"https_only", CLI_UNREACHABLE, ": write https:// in its URL"},
    {"no_such_path", CLI_UNREACHABLE, " (is it the address of a host, of this version?)"},
};

static bool names_argument(const char *field) {
    static const char *const fields[] = {"id", "name", "queue", "key"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(field, fields[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What the user typed for the API's `field`: "--limit: ", "some-id: ". True: it was an option. */
static bool name_field(const struct cli *cli, const char *field, struct buf *out) {
    const char *option = field == NULL ? "" : filters_option(field);
    for (size_t i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].option->name, option) == 0) {
            buf_printf(out, "--%s: ", option);
            return true;
        }
    }
    if (field != NULL) {
        bool argument = cli->arg_count == 1 && names_argument(field);
        buf_printf(out, "%s: ", argument ? cli->args[0] : field);
    }
    return false;
}

/* Says what the host's own error says; with --json, its body. The exit status. */
static int say_error(const struct cli *cli, int status, const cJSON *error, struct bytes body) {
    struct buf place = {0};
    const char *code = remote_text(error, "code"), *hint = "";
    const char *message = remote_text(error, "message");
    bool option = name_field(cli, remote_text(error, "field"), &place);
    int exit = option && status == 400 ? CLI_USAGE : CLI_FAILED;
    for (size_t i = 0; code != NULL && i < ARRAY_LEN(refusals); i++) {
        if (strcmp(code, refusals[i].code) == 0) {
            exit = refusals[i].exit;
            hint = refusals[i].hint;
        }
    }
    if (cli->json && !cli->silent) {
        (void)fwrite(body.data, 1, body.len, stdout);
    } else if (status == 401) {
        (void)refused_token(cli);
    } else {
        (void)cli_fail(cli, exit, "%s%s%s", place.len == 0 ? "" : place.data,
                       message == NULL ? "the host does not say why" : message, hint);
    }
    buf_free(&place);
    return exit;
}

int remote_refused(const struct cli *cli, int status, struct bytes body) {
    cJSON *tree = cJSON_ParseWithLength(body.data, body.len);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(tree, "error");
    int r = error != NULL   ? say_error(cli, status, error, body)
            : status == 401 ? refused_token(cli)
                            : cli_fail(cli, CLI_FAILED, "the host answered with status %d", status);
    cJSON_Delete(tree);
    return r;
}

static int unreachable(const struct cli *cli, int error, const struct err *e) {
    if (error == -ENOKEY) {
        return cli_fail(cli, CLI_USAGE, "%s", e->msg);
    }
    const char *hint = error != -ECONNREFUSED ? ""
                       : cli_value(cli, "url") != NULL
                           ? " (is the host running there, and is this one of its host.listen?)"
                           : " (is the host running? start it with: jobhost run)";
    return cli_fail(cli, CLI_UNREACHABLE, "%s%s", e->msg, hint);
}

/* ---- asking ---- */

int remote_try(const struct cli *cli, const struct client_request *request,
               struct client_answer *ret, struct err *e) {
    return client_run(*cli->host, request, ret, e);
}

int remote_say(const struct cli *cli, int error, const struct client_answer *answer,
               const struct err *e) {
    if (error != 0 && answer->stopped) {
        return cli_fail(cli, CLI_FAILED, "%s", e->msg);
    }
    if (error != 0) {
        return unreachable(cli, error, e);
    }
    return answer->status >= 200 && answer->status <= 299
               ? CLI_OK
               : remote_refused(cli, answer->status, buf_bytes(&answer->refusal));
}

int remote_run(const struct cli *cli, const struct client_request *request) {
    struct client_answer answer;
    struct err e = {.code = 0};
    int r = remote_begin(cli);
    if (r == CLI_OK) {
        r = remote_say(cli, remote_try(cli, request, &answer, &e), &answer, &e);
        client_answer_finish(&answer);
    }
    return r;
}

static int collect(void *arg, struct bytes part, struct err *e) {
    struct buf *out = arg;
    buf_add(out, part.data, part.len);
    return out->failed ? err_set(e, -ENOMEM, "out of memory")
           : out->len > REMOTE_ANSWER_MAX
               ? err_set(e, -EFBIG, "the answer is larger than %d bytes", REMOTE_ANSWER_MAX)
               : 0;
}

int remote_ask(const struct cli *cli, const struct client_request *request, struct buf *ret_body) {
    struct client_request asked = *request;
    asked.on_body = collect;
    asked.body_arg = ret_body;
    return remote_run(cli, &asked);
}

int remote_json(const struct cli *cli, const char *method, const char *path, const char *body,
                cJSON **ret) {
    struct buf answer = {0};
    struct client_request request = {
        .method = method,
        .path = path,
        .content_type = body == NULL ? NULL : "application/json",
        .body = bytes_of(body),
    };
    *ret = NULL;
    int r = remote_ask(cli, &request, &answer);
    if (r == CLI_OK) {
        *ret = cJSON_ParseWithLength(answer.data, answer.len);
        if (*ret == NULL) {
            r = cli_fail(cli, CLI_FAILED, "the host's answer is not JSON");
        } else if (cli->json) {
            (void)fwrite(answer.data, 1, answer.len, stdout);
        }
    }
    buf_free(&answer);
    return r;
}

/* ---- paths ---- */

static void add_escaped(struct buf *path, const char *text) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL) {
            buf_char(path, *text);
        } else {
            buf_printf(path, "%%%02X", (unsigned char)*text);
        }
    }
}

void remote_query(struct buf *path, const char *name, const char *value) {
    if (value == NULL) {
        return;
    }
    buf_char(path, path->data == NULL || strchr(path->data, '?') == NULL ? '?' : '&');
    buf_str(path, name);
    buf_char(path, '=');
    add_escaped(path, value);
}

void remote_segment(struct buf *path, const char *text) {
    buf_char(path, '/');
    add_escaped(path, text);
}

/* ---- answers ---- */

const char *remote_text(const cJSON *object, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(value) ? value->valuestring : NULL;
}

double remote_number(const cJSON *object, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

bool remote_true(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name)) != 0;
}
