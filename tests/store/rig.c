#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void on_health(void *arg, const char *reason) {
    struct rig *rig = arg;
    rig->health_events++;
    (void)snprintf(rig->health, sizeof rig->health, "%s", reason == NULL ? "" : reason);
}

void rig_init(struct rig *rig) {
    const char *tmp = getenv("TMPDIR");
    *rig = (struct rig){.now = 1700000000000, .nonce = 11};
    (void)snprintf(rig->dir, sizeof rig->dir, "%s/jobhost-store-XXXXXX",
                   tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(rig->dir) == NULL) {
        perror(rig->dir);
        abort();
    }
    (void)snprintf(rig->db, sizeof rig->db, "%s/jobs.db", rig->dir);
    (void)snprintf(rig->url, sizeof rig->url, "%ssqlite:%s",
                   strcmp(rig_backend, "faulty") == 0 ? "faulty:" : "", rig->db);
    (void)snprintf(rig->blobs, sizeof rig->blobs, "%s/blobs", rig->dir);
    rig->config = (struct store_config){.url = rig->url, .blob_dir = rig->blobs};
    id_gen_init(&rig->ids, 4711);
    (void)env_open(&rig->env, NULL);
    rig->base = event_base_new();
}

int rig_open(struct rig *rig) {
    struct store_events events = {
        .ready = on_ready, .due = on_due, .health = on_health, .arg = rig};
    rig->err = (struct err){.code = 0};
    int r = store_open(&rig->config, rig->base, NULL, &rig->env, &events, &rig->store, &rig->err);
    rig->open = r == 0;
    return r;
}

static void free_ops(struct rig *rig) {
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
    free_ops(rig);
    event_base_free(rig->base);
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

/* ------------------------------------------------------------------ short forms */

struct job_id rig_id(struct rig *rig) {
    return id_next(&rig->ids, rig->now);
}

struct job_spec rig_spec(struct rig *rig, const char *queue, const char *type) {
    return (struct job_spec){.id = rig_id(rig),
                             .queue = queue,
                             .type = type,
                             .priority = PRIORITY_NORMAL,
                             .payload = bytes_of("{\"n\":1}"),
                             .dedup_mode = DEDUP_RETURN,
                             .max_attempts = 3,
                             .timeout_ms = 300000};
}

int rig_submit(struct rig *rig, const struct job_spec *spec) {
    struct store_submit_item item = {.spec = spec};
    struct store_submit *submit = RIG_NEW(rig, store_submit);
    submit->items = &item;
    submit->count = 1;
    int r = rig_run(rig, &submit->op, STORE_SUBMIT);
    submit->items = NULL;
    return r < 0 ? r : item.status < 0 ? item.status : (int)item.verdict;
}

struct job_id rig_submit_plain(struct rig *rig, const char *queue, const char *type) {
    struct job_spec spec = rig_spec(rig, queue, type);
    (void)EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    return spec.id;
}

struct store_claim *rig_claim(struct rig *rig, const char *queue, const char *type,
                              uint32_t limit) {
    struct store_claim *claim = RIG_NEW(rig, store_claim);
    struct store_claim_want want = {.lane = {queue, type}, .limit = limit};
    claim->wants = &want;
    claim->want_count = 1;
    claim->host_nonce = rig->nonce;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &claim->op, STORE_CLAIM));
    claim->wants = NULL;
    return claim;
}

const struct store_claimed *rig_claim_one(struct rig *rig, const char *queue, const char *type) {
    const struct store_claim *claim = rig_claim(rig, queue, type, 1);
    return EXPECT_EQ_UINT(1, claim->job_count) ? &claim->jobs[0] : NULL;
}

struct store_commit_item rig_item(const struct store_claimed *job, enum job_event event) {
    struct job_counters counters = job->counters;
    counters.executions++;
    counters.attempts++;
    return (struct store_commit_item){.id = job->spec.id,
                                      .token = job->token,
                                      .commit_no = job->commit_no + 1,
                                      .event = event,
                                      .counters = counters};
}

int rig_commit(struct rig *rig, struct store_commit_item *item) {
    struct store_commit *commit = RIG_NEW(rig, store_commit);
    commit->items = item;
    commit->count = 1;
    int r = rig_run(rig, &commit->op, STORE_COMMIT);
    commit->items = NULL;
    return r < 0 ? r : item->status;
}

int rig_succeed(struct rig *rig, const struct store_claimed *job) {
    struct store_commit_item item = rig_item(job, JOB_EV_SUCCEED);
    item.first_run_ms = job->first_run_ms == 0 ? rig->now : 0;
    return rig_commit(rig, &item);
}

const struct store_job *rig_get(struct rig *rig, const struct job_id *id) {
    struct store_get *get = RIG_NEW(rig, store_get);
    get->id = *id;
    int r = rig_run(rig, &get->op, STORE_GET);
    return r == 0 ? &get->job : NULL;
}

int rig_state(struct rig *rig, const struct job_id *id) {
    const struct store_job *job = rig_get(rig, id);
    return job == NULL ? -1 : (int)job->state;
}

int rig_move(struct rig *rig, const struct job_id *id, enum job_event event) {
    struct store_move_item item = {.id = *id, .event = event};
    struct store_move *move = RIG_NEW(rig, store_move);
    move->items = &item;
    move->count = 1;
    int r = rig_run(rig, &move->op, STORE_MOVE);
    move->items = NULL;
    return r < 0 ? r : item.status;
}

const struct store_stats *rig_stats(struct rig *rig) {
    struct store_stats *stats = RIG_NEW(rig, store_stats);
    (void)EXPECT_EQ_INT(0, rig_run(rig, &stats->op, STORE_STATS));
    return stats;
}

struct store_filter rig_filter(void) {
    return (struct store_filter){.state = -1, .error_cls = -1};
}

const struct store_list *rig_list(struct rig *rig, struct store_filter filter, uint32_t limit,
                                  const char *cursor) {
    struct store_list *list = RIG_NEW(rig, store_list);
    list->filter = filter;
    list->limit = limit;
    list->cursor = cursor;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &list->op, STORE_LIST));
    return list;
}

size_t rig_due(struct rig *rig, int64_t *ret_next) {
    struct store_due due = {.limit = 1000};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &due.op, STORE_DUE));
    if (ret_next != NULL) {
        *ret_next = due.next_ms;
    }
    store_op_finish(&due.op);
    return due.moved;
}

size_t rig_recover(struct rig *rig) {
    struct store_recover rec = {.host_nonce = rig->nonce, .limit = 1000};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &rec.op, STORE_RECOVER));
    store_op_finish(&rec.op);
    return rec.released;
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

void rig_expect_sound(struct rig *rig) {
    struct store_fsck fsck = {.repair = false};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &fsck.op, STORE_FSCK));
    for (size_t i = 0; i < fsck.count; i++) {
        (void)EXPECT_EQ_STR("", fsck.findings[i].code);
        (void)EXPECT_EQ_STR("", fsck.findings[i].detail);
    }
    (void)EXPECT_EQ_INT(0, fsck.total_findings);
    store_op_finish(&fsck.op);
}
