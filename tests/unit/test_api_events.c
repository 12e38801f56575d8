// A job's event stream: its first event, its end, what comes between, and every way to go away in the middle.
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

static void test_whole_life(void) {
    struct api_fixture x;
    api_start(&x, plain);
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
        "id: ",
        "event: state\ndata: {\"id\":\"" API_ID "\"",
        "\"state\":\"queued\"",
        "event: state\ndata: {\"id\":\"" API_ID
        "\",\"at\":\"1970-01-01T00:00:01.000Z\",\"state\":\"running\",\"attempt\":1",
        "event: progress\ndata: {\"id\":\"" API_ID
        "\",\"at\":\"1970-01-01T00:00:01.000Z\",\"progress\":{\"percent\":50,",
        "event: log\ndata: {\"id\":\"" API_ID
        "\",\"at\":\"1970-01-01T00:00:01.000Z\",\"level\":\"warn\",\"text\":\"a line\"}\n\n",
        "event: state\ndata: {",
        "\"state\":\"succeeded\"",
    };
    const char *at = a.body.data;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        at = at == NULL ? NULL : strstr(at, parts[i]);
        if (!EXPECT_TRUE(at != NULL)) {
            (void)printf("    not there: %s\n    in %s\n", parts[i], a.body.data);
        }
    }
    unsigned events = 0;
    for (at = a.body.data; (at = strstr(at, "event: ")) != NULL; at++) {
        events++;
    }
    EXPECT_EQ_UINT(5, events);
    struct job_id id = the_id();
    EXPECT_FALSE(hub_watching(x.host.hub, &id));
    answer_free(&a);
    close(fd);
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
    struct job_id id = the_id();
    EXPECT_FALSE(hub_watching(x.host.hub, &id));
    api_stop(&x);
}

/* A change between the read and its answer must not be lost: the read may have seen the job as it was before. */
static void test_race_with_first_read(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "GET", path, NULL);
    publish(&x, HUB_STATE, JOB_SUCCEEDED, NULL);
    publish(&x, HUB_LOG, 0, "too early");
    answer_read(&x, JOB_RUNNING, 2);   // stale
    answer_read(&x, JOB_SUCCEEDED, 3); // so it is read again
    struct answer a = client_answer(&x.f, fd);
    EXPECT_CONTAINS("\"state\":\"running\"", a.body.data);
    EXPECT_CONTAINS("\"state\":\"succeeded\"", a.body.data);
    EXPECT_NULL(strstr(a.body.data, "too early"));
    answer_free(&a);
    close(fd);
    // the same during the read that a final event asks for: the job was revived meanwhile
    fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_RUNNING, 1);
    publish(&x, HUB_STATE, JOB_DEAD, NULL);
    publish(&x, HUB_STATE, JOB_QUEUED, NULL);
    answer_read(&x, JOB_QUEUED, 3);
    answer_read(&x, JOB_QUEUED, 3);
    publish(&x, HUB_STATE, JOB_CANCELLED, NULL);
    answer_read(&x, JOB_CANCELLED, 4);
    a = client_answer(&x.f, fd);
    EXPECT_CONTAINS("\"state\":\"cancelled\"", a.body.data);
    EXPECT_NULL(strstr(a.body.data, "\"state\":\"dead\""));
    answer_free(&a);
    close(fd);
    api_stop(&x);
}

/* Every 15 s the job is read again: news are sent, silence becomes a comment. */
static void test_refresh(void) {
    struct api_fixture x;
    struct buf in = {0};
    api_start(&x, plain);
    int fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_PARKED, 1);
    read_raw(&x, fd, &in);
    buf_clear(&in);
    fixture_wait(&x.f, 14999);
    EXPECT_EQ_UINT(0, x.op_count);
    fixture_wait(&x.f, 1);
    answer_read(&x, JOB_PARKED, 1);
    read_raw(&x, fd, &in);
    EXPECT_CONTAINS(":\n\n", in.data);
    EXPECT_NULL(strstr(in.data, "event"));
    fixture_wait(&x.f, 15000);
    api_done(&x, api_take(&x, STORE_GET), -ETIMEDOUT); // a store that is slow is no news
    fixture_wait(&x.f, 15000);
    answer_read(&x, JOB_QUEUED, 2);
    read_raw(&x, fd, &in);
    EXPECT_CONTAINS("\"state\":\"queued\"", in.data);
    fixture_wait(&x.f, 15000);
    api_done(&x, api_take(&x, STORE_GET), -ENOENT); // removed: nothing will ever come
    read_raw(&x, fd, &in);
    EXPECT_CONTAINS("0\r\n\r\n", in.data);
    close(fd);
    buf_free(&in);
    fixture_settle(&x.f);
    api_stop(&x);
}

static void test_peer_leaves(void) {
    struct job_id id = the_id();
    struct api_fixture x;
    api_start(&x, plain);
    // before the first read is answered
    int fd = api_send(&x, "GET", path, NULL);
    close(fd);
    fixture_settle(&x.f);
    answer_read(&x, JOB_RUNNING, 1);
    EXPECT_FALSE(hub_watching(x.host.hub, &id));
    // while nothing is under way
    fd = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_RUNNING, 1);
    EXPECT_TRUE(hub_watching(x.host.hub, &id));
    close(fd);
    fixture_settle(&x.f);
    EXPECT_FALSE(hub_watching(x.host.hub, &id));
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
    server_free(&x.f.server);
    while (x.op_count > 0) {
        api_done(&x, api_take(&x, STORE_GET), -ESHUTDOWN);
    }
    for (int i = 0; i < 3; i++) {
        close(fd[i]);
    }
    api_stop(&x);
}

/* A reader that takes nothing is let go at the bound; others hear everything. */
static void test_slow_reader(void) {
    struct api_fixture x;
    struct buf in = {0};
    char line[2000];
    struct job_id id = the_id();
    api_start(&x, plain);
    int slow = api_send(&x, "GET", path, NULL);
    answer_read(&x, JOB_RUNNING, 1);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    int lines = 0;
    while (hub_watching(x.host.hub, &id) && lines < 10000) {
        publish(&x, HUB_LOG, 0, line);
        lines++;
    }
    EXPECT_TRUE(lines > (1 << 20) / 2500 && lines < 10000);
    for (int i = 0; i < 200; i++) { // once it reads, it gets what was kept, and the end
        read_raw(&x, slow, &in);
    }
    EXPECT_TRUE(in.len > 5 && memcmp(in.data + in.len - 5, "0\r\n\r\n", 5) == 0);
    buf_free(&in);
    close(slow);
    fixture_settle(&x.f);
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"from the first state to the last", test_whole_life},
    {"a job that has ended, or is not there", test_finished_already},
    {"changes while the job is read", test_race_with_first_read},
    {"reading the job again", test_refresh},
    {"a peer that leaves", test_peer_leaves},
    {"a host that ends", test_host_ends},
    {"a slow reader", test_slow_reader},
};

SUITE_MAIN("api events", tests)
