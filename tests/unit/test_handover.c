// What one binary leaves to the next: written, read, and not believed.
#include "supervisor/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "core/flow.h"
#include "core/job.h"
#include "expect.h"
#include "jobhost_flow.h"
#include "jobhost_kv.h"
#include "record/record.h"
#include "supervisor/effects_pack.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

/* A table with one of each; the parts may be changed. */
struct sample {
    struct handover h;
    struct handover_socket socket;
    struct handover_connection connection;
    struct handover_pool pool;
    struct handover_worker worker;
    struct handover_attempt attempts[2];
    struct handover_name output;
    struct handover_ticket tickets[2];
};

static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void sample_init(struct sample *s) {
    *s = (struct sample){
        .socket = {.fd = 10, .own = 1, .url = "unix:/run/x"},
        .connection = {.fd = 11, .url = "unix:/run/x"},
        .output = {.name = "o.txt"},
        .tickets = {{.limiter = "api:ann", .id = UINT64_MAX},
                    {.limiter = "api", .id = 5, .of_job = 1, .till_start = 1}},
    };
    for (unsigned i = 0; i < 2; i++) {
        s->attempts[i] = (struct handover_attempt){.queue = "q",
                                                   .type = "t.run",
                                                   .token = 7 + i,
                                                   .slot = 3 + i,
                                                   .log = {"line\n", 5},
                                                   .result = {"\0r", 2},
                                                   .started_wall_ms = -1,
                                                   .outputs = &s->output,
                                                   .output_count = 1,
                                                   .tickets = s->tickets,
                                                   .ticket_count = 2};
        s->attempts[i].id.b[0] = (uint8_t)(1 + i);
    }
    s->worker = (struct handover_worker){.pid = 4711,
                                         .pidfd = 20,
                                         .sock = 21,
                                         .page_fd = 22,
                                         .slot_seq = 4,
                                         .load_end = UINT64_MAX,
                                         .attempts = s->attempts,
                                         .attempt_count = 2};
    s->pool = (struct handover_pool){.plugin = "chaos",
                                     .sha256 = digest,
                                     .settings = "",
                                     .number = 1,
                                     .threads = 1,
                                     .serves = 1,
                                     .workers = &s->worker,
                                     .worker_count = 1};
    s->h = (struct handover){.format = HANDOVER_VERSION,
                             .record = RECORD_WIRE_VERSION,
                             .nonce = UINT64_MAX,
                             .version = "0.1.0",
                             .identity = digest,
                             .lock_fd = 9,
                             .sockets = &s->socket,
                             .socket_count = 1,
                             .connections = &s->connection,
                             .connection_count = 1,
                             .pools = &s->pool,
                             .pool_count = 1};
}

/* Writes it, reads it; what reading says. */
static int pass(const struct sample *s, struct handover *ret, struct err *e) {
    int fd = handover_write(&s->h, e);
    if (fd < 0) {
        return fd;
    }
    int r = handover_read(fd, ret, e);
    (void)close(fd);
    return r;
}

static void count(void *arg, int fd) {
    *(int *)arg += fd;
}

static void test_whole(void) {
    struct sample s;
    struct handover h = {.format = 0};
    struct err e = {.msg = ""};
    int fds = 0;
    sample_init(&s);
    EXPECT_EQ_INT(0, pass(&s, &h, &e));
    EXPECT_EQ_UINT(UINT64_MAX, h.nonce);
    EXPECT_EQ_STR("unix:/run/x", h.sockets[0].url);
    EXPECT_EQ_INT(1, h.sockets[0].own);
    EXPECT_EQ_UINT(2, h.pools[0].workers[0].attempt_count);
    const struct handover_attempt *a = &h.pools[0].workers[0].attempts[1];
    EXPECT_EQ_UINT(8, a->token);
    EXPECT_EQ_UINT(4, a->slot);
    EXPECT_EQ_INT(-1, a->started_wall_ms);
    EXPECT_EQ_UINT(2, a->result.len);
    EXPECT_TRUE(memcmp("\0r", a->result.data, 2) == 0);
    EXPECT_TRUE(a->step == NULL);
    EXPECT_EQ_STR("o.txt", a->outputs[0].name);
    EXPECT_EQ_UINT(2, a->ticket_count);
    EXPECT_EQ_STR("api:ann", a->tickets[0].limiter);
    EXPECT_EQ_UINT(UINT64_MAX, a->tickets[0].id);
    EXPECT_EQ_INT(0, a->tickets[0].of_job);
    EXPECT_EQ_INT(1, a->tickets[1].of_job);
    EXPECT_EQ_INT(1, a->tickets[1].till_start);
    handover_each_fd(&h, count, &fds);
    EXPECT_EQ_INT(9 + 10 + 11 + 20 + 21 + 22, fds);
    handover_finish(&h);
}

/* ---- what is not believed ---- */

static void no_limiter(struct sample *s) {
    s->tickets[0].limiter = NULL;
}
static void odd_limiter(struct sample *s) {
    s->tickets[1].limiter = ":ann";
}
static void two_to_start(struct sample *s) {
    s->tickets[0].of_job = 1;
}
static void no_lock(struct sample *s) {
    s->h.lock_fd = 0;
}
static void no_nonce(struct sample *s) {
    s->h.nonce = 0;
}
static void other_format(struct sample *s) {
    s->h.format++;
}
static void other_protocol(struct sample *s) {
    s->h.record++;
}
static void no_socket(struct sample *s) {
    s->socket.fd = 0;
}
static void no_url(struct sample *s) {
    s->connection.url = NULL;
}
static void path_for_a_hash(struct sample *s) {
    s->pool.sha256 = "../../../../../../../../../../../../../../../../../../../etc/passwd0";
}
static void no_threads(struct sample *s) {
    s->pool.threads = 0;
}
static void too_many_threads(struct sample *s) {
    s->pool.threads = 257;
}
static void init_as_worker(struct sample *s) {
    s->worker.pid = 1;
}
static void group_as_worker(struct sample *s) {
    s->worker.pid = -4711;
}
static void same_slot(struct sample *s) {
    s->attempts[1].slot = s->attempts[0].slot;
}
static void no_slot(struct sample *s) {
    s->attempts[0].slot = 0;
}
static void slot_to_come(struct sample *s) {
    s->attempts[1].slot = s->worker.slot_seq + 1;
}
static void no_token(struct sample *s) {
    s->attempts[0].token = 0;
}
static void bad_type(struct sample *s) {
    s->attempts[0].type = "not a type";
}
static void stopped_too_far(struct sample *s) {
    s->attempts[0].stop = 4;
}

static void test_refused(void) {
    static const struct {
        const char *what;
        void (*spoil)(struct sample *s);
    } rows[] = {
        {"no limiter", no_limiter},
        {"odd limiter", odd_limiter},
        {"two to start", two_to_start},
        {"no lock", no_lock},
        {"no boot", no_nonce},
        {"another format", other_format},
        {"another protocol", other_protocol},
        {"no socket", no_socket},
        {"no url", no_url},
        {"a path for a hash", path_for_a_hash},
        {"no threads", no_threads},
        {"too many threads", too_many_threads},
        {"pid 1", init_as_worker},
        {"a process group", group_as_worker},
        {"the same slot", same_slot},
        {"no slot", no_slot},
        {"a slot to come", slot_to_come},
        {"no token", no_token},
        {"a bad type", bad_type},
        {"stopped too far", stopped_too_far},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sample s;
        struct handover h = {.format = 0};
        struct err e = {.msg = ""};
        sample_init(&s);
        rows[i].spoil(&s);
        EXPECT_TRUE(pass(&s, &h, &e) < 0);
        EXPECT_CONTAINS("the binary before", e.msg);
        handover_finish(&h);
    }
}

/* At the limit and one beyond. */
static void test_limits(void) {
    struct handover_name *names = calloc(JOB_OUTPUTS_MAX + 1, sizeof *names);
    char *log = calloc(1, JOB_LOG_TAIL_MAX + 1);
    struct err e = {.msg = ""};
    struct handover h = {.format = 0};
    struct sample s;
    EXPECT_TRUE(names != NULL && log != NULL);
    for (int i = 0; i <= JOB_OUTPUTS_MAX; i++) {
        names[i].name = "n";
    }
    for (size_t more = 0; more < 2; more++) {
        sample_init(&s);
        s.attempts[0].outputs = names;
        s.attempts[0].output_count = JOB_OUTPUTS_MAX + more;
        EXPECT_EQ_INT(more == 0 ? 0 : -EBADMSG, pass(&s, &h, &e));
        handover_finish(&h);
        sample_init(&s);
        s.attempts[0].log = (struct bytes){log, JOB_LOG_TAIL_MAX + more};
        EXPECT_EQ_INT(more == 0 ? 0 : -EBADMSG, pass(&s, &h, &e));
        handover_finish(&h);
    }
    free(names);
    free(log);
}

/* A table cut anywhere is refused or whole in itself, and never read beyond. */
static void test_cut(void) {
    struct sample s;
    struct handover h = {.format = 0};
    struct err e;
    char text[4096];
    sample_init(&s);
    int fd = handover_write(&s.h, &e);
    ssize_t len = pread(fd, text, sizeof text, 0);
    EXPECT_TRUE(len > 100 && len < (ssize_t)sizeof text);
    for (ssize_t n = 0; n < len; n++) {
        char *exact = malloc((size_t)n + 1);
        memcpy(exact, text, (size_t)n);
        if (handover_parse((struct bytes){exact, (size_t)n}, &h, &e) == 0) {
            EXPECT_TRUE(h.pool_count == 0);
        }
        handover_finish(&h);
        free(exact);
    }
    (void)close(fd);
}

static void test_no_memfd(void) {
    struct handover h = {.format = 0};
    struct err e = {.msg = ""};
    int pipes[2];
    EXPECT_EQ_INT(0, pipe(pipes));
    EXPECT_EQ_INT(-EBADMSG, handover_read(pipes[0], &h, &e));
    EXPECT_EQ_INT(-EBADMSG, handover_read(9999, &h, &e));
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    int open_one = record_memfd_open();
    EXPECT_EQ_INT(8, write(open_one, "JHNDOVR\n", 8));
    EXPECT_EQ_INT(-EBADMSG, handover_read(open_one, &h, &e)); // not sealed: it could still change
    (void)close(open_one);
}

/* ---- effects ---- */

static void test_effects(void) {
    struct effects *fx = effects_new(), *again = NULL;
    struct buf packed = {.data = NULL};
    struct msg_step step = {.name = "one", .value = {.data = {"v\0w", 3}}, .state_version = 4};
    struct msg_warn warn = {.code = "odd", .message = "it is odd"};
    struct msg_kv kv = {.what = KV_ADD, .key = "n", .number = -5};
    struct blob_ref blob = {.size = 3};
    memset(blob.sha256, 0xab, sizeof blob.sha256);
    EXPECT_EQ_INT(0, effects_add_step(fx, &step));
    EXPECT_EQ_INT(0, effects_add_warning(fx, &warn));
    EXPECT_EQ_INT(0, effects_add_kv(fx, &kv));
    EXPECT_EQ_INT(0, effects_add_output(fx, "o.txt", "text/plain", &blob));
    effects_pack(fx, &packed);
    EXPECT_FALSE(packed.failed);
    EXPECT_EQ_INT(0, effects_unpack(buf_bytes(&packed), &again));
    EXPECT_EQ_UINT(1, again->step_count);
    EXPECT_EQ_STR("one", again->steps[0].name);
    EXPECT_TRUE(again->steps[0].value.len == 3 &&
                memcmp("v\0w", again->steps[0].value.data, 3) == 0);
    EXPECT_EQ_UINT(4, again->state_version);
    EXPECT_EQ_UINT(fx->bytes, again->bytes);
    EXPECT_EQ_STR("it is odd", again->warnings[0].message);
    EXPECT_EQ_INT(-5, again->kv[0].number);
    EXPECT_EQ_INT(STORE_KV_ADD, again->kv[0].kind);
    EXPECT_TRUE(memcmp(&blob, &again->outputs[0].blob, sizeof blob) == 0);
    EXPECT_EQ_INT(0, effects_add_step(again, &step)); // it goes on
    EXPECT_EQ_UINT(2, again->step_count);
    buf_free(&packed);
    effects_free(&again);
    EXPECT_EQ_INT(-EBADMSG, effects_unpack((struct bytes){"\xff", 1}, &again));
    effects_free(&fx);
}

static struct config *plain_config(void) {
    const char *none = NULL;
    struct config_env *env = config_env_new((char **)(uintptr_t)&none);
    struct config_report report;
    struct config *c = config_load_text("t", bytes_of("host: {}"), env, NULL, &report);
    EXPECT_EQ_UINT(0, report.errors);
    config_report_finish(&report);
    config_env_free(&env);
    return c;
}

/* What it asks of flows comes along: children, the job behind them, a sibling. */
static void test_effects_of_flows(void) {
    struct config *config = plain_config();
    struct pools none = {.count = 0};
    struct host host = {.config = config, .pools = &none};
    struct effects *fx = effects_new(), *again = NULL;
    struct buf packed = {.data = NULL};
    char flow[JOB_ID_TEXT + 1];
    struct job_spec maker = {.id = id_next(&host.ids, 1000), .queue = "q", .flow_queue = "f"};
    maker.parent = id_next(&host.ids, 1000);
    id_format(&maker.parent, flow);
    maker.flow_id = flow;
    struct msg_child child = {.handler = "h", .payload = {.data = {"p", 1}}, .queue = "r"};
    EXPECT_EQ_INT(0, effects_add_child(fx, &host, &maker, EFFECTS_SIBLING, &child));
    EXPECT_EQ_INT(0, effects_add_child(fx, &host, &maker, EFFECTS_THEN, &child));
    EXPECT_EQ_INT(0, effects_add_child(fx, &host, &maker, EFFECTS_THEN, &child)); // the first stays
    EXPECT_EQ_INT(0, effects_set_on_dead(fx, JH_ON_DEAD_FAIL));
    EXPECT_EQ_INT(-EBADMSG, effects_set_on_dead(fx, 2));
    effects_pack(fx, &packed);
    EXPECT_EQ_INT(0, effects_unpack(buf_bytes(&packed), &again));
    EXPECT_EQ_UINT(1, again->child_count);
    EXPECT_EQ_STR(flow, again->children[0].flow_id);
    EXPECT_EQ_STR("f", again->children[0].flow_queue);
    EXPECT_TRUE(id_equal(&maker.parent, &again->children[0].parent));
    EXPECT_EQ_UINT(1, again->then_count);
    EXPECT_TRUE(id_equal(&fx->then[0].id, &again->then[0].id));
    EXPECT_TRUE(id_equal(&maker.id, &again->then[0].parent));
    EXPECT_NULL(again->then[0].flow_id);
    EXPECT_TRUE(again->then_keep_ms > 0 && fx->then_keep_ms == again->then_keep_ms);
    EXPECT_EQ_INT(FLOW_FAIL + 1, again->flow_on_dead);
    effects_drop(again, false);
    EXPECT_EQ_UINT(0, again->child_count + again->then_count + (size_t)again->flow_on_dead);
    effects_free(&again);
    effects_free(&fx);
    buf_free(&packed);
    config_free(&config);
}

/* Who is a member of no flow has no siblings: then none of it is. */
static void test_effects_without_a_flow(void) {
    struct config *config = plain_config();
    struct host host = {.config = config};
    struct effects *fx = effects_new();
    const struct job_spec maker = {.id = id_next(&host.ids, 1000), .queue = "q"};
    struct msg_child child = {.handler = "h"};
    EXPECT_EQ_INT(0, effects_add_child(fx, &host, &maker, EFFECTS_SIBLING, &child));
    EXPECT_EQ_STR("no_flow", fx->refused);
    struct msg_child keyed = {.handler = "h", .dedup_key = "k"};
    effects_free(&fx);
    fx = effects_new();
    EXPECT_EQ_INT(-EBADMSG, effects_add_child(fx, &host, &maker, EFFECTS_THEN, &keyed));
    effects_free(&fx);
    config_free(&config);
}

/* All that a job may have asked for is believed by the next binary. */
static void test_most_effects(void) {
    struct effects *fx = effects_new(), *again = NULL;
    struct buf packed = {.data = NULL};
    for (int i = 0; i < EFFECTS_ITEMS_MAX; i++) {
        struct msg_kv kv = {.what = KV_ADD, .key = "k", .number = 1};
        EXPECT_EQ_INT(0, effects_add_kv(fx, &kv));
    }
    struct msg_kv more = {.what = KV_ADD, .key = "k", .number = 1};
    EXPECT_EQ_INT(-EBADMSG, effects_add_kv(fx, &more));
    effects_pack(fx, &packed);
    EXPECT_EQ_INT(0, effects_unpack(buf_bytes(&packed), &again));
    effects_free(&again);
    effects_free(&fx);
    buf_free(&packed);
}

static const struct expect_test tests[] = {
    {"a whole table comes back as it was", test_whole},
    {"what cannot be is refused", test_refused},
    {"what is asked of flows", test_effects_of_flows},
    {"siblings of nobody", test_effects_without_a_flow},
    {"as many effects as there may be", test_most_effects},
    {"limits", test_limits},
    {"a table that is cut", test_cut},
    {"only a sealed memfd is read", test_no_memfd},
    {"effects come back as they were", test_effects},
};
SUITE_MAIN("handover", tests)
