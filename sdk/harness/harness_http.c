// The extension http: the test says what is answered, and sees what was asked.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/write_all.h"
#include "harness.h"

struct harness_answer {
    const char *method, *url;
    int status;
    const char *headers;
    struct bytes body;
    struct harness_answer *next;
};

struct harness_sent {
    struct jh_harness_request request;
    struct harness_sent *next;
};

static void *need(void *memory) {
    if (memory == NULL) {
        harness_misused("out of memory");
    }
    return memory;
}

static char *own_text(struct jh_harness *h, const char *text) {
    return need(arena_str(&h->arena, text == NULL ? "" : text));
}

void jh_harness_http(struct jh_harness *h, const char *method, const char *url, int status,
                     const char *headers, const char *body) {
    struct harness_answer **end = &h->answers;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = need(arena_zalloc(&h->arena, sizeof **end));
    **end = (struct harness_answer){.method = own_text(h, method),
                                    .url = own_text(h, url),
                                    .status = status,
                                    .headers = own_text(h, headers),
                                    .body = bytes_of(own_text(h, body))};
}

// ---- what was asked ----

static const char *lines_of(struct jh_harness *h, const struct fetch_hop *hop) {
    struct buf lines = {.data = NULL};
    for (uint32_t i = 0; i < hop->header_count; i++) {
        buf_printf(&lines, "%s: %s\n", hop->headers[i].name, hop->headers[i].value);
    }
    char *own = lines.failed ? NULL : arena_strn(&h->arena, lines.data, lines.len);
    buf_free(&lines);
    return need(own);
}

static void note_request(struct jh_harness *h, const struct fetch_hop *hop) {
    struct harness_sent *s = need(arena_zalloc(&h->arena, sizeof *s));
    s->request = (struct jh_harness_request){
        .method = own_text(h, hop->method),
        .url = own_text(h, hop->url),
        .headers = lines_of(h, hop),
        .body =
            hop->body.len == 0 ? "" : need(arena_strn(&h->arena, hop->body.data, hop->body.len)),
        .body_len = hop->body.len,
    };
    s->next = h->sent;
    h->sent = s;
    h->sent_count++;
}

size_t jh_harness_http_requests(const struct jh_harness *h) {
    return h->sent_count;
}

const struct jh_harness_request *jh_harness_http_request(const struct jh_harness *h, size_t index) {
    const struct harness_sent *s = h->sent;
    if (index >= h->sent_count) {
        return NULL;
    }
    for (size_t behind = h->sent_count - 1 - index; behind > 0; behind--) {
        s = s->next;
    }
    return &s->request;
}

// ---- what is answered ----

static bool matches(const struct harness_answer *a, const struct fetch_hop *hop) {
    size_t len = strlen(a->url);
    bool begins = len > 0 && a->url[len - 1] == '*';
    return (strcmp(a->method, "*") == 0 || strcmp(a->method, hop->method) == 0) &&
           (begins ? strncmp(a->url, hop->url, len - 1) == 0 : strcmp(a->url, hop->url) == 0);
}

static bool same_question(const struct harness_answer *a, const struct harness_answer *b) {
    return strcmp(a->method, b->method) == 0 && strcmp(a->url, b->url) == 0;
}

/* The first that was set up; when there is another for the same, this one is used up. */
static const struct harness_answer *take(struct jh_harness *h, const struct fetch_hop *hop) {
    struct harness_answer **at = &h->answers;
    while (*at != NULL && !matches(*at, hop)) {
        at = &(*at)->next;
    }
    struct harness_answer *found = *at;
    for (struct harness_answer *a = found == NULL ? NULL : found->next; a != NULL; a = a->next) {
        if (same_question(a, found)) {
            *at = found->next;
            break;
        }
    }
    return found;
}

static int answer(struct jh_harness *h, const struct fetch_hop *hop, struct harness_said *ret) {
    const struct harness_answer *a = take(h, hop);
    *ret = (struct harness_said){.trouble = a == NULL ? HTTP_NAME : HTTP_CONNECT};
    if (a != NULL && a->status != 0) {
        *ret = (struct harness_said){
            .status = a->status, .headers = bytes_of(a->headers), .body = a->body};
    }
    return 0;
}

/* "/path" at the same origin, or a whole URL. */
static const char *place(struct jh_harness *h, const struct fetch_hop *hop, struct bytes headers) {
    struct bytes to, origin = http_origin(hop->url);
    if (!http_header(headers, "Location", &to) || to.len == 0) {
        return NULL;
    }
    bool path = *(const char *)to.data == '/';
    return arena_printf(&h->attempt.arena, "%.*s%.*s", path ? (int)origin.len : 0,
                        (const char *)origin.data, (int)to.len, (const char *)to.data);
}

static int give_body(const struct fetch_hop *hop, const struct harness_said *said,
                     struct fetch_got *ret) {
    ret->body_size = said->body.len;
    if (said->body.len > hop->max_body) {
        ret->trouble = HTTP_TOO_LONG;
    } else if (hop->body_fd != -1 && said->status / 100 == 2) {
        return write_all(hop->body_fd, said->body);
    } else {
        ret->body = (struct jh_bytes){said->body.data, said->body.len};
    }
    return 0;
}

static int hand_over(struct jh_harness *h, const struct fetch_hop *hop,
                     const struct harness_said *said, struct fetch_got *ret) {
    ret->trouble = said->trouble;
    ret->sent = said->trouble == HTTP_NO_TROUBLE || said->trouble == HTTP_TIMEOUT;
    if (said->trouble != HTTP_NO_TROUBLE) {
        return 0;
    }
    ret->status = said->status;
    ret->headers = (struct jh_bytes){said->headers.data, said->headers.len};
    ret->next_url = place(h, hop, said->headers);
    hop->on_head(hop->arg, ret->status, ret->headers);
    return give_body(hop, said, ret);
}

static int ops_exchange(struct jh_call *call, const struct fetch_hop *hop, struct fetch_got *ret) {
    struct jh_harness *h = harness_of(call);
    int64_t began_ms = h->now_ms;
    struct harness_said said = {.status = 0};
    if (h->attempt.cancelled != 0) {
        return -ECANCELED;
    }
    note_request(h, hop);
    int rc = h->outside == NULL ? answer(h, hop, &said) : h->outside->exchange(h, hop, &said);
    ret->took_ms = h->now_ms - began_ms;
    return rc < 0 ? rc : hand_over(h, hop, &said, ret);
}

// ---- the calls ----

static int ops_check(struct jh_call *call) {
    return harness_check_run(harness_of(call));
}

static int ops_refuse(struct jh_call *call, const char *name, int rc) {
    return harness_refuse(harness_of(call), name, rc);
}

static int64_t ops_now_ms(struct jh_call *call) {
    return harness_of(call)->now_ms;
}

static struct arena *ops_arena(struct jh_call *call) {
    return &harness_of(call)->attempt.arena;
}

static const struct fetch_ops ops = {
    .check = ops_check,
    .refuse = ops_refuse,
    .now_ms = ops_now_ms,
    .arena = ops_arena,
    .limit = &harness_limit_table,
    .exchange = ops_exchange,
};

static int http_fetch(struct jh_call *call, const struct jh_http_request *q,
                      struct jh_http_answer *ret) {
    harness_enter(harness_of(call));
    return fetch_run(call, &ops, q, ret);
}

static const char *http_header_of(struct jh_call *call, const struct jh_http_answer *a,
                                  const char *name) {
    harness_enter(harness_of(call));
    return fetch_header(call, &ops, a, name);
}

const struct jh_http harness_http_table = {
    .size = sizeof(struct jh_http),
    .fetch = http_fetch,
    .header = http_header_of,
    .fail = fetch_fail,
};
