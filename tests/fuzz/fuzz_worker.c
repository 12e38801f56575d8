// A worker whose supervisor sends anything at all: records in and out of turn, answers to what was
// not asked, records damaged on the way, garbage, descriptors.
//
// The worker is the real one from its hand-shake to its last job, with one run thread, which is
// this program's own: where it would wait for its socket, the supervisor reads what it has said and
// does the next thing in the script. Whatever that is: the worker says nothing but well-formed
// records about jobs that it has, leaves no descriptor behind, and gives up only on a supervisor
// that broke the rules; of one that kept them it answers every job once.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"
#include "fuzz.h"
#include "jobhost_blob.h"
#include "jobhost_clock.h"
#include "jobhost_kv.h"
#include "worker/control.h"
#include "worker/crash.h"
#include "worker/handshake.h"
#include "worker/receive.h"
#include "worker/state.h"

enum { SLOTS_MAX = 256, FDS_MAX = 256, HANDLERS = 2, MAX_RESULT = 20000 };
enum slot_state { SLOT_FREE, SLOT_OUT, SLOT_ANSWERED };

struct script {
    const uint8_t *at, *end;
};

static struct {
    struct script s;
    struct worker w;
    int sock; // the supervisor's end
    bool in_hand_shake, ended;
    struct record_writer out;
    struct record_packet in;
    uint32_t damage; // done to the next packet
    enum slot_state slots[SLOTS_MAX];
    uint64_t last_slot, now_slot; // given last, and the one that asks
    uint32_t asked;               // number of the open question
    bool asks, asks_commit;
    bool honest;
    void *(*thread)(void *);
    void *thread_arg;
    jmp_buf gave_up;
} f;

/* ------------------------------------------------------------------ reading the script */

static uint8_t take(void) {
    return f.s.at < f.s.end ? *f.s.at++ : 0;
}

static int64_t take_number(void) {
    static const int64_t odd[] = {0, 1, -1, 2, 1000, INT32_MAX, INT64_MAX, INT64_MIN};
    uint8_t b = take();
    return b < 128 ? odd[b % 8] : b;
}

static const char *take_text(char out[700]) {
    uint8_t b = take();
    if (b == 255) {
        return NULL;
    }
    size_t len = b < 200 ? b % 8 : 600;
    memset(out, 'a' + b % 26, len);
    out[len] = '\0';
    return out;
}

// Content that has to travel by descriptor, too.
static struct bytes take_content(void) {
    static char content[RECORD_INLINE_MAX + 100];
    uint8_t b = take();
    memset(content, b, 256);
    return (struct bytes){content, b == 255 ? sizeof content : b};
}

/* ------------------------------------------------------------------ the plugin */

static unsigned sum;

static void look_at(const void *data, size_t len) {
    for (size_t i = 0; i < len; i++) {
        sum += ((const uint8_t *)data)[i];
    }
}

static void look_at_text(const char *text) {
    look_at(text, text == NULL ? 0 : strlen(text));
}

static int take_step(struct jh_call *c) {
    char text[700];
    struct jh_bytes value = {NULL, 0};
    const char *name = take_text(text);
    if (take() % 2 == 0) {
        int rc = c->host->step_get(c, name, &value);
        look_at(value.data, value.len);
        return rc;
    }
    struct bytes b = take_content();
    return c->host->step_put(c, name, (struct jh_bytes){b.data, b.len});
}

static int take_kv(struct jh_call *c) {
    char text[700];
    const struct jh_kv *kv = c->host->extension(c->host, JH_KV_1);
    const char *key = take_text(text), *holder = NULL;
    struct jh_bytes value = {NULL, 0};
    uint8_t which = take() % 10;
    struct bytes b = take_content();
    const struct jh_bytes member = {b.data, b.len};
    int64_t number = 0;
    uint64_t count = 0;
    int rc = 0;
    switch (which) {
    case 0: rc = kv->get(c, key, &value); break;
    case 1: return kv->set(c, key, member, take_number());
    case 2: return kv->del(c, key);
    case 3: return kv->add(c, key, take_number());
    case 4: return kv->counter(c, key, &number);
    case 5: return kv->sadd(c, key, member);
    case 6: return kv->sismember(c, key, member);
    case 7: return kv->scard(c, key, &count);
    case 8: rc = kv->claim(c, key, &holder); break;
    default: return kv->done(c, key, take_number());
    }
    look_at(value.data, value.len);
    look_at_text(holder);
    return rc;
}

static int take_input(struct jh_call *c) {
    const struct jh_blob *blob = c->host->extension(c->host, JH_BLOB_1);
    struct jh_input input = {.size = sizeof input};
    uint32_t index = take() % 3;
    if (blob->input(c, index, &input) == 0) {
        look_at_text(input.name);
        look_at_text(input.filename);
        look_at_text(input.content_type);
    }
    int fd = blob->open(c, index);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd;
}

static int output_file = -1; // one for ever: a worker that gives up leaves run() by a jump

static int take_output(struct jh_call *c) {
    const struct jh_blob *blob = c->host->extension(c->host, JH_BLOB_1);
    static const char *const names[] = {"a.md", "b", "../c", ""};
    char text[700];
    struct bytes b = take_content();
    FUZZ_CHECK(ftruncate(output_file, (off_t)b.len) == 0);
    FUZZ_CHECK(pwrite(output_file, b.data, b.len, 0) == (ssize_t)b.len);
    return blob->output_fd(c, names[take() % ARRAY_LEN(names)], output_file, take_text(text));
}

static int take_other(struct jh_call *c) {
    char text[700];
    struct bytes b;
    uint8_t which = take();
    if (which >= 200) {
        return take_output(c);
    }
    switch (which % 8) {
    case 0: return c->host->sleep_ms(c, take() % 3);
    case 1: return c->host->progress(c, take(), 5, take_text(text));
    case 2: b = take_content(); return c->host->result(c, (struct jh_bytes){b.data, b.len});
    case 3: return c->host->warn(c, "code", take_text(text));
    case 4: c->host->log(c, JH_LOG_INFO, take_text(text)); return 0;
    case 5: return c->host->cancel_fd(c);
    case 6:
        return c->host->enqueue(
            c, &(struct jh_child){.size = sizeof(struct jh_child), .handler = take_text(text)});
    default: look_at_text(c->host->config(c, "token")); return 0;
    }
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    look_at(job->payload.data, job->payload.len);
    look_at_text(job->id);
    look_at_text(job->dedup_key);
    look_at_text(job->labels);
    for (uint8_t left = take() % 8; left > 0; left--) {
        static int (*const acts[])(struct jh_call *) = {take_step, take_kv, take_input, take_other};
        (void)acts[take() % ARRAY_LEN(acts)](c);
    }
    uint8_t how = take() % 8;
    if (how == 6) {
        return c->host->yield(c, &(struct jh_wait){.size = sizeof(struct jh_wait),
                                                   .kind = take() % 6,
                                                   .wake_at_ms = take_number()});
    }
    return how == 7 ? c->host->fail(c, &(struct jh_failure){.size = sizeof(struct jh_failure),
                                                            .cls = take() % 12})
                    : (jh_status)how;
}

static const struct jh_option options[] = {{.name = "token", .type = JH_OPT_STRING},
                                           {.name = NULL}};
static const struct jh_handler handlers[HANDLERS] = {
    {.name = "t.beside", .run = run, .flags = JH_HANDLER_CONCURRENT},
    {.name = "t.alone", .run = run, .state_version = 1},
};
static const struct jh_plugin plugin = {
    JH_PLUGIN_INIT,    .name = "t", .version = "1", .handlers = handlers, .handler_count = HANDLERS,
    .options = options};

/* ------------------------------------------------------------------ the supervisor hears */

static void hear(struct record *r) {
    uint64_t slot = r->h.job;
    FUZZ_CHECK(slot == 0 || (slot < SLOTS_MAX && f.slots[slot] == SLOT_OUT) || !f.honest);
    if (r->h.type == REC_DONE || r->h.type == REC_NACK) {
        f.slots[slot % SLOTS_MAX] = SLOT_ANSWERED;
    } else if (r->h.type == REC_COMMIT) {
        f.asks = f.asks_commit = true;
        f.now_slot = slot;
        f.asked = record_get_u32(r);
    } else if (r->h.type == REC_GET) {
        struct msg_get m;
        FUZZ_CHECK(msg_get_get(r, &m) == 0);
        f.asks = true;
        f.asks_commit = false;
        f.now_slot = slot;
        f.asked = m.request;
        msg_bytes_close(&m.member);
    } else if (r->h.type == REC_OUTPUT) {
        struct msg_output m;
        FUZZ_CHECK(msg_output_get(r, &m) == 0);
        FUZZ_CHECK(job_check_file_name(m.name, NULL) == 0);
        FUZZ_CHECK(m.content.data.len <= MAX_RESULT || !f.honest); // a damaged JOB may allow more
        f.asks = true;
        f.asks_commit = false;
        f.now_slot = slot;
        f.asked = m.request;
        msg_bytes_close(&m.content);
    }
}

static void hear_all(void) {
    struct record r;
    while (record_recv(&f.in, f.sock) == 1) {
        int more;
        while ((more = record_next(&f.in, &r)) == 1) {
            hear(&r);
        }
        FUZZ_CHECK(more == 0);
    }
}

/* ------------------------------------------------------------------ and speaks */

static void send_out(void) {
    if (f.damage != 0 && f.out.packet.len > 0) {
        f.honest = false;
        f.out.packet.data[(f.damage >> 8) % f.out.packet.len] ^= (char)f.damage;
        f.damage = 0;
    }
    if (record_send(&f.out, f.sock) != 0) {
        f.honest = false; // what has not been sent is not answered either
        record_writer_finish(&f.out);
        f.out = (struct record_writer){.start = 0};
    }
}

static void say_simple(enum record_type type, uint64_t slot) {
    record_begin(&f.out, type, slot);
    if (type == REC_CANCEL) {
        record_u32(&f.out, take() % 8);
    }
    (void)record_end(&f.out);
}

static void say_welcome(void) {
    const bool odd = take() >= 200;
    char texts[2][700];
    f.honest = f.honest && !odd;
    const struct msg_welcome m = {.wire_version = odd ? take() : RECORD_WIRE_VERSION,
                                  .plugin = "t",
                                  .snapshot = "t.so",
                                  .sha256 = "",
                                  .threads = odd ? (uint32_t)take_number() : 1,
                                  .ping_ms = odd ? take_number() : 1000,
                                  .lease_ms = odd ? take_number() : 30000,
                                  .log_level = take() % 4,
                                  .data_dir = odd ? take_text(texts[0]) : NULL};
    (void)msg_welcome_put(&f.out, 0, &m);
}

static void say_config(void) {
    char text[700];
    const struct msg_setting settings[] = {{"token", take_text(text)}, {"other", NULL}};
    (void)msg_config_put(&f.out, 0, &(struct msg_config){take() % 3, settings});
}

static void say_job(bool odd) {
    char texts[2][700];
    const struct msg_input inputs[] = {{.name = "one", .filename = "1.txt", .size = 5},
                                       {.name = "two"}};
    const struct msg_job m = {.handler = odd ? take() : take() % HANDLERS,
                              .attempt = 1,
                              .id = "01933333-3333-7333-8333-333333333333",
                              .dedup_key = take_text(texts[0]),
                              .labels = take_text(texts[1]),
                              .payload = {.data = take_content()},
                              .steps_version = take() % 2,
                              .commit_no = take(),
                              .timeout_ms = take_number(),
                              .max_result = MAX_RESULT,
                              .input_count = take() % 3,
                              .inputs = inputs};
    uint64_t slot = odd ? take() : f.last_slot + 1;
    if (slot >= SLOTS_MAX) {
        return;
    }
    f.honest = f.honest && !odd;
    if (msg_job_put(&f.out, slot, &m) == 0 && !odd) {
        f.slots[slot] = SLOT_OUT;
        f.last_slot = slot;
    }
}

static void say_value(uint64_t slot, uint32_t number) {
    int ends[2] = {-1, -1};
    struct msg_value m = {.request = number, .status = take() % 5 - 2, .number = take_number()};
    if (take() < 200) {
        m.value.data = take_content();
    } else if (pipe(ends) == 0) { // an input file, say
        (void)close(ends[1]);
        m.value = (struct msg_bytes){.data = {NULL, take()}, .by_fd = true, .fd = ends[0]};
    }
    if (msg_value_put(&f.out, slot, &m) != 0 && ends[0] != -1) {
        (void)close(ends[0]);
    }
}

static void say_answer(bool odd) {
    f.honest = f.honest && !odd;
    if (!f.asks && !odd) {
        return;
    }
    uint64_t slot = odd ? take() : f.now_slot;
    uint32_t number = odd ? take() : f.asked;
    if (odd ? take() % 2 == 0 : f.asks_commit) {
        (void)msg_committed_put(&f.out, slot,
                                &(struct msg_committed){number, (int32_t)(take() % 3) * -EBADF});
    } else {
        say_value(slot, number);
    }
    f.asks = false;
}

static void say_again(void) { // the last answer, to a question that is no longer open
    f.honest = false;
    say_value(f.now_slot, f.asked);
}

static void say_garbage(void) {
    size_t len = take(), left = (size_t)(f.s.end - f.s.at);
    len = len > left ? left : len;
    f.honest = false;
    (void)!send(f.sock, f.s.at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    f.s.at += len;
}

static void say_fds(void) {
    static const enum record_type types[] = {REC_PONG, REC_RECALL, REC_CANCEL, REC_COMMITTED};
    f.honest = false;
    record_begin(&f.out, types[take() % ARRAY_LEN(types)], take());
    int fd = eventfd(0, EFD_CLOEXEC);
    record_bytes_fd(&f.out, fd, take());
    if (record_end(&f.out) != 0) {
        (void)close(fd);
    }
}

static void say(void) {
    switch (take() % 16) {
    case 0:
    case 1:
    case 2: say_job(false); break;
    case 3: say_job(true); break;
    case 4:
    case 5:
    case 6: say_answer(false); break;
    case 7: say_answer(true); break;
    case 8: say_again(); break;
    case 9: say_simple(REC_CANCEL, take()); break;
    case 10: say_simple(REC_RECALL, take()); break;
    case 11: say_simple(REC_PONG, 0); break;
    case 12:
        if (take() >= 200) {
            say_simple(REC_DRAIN, 0);
        }
        break;
    case 13: say_garbage(); break;
    case 14: f.damage = (uint32_t)take() << 8 | take(); break;
    default: say_fds(); break;
    }
}

static void speak(void) {
    if (f.s.at == f.s.end) {
        send_out();
        f.ended = true;
        (void)shutdown(f.sock, SHUT_WR);
    } else if (f.in_hand_shake && take() < 240) {
        f.w.runner_count == 0 ? say_welcome() : say_config();
        send_out();
    } else {
        f.honest = f.honest && !f.in_hand_shake;
        say();
        if (take() % 4 != 0) { // else the next record goes into the same packet
            send_out();
        }
    }
}

/* ------------------------------------------------------------------ in place of threads and of the
 * process's end */

int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run_)(void *),
                          void *arg);
int __wrap_pthread_join(pthread_t thread, void **ret);
_Noreturn void __wrap_control_give_up(int rc);
int __wrap_load_plugin(const char *path, struct plugin *ret, const char **ret_stage, struct err *e);

int __wrap_poll(struct pollfd *fds, nfds_t n, int ms) {
    if (fds == NULL || fds[0].fd != f.w.sock) {
        return __real_poll(fds, n, ms);
    }
    hear_all();
    if ((fds[0].events & POLLIN) != 0 && !f.ended) {
        speak();
    }
    return __real_poll(fds, n, 0);
}

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run_)(void *),
                          void *arg) {
    (void)attr;
    *ret = pthread_self();
    if (f.thread == NULL) { // the first: others never get a turn
        f.thread = run_;
        f.thread_arg = arg;
    }
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **ret) {
    (void)thread;
    (void)ret;
    return 0;
}

void __wrap_control_give_up(int rc) {
    FUZZ_CHECK(rc == -EBADMSG || rc == -ENOMEM);
    FUZZ_CHECK(!f.honest);
    longjmp(f.gave_up, 1);
}

int __wrap_load_plugin(const char *path, struct plugin *ret, const char **ret_stage,
                       struct err *e) {
    (void)path;
    return manifest_read(&plugin, &ret->manifest, ret_stage, e);
}

/* ------------------------------------------------------------------ before and after */

static unsigned count_fds(void) {
    unsigned n = 0;
    for (int fd = 0; fd < FDS_MAX; fd++) {
        n += fcntl(fd, F_GETFD) != -1;
    }
    return n;
}

static void open_worker(const uint8_t *data, size_t size) {
    struct start_page *page;
    struct err e;
    int ends[2];
    memset(&f, 0, sizeof f);
    f.s = (struct script){data, data + size};
    f.honest = f.in_hand_shake = true;
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    f.sock = ends[0];
    int page_fd = start_page_new(&page);
    FUZZ_CHECK(page_fd >= 0 && worker_open(&f.w, ends[1], page_fd, &e) == 0);
    start_page_unmap(&page);
    (void)close(page_fd);
}

static void free_task(struct worker *w, struct task *t) {
    TAILQ_REMOVE(&w->queue.waiting, t, link);
    task_free(t);
}

static void close_worker(void) {
    struct worker *w = &f.w;
    struct task *t;
    while ((t = TAILQ_FIRST(&w->queue.waiting)) != NULL) {
        free_task(w, t);
    }
    worker_close(w);
    (void)close(w->sock);
    (void)close(f.sock);
    record_writer_finish(&f.out);
    record_packet_finish(&f.in);
}

// As the keeper does when the run threads are gone.
static void read_rest(struct worker *w) {
    struct pollfd p = {.fd = w->sock, .events = POLLIN};
    (void)pthread_mutex_lock(&w->lock);
    while (w->phase == PHASE_DRAINING && __real_poll(&p, 1, 0) == 1) {
        receive_packet(w);
    }
    (void)pthread_mutex_unlock(&w->lock);
}

static void expect_all_answered(void) {
    hear_all();
    for (uint64_t slot = 1; slot <= f.last_slot && f.honest; slot++) {
        FUZZ_CHECK(f.slots[slot] == SLOT_ANSWERED);
    }
}

// The process would be gone now: what its run thread was at goes with it.
static void abandon(struct worker *w) {
    struct call *c = &w->runners[0].call;
    (void)pthread_mutex_unlock(&w->lock);
    if (c->answer.fd != -1) {
        (void)close(c->answer.fd);
    }
    struct task *t = c->task;
    call_end(c);
    task_free(t);
    crash_unwatch_thread();
}

static void serve(struct worker *w) {
    w->handler_us = calloc(HANDLERS, sizeof *w->handler_us);
    w->runners = calloc(w->runner_count, sizeof *w->runners);
    FUZZ_CHECK(w->handler_us != NULL && w->runners != NULL && keeper_init(w) == 0);
    w->phase = PHASE_SERVING;
    FUZZ_CHECK(runner_start_all(w) == 0);
    if (setjmp(f.gave_up) == 0) {
        (void)f.thread(f.thread_arg);
        send_out();
        if (w->phase == PHASE_DRAINING) {
            read_rest(w);
            expect_all_answered();
        }
    } else {
        abandon(w);
    }
    runner_join_all(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    output_file = output_file == -1 ? record_memfd_open() : output_file;
    unsigned before = count_fds();
    open_worker(data, size);
    int rc = handshake_run(&f.w);
    FUZZ_CHECK(rc != -EBADMSG || !f.honest);
    f.in_hand_shake = false;
    if (rc == 0) {
        serve(&f.w);
    }
    close_worker();
    FUZZ_CHECK(count_fds() == before);
    return 0;
}
