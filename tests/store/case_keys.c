/* docs/redis-keys.md says what is in Redis: a store that has been through everything is compared with its tables, both ways. */
#include <errno.h>
#include <hiredis/hiredis.h>

#include "cases.h"
#include "redis_server.h"
#include "store/breakers.h"
#include "store/events.h"
#include "store/limits.h"
#include "store/schedules.h"
#include "store/tokens.h"

enum { ROWS_MAX = 200, NAME_MAX_LEN = 200, HOUR_MS = 3600 * 1000 };

/* ------------------------------------------------------------------ the document */

struct row {
    char name[NAME_MAX_LEN]; // a pattern of keys, or of fields
    char type[16];           // of a key; "" = a field of a job
    bool seen;
};

/* Rows that a store passes through too quickly to be looked at, and only with a directory that hosts share. */
static const char *const fleeting[] = {"jh:blob:files", "jh:blob:doomed"};

static struct row rows[ROWS_MAX];
static size_t row_count;

// "| `name` | type | what |" of a table of keys, "| `field` | what |" of the table of fields.
static void read_row(const char *line) {
    static const char *const types[] = {"string", "list", "hash", "zset", "stream", "set"};
    char name[NAME_MAX_LEN], second[400] = "";
    if (row_count == ROWS_MAX || sscanf(line, "| `%199[^`]` | %399[^|]", name, second) < 1) {
        return;
    }
    struct row *row = &rows[row_count++];
    *row = (struct row){.seen = false};
    (void)snprintf(row->name, sizeof row->name, "%s", name);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t len = strlen(types[i]);
        if (strncmp(second, types[i], len) == 0 && strcmp(second + len, " ") == 0) {
            (void)snprintf(row->type, sizeof row->type, "%s", types[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(fleeting); i++) {
        row->seen = row->seen || strcmp(name, fleeting[i]) == 0;
    }
}

static void read_document(void) {
    char line[1000];
    FILE *f = fopen(SOURCE_DIR "/docs/redis-keys.md", "r");
    row_count = 0;
    if (!EXPECT_TRUE(f != NULL)) {
        return;
    }
    while (fgets(line, sizeof line, f) != NULL) {
        read_row(line);
    }
    (void)fclose(f);
    EXPECT_TRUE(row_count > 100);
}

/* ------------------------------------------------------------------ patterns */

static bool is_id(const char *text, size_t len) {
    char copy[JOB_ID_TEXT + 1];
    struct job_id id;
    (void)snprintf(copy, sizeof copy, "%s", text);
    return len == JOB_ID_TEXT && id_parse(copy, &id) == 0;
}

static bool is_all_of(const char *text, size_t len, const char *chars) {
    return len > 0 && strspn(text, chars) >= len;
}

static bool is_priority(const char *text, size_t len) {
    char copy[8];
    (void)snprintf(copy, sizeof copy, "%.*s", (int)(len < 7 ? len : 7), text);
    return priority_from_name(copy) >= 0;
}

/* May `<name>` stand for so much of the text? */
static bool stands_for(const char *name, const char *text, size_t len) {
    if (strncmp(name, "id>", 3) == 0) {
        return is_id(text, len);
    }
    if (strncmp(name, "sha256>", 7) == 0) {
        return len == 64 && is_all_of(text, len, "0123456789abcdef");
    }
    if (strncmp(name, "n>", 2) == 0) {
        return is_all_of(text, len, "0123456789");
    }
    if (strncmp(name, "priority>", 9) == 0) {
        return is_priority(text, len);
    }
    return len > 0 && (strncmp(name, "key>", 4) == 0 || memchr(text, ':', len) == NULL);
}

// With only one placeholder that may hold anything, and that one last, the shortest fit is the right one.
static bool matches(const char *pattern, const char *text) {
    while (*pattern != '\0' && *pattern != '<') {
        if (*pattern++ != *text++) {
            return false;
        }
    }
    if (*pattern == '\0') {
        return *text == '\0';
    }
    const char *rest = strchr(pattern, '>') + 1;
    for (size_t len = 1; len <= strlen(text); len++) {
        if (stands_for(pattern + 1, text, len) && matches(rest, text + len)) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ a store with everything */

static void submit_spooled(struct rig *rig, const struct job_spec *spec) {
    struct store_submit_item item = {
        .spec = spec, .spooled = true, .keep_ms = HOUR_MS, .tombstone_ms = 24 * HOUR_MS};
    struct store_submit *submit = RIG_NEW(rig, store_submit);
    submit->items = &item;
    submit->count = 1;
    EXPECT_EQ_INT(0, rig_run(rig, &submit->op, STORE_SUBMIT));
    submit->items = NULL;
}

static void submit_once(struct rig *rig, const char *queue) {
    const struct job_spec spec = rig_spec(rig, queue, "good");
    const struct store_once once = {.key = "a", .content = 1, .keep_ms = HOUR_MS};
    struct store_submit_item item = {.spec = &spec, .once = &once, .once_count = 1};
    struct store_submit *submit = RIG_NEW(rig, store_submit);
    submit->items = &item;
    submit->count = 1;
    EXPECT_EQ_INT(0, rig_run(rig, &submit->op, STORE_SUBMIT));
    submit->items = NULL;
}

static struct blob_ref put(struct rig *rig, const char *content) {
    struct store_blob_put op = {.data = bytes_of(content), .fd = -1};
    EXPECT_EQ_INT(0, rig_run(rig, &op.op, STORE_BLOB_PUT));
    store_op_finish(&op.op);
    return op.ref;
}

static void start(struct rig *rig, const struct store_claimed *got) {
    const struct job_progress progress = {1, 4, "one of four", rig->now};
    struct store_start_item item = {.id = got->spec.id,
                                    .token = got->token,
                                    .started_ms = rig->now,
                                    .pid = 99,
                                    .build = "1.2",
                                    .progress = &progress,
                                    .log_tail = bytes_of("a line\n")};
    struct store_start *op = RIG_NEW(rig, store_start);
    op->items = &item;
    op->count = 1;
    EXPECT_EQ_INT(0, rig_run(rig, &op->op, STORE_START));
    op->items = NULL;
}

static struct job_spec full_spec(struct rig *rig, const char *queue, const struct job_file *file) {
    static char payload[5000] = "p";
    struct job_spec spec = rig_spec(rig, queue, "full");
    spec.tenant = "ann";
    spec.priority = PRIORITY_HIGH;
    spec.payload = (struct bytes){payload, sizeof payload};
    spec.content_type = "text/plain";
    spec.dedup_key = "full";
    spec.dedup_ttl_ms = -1;
    spec.deadline_ms = rig->now + HOUR_MS;
    spec.expires_ms = rig->now + HOUR_MS;
    spec.labels = "red,blue";
    spec.callback = "https://example.org/done";
    spec.retry = "{\"max\":5}";
    spec.max_attempts = 5;
    spec.timeout_ms = 1000;
    spec.flow_id = "f1";
    spec.nominal_ms = rig->now;
    spec.files = file;
    spec.file_count = 1;
    return spec;
}

static void commit_effects(struct rig *rig, const struct store_claimed *got,
                           const struct blob_ref *blob) {
    struct store_step steps[] = {{"a", bytes_of("1")}, {"b", bytes_of("22")}};
    struct store_warning warning = {"w", "m"};
    struct store_output output = {"o", "text/html", *blob};
    struct store_kv_write kv[] = {{STORE_KV_SET, "v", bytes_of("value"), HOUR_MS},
                                  {STORE_KV_ADD, "c", {NULL, 0}, 5},
                                  {STORE_KV_SADD, "s", bytes_of("m"), 0},
                                  {STORE_KV_DONE, "k", {NULL, 0}, 0}};
    struct job_spec kids[] = {rig_spec(rig, got->spec.queue, "kid"), rig_spec(rig, "far", "kid")};
    kids[0].parent = kids[1].parent = got->spec.id;
    struct store_commit_item item = rig_item(got, JOB_EV_NONE);
    item.steps = steps;
    item.step_count = 2;
    item.state_version = 3;
    item.warnings = &warning;
    item.warning_count = 1;
    item.outputs = &output;
    item.output_count = 1;
    item.kv_namespace = "plugin";
    item.kv = kv;
    item.kv_count = 4;
    item.children = kids;
    item.child_count = 2;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
}

/* It has had every effect, and failed. */
static void make_dead(struct rig *rig, const char *queue, const struct blob_ref *blob) {
    struct job_file file = {.name = "f", .blob = *blob};
    struct job_spec spec = full_spec(rig, queue, &file);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    const struct store_claimed *got = rig_claim_one(rig, queue, "full");
    start(rig, got);
    commit_effects(rig, got, blob);
    struct job_error error = {2, "invalid_grant", "the token is gone", "api"};
    struct store_attempt attempt = {.execution = 1, .outcome = "die"};
    struct store_result result = {"text/plain", bytes_of("half a result"), NULL};
    struct store_commit_item item = rig_item(got, JOB_EV_DIE);
    item.commit_no++;
    item.error = &error;
    item.attempt = &attempt;
    item.result = &result;
    item.first_run_ms = rig->now;
    item.counters = (struct job_counters){1, 2, 3, 4, 5, 6};
    item.keep_ms = HOUR_MS;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
}

static void make_ended(struct rig *rig, const char *queue, const struct blob_ref *blob) {
    struct job_spec spec = rig_spec(rig, queue, "good");
    struct store_result result = {.blob = blob};
    spec.dedup_key = "outlives";
    spec.dedup_ttl_ms = HOUR_MS;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    struct store_commit_item item = rig_item(rig_claim_one(rig, queue, "good"), JOB_EV_SUCCEED);
    item.result = &result;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    struct job_id id = rig_submit_plain(rig, queue, "good");
    EXPECT_EQ_INT(0, rig_move(rig, &id, JOB_EV_CANCEL));
    spec = rig_spec(rig, queue, "good");
    spec.priority = PRIORITY_LOW;
    spec.dedup_key = "held";
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    spec.id = rig_id(rig);
    submit_spooled(rig, &spec);
    submit_once(rig, queue);
}

// One still waits after its turn, another one has none left, and some are nobody's.
static void make_tenants(struct rig *rig, const char *queue) {
    static const char *const users[] = {"ann", "bob", "ann", NULL, "ann"};
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        struct job_spec spec = rig_spec(rig, queue, "shared");
        spec.tenant = users[i];
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    }
    EXPECT_EQ_UINT(2, rig_claim(rig, queue, "shared", 2)->job_count);
}

static void make_waiting(struct rig *rig, const char *queue) {
    char payload[130] = "p";
    struct job_spec spec = rig_spec(rig, queue, "later");
    spec.run_at_ms = rig->now + HOUR_MS;
    spec.payload = (struct bytes){payload, sizeof payload};
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    for (int i = 0; i < 2; i++) { // the second one changes the first
        spec = rig_spec(rig, queue, "debounced");
        spec.run_at_ms = rig->now + HOUR_MS;
        spec.dedup_key = "debounced";
        spec.dedup_mode = DEDUP_DEBOUNCE;
        EXPECT_EQ_INT(i == 0 ? SUBMIT_NEW : SUBMIT_DUPLICATE, rig_submit(rig, &spec));
    }
    spec = rig_spec(rig, queue, "urgent");
    spec.priority = PRIORITY_HIGH;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    (void)rig_submit_plain(rig, queue, "waits");
    struct store_commit_item item = rig_item(rig_claim_one(rig, queue, "waits"), JOB_EV_PARK);
    item.park = PARK_EVENT;
    item.wait_key = "order.paid";
    item.wait_for = "1 0 -";
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    struct store_event_item event = {
        .event = {"order.paid", "text/plain", {"17", 2}, queue, "somebody"}}; // of each queue one
    struct store_event_put *put_event = RIG_NEW(rig, store_event_put);
    put_event->items = &event;
    put_event->count = 1;
    EXPECT_EQ_INT(0, rig_run(rig, &put_event->op, STORE_EVENT_PUT));
    put_event->items = NULL;
    (void)rig_submit_plain(rig, queue, "fails");
    rig->now += 10;
    item = rig_item(rig_claim_one(rig, queue, "fails"), JOB_EV_RETRY);
    item.run_at_ms = rig->now;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    spec = rig_spec(rig, queue, "late");
    spec.expires_ms = rig->now + 1;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    rig->now += 2;
    EXPECT_EQ_UINT(1, rig_claim(rig, queue, "late", 1)->ended_count);
    // another type stands in front of it
    (void)rig_submit_plain(rig, queue, "aside");
    (void)rig_submit_plain(rig, queue, "wanted");
    EXPECT_EQ_INT(0, rig_succeed(rig, rig_claim_one(rig, queue, "wanted")));
    (void)rig_submit_plain(rig, queue, "aside");
}

static void make_running(struct rig *rig, const char *queue) {
    (void)rig_submit_plain(rig, queue, "asked");
    const struct store_claimed *got = rig_claim_one(rig, queue, "asked");
    start(rig, got);
    struct store_move_item item = {
        .id = got->spec.id, .event = JOB_EV_CANCEL, .ask = true, .keep_ms = HOUR_MS};
    struct store_move *move = RIG_NEW(rig, store_move);
    move->items = &item;
    move->count = 1;
    EXPECT_EQ_INT(0, rig_run(rig, &move->op, STORE_MOVE));
    move->items = NULL;
    struct store_kv_claim *claim = RIG_NEW(rig, store_kv_claim);
    *claim = (struct store_kv_claim){
        .kv_namespace = "plugin", .key = "mine", .id = got->spec.id, .token = got->token};
    EXPECT_EQ_INT(0, rig_run(rig, &claim->op, STORE_KV_CLAIM));
}

/* A job that was there and is not, so that the sweeper has something to clear. */
static void make_gone(struct rig *rig, const char *queue) {
    char payload[200] = "p"; // in several pieces
    struct job_spec spec = rig_spec(rig, queue, "gone");
    int status = 0;
    spec.payload = (struct bytes){payload, sizeof payload};
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    EXPECT_EQ_INT(0, rig_move(rig, &spec.id, JOB_EV_CANCEL));
    struct store_remove remove = {.ids = &spec.id, .status = &status, .count = 1};
    EXPECT_EQ_INT(0, rig_run(rig, &remove.op, STORE_REMOVE));
    store_op_finish(&remove.op);
    struct store_sweep sweep = {.limit = 100};
    EXPECT_EQ_INT(0, rig_run(rig, &sweep.op, STORE_SWEEP));
    store_op_finish(&sweep.op);
}

static void administrate(struct rig *rig, const char *queue) {
    struct store_queue_set set = {
        .queue = queue, .paused = true, .by = "cli:root", .why = "repairs"};
    struct store_host_lease lease = {
        .name = "alpha", .nonce = rig->nonce, .lease_ms = 1000, .version = "0.1", .pid = 12};
    struct store_audit_add add = {.entry = {rig->now, "cli:root", "queue.pause", queue, "repairs"}};
    EXPECT_EQ_INT(0, rig_run(rig, &set.op, STORE_QUEUE_SET));
    EXPECT_EQ_INT(0, rig_run(rig, &lease.op, STORE_HOST_LEASE));
    EXPECT_EQ_INT(0, rig_run(rig, &add.op, STORE_AUDIT_ADD));
    store_op_finish(&set.op);
    store_op_finish(&lease.op);
    store_op_finish(&add.op);
}

/* A parcel that cannot be read. */
static void set_one_aside(struct rig *rig) {
    (void)rig_redis_text("XADD klap:jobs:outbox * id nonsense");
    struct store_forward forward = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(rig, &forward.op, STORE_FORWARD));
    store_op_finish(&forward.op);
    EXPECT_EQ_INT(1, rig_redis("XLEN klap:jobs:outbox:odd"));
}

/* Two jobs, of which one waits. */
static void take_a_slot(struct rig *rig) {
    struct store_limiter_item item = {.verb = STORE_LIMITER_TAKE,
                                      .name = "api",
                                      .rules = {.concurrency = 1, .lease_ms = 1000},
                                      .id = 1,
                                      .n = 1};
    struct store_limiter op = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(rig, &op.op, STORE_LIMITER));
    store_op_finish(&op.op);
}

static void open_a_breaker(struct rig *rig) {
    struct store_breaker op = {.verb = STORE_BREAKER_FAILED,
                               .name = "network:crawl:crawl.page",
                               .id = 1,
                               .times = breaker_default[BREAKER_NETWORK],
                               .cls = JH_E_NETWORK};
    EXPECT_EQ_INT(0, rig_run(rig, &op.op, STORE_BREAKER));
    store_op_finish(&op.op);
}

static void make_token(struct rig *rig) {
    char hash[STORE_TOKEN_HASH_LEN + 1];
    memset(hash, 'a', sizeof hash - 1);
    hash[sizeof hash - 1] = '\0';
    struct store_token_put op = {
        .token = {.id = "abcdefghijkl", .name = "ci", .hash = hash, .scope = TOKEN_VIEWER}};
    EXPECT_EQ_INT(0, rig_run(rig, &op.op, STORE_TOKEN_PUT));
    store_op_finish(&op.op);
}

static void make_scheduled(struct rig *rig, const char *queue) {
    struct store_schedule_put_item item = {
        .id = queue, .queue = queue, .revision = "r", .definition = "{}"};
    struct store_schedule_put put = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(rig, &put.op, STORE_SCHEDULE_PUT));
    store_op_finish(&put.op);
    for (int i = 0; i < 2; i++) {
        struct job_spec spec = rig_spec(rig, queue, "scheduled");
        spec.schedule = queue;
        struct store_fire_item fire = {.schedule = queue,
                                       .queue = queue,
                                       .row = {.revision = "r",
                                               .key = i == 0 ? "1" : "2",
                                               .verdict = SCHEDULE_QUEUED,
                                               .count = 1,
                                               .nominal_ms = i,
                                               .last_ms = i,
                                               .actual_ms = rig->now},
                                       .spec = &spec,
                                       .unfinished_max = -1};
        struct store_fire *op = RIG_NEW(rig, store_fire);
        op->items = &fire;
        op->count = 1;
        EXPECT_EQ_INT(0, rig_run(rig, &op->op, STORE_FIRE));
        EXPECT_EQ_INT(0, fire.status);
        op->items = NULL;
    }
}

/* A flow that is cancelled: one member has ended here, one was revived, one waits in another queue. */
static void make_flow(struct rig *rig, const char *queue) {
    char flow[JOB_ID_TEXT + 1];
    (void)rig_submit_plain(rig, queue, "opener");
    const struct store_claimed *opener = rig_claim_one(rig, queue, "opener");
    id_format(&opener->spec.id, flow);
    struct job_spec kids[] = {rig_spec(rig, queue, "member"), rig_spec(rig, "far", "member"),
                              rig_spec(rig, queue, "again")};
    for (size_t i = 0; i < ARRAY_LEN(kids); i++) {
        kids[i].parent = opener->spec.id;
        kids[i].flow_id = flow;
    }
    kids[1].flow_queue = queue;
    struct store_commit_item item = rig_item(opener, JOB_EV_CANCEL);
    item.children = kids;
    item.child_count = ARRAY_LEN(kids);
    item.keep_ms = HOUR_MS;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    EXPECT_EQ_INT(0, rig_succeed(rig, rig_claim_one(rig, queue, "member")));
    EXPECT_EQ_INT(0, rig_move(rig, &kids[2].id, JOB_EV_CANCEL));
    EXPECT_EQ_INT(0, rig_move(rig, &kids[2].id, JOB_EV_REVIVE));
    struct store_forward forward = {.limit = 100};
    EXPECT_EQ_INT(0, rig_run(rig, &forward.op, STORE_FORWARD));
    store_op_finish(&forward.op);
}

static void fill(struct rig *rig, const char *queue) {
    struct blob_ref blob = put(rig, "content of a blob");
    make_flow(rig, queue);
    make_gone(rig, queue);
    make_dead(rig, queue, &blob);
    make_ended(rig, queue, &blob);
    make_waiting(rig, queue);
    make_running(rig, queue);
    make_tenants(rig, queue);
    make_scheduled(rig, queue);
    take_a_slot(rig);
    open_a_breaker(rig);
    make_token(rig);
    (void)rig_submit_plain(rig, queue, "last");
    administrate(rig, queue);
    (void)put(rig, "content that nobody names");
}

/* ------------------------------------------------------------------ the comparison */

// A key of a queue without a prefix by the name that it has with one.
static void as_with_prefix(const char *key, char out[NAME_MAX_LEN]) {
    const char *end = strncmp(key, "jobs:", 5) == 0 ? strchr(key + 5, ':') : NULL;
    bool prefixed = strncmp(key, "jh:", 3) == 0 || strncmp(key, "klap:", 5) == 0;
    (void)snprintf(out, NAME_MAX_LEN, "%s%s",
                   end != NULL ? "klap:jobs:"
                   : prefixed  ? ""
                               : "klap:",
                   end != NULL ? end + 1 : key);
}

// `type` is "" for a field of a job.
static void compare(const char *type, const char *name) {
    for (size_t i = 0; i < row_count; i++) {
        bool same_table = (*type == '\0') == (*rows[i].type == '\0');
        if (same_table && matches(rows[i].name, name)) {
            rows[i].seen = true;
            EXPECT_EQ_STR(rows[i].type, type);
            return;
        }
    }
    (void)printf("    docs/redis-keys.md does not have: %s %s\n", *type == '\0' ? "field" : type,
                 name);
    EXPECT_TRUE(false);
}

/* Lines "type key", and of jobs "- field". */
static void compare_all(char *dump) {
    char *rest = NULL;
    for (char *line = strtok_r(dump, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char name[NAME_MAX_LEN], *key = strchr(line, ' ');
        if (!EXPECT_TRUE(key != NULL)) {
            return;
        }
        *key++ = '\0';
        if (strcmp(line, "-") == 0) {
            compare("", key);
        } else {
            as_with_prefix(key, name);
            compare(line, name);
        }
    }
}

static void compare_live(void) {
    static const char script[] =
        "local lines = {} for _, key in ipairs(redis.call('KEYS', '*')) do "
        "local type = redis.call('TYPE', key).ok lines[#lines + 1] = type .. ' ' .. key "
        "if string.find(key, '^job:') or string.find(key, '^klap:job:') then "
        "for _, field in ipairs(redis.call('HKEYS', key)) do lines[#lines + 1] = '- ' .. field end "
        "end end return table.concat(lines, '\\n')";
    const char *words[] = {"EVAL", script, "0"};
    struct redisReply *reply = redis_server_ask(rig_server(), 3, words, NULL);
    if (EXPECT_TRUE(reply->str != NULL)) {
        compare_all(reply->str);
    }
    freeReplyObject(reply);
}

// Pieces of a payload: by TLS it is one who may not RESTORE.
static bool is_elsewhere(const struct row *row) {
    return strcmp(row->name, "<n>") == 0 && strcmp(rig_backend, "redis") == 0;
}

static void test_documented(void) {
    const struct store_queue_setup keys = {.queue = "klap", .prefix = "klap:"};
    struct rig rig;
    rig_init(&rig);
    rig.config.queues = &keys;
    rig.config.queue_count = 1;
    EXPECT_EQ_INT(0, rig_open(&rig));
    read_document();
    set_one_aside(&rig);
    fill(&rig, "klap");
    fill(&rig, "plain");
    compare_live();
    EXPECT_EQ_INT(1, rig_redis("DEL klap:jobs:outbox:odd"));
    rig_expect_sound(&rig);
    for (size_t i = 0; i < row_count; i++) {
        if (!EXPECT_EQ_INT(!is_elsewhere(&rows[i]), rows[i].seen)) {
            (void)printf("    documented, and not there, or the contrary: %s\n", rows[i].name);
        }
    }
    rig_finish(&rig);
}

CASES(keys_shared, ON_SHARED, {"keys are those that the documentation has", test_documented});
