#include "cli/remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/local_config.h"

int remote_socket(const struct cli *cli, char **ret_path) {
    const char *given = cli_value(cli, "socket");
    if (given != NULL) {
        *ret_path = strdup(strncmp(given, "unix:", 5) == 0 ? given + 5 : given);
        return *ret_path == NULL ? cli_fail(cli, CLI_FAILED, "out of memory") : CLI_OK;
    }
    struct local_config local;
    int r = local_config_load(cli, &local);
    if (r == CLI_OK) {
        *ret_path = strdup(local.config->host.admin);
        r = *ret_path == NULL ? cli_fail(cli, CLI_FAILED, "out of memory") : CLI_OK;
    }
    local_config_finish(&local);
    return r;
}

int remote_refused(const struct cli *cli, int status, struct bytes body) {
    cJSON *tree = cJSON_ParseWithLength(body.data, body.len);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(tree, "error");
    const char *message = remote_text(error, "message");
    const char *field = remote_text(error, "field");
    if (cli->json && error != NULL) {
        (void)fwrite(body.data, 1, body.len, stdout);
    } else if (message == NULL) {
        (void)cli_fail(cli, CLI_FAILED, "the host answered with status %d", status);
    } else {
        (void)cli_fail(cli, CLI_FAILED, "%s%s%s", field == NULL ? "" : field,
                       field == NULL ? "" : ": ", message);
    }
    cJSON_Delete(tree);
    return CLI_FAILED;
}

static bool nobody_there(int error) {
    return error == -ENOENT || error == -ECONNREFUSED || error == -EACCES || error == -ENOTSOCK ||
           error == -EPERM || error == -ENOTDIR;
}

int remote_open(const struct cli *cli, const struct client_request *request,
                struct client_response *ret) {
    char *path = NULL;
    struct err e = {.code = 0};
    int r = remote_socket(cli, &path);
    if (r != CLI_OK) {
        return r;
    }
    int error = client_open(path, request, ret, &e);
    free(path);
    if (error != 0) {
        return cli_fail(cli, CLI_UNREACHABLE, "%s%s", e.msg,
                        nobody_there(error) ? " (is the host running? start it with: jobhost run)"
                                            : "");
    }
    if (ret->status >= 200 && ret->status <= 299) {
        return CLI_OK;
    }
    struct buf body = {0};
    (void)client_read_all(ret, &body, 1 << 20, &e);
    client_close(ret);
    r = remote_refused(cli, ret->status, buf_bytes(&body));
    buf_free(&body);
    return r;
}

int remote_ask(const struct cli *cli, const struct client_request *request, struct buf *ret_body) {
    struct client_response *response = malloc(sizeof *response);
    struct err e = {.code = 0};
    if (response == NULL) {
        return cli_fail(cli, CLI_FAILED, "out of memory");
    }
    int r = remote_open(cli, request, response);
    if (r == CLI_OK) {
        if (client_read_all(response, ret_body, REMOTE_ANSWER_MAX, &e) != 0) {
            r = cli_fail(cli, CLI_UNREACHABLE, "%s", e.msg);
        }
        client_close(response);
    }
    free(response);
    return r;
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
    buf_char(path, strchr(path->data, '?') == NULL ? '?' : '&');
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
