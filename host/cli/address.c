#define _GNU_SOURCE // explicit_bzero
#include "cli/address.h"

#include <stdlib.h>
#include <string.h>

#include "cli/local_config.h"
#include "cli/read_file.h"

/* A variable that is set to something. */
static const char *from_env(const char *name) {
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

static const char *named_url(const struct cli *cli) {
    const char *url = cli_value(cli, "url");
    bool other = cli_value(cli, "socket") != NULL || cli_value(cli, "config") != NULL;
    return url != NULL || other ? url : from_env("JOBHOST_URL");
}

bool address_is_named(const struct cli *cli) {
    return cli_value(cli, "socket") != NULL || named_url(cli) != NULL;
}

const char *address_token_source(const struct cli *cli) {
    const char *file = cli_value(cli, "token-file");
    return file != NULL ? file : from_env("JOBHOST_TOKEN") != NULL ? "JOBHOST_TOKEN" : NULL;
}

/* "unix:PATH" or "PATH". */
static int set_socket(const struct cli *cli, const char *text, struct address *a) {
    a->socket_path = strdup(strncmp(text, "unix:", 5) == 0 ? text + 5 : text);
    a->place.socket_path = a->socket_path;
    return a->socket_path == NULL ? cli_fail(cli, CLI_FAILED, "out of memory") : CLI_OK;
}

static int set_socket_of_config(const struct cli *cli, struct address *a) {
    struct local_config local;
    int r = local_config_load_place(cli, &local);
    if (r == CLI_OK) {
        r = set_socket(cli, local.config->host.admin, a);
    }
    local_config_finish(&local);
    return r;
}

static int set_token(const struct cli *cli, struct address *a) {
    const char *file = cli_value(cli, "token-file");
    struct err e = {.code = 0};
    if (file == NULL) {
        a->place.token = from_env("JOBHOST_TOKEN");
        return CLI_OK;
    }
    if (read_file(file, CLIENT_TOKEN_MAX + 2, &a->token, &e) != 0) {
        return cli_fail(cli, CLI_USAGE, "--token-file: %s", e.msg);
    }
    while (a->token.len > 0 && strchr("\r\n", a->token.data[a->token.len - 1]) != NULL) {
        a->token.data[--a->token.len] = '\0';
    }
    a->place.token = a->token.len == 0 ? "" : a->token.data;
    return CLI_OK;
}

static int set_url(const struct cli *cli, const char *url, struct address *a) {
    a->place.url = url;
    a->place.ca_file = cli_value(cli, "ca");
    return set_token(cli, a);
}

int address_find(const struct cli *cli, struct address *ret) {
    const char *url = named_url(cli);
    const char *socket = cli_value(cli, "socket");
    struct err e = {.code = 0};
    int r;
    *ret = (struct address){.socket_path = NULL};
    if (url != NULL && socket != NULL) {
        return cli_usage(cli, "give --url or --socket, not both");
    }
    if (socket != NULL || (url != NULL && strncmp(url, "unix:", 5) == 0)) {
        r = set_socket(cli, socket != NULL ? socket : url, ret);
        r = r == CLI_OK ? set_token(cli, ret) : r; // it may be a public one
    } else {
        r = url != NULL ? set_url(cli, url, ret) : set_socket_of_config(cli, ret);
    }
    if (r == CLI_OK && client_check_place(&ret->place, &e) != 0) {
        r = cli_fail(cli, CLI_USAGE, "%s", e.msg);
    }
    return r;
}

void address_finish(struct address *a) {
    if (a->token.data != NULL) {
        explicit_bzero(a->token.data, a->token.cap);
    }
    buf_free(&a->token);
    free(a->socket_path);
}
