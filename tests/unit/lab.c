#define _GNU_SOURCE // mkdtemp, MSG_NOSIGNAL
#include "lab.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/faulty/faulty.h"
#include "supervisor/commits.h"
#include "supervisor/dispatch.h"
#include "supervisor/jobs.h"
#include "supervisor/pool_private.h"
#include "supervisor/spawn.h"

enum { LAB_START_MS = 1000000000, LAB_FIRST_PID = 0x40000000 /* beyond what any system gives */ };

const char *const lab_handlers[LAB_HANDLERS] = {"t.fast", "t.slow"};

// spawn_ops have no place for an argument: there is one lab at a time.
static struct lab *the_lab;

void lab_fail(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)fputs("lab: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    abort();
}

// ---- processes that are none

static struct lab_worker *find_worker(pid_t pid) {
    for (unsigned i = 0; i < the_lab->spawned; i++) {
        if (the_lab->workers[i]->pid == pid) {
            return the_lab->workers[i];
        }
    }
    lab_fail("no worker %d", (int)pid);
}

static int spawn_start(const char *program, const char *plugin, struct spawned *ret,
                       struct err *e) {
    (void)program;
    struct lab *lab = the_lab;
    if (lab->refuse_spawn) {
        return err_set(e, -EAGAIN, "the lab starts no worker for %s", plugin);
    }
    if (lab->spawned == LAB_WORKERS_MAX) {
        lab_fail("more than %d workers", LAB_WORKERS_MAX);
    }
    int ends[2];
    struct start_page *theirs = NULL;
    struct lab_worker *w = calloc(1, sizeof *w);
    int page = start_page_new(&theirs);
    if (w == NULL || page < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == -1) {
        lab_fail("cannot make a worker");
    }
    w->pid = lab->next_pid++;
    w->sock = ends[1];
    w->page = start_page_map(page);
    w->in = calloc(1, sizeof *w->in);
    w->death_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)close(page);
    *ret =
        (struct spawned){.pid = w->pid, .pidfd = dup(w->death_fd), .sock = ends[0], .page = theirs};
    lab->workers[lab->spawned++] = w;
    return 0;
}

static void spawn_signal(pid_t pid, int sig) {
    struct lab_worker *w = find_worker(pid);
    w->signal = sig;
    if (!w->dead && !w->immortal && sig == SIGKILL) {
        lab_die(w, SIGKILL);
    }
}

static bool spawn_reap(pid_t pid, bool block, struct spawn_end *ret) {
    struct lab_worker *w = find_worker(pid);
    if (w->reaped) {
        lab_fail("worker %d is reaped twice", (int)pid);
    }
    if (!w->dead && block) {
        lab_die(w, SIGKILL);
    }
    if (w->dead) {
        w->reaped = true;
        *ret = (struct spawn_end){.status = w->status};
    }
    return w->dead;
}

static const struct spawn_ops lab_spawn = {
    .start = spawn_start, .signal = spawn_signal, .reap = spawn_reap};

// ---- a store that says how much it has to do

struct passage {
    struct lab *lab;
    void (*done)(struct store_op *op);
    void *arg;
};

static void store_done(struct store_op *op) {
    struct passage *p = op->arg;
    p->lab->outstanding--;
    op->done = p->done;
    op->arg = p->arg;
    free(p);
    op->done(op);
}

static void store_counted_post(void *self, struct store_op *op) {
    struct lab *lab = self;
    struct passage *p = malloc(sizeof *p);
    if (p == NULL) {
        lab_fail("out of memory");
    }
    *p = (struct passage){lab, op->done, op->arg};
    op->done = store_done;
    op->arg = p;
    lab->outstanding++;
    lab->posted++;
    lab->posted_of[op->kind]++;
    if (op->kind == STORE_HOST_LEASE) {
        const struct store_host_lease *lease = CONTAINER_OF(op, struct store_host_lease, op);
        lab->beat.lease_ms = lease->lease_ms;
        lab->beat.running = lease->running;
    }
    store_post(&lab->store, op);
}

static void store_counted_close(void *self) {
    store_close(&((struct lab *)self)->store);
}

static uint64_t store_counted_blob_room(void *self) {
    return store_blob_room(&((struct lab *)self)->store);
}

static void store_counted_backlog(void *self, struct store_backlog *ret) {
    *ret = store_backlog(&((struct lab *)self)->store);
}

static const struct store_ops store_counted = {.caps = {.name = "counted"},
                                               .post = store_counted_post,
                                               .close = store_counted_close,
                                               .blob_room = store_counted_blob_room,
                                               .backlog = store_counted_backlog};

static const struct store_ops store_shared = {.caps = {.name = "shared", .shared = true},
                                              .post = store_counted_post,
                                              .close = store_counted_close,
                                              .blob_room = store_counted_blob_room};

// ---- opening and closing

void lab_change_plugin(struct lab *lab, const char *content) {
    char path[200];
    (void)snprintf(path, sizeof path, "%s/t.so", lab->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd == -1 || write(fd, content, strlen(content)) != (ssize_t)strlen(content)) {
        lab_fail("%s: %s", path, strerror(errno));
    }
    (void)close(fd);
}

// What fails in most tests is to be tried again, and not to be left alone.
#define NO_BREAKERS                                                                                \
    "breakers: {auth: {enabled: false}, network: {enabled: false}, unknown: {enabled: false}}\n"

static void write_config(const struct lab *lab) {
    char path[200];
    const struct lab_options *o = &lab->options;
    (void)snprintf(path, sizeof path, "%s/lab.yaml", lab->dir);
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        lab_fail("%s: %s", path, strerror(errno));
    }
    (void)fprintf(out,
                  "host: {state_dir: %s/var, admin: unix:%s/admin.sock, log_level: %s}\n"
                  "store: {url: \"sqlite:%s/jobs.db\"%s%s}\n"
                  "plugins:\n  t: {file: %s/t.so%s%s}\n%s%s",
                  lab->dir, lab->dir, o->loud ? "debug" : "error", lab->dir,
                  o->store == NULL ? "" : ", ", o->store == NULL ? "" : o->store, lab->dir,
                  o->plugin == NULL ? "" : ", ", o->plugin == NULL ? "" : o->plugin,
                  o->breakers ? "" : NO_BREAKERS, o->more == NULL ? "" : o->more);
    if (fclose(out) != 0) {
        lab_fail("%s: %s", path, strerror(errno));
    }
}

void lab_configure_plugin(struct lab *lab, const char *plugin) {
    lab->options.plugin = plugin;
    write_config(lab);
}

static struct config *load_config(struct lab *lab) {
    char path[200];
    struct config_report report;
    write_config(lab);
    (void)snprintf(path, sizeof path, "%s/lab.yaml", lab->dir);
    struct config *config = config_load(path, lab->env, NULL, &report);
    if (config == NULL) {
        struct buf words = {0};
        config_report_print(&report, false, &words);
        lab_fail("%s", words.data);
    }
    config_report_finish(&report);
    return config;
}

// So that a turn of the loop that waits for something to happen ends when nothing does.
static void on_tick(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
}

static void open_host(struct lab *lab) {
    struct err e = {.code = 0};
    struct host *host = calloc(1, sizeof *host);
    if (host == NULL) {
        lab_fail("out of memory");
    }
    host->env.clock = &lab->clock;
    host->net_env.clock = &lab->outside;
    host->log = (struct log){
        .env = &host->env, .fd = lab->options.loud ? STDERR_FILENO : -1, .level = LOG_LEVEL_DEBUG};
    host->self_exe = "lab";
    host->spawn = &lab_spawn;
    host->strict = lab->options.strict;
    host->config_env = lab->env;
    host->config = load_config(lab);
    if (lab->options.faulty || lab->options.spool) { // the configuration knows no such store
        (void)snprintf(lab->url, sizeof lab->url, "faulty:%s%s", lab->options.away ? "down:" : "",
                       host->config->store.url);
        host->config->store.url = lab->url;
    }
    if (lab->options.spool) {
        (void)snprintf(lab->fallback, sizeof lab->fallback, "sqlite:%s/spool.db", lab->dir);
        host->config->store.fallback = lab->fallback;
    }
    lab->host = host;
    const struct timeval tick = {.tv_usec = 2000};
    if (host_open(host, false, &e) != 0) {
        lab_fail("%s", e.msg);
    }
    lab->store = host->store;
    host->store = (struct store){lab->options.shared ? &store_shared : &store_counted, lab};
    lab->ticker = event_new(host->base, -1, EV_PERSIST, on_tick, lab);
    (void)event_add(lab->ticker, &tick);
    host_start(host);
}

static bool is_running(struct lab *lab, void *arg) {
    (void)arg;
    return lab->host->phase == HOST_RUNNING;
}

struct lab *lab_open(const struct lab_options *options) {
    static const char *const no_environment[] = {NULL};
    struct lab *lab = calloc(1, sizeof *lab);
    const char *tmp = getenv("TMPDIR");
    if (lab == NULL || the_lab != NULL) {
        lab_fail("no memory for a lab, or a second one");
    }
    the_lab = lab;
    (void)signal(SIGPIPE, SIG_IGN);
    lab->options = *options;
    lab->next_pid = LAB_FIRST_PID;
    lab->clock = (struct env_clock_file){
        .magic = ENV_CLOCK_MAGIC, .base_test_ms = LAB_START_MS, .wall_skew_ms = 1700000000000};
    lab->outside = lab->clock;
    (void)snprintf(lab->dir, sizeof lab->dir, "%s/jobhost-lab-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(lab->dir) == NULL) {
        lab_fail("%s: %s", lab->dir, strerror(errno));
    }
    lab->env = config_env_new((char **)(uintptr_t)no_environment);
    lab_change_plugin(lab, "plugin");
    open_host(lab);
    lab_until(lab, is_running, NULL, "the host runs");
    return lab;
}

static void free_worker(struct lab_worker *w) {
    if (w->sock != -1) {
        (void)close(w->sock);
    }
    (void)close(w->death_fd);
    start_page_unmap(&w->page);
    record_packet_finish(w->in);
    record_writer_finish(&w->out);
    free(w->in);
    free(w);
}

void lab_stop(struct lab *lab) {
    host_stop(lab->host, "the test");
    lab_settle(lab);
    for (int i = 0; lab->host->phase != HOST_STOPPED; i++) {
        if (i == 100) {
            lab_fail("the host does not stop");
        }
        lab_advance(lab, lab->host->config->host.shutdown_grace_ms / 10);
    }
}

void lab_shut(struct lab *lab) {
    event_free(lab->ticker);
    host_close(lab->host);
    config_free(&lab->host->config);
    free(lab->host);
    lab->host = NULL;
    for (unsigned i = 0; i < lab->spawned; i++) {
        free_worker(lab->workers[i]);
    }
    lab->spawned = lab->taken = 0;
    while (lab->gets != NULL) {
        struct lab_get *get = lab->gets;
        lab->gets = get->next;
        store_op_finish(&get->op.op);
        free(get);
    }
}

void lab_reopen_only(struct lab *lab) {
    open_host(lab);
}

void lab_wait_running(struct lab *lab) {
    lab_until(lab, is_running, NULL, "the host runs");
}

void lab_reopen(struct lab *lab) {
    lab_reopen_only(lab);
    lab_wait_running(lab);
}

static void remove_tree(const char *path) {
    DIR *dir = opendir(path);
    if (dir == NULL) {
        (void)unlink(path);
        return;
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char inner[512];
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            (size_t)snprintf(inner, sizeof inner, "%s/%s", path, e->d_name) < sizeof inner) {
            remove_tree(inner);
        }
    }
    (void)closedir(dir);
    (void)rmdir(path);
}

void lab_close(struct lab *lab) {
    if (lab->host != NULL) {
        lab_shut(lab);
    }
    config_env_free(&lab->env);
    remove_tree(lab->dir);
    free(lab);
    the_lab = NULL;
}

// ---- time and turns

void lab_turn(struct lab *lab) {
    (void)event_base_loop(lab->host->base, EVLOOP_NONBLOCK);
}

void lab_until(struct lab *lab, bool (*is_so)(struct lab *lab, void *arg), void *arg,
               const char *what) {
    int64_t give_up_us = env_stopwatch_us() + (int64_t)LAB_PATIENCE_S * 1000000;
    lab_turn(lab);
    while (!is_so(lab, arg)) {
        if (env_stopwatch_us() > give_up_us) {
            lab_fail("waited in vain until %s", what);
        }
        (void)event_base_loop(lab->host->base, EVLOOP_ONCE);
    }
}

static bool is_answered(struct lab *lab, void *arg) {
    (void)arg;
    return lab->outstanding == 0;
}

void lab_settle(struct lab *lab) {
    uint64_t posted;
    do {
        posted = lab->posted;
        lab_until(lab, is_answered, NULL, "the store has answered");
        for (int i = 0; i < 4; i++) { // callbacks that make callbacks active
            lab_turn(lab);
        }
    } while (posted != lab->posted || lab->outstanding > 0);
}

static void move(struct env_clock_file *clock, int64_t ms) {
    (void)__atomic_fetch_add(&clock->base_test_ms, ms, __ATOMIC_RELEASE);
}

static void look(struct lab *lab) {
    timers_look(lab->host->timers);
    timers_look(lab->host->net_timers);
    lab_settle(lab);
}

// Both before anything is looked at: what is posted then is not late by this.
void lab_advance(struct lab *lab, int64_t ms) {
    move(&lab->clock, ms);
    move(&lab->outside, ms);
    look(lab);
}

void lab_advance_outside(struct lab *lab, int64_t ms) {
    move(&lab->outside, ms);
    look(lab);
}

int64_t lab_wall_ms(struct lab *lab) {
    return env_wall_ms(&lab->host->env);
}

// ---- workers

static bool is_spawned(struct lab *lab, void *arg) {
    (void)arg;
    return lab->spawned > lab->taken;
}

struct lab_worker *lab_worker(struct lab *lab) {
    lab_until(lab, is_spawned, NULL, "a worker is started");
    return lab->workers[lab->taken++];
}

void lab_flush(struct lab_worker *w) {
    int r = record_send(&w->out, w->sock);
    if (r != 0 && r != -EPIPE && r != -ECONNRESET) {
        lab_fail("cannot send: %s", strerror(-r));
    }
}

void lab_send(struct lab_worker *w, enum record_type type, uint64_t slot) {
    record_begin(&w->out, type, slot);
    (void)record_end(&w->out);
    lab_flush(w);
}

void lab_send_u32(struct lab_worker *w, enum record_type type, uint64_t slot, uint32_t value) {
    record_begin(&w->out, type, slot);
    record_u32(&w->out, value);
    (void)record_end(&w->out);
    lab_flush(w);
}

void lab_send_packet(struct lab_worker *w, const void *data, size_t len) {
    (void)!send(w->sock, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void lab_say_hello(struct lab_worker *w) {
    struct msg_handler handlers[LAB_HANDLERS];
    for (int i = 0; i < LAB_HANDLERS; i++) {
        handlers[i] = (struct msg_handler){.name = lab_handlers[i],
                                           .flags = JH_HANDLER_CONCURRENT,
                                           .state_version = w->steps_version,
                                           .oldest_state_version = w->oldest_steps};
        handlers[i].flags |= w->restartable ? JH_HANDLER_RESTARTABLE : 0;
    }
    const struct msg_hello m = {.wire_version = RECORD_WIRE_VERSION,
                                .abi_major = JH_ABI_MAJOR,
                                .abi_minor = JH_ABI_MINOR,
                                .name = "t",
                                .version = "1.0",
                                .load_begin = 0x1000,
                                .load_end = 0x2000,
                                .handler_count = LAB_HANDLERS,
                                .handlers = handlers};
    if (msg_hello_put(&w->out, 0, &m) != 0) {
        lab_fail("HELLO");
    }
    lab_flush(w);
}

bool lab_next(struct lab_worker *w, struct record *ret) {
    for (;;) {
        int r = record_next(w->in, ret);
        if (r == 1) {
            return true;
        }
        if (w->sock == -1 || record_recv(w->in, w->sock) != 1) {
            return false;
        }
    }
}

struct wanted {
    struct lab_worker *w;
    enum record_type type;
    struct record record;
};

static bool has_come(struct lab *lab, void *arg) {
    (void)lab;
    struct wanted *wanted = arg;
    while (lab_next(wanted->w, &wanted->record)) {
        if (wanted->record.h.type == wanted->type) {
            return true;
        }
    }
    return false;
}

struct record lab_expect(struct lab *lab, struct lab_worker *w, enum record_type type) {
    char what[64];
    struct wanted wanted = {.w = w, .type = type};
    (void)snprintf(what, sizeof what, "worker %d gets record %d", (int)w->pid, (int)type);
    lab_until(lab, has_come, &wanted, what);
    return wanted.record;
}

uint64_t lab_expect_job(struct lab *lab, struct lab_worker *w) {
    return lab_expect(lab, w, REC_JOB).h.job;
}

void lab_shake_hands(struct lab *lab, struct lab_worker *w) {
    (void)lab_expect(lab, w, REC_WELCOME);
    lab_say_hello(w);
    (void)lab_expect(lab, w, REC_CONFIG);
    lab_send(w, REC_READY, 0);
    lab_settle(lab);
}

struct lab_worker *lab_ready_worker(struct lab *lab) {
    struct lab_worker *w = lab_worker(lab);
    lab_shake_hands(lab, w);
    return w;
}

void lab_done(struct lab_worker *w, uint64_t slot, int32_t status, int32_t cls) {
    const struct msg_done m = {.status = status, .cls = cls, .run_us = 1000};
    if (msg_done_put(&w->out, slot, &m) != 0) {
        lab_fail("DONE");
    }
    lab_flush(w);
}

void lab_effect_kv(struct lab_worker *w, uint64_t slot, const char *key, const char *value) {
    const struct msg_kv m = {.what = KV_SET, .key = key, .value = {.data = bytes_of(value)}};
    if (msg_kv_put(&w->out, slot, &m) != 0) {
        lab_fail("KV");
    }
    lab_flush(w);
}

void lab_effect_child(struct lab_worker *w, uint64_t slot, size_t payload_len) {
    char *payload = calloc(1, payload_len + 1);
    const struct msg_child m = {.handler = lab_handlers[LAB_SLOW],
                                .payload = {.data = {payload, payload_len}}};
    if (payload == NULL || msg_child_put(&w->out, slot, &m) != 0) {
        lab_fail("CHILD");
    }
    free(payload);
    lab_flush(w);
}

void lab_begin(struct lab *lab, struct lab_worker *w, unsigned thread, uint64_t slot) {
    struct start_slot *s = &w->page->thread[thread];
    atomic_store(&s->since_us, env_mono_ms(&lab->host->env) * 1000);
    if (slot != 0) {
        atomic_store(&s->last, slot);
    }
    atomic_store(&s->job, slot);
}

uint64_t lab_start(struct lab *lab, struct lab_worker *w) {
    uint64_t slot = lab_expect_job(lab, w);
    lab_begin(lab, w, 0, slot);
    return slot;
}

void lab_die(struct lab_worker *w, int status) {
    w->dead = true;
    w->status = status;
    if (w->sock != -1) {
        (void)close(w->sock);
        w->sock = -1;
    }
    (void)eventfd_write(w->death_fd, 1);
}

struct worker *lab_seen(struct lab *lab, const struct lab_worker *w) {
    const struct pools *pools = lab->host->pools;
    struct worker *seen;
    for (uint32_t i = 0; i < pools->count; i++) {
        TAILQ_FOREACH(seen, &pools->items[i]->workers, link) {
            if (seen->pid == w->pid) {
                return seen;
            }
        }
    }
    return NULL;
}

static bool is_buried(struct lab *lab, void *arg) {
    return lab_seen(lab, arg) == NULL;
}

void lab_bury(struct lab *lab, struct lab_worker *w, int status) {
    if (!w->dead) {
        lab_die(w, status);
    }
    lab_until(lab, is_buried, w, "a dead worker is buried");
    lab_settle(lab);
}

void lab_clear_away(struct lab *lab) {
    unsigned kept = 0, taken = 0;
    for (unsigned i = 0; i < lab->spawned; i++) {
        struct lab_worker *w = lab->workers[i];
        if (w->dead && w->reaped && lab_seen(lab, w) == NULL) {
            free_worker(w);
            continue;
        }
        taken += i < lab->taken ? 1 : 0;
        lab->workers[kept++] = w;
    }
    lab->spawned = kept;
    lab->taken = taken;
}

unsigned lab_live_workers(const struct lab *lab) {
    unsigned n = 0;
    for (unsigned i = 0; i < lab->spawned; i++) {
        n += !lab->workers[i]->dead;
    }
    return n;
}

// ---- jobs

struct submission {
    struct store_submit op;
    struct store_submit_item item;
    struct job_spec spec;
    bool done;
};

static void submitted(struct store_op *op) {
    ((struct submission *)op->arg)->done = true;
}

static bool is_submitted(struct lab *lab, void *arg) {
    (void)lab;
    return ((struct submission *)arg)->done;
}

struct job_id lab_submit_to(struct lab *lab, const char *queue, const char *type) {
    struct submission s = {.done = false};
    struct problem problem;
    const struct job_request request = {
        .type = type, .queue = queue, .priority = -1, .dedup_mode = -1};
    if (jobs_resolve(lab->host, &request, &s.op.op.arena, &s.spec, &problem) != 0) {
        lab_fail("submit: %s", problem.message);
    }
    s.item.spec = &s.spec;
    s.op = (struct store_submit){
        .op = {.done = submitted, .arg = &s, .arena = s.op.op.arena}, .items = &s.item, .count = 1};
    jobs_submit(lab->host, &s.op);
    lab_until(lab, is_submitted, &s, "a submission is answered");
    bool taken = s.item.verdict == SUBMIT_NEW || s.item.verdict == SUBMIT_SPOOLED;
    if (s.op.op.status != 0 || !taken) {
        lab_fail("submit: status %d, verdict %d", s.op.op.status, (int)s.item.verdict);
    }
    store_op_finish(&s.op.op);
    return s.spec.id;
}

struct job_id lab_submit(struct lab *lab, enum lab_handler handler) {
    return lab_submit_to(lab, NULL, lab_handlers[handler]);
}

static void got(struct store_op *op) {
    ((struct lab_get *)op->arg)->done = true;
}

static bool is_got(struct lab *lab, void *arg) {
    (void)lab;
    return ((struct lab_get *)arg)->done;
}

const struct store_job *lab_job(struct lab *lab, const struct job_id *id) {
    struct lab_get *get = calloc(1, sizeof *get);
    if (get == NULL) {
        lab_fail("out of memory");
    }
    get->op = (struct store_get){
        .op = {.kind = STORE_GET, .done = got, .arg = get, .now_ms = lab_wall_ms(lab)}, .id = *id};
    get->next = lab->gets;
    lab->gets = get;
    store_post(&lab->store, &get->op.op);
    lab_until(lab, is_got, get, "a job is read");
    if (get->op.op.status != 0) {
        lab_fail("a job cannot be read: status %d", get->op.op.status);
    }
    return &get->op.job;
}

enum job_state lab_state(struct lab *lab, const struct job_id *id) {
    return lab_job(lab, id)->state;
}

void lab_expect_state(struct lab *lab, const struct job_id *id, enum job_state state) {
    int64_t give_up_us = env_stopwatch_us() + (int64_t)LAB_PATIENCE_S * 1000000;
    enum job_state now;
    while ((now = lab_state(lab, id)) != state) {
        if (env_stopwatch_us() > give_up_us) {
            lab_fail("a job is %s and does not become %s", job_state_name((int)now),
                     job_state_name((int)state));
        }
    }
}

// ---- what must always hold

static void check_zero(uint64_t n, const char *what, const char *of) {
    if (n != 0) {
        lab_fail("%llu %s left (%s)", (unsigned long long)n, what, of);
    }
}

void lab_check_idle(struct lab *lab) {
    struct dispatch *d = lab->host->dispatch;
    check_zero(HASH_CNT(by_id, d->running), "attempts", "dispatch");
    check_zero(d->claims_out, "claims", "dispatch");
    check_zero(commits_pending(lab->host), "commits", "host");
    for (const struct queue *q = d->lanes.queues; q != NULL; q = q->hh.next) {
        check_zero(q->in_hand, "in hand", q->name);
    }
    for (const struct lane *lane = d->lanes.lanes; lane != NULL; lane = lane->hh.next) {
        check_zero(lane->in_hand, "in hand", lane->key);
    }
    for (uint32_t i = 0; i < lab->host->pools->count; i++) {
        const struct pool *pool = lab->host->pools->items[i];
        check_zero(!TAILQ_EMPTY(&pool->held), "held", pool->config->entry.name);
        check_zero(pool->in_hand[LANE_SLOW], "slow in hand", pool->config->entry.name);
        check_zero(pool->in_hand[LANE_FAST], "fast in hand", pool->config->entry.name);
        const struct worker *w;
        TAILQ_FOREACH(w, &pool->workers, link) {
            check_zero(w->outstanding, "outstanding", pool->config->entry.name);
            check_zero((uint64_t)w->load_us, "us of load", pool->config->entry.name);
        }
    }
}

static void checked(struct store_op *op) {
    *(bool *)op->arg = true;
}

static bool is_checked(struct lab *lab, void *arg) {
    (void)lab;
    return *(bool *)arg;
}

void lab_check_sound(struct lab *lab) {
    bool done = false;
    struct store_fsck fsck = {
        .op = {.kind = STORE_FSCK, .done = checked, .arg = &done, .now_ms = lab_wall_ms(lab)}};
    store_post(&lab->store, &fsck.op);
    lab_until(lab, is_checked, &done, "fsck has ended");
    if (fsck.op.status != 0 || fsck.total_findings != 0) {
        lab_fail("fsck: status %d, %lld findings; first: %s %s", fsck.op.status,
                 (long long)fsck.total_findings, fsck.count > 0 ? fsck.findings[0].code : "",
                 fsck.count > 0 ? fsck.findings[0].detail : "");
    }
    store_op_finish(&fsck.op);
}

void lab_end(struct lab *lab) {
    lab_settle(lab);
    lab_check_idle(lab);
    lab_check_sound(lab);
    lab_stop(lab);
    lab_close(lab);
}
