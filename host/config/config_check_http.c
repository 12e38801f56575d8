// Hooks and routes: secrets of the right shape, and no path that another one takes first.

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/decode.h"
#include "config/config_check.h"

// ---- secrets of hooks

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

struct hook_check {
    struct config_binding *b;
    const struct config_hook *hook;
    const struct config_verify *verify;
    size_t verify_count;
    const struct config_subject *subject; /* where the schemes stand */
};

#define HOOK_ERROR(h, member, ...)                                                                 \
    config_check_error(                                                                            \
        (h)->b, &(struct config_subject){&(h)->hook->entry, "hooks", #member, &(h)->hook->member}, \
        __VA_ARGS__)

/* Of its schemes, wherever they stand. */
#define VERIFY_ERROR(h, ...)   config_check_error((h)->b, (h)->subject, __VA_ARGS__)
#define VERIFY_WARNING(h, ...) config_check_warning((h)->b, (h)->subject, __VA_ARGS__)

static const char *param(const struct config_verify *verify, const char *name) {
    for (size_t i = 0; i < verify->param_count; i++) {
        if (strcmp(verify->params[i].name, name) == 0) {
            return verify->params[i].value;
        }
    }
    return NULL;
}

static bool is_on(const struct config_verify *verify, const char *name) {
    const char *value = param(verify, name);
    return value != NULL && strcmp(value, "true") == 0;
}

// How many bytes a key has, -1 if its text is not what `form` wants.
static int key_length(const char *text, enum decode_form form) {
    uint8_t key[DECODE_ROOM(CONFIG_KEY_TEXT_MAX)];
    size_t len;
    bool good = strlen(text) <= CONFIG_KEY_TEXT_MAX &&
                decode_bytes(form, bytes_of(text), key, sizeof(key), &len);
    OPENSSL_cleanse(key, sizeof(key));
    return good ? (int)len : -1;
}

static void check_secret_length(const struct hook_check *h, int length) {
    static const char words[] = "the secret must decode to 24 to 64 bytes";
    if (length >= 24 && length <= 64) {
        return;
    }
    if (length > 0 && is_on(h->verify, "allow_weak_secret")) {
        VERIFY_WARNING(h, "weak_secret", "%s; this one has %d", words, length);
    } else {
        VERIFY_ERROR(h, "bad_secret", "%s", words);
    }
}

static void check_version(const struct hook_check *h, bool is_public) {
    const char *version = param(h->verify, "version");
    if (version != NULL && strcmp(version, is_public ? "v1" : "v1a") == 0) {
        VERIFY_ERROR(h, "contradiction",
                     is_public ? "a whpk_ key is for v1a; v1 needs whsec_"
                               : "v1a needs a whpk_ key; a secret is for v1");
    }
}

static void check_whsec(const struct hook_check *h, const char *secret) {
    bool is_public = starts_with(secret, "whpk_");
    if (starts_with(secret, "whsk_")) {
        VERIFY_ERROR(h, "bad_secret",
                     "a whsk_ key is the sender's private key; a receiver needs whpk_ or whsec_");
        return;
    }
    const char *text = starts_with(secret, "whsec_") ? secret + 6 : is_public ? secret + 5 : secret;
    int length = key_length(text, DECODE_BASE64);
    if (length < 0) {
        VERIFY_ERROR(h, "bad_secret", "the secret is not valid base64");
    } else if (is_public && length != 32) {
        VERIFY_ERROR(h, "bad_secret", "a whpk_ key has 32 bytes");
    } else if (!is_public) {
        check_secret_length(h, length);
    }
    check_version(h, is_public);
}

static bool is_encoded(const char *key, const char *encoding) {
    if (strcmp(encoding, "text") == 0) {
        return true;
    }
    return key_length(key, strcmp(encoding, "hex") == 0 ? DECODE_HEX : DECODE_BASE64) > 0;
}

static void check_hmac_keys(const struct hook_check *h) {
    const char *encoding = param(h->verify, "key_encoding");
    for (size_t i = 0; encoding != NULL && i < h->verify->param_count; i++) {
        const struct config_option *p = &h->verify->params[i];
        const char *key = p->value == NULL ? "" : p->value;
        if (strcmp(p->name, "secret") == 0 && !is_encoded(key, encoding)) {
            VERIFY_ERROR(h, "bad_secret", "the secret is not valid %s", encoding);
        }
    }
}

// {id} beside another placeholder: where one ends and the other begins, nothing would say.
static bool has_neighbours(const char *template) {
    for (const char *at = template; (at = strstr(at, "{id}")) != NULL; at += 4) {
        if (at[4] == '{' || (at > template && at[-1] == '}')) {
            return true;
        }
    }
    return false;
}

static void check_hmac_template(const struct hook_check *h) {
    const char *template = param(h->verify, "template");
    bool timed = template != NULL && strstr(template, "{timestamp}") != NULL;
    bool named = template != NULL && strstr(template, "{id}") != NULL;
    bool has_header = param(h->verify, "timestamp_header") != NULL;
    bool has_label = param(h->verify, "timestamp_label") != NULL;
    if (named && param(h->verify, "id_header") == NULL) {
        VERIFY_ERROR(h, "missing_key", "{id} in the template needs id_header");
    }
    if (named && has_neighbours(template)) {
        HOOK_ERROR(h, verify, "contradiction",
                   "the template needs a text between {id} and what is next to it");
    }
    if (timed && !has_header && !has_label) {
        VERIFY_ERROR(h, "missing_key",
                     "{timestamp} in the template needs timestamp_header or timestamp_label");
    }
    if (!timed && (has_header || has_label)) {
        VERIFY_ERROR(h, "contradiction", "the time is not signed: the template has no {timestamp}");
    }
    if (has_label && (has_header || param(h->verify, "label") == NULL)) {
        VERIFY_ERROR(h, "contradiction",
                     "timestamp_label goes with label, and without timestamp_header");
    }
}

static void check_hmac(const struct hook_check *h) {
    const char *algorithm = param(h->verify, "algorithm");
    if (algorithm != NULL && strcmp(algorithm, "sha1") == 0 && !is_on(h->verify, "allow_sha1")) {
        VERIFY_ERROR(h, "sha1", "algorithm: sha1 needs allow_sha1: true");
    }
    check_hmac_keys(h);
    check_hmac_template(h);
}

static void check_twilio(const struct hook_check *h) {
    if (!is_on(h->verify, "allow_sha1")) {
        VERIFY_ERROR(h, "sha1", "Twilio signs with SHA-1; set allow_sha1: true to accept it");
    }
}

static void check_verify(const struct hook_check *h) {
    const char *scheme = h->verify->scheme;
    bool base64 = strcmp(scheme, "standard_webhooks") == 0 || strcmp(scheme, "svix") == 0;
    for (size_t i = 0; base64 && i < h->verify->param_count; i++) {
        if (strcmp(h->verify->params[i].name, "secret") == 0) {
            check_whsec(h, h->verify->params[i].value);
        }
    }
    if (strcmp(scheme, "hmac") == 0) {
        check_hmac(h);
    } else if (strcmp(scheme, "twilio") == 0) {
        check_twilio(h);
    } else if (strcmp(scheme, "none") == 0 && h->verify_count > 1) {
        VERIFY_ERROR(h, "contradiction",
                     "none beside other schemes would let everybody in; leave one of them out");
    }
}

// ---- paths

static bool is_own_path(const char *path) {
    static const char *const exact[] = {"/healthz", "/readyz", "/metrics", "/v1"};
    for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
        if (strcmp(path, exact[i]) == 0) {
            return true;
        }
    }
    return starts_with(path, "/v1/");
}

// Does a request that `later` is meant for reach `earlier` first? Segment by segment; {name} takes
// any.
static bool covers(const char *earlier, const char *later, bool *ret_same) {
    *ret_same = true;
    while (*earlier == '/' && *later == '/') {
        size_t a = strcspn(++earlier, "/"), b = strcspn(++later, "/");
        bool wild_a = *earlier == '{', wild_b = *later == '{';
        bool equal = a == b && strncmp(earlier, later, a) == 0;
        if (!wild_a && (wild_b || !equal)) {
            return false;
        }
        if (wild_a && b == 0) {
            return false; // {name} is not empty
        }
        *ret_same &= wild_a == wild_b;
        earlier += a;
        later += b;
    }
    return *earlier == *later;
}

static size_t count_names(const char *path) {
    size_t count = 0;
    for (const char *at = strchr(path, '{'); at != NULL; at = strchr(at + 1, '{')) {
        count++;
    }
    return count;
}

static bool has_repeated_name(const char *path) {
    for (const char *a = strchr(path, '{'); a != NULL; a = strchr(a + 1, '{')) {
        size_t len = strcspn(a, "}") + 1;
        for (const char *z = strchr(a + 1, '{'); z != NULL; z = strchr(z + 1, '{')) {
            if (strncmp(a, z, len) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool has_method(const struct config_hook *hook, const char *method) {
    for (size_t i = 0; i < hook->method_count; i++) {
        if (strcmp(hook->methods[i], method) == 0) {
            return true;
        }
    }
    return false;
}

static bool share_method(const struct config_hook *a, const struct config_hook *z) {
    for (size_t i = 0; i < a->method_count; i++) {
        if (has_method(z, a->methods[i])) {
            return true;
        }
    }
    return false;
}

static void check_names(const struct hook_check *h) {
    if (has_repeated_name(h->hook->path)) {
        HOOK_ERROR(h, path, "bad_value", "a name in braces stands twice");
    }
    if (count_names(h->hook->path) > CONFIG_ROUTE_PARAMS_MAX) {
        HOOK_ERROR(h, path, "bad_value", "more than %d names in braces in a path",
                   CONFIG_ROUTE_PARAMS_MAX);
    }
}

// Against one that comes before it. False: it is said that it is in the way.
static bool check_before(const struct hook_check *h, const struct config_hook *before) {
    bool same;
    if (!before->entry.on || before->path == NULL || !share_method(before, h->hook) ||
        !covers(before->path, h->hook->path, &same)) {
        return true;
    }
    HOOK_ERROR(h, path, same ? "duplicate_path" : "shadowed_path",
               same
                   ? "hook %s has the same path (line %d)"
                   : "is never reached: hook %s (line %d) takes these requests first; put this one "
                     "before it",
               before->entry.name, before->entry.line);
    return false;
}

void config_check_hooks(struct config_binding *b, const struct config *c) {
    for (size_t i = 0; i < c->hook_count; i++) {
        const struct config_hook *hook = &c->hooks[i];
        const struct config_subject subject = {&hook->entry, "hooks", "verify", &hook->verify};
        struct hook_check h = {
            .b = b, .hook = hook, .verify_count = hook->verify_count, .subject = &subject};
        for (size_t j = 0; j < hook->verify_count; j++) {
            h.verify = &hook->verify[j];
            check_verify(&h);
        }
        if (hook->path == NULL) {
            continue;
        }
        if (is_own_path(hook->path)) {
            HOOK_ERROR(&h, path, "taken_path", "%s belongs to the host itself", hook->path);
        }
        check_names(&h);
        config_check_hook_texts(b, hook);
        bool clear = hook->entry.on;
        for (size_t j = 0; j < i && clear; j++) {
            clear = check_before(&h, &c->hooks[j]);
        }
    }
}

struct route_check {
    struct config_binding *b;
    const struct config *c;
    const struct config_route *route;
    size_t index;
    char section[64]; /* "routes[2]" */
};

#define ROUTE_ERROR(r, name, slot, ...)                                                            \
    config_check_error((r)->b,                                                                     \
                       &(struct config_subject){&(r)->route->entry, (r)->section, (name), (slot)}, \
                       __VA_ARGS__)

struct action_rule {
    const char *action;
    bool needs_job, needs_id;
};

static const struct action_rule action_rules[] = {
    {"submit", true, false}, {"status", false, true}, {"result", false, true},
    {"cancel", false, true}, {"events", false, true}, {"plugin.query", true, false},
};

static void check_action(const struct route_check *r) {
    const struct config_route *route = r->route;
    for (size_t i = 0; i < sizeof(action_rules) / sizeof(action_rules[0]); i++) {
        const struct action_rule *rule = &action_rules[i];
        if (strcmp(rule->action, route->action) != 0) {
            continue;
        }
        if (rule->needs_job && route->job == NULL && !route->entry.broken) {
            ROUTE_ERROR(r, "job", &route->job, "missing_key", "action: %s needs the type of a job",
                        rule->action);
        }
        if (!rule->needs_job && route->job != NULL) {
            ROUTE_ERROR(r, "job", &route->job, "contradiction",
                        "action: %s works on the job in the path", rule->action);
        }
        if (rule->needs_id && route->path != NULL && strstr(route->path, "/{id}") == NULL) {
            ROUTE_ERROR(r, "match", &route->entry.name, "missing_key",
                        "action: %s needs {id} in the path", rule->action);
        }
    }
}

// Hooks are looked at before routes.
static void check_beside_hook(const struct route_check *r, const struct config_hook *hook) {
    const struct config_route *route = r->route;
    bool same;
    if (!hook->entry.on || hook->path == NULL || !has_method(hook, route->method)) {
        return;
    }
    if (covers(hook->path, route->path, &same)) {
        ROUTE_ERROR(r, "match", &route->entry.name, "shadowed_path",
                    "is never reached: hook %s (line %d) takes these requests", hook->entry.name,
                    hook->entry.line);
    } else if (covers(route->path, hook->path, &same)) {
        ROUTE_ERROR(r, "match", &route->entry.name, "shadowed_path",
                    "takes the requests of hook %s (line %d)", hook->entry.name, hook->entry.line);
    }
}

static void check_shadow(const struct route_check *r) {
    const struct config *c = r->c;
    const struct config_route *route = r->route;
    for (size_t j = 0; j < r->index; j++) {
        const struct config_route *before = &c->routes[j];
        bool same;
        if (before->path == NULL || !before->entry.on ||
            strcmp(before->method, route->method) != 0 ||
            !covers(before->path, route->path, &same)) {
            continue;
        }
        ROUTE_ERROR(r, "match", &route->entry.name, same ? "duplicate_path" : "shadowed_path",
                    same ? "the route at line %d takes the same requests"
                         : "is never reached: the route at line %d takes these requests "
                           "first; put this one before it",
                    before->entry.line);
        return;
    }
    for (size_t j = 0; j < c->hook_count; j++) {
        check_beside_hook(r, &c->hooks[j]);
    }
}

static void check_path(const struct route_check *r) {
    const struct config_route *route = r->route;
    if (is_own_path(route->path)) {
        ROUTE_ERROR(r, "match", &route->entry.name, "taken_path", "%s belongs to the host itself",
                    route->path);
    }
    if (has_repeated_name(route->path)) {
        ROUTE_ERROR(r, "match", &route->entry.name, "bad_value", "a name in braces stands twice");
    }
    if (count_names(route->path) > CONFIG_ROUTE_PARAMS_MAX) {
        ROUTE_ERROR(r, "match", &route->entry.name, "bad_value",
                    "more than %d names in braces in a path", CONFIG_ROUTE_PARAMS_MAX);
    }
    if (route->entry.on) {
        check_shadow(r);
    }
}

/* Schemes that look at headers alone. */
static bool is_of_head(const char *scheme) {
    static const char *const words[] = {"bearer", "gitlab", "none"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], scheme) == 0) {
            return true;
        }
    }
    return false;
}

static void check_auth(const struct route_check *r) {
    const struct config_route *route = r->route;
    const struct config_subject subject = {&route->entry, r->section, "auth", &route->auth};
    struct hook_check h = {.b = r->b, .verify_count = route->auth_count, .subject = &subject};
    bool form = route->view != NULL && strcmp(route->view, config_view_names[0]) != 0 &&
                route->action != NULL && strcmp(route->action, "submit") == 0;
    for (size_t i = 0; i < route->auth_count; i++) {
        h.verify = &route->auth[i];
        check_verify(&h);
        if (form && !is_of_head(h.verify->scheme)) {
            VERIFY_ERROR(&h, "contradiction",
                         "%s signs a body as a whole, and this view takes forms, whose files go to "
                         "the disk as they come",
                         h.verify->scheme);
        }
    }
}

void config_check_routes(struct config_binding *b, const struct config *c) {
    for (size_t i = 0; i < c->route_count; i++) {
        struct route_check r = {.b = b, .c = c, .route = &c->routes[i], .index = i};
        (void)snprintf(r.section, sizeof(r.section), "routes[%zu]", i);
        if (r.route->action != NULL) {
            check_action(&r);
        }
        if (r.route->path != NULL) {
            check_path(&r);
        }
        check_auth(&r);
    }
}
