// The API against a store and a supervisor that answer as told: routes, guard, submissions, answers, errors.
#include "api_fixture.h"
#include "blocker.h"

static const char plain[] = "host: {state_dir: /tmp}\n";

/* ---- routes ---- */

static void test_routes(void) {
    struct api_fixture x;
    api_start(&x, plain);
    api_ask(&x, "GET", "/v1/nothing", NULL, 404, "no_such_path");
    api_ask(&x, "GET", "/", NULL, 404, "no_such_path");
    api_ask(&x, "GET", "/v1/jobs/a/b", NULL, 404, "no_such_path");
    api_ask(&x, "GET", "/v1/nothing/x", NULL, 404, "no_such_path");
    api_ask(&x, "GET", "/v1/jobs/not-an-id", NULL, 404, "job_not_found");
    api_ask(&x, "PUT", "/v1/jobs", NULL, 405, "method_not_allowed");
    api_ask(&x, "GET", "/v1/version", NULL, 200, "\"abi\":\"1.0\"");
    api_ask(&x, "GET", "/v1/../v1//version", NULL, 200, "\"version\"");
    static const struct {
        const char *path, *allow;
    } rows[] = {
        {"/v1/jobs", "Allow: POST, GET, HEAD\r\n"},
        {"/v1/jobs/" API_ID, "Allow: GET, HEAD, DELETE\r\n"},
        {"/v1/jobs/" API_ID "/cancel", "Allow: POST\r\n"},
        {"/v1/dedup", "Allow: GET, HEAD, DELETE\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf in = {0};
        int fd = api_send(&x, "OPTIONS", rows[i].path, NULL);
        struct answer a = client_answer_from(&x.f, fd, &in, true, NULL);
        EXPECT_EQ_INT(204, a.status);
        EXPECT_CONTAINS(rows[i].allow, a.head.data);
        answer_free(&a);
        buf_free(&in);
        close(fd);
    }
    api_stop(&x);
}

static void test_query(void) {
    struct api_fixture x;
    api_start(&x, plain);
    api_ask(&x, "GET", "/v1/jobs?stat=dead", NULL, 400, "did you mean \\\"state\\\"?");
    api_ask(&x, "GET", "/v1/jobs?statex", NULL, 400, "unknown_parameter");
    api_ask(&x, "GET", "/v1/dlq?state=dead", NULL, 400, "unknown_parameter");
    api_ask(&x, "GET", "/v1/version?x=1", NULL, 400, "unknown_parameter");
    api_ask(&x, "GET", "/v1/jobs?state=done", NULL, 400, "state is one of");
    api_ask(&x, "GET", "/v1/jobs?class=evil", NULL, 400, "class is one of");
    api_ask(&x, "GET", "/v1/jobs?parent=x", NULL, 400, "parent is a job id");
    api_ask(&x, "GET", "/v1/jobs?after=yesterday", NULL, 400, "write a time");
    api_ask(&x, "GET", "/v1/jobs?limit=0", NULL, 400, "from 1 to 1000");
    api_ask(&x, "GET", "/v1/jobs?limit=1001", NULL, 400, "from 1 to 1000");
    api_ask(&x, "GET", "/v1/jobs?limit=x", NULL, 400, "from 1 to 1000");
    api_ask(&x, "GET", "/v1/jobs?queue=", NULL, 400, "is empty");
    api_ask(&x, "GET", "/v1/dlq?q=", NULL, 400, "is empty");
    api_ask(&x, "GET", "/v1/jobs?state", NULL, 400, "is empty");
    api_ask(&x, "GET", "/v1/jobs?state=dead&limit=1&state=queued", NULL, 400,
            "repeated_parameter\",\"message\":\"is there twice; one value is "
            "taken\",\"field\":\"state\"");
    api_stop(&x);
}

static void test_list(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "GET",
                      "/v1/jobs?state=dead&queue=q&type=t&user=u&label=l&q=text&class=auth&code=c"
                      "&after=2026-01-01T00:00:00Z&before=2026-01-02T00:00:00Z&parent=" API_ID
                      "&cursor=abc&limit=1000",
                      NULL);
    struct store_list *list = api_take(&x, STORE_LIST);
    const struct store_filter *f = &list->filter;
    EXPECT_EQ_INT(JOB_DEAD, f->state);
    EXPECT_EQ_STR("q t u l text c",
                  arena_printf(&list->op.arena, "%s %s %s %s %s %s", f->queue, f->type, f->tenant,
                               f->label, f->text, f->error_code));
    EXPECT_EQ_INT(JH_E_AUTH, f->error_cls);
    EXPECT_EQ_INT(24 * 3600 * 1000, f->created_before_ms - f->created_after_ms);
    EXPECT_FALSE(id_is_zero(&f->parent));
    EXPECT_EQ_UINT(1000, list->limit);
    EXPECT_EQ_STR("abc", list->cursor);
    struct store_job job = {.spec = {.type = "t", .queue = "q"}, .state = JOB_DEAD};
    list->jobs = &job;
    list->count = 1;
    list->next_cursor = "def";
    list->partial = true;
    api_done(&x, &list->op, 0);
    api_expect(&x, fd, 200, "],\"next_cursor\":\"def\",\"partial\":true}");
    fd = api_send(&x, "GET", "/v1/dlq", NULL);
    list = api_take(&x, STORE_LIST);
    EXPECT_EQ_INT(JOB_DEAD, list->filter.state);
    EXPECT_EQ_INT(-1, list->filter.error_cls);
    EXPECT_EQ_UINT(50, list->limit);
    api_done(&x, &list->op, 0);
    api_expect(&x, fd, 200, "{\"items\":[]}");
    api_stop(&x);
}

/* ---- the guard ---- */

static int tcp_status_of(struct api_fixture *x, const char *line, const char *headers) {
    struct buf text = {0};
    int fd = client_tcp(&x->f);
    buf_printf(&text, "%s\r\n%s\r\n", line, headers);
    client_say(&x->f, fd, text.data);
    struct answer a = client_answer(&x->f, fd);
    int status = a.status;
    answer_free(&a);
    buf_free(&text);
    close(fd);
    fixture_settle(&x->f);
    return status;
}

static int tcp_status(struct api_fixture *x, const char *headers) {
    return tcp_status_of(x, "GET /v1/version HTTP/1.1", headers);
}

static void test_guard_sites(void) {
    static const struct {
        const char *headers;
        int status;
    } rows[] = {
        {"Host: localhost:8080\r\n", 200},
        {"Host: LOCALHOST\r\n", 200},
        {"Host: 127.0.0.1\r\n", 200},
        {"Host: 127.1.2.3:80\r\n", 200},
        {"Host: [::1]:80\r\n", 200},
        {"Host: evil.example\r\n", 421},
        {"Host: localhost.evil.example\r\n", 421},
        {"Host: 127.0.0.1.evil.example\r\n", 421},
        {"Host: 128.0.0.1\r\n", 421},
        {"Host: [::2]\r\n", 421},
        {"Host: localhost:8080\r\nOrigin: http://localhost:8080\r\n", 200},
        {"Host: localhost:8080\r\nOrigin: https://localhost:8080\r\n", 200},
        {"Host: localhost:8080\r\nOrigin: http://localhost:9999\r\n", 403},
        {"Host: localhost\r\nOrigin: http://evil.example\r\n", 403},
        {"Host: localhost\r\nOrigin: null\r\n", 403},
        {"Host: localhost\r\nOrigin: https://app.example\r\n", 200}, // cors
        {"Host: localhost\r\nOrigin: https://app.example\r\nOrigin: https://app.example\r\n", 403},
        {"Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", 403},
        {"Host: localhost\r\nSec-Fetch-Site: same-site\r\n", 403},
        {"Host: localhost\r\nSec-Fetch-Site: same-origin\r\n", 200},
        {"Host: localhost\r\nSec-Fetch-Site: none\r\n", 200},
        {"Host: localhost\r\nOrigin: https://app.example\r\nSec-Fetch-Site: cross-site\r\n", 200},
    };
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\ncors: [\"https://app.example\"]\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!EXPECT_EQ_INT(rows[i].status, tcp_status(&x, rows[i].headers))) {
            (void)printf("    %s", rows[i].headers);
        }
    }
    // on the unix socket none of this matters
    int fd = client_unix(&x.f);
    client_say(
        &x.f, fd,
        "GET /v1/version HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n");
    api_expect(&x, fd, 200, "version");
    api_stop(&x);
}

static void test_guard_tokens(void) {
    static const struct {
        const char *headers;
        int status;
    } rows[] = {
        {"Host: h\r\nAuthorization: Bearer 0123456789abcdef\r\n", 200},
        {"Host: h\r\nAuthorization: bearer 0123456789abcdef\r\n", 200},
        {"Host: h\r\n", 401},
        {"Host: h\r\nAuthorization: Bearer 0123456789abcdeX\r\n", 401},
        {"Host: h\r\nAuthorization: Bearer 0123456789abcde\r\n", 401},
        {"Host: h\r\nAuthorization: Basic 0123456789abcdef\r\n", 401},
        {"Host: h\r\nAuthorization: Bearer 0123456789abcdef\r\nAuthorization: Bearer "
         "0123456789abcdef\r\n",
         401},
    };
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp, auth: tokens, admin_token: 0123456789abcdef}\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_INT(rows[i].status, tcp_status(&x, rows[i].headers));
    }
    int fd = client_tcp(&x.f); // health needs none
    client_say(&x.f, fd, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    api_expect(&x, fd, 200, "\"ok\":true");
    api_stop(&x);
}

static void test_content_type(void) {
    static const struct {
        const char *type;
        int status;
    } rows[] = {
        {"Content-Type: application/json\r\n", 400}, // past the guard: the body is no job
        {"Content-Type: Application/JSON ; charset=utf-8\r\n", 400},
        {"Content-Type: text/plain\r\n", 415},
        {"Content-Type: application/x-www-form-urlencoded\r\n", 415},
        {"Content-Type: application/jsonx\r\n", 415},
        {"Content-Type:\r\n", 415},
        {"", 415},
        {"Content-Type: application/json\r\nContent-Type: application/json\r\n", 415},
    };
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text = {0};
        int fd = client_unix(&x.f);
        buf_printf(&text, "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n%s\r\n{}",
                   rows[i].type);
        client_say(&x.f, fd, text.data);
        api_expect(&x, fd, rows[i].status, rows[i].status == 415 ? "not_json" : "type");
        buf_free(&text);
    }
    api_ask(&x, "POST", "/v1/jobs", "{\"type\":", 400, "bad_json");
    api_ask(&x, "POST", "/v1/jobs", "", 400, "bad_json");
    api_stop(&x);
}

/* ---- submitting ---- */

static void test_submit_one(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(
        &x, "POST", "/v1/jobs",
        " {\"type\":\"a.b\", \"payload\": {\"n\": 12345678901234567890, \"s\":\"\\u00e9\"} } ");
    struct store_submit *s = api_take(&x, STORE_SUBMIT);
    EXPECT_EQ_UINT(1, s->count);
    const struct job_spec *spec = s->items[0].spec;
    static const char payload[] = "{\"n\": 12345678901234567890, \"s\":\"\\u00e9\"}";
    EXPECT_EQ_BYTES(payload, sizeof payload - 1, spec->payload.data, spec->payload.len);
    char id[JOB_ID_TEXT + 1], want[200];
    id_format(&spec->id, id);
    (void)snprintf(want, sizeof want,
                   "{\"id\":\"%s\",\"state\":\"queued\",\"duplicate\":false,\"job\":\"%s\"}\n", id,
                   id);
    api_done(&x, &s->op, 0);
    struct answer a = client_answer(&x.f, fd);
    EXPECT_EQ_INT(202, a.status);
    EXPECT_EQ_STR(want, a.body.data);
    answer_free(&a);
    close(fd);
    fd = api_send(&x, "POST", "/v1/jobs", "{\"type\":\"a\",\"delay\":\"1h\"}");
    s = api_take(&x, STORE_SUBMIT);
    api_done(&x, &s->op, 0);
    api_expect(&x, fd, 202, "\"state\":\"scheduled\"");
    api_stop(&x);
}

static void test_submit_verdicts(void) {
    static const struct {
        enum submit_verdict verdict;
        int status;
        enum job_state state;
        int http;
        const char *part;
    } rows[] = {
        {SUBMIT_NEW, 0, 0, 202, "\"duplicate\":false"},
        {SUBMIT_REPEATED, 0, 0, 202, "\"duplicate\":false"},
        {SUBMIT_DUPLICATE, 0, JOB_RUNNING, 202,
         "{\"id\":\"" API_ID "\",\"state\":\"running\",\"duplicate\":true,\"job\":\"" API_ID "\"}"},
        {SUBMIT_DUPLICATE, 0, JOB_SUCCEEDED, 202, "\"result\":\"/v1/jobs/" API_ID "/result\""},
        {SUBMIT_REFUSED, -EEXIST, JOB_RUNNING, 409,
         "\"code\":\"duplicate\",\"message\":\"another job holds this "
         "key\",\"field\":\"key\"},\"job\":\"" API_ID "\",\"state\":\"running\"}"},
        {SUBMIT_REFUSED, -EDQUOT, 0, 429, "budget_full"},
        {SUBMIT_REFUSED, -ENOTSUP, 0, 501, "not_supported"},
        {SUBMIT_SPOOLED, 0, 0, 202, "\"state\":\"queued\",\"duplicate\":null,\"degraded\":true,"},
        {SUBMIT_REFUSED, -EAGAIN, 0, 503, "\"code\":\"store_away\""},
        {SUBMIT_REFUSED, -ENOSPC, 0, 503, "\"code\":\"spool_full\""},
    };
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = api_send(&x, "POST", "/v1/jobs", "{\"type\":\"a\",\"key\":\"k\"}");
        struct store_submit *s = api_take(&x, STORE_SUBMIT);
        s->items[0].verdict = rows[i].verdict;
        s->items[0].status = rows[i].status;
        s->items[0].winner_state = rows[i].state;
        (void)id_parse(API_ID, &s->items[0].winner);
        api_done(&x, &s->op, 0);
        api_expect(&x, fd, rows[i].http, rows[i].part);
    }
    static const struct {
        int status, http;
        const char *part;
    } failures[] = {
        {-ETIMEDOUT, 503, "store_timeout"},
        {-EROFS, 503, "store_read_only"},
        {-ENOTCONN, 503, "store_away\",\"message\":\"the store cannot be reached; try again when"},
        {-EIO, 503, "store_unavailable\",\"message\":\"the store failed: words of the store"},
    };
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        int fd = api_send(&x, "POST", "/v1/jobs", "{\"type\":\"a\"}");
        struct store_submit *s = api_take(&x, STORE_SUBMIT);
        api_done(&x, &s->op, failures[i].status);
        struct answer a = client_answer(&x.f, fd);
        EXPECT_EQ_INT(failures[i].http, a.status);
        EXPECT_CONTAINS(failures[i].part, a.body.data);
        EXPECT_CONTAINS("Retry-After: 1\r\n", a.head.data);
        answer_free(&a);
        close(fd);
    }
    api_stop(&x);
}

/* One bad apple is refused; the rest goes to the store in one operation, and the answers keep the order. */
static void test_submit_array(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "POST", "/v1/jobs",
                      "[{\"type\":\"a\"}, 5, {\"type\":\"bad.type\"}, {\"type\":\"b\",\"kye\":1}, "
                      "{\"type\":\"c\"}]");
    struct store_submit *s = api_take(&x, STORE_SUBMIT);
    EXPECT_EQ_UINT(2, s->count);
    EXPECT_EQ_STR("a", s->items[0].spec->type);
    EXPECT_EQ_STR("c", s->items[1].spec->type);
    s->items[1].status = -EDQUOT;
    api_done(&x, &s->op, 0);
    struct answer a = client_answer(&x.f, fd);
    EXPECT_EQ_INT(202, a.status);
    static const char *const parts[] = {"[{\"id\":\"",
                                        "\"duplicate\":false",
                                        "{\"error\":{\"code\":\"bad_job\"",
                                        "{\"error\":{\"code\":\"unknown_type\"",
                                        "did you mean \\\"key\\\"?",
                                        "{\"error\":{\"code\":\"budget_full\""};
    const char *at = a.body.data;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        at = at == NULL ? NULL : strstr(at, parts[i]);
        EXPECT_TRUE(at != NULL);
    }
    answer_free(&a);
    close(fd);
    api_ask(&x, "POST", "/v1/jobs", "[]", 202, "[]");
    api_ask(&x, "POST", "/v1/jobs", " [ ] ", 202, "[]");
    api_ask(&x, "POST", "/v1/jobs", "[{\"type\":\"bad.type\"}]", 400, "[{\"error\"");
    api_ask(&x, "POST", "/v1/jobs", "[[{\"type\":\"a\"}]]", 400,
            "[{\"error\":{\"code\":\"bad_job\"");
    api_stop(&x);
}

static void test_submit_limit_items(void) {
    struct api_fixture x;
    api_start(&x, plain);
    for (int over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, "[{\"type\":\"a\"}");
        for (int i = 1; i < 1000 + over; i++) {
            buf_str(&b, ",{\"type\":\"a\"}");
        }
        buf_char(&b, ']');
        int fd = api_send(&x, "POST", "/v1/jobs", b.data);
        if (over) {
            api_expect(&x, fd, 413, "an array has at most 1000 jobs");
        } else {
            struct store_submit *s = api_take(&x, STORE_SUBMIT);
            EXPECT_EQ_UINT(1000, s->count);
            api_done(&x, &s->op, 0);
            api_expect(&x, fd, 202, "\"queued\"");
        }
        buf_free(&b);
    }
    api_stop(&x);
}

/* {"type":"a","payload":[0,0...]} as one job, as an array of two, as the part of a form. */
static void large_body(struct buf *out, int kind, size_t size) {
    buf_str(out, kind == 1 ? "[{\"type\":\"a\"}," : "");
    buf_str(out, "{\"type\":\"a\",\"payload\":[0");
    while (out->len + 4 < size) {
        buf_str(out, ",0");
    }
    buf_str(out, kind == 1 ? "]}]" : "]}");
    if (kind == 2) {
        struct buf form = {0};
        buf_printf(&form, "--b\r\nContent-Disposition: form-data; name=job\r\n\r\n%s\r\n--b--",
                   out->data);
        buf_free(out);
        *out = form;
    }
}

/* While one that takes long is read, others are answered; a small one is read at once. */
static void test_submit_aside(void) {
    struct api_fixture x;
    struct blocker blocker;
    struct err e;
    api_start(&x, plain);
    EXPECT_EQ_INT(0, side_thread_new(x.f.base, "parser", &x.host.parser, &e));
    for (int kind = 0; kind < 3; kind++) {
        blocker_begin(&blocker, x.host.parser);
        struct buf b = {0}, text = {0};
        large_body(&b, kind, CALL_AT_ONCE + 16);
        buf_printf(&text,
                   "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n"
                   "Content-Type: %s\r\n\r\n%s",
                   b.len, kind == 2 ? "multipart/form-data; boundary=b" : "application/json",
                   b.data);
        int fd = client_unix(&x.f);
        client_send(&x.f, fd, text.data, text.len);
        fixture_settle(&x.f);
        api_ask(&x, "GET", "/v1/version", NULL, 200, "version");
        int small = api_send(&x, "POST", "/v1/jobs", "{\"type\":\"small\"}");
        struct store_submit *s = api_take(&x, STORE_SUBMIT);
        EXPECT_EQ_STR("small", s->items[0].spec->type);
        api_done(&x, &s->op, 0);
        api_expect(&x, small, 202, "queued");
        EXPECT_EQ_UINT(0, x.op_count);
        blocker_end(&blocker);
        side_thread_finish(x.host.parser);
        s = api_take(&x, STORE_SUBMIT);
        EXPECT_EQ_UINT(kind == 1 ? 2 : 1, s->count);
        EXPECT_TRUE(s->items[s->count - 1].spec->payload.len > CALL_AT_ONCE - 200);
        api_done(&x, &s->op, 0);
        api_expect(&x, fd, 202, "queued");
        buf_free(&b);
        buf_free(&text);
    }
    side_thread_free(&x.host.parser);
    api_stop(&x);
}

/* What is found wrong aside is said as ever; a peer that has gone meanwhile hurts nobody. */
static void test_submit_aside_refusals(void) {
    struct api_fixture x;
    api_start(&x, plain);
    struct buf b = {0};
    large_body(&b, 1, (size_t)2 << 20);
    b.data[b.len - 2] = ','; // ...]},] instead of ...]}]
    api_ask(&x, "POST", "/v1/jobs", b.data, 400, "bad_json");
    api_ask(&x, "POST", "/v1/jobs/cancel", b.data + b.len - 900000, 400, "bad_json");
    buf_clear(&b);
    large_body(&b, 0, (size_t)2 << 20);
    memcpy(b.data + 2, "typo", 4);
    api_ask(&x, "POST", "/v1/jobs", b.data, 400, "unknown_field");
    memcpy(b.data + 2, "type", 4);
    int fd = api_send(&x, "POST", "/v1/jobs", b.data);
    close(fd);
    struct store_submit *s = api_take(&x, STORE_SUBMIT);
    EXPECT_EQ_UINT(1, s->count);
    api_done(&x, &s->op, 0);
    buf_free(&b);
    api_stop(&x);
}

/* The body may be as large as the largest payload of any queue needs. */
static void test_submit_limit_body(void) {
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\nqueues: {big: {max_payload: 20MiB}}\n");
    const size_t max = (20 << 20) + 64 * 1024;
    for (size_t over = 0; over <= 1; over++) {
        char head[200];
        int fd = client_unix(&x.f);
        (void)snprintf(head, sizeof head,
                       "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\nExpect: 100-continue\r\n\r\n",
                       max + over);
        client_say(&x.f, fd, head);
        struct buf in = {0};
        EXPECT_EQ_INT(1, client_poll(fd, &in));
        EXPECT_CONTAINS(over ? " 413 " : " 100 ", in.data);
        buf_free(&in);
        close(fd);
        fixture_settle(&x.f);
    }
    api_stop(&x);
}

static void test_submit_store_down(void) {
    struct api_fixture x;
    api_start(&x, plain);
    x.host.store_fault = "disk full";
    int fd = client_unix(&x.f); // before the body is sent
    client_say(&x.f, fd,
               "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
               "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
    struct answer a = client_answer(&x.f, fd);
    EXPECT_EQ_INT(503, a.status);
    EXPECT_CONTAINS("disk full", a.body.data);
    EXPECT_CONTAINS("Retry-After: 5\r\n", a.head.data);
    answer_free(&a);
    close(fd);
    fixture_settle(&x.f);
    api_ask(&x, "GET", "/healthz", NULL, 503, "\"fault\":\"disk full\"");
    x.host.store_fault = NULL;
    api_ask(&x, "GET", "/healthz", NULL, 200, "\"store\":\"ok\"");
    api_stop(&x);
}

/* What is refused before its body comes, with what to do about it. */
static void test_submit_refused_words(void) {
    static const struct {
        bool away, spool;
        const char *says;
    } rows[] = {
        {false, false,
         "\"code\":\"store_read_only\",\"message\":\"the store takes no writes: it says why; try "
         "again when it does\""},
        {true, false,
         "\"code\":\"store_away\",\"message\":\"the store cannot be reached: it says why; try "
         "again when it is back; with store.fallback this host would keep jobs meanwhile\""},
        {true, true,
         "\"code\":\"store_away\",\"message\":\"the store cannot be reached, and "
         "store.fallback takes no writes: it says why\""},
        {false, true,
         "\"code\":\"store_read_only\",\"message\":\"the store takes no writes, and "
         "store.fallback does not, either: it says why\""},
    };
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        x.host.store_fault = "it says why";
        x.host.store_away = rows[i].away;
        x.backlog = (struct store_backlog){.present = rows[i].spool, .fault = "it says why"};
        api_ask(&x, "POST", "/v1/jobs", "{\"type\":\"a\"}", 503, rows[i].says);
    }
    x.host.store_fault = NULL;
    api_stop(&x);
}

/* A store that is away, and a spool that takes what comes, until it cannot. */
static void test_spool(void) {
    struct api_fixture x;
    api_start(&x, plain);
    x.host.store_fault = "connection refused";
    x.host.store_fault_ms = 1700000000000;
    x.backlog = (struct store_backlog){.present = true,
                                       .waiting = 3,
                                       .bytes = 900,
                                       .max_bytes = 1000,
                                       .oldest_ms = 1700000001000,
                                       .undelivered = 1};
    static const char *const say =
        "\"store\":\"degraded\",\"fault\":\"connection refused\","
        "\"since\":\"2023-11-14T22:13:20.000Z\",\"spool\":{\"waiting\":3,\"bytes\":900,"
        "\"max_bytes\":1000,\"oldest_at\":\"2023-11-14T22:13:21.000Z\",\"undelivered\":1";
    api_ask(&x, "GET", "/healthz", NULL, 200, say);
    api_ask(&x, "GET", "/readyz", NULL, 200, say);
    int fd = api_send(&x, "POST", "/v1/jobs", "{\"type\":\"a\"}");
    struct store_submit *s = api_take(&x, STORE_SUBMIT);
    s->items[0].verdict = SUBMIT_SPOOLED;
    api_done(&x, &s->op, 0);
    api_expect(&x, fd, 202, "\"duplicate\":null,\"degraded\":true");
    x.backlog.fault = "the spool's disk is full";
    api_ask(&x, "POST", "/v1/jobs", "{\"type\":\"a\"}", 503, "the spool's disk is full");
    api_ask(&x, "GET", "/healthz", NULL, 503, "\"fault\":\"the spool's disk is full\"}");
    x.host.store_fault = NULL; // then it is not needed
    api_ask(&x, "GET", "/healthz", NULL, 200, "\"store\":\"ok\",\"spool\":{\"waiting\":3");
    api_stop(&x);
}

static void test_generations(void) {
    struct api_fixture x;
    api_start(&x, plain);
    api_ask(&x, "GET", "/v1/generations", NULL, 200,
            "{\"items\":[{\"plugin\":\"p\",\"number\":1,\"current\":true,\"state\":\"ready\","
            "\"build\":\"1.2+abc\",");
    api_ask(&x, "GET", "/v1/generations?plugin=p", NULL, 200, "\"workers\":[{\"pid\":77,");
    api_ask(&x, "GET", "/v1/generations?plugin=other", NULL, 200, "{\"items\":[]}");
    api_ask(&x, "GET", "/v1/generations?name=p", NULL, 400, "unknown_parameter");
    api_stop(&x);
}

static void test_ready(void) {
    struct api_fixture x;
    api_start(&x, plain);
    api_ask(&x, "GET", "/readyz", NULL, 200,
            "{\"ok\":true,\"phase\":\"running\",\"store\":\"ok\"}");
    x.ready = (struct ready_report){
        .code = READY_STALLED, .detail = "nothing moves", .plugin = "p", .idle_ms = 60000};
    api_ask(&x, "GET", "/readyz", NULL, 503,
            "\"reason\":{\"code\":\"stalled\",\"detail\":\"nothing moves\",\"plugin\":\"p\"}}");
    api_ask(&x, "GET", "/healthz", NULL, 200, "\"ok\":true"); // it keeps what it is given
    x.host.phase = HOST_DRAINING;
    x.ready = (struct ready_report){.code = READY_DRAINING, .detail = "it goes"};
    api_ask(&x, "GET", "/readyz", NULL, 503, "\"phase\":\"draining\"");
    api_ask(&x, "GET", "/healthz", NULL, 200, "\"ok\":true");
    api_stop(&x);
}

static void test_submit_files(void) {
    struct api_fixture x;
    api_start(&x, plain);
    static const char body[] =
        "[{\"type\":\"a\",\"files\":[{\"name\":\"f\",\"sha256\":"
        "\"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF\",\"content_type\":\"x/"
        "y\"},"
        "{\"name\":\"g\",\"sha256\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}]},"
        "{\"type\":\"b\"}]";
    for (int missing = 0; missing <= 1; missing++) {
        int fd = api_send(&x, "POST", "/v1/jobs", body);
        for (int i = 0; i < 2; i++) {
            struct store_blob_open *open_op = api_take(&x, STORE_BLOB_OPEN);
            EXPECT_EQ_UINT(i == 0 ? 0x11 : 0, open_op->ref.sha256[1]);
            char path[] = "/tmp/jobhost-blob-XXXXXX";
            open_op->fd = mkstemp(path);
            (void)unlink(path);
            EXPECT_EQ_INT(0, ftruncate(open_op->fd, 1234));
            if (missing && i == 1) {
                close(open_op->fd);
            }
            api_done(&x, &open_op->op, missing && i == 1 ? -ENOENT : 0);
        }
        struct store_submit *s = api_take(&x, STORE_SUBMIT);
        EXPECT_EQ_UINT(missing ? 1 : 2, s->count);
        if (!missing) {
            EXPECT_EQ_UINT(2, s->items[0].spec->file_count);
            EXPECT_EQ_UINT(1234, s->items[0].spec->files[0].blob.size);
            EXPECT_EQ_STR("x/y", s->items[0].spec->files[0].content_type);
        }
        api_done(&x, &s->op, 0);
        api_expect(&x, fd, 202, missing ? "{\"error\":{\"code\":\"no_such_blob\"" : "\"queued\"");
    }
    api_stop(&x);
}

/* A balancer that asks for health by HTTP/1.0 names no Host; a page in a browser always does. */
static void test_guard_health(void) {
    static const struct {
        const char *line, *headers;
        int status;
    } rows[] = {
        {"GET /healthz HTTP/1.0", "", 200},
        {"GET /readyz HTTP/1.0", "", 200},
        {"GET /readyz HTTP/1.0", "Host: localhost\r\n", 200},
        {"GET /healthz HTTP/1.1", "Host: localhost\r\n", 200},
        {"GET /healthz HTTP/1.1", "", 400},
        {"GET /healthz HTTP/1.0", "Host: evil.example\r\n", 421},
        {"GET /healthz HTTP/1.1", "Host: evil.example\r\n", 421},
        {"GET /healthz HTTP/1.0", "Origin: http://evil.example\r\n", 403},
        {"GET /healthz HTTP/1.0", "Sec-Fetch-Site: cross-site\r\n", 403},
        {"GET /metrics HTTP/1.0", "", 421},
        {"GET /v1/version HTTP/1.0", "", 421},
        {"GET /nothing HTTP/1.0", "", 421},
    };
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!EXPECT_EQ_INT(rows[i].status, tcp_status_of(&x, rows[i].line, rows[i].headers))) {
            (void)printf("    %s %s", rows[i].line, rows[i].headers);
        }
    }
    api_stop(&x);
}

/* What is wrong is named as the caller did; too long names end with a whole character. */
static void test_names_in_refusals(void) {
    static const struct {
        const char *before, *after, *says;
    } rows[] = {
        {"{\"", "\":1}", "\",\"field\":\"\xc3\xa9"},
        {"[{\"", "\":1}]", "\",\"field\":\"\xc3\xa9"},
        {"{\"type\":\"a\",\"delay\":\"x", "\"}", "\xc3\xa9\\\" is not a duration"},
        {"[{\"type\":\"a\",\"delay\":\"x", "\"}]", "\xc3\xa9\\\" is not a duration"},
    };
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf body = {0};
        buf_str(&body, rows[i].before);
        for (int n = 0; n < 200; n++) {
            buf_str(&body, "\xc3\xa9");
        }
        buf_str(&body, rows[i].after);
        struct answer a = client_answer(&x.f, api_send(&x, "POST", "/v1/jobs", body.data));
        EXPECT_EQ_INT(400, a.status);
        EXPECT_CONTAINS(rows[i].says, a.body.data);
        EXPECT_TRUE(strstr(a.body.data, "\xef\xbf\xbd") == NULL); // U+FFFD
        answer_free(&a);
        buf_free(&body);
    }
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"names in refusals", test_names_in_refusals},
    {"paths and methods", test_routes},
    {"query parameters", test_query},
    {"lists and their filters", test_list},
    {"requests of other sites", test_guard_sites},
    {"tokens", test_guard_tokens},
    {"health without a Host", test_guard_health},
    {"content types", test_content_type},
    {"one job", test_submit_one},
    {"what the store says to a submission", test_submit_verdicts},
    {"an array of jobs", test_submit_array},
    {"limit of the array", test_submit_limit_items},
    {"a large submission holds up nobody", test_submit_aside},
    {"a large submission that is refused", test_submit_aside_refusals},
    {"limit of the body", test_submit_limit_body},
    {"a store that takes nothing", test_submit_store_down},
    {"why a store takes nothing", test_submit_refused_words},
    {"a store that is away, with a spool", test_spool},
    {"health and readiness", test_ready},
    {"generations", test_generations},
    {"files of a job", test_submit_files},
};

SUITE_MAIN("api", tests)
