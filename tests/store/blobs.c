/* Contents in Redis: pieces, references, what a server, another host or the way between them can do to them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "redis_proxy.h"
#include "redis_server.h"
#include "rig.h"
#include "store/blobfile.h"
#include "store/redis/blob.h"

enum { MIB = 1024 * 1024, PIECE = REDIS_BLOB_PIECE, HOUR_MS = 3600 * 1000 };

/* `size` bytes that differ from piece to piece; the caller frees them. */
static char *content(size_t size, unsigned seed) {
    char *data = malloc(size + 1);
    for (size_t i = 0; i < size; i++) {
        data[i] = (char)((i * 31 + i / PIECE * 7 + seed) % 251);
    }
    return data;
}

static struct store_blob_put *new_put(struct rig *rig, const char *data, size_t size) {
    struct store_blob_put *put = RIG_NEW(rig, store_blob_put);
    put->data = (struct bytes){data, size};
    put->fd = -1;
    return put;
}

static int put(struct rig *rig, const char *data, size_t size, struct blob_ref *ret) {
    struct store_blob_put *op = new_put(rig, data, size);
    int r = rig_run(rig, &op->op, STORE_BLOB_PUT);
    *ret = op->ref;
    return r;
}

/* A descriptor or a negative errno. */
static int open_blob(struct rig *rig, const struct blob_ref *ref) {
    struct store_blob_open *op = RIG_NEW(rig, store_blob_open);
    op->ref = *ref;
    int r = rig_run(rig, &op->op, STORE_BLOB_OPEN);
    return r < 0 ? r : op->fd;
}

static void expect_content(struct rig *rig, const struct blob_ref *ref, const char *data,
                           size_t size) {
    int fd = open_blob(rig, ref);
    if (!EXPECT_TRUE(fd >= 0)) {
        return;
    }
    char *got = malloc(size + 1);
    EXPECT_EQ_INT((intmax_t)size, pread(fd, got, size + 1, 0));
    EXPECT_TRUE(memcmp(got, data, size) == 0);
    free(got);
    (void)close(fd);
}

/* The head's name; valid until the next call. */
static const char *head_of(const struct blob_ref *ref) {
    static char name[8 + BLOBFILE_SHA_TEXT + 1] = "jh:blob:";
    blobfile_sha_text(ref->sha256, name + 8);
    return name;
}

/* Another host has never read it. */
static int open_elsewhere(struct rig *rig, const struct blob_ref *ref) {
    struct rig other;
    rig_start_beside(&other, rig);
    int fd = open_blob(&other, ref);
    if (fd >= 0) {
        (void)close(fd);
    }
    rig_finish(&other);
    return fd < 0 ? fd : 0;
}

/* ------------------------------------------------------------------ pieces */

static void test_sizes(void) {
    static const size_t sizes[] = {0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 17};
    struct rig rig, other;
    rig_start(&rig);
    rig_start_beside(&other, &rig);
    int64_t all = 0;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct blob_ref ref;
        char *data = content(sizes[i], (unsigned)i);
        EXPECT_EQ_INT(0, put(&rig, data, sizes[i], &ref));
        EXPECT_EQ_UINT(sizes[i], ref.size);
        expect_content(&rig, &ref, data, sizes[i]);
        expect_content(&other, &ref, data, sizes[i]);
        EXPECT_EQ_INT((intmax_t)sizes[i], atoll(rig_redis_text("HGET %s size", head_of(&ref))));
        EXPECT_EQ_INT(0, rig_redis("HEXISTS %s partial", head_of(&ref)));
        all += (int64_t)sizes[i];
        free(data);
    }
    EXPECT_EQ_INT(all, atoll(rig_redis_text("HGET jh:bytes blobs")));
    EXPECT_EQ_INT(ARRAY_LEN(sizes), rig_redis("ZCARD jh:blob:idle"));
    rig_finish(&other);
    rig_finish(&rig);
}

static void test_limit(void) {
    struct rig rig;
    struct blob_ref ref;
    char *data = content(64 * MIB + 1, 1);
    rig_start(&rig);
    struct store_blob_put *over = new_put(&rig, data, 64 * MIB + 1);
    EXPECT_EQ_INT(-EFBIG, rig_run(&rig, &over->op, STORE_BLOB_PUT));
    EXPECT_TRUE(strstr(over->op.err.msg, "store.blobs.max_in_store") != NULL);
    EXPECT_TRUE(strstr(over->op.err.msg, "store.blobs.place") != NULL);
    EXPECT_EQ_INT(0, rig_redis("EXISTS jh:bytes"));
    EXPECT_EQ_INT(0, put(&rig, data, 64 * MIB, &ref));
    EXPECT_EQ_INT(0, open_elsewhere(&rig, &ref));
    free(data);
    rig_finish(&rig);
}

/* A large content on its way: others are answered meanwhile, and it has a connection of its own, which goes. */
static void test_nobody_waits(void) {
    struct rig rig;
    bool put_done = false, get_done = false;
    char *data = content(64 * MIB, 2);
    rig_start(&rig);
    struct store_blob_put *large = new_put(&rig, data, 64 * MIB);
    rig_post(&rig, &large->op, STORE_BLOB_PUT, &put_done);
    RIG_AWAIT(&rig, rig_redis("ZCARD jh:blob:idle") == 1);
    struct store_kv_get *get = RIG_NEW(&rig, store_kv_get);
    get->kv_namespace = "n";
    get->key = "k";
    get->what = STORE_KV_COUNTER;
    rig_post(&rig, &get->op, STORE_KV_GET, &get_done);
    rig_wait(&rig, &get_done);
    EXPECT_FALSE(put_done);
    (void)rig_submit_plain(&rig, "q", "t"); // and its answer does not wait for the one posted first
    EXPECT_FALSE(put_done);
    const char *clients = rig_redis_text("CLIENT LIST");
    EXPECT_TRUE(strstr(clients, "name=jobhost-bulk") != NULL);
    rig_wait(&rig, &put_done);
    EXPECT_EQ_INT(0, large->op.status);
    free(data);
    rig_finish(&rig);
}

static void test_same_content(void) {
    enum { PUTS = 100, SIZE = 3 * PIECE };
    struct rig rig;
    bool done[PUTS] = {false};
    struct store_blob_put *puts[PUTS];
    char *data = content(SIZE, 3);
    rig_start(&rig);
    for (int i = 0; i < PUTS; i++) {
        puts[i] = new_put(&rig, data, SIZE);
        rig_post(&rig, &puts[i]->op, STORE_BLOB_PUT, &done[i]);
    }
    for (int i = 0; i < PUTS; i++) {
        rig_wait(&rig, &done[i]);
        EXPECT_EQ_INT(0, puts[i]->op.status);
        EXPECT_EQ_BYTES(puts[0]->ref.sha256, 32, puts[i]->ref.sha256, 32);
    }
    EXPECT_EQ_INT(SIZE, atoll(rig_redis_text("HGET jh:bytes blobs")));
    struct blob_ref ref = puts[0]->ref;
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ_INT(1, rig_redis("DEL %s:%d", head_of(&ref), i));
    }
    EXPECT_EQ_INT(0, put(&rig, data, SIZE, &ref)); // it is there: nothing is sent again
    EXPECT_EQ_INT(0, rig_redis("EXISTS %s:0", head_of(&ref)));
    free(data);
    rig_finish(&rig);
}

/* Two hosts put the same at the same time. */
static void test_two_hosts(void) {
    enum { SIZE = 20 * PIECE };
    struct rig a, b;
    bool done[2] = {false};
    char *data = content(SIZE, 4);
    rig_start(&a);
    rig_start_beside(&b, &a);
    struct store_blob_put *x = new_put(&a, data, SIZE), *y = new_put(&b, data, SIZE);
    rig_post(&a, &x->op, STORE_BLOB_PUT, &done[0]);
    rig_post(&b, &y->op, STORE_BLOB_PUT, &done[1]);
    rig_wait(&a, &done[0]);
    rig_wait(&b, &done[1]);
    EXPECT_EQ_INT(0, x->op.status);
    EXPECT_EQ_INT(0, y->op.status);
    EXPECT_EQ_INT(SIZE, atoll(rig_redis_text("HGET jh:bytes blobs")));
    EXPECT_EQ_INT(0, open_elsewhere(&a, &x->ref));
    free(data);
    rig_finish(&b);
    rig_finish(&a);
}

static void test_budget(void) {
    struct rig rig, other;
    struct blob_ref ref;
    char *data = content(PIECE + 1, 5);
    rig_init(&rig);
    rig.config.budget[BUDGET_BLOBS] = PIECE;
    EXPECT_EQ_INT(0, rig_open(&rig));
    EXPECT_EQ_INT(-EDQUOT, put(&rig, data, PIECE + 1, &ref));
    EXPECT_EQ_INT(0, put(&rig, data, PIECE, &ref));
    EXPECT_EQ_INT(0, put(&rig, data, PIECE, &ref)); // what is there needs no room
    EXPECT_EQ_UINT(0, store_blob_room(&rig.store));
    rig_init_beside(&other, &rig);
    other.config.budget[BUDGET_BLOBS] = PIECE;
    EXPECT_EQ_INT(0, rig_open(&other));
    RIG_AWAIT(&other, store_blob_room(&other.store) == 0); // it asks when it comes
    EXPECT_EQ_INT(-EDQUOT, put(&other, data, 1, &ref));
    free(data);
    rig_finish(&other);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ damage */

static void test_damage(void) {
    enum { SIZE = 2 * PIECE };
    struct rig rig;
    struct blob_ref ref;
    char *data = content(SIZE, 6);
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, data, SIZE, &ref));
    (void)rig_redis("SETRANGE %s:1 1000 xyz", head_of(&ref)); // another content
    EXPECT_EQ_INT(-EBADMSG, open_elsewhere(&rig, &ref));
    expect_content(&rig, &ref, data, SIZE); // what was read once is at hand
    (void)rig_redis("SET %s:1 short", head_of(&ref));
    EXPECT_EQ_INT(-EBADMSG, open_elsewhere(&rig, &ref));
    (void)rig_redis("APPEND %s:0 longer", head_of(&ref));
    EXPECT_EQ_INT(-EBADMSG, open_elsewhere(&rig, &ref));
    (void)rig_redis("DEL %s:0", head_of(&ref));
    EXPECT_EQ_INT(-ENOENT, open_elsewhere(&rig, &ref));
    static const char *const sizes[] = {"x", "-1", "99999999999999999", "9223372036854775807"};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        (void)rig_redis("HSET %s size %s", head_of(&ref), sizes[i]);
        EXPECT_EQ_INT(-EBADMSG, open_elsewhere(&rig, &ref));
    }
    (void)rig_redis("HSET %s size %d file ../../etc/passwd", head_of(&ref), SIZE);
    EXPECT_EQ_INT(-ENOENT, open_elsewhere(&rig, &ref)); // there is no shared directory
    (void)rig_redis("HSET %s partial 1", head_of(&ref));
    EXPECT_EQ_INT(-ENOENT, open_elsewhere(&rig, &ref));
    (void)rig_redis("DEL %s", head_of(&ref));
    EXPECT_EQ_INT(-ENOENT, open_elsewhere(&rig, &ref));
    free(data);
    rig_finish(&rig);
}

/* A head that goes, and pieces that go, while a content is put: it begins anew. */
static void test_swept_under_way(void) {
    enum { SIZE = 40 * PIECE };
    struct rig rig;
    bool done = false;
    char *data = content(SIZE, 7);
    rig_start(&rig);
    struct store_blob_put *op = new_put(&rig, data, SIZE);
    rig_post(&rig, &op->op, STORE_BLOB_PUT, &done);
    RIG_AWAIT(&rig, rig_redis("ZCARD jh:blob:idle") == 1);
    (void)REDIS_DO(
        rig_server(), "EVAL",
        "for _, k in ipairs(redis.call('KEYS', 'jh:blob:*')) do redis.call('DEL', k) end "
        "return redis.call('DEL', 'jh:bytes')",
        "0");
    rig_wait(&rig, &done);
    EXPECT_EQ_INT(0, op->op.status);
    EXPECT_EQ_INT(0, open_elsewhere(&rig, &op->ref));
    EXPECT_EQ_INT(SIZE, atoll(rig_redis_text("HGET jh:bytes blobs")));
    free(data);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ cuts */

static void start_behind(struct rig *rig, struct rig *first, struct redis_proxy **proxy) {
    char path[300];
    rig_init_beside(rig, first);
    (void)snprintf(path, sizeof path, "%s/proxy", rig->dir);
    *proxy = redis_proxy_new(path, rig_server()->socket);
    (void)snprintf(rig->url, sizeof rig->url, "unix:%s", path);
    EXPECT_EQ_INT(0, rig_open(rig));
}

/* Puts and opens a content with a cut at each of their commands in turn. */
static void test_cuts(void) {
    enum { SIZE = 3 * PIECE + 5, POINTS = 12 };
    struct rig first;
    unsigned cuts = 0;
    rig_start(&first);
    for (unsigned i = 0; i < 4 * POINTS; i++) {
        struct rig rig;
        struct redis_proxy *proxy;
        struct blob_ref ref, warm;
        enum redis_cut how = i % 2 == 0 ? REDIS_CUT_BEFORE : REDIS_CUT_AFTER;
        bool opens = i >= 2 * POINTS;
        char *data = content(SIZE, 100 + i);
        start_behind(&rig, &first, &proxy);
        EXPECT_EQ_INT(0, put(&rig, "warm", i % 4, &warm)); // the connection is there
        if (opens) {
            EXPECT_EQ_INT(0, put(&first, data, SIZE, &ref));
        }
        redis_proxy_cut(proxy, i / 2 % POINTS, how);
        if (!opens) {
            EXPECT_EQ_INT(0, put(&rig, data, SIZE, &ref));
        }
        expect_content(opens ? &rig : &first, &ref, data, SIZE);
        cuts += redis_proxy_has_cut(proxy);
        rig_close(&rig);
        redis_proxy_free(&proxy);
        rig_finish(&rig);
        free(data);
    }
    EXPECT_TRUE(cuts >= 2 * 5 + 2 * 5); // begin, four pieces, end; head, four pieces
    rig_finish(&first);
}

/* Connections that end anywhere inside a piece. */
static void test_killed(void) {
    enum { SIZE = 64 * PIECE };
    struct rig rig;
    bool done = false;
    char *data = content(SIZE, 8);
    rig_start(&rig);
    struct store_blob_put *op = new_put(&rig, data, SIZE);
    rig_post(&rig, &op->op, STORE_BLOB_PUT, &done);
    RIG_AWAIT(&rig, rig_redis("ZCARD jh:blob:idle") == 1);
    for (int i = 0; i < 60; i += 15) {
        RIG_AWAIT(&rig, done || rig_redis("EXISTS %s:%d", head_of(&op->ref), i) == 1);
        (void)rig_redis("CLIENT KILL TYPE normal");
    }
    rig_wait(&rig, &done);
    EXPECT_EQ_INT(0, op->op.status);
    EXPECT_EQ_INT(0, open_elsewhere(&rig, &op->ref));
    free(data);
    rig_finish(&rig);
}

/* The store goes while contents move: all is answered. */
static void test_closing(void) {
    enum { PUTS = 8, SIZE = 20 * PIECE };
    for (int turns = 0; turns < 40; turns += 7) {
        struct rig rig;
        bool done[PUTS] = {false};
        char *data = content(SIZE + PUTS, 9);
        rig_start(&rig);
        for (int i = 0; i < PUTS; i++) {
            struct store_blob_put *op = new_put(&rig, data + i, SIZE);
            rig_post(&rig, &op->op, STORE_BLOB_PUT, &done[i]);
        }
        for (int i = 0; i < turns; i++) {
            (void)rig_turn(&rig, rig_patience(&rig));
        }
        rig_close(&rig);
        for (int i = 0; i < PUTS; i++) {
            EXPECT_TRUE(done[i]);
        }
        free(data);
        rig_finish(&rig);
    }
}

/* ------------------------------------------------------------------ names */

static struct job_spec with_file(struct rig *rig, const char *key, struct job_file *file,
                                 const struct blob_ref *blob) {
    struct job_spec spec = rig_spec(rig, "q", "t");
    *file = (struct job_file){.name = "f", .blob = *blob};
    spec.files = file;
    spec.file_count = 1;
    spec.dedup_key = key;
    return spec;
}

static void test_files_are_named(void) {
    struct rig rig;
    struct blob_ref ref, gone = {.size = 1};
    struct job_file file, other;
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, "abc", 3, &ref));
    struct job_spec a = with_file(&rig, "k", &file, &ref);
    struct job_spec b = with_file(&rig, "k", &file, &ref);
    struct job_spec c = with_file(&rig, NULL, &other, &gone);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &a));
    EXPECT_EQ_INT(1, rig_redis("ZCARD jh:blob:refs"));
    EXPECT_EQ_INT(0, rig_redis("ZCARD jh:blob:idle"));
    EXPECT_EQ_INT(1, atoll(rig_redis_text("HGET %s refs", head_of(&ref))));
    EXPECT_EQ_INT(SUBMIT_REPEATED, rig_submit(&rig, &a)); // counts once
    EXPECT_EQ_INT(1, atoll(rig_redis_text("HGET %s refs", head_of(&ref))));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, rig_submit(&rig, &b)); // is not stored, and names nothing
    EXPECT_EQ_INT(-ENOENT, rig_submit(&rig, &c));
    EXPECT_EQ_INT(-1, rig_state(&rig, &c.id));
    EXPECT_EQ_INT(1, rig_redis("ZCARD jh:blob:refs"));
    EXPECT_EQ_INT(0, rig_redis("ZCARD jh:blob:idle"));
    rig_finish(&rig);
}

static size_t sweep(struct rig *rig) {
    struct store_sweep *s = RIG_NEW(rig, store_sweep);
    s->limit = 1000;
    EXPECT_EQ_INT(0, rig_run(rig, &s->op, STORE_SWEEP));
    return s->removed;
}

/* "<sha256> <queue> <id> <what>"; valid until the next call. */
static const char *reference(const struct blob_ref *ref, const char *queue, const struct job_id *id,
                             const char *what) {
    static char text[400];
    char sha[BLOBFILE_SHA_TEXT + 1], number[JOB_ID_TEXT + 1];
    blobfile_sha_text(ref->sha256, sha);
    id_format(id, number);
    (void)snprintf(text, sizeof text, "%s %s %s %s", sha, queue, number, what);
    return text;
}

/* As if it had been held and its host had died. */
static void hold(const struct blob_ref *ref, const char *reference) {
    EXPECT_EQ_INT(1, REDIS_DO(rig_server(), "ZADD", "jh:blob:refs", "1", reference));
    (void)rig_redis("HINCRBY %s refs 1", head_of(ref));
    (void)REDIS_DO(rig_server(), "ZREM", "jh:blob:idle", head_of(ref) + 8);
}

/* All references are due. */
static void look_again(void) {
    (void)REDIS_DO(rig_server(), "EVAL",
                   "for _, r in ipairs(redis.call('ZRANGE', 'jh:blob:refs', 0, -1)) do "
                   "redis.call('ZADD', 'jh:blob:refs', 1, r) end return 1",
                   "0");
}

static void test_orphans(void) {
    struct rig rig;
    struct blob_ref ref;
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, "abc", 3, &ref));
    struct job_id job = rig_submit_plain(&rig, "q", "t"), nobody = rig_id(&rig);
    hold(&ref, reference(&ref, "q", &nobody, "f")); // no such job
    hold(&ref, reference(&ref, "q", &job, "r"));    // jobs that name it otherwise, or not
    hold(&ref, reference(&ref, "q", &job, "oname"));
    EXPECT_EQ_INT(0, sweep(&rig));
    EXPECT_EQ_INT(0, rig_redis("ZCARD jh:blob:refs"));
    EXPECT_EQ_INT(1, rig_redis("ZCARD jh:blob:idle")); // its hour begins
    rig.now += HOUR_MS - 1;
    EXPECT_EQ_INT(0, sweep(&rig));
    rig.now += 1;
    EXPECT_EQ_INT(1, sweep(&rig));
    EXPECT_EQ_INT(-ENOENT, open_blob(&rig, &ref));
    EXPECT_EQ_INT(0, atoll(rig_redis_text("HGET jh:bytes blobs")));
    rig_finish(&rig);
}

/* A file, a result and an output, looked at hours later; and what nobody here can look at. */
static void test_named_stay(void) {
    struct rig rig;
    struct blob_ref file, result, output, other;
    struct job_file job_file;
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, "file", 4, &file));
    EXPECT_EQ_INT(0, put(&rig, "result", 6, &result));
    EXPECT_EQ_INT(0, put(&rig, "output", 6, &output));
    EXPECT_EQ_INT(0, put(&rig, "other", 5, &other));
    struct job_spec spec = with_file(&rig, NULL, &job_file, &file);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
    const struct store_output out = {.name = "an output: \xc3\xa9", .blob = output};
    const struct store_result end = {.blob = &result};
    item.outputs = &out;
    item.output_count = 1;
    item.result = &end;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(3, rig_redis("ZCARD jh:blob:refs"));
    hold(&other, reference(&other, "unheard-of", &spec.id, "f"));
    EXPECT_EQ_INT(1, REDIS_DO(rig_server(), "ZADD", "jh:blob:refs", "1", "no reference at all"));
    look_again();
    EXPECT_EQ_INT(0, sweep(&rig));
    EXPECT_EQ_INT(5, rig_redis("ZCARD jh:blob:refs"));
    EXPECT_EQ_INT(0, rig_redis("ZCOUNT jh:blob:refs -inf %lld", (long long)rig.now)); // all later
    rig.now += HOUR_MS;
    EXPECT_EQ_INT(0, sweep(&rig));
    EXPECT_EQ_INT(0, open_elsewhere(&rig, &file));
    EXPECT_EQ_INT(0, open_elsewhere(&rig, &result));
    EXPECT_EQ_INT(0, open_elsewhere(&rig, &output));
    rig_finish(&rig);
}

/* An attempt ends with a child for another queue, whose file is `blob`; it waits in the outbox. */
static struct job_id send_child(struct rig *rig, const struct blob_ref *blob) {
    struct job_file file;
    (void)rig_submit_plain(rig, "q", "t");
    struct job_spec kid = with_file(rig, NULL, &file, blob);
    kid.queue = "far";
    struct store_commit_item item = rig_item(rig_claim_one(rig, "q", "t"), JOB_EV_SUCCEED);
    item.children = &kid;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    EXPECT_EQ_INT(1, rig_redis("XLEN jobs:q:outbox"));
    return kid.id;
}

static void look_for_days(struct rig *rig) {
    for (int i = 0; i < 8; i++) {
        look_again();
        EXPECT_EQ_INT(0, sweep(rig));
        rig->now += 6 * HOUR_MS;
    }
}

/* A child that waits for days, because nobody forwards it or nobody can read it, keeps its files. */
static void test_parcels_name(void) {
    struct rig rig;
    struct blob_ref ref, other;
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, "file of a child", 15, &ref));
    struct job_id kid = send_child(&rig, &ref), nobody = rig_id(&rig);
    look_for_days(&rig);
    EXPECT_EQ_INT(0, open_elsewhere(&rig, &ref));
    (void)rig_redis("RENAME jobs:q:outbox jobs:q:outbox:odd");
    look_for_days(&rig);
    EXPECT_EQ_INT(0, open_elsewhere(&rig, &ref));
    EXPECT_EQ_INT(0, put(&rig, "file of nobody", 14, &other));
    hold(&other, reference(&other, "far", &nobody, "f")); // the parcel is not of this one
    look_again();
    EXPECT_EQ_INT(0, sweep(&rig));
    EXPECT_EQ_INT(1, rig_redis("ZCARD jh:blob:refs"));
    (void)rig_redis("RENAME jobs:q:outbox:odd jobs:q:outbox");
    struct store_forward forward = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&rig, &forward.op, STORE_FORWARD));
    EXPECT_EQ_UINT(1, forward.delivered);
    store_op_finish(&forward.op);
    look_again();
    EXPECT_EQ_INT(0, sweep(&rig));
    expect_content(&rig, &ref, "file of a child", 15);
    EXPECT_EQ_INT(0, rig_move(&rig, &kid, JOB_EV_CANCEL));
    int status;
    struct store_remove remove = {.ids = &kid, .status = &status, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &remove.op, STORE_REMOVE));
    EXPECT_EQ_INT(0, rig_redis("ZCARD jh:blob:refs"));
    store_op_finish(&remove.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* So many wait that they are not all looked at, or one does not tell its id: then each may be the one. */
static void test_unread_parcels_name(void) {
    static const char *const fills[] = {
        "for i = 1, 1001 do redis.call('XADD', 'jobs:q:outbox', '*', 'id', i) end return 1",
        ("redis.call('XADD', 'jobs:q:outbox', '*', 'id', '1', 'payload', string.rep('x', 3000000)) "
         "redis.call('XADD', 'jobs:q:outbox', '*', 'id', '2') return 1"),
        "redis.call('XADD', 'jobs:q:outbox', '*', 'payload', 'x') return 1"};
    for (size_t i = 0; i < ARRAY_LEN(fills); i++) {
        struct rig rig;
        struct blob_ref ref;
        rig_start(&rig);
        EXPECT_EQ_INT(0, put(&rig, "abc", 3, &ref));
        struct job_id job = rig_submit_plain(&rig, "q", "t"), nobody = rig_id(&rig);
        hold(&ref, reference(&ref, "q", &nobody, "f"));
        hold(&ref, reference(&ref, "q", &job, "r")); // no parcel names a result
        (void)REDIS_DO(rig_server(), "EVAL", fills[i], "0");
        look_for_days(&rig);
        EXPECT_EQ_INT(1, rig_redis("ZCARD jh:blob:refs"));
        EXPECT_EQ_INT(0, open_elsewhere(&rig, &ref));
        EXPECT_EQ_INT(1, rig_redis("DEL jobs:q:outbox"));
        look_again();
        EXPECT_EQ_INT(0, sweep(&rig));
        EXPECT_EQ_INT(0, rig_redis("ZCARD jh:blob:refs"));
        rig_finish(&rig);
    }
}

enum about { THE_HEAD, THE_HASH, NOTHING };

/* What fsck says of one blob that a job names and one that nobody names, after a command about the first: its words before the
 * name and behind it. */
static void expect_found(const char *before, enum about about, const char *behind, const char *code,
                         bool mends) {
    struct rig rig;
    struct blob_ref ref, idle;
    struct job_file file;
    char *data = content(PIECE + 1, 11);
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, data, PIECE + 1, &ref));
    EXPECT_EQ_INT(0, put(&rig, "idle", 4, &idle));
    struct job_spec spec = with_file(&rig, NULL, &file, &ref);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    rig_expect_sound(&rig);
    const char *names[] = {head_of(&ref), head_of(&ref) + 8, ""};
    (void)rig_redis("%s%s%s", before, names[about], behind);
    for (int round = 0; round < 3; round++) { // told, mended, sound
        struct store_fsck *f = RIG_NEW(&rig, store_fsck);
        f->repair = round == 1;
        EXPECT_EQ_INT(0, rig_run(&rig, &f->op, STORE_FSCK));
        EXPECT_EQ_INT(2, f->blobs_checked);
        if (round == 2 && mends) {
            EXPECT_EQ_INT(0, f->total_findings);
        } else if (EXPECT_EQ_INT(1, f->total_findings)) {
            EXPECT_EQ_STR(code, f->findings[0].code);
            EXPECT_EQ_INT(mends && round == 1, f->findings[0].repaired);
        }
    }
    free(data);
    rig_finish(&rig);
}

static void test_fsck(void) {
    expect_found("DEL ", THE_HEAD, ":1", "missing_blob", false);
    expect_found("APPEND ", THE_HEAD, ":1 x", "blob_size", false);
    expect_found("HSET ", THE_HEAD, " refs 3", "blob_refs", true);
    expect_found("HDEL ", THE_HEAD, " refs", "blob_refs", true);
    expect_found("ZADD jh:blob:idle 5 ", THE_HASH, "", "blob_refs", true);
    expect_found("DEL jh:blob:idle", NOTHING, "", "orphan_blob", true);
    expect_found("HINCRBY jh:bytes blobs 5", NOTHING, "", "budget", true);
}

/* ------------------------------------------------------------------ a directory that hosts share */

static void start_shared(struct rig *rig, struct rig *first, const char *dir) {
    if (first == NULL) {
        rig_init(rig);
    } else {
        rig_init_beside(rig, first);
    }
    rig->config.blob_dir = dir;
    rig->config.blob_dir_shared = true;
    EXPECT_EQ_INT(0, rig_open(rig));
}

static void test_shared_dir(void) {
    enum { SIZE = 2 * PIECE + 3 };
    char dir[] = "/tmp/jobhost-shared-XXXXXX", file[200], command[300];
    struct rig a, b;
    struct blob_ref ref;
    char *data = content(SIZE, 10);
    EXPECT_TRUE(mkdtemp(dir) != NULL);
    start_shared(&a, NULL, dir);
    start_shared(&b, &a, dir);
    EXPECT_EQ_INT(0, put(&a, data, SIZE, &ref));
    expect_content(&b, &ref, data, SIZE);
    EXPECT_EQ_INT(0, rig_redis("EXISTS %s:0", head_of(&ref))); // not in Redis
    EXPECT_EQ_INT(0, rig_redis("ZCARD jh:blob:files"));        // and nobody's doubt
    EXPECT_EQ_INT(-ENOENT, open_elsewhere(&a, &ref));          // by a host that does not share it
    const char *name = rig_redis_text("HGET %s file", head_of(&ref));
    EXPECT_TRUE(blobfile_is_name(name));
    (void)snprintf(file, sizeof file, "%s/%.2s/%s", dir, name, name);
    EXPECT_EQ_INT(0, truncate(file, SIZE - 1));
    EXPECT_EQ_INT(-EBADMSG, open_blob(&b, &ref));
    (void)rig_redis("HSET %s file ../../../etc/passwd", head_of(&ref));
    EXPECT_EQ_INT(-EBADMSG, open_blob(&b, &ref));
    rig_finish(&b);
    rig_finish(&a);
    free(data);
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    EXPECT_EQ_INT(0, system(command)); // NOLINT(cert-env33-c): a directory of ours
}

/* Files that no blob has: of a host that died under way, and of a blob that is gone; but never a newer one. */
static void test_shared_sweep(void) {
    char dir[] = "/tmp/jobhost-shared-XXXXXX", lost[BLOBFILE_NAME_MAX + 1], old[200], command[300];
    struct rig rig;
    struct blob_ref ref;
    struct stat st;
    EXPECT_TRUE(mkdtemp(dir) != NULL);
    start_shared(&rig, NULL, dir);
    EXPECT_EQ_INT(0, put(&rig, "abc", 3, &ref));
    blobfile_name(ref.sha256, 7, lost);
    (void)snprintf(command, sizeof command, "touch %s/%.2s/%s", dir, lost, lost);
    EXPECT_EQ_INT(0, system(command)); // NOLINT(cert-env33-c): a file of ours
    (void)rig_redis("ZADD jh:blob:files %lld %s", (long long)rig.now, lost);
    const char *name = rig_redis_text("HGET %s file", head_of(&ref));
    (void)snprintf(old, sizeof old, "%s/%.2s/%s", dir, name, name);
    rig.now += HOUR_MS;
    EXPECT_EQ_INT(1, sweep(&rig));
    EXPECT_EQ_INT(-1, stat(old, &st));
    EXPECT_EQ_INT(0, put(&rig, "abc", 3, &ref)); // the same again: a file of another name
    EXPECT_EQ_INT(0, sweep(&rig));
    EXPECT_EQ_INT(0, rig_redis("SCARD jh:blob:doomed"));
    EXPECT_EQ_INT(0, rig_redis("ZCARD jh:blob:files"));
    expect_content(&rig, &ref, "abc", 3);
    (void)snprintf(command, sizeof command, "test $(ls %s/%.2s | wc -l) = 1", dir, lost);
    EXPECT_EQ_INT(0, system(command)); // NOLINT(cert-env33-c)
    rig_finish(&rig);
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    EXPECT_EQ_INT(0, system(command)); // NOLINT(cert-env33-c)
}

static const struct expect_test tests[] = {
    {"contents of all sizes around a piece", test_sizes},
    {"64 MiB, and a byte more", test_limit},
    {"nobody waits for a large content", test_nobody_waits},
    {"100 puts of the same are one", test_same_content},
    {"two hosts put the same", test_two_hosts},
    {"the budget is that of all hosts", test_budget},
    {"damaged pieces and heads", test_damage},
    {"a content that is deleted while it is put", test_swept_under_way},
    {"a cut at each command", test_cuts},
    {"cuts inside of pieces", test_killed},
    {"closing while contents move", test_closing},
    {"input files are named once", test_files_are_named},
    {"references that nobody stands for", test_orphans},
    {"references that hold are left alone", test_named_stay},
    {"children on their way name their files", test_parcels_name},
    {"parcels that are not looked at", test_unread_parcels_name},
    {"fsck of contents", test_fsck},
    {"files in a shared directory", test_shared_dir},
    {"shared files that no blob has", test_shared_sweep},
};

int main(int argc, char **argv) {
    rig_backend = "redis";
    return expect_run("blobs in Redis", tests, ARRAY_LEN(tests), argc, argv);
}
