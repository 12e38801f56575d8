/* What a member of a flow costs, by the size of the flow: 100,000 children, in flows of 1,000, of 10,000 and in one.
 *
 *     bench_flow [-n CHILDREN] [-d DIR | -p PORT] [-e]
 *
 * -n   so many children in all; 100000
 * -d   a folder for the SQLite file; by default one that is made and removed
 * -p   a Redis on that port of 127.0.0.1 instead, with an empty database, which is emptied
 * -e   children go to another queue than their opener's
 *
 * An opener makes its children by commits of 100, as enqueue() does; they are claimed and end by 64, the opener ends
 * and `then` is made. Once more they all die and are revived, by 100, the first made first. First of all the same jobs are made by the same commits without being members: what they cost
 * more as members is what a flow costs. Figures are processor time (of this process with SQLite, of the server with
 * Redis), which other work disturbs less than the clock, and bytes (of the file; used_memory, and what the keys of
 * flows are of it).
 *
 * One line of JSON per figure; at the end the ratios, a child in one flow of all beside one in flows of 1,000. */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bare_store.h"
#include "core/id.h"
#include "server_info.h"
#include "store/flows.h"

enum { MAKE_BATCH = 100, END_BATCH = 64, PAYLOAD = 200, SMALL_FLOW = 1000, KEEP_MS = 86400000 };

struct bench {
    struct bare_store bare;
    struct id_gen ids;
    const char *dir;
    const char *port;
    struct redisContext *server;
    const char *queue; /* of the children */
    char payload[PAYLOAD];
    struct job_spec kids[MAKE_BATCH];
};

/* What it has cost until now. */
struct mark {
    double cpu_us, bytes;
};

struct costs {
    double make_us, end_us, bytes;
};

/* ------------------------------------------------------------------ one operation at a time */

static void commit(struct bench *b, struct store_commit_item *items, size_t count) {
    struct store_commit c = {.items = items, .count = count};
    bare_store_run(&b->bare, &c.op, STORE_COMMIT);
    for (size_t i = 0; i < count; i++) {
        if (items[i].status != 0) {
            bare_store_die("a commit", NULL);
        }
    }
    store_op_finish(&c.op);
}

static void forward(struct bench *b) {
    struct store_forward f;
    do {
        f = (struct store_forward){.limit = 256};
        bare_store_run(&b->bare, &f.op, STORE_FORWARD);
        store_op_finish(&f.op);
    } while (f.more);
}

static struct store_claim *claim(struct bench *b, const char *queue, const char *type,
                                 uint32_t limit) {
    static struct store_claim_want want;
    static struct store_claim c;
    store_op_finish(&c.op);
    want = (struct store_claim_want){.lane = {queue, type}, .limit = limit};
    c = (struct store_claim){.wants = &want, .want_count = 1, .host_nonce = 1};
    bare_store_run(&b->bare, &c.op, STORE_CLAIM);
    return &c;
}

/* ------------------------------------------------------------------ an opener */

struct opener {
    struct job_id id;
    char flow[JOB_ID_TEXT + 1];
    uint32_t token, commit_no;
    bool members; /* do its children belong to a flow? */
};

static struct job_spec spec_of(struct bench *b, const char *queue, const char *type) {
    return (struct job_spec){.id = id_next(&b->ids, bare_store_now_ms(&b->bare)),
                             .queue = queue,
                             .type = type,
                             .priority = PRIORITY_NORMAL,
                             .payload = {b->payload, PAYLOAD},
                             .max_attempts = 3,
                             .timeout_ms = 300000};
}

static void open_one(struct bench *b, bool members, struct opener *ret) {
    struct job_spec spec = spec_of(b, "bench", "bench.open");
    struct store_submit_item item = {.spec = &spec};
    struct store_submit submit = {.items = &item, .count = 1};
    bare_store_run(&b->bare, &submit.op, STORE_SUBMIT);
    store_op_finish(&submit.op);
    const struct store_claim *c = claim(b, "bench", "bench.open", 1);
    if (c->job_count != 1) {
        bare_store_die("claim of an opener", NULL);
    }
    *ret = (struct opener){.id = c->jobs[0].spec.id,
                           .token = c->jobs[0].token,
                           .commit_no = c->jobs[0].commit_no,
                           .members = members};
    id_format(&ret->id, ret->flow);
}

static struct store_commit_item item_of(struct bench *b, struct opener *o, enum job_event event) {
    return (struct store_commit_item){.id = o->id,
                                      .token = o->token,
                                      .commit_no = ++o->commit_no,
                                      .event = event,
                                      .counters = {.attempts = 1, .executions = 1},
                                      .first_run_ms = bare_store_now_ms(&b->bare),
                                      .keep_ms = KEEP_MS};
}

static void make(struct bench *b, struct opener *o, uint64_t count) {
    for (uint64_t made = 0; made < count; made += MAKE_BATCH) {
        struct store_commit_item item = item_of(b, o, JOB_EV_NONE);
        for (size_t i = 0; i < MAKE_BATCH; i++) {
            b->kids[i] = spec_of(b, b->queue, "bench.child");
            b->kids[i].parent = o->id;
            b->kids[i].flow_id = o->members ? o->flow : NULL;
            b->kids[i].flow_queue = o->members && strcmp(b->queue, "bench") != 0 ? "bench" : NULL;
        }
        item.children = b->kids;
        item.child_count = MAKE_BATCH;
        commit(b, &item, 1);
        forward(b);
    }
}

static void close_one(struct bench *b, struct opener *o) {
    struct store_commit_item item = item_of(b, o, JOB_EV_SUCCEED);
    struct job_spec then = spec_of(b, "bench", "bench.then");
    then.parent = o->id;
    item.then = o->members ? &then : NULL;
    commit(b, &item, 1);
    forward(b);
}

static uint64_t end_some(struct bench *b, enum job_event event) {
    struct store_commit_item items[END_BATCH];
    const struct store_claim *c = claim(b, b->queue, "bench.child", END_BATCH);
    for (size_t i = 0; i < c->job_count; i++) {
        struct opener one = {c->jobs[i].spec.id, "", c->jobs[i].token, c->jobs[i].commit_no, false};
        items[i] = item_of(b, &one, event);
    }
    if (c->job_count > 0) {
        commit(b, items, c->job_count);
        forward(b);
    }
    return c->job_count;
}

// Those that it names by their places in `ids`.
static void revive(struct bench *b, const struct job_id *ids, size_t count) {
    struct store_move_item items[MAKE_BATCH];
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct store_move_item){.id = ids[i], .event = JOB_EV_REVIVE};
    }
    struct store_move m = {.items = items, .count = count};
    bare_store_run(&b->bare, &m.op, STORE_MOVE);
    for (size_t i = 0; i < count; i++) {
        if (items[i].status != 0) {
            bare_store_die("a revival", NULL);
        }
    }
    store_op_finish(&m.op);
    forward(b);
}

static void expect_closed(struct bench *b, const struct opener *o, uint64_t count) {
    struct store_flow_get get = {.id = o->id};
    bare_store_run(&b->bare, &get.op, STORE_FLOW_GET);
    if (!get.flow.facts.closed || !get.flow.then_made ||
        get.flow.facts.tally.succeeded != (int64_t)count) {
        bare_store_die("a flow", NULL);
    }
    store_op_finish(&get.op);
}

/* ------------------------------------------------------------------ the store */

static void wipe(struct bench *b) {
    bare_store_unlink(b->dir, "flow");
    if (b->server != NULL) {
        freeReplyObject(redisCommand(b->server, "FLUSHALL"));
    }
}

static void open_store(struct bench *b) {
    char url[440];
    if (b->port != NULL) {
        (void)snprintf(url, sizeof url, "redis://127.0.0.1:%s", b->port);
    } else {
        (void)snprintf(url, sizeof url, "sqlite:%s/flow.db", b->dir);
    }
    bare_store_open(&b->bare, url, b->dir);
}

static struct mark look(const struct bench *b) {
    if (b->server != NULL) {
        struct server_info info = server_look(b->server);
        return (struct mark){info.cpu_s * 1e6, info.used_memory};
    }
    return (struct mark){bare_store_cpu_us(), 0};
}

/* ------------------------------------------------------------------ figures */

static void emit(const struct bench *b, const char *metric, double value, const char *unit,
                 uint64_t flow) {
    (void)printf("{\"store\":\"%s\",\"metric\":\"%s\",\"value\":%.2f,\"unit\":\"%s\"",
                 b->server != NULL ? "redis" : "sqlite", metric, value, unit);
    if (flow > 0) {
        (void)printf(",\"flow\":%" PRIu64, flow);
    }
    (void)puts("}");
    (void)fflush(stdout);
}

// What the server keeps of all flows.
static double flow_bytes(struct bench *b) {
    double ret = 0;
    redisReply *keys = redisCommand(b->server, "KEYS *:flow:*");
    for (size_t i = 0; keys != NULL && i < keys->elements; i++) {
        redisReply *bytes =
            redisCommand(b->server, "MEMORY USAGE %s SAMPLES 0", keys->element[i]->str);
        ret += bytes == NULL ? 0 : (double)bytes->integer;
        freeReplyObject(bytes);
    }
    freeReplyObject(keys);
    return ret;
}

// All children in flows of `size`, one after the other; 0 = in none.
static struct costs measure(struct bench *b, uint64_t all, uint64_t size) {
    uint64_t each = size > 0 ? size : SMALL_FLOW;
    struct costs ret = {0, 0, 0};
    wipe(b);
    open_store(b);
    struct mark first = look(b);
    for (uint64_t done = 0; done < all; done += each) {
        struct opener o;
        struct mark begin = look(b);
        open_one(b, size > 0, &o);
        make(b, &o, each);
        struct mark made = look(b);
        for (uint64_t ended = 0, n = 1; ended < each && n > 0; ended += n) {
            n = end_some(b, JOB_EV_SUCCEED);
        }
        close_one(b, &o);
        struct mark end = look(b);
        ret.make_us += (made.cpu_us - begin.cpu_us) / (double)all;
        ret.end_us += (end.cpu_us - made.cpu_us) / (double)all;
        if (size > 0) {
            expect_closed(b, &o, each);
        }
    }
    double used = look(b).bytes - first.bytes;
    bare_store_close(&b->bare); // checkpoints
    ret.bytes = (b->server != NULL ? used : bare_store_file_bytes(b->dir, "flow")) / (double)all;
    emit(b, "make_cpu", ret.make_us, "us/child", size);
    emit(b, "end_cpu", ret.end_us, "us/child", size);
    emit(b, "bytes", ret.bytes, "bytes/child", size);
    if (b->server != NULL) {
        emit(b, "flow_bytes", flow_bytes(b) / (double)all, "bytes/child", size);
    }
    return ret;
}

static void all_die(struct bench *b, const struct opener *o, uint64_t count) {
    struct store_flow_get get = {.id = o->id};
    for (uint64_t ended = 0, n = 1; ended < count && n > 0; ended += n) {
        n = end_some(b, JOB_EV_DIE);
    }
    bare_store_run(&b->bare, &get.op, STORE_FLOW_GET);
    if (get.flow.facts.tally.dead != (int64_t)count) {
        bare_store_die("a flow of the dead", NULL);
    }
    store_op_finish(&get.op);
}

// A revival in flows of `size`, in which all have died.
static double measure_revived(struct bench *b, uint64_t all, uint64_t size) {
    struct job_id *ids = calloc(size, sizeof *ids);
    double us = 0;
    wipe(b);
    open_store(b);
    for (uint64_t done = 0; ids != NULL && done < all; done += size) {
        struct opener o;
        open_one(b, true, &o);
        for (uint64_t at = 0; at < size; at += MAKE_BATCH) {
            make(b, &o, MAKE_BATCH);
            for (size_t i = 0; i < MAKE_BATCH; i++) {
                ids[at + i] = b->kids[i].id;
            }
        }
        all_die(b, &o, size);
        struct mark dead = look(b);
        for (uint64_t at = 0; at < size; at += MAKE_BATCH) {
            revive(b, ids + at, MAKE_BATCH);
        }
        us += look(b).cpu_us - dead.cpu_us;
        while (end_some(b, JOB_EV_SUCCEED) > 0) { // those of the next flow are claimed alone
        }
        close_one(b, &o);
        expect_closed(b, &o, size);
    }
    bare_store_close(&b->bare);
    free(ids);
    emit(b, "revive_cpu", us / (double)all, "us/child", size);
    return us / (double)all;
}

static void measure_all(struct bench *b, uint64_t all) {
    struct costs none = measure(b, all, 0), small = {0, 0, 0}, whole = {0, 0, 0};
    double revived[2] = {0, 0}; // in the smallest flows, in one of all
    for (uint64_t size = SMALL_FLOW; size <= all; size *= 10) {
        whole = measure(b, all, size);
        small = size == SMALL_FLOW ? whole : small;
        emit(b, "bytes_more_than_no_flow", whole.bytes - none.bytes, "bytes/child", size);
        revived[1] = measure_revived(b, all, size);
        revived[0] = size == SMALL_FLOW ? revived[1] : revived[0];
    }
    emit(b, "make_ratio", whole.make_us / small.make_us, "", all);
    emit(b, "end_ratio", whole.end_us / small.end_us, "", all);
    emit(b, "revive_ratio", revived[1] / revived[0], "", all);
    emit(b, "bytes_ratio", whole.bytes / small.bytes, "", all);
}

int main(int argc, char **argv) {
    struct bench b = {.queue = "bench"};
    uint64_t all = 100000;
    int opt = 0;
    char made[] = "/tmp/jobhost-bench-XXXXXX";
    while ((opt = getopt(argc, argv, "n:d:p:e")) != -1) {
        if (opt == 'n') {
            all = strtoull(optarg, NULL, 10);
        } else if (opt == 'd') {
            b.dir = optarg;
        } else if (opt == 'p') {
            b.port = optarg;
        } else if (opt == 'e') {
            b.queue = "elsewhere";
        } else {
            return 2;
        }
    }
    b.dir = b.dir != NULL ? b.dir : mkdtemp(made);
    b.server = b.port != NULL ? server_connect(b.port) : NULL;
    bare_store_begin(&b.bare);
    id_gen_init(&b.ids, 1);
    memset(b.payload, 'x', sizeof b.payload);
    measure_all(&b, all);
    wipe(&b);
    (void)rmdir(b.dir);
    bare_store_end(&b.bare);
    return 0;
}
