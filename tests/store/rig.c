#include "rig.h"

#include <dirent.h>
#include <event2/event.h>
#include <sqlite3.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, TICK_MS = 20, ROOM_IN_MEMORY = 1 << 30 };

const char *rig_backend = "sqlite";

struct rig_op {
    struct rig_op *next;
    struct store_op *op;
};

static void on_ready(void *arg, const struct store_lane *lane) {
    struct rig *rig = arg;
    if (rig->ready_count < RIG_LANES_MAX) {
        (void)snprintf(rig->ready[rig->ready_count++], sizeof rig->ready[0], "%s %s", lane->queue,
                       lane->type);
    }
}

static void on_due(void *arg, int64_t due_ms) {
    ((struct rig *)arg)->due = due_ms;
}

static void on_health(void *arg, const struct err *why) {
    struct rig *rig = arg;
    rig->health_events++;
    (void)snprintf(rig->health, sizeof rig->health, "%s", why == NULL ? "" : why->msg);
}

static void add_id(struct rig_ids *ids, const struct job_id *id) {
    if (ids->count < ARRAY_LEN(ids->ids)) {
        ids->ids[ids->count++] = *id;
    }
}

static void on_ask(void *arg, const struct job_id *id) {
    add_id(&((struct rig *)arg)->asked, id);
}

static void on_fenced(void *arg, const struct job_id *id) {
    add_id(&((struct rig *)arg)->fenced, id);
}

static void on_schedule(void *arg, const char *id) {
    struct rig *rig = arg;
    rig->schedule_events++;
    (void)snprintf(rig->schedule, sizeof rig->schedule, "%s", id == NULL ? "*" : id);
}

static void on_paused(void *arg, const struct store_queue_stats *queue) {
    struct rig *rig = arg;
    rig->paused_events++;
    (void)snprintf(rig->paused, sizeof rig->paused, "%s %s by %s: %s", queue->queue,
                   queue->paused ? "paused" : "resumed",
                   queue->paused_by == NULL ? "-" : queue->paused_by,
                   queue->paused_why == NULL ? "-" : queue->paused_why);
}

static void on_lease(void *arg, int64_t end_ms) {
    ((struct rig *)arg)->lease_end = end_ms;
}

static void on_outbox(void *arg) {
    ((struct rig *)arg)->outbox_events++;
}

static void on_limiter(void *arg, const char *name) {
    struct rig *rig = arg;
    rig->limiter_events++;
    (void)snprintf(rig->limiter, sizeof rig->limiter, "%s", name);
}

static void on_breaker(void *arg, const char *name) {
    struct rig *rig = arg;
    if (name == NULL) {
        return; // it has only just begun to listen
    }
    rig->breaker_events++;
    (void)snprintf(rig->breaker, sizeof rig->breaker, "%s", name);
}

static void on_token(void *arg, const char *id) {
    struct rig *rig = arg;
    rig->token_events++;
    (void)snprintf(rig->token, sizeof rig->token, "%s", id);
}

static void on_tick(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
}

/* In memory if there is room: the cases wait for a disk longer than they run. JOBHOST_FULL=1 has them wait. */
static const char *temporary_files(void) {
    struct statvfs fs;
    const char *tmp = getenv("TMPDIR");
    if (tmp != NULL) {
        return tmp;
    }
    return getenv("JOBHOST_FULL") == NULL && statvfs("/dev/shm", &fs) == 0 &&
                   (uint64_t)fs.f_bavail * fs.f_frsize >= ROOM_IN_MEMORY
               ? "/dev/shm"
               : "/tmp";
}

/* All that is the same for the first rig on a store and for one beside it. */
static void begin(struct rig *rig, struct event_base *base, uint64_t number) {
    *rig = (struct rig){.base = base, .now = 1700000000000, .nonce = 11 + 1000 * number};
    (void)snprintf(rig->dir, sizeof rig->dir, "%s/jobhost-store-XXXXXX", temporary_files());
    if (mkdtemp(rig->dir) == NULL) {
        perror(rig->dir);
        abort();
    }
    (void)snprintf(rig->db, sizeof rig->db, "%s/jobs.db", rig->dir);
    (void)snprintf(rig->blobs, sizeof rig->blobs, "%s/blobs", rig->dir);
    rig->config = (struct store_config){.url = rig->url,
                                        .blob_dir = rig->blobs,
                                        .connect_timeout_ms = 20000, // a busy machine is no failure
                                        .command_timeout_ms = 20000,
                                        .one_clock = true};
    id_gen_init(&rig->ids, 4711 + number);
    (void)env_open(&rig->env, NULL);
    rig->tick = evtimer_new(base, on_tick, NULL);
    if (rig_is_shared()) {
        rig_use_server(rig);
    } else {
        (void)snprintf(rig->url, sizeof rig->url, "%ssqlite:%s",
                       strcmp(rig_backend, "faulty") == 0 ? "faulty:" : "", rig->db);
    }
    if (strcmp(rig_backend, "spool") == 0) {
        (void)snprintf(rig->fallback, sizeof rig->fallback, "sqlite:%s/spool.db", rig->dir);
        rig->config.fallback = rig->fallback;
    }
}

void rig_init(struct rig *rig) {
    if (rig_is_shared()) {
        rig_empty_server();
    }
    begin(rig, event_base_new(), 0);
    rig->owns_base = true;
}

void rig_init_beside(struct rig *rig, struct rig *other) {
    static uint64_t number;
    begin(rig, other->base, ++number);
    rig->now = other->now;
}

int rig_open(struct rig *rig) {
    struct store_events events = {.ready = on_ready,
                                  .due = on_due,
                                  .health = on_health,
                                  .ask = on_ask,
                                  .fenced = on_fenced,
                                  .paused = on_paused,
                                  .schedule = on_schedule,
                                  .lease = on_lease,
                                  .limiter = on_limiter,
                                  .outbox = on_outbox,
                                  .breaker = on_breaker,
                                  .token = on_token,
                                  .arg = rig};
    rig->err = (struct err){.code = 0};
    int r =
        store_open(&rig->config, rig->base, rig->log, &rig->env, &events, &rig->store, &rig->err);
    rig->open = r == 0;
    return r;
}

void rig_free_ops(struct rig *rig) {
    while (rig->ops != NULL) {
        struct rig_op *o = rig->ops;
        rig->ops = o->next;
        store_op_finish(o->op);
        free(o->op);
        free(o);
    }
}

void rig_close(struct rig *rig) {
    if (rig->open) {
        store_close(&rig->store);
    }
    rig->open = false;
}

int rig_reopen(struct rig *rig) {
    rig_close(rig);
    rig->nonce++;
    int r = rig_open(rig);
    (void)EXPECT_EQ_STR("", rig->err.msg);
    if (r != 0) { // what follows posts to it
        (void)fprintf(stderr, "%s\n", rig->err.msg);
        abort();
    }
    return r;
}

static void remove_tree(const char *path) {
    DIR *d = opendir(path);
    if (d == NULL) {
        (void)unlink(path);
        return;
    }
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char inner[600];
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            (void)snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
            remove_tree(inner);
        }
    }
    (void)closedir(d);
    (void)rmdir(path);
}

void rig_finish(struct rig *rig) {
    rig_close(rig);
    rig_free_ops(rig);
    event_free(rig->tick);
    if (rig->owns_base) {
        event_base_free(rig->base);
    }
    env_close(&rig->env);
    remove_tree(rig->dir);
}

void rig_start(struct rig *rig) {
    rig_init(rig);
    (void)rig_open(rig);
    if (!EXPECT_EQ_STR("", rig->err.msg)) {
        abort();
    }
}

void rig_start_beside(struct rig *rig, struct rig *other) {
    rig_init_beside(rig, other);
    (void)rig_open(rig);
    if (!EXPECT_EQ_STR("", rig->err.msg)) {
        abort();
    }
}

static void on_done(struct store_op *op) {
    *(bool *)op->arg = true;
}

void rig_post(struct rig *rig, struct store_op *op, enum store_op_kind kind, bool *ret_done) {
    *ret_done = false;
    op->kind = kind;
    op->now_ms = rig->now;
    op->done = on_done;
    op->arg = ret_done;
    store_post(&rig->store, op);
}

void rig_wait(struct rig *rig, const bool *done) {
    while (!*done) {
        (void)event_base_loop(rig->base, EVLOOP_ONCE);
    }
}

int64_t rig_patience(struct rig *rig) {
    return env_mono_ms(&rig->env) + PATIENCE_MS;
}

bool rig_turn(struct rig *rig, int64_t end) {
    const struct timeval tick = {.tv_usec = TICK_MS * 1000};
    (void)evtimer_add(rig->tick, &tick);
    (void)event_base_loop(rig->base, EVLOOP_ONCE);
    (void)evtimer_del(rig->tick);
    return env_mono_ms(&rig->env) < end;
}

int rig_run(struct rig *rig, struct store_op *op, enum store_op_kind kind) {
    bool done = false;
    rig_post(rig, op, kind, &done);
    rig_wait(rig, &done);
    return op->status;
}

void *rig_new(struct rig *rig, size_t size) {
    struct rig_op *o = calloc(1, sizeof *o);
    if (o == NULL || (o->op = calloc(1, size)) == NULL) {
        abort();
    }
    o->next = rig->ops;
    rig->ops = o;
    return o->op;
}

void rig_forget(struct rig *rig) {
    rig->ready_count = 0;
    rig->due = 0;
    rig->health_events = 0;
    rig->paused_events = 0;
    rig->paused[0] = '\0';
    rig->schedule_events = 0;
    rig->schedule[0] = '\0';
    rig->asked.count = 0;
    rig->fenced.count = 0;
    rig->lease_end = 0;
}

bool rig_has_id(const struct rig_ids *ids, const struct job_id *id) {
    for (size_t i = 0; i < ids->count; i++) {
        if (id_equal(&ids->ids[i], id)) {
            return true;
        }
    }
    return false;
}

bool rig_was_ready(const struct rig *rig, const char *queue, const char *type) {
    char want[200];
    (void)snprintf(want, sizeof want, "%s %s", queue, type);
    for (size_t i = 0; i < rig->ready_count; i++) {
        if (strcmp(rig->ready[i], want) == 0) {
            return true;
        }
    }
    return false;
}

void rig_sql(const struct rig *rig, const char *text) {
    sqlite3 *db = NULL;
    char *words = NULL;
    (void)EXPECT_EQ_INT(SQLITE_OK, sqlite3_open(rig->db, &db));
    (void)sqlite3_busy_timeout(db, 5000);
    (void)sqlite3_exec(db, text, NULL, NULL, &words);
    (void)EXPECT_EQ_STR(NULL, words);
    sqlite3_free(words);
    (void)sqlite3_close(db);
}

void rig_parse(int *argc, char ***argv) {
    static const char *const backends[] = {"sqlite", "faulty", "spool", "redis", "redis-tls"};
    if (*argc < 3 || strcmp((*argv)[1], "--store") != 0) {
        return;
    }
    rig_backend = NULL;
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        if (strcmp((*argv)[2], backends[i]) == 0) {
            rig_backend = backends[i];
        }
    }
    if (rig_backend == NULL) {
        (void)fprintf(stderr, "--store %s: there are sqlite, faulty, spool, redis, redis-tls\n",
                      (*argv)[2]);
        exit(EXIT_FAILURE);
    }
    (*argv)[2] = (*argv)[0];
    *argv += 2;
    *argc -= 2;
}
