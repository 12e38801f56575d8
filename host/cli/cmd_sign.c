/* sign: the headers that a sender of a webhook would make, for tests and curl. No host is asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decode.h"
#include "base/env.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/local_config.h"
#include "cli/read_file.h"
#include "config/config_secret.h"
#include "config/config_tables.h"
#include "intake/sign.h"

enum { PAYLOAD_MAX = 64 << 20, PARAMS_MAX = 64 };
#define SECRET_VARIABLE "JOBHOST_SIGN_SECRET"

struct sign {
    struct cli *cli;
    struct arena arena;
    struct config_vault vault;
    struct local_config local; /* with --hook */
    struct config_verify verify;
    struct config_option params[PARAMS_MAX];
    struct buf payload;
    struct sign_ask ask;
    struct signature signature;
};

/* ------------------------------------------------------------------ secrets */

/* From a file or the environment; *ret NULL: neither is given. */
static int read_secret(struct sign *s, const char **ret) {
    const char *file = cli_value(s->cli, "secret-file"), *value = getenv(SECRET_VARIABLE);
    struct err e;
    size_t len;
    *ret = NULL;
    if (file == NULL) {
        *ret = value == NULL || *value == '\0' ? NULL : value;
        return CLI_OK;
    }
    return config_secret_read(&s->vault, file, file, false, ret, &len, &e) == 0
               ? CLI_OK
               : cli_fail(s->cli, CLI_USAGE, "%s", e.msg);
}

static bool is_secret(const struct config_field *field) {
    return field != NULL && (field->kind == CONFIG_SECRET || field->kind == CONFIG_SECRETS);
}

static int add_param(struct sign *s, const char *name, const char *value) {
    if (s->verify.param_count == PARAMS_MAX) {
        return cli_usage(s->cli, "more than %d parameters", PARAMS_MAX);
    }
    s->params[s->verify.param_count++] = (struct config_option){.name = name, .value = value};
    return CLI_OK;
}

/* ------------------------------------------------------------------ the scheme */

static const struct config_table *find_table(const char *scheme) {
    for (size_t i = 0; i < config_scheme_count; i++) {
        if (strcmp(config_schemes[i].what, scheme) == 0) {
            return &config_schemes[i];
        }
    }
    return NULL;
}

/* NAME=VALUE of the scheme's own parameters, but no secret: others could read it in the process
 * list. */
static int add_given(struct sign *s, const struct config_table *table, const char *given) {
    const char *equals = strchr(given, '=');
    char *name = equals == NULL ? NULL : arena_strn(&s->arena, given, (size_t)(equals - given));
    const struct config_field *field = name == NULL ? NULL : config_table_field(table, name);
    if (field == NULL || is_secret(field)) {
        return cli_usage(s->cli, "--param %s: expected NAME=VALUE of a parameter of %s%s", given,
                         table->what, field == NULL ? "" : "; a secret has a file or a variable");
    }
    return add_param(s, name, equals + 1);
}

static int add_defaults(struct sign *s, const struct config_table *table) {
    int status = CLI_OK;
    for (size_t i = 0; i < table->count && status == CLI_OK; i++) {
        if (strcmp(table->fields[i].key, "allow_sha1") == 0) {
            status = add_param(s, "allow_sha1", "true"); // who asks for it knows
        } else if (strcmp(table->fields[i].key, "public_url") == 0) {
            const char *url = cli_value(s->cli, "url");
            status = add_param(s, "public_url", url == NULL ? "" : url);
        }
    }
    return status;
}

static int take_scheme(struct sign *s, const char *scheme, const char *secret) {
    const struct config_table *table = find_table(scheme);
    if (table == NULL) {
        return cli_usage(s->cli, "%s: there is no such scheme", scheme);
    }
    if (secret == NULL) {
        return cli_usage(s->cli, "give the secret by --secret-file FILE or in " SECRET_VARIABLE);
    }
    s->verify.scheme = table->what;
    int status = CLI_OK;
    for (size_t i = 0; cli_nth(s->cli, "param", i) != NULL && status == CLI_OK; i++) {
        status = add_given(s, table, cli_nth(s->cli, "param", i));
    }
    for (size_t i = 0; i < table->count && status == CLI_OK; i++) {
        if (is_secret(&table->fields[i])) {
            return add_param(s, table->fields[i].key, secret) == CLI_OK ? add_defaults(s, table)
                                                                        : CLI_USAGE;
        }
    }
    return status;
}

/* ------------------------------------------------------------------ a hook of the configuration */

static const struct config_hook *find_hook(const struct sign *s, const char *name) {
    const struct config *c = s->local.config;
    for (size_t i = 0; i < c->hook_count; i++) {
        if (strcmp(c->hooks[i].entry.name, name) == 0) {
            return &c->hooks[i];
        }
    }
    return NULL;
}

static const struct config_verify *find_verify(const struct config_hook *hook, const char *scheme) {
    for (size_t i = 0; i < hook->verify_count; i++) {
        if (scheme == NULL || strcmp(hook->verify[i].scheme, scheme) == 0) {
            return &hook->verify[i];
        }
    }
    return NULL;
}

/* The entry's parameters, with another secret if one is given. */
static int take_params(struct sign *s, const struct config_verify *c, const char *secret) {
    const struct config_table *table = find_table(c->scheme);
    bool replaced = secret == NULL;
    int status = CLI_OK;
    s->verify.scheme = c->scheme;
    for (size_t i = 0; i < c->param_count && status == CLI_OK; i++) {
        const struct config_option *p = &c->params[i];
        bool own = table != NULL && is_secret(config_table_field(table, p->name));
        if (!own || secret == NULL) {
            status = add_param(s, p->name, p->value);
        } else if (!replaced) {
            status = add_param(s, p->name, secret);
            replaced = true;
        }
    }
    return status;
}

/* Where its sender calls it; NULL where only the sender knows: {names} in the path. */
static const char *hook_url(struct sign *s, const struct config_hook *hook,
                            const struct config_verify *c) {
    const char *base = hook->public_url != NULL ? hook->public_url : s->local.config->host.base_url;
    size_t len = strlen(base);
    for (size_t i = 0; i < c->param_count; i++) {
        if (strcmp(c->params[i].name, "public_url") == 0 || strcmp(c->params[i].name, "url") == 0) {
            return c->params[i].value;
        }
    }
    len -= len > 0 && base[len - 1] == '/';
    return strchr(hook->path, '{') != NULL
               ? NULL
               : arena_printf(&s->arena, "%.*s%s", (int)len, base, hook->path);
}

static int take_hook(struct sign *s, const char *name, const char *scheme, const char *secret) {
    int status = local_config_load(s->cli, &s->local);
    if (status != CLI_OK) {
        return status;
    }
    const struct config_hook *hook = find_hook(s, name);
    if (hook == NULL) {
        return cli_fail(s->cli, CLI_USAGE, "%s has no hook %s", s->local.file, name);
    }
    const struct config_verify *c = find_verify(hook, scheme);
    if (c == NULL) {
        return cli_fail(s->cli, CLI_USAGE, "hook %s does not have that scheme", name);
    }
    if (s->ask.url == NULL) {
        s->ask.url = hook_url(s, hook, c);
    }
    return take_params(s, c, secret);
}

/* ------------------------------------------------------------------ what is signed */

static int read_payload(struct sign *s) {
    const char *given = cli_value(s->cli, "payload"), *type = cli_value(s->cli, "content-type");
    struct err e;
    int r = 0;
    if (given != NULL && (given[0] == '@' || strcmp(given, "-") == 0)) {
        r = read_file(given[0] == '@' ? given + 1 : "-", PAYLOAD_MAX, &s->payload, &e);
    } else {
        buf_str(&s->payload, given == NULL ? "" : given);
    }
    s->ask.body = buf_bytes(&s->payload);
    s->ask.content_type = type == NULL ? "application/json" : type;
    return r == 0 ? CLI_OK : cli_fail(s->cli, CLI_USAGE, "%s", e.msg);
}

static int read_time(struct sign *s) {
    const char *text = cli_value(s->cli, "time");
    struct env env;
    struct err e;
    int64_t seconds;
    if (text != NULL && decode_number(bytes_of(text), &seconds)) {
        s->ask.now_ms = seconds * 1000;
        return CLI_OK;
    }
    if (text != NULL) {
        return rfc3339_parse(text, &s->ask.now_ms) == 0
                   ? CLI_OK
                   : cli_usage(s->cli, "--time: expected Unix seconds, or a time such as "
                                       "2026-01-31T09:00:00Z");
    }
    if (env_open(&env, &e) < 0) {
        return cli_fail(s->cli, CLI_FAILED, "%s", e.msg);
    }
    s->ask.now_ms = env_wall_ms(&env);
    env_close(&env);
    return CLI_OK;
}

static int read_id(struct sign *s) {
    unsigned char bytes[15];
    struct buf text = {0};
    s->ask.id = cli_value(s->cli, "id");
    if (s->ask.id != NULL) {
        return s->ask.id[0] != '\0' && strpbrk(s->ask.id, "\r\n") == NULL
                   ? CLI_OK
                   : cli_usage(s->cli, "--id: expected a text without line ends");
    }
    env_random(bytes, sizeof bytes);
    buf_str(&text, "msg_");
    encode_bytes(DECODE_HEX, bytes, sizeof bytes, &text);
    s->ask.id = text.failed ? NULL : arena_str(&s->arena, text.data);
    buf_free(&text);
    return s->ask.id == NULL ? cli_fail(s->cli, CLI_FAILED, "out of memory") : CLI_OK;
}

/* ------------------------------------------------------------------ the answer */

static void write_json(const struct sign *s, struct buf *out) {
    const struct signature *made = &s->signature;
    buf_char(out, '{');
    json_kstr(out, "scheme", s->verify.scheme);
    json_kstr(out, "url", made->url);
    json_key(out, "headers");
    buf_char(out, '{');
    json_kstr(out, "Content-Type", s->ask.content_type);
    for (size_t i = 0; i < made->count; i++) {
        json_kstr(out, made->headers[i].name, made->headers[i].value);
    }
    buf_str(out, "}}\n");
}

/* A line that a shell takes: the payload goes as it was named here. */
static void write_curl(const struct sign *s, struct buf *out) {
    const struct signature *made = &s->signature;
    const char *payload = cli_value(s->cli, "payload");
    bool file = payload != NULL && (payload[0] == '@' || strcmp(payload, "-") == 0);
    buf_str(out, "curl -X POST");
    for (size_t i = 0; i <= made->count; i++) {
        const char *name = i == made->count ? "Content-Type" : made->headers[i].name;
        const char *value = i == made->count ? s->ask.content_type : made->headers[i].value;
        struct buf line = {0};
        buf_printf(&line, "%s: %s", name, value);
        buf_str(out, " -H ");
        command_word(out, line.data == NULL ? "" : line.data);
        out->failed |= line.failed;
        buf_free(&line);
    }
    buf_str(out, file ? " --data-binary " : " --data-raw ");
    command_word(out, payload == NULL ? "" : strcmp(payload, "-") == 0 ? "@-" : payload);
    buf_char(out, ' ');
    command_word(out, made->url == NULL ? "URL" : made->url);
    buf_char(out, '\n');
}

static void write_headers(const struct sign *s, struct buf *out) {
    buf_printf(out, "Content-Type: %s\n", s->ask.content_type);
    for (size_t i = 0; i < s->signature.count; i++) {
        buf_printf(out, "%s: %s\n", s->signature.headers[i].name, s->signature.headers[i].value);
    }
}

static int print_signature(const struct sign *s) {
    struct buf out = {0};
    bool moved = s->ask.url != NULL && strcmp(s->signature.url, s->ask.url) != 0;
    if (s->cli->json) {
        write_json(s, &out);
    } else if (cli_flag(s->cli, "curl")) {
        write_curl(s, &out);
    } else {
        write_headers(s, &out);
    }
    if (out.failed) {
        buf_free(&out);
        return cli_fail(s->cli, CLI_FAILED, "out of memory");
    }
    (void)fwrite(out.data, 1, out.len, stdout);
    if (moved && !s->cli->json && !cli_flag(s->cli, "curl")) {
        (void)fprintf(stderr, "to be sent to %s\n", s->signature.url);
    }
    buf_free(&out);
    return CLI_OK;
}

/* ------------------------------------------------------------------ all of it */

static int take_key(struct sign *s) {
    const char *hook = cli_value(s->cli, "hook"), *secret = NULL;
    const char *scheme = s->cli->arg_count > 0 ? s->cli->args[0] : NULL;
    int status = read_secret(s, &secret);
    if (status != CLI_OK) {
        return status;
    }
    if (hook == NULL && scheme == NULL) {
        return cli_usage(s->cli, "name a scheme, or a hook with --hook");
    }
    return hook == NULL ? take_scheme(s, scheme, secret) : take_hook(s, hook, scheme, secret);
}

static int make_signature(struct sign *s) {
    static int (*const steps[])(struct sign *) = {take_key, read_payload, read_time, read_id};
    struct err e;
    int status = CLI_OK;
    for (size_t i = 0; i < ARRAY_LEN(steps) && status == CLI_OK; i++) {
        status = steps[i](s);
    }
    if (status != CLI_OK) {
        return status;
    }
    if (sign_delivery(&s->verify, &s->ask, &s->arena, &s->signature, &e) < 0) {
        return cli_fail(s->cli, CLI_USAGE, "%s", e.msg);
    }
    return print_signature(s);
}

int cmd_sign(struct cli *cli) {
    struct sign s = {.cli = cli, .ask = {.url = cli_value(cli, "url")}};
    s.verify.params = s.params;
    int status = make_signature(&s);
    local_config_finish(&s.local);
    buf_free(&s.payload);
    config_vault_free(&s.vault);
    arena_wipe(&s.arena);
    return status;
}
