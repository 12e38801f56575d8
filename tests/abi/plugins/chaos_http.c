// Calls by HTTP.
#define _GNU_SOURCE // O_TMPFILE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos.h"
#include "jobhost_http.h"

static uint32_t take_headers(const struct chaos *x, struct jh_http_header *ret, uint32_t most) {
    const cJSON *h;
    uint32_t count = 0;
    cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(x->payload, "headers")) {
        if (count < most) {
            ret[count++] = (struct jh_http_header){h->string, h->valuestring};
        }
    }
    return count;
}

static int file_size(int fd) {
    struct stat st;
    return fd == -1 || fstat(fd, &st) == -1 ? -1 : (int)st.st_size;
}

static void add_text(cJSON *to, const char *name, struct jh_bytes text) {
    cJSON_AddNumberToObject(to, "body_len", (double)text.len);
    if (text.len < 4096) {
        char copy[4096];
        (void)snprintf(copy, sizeof copy, "%.*s", (int)text.len, (const char *)text.data);
        cJSON_AddStringToObject(to, name, copy);
    }
}

static cJSON *describe(const struct chaos *x, const struct jh_http *http, int rc,
                       const struct jh_http_answer *a) {
    cJSON *said = cJSON_CreateObject();
    const char *see = chaos_text(x, "see", "Content-Type");
    cJSON_AddNumberToObject(said, "rc", rc);
    cJSON_AddNumberToObject(said, "status", a->status);
    cJSON_AddNumberToObject(said, "cls", a->cls);
    cJSON_AddNumberToObject(said, "redirects", a->redirects);
    cJSON_AddNumberToObject(said, "body_size", (double)a->body_size);
    cJSON_AddNumberToObject(said, "retry_after_ms", (double)a->retry_after_ms);
    cJSON_AddStringToObject(said, "url", a->url == NULL ? "" : a->url);
    cJSON_AddStringToObject(said, "code", a->code == NULL ? "" : a->code);
    cJSON_AddStringToObject(said, "message", a->message == NULL ? "" : a->message);
    const char *value = rc == 0 ? http->header(x->call, a, see) : NULL;
    cJSON_AddStringToObject(said, "header", value == NULL ? "" : value);
    add_text(said, "body", a->body);
    return said;
}

// url; method, headers {}, body, timeout_ms, max_body, limit, limit_wait_ms, no_redirect; see: a header of the answer;
// to_file: the body goes to a file that has so many bytes already, whose size then is `file`; times (1), the last answer counts;
// fail: whose scope: it fails as the answer does. The result: what fetch() said.
jh_status chaos_fetch(struct chaos *x) {
    const struct jh_http *http = (const struct jh_http *)x->host->extension(x->host, JH_HTTP_1);
    struct jh_http_header headers[JH_HTTP_HEADERS_MAX + 1];
    int64_t before = chaos_int(x, "to_file", -1);
    int fd = before < 0 ? -1 : open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (http == NULL || (before > 0 && ftruncate(fd, before) == -1)) {
        return jh_failf(x->call, JH_E_PERMANENT, "no_http", "this machine has no libcurl");
    }
    const struct jh_http_request q = {
        .size = sizeof q,
        .flags = (chaos_flag(x, "no_redirect") ? JH_HTTP_NO_REDIRECT : 0u) |
                 (fd != -1 ? JH_HTTP_BODY_TO_FD : 0u),
        .url = chaos_text(x, "url", NULL),
        .method = chaos_text(x, "method", NULL),
        .headers = headers,
        .header_count = take_headers(x, headers, JH_HTTP_HEADERS_MAX + 1),
        .body_fd = fd,
        .body = jh_bytes_of(chaos_text(x, "body", NULL)),
        .timeout_ms = chaos_int(x, "timeout_ms", 0),
        .max_body = (uint64_t)chaos_int(x, "max_body", 0),
        .limit = chaos_text(x, "limit", NULL),
        .limit_wait_ms = chaos_int(x, "limit_wait_ms", 0),
    };
    struct jh_http_answer a = {.size = sizeof a};
    int rc = 0;
    for (int64_t left = chaos_int(x, "times", 1); left > 0 && rc == 0; left--) {
        a = (struct jh_http_answer){.size = sizeof a};
        rc = http->fetch(x->call, &q, &a);
    }
    cJSON *said = describe(x, http, rc, &a);
    cJSON_AddNumberToObject(said, "file", file_size(fd));
    if (fd != -1) {
        (void)close(fd);
    }
    if (rc == 1 || rc == -ECANCELED) {
        cJSON_Delete(said);
        return rc == 1 ? x->host->yield(x->call, a.wait) : JH_CANCELLED;
    }
    if (chaos_text(x, "fail", NULL) != NULL && a.cls != JH_E_NONE) {
        cJSON_Delete(said);
        return http->fail(x->call, &a, chaos_text(x, "fail", NULL));
    }
    return chaos_result(x, said) < 0 ? JH_RETRY : JH_OK;
}
