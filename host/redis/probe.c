#include "redis/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis/rdb.h"

struct redis_probe {
    struct redis_link *link;
    const struct env *env;
    redis_probe_fn *done;
    void *arg;
    struct redis_facts facts;
    unsigned open; // calls of the first round
    bool lost;
    struct err err; // why
    struct probe_call *calls;
    struct redis_call timed; // TIME, then the PINGs
    int64_t sent_us, sent_wall_ms;
    int64_t took_us[REDIS_PROBE_PINGS];
    unsigned pings;
};

struct probe_call {
    struct redis_call call;
    struct redis_probe *probe;
    const struct question *question;
};

/* ---- what the answers tell ---- */

static void note_refusal(struct redis_refusal *r, const struct redis_answer *a) {
    r->class = a->class;
    if (a->class != REDIS_FINE) {
        redis_answer_words(a, r->words, sizeof r->words);
    }
}

static void copy_text(const struct redis_reply *r, char *out, size_t cap) {
    struct bytes text = redis_reply_text(r);
    (void)snprintf(out, cap, "%.*s", (int)text.len, (const char *)text.data);
}

static void take_info(struct redis_facts *f, const struct redis_answer *a) {
    note_refusal(&f->info, a);
    redis_facts_info(f, redis_reply_text(a->reply));
}

/* Of services that forbid CONFIG, INFO may have told already. */
static void take_policy(struct redis_facts *f, const struct redis_answer *a) {
    const struct redis_reply *value = redis_reply_field(a->reply, "maxmemory-policy");
    if (value != NULL) {
        copy_text(value, f->eviction, sizeof f->eviction);
    }
}

static void take_fsync(struct redis_facts *f, const struct redis_answer *a) {
    copy_text(redis_reply_field(a->reply, "appendfsync"), f->fsync, sizeof f->fsync);
}

static void take_marker(struct redis_facts *f, const struct redis_answer *a) {
    note_refusal(&f->marker, a);
    copy_text(a->reply, f->format, sizeof f->format);
}

static void take_script(struct redis_facts *f, const struct redis_answer *a) {
    note_refusal(&f->script, a);
}

/* What was written by RESTORE was read by HGET; and scripts can ask whether they may do it. */
static void take_restored(struct redis_facts *f, const struct redis_answer *a) {
    struct bytes text = redis_reply_text(a->reply);
    f->restores = a->class == REDIS_FINE && text.len == 3 && memcmp(text.data, "yes", 3) == 0;
}

static void take_publish(struct redis_facts *f, const struct redis_answer *a) {
    note_refusal(&f->publish, a);
}

/* What the store's operations are made of; an unknown one is a nil in the answer. */
static const char *const needed[] = {
    "evalsha", "script", "subscribe", "publish",   "time", "get",     "set",     "del",
    "hset",    "hget",   "hmget",     "hgetall",   "hdel", "hincrby", "rpush",   "lpush",
    "lpop",    "lrem",   "lrange",    "llen",      "zadd", "zrem",    "zrange",  "zscore",
    "zcard",   "xadd",   "xrange",    "xrevrange", "xdel", "xlen",    "pexpire", "append"};

static void take_commands(struct redis_facts *f, const struct redis_answer *a) {
    size_t used = 0;
    for (size_t i = 0; redis_reply_is(a->reply, REDIS_ARRAY) && i < ARRAY_LEN(needed); i++) {
        if (redis_reply_is(redis_reply_at(a->reply, i), REDIS_NIL) &&
            used < sizeof f->missing - 16) {
            used += (size_t)snprintf(f->missing + used, sizeof f->missing - used, "%s%s",
                                     used == 0 ? "" : ", ", needed[i]);
        }
    }
}

/* ---- the first round ---- */

static int set_plain(struct redis_call *call, const char *const *words) {
    return redis_call_words(call, words[0], words[1], words[2], words[3], NULL);
}

static int set_commands(struct redis_call *call, const char *const *words) {
    const char *argv[2 + ARRAY_LEN(needed)] = {words[0], words[1]};
    memcpy(argv + 2, needed, sizeof needed);
    return redis_call_set(call, (int)ARRAY_LEN(argv), argv, NULL);
}

/* The key is one that nobody else uses, and goes by itself if the script should be cut short. */
static void make_key(char out[40]) {
    uint64_t random;
    env_random(&random, sizeof random);
    (void)snprintf(out, 40, "jh:probe:%016llx", (unsigned long long)random);
}

static int set_script(struct redis_call *call, const char *const *words) {
    char key[40];
    make_key(key);
    return redis_call_words(call, words[0], words[1], "1", key, NULL);
}

static int set_restore(struct redis_call *call, const char *const *words) {
    static const char *const pair[] = {"restored", "yes"};
    static const size_t lens[] = {8, 3};
    char key[40];
    struct arena arena = {.head = NULL};
    struct bytes form = redis_rdb_hash(pair, lens, ARRAY_LEN(pair), &arena);
    make_key(key);
    const char *argv[] = {words[0], words[1], "1", key, form.data};
    const size_t sizes[] = {strlen(words[0]), strlen(words[1]), 1, strlen(key), form.len};
    int r = form.data == NULL ? -ENOMEM : redis_call_set(call, ARRAY_LEN(argv), argv, sizes);
    arena_free(&arena);
    return r;
}

static const struct question {
    const char *words[4];
    int (*set)(struct redis_call *call, const char *const *words);
    void (*take)(struct redis_facts *f, const struct redis_answer *a);
    bool writes;
} questions[] = {
    {{"INFO"}, set_plain, take_info, false},
    {{"CONFIG", "GET", "maxmemory-policy"}, set_plain, take_policy, false},
    {{"CONFIG", "GET", "appendfsync"}, set_plain, take_fsync, false},
    {{"COMMAND", "INFO"}, set_commands, take_commands, false},
    {{"GET", "jh:format"}, set_plain, take_marker, false},
    {{"EVAL", "redis.call('SET', KEYS[1], '1', 'PX', 1000) return redis.call('DEL', KEYS[1])"},
     set_script,
     take_script,
     true},
    {{"EVAL", "redis.call('RESTORE', KEYS[1], '1000', ARGV[1]) local is = redis.call('HGET', "
              "KEYS[1], 'restored') "
              "redis.call('DEL', KEYS[1]) return redis.acl_check_cmd and is"},
     set_restore,
     take_restored,
     true},
    {{"PUBLISH", "jh:wake", ""}, set_plain, take_publish, true},
};

static void send_timed(struct redis_probe *p);

static void finish(struct redis_probe *p) {
    p->done(p->arg, p->lost ? -EIO : 0, &p->facts, &p->err); // may free it
}

static void note_lost(struct redis_probe *p, const struct redis_answer *a) {
    if (a->fate != REDIS_ANSWERED && !p->lost) {
        p->lost = true;
        p->err = *a->err;
    }
}

static void on_answer(struct redis_call *call, const struct redis_answer *a) {
    struct probe_call *k = CONTAINER_OF(call, struct probe_call, call);
    struct redis_probe *p = k->probe;
    note_lost(p, a);
    if (a->fate == REDIS_ANSWERED) {
        k->question->take(&p->facts, a);
    }
    if (--p->open > 0) {
        return;
    }
    if (p->lost) {
        finish(p);
    } else {
        send_timed(p);
    }
}

/* ---- the rounds that are timed ---- */

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Seconds and microseconds, said about half of the way back. */
static void take_time(struct redis_probe *p, const struct redis_reply *r, int64_t took_us) {
    int64_t s, us;
    if (redis_reply_integer(redis_reply_at(r, 0), &s) &&
        redis_reply_integer(redis_reply_at(r, 1), &us) && s > 0 && s < INT64_MAX / 2000) {
        p->facts.clock_ms = s * 1000 + us / 1000 - (p->sent_wall_ms + took_us / 2000);
    }
}

static void on_timed(struct redis_call *call, const struct redis_answer *a) {
    struct redis_probe *p = CONTAINER_OF(call, struct redis_probe, timed);
    int64_t took_us = env_stopwatch_us() - p->sent_us;
    note_lost(p, a);
    if (p->lost) {
        finish(p);
        return;
    }
    if (p->pings == 0) {
        take_time(p, a->reply, took_us);
    } else {
        p->took_us[p->pings - 1] = took_us;
    }
    if (p->pings++ < REDIS_PROBE_PINGS) {
        send_timed(p);
        return;
    }
    qsort(p->took_us, REDIS_PROBE_PINGS, sizeof p->took_us[0], by_size);
    p->facts.latency_us = p->took_us[REDIS_PROBE_PINGS / 2];
    finish(p);
}

static void send_timed(struct redis_probe *p) {
    int r = redis_call_words(&p->timed, p->pings == 0 ? "TIME" : "PING", NULL);
    p->sent_us = env_stopwatch_us();
    p->sent_wall_ms = env_wall_ms(p->env);
    r = r == 0 ? redis_link_send(p->link, &p->timed) : r;
    if (r != 0) {
        p->lost = true;
        (void)err_errno(&p->err, r, "the connection to Redis");
        finish(p);
    }
}

static int send_questions(struct redis_probe *p) {
    bool replica = p->facts.peer.role == REDIS_ROLE_REPLICA;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        struct probe_call *k = &p->calls[p->open];
        *k =
            (struct probe_call){.call = {.done = on_answer}, .probe = p, .question = &questions[i]};
        if (replica && questions[i].writes) {
            continue;
        }
        int r = questions[i].set(&k->call, questions[i].words);
        r = r == 0 ? redis_link_send(p->link, &k->call) : r;
        if (r != 0 && p->open == 0) {
            return r;
        }
        if (r != 0) { // what is open will be answered, and then told
            p->lost = true;
            (void)err_errno(&p->err, r, "the connection to Redis");
            return 0;
        }
        p->open++;
    }
    return 0;
}

struct redis_probe *redis_probe_start(struct redis_link *link, const struct redis_peer *peer,
                                      const struct env *env, redis_probe_fn *done, void *arg,
                                      struct err *e) {
    struct redis_probe *p = calloc(1, sizeof *p);
    if (p == NULL || (p->calls = calloc(ARRAY_LEN(questions), sizeof *p->calls)) == NULL) {
        free(p);
        (void)err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    p->link = link;
    p->env = env;
    p->done = done;
    p->arg = arg;
    p->facts.peer = *peer;
    p->facts.replicas = -1;
    p->timed.done = on_timed;
    int r = send_questions(p);
    if (r != 0) {
        (void)err_errno(e, r, "the connection to Redis");
        redis_probe_free(&p);
    }
    return p;
}

void redis_probe_free(struct redis_probe **at) {
    struct redis_probe *p = *at;
    if (p != NULL) {
        for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
            redis_call_finish(&p->calls[i].call);
        }
        redis_call_finish(&p->timed);
        free(p->calls);
        free(p);
        *at = NULL;
    }
}
