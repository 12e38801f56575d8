// GET /metrics over a store that says what the test wants: what is there when it is silent, and how
// many queues and routes are named.
#include "api_fixture.h"

static const char plain[] = "host: {state_dir: /tmp}\nqueues: {other: {}, named: {}}\n";

static struct answer fetch(struct api_fixture *x, int fd) {
    struct answer a = client_answer(&x->f, fd);
    close(fd);
    fixture_settle(&x->f);
    return a;
}

static unsigned times(const char *text, const char *part) {
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        n++;
    }
    return n;
}

static void test_page(void) {
    struct api_fixture x;
    api_start(&x, plain);
    api_ask(&x, "GET", "/v1/plugins", NULL, 200, NULL);
    api_ask(&x, "GET", "/nowhere/7", NULL, 404, NULL);
    stats_series(x.host.stats, "q", "a.b")->submitted = 7;
    stats_word(&x.host.stats->refused, "queue_full");
    int fd = api_send(&x, "GET", "/metrics", NULL);
    struct store_stats *stats = api_take(&x, STORE_STATS);
    struct store_queue_stats queue = {.queue = "named",
                                      .by_state = {[JOB_QUEUED] = 5},
                                      .paused = true,
                                      .oldest_ready_ms = 990000};
    stats->queues = &queue;
    stats->queue_count = 1;
    stats->bytes[BUDGET_KV] = 17;
    api_done(&x, &stats->op, 0);
    struct answer a = fetch(&x, fd);
    EXPECT_EQ_INT(200, a.status);
    static const char *const parts[] = {
        "jobhost_jobs_submitted_total{queue=\"q\",type=\"a.b\"} 7\n",
        "jobhost_jobs_refused_total{reason=\"queue_full\"} 1\n",
        "jobhost_queue_jobs{queue=\"named\",state=\"queued\"} 5\n",
        "jobhost_queue_jobs{queue=\"other\",state=\"queued\"} 0\n",
        "jobhost_queue_paused{queue=\"named\"} 1\n",
        "jobhost_queue_oldest_ready_seconds{queue=\"named\"} 10\n",
        "jobhost_waiting_jobs{reason=\"no_slot\"} 5\n",
        "jobhost_store_bytes{class=\"kv\"} 17\n",
        "jobhost_store_commits_pending 3\n",
        "jobhost_workers{plugin=\"p\",state=\"ready\"} 1\n",
        "jobhost_http_requests_total{method=\"GET\",path=\"/v1/plugins\",status=\"2xx\"} 1\n",
        "jobhost_http_requests_total{method=\"other\",path=\"other\",status=\"4xx\"} 1\n",
        "jobhost_http_connections_total 3\n",
        "jobhost_store_up 1\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        EXPECT_EQ_UINT(1, times(a.body.data, parts[i]));
    }
    EXPECT_CONTAINS("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n", a.head.data);
    EXPECT_NULL(strstr(a.body.data, "nowhere"));
    answer_free(&a);
    api_stop(&x);
}

/* A store that does not answer must not blind those who ask why. */
static void test_store_down(void) {
    struct api_fixture x;
    api_start(&x, plain);
    x.host.store_fault = "disk full";
    x.backlog = (struct store_backlog){.present = true, .waiting = 3, .bytes = 900, .forwarded = 7};
    int fd = api_send(&x, "GET", "/metrics", NULL);
    api_done(&x, api_take(&x, STORE_STATS), -ETIMEDOUT);
    struct answer a = fetch(&x, fd);
    EXPECT_EQ_INT(200, a.status);
    EXPECT_CONTAINS("jobhost_store_up 0\n", a.body.data);
    EXPECT_CONTAINS("\njobhost_spool_jobs 3\n", a.body.data);
    EXPECT_CONTAINS("\njobhost_spool_bytes 900\n", a.body.data);
    EXPECT_CONTAINS("\njobhost_spool_forwarded_total 7\n", a.body.data);
    EXPECT_CONTAINS("# TYPE jobhost_queue_jobs gauge\n", a.body.data);
    EXPECT_NULL(strstr(a.body.data, "jobhost_queue_jobs{"));
    EXPECT_NULL(strstr(a.body.data, "jobhost_waiting_jobs{"));
    EXPECT_CONTAINS("process_open_fds ", a.body.data);
    answer_free(&a);
    api_stop(&x);
}

/* Queues at the limit have samples of their own; one more is "other", together with a queue of that name. */
static void test_queue_limit(void) {
    enum { MAX = 128, MORE = MAX + 1 };
    static char names[MORE][32];
    static struct store_queue_stats queues[MORE + 1];
    for (int extra = 0; extra < 2; extra++) {
        struct api_fixture x;
        api_start(&x, "host: {state_dir: /tmp}\n");
        size_t count = MAX + (size_t)extra;
        for (size_t i = 0; i < count; i++) {
            (void)snprintf(names[i], sizeof names[i], "q%zu", i);
            queues[i] = (struct store_queue_stats){.queue = names[i], .by_state = {[JOB_DEAD] = 2}};
        }
        queues[count] = (struct store_queue_stats){.queue = "other", .by_state = {[JOB_DEAD] = 1}};
        int fd = api_send(&x, "GET", "/metrics", NULL);
        struct store_stats *stats = api_take(&x, STORE_STATS);
        stats->queues = queues;
        stats->queue_count = count + 1;
        api_done(&x, &stats->op, 0);
        struct answer a = fetch(&x, fd);
        EXPECT_EQ_UINT(MAX, times(a.body.data, "jobhost_queue_paused{queue=\"q"));
        EXPECT_CONTAINS("jobhost_queue_paused{queue=\"q127\"}", a.body.data);
        EXPECT_NULL(strstr(a.body.data, "queue=\"q128\""));
        EXPECT_CONTAINS(extra == 0 ? "jobhost_queue_jobs{queue=\"other\",state=\"dead\"} 1\n"
                                   : "jobhost_queue_jobs{queue=\"other\",state=\"dead\"} 3\n",
                        a.body.data);
        answer_free(&a);
        api_stop(&x);
    }
}

static const struct expect_test tests[] = {
    {"a page", test_page},
    {"without an answer of the store", test_store_down},
    {"queues at their limit and one more", test_queue_limit},
};

SUITE_MAIN("api metrics", tests)
