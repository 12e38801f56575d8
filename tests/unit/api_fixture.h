/* The API on a real server, over a store and a supervisor that do what a test says: every operation waits until the test answers it. */
#ifndef JOBHOST_TESTS_API_FIXTURE_H
#define JOBHOST_TESTS_API_FIXTURE_H

#include "api/api.h"
#include "api/call.h"
#include "core/outcome.h"
#include "store/flows.h"
#include "supervisor/breakers.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"
#include "supervisor/jobs.h"
#include "supervisor/limits.h"
#include "supervisor/payload_shape.h"
#include "supervisor/pool.h"
#include "supervisor/query.h"
#include "supervisor/ready.h"
#include "supervisor/reload.h"
#include "supervisor/schedule_acts.h"
#include "supervisor/schedules.h"
#include "supervisor/stats.h"
#include "supervisor/upgrade.h"
#include "supervisor/upkeep.h"

#include "server_fixture.h"

enum { API_OPS_MAX = 1200, API_ACTS_MAX = 1200 };

struct api_fixture {
    struct fixture f;
    struct host host;
    struct store_op *ops[API_OPS_MAX]; /* posted, not answered */
    size_t op_count;
    struct jobs_act *acts[API_ACTS_MAX];
    size_t act_count;
    struct config_report report;
    struct job_live live; /* of every job, if pid != 0 */
    unsigned explained;
    struct jobs_awaited awaited; /* as it was explained last */
    struct ready_report ready;
    struct gate_info gate; /* of everything */
    uint64_t blob_room;    /* of the store's budget */
    struct store_backlog backlog;
};

/* The supervisor's functions below find their test here. */
static struct api_fixture *api_now;

/* ---- the fake store ---- */

static inline void api_fake_post(void *self, struct store_op *op) {
    struct api_fixture *x = self;
    if (x->op_count < API_OPS_MAX) {
        x->ops[x->op_count++] = op;
    }
}

static inline uint64_t api_fake_blob_room(void *self) {
    return ((struct api_fixture *)self)->blob_room;
}

static inline void api_fake_backlog(void *self, struct store_backlog *ret) {
    *ret = ((struct api_fixture *)self)->backlog;
}

static const struct store_ops api_fake_store = {.caps = {.name = "fake"},
                                                .post = api_fake_post,
                                                .blob_room = api_fake_blob_room,
                                                .backlog = api_fake_backlog};

/* The oldest waiting operation, which must be of this kind: without it the rest of a test makes no sense. */
static inline void *api_take(struct api_fixture *x, enum store_op_kind kind) {
    fixture_settle(&x->f);
    for (int turn = 0; x->op_count == 0 && turn < FIXTURE_TURNS; turn++) {
        fixture_turn(&x->f); // a large body takes a few
    }
    if (x->op_count == 0 || x->ops[0]->kind != kind) {
        (void)fprintf(stderr, "operation %d was not posted\n", (int)kind);
        abort();
    }
    struct store_op *op = x->ops[0];
    memmove(x->ops, x->ops + 1, --x->op_count * sizeof x->ops[0]);
    return op;
}

static inline void api_done(struct api_fixture *x, struct store_op *op, int status) {
    op->status = status;
    if (status != 0) {
        op->err.code = status;
        (void)snprintf(op->err.msg, sizeof op->err.msg, "words of the store");
    }
    op->done(op);
    fixture_settle(&x->f);
}

/* ---- the fake supervisor: what jobs.h and pool.h promise, without a supervisor ---- */

int jobs_check_load(struct host *host, struct problem *ret_problem) {
    (void)host;
    (void)ret_problem;
    return 0;
}

int jobs_check_open(const struct host *host, struct problem *ret_problem) {
    *ret_problem = (struct problem){.status = 503, .code = "draining", .message = "not now"};
    return host->phase == HOST_RUNNING ? 0 : -EINVAL;
}

int jobs_resolve(struct host *host, const struct job_request *request, struct arena *arena,
                 struct job_spec *ret_spec, struct problem *ret_problem) {
    if (strcmp(request->type, "bad.type") == 0) {
        *ret_problem = (struct problem){
            .status = 400, .code = "unknown_type", .field = "type", .message = "no handler has it"};
        return -EINVAL;
    }
    *ret_spec = (struct job_spec){
        .id = id_next(&host->ids, env_wall_ms(&host->env)),
        .type = request->type,
        .queue = request->queue == NULL ? "q" : request->queue,
        .tenant = request->tenant,
        .payload = request->payload,
        .run_at_ms = request->delay_ms == 0 ? 0 : env_wall_ms(&host->env) + request->delay_ms,
        .labels = request->labels,
        .dedup_key = request->key,
        .flow_id = request->flow_id,
        .dedup_ttl_ms = request->dedup_ttl_ms,
        .files = request->files,
        .file_count = request->file_count};
    (void)arena;
    return 0;
}

void jobs_submit(struct host *host, struct store_submit *submit) {
    store_post(&host->store, &submit->op);
}

void jobs_join(struct host *host, struct store_flow_join *join) {
    store_post(&host->store, &join->op);
}

void jobs_act(struct host *host, struct jobs_act *act) {
    (void)host;
    if (api_now->act_count < API_ACTS_MAX) {
        api_now->acts[api_now->act_count++] = act;
    }
}

void upkeep_forward(struct host *host) {
    (void)host;
}

uint32_t jobs_in_hand(const struct host *host) {
    (void)host;
    return 0;
}

bool jobs_live(struct host *host, const struct job_id *id, struct job_live *ret_live) {
    (void)host;
    (void)id;
    *ret_live = api_now->live;
    return api_now->live.pid != 0;
}

unsigned jobs_explain(struct host *host, const struct store_job *job,
                      const struct jobs_awaited *awaited, const struct store_stats *stats,
                      struct reason *ret_reasons, unsigned cap) {
    (void)host;
    (void)job;
    api_now->awaited = awaited == NULL ? (struct jobs_awaited){.open = 0} : *awaited;
    api_now->explained += cap > 0;
    ret_reasons[0] =
        (struct reason){.code = REASON_NO_SLOT, .clears_at_ms = stats == NULL ? 0 : 5000};
    (void)snprintf(ret_reasons[0].detail, sizeof ret_reasons[0].detail, "all taken");
    return 1;
}

unsigned jobs_explain_queue(struct host *host, const char *queue, const struct store_stats *stats,
                            struct reason *ret_reasons, unsigned cap) {
    (void)queue;
    return jobs_explain(host, NULL, NULL, stats, ret_reasons, cap);
}

static void api_gate_stored(struct store_op *op) {
    struct gate_set *set = op->arg;
    set->failed = op->status == 0 ? NULL : op;
    if (op->status == 0) {
        api_now->gate.rate = set->rate;
        set->waiting = set->rate.count > 0 ? 3 : 0;
        store_op_finish(op);
    }
    set->done(set);
}

/* Whatever it is about is written like a queue's pause. */
struct limiter_rules limits_rules(const struct host *host, const struct config_limit *limit) {
    (void)host;
    return (struct limiter_rules){.rate = limit->rate,
                                  .per_ms = limit->per_ms,
                                  .window = LIMITER_WINDOW_MOVING,
                                  .concurrency = limit->concurrency,
                                  .lease_ms = 30000};
}

void breakers_count(const struct host *host, struct breakers_counts *ret) {
    (void)host;
    *ret = (struct breakers_counts){.open = 1, .opened = 2};
}

// It is never closed here.
void breakers_reset(struct host *host, struct breaker_reset *reset) {
    (void)host;
    reset->done(reset);
}

void limits_was_reset(struct host *host, const char *name) {
    (void)host;
    (void)name;
}

uint32_t limits_waiting(struct host *host, const char *name) {
    (void)host;
    return strchr(name, ':') == NULL ? 0 : 3;
}

uint32_t limits_waiting_of(struct host *host, const char *limit) {
    (void)host;
    (void)limit;
    return 3;
}

const struct limits_count *limits_counted(struct host *host, const char *limit) {
    static const struct limits_count count = {.granted = 7, .waited = 2, .parked = 1, .refused = 4};
    (void)host;
    return strcmp(limit, "unused") == 0 ? NULL : &count;
}

void gates_set(struct host *host, struct gate_set *set) {
    set->queue = (struct store_queue_set){
        .op = {.kind = STORE_QUEUE_SET, .done = api_gate_stored, .arg = set},
        .queue = set->name,
        .paused = set->close,
        .by = set->by,
        .why = set->why};
    store_post(&host->store, &set->queue.op);
}

void gates_info(struct host *host, enum gate_scope scope, const char *name, struct gate_info *ret) {
    (void)host;
    (void)scope;
    (void)name;
    *ret = api_now->gate;
}

bool gates_has_plugin(struct host *host, const char *name) {
    (void)host;
    return strcmp(name, "p") == 0;
}

void jobs_waiting(struct host *host, const struct store_stats *stats, struct jobs_waiting *ret) {
    (void)host;
    *ret = (struct jobs_waiting){.commits_pending = 3};
    if (stats != NULL) {
        ret->by_reason[REASON_NO_SLOT] = 5;
    }
}

void ready_report(struct host *host, struct ready_report *ret) {
    (void)host;
    *ret = api_now->ready;
}

void reload_request(struct host *host, const char *cause, unsigned flags, struct reload_waiter *w) {
    (void)host;
    (void)cause;
    (void)flags;
    (void)w;
}

const struct reload_report *reload_last(const struct host *host) {
    (void)host;
    return NULL;
}

const char *schedule_standing_name(enum schedule_standing standing) {
    static const char *const names[STANDING_COUNT] = {"active", "paused", "ended", "drifting"};
    return names[standing];
}

void schedules_view(const struct host *host, const struct store_schedule *stored,
                    struct schedule_view *ret) {
    (void)host;
    (void)stored;
    *ret = (struct schedule_view){.standing = STANDING_DRIFTING, .why = "this is a fake"};
}

const struct schedule_definition *schedules_of_file(const struct host *host, const char *id) {
    (void)host;
    (void)id;
    return NULL;
}

void schedules_each_missing(const struct host *host, void (*each)(void *arg, const char *id),
                            void *arg) {
    (void)host;
    (void)each;
    (void)arg;
}

struct config_zones *schedules_zones(const struct host *host) {
    (void)host;
    return NULL;
}

void schedules_count(const struct host *host, uint64_t ret[STANDING_COUNT]) {
    (void)host;
    memset(ret, 0, STANDING_COUNT * sizeof *ret);
}

void schedule_act(struct host *host, struct schedule_act *act) {
    (void)host;
    act->done(act, act->arg);
}

void upgrade_request(struct host *host, const char *file, struct upgrade_waiter *w) {
    (void)host;
    (void)file;
    w->done(w, -EBUSY, "not in this test");
}

const struct upgrade_report *upgrade_last(const struct host *host) {
    static const struct upgrade_report none = {.state = UPGRADE_NONE};
    (void)host;
    return &none;
}

const char *reload_verdict_name(enum reload_verdict verdict) {
    (void)verdict;
    return "kept";
}

uint32_t pools_generations(const struct pools *pools) {
    return pools_count(pools);
}

uint32_t pools_count(const struct pools *pools) {
    (void)pools;
    return 1;
}

void pools_info(struct host *host, uint32_t index, struct pool_info *ret_info) {
    static const struct config_option_spec payload[] = {
        {.name = "n", .type = JH_OPT_INT, .flags = JH_OPT_REQUIRED, .help = "how many"},
        {.name = "photo", .type = JH_OPT_FILE, .help = "a picture"}};
    static const struct payload_shape shape = {.name = ""};
    static const struct config_option_spec options[] = {
        {.name = "token", .type = JH_OPT_STRING, .flags = JH_OPT_SECRET}};
    static const struct pool_handler handlers[] = {{.name = "p.run",
                                                    .summary = "runs",
                                                    .state = {.version = 2, .oldest = 1},
                                                    .fields = payload,
                                                    .field_count = 2,
                                                    .shape = &shape}};
    static const struct pool_manifest manifest = {.name = "p",
                                                  .version = "1.2",
                                                  .abi_major = 1,
                                                  .options = options,
                                                  .option_count = 1,
                                                  .handlers = handlers,
                                                  .handler_count = 1};
    static const struct worker_info workers[] = {{.pid = 77, .state = WORKER_READY, .rss = 4096}};
    (void)host;
    (void)index;
    *ret_info = (struct pool_info){.name = "p",
                                   .current = true,
                                   .state = POOL_READY,
                                   .build = "1.2+abc",
                                   .generation = 1,
                                   .manifest = &manifest,
                                   .workers = workers,
                                   .worker_count = 1};
}

const struct pool_handler *query_handler(const struct host *host, const char *type) {
    (void)host;
    (void)type;
    return NULL;
}

int query_ask(struct host *host, struct query_ask *ask, struct problem *ret_problem) {
    (void)host;
    (void)ask;
    *ret_problem = (struct problem){.status = 503, .code = "no_such_query"};
    return -EINVAL;
}

/* An action waits for its answer as an operation does. */
static inline void api_acted(struct api_fixture *x, size_t index, int status,
                             enum job_state state) {
    struct jobs_act *act = x->acts[index];
    act->status = status;
    act->state = state;
    act->done(act, act->arg);
    fixture_settle(&x->f);
}

/* ---- start and stop ---- */

static inline void api_start(struct api_fixture *x, const char *config) {
    *x = (struct api_fixture){.f = {.config = {.limits = server_limits_default}}};
    api_now = x;
    struct config_env *env = config_env_new((char *[]){NULL});
    x->host.config = config_load_text("test", bytes_of(config), env, NULL, &x->report);
    config_env_free(&env);
    if (x->host.config == NULL) {
        struct buf text = {0};
        config_report_print(&x->report, false, &text);
        (void)fprintf(stderr, "%s\n", text.data);
        abort();
    }
    x->host.store = (struct store){.ops = &api_fake_store, .self = x};
    x->blob_room = UINT64_MAX;
    x->host.hub = hub_new();
    x->host.stats = stats_new();
    x->host.phase = HOST_RUNNING;
    id_gen_init(&x->host.ids, 1);
    struct api *front = api_front.open(&x->host);
    api_front.configure(front, &x->f.config);
    fixture_start(&x->f);
    front->spools.disk = x->host.disk = x->host.parser =
        x->f.disk; // the fixture has the loop they need
    x->host.env = x->f.env;
    x->host.timers = x->f.timers;
    x->host.server = x->f.server;
    fixture_listen(&x->f);
}

static inline void api_stop(struct api_fixture *x) {
    void *front = x->f.config.arg;
    EXPECT_EQ_UINT(0, x->op_count); // every operation has been looked at
    fixture_stop(&x->f);
    api_front.close(front);
    hub_free(&x->host.hub);
    stats_free(&x->host.stats);
    config_free(&x->host.config);
    config_report_finish(&x->report);
}

/* ---- requests ---- */

/* Sends a request with a JSON body (NULL: none); the answer is fetched by api_answer(). Returns the connection. */
static inline int api_send(struct api_fixture *x, const char *method, const char *path,
                           const char *body) {
    struct buf text = {0};
    int fd = client_unix(&x->f);
    buf_printf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
    if (body != NULL) {
        buf_printf(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   strlen(body));
    }
    buf_printf(&text, "\r\n%s", body == NULL ? "" : body);
    client_send(&x->f, fd, text.data, text.len);
    buf_free(&text);
    fixture_settle(&x->f);
    return fd;
}

/* The answer's status and body are as wanted (`part` is contained in the body). Closes. */
static inline void api_expect(struct api_fixture *x, int fd, int status, const char *part) {
    struct answer a = client_answer(&x->f, fd);
    EXPECT_EQ_INT(status, a.status);
    if (part != NULL) {
        EXPECT_CONTAINS(part, a.body.data == NULL ? "" : a.body.data);
    }
    answer_free(&a);
    close(fd);
    fixture_settle(&x->f);
}

/* A request that is answered without any operation. */
static inline void api_ask(struct api_fixture *x, const char *method, const char *path,
                           const char *body, int status, const char *part) {
    api_expect(x, api_send(x, method, path, body), status, part);
}

#define API_ID "0198c1a2-0000-7000-8000-000000000001"

#endif
