// A job's event stream: its first event, its end, what comes between, every way to go away in the
// middle, and to come back.
#include "api_fixture.h"

static const char plain[] = "host: {state_dir: /tmp}\n";
static const char path[] = "/v1/jobs/" API_ID "/events";

static struct job_id the_id(void) {
    struct job_id id;
    (void)id_parse(API_ID, &id);
    return id;
}

/* Answers the read that is under way. */
static void answer_read(struct api_fixture *x, enum job_state state, uint32_t rev) {
    struct store_get *get = api_take(x, STORE_GET);
    get->job = (struct store_job){
        .spec = {.id = the_id(), .type = "a", .queue = "q"}, .state = state, .rev = rev};
    api_done(x, &get->op, 0);
}

static void publish(struct api_fixture *x, enum hub_event_kind kind, enum job_state state,
                    const char *text) {
    struct hub_event e = {.kind = kind,
                          .id = the_id(),
                          .at_ms = 1000,
                          .state = state,
                          .attempt = 1,
                          .progress = {.done = 1, .total = 2, .at_ms = 1000},
                          .level = 2,
                          .text = text};
    hub_publish(x->host.hub, &e);
    fixture_settle(&x->f);
}

/* What has arrived so far, raw. */
static void read_raw(struct api_fixture *x, int fd, struct buf *in) {
    fixture_settle(&x->f);
    while (client_poll(fd, in) == 1) {
    }
}

/* The n-th event's id in an answer, as a Last-Event-ID. */
static const char *id_of_event(const struct answer *a, unsigned n) {
    static char out[64];
    const char *at = a->body.data;
    for (unsigned i = 0; at != NULL; i++) {
        at = strstr(at, "id: ");
        at = at == NULL ? NULL : at + 4;
        if (at != NULL && i == n) {
            (void)snprintf(out, sizeof out, "%.*s", (int)strcspn(at, "\n"), at);
            return out;
        }
    }
    return "none";
}

/* Asks for the stream as a client that comes back. */
static int come_back(struct api_fixture *x, const char *last_event_id) {
    char text[400];
    int fd = client_unix(&x->f);
    (void)snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: %s\r\n\r\n", path,
                   last_event_id);
    client_say(&x->f, fd, text);
    fixture_settle(&x->f);
    return fd;
}

static unsigned times(const char *text, const char *part) {
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        n++;
    }
    return n;
}

/* All parts, in this order. */
static void expect_parts(const struct answer *a, const char *const *parts, size_t count) {
    const char *at = a->body.data;
    for (size_t i = 0; i < count; i++) {
        at = at == NULL ? NULL : strstr(at, parts[i]);
        if (!EXPECT_TRUE(at != NULL)) {
            (void)printf("    not there: %s\n    in %s\n", parts[i], a->body.data);
        }
    }
}

static void test_whole_life(void) {
    struct api_fixture x;
    api_start(&x, plain);
    x.host.nonce = 0xabc;
    int fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_QUEUED, 1);
    publish(&x, HUB_STATE, JOB_RUNNING, NULL);
    publish(&x, HUB_PROGRESS, 0, NULL);
    publish(&x, HUB_LOG, 0, "a line");
    publish(&x, HUB_STATE, JOB_RUNNING, NULL); // no news
    EXPECT_EQ_UINT(0, x.op_count);
    publish(&x, HUB_STATE, JOB_SUCCEEDED, NULL);
    answer_read(&x, JOB_SUCCEEDED, 3); // the last event is the whole job
    struct answer a = client_answer(&x.f, fd);
    EXPECT_EQ_INT(200, a.status);
    EXPECT_CONTAINS("Content-Type: text/event-stream\r\n", a.head.data);
    static const char *const parts[] = {
        "retry: 2000\n\n",
        "id: 0000000000000abc-1\nevent: state\ndata: {\"id\":\"" API_ID "\"",
        "\"state\":\"queued\"",
        "id: 0000000000000abc-2\nevent: state\ndata: {\"id\":\"" API_ID
        "\",\"at\":\"1970-01-01T00:00:01.000Z\",\"state\":\"running\",\"attempt\":1",
        "event: progress\ndata: {\"id\":\"" API_ID
        "\",\"at\":\"1970-01-01T00:00:01.000Z\",\"progress\":{\"percent\":50,",
        "event: log\ndata: {\"id\":\"" API_ID
        "\",\"at\":\"1970-01-01T00:00:01.000Z\",\"level\":\"warn\",\"text\":\"a line\"}\n\n",
        "id: 0000000000000abc-5-3\nevent: state\ndata: {",
        "\"state\":\"succeeded\"",
    };
    expect_parts(&a, parts, ARRAY_LEN(parts));
    EXPECT_EQ_UINT(5, times(a.body.data, "event: "));
    EXPECT_NULL(strstr(a.body.data, "reset"));
    EXPECT_EQ_UINT(0, hub_watchers(x.host.hub));
    answer_free(&a);
    close(fd);
    api_stop(&x);
}

/* Cut after each of its events in turn: what came behind it comes again, and nothing else. */
static void test_come_back(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_QUEUED, 1);
    publish(&x, HUB_STATE, JOB_RUNNING, NULL);
    for (int i = 0; i < 3; i++) {
        char line[16];
        (void)snprintf(line, sizeof line, "line %d", i);
        publish(&x, HUB_LOG, 0, line);
    }
    publish(&x, HUB_STATE, JOB_SUCCEEDED, NULL);
    answer_read(&x, JOB_SUCCEEDED, 3);
    struct answer whole = client_answer(&x.f, fd);
    close(fd);
    for (unsigned seen = 0; seen < 5; seen++) {
        fd = come_back(&x, id_of_event(&whole, seen));
        answer_read(&x, JOB_SUCCEEDED, 3);
        answer_read(&x, JOB_SUCCEEDED, 3); // the final event
        struct answer rest = client_answer(&x.f, fd);
        EXPECT_EQ_UINT(5 - seen, times(rest.body.data, "event: "));
        EXPECT_EQ_UINT(0, times(rest.body.data, "reset"));
        for (unsigned i = seen + 1; i < 6; i++) {
            char want[64];
            (void)snprintf(want, sizeof want, "%s", id_of_event(&whole, i));
            EXPECT_STR(want, id_of_event(&rest, i - seen - 1));
        }
        answer_free(&rest);
        close(fd);
    }
    fd = come_back(&x, id_of_event(&whole, 5)); // it has seen the end
    answer_read(&x, JOB_SUCCEEDED, 3);
    struct buf in = {0};
    struct answer none = client_answer_from(&x.f, fd, &in, true, NULL);
    buf_free(&in);
    EXPECT_EQ_INT(204, none.status);
    answer_free(&none);
    close(fd);
    fd = come_back(&x, id_of_event(&whole, 5)); // of an earlier life: it was revived since
    answer_read(&x, JOB_DEAD, 9);
    struct answer again = client_answer(&x.f, fd);
    EXPECT_CONTAINS("\"state\":\"dead\"", again.body.data);
    answer_free(&again);
    close(fd);
    answer_free(&whole);
    fixture_settle(&x.f);
    api_stop(&x);
}

/* Ids that cannot be resumed from begin with the whole job, and say so. */
static void test_come_back_from_elsewhere(void) {
    static const char *const rows[] = {
        "0000000000000abd-1",   // another boot
        "0000000000000abd-1-3", // that had sent another end
        "0000000000000abc-0",   // not followed then
        "0000000000000abc-999", // the future
        "1795305600123-1",      // an older host's
        "x",
        "ffffffffffffffff-18446744073709551615-42949672950", // too long
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct api_fixture x;
        api_start(&x, plain);
        x.host.nonce = 0xabc;
        int fd = come_back(&x, rows[i]);
        answer_read(&x, JOB_CANCELLED, 4);
        struct answer a = client_answer(&x.f, fd);
        EXPECT_EQ_INT(200, a.status);
        EXPECT_EQ_UINT(1, times(a.body.data, "event: "));
        EXPECT_CONTAINS(",\"reset\":true}\n\n", a.body.data);
        answer_free(&a);
        close(fd);
        fixture_settle(&x.f);
        api_stop(&x);
    }
    struct api_fixture x; // an end of another boot is an end
    api_start(&x, plain);
    int fd = come_back(&x, "00000000000000ff-17-4");
    answer_read(&x, JOB_CANCELLED, 4);
    struct buf in = {0};
    struct answer a = client_answer_from(&x.f, fd, &in, true, NULL);
    buf_free(&in);
    EXPECT_EQ_INT(204, a.status);
    answer_free(&a);
    close(fd);
    fd = come_back(&x, ""); // none
    answer_read(&x, JOB_CANCELLED, 4);
    a = client_answer(&x.f, fd);
    EXPECT_NULL(strstr(a.body.data, "reset"));
    answer_free(&a);
    close(fd);
    fixture_settle(&x.f);
    api_stop(&x);
}

static void test_finished_already(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_DEAD, 9);
    api_expect(&x, fd, 200, "\"state\":\"dead\"");
    static const struct { int op_status, status; } rows[] = {{-ENOENT, 404}, {-ETIMEDOUT, 503}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fd = api_send(&x, "GET", path, NULL);
        api_done(&x, api_take(&x, STORE_GET), rows[i].op_status);
        api_expect(&x, fd, rows[i].status, "error");
    }
    api_ask(&x, "GET", "/v1/jobs/nope/events", NULL, 404, "job_not_found");
    EXPECT_EQ_UINT(0, hub_watchers(x.host.hub));
    api_stop(&x);
}

/* What is published between the read and its answer comes behind the job as it was read. */
static void test_race_with_first_read(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "GET", path, NULL);
    publish(&x, HUB_LOG, 0, "meanwhile");
    publish(&x, HUB_STATE, JOB_SUCCEEDED, NULL);
    answer_read(&x, JOB_RUNNING, 2); // stale
    answer_read(&x, JOB_SUCCEEDED, 3);
    struct answer a = client_answer(&x.f, fd);
    static const char *const parts[] = {"\"state\":\"running\"", "meanwhile",
                                        "\"state\":\"succeeded\""};
    expect_parts(&a, parts, ARRAY_LEN(parts));
    answer_free(&a);
    close(fd);
    api_stop(&x);
}

/* A job that has died and was revived before its end could be told. */
static void test_revived(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_RUNNING, 1);
    publish(&x, HUB_STATE, JOB_DEAD, "why it died");
    publish(&x, HUB_STATE, JOB_QUEUED, NULL);
    answer_read(&x, JOB_QUEUED, 3);
    EXPECT_EQ_UINT(0, x.op_count);
    publish(&x, HUB_STATE, JOB_CANCELLED, NULL);
    answer_read(&x, JOB_CANCELLED, 4);
    struct answer a = client_answer(&x.f, fd);
    static const char *const parts[] = {"\"state\":\"running\"", "\"state\":\"dead\"",
                                        "why it died", "\"state\":\"queued\"",
                                        "\"state\":\"cancelled\""};
    expect_parts(&a, parts, ARRAY_LEN(parts));
    answer_free(&a);
    close(fd);
    fd = api_send(&x, "GET", path, NULL); // removed before its end could be told
    answer_read(&x, JOB_RUNNING, 1);
    publish(&x, HUB_STATE, JOB_SUCCEEDED, NULL);
    api_done(&x, api_take(&x, STORE_GET), -ENOENT);
    api_expect(&x, fd, 200, "\"state\":\"succeeded\"");
    fd = api_send(&x, "GET", path, NULL); // a store that cannot say: it is asked again
    answer_read(&x, JOB_RUNNING, 1);
    publish(&x, HUB_STATE, JOB_DEAD, NULL);
    api_done(&x, api_take(&x, STORE_GET), -ETIMEDOUT);
    EXPECT_EQ_UINT(0, x.op_count);
    fixture_wait(&x.f, 2000);
    answer_read(&x, JOB_DEAD, 7); // the refresh, and then the end
    answer_read(&x, JOB_DEAD, 7);
    api_expect(&x, fd, 200, "\"state\":\"dead\"");
    api_stop(&x);
}

/* Every 15 s the job is read again: what passed the hub by becomes an event for all, silence a
 * comment. */
static void test_refresh(void) {
    struct api_fixture x;
    struct buf in = {0}, other_in = {0};
    api_start(&x, plain);
    int fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_PARKED, 1);
    read_raw(&x, fd, &in);
    buf_clear(&in);
    fixture_wait(&x.f, 5000);
    int other = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_PARKED, 1);
    read_raw(&x, other, &other_in);
    buf_clear(&other_in);
    fixture_wait(&x.f, 9999);
    EXPECT_EQ_UINT(0, x.op_count);
    fixture_wait(&x.f, 1);
    answer_read(&x, JOB_PARKED, 1);
    read_raw(&x, fd, &in);
    EXPECT_CONTAINS(":\n\n", in.data);
    EXPECT_NULL(strstr(in.data, "event"));
    fixture_wait(&x.f, 5000); // the other one's turn
    answer_read(&x, JOB_QUEUED, 2);
    read_raw(&x, fd, &in);
    read_raw(&x, other, &other_in);
    EXPECT_EQ_UINT(1, times(in.data, "\"state\":\"queued\""));
    EXPECT_EQ_UINT(1, times(other_in.data, "\"state\":\"queued\""));
    fixture_wait(&x.f, 10000);
    api_done(&x, api_take(&x, STORE_GET), -ETIMEDOUT); // a store that is slow is no news
    fixture_wait(&x.f, 2000);
    publish(&x, HUB_STATE, JOB_RUNNING, NULL); // while it is read again
    publish(&x, HUB_LOG, 0, "not held up");
    read_raw(&x, fd, &in);
    EXPECT_CONTAINS("not held up", in.data);
    answer_read(&x, JOB_QUEUED, 2); // older than what was published
    read_raw(&x, fd, &in);
    EXPECT_EQ_UINT(1, times(in.data, "\"state\":\"queued\""));
    close(other);
    fixture_settle(&x.f);
    fixture_wait(&x.f, 15000);
    answer_read(&x, JOB_DEAD, 4); // its end has passed the hub by
    read_raw(&x, fd, &in);
    EXPECT_CONTAINS("\"state\":\"dead\"", in.data);
    EXPECT_CONTAINS("0\r\n\r\n", in.data);
    close(fd);
    buf_clear(&in);
    fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_PARKED, 5);
    fixture_wait(&x.f, 15000);
    api_done(&x, api_take(&x, STORE_GET), -ENOENT); // removed: nothing will ever come
    read_raw(&x, fd, &in);
    EXPECT_CONTAINS("0\r\n\r\n", in.data);
    close(fd);
    buf_free(&in);
    buf_free(&other_in);
    fixture_settle(&x.f);
    api_stop(&x);
}

static void test_peer_leaves(void) {
    struct api_fixture x;
    api_start(&x, plain);
    // before the first read is answered
    int fd = api_send(&x, "GET", path, NULL);
    close(fd);
    fixture_settle(&x.f);
    answer_read(&x, JOB_RUNNING, 1);
    EXPECT_EQ_UINT(0, hub_watchers(x.host.hub));
    // while nothing is under way
    fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_RUNNING, 1);
    EXPECT_EQ_UINT(1, hub_watchers(x.host.hub));
    close(fd);
    fixture_settle(&x.f);
    EXPECT_EQ_UINT(0, hub_watchers(x.host.hub));
    // while it is read again: the request is gone when the answer comes
    fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_RUNNING, 1);
    fixture_wait(&x.f, 15000);
    close(fd);
    fixture_settle(&x.f);
    EXPECT_EQ_UINT(0, server_connections(x.f.server));
    answer_read(&x, JOB_SUCCEEDED, 2);
    fixture_wait(&x.f, 20000); // and no timer is left
    EXPECT_EQ_UINT(0, x.op_count);
    api_stop(&x);
}

/* The host ends: server first, then the store, which answers what it still holds. */
static void test_host_ends(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd[3];
    for (int i = 0; i < 3; i++) {
        fd[i] = api_send(&x, "GET", path, NULL);
    }
    answer_read(&x, JOB_RUNNING, 1);
    answer_read(&x, JOB_RUNNING, 1);
    publish(&x, HUB_STATE, JOB_DEAD, NULL); // two read again, one still reads for the first time
    EXPECT_EQ_UINT(3, x.op_count);
    server_close(x.f.server);
    answer_read(&x, JOB_RUNNING, 1); // the first time: a stream that nobody reads
    while (x.op_count > 0) {
        api_done(&x, api_take(&x, STORE_GET), -ESHUTDOWN);
    }
    for (int i = 0; i < 3; i++) {
        close(fd[i]);
    }
    api_stop(&x);
}

/* A reader that takes nothing is let go at the bound; it has all that was kept for it, and gets the
 * rest when it comes back. */
static void test_slow_reader(void) {
    struct api_fixture x;
    struct buf in = {0};
    char line[2000];
    api_start(&x, plain);
    int slow = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_RUNNING, 1);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    int lines = 0;
    while (hub_watchers(x.host.hub) > 0 && lines < 10000) {
        publish(&x, HUB_LOG, 0, line);
        lines++;
    }
    EXPECT_TRUE(lines > (1 << 20) / 2500 && lines < 10000);
    for (int i = 0; i < 200; i++) { // once it reads, it gets what was kept, and the end
        read_raw(&x, slow, &in);
    }
    EXPECT_TRUE(in.len > 5 && memcmp(in.data + in.len - 5, "0\r\n\r\n", 5) == 0);
    close(slow);
    fixture_settle(&x.f);
    unsigned got = times(in.data, "event: log");
    EXPECT_TRUE(got < (unsigned)lines);
    char last[64] = "";
    for (const char *at = in.data; (at = strstr(at, "id: ")) != NULL; at++) {
        (void)snprintf(last, sizeof last, "%.*s", (int)strcspn(at + 4, "\n"), at + 4);
    }
    buf_clear(&in);
    slow = come_back(&x, last);
    answer_read(&x, JOB_RUNNING, 1);
    read_raw(&x, slow, &in);
    EXPECT_EQ_UINT((unsigned)lines - got, times(in.data, "event: log"));
    EXPECT_NULL(strstr(in.data, "reset"));
    buf_free(&in);
    close(slow);
    fixture_settle(&x.f);
    api_stop(&x);
}

/* The ring loses what a watcher has not been told yet: the whole job stands in for it. */
static void test_ring_overtakes(void) {
    enum { BIG = 1 << 20 };
    struct api_fixture x;
    struct buf in = {0};
    char *text = calloc(1, BIG + 1);
    if (!EXPECT_TRUE(text != NULL)) {
        return;
    }
    memset(text, 'x', BIG);
    api_start(&x, plain);
    int fd = api_send(&x, "GET", path, NULL);
    publish(&x, HUB_LOG, 0, "lost"); // while the first read is under way
    for (int i = 0; i < 4; i++) {
        publish(&x, HUB_LOG, 0, text);
    }
    for (int i = 0; i < 8; i++) {
        publish(&x, HUB_LOG, 0, "small");
    }
    answer_read(&x, JOB_RUNNING, 1);
    answer_read(&x, JOB_RUNNING, 1); // asked anew, for the ring has a gap
    read_raw(&x, fd, &in);
    EXPECT_EQ_UINT(2, times(in.data, "\"state\":\"running\""));
    EXPECT_EQ_UINT(1, times(in.data, "\"reset\":true"));
    EXPECT_EQ_UINT(0, times(in.data, "lost"));
    publish(&x, HUB_LOG, 0, "then this");
    read_raw(&x, fd, &in);
    EXPECT_CONTAINS("then this", in.data);
    free(text);
    buf_free(&in);
    close(fd);
    fixture_settle(&x.f);
    api_stop(&x);
}

static void test_too_many_watchers(void) {
    struct api_fixture x;
    static struct hub_watch watches[HUB_JOBS_MAX];
    api_start(&x, plain);
    for (uint32_t i = 0; i < HUB_JOBS_MAX; i++) {
        watches[i] = (struct hub_watch){.news = NULL};
        memcpy(&watches[i].id, &i, sizeof i);
        EXPECT_EQ_INT(0, hub_add(x.host.hub, &watches[i]));
    }
    api_ask(&x, "GET", path, NULL, 503, "too_many_watchers");
    hub_remove(x.host.hub, &watches[3]);
    int fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_DEAD, 1);
    api_expect(&x, fd, 200, "\"state\":\"dead\"");
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"from the first state to the last", test_whole_life},
    {"coming back after each event", test_come_back},
    {"coming back with an id that is of no use", test_come_back_from_elsewhere},
    {"a job that has ended, or is not there", test_finished_already},
    {"changes while the job is read", test_race_with_first_read},
    {"an end that is taken back", test_revived},
    {"reading the job again", test_refresh},
    {"a peer that leaves", test_peer_leaves},
    {"a host that ends", test_host_ends},
    {"a slow reader", test_slow_reader},
    {"events that are lost before they are told", test_ring_overtakes},
    {"watchers at their limit and one more", test_too_many_watchers},
};

SUITE_MAIN("api events", tests)
