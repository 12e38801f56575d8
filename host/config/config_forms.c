#include "config/config_forms.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/network.h"
#include "base/rfc3339.h"
#include "core/cron.h"
#include "core/egress.h"
#include "core/job.h"
#include "core/outcome.h"
#include "core/share.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// sockaddr_un holds 108 bytes with the NUL; the same on every Linux
enum { SOCKET_PATH_MAX = 107 };

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_alphabet(const char *text, const char *set) {
    return text[strspn(text, set)] == '\0';
}

// No blanks, control bytes or quotes: what may stand in a URL or a header name as it is.
static bool is_graphic(const char *text) {
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text == 0x7F || *text == '"' || *text == '<' || *text == '>') {
            return false;
        }
    }
    return true;
}

// ---- names

static int check_name(const char *text, struct err *e) {
    size_t len = strlen(text);
    if (len < 1 || len > 64 || strchr(LETTERS, text[0]) == NULL ||
        !is_alphabet(text, LETTERS DIGITS "_.-")) {
        return err_set(
            e, -EINVAL,
            "a name has 1 to 64 letters, digits, '_', '.', '-' and begins with a letter");
    }
    return 0;
}
const struct config_form form_name = {"a name", "^[A-Za-z][A-Za-z0-9_.-]{0,63}$", check_name};

static int check_failure_class(const char *text, struct err *e) {
    int cls = outcome_class_from_name(text);
    return cls >= 0 && outcome_class_backs_off(cls)
               ? 0
               : err_set(e, -EINVAL,
                         "classes whose failures are tried again are auth, network, upstream, "
                         "timeout, resource, bug, unknown");
}
const struct config_form form_failure_class = {
    "a class of failures", "^(auth|network|upstream|timeout|resource|bug|unknown)$",
    check_failure_class};

static int check_plugin_name(const char *text, struct err *e) {
    size_t len = strlen(text);
    if (len < 1 || len > 64 || strchr(LETTERS, text[0]) == NULL ||
        !is_alphabet(text, LETTERS DIGITS "_-")) {
        return err_set(
            e, -EINVAL,
            "a plugin's name has 1 to 64 letters, digits, '_', '-' and begins with a letter");
    }
    return 0;
}
const struct config_form form_plugin_name = {"a plugin's name", "^[A-Za-z][A-Za-z0-9_-]{0,63}$",
                                             check_plugin_name};

const struct config_form form_queue = {"a queue's name", "^[A-Za-z][A-Za-z0-9_.-]{0,63}$",
                                       job_check_queue};
const struct config_form form_job_type = {"a job type", "^[A-Za-z][A-Za-z0-9_.-]{0,127}$",
                                          job_check_type};

static int check_program(const char *text, struct err *e) {
    if (*text == '\0' || strlen(text) > 4096 || (text[0] != '/' && strchr(text, '/') != NULL)) {
        return err_set(e, -EINVAL, "expected a program's name or its absolute path");
    }
    return 0;
}
const struct config_form form_program = {"a program", "^(/.{0,4095}|[^/]{1,4096})$", check_program};

static int check_absolute(const char *text, struct err *e) {
    if (text[0] != '/' || strlen(text) >= PATH_MAX) {
        return err_set(e, -EINVAL, "expected an absolute path");
    }
    return 0;
}
const struct config_form form_absolute = {"an absolute path", "^/.{0,4094}$", check_absolute};

// ---- addresses

static int check_socket(const char *text, struct err *e) {
    if (!starts_with(text, "unix:") || text[5] == '\0') {
        return err_set(e, -EINVAL, "expected unix:PATH");
    }
    if (strlen(text + 5) > SOCKET_PATH_MAX) {
        return err_set(e, -ENAMETOOLONG, "the socket's path is longer than %d bytes",
                       SOCKET_PATH_MAX);
    }
    return 0;
}
const struct config_form form_socket = {"unix:PATH", "^unix:.{1,107}$", check_socket};

static bool is_port(const char *text) {
    size_t len = strlen(text);
    return len >= 1 && len <= 5 && is_alphabet(text, DIGITS) && strtol(text, NULL, 10) <= 65535;
}

static int check_port(const char *text, struct err *e) {
    if (!is_port(text) || text[0] == '0') {
        return err_set(e, -EINVAL, "expected a port, 1 to 65535");
    }
    return 0;
}
const struct config_form form_port = {
    "a port",
    "^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
    check_port};

static int check_egress(const char *text, struct err *e) {
    struct egress_rule rule;
    return egress_rule_parse(text, &rule, e);
}
const struct config_form form_egress = {"an address or a network, perhaps with a port",
                                        "^[][0-9A-Fa-f.:/]+$", check_egress};

uint32_t config_weight(const char *text, size_t *ret_name_len) {
    const char *sign = strrchr(text, '=');
    *ret_name_len = sign == NULL ? 0 : (size_t)(sign - text);
    if (sign == NULL || strlen(sign) > 5 || !is_alphabet(sign + 1, DIGITS) || sign[1] == '0') {
        return 0;
    }
    unsigned long weight = strtoul(sign + 1, NULL, 10);
    return weight > SHARE_WEIGHT_MAX ? 0 : (uint32_t)weight;
}

static int check_weight(const char *text, struct err *e) {
    size_t name;
    if (config_weight(text, &name) == 0 || name == 0 || name > JOB_TENANT_MAX) {
        return err_set(e, -EINVAL, "expected a tenant and its weight from 1 to %d, such as acme=3",
                       SHARE_WEIGHT_MAX);
    }
    return 0;
}
const struct config_form form_weight = {"a tenant and its weight",
                                        "^.{1,128}=([1-9][0-9]{0,2}|1000)$", check_weight};

// The host of "HOST:PORT", without brackets. False when there is no port or no room.
static bool split_host(const char *text, char host[64], bool *ret_v6) {
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !is_port(colon + 1)) {
        return false;
    }
    *ret_v6 = text[0] == '[' && colon - text >= 2 && colon[-1] == ']';
    const char *from = *ret_v6 ? text + 1 : text;
    size_t len = (size_t)(colon - from) - (*ret_v6 ? 1 : 0);
    if (len == 0 || len >= 64) {
        return false;
    }
    memcpy(host, from, len);
    host[len] = '\0';
    return true;
}

static int check_address(const char *text, struct err *e) {
    if (starts_with(text, "unix:")) {
        return check_socket(text, e);
    }
    char host[64];
    bool v6;
    unsigned char binary[16];
    if (!split_host(text, host, &v6) ||
        (strcmp(host, "localhost") != 0 && inet_pton(v6 ? AF_INET6 : AF_INET, host, binary) != 1)) {
        return err_set(e, -EINVAL,
                       "expected IP:PORT, [IPV6]:PORT, localhost:PORT or unix:PATH, such as "
                       "127.0.0.1:8080");
    }
    return 0;
}
const struct config_form form_address = {
    "an address", "^(unix:.{1,107}|(localhost|[0-9.]{7,15}|\\[[0-9A-Fa-f:.]{2,45}\\]):[0-9]{1,5})$",
    check_address};

static int check_proxy(const char *text, struct err *e) {
    struct network network;
    return strcmp(text, "unix") == 0 ? 0 : network_parse(text, &network, e);
}
const struct config_form form_proxy = {"an address or a network",
                                       "^(unix|[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?)$", check_proxy};

bool config_address_is_local(const char *address) {
    char host[64];
    bool v6;
    if (starts_with(address, "unix:") || !split_host(address, host, &v6)) {
        return true;
    }
    return strcmp(host, "localhost") == 0 || (v6 && strcmp(host, "::1") == 0) ||
           (!v6 && starts_with(host, "127."));
}

// ---- URLs

static int check_http_url(const char *text, struct err *e) {
    const char *host = starts_with(text, "https://")  ? text + 8
                       : starts_with(text, "http://") ? text + 7
                                                      : NULL;
    if (host == NULL || *host == '\0' || strchr("/?#:@", *host) != NULL || !is_graphic(text)) {
        return err_set(e, -EINVAL, "expected http://HOST... or https://HOST...");
    }
    return 0;
}
const struct config_form form_http_url = {"an http or https URL",
                                          "^https?://[^/?#:@\\s\"<>][^\\s\"<>]*$", check_http_url};

static int check_origin(const char *text, struct err *e) {
    if (check_http_url(text, NULL) < 0 || strpbrk(strchr(text, ':') + 3, "/?#@") != NULL) {
        return err_set(e, -EINVAL,
                       "expected an origin such as https://app.example.org, without a path");
    }
    return 0;
}
const struct config_form form_origin = {"an origin", "^https?://[^/?#@:\\s\"<>][^/?#@\\s\"<>]*$",
                                        check_origin};

static int check_store_url(const char *text, struct err *e) {
    static const char *const hosts[] = {"redis://",           "rediss://",
                                        "redis+sentinel://",  "redis+cluster://",
                                        "rediss+sentinel://", "rediss+cluster://"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (starts_with(text, hosts[i]) && text[strlen(hosts[i])] != '\0' && is_graphic(text)) {
            return 0;
        }
    }
    if ((starts_with(text, "sqlite:") && text[7] != '\0') ||
        (starts_with(text, "unix:") && text[5] != '\0')) {
        return 0;
    }
    return err_set(e, -EINVAL,
                   "expected sqlite:PATH, redis://HOST:PORT, rediss://HOST:PORT, unix:PATH, "
                   "redis+sentinel://... or redis+cluster://...");
}
const struct config_form form_store_url = {
    "a store", "^((sqlite|unix):.+|rediss?(\\+sentinel|\\+cluster)?://[^\\s\"<>]+)$",
    check_store_url};

static int check_sqlite_url(const char *text, struct err *e) {
    if (!starts_with(text, "sqlite:") || text[7] == '\0') {
        return err_set(e, -EINVAL, "expected sqlite:PATH");
    }
    return 0;
}
const struct config_form form_sqlite_url = {"sqlite:PATH", "^sqlite:.+$", check_sqlite_url};

static int check_blob_place(const char *text, struct err *e) {
    if (!starts_with(text, "dir:") || text[4] == '\0') {
        return err_set(e, -EINVAL, "expected dir:PATH");
    }
    return 0;
}
const struct config_form form_blob_place = {"dir:PATH", "^dir:.+$", check_blob_place};

// ---- HTTP

static int check_path(const char *text, struct err *e) {
    if (text[0] != '/' || !is_graphic(text) || strpbrk(text, "?#{}") != NULL) {
        return err_set(e, -EINVAL, "expected a path such as /hooks/name");
    }
    return 0;
}
const struct config_form form_path = {"a path", "^/[^\\s?#{}\"<>]*$", check_path};

const char *const config_methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", NULL};

// One segment: free of braces, or {name} as a whole. Returns what follows, NULL if it is neither.
static const char *skip_segment(const char *at) {
    size_t len = strcspn(at, "/");
    if (at[0] == '{') {
        size_t name = strspn(at + 1, LETTERS DIGITS "_");
        return name >= 1 && name <= 32 && at[1 + name] == '}' && 2 + name == len ? at + len : NULL;
    }
    return strcspn(at, "{}?#") < len ? NULL : at + len;
}

static int check_segments(const char *path, struct err *e) {
    for (const char *at = path; at != NULL && *at == '/';) {
        at = skip_segment(at + 1);
        if (at == NULL) {
            return err_set(e, -EINVAL,
                           "a part in braces is a whole segment of letters, digits and '_': /{id}");
        }
    }
    return 0;
}

static int check_hook_path(const char *text, struct err *e) {
    if (text[0] != '/' || !is_graphic(text) || strpbrk(text, "?#") != NULL) {
        return err_set(e, -EINVAL, "expected a path such as /hooks/name or /hooks/{shop}");
    }
    return check_segments(text, e);
}
const struct config_form form_hook_path = {
    "a path", "^(/([^\\s/?#{}\"<>]*|\\{[A-Za-z0-9_]{1,32}\\}))+$", check_hook_path};

static int check_match(const char *text, struct err *e) {
    size_t method = strcspn(text, " ");
    bool known = false;
    for (size_t i = 0; config_methods[i] != NULL; i++) {
        known |=
            strlen(config_methods[i]) == method && strncmp(text, config_methods[i], method) == 0;
    }
    const char *path = text + method;
    if (!known || path[0] != ' ' || path[1] != '/' || !is_graphic(path + 1)) {
        return err_set(e, -EINVAL, "expected METHOD /path, such as GET /job-status/{id}");
    }
    return check_segments(path + 1, e);
}
const struct config_form form_match = {
    "a method and a path",
    "^(GET|HEAD|POST|PUT|PATCH|DELETE) (/([^\\s/?#{}\"<>]*|\\{[A-Za-z0-9_]{1,32}\\}))+$",
    check_match};

static int check_header(const char *text, struct err *e) {
    if (*text == '\0' || strlen(text) > 128 ||
        !is_alphabet(text, LETTERS DIGITS "!#$%&'*+.^_`|~-")) {
        return err_set(e, -EINVAL, "expected the name of a header, such as X-Signature");
    }
    return 0;
}
const struct config_form form_header = {"a header's name", "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$",
                                        check_header};

static int check_label(const char *text, struct err *e) {
    if (*text == '\0' || !is_alphabet(text, LETTERS DIGITS "_-")) {
        return err_set(e, -EINVAL, "expected letters, digits, '_' and '-', such as v1");
    }
    return 0;
}
const struct config_form form_label = {"a label", "^[A-Za-z0-9_-]+$", check_label};

static int check_template(const char *text, struct err *e) {
    static const char *const known[] = {"{body}", "{id}", "{timestamp}"};
    if (strstr(text, "{body}") == NULL) {
        return err_set(e, -EINVAL, "the template must contain {body}");
    }
    for (const char *at = strchr(text, '{'); at != NULL; at = strchr(at + 1, '{')) {
        bool found = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            found |= starts_with(at, known[i]);
        }
        if (!found) {
            return err_set(e, -EINVAL,
                           "unknown placeholder; there are {body}, {id} and {timestamp}");
        }
    }
    return 0;
}
const struct config_form form_template = {"a template",
                                          "^([^{]|\\{id\\}|\\{timestamp\\}|\\{body\\})*\\{body\\}(["
                                          "^{]|\\{id\\}|\\{timestamp\\}|\\{body\\})*$",
                                          check_template};

// ---- time

static int check_zone(const char *text, struct err *e) {
    return zone_check_name(text, strlen(text), e);
}
const struct config_form form_zone = {"a time zone", "^[A-Za-z0-9_+-][A-Za-z0-9_+/-]{0,63}$",
                                      check_zone};

static int check_time(const char *text, struct err *e) {
    int64_t ms;
    if (rfc3339_parse(text, &ms) < 0) {
        return err_set(e, -EINVAL, "expected a time such as 2026-01-31T09:00:00Z");
    }
    return 0;
}
const struct config_form form_time = {
    "a time",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt "
    "][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    check_time};

static int check_cron(const char *text, struct err *e) {
    struct cron cron;
    return cron_parse(text, &cron, e);
}
const struct config_form form_cron = {"a cron expression",
                                      "^\\s*((CRON_)?TZ=\\S*\\s+)?(@[A-Za-z]+(\\s+\\S+)?|[A-Za-z0-"
                                      "9*/,?#-]+(\\s+[A-Za-z0-9*/,?#-]+){4,5}\\s*)$",
                                      check_cron};
