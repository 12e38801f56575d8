#include "worker/call_flow.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker/ask.h"
#include "worker/check.h"
#include "worker/state.h"

enum { MEMBER_SIZE = sizeof(struct jh_member), COUNTS_SIZE = sizeof(struct jh_flow_counts) };

// ---- questions ----

// The supervisor's answer; its bytes are in `into`, or in a file.
static int ask(struct call *c, struct msg_flow *m, struct buf *into, struct answer *ret) {
    int rc = ask_flow(c, m, into, ret);
    rc = rc < 0 ? rc : ret->status > 0 ? -EPROTO : ret->status;
    if (ret->fd != -1 && (rc < 0 || m->what != FLOW_RESULT)) { // nobody has asked for a file
        (void)close(ret->fd);
        ret->fd = -1;
        rc = rc < 0 ? rc : -EPROTO;
    }
    return rc;
}

// As record.h has them. The texts stay where they are.
static struct record fields_of(const struct buf *b) {
    const uint8_t *at = (const uint8_t *)b->data;
    return (struct record){.body = at, .end = at + b->len, .fd_at = -1};
}

static int ask_counts(struct call *c, int32_t which, struct jh_flow_counts *ret) {
    struct answer a;
    struct msg_flow m = {.what = FLOW_COUNTS, .which = (uint32_t)which};
    int rc = ask(c, &m, &c->flow.counts, &a);
    if (rc < 0) {
        return rc;
    }
    struct record r = fields_of(&c->flow.counts);
    ret->made = (uint64_t)record_get_i64(&r);
    ret->open = (uint64_t)record_get_i64(&r);
    ret->succeeded = (uint64_t)record_get_i64(&r);
    ret->dead = (uint64_t)record_get_i64(&r);
    ret->cancelled = (uint64_t)record_get_i64(&r);
    ret->duplicate = (uint64_t)record_get_i64(&r);
    ret->flags = record_get_u32(&r);
    return record_done(&r) < 0 ? -EPROTO : 0;
}

static bool is_flow(int32_t which) {
    return which == JH_FLOW_OPENED || which == JH_FLOW_BEHIND || which == JH_FLOW_MEMBER;
}

// What is no other's fault than the caller's is remembered for the verdict; that there is none is an answer.
static int refuse(struct call *c, const char *name, int rc) {
    return rc == -ENOENT || rc == -ETIMEDOUT ? rc : call_refuse(c, name, rc);
}

// ---- what goes with the next commit ----

// Asked once a commit: behind it the flow may stand otherwise.
static int check_grows(struct call *c) {
    struct jh_flow_counts counts;
    if (c->flow.grows_until == c->commit_no + 1) {
        return 0;
    }
    int rc = c->task->job.flow_id == NULL ? -ENOENT : ask_counts(c, JH_FLOW_MEMBER, &counts);
    if (rc == 0 && (counts.flags & JH_FLOW_GROWS) == 0) {
        rc = -ESHUTDOWN;
    }
    c->flow.grows_until = rc == 0 ? c->commit_no + 1 : 0;
    return rc;
}

// Of a job that has committed nothing there is no flow. One that fails is known by what was asked for in this run, or by asking.
int call_flow_takes(struct call *c) {
    struct jh_flow_counts counts;
    if (c->commit_no == 0 || c->flow.harmless || c->flow.takes_until == c->commit_no + 1) {
        return 0;
    }
    int rc = ask_counts(c, JH_FLOW_OPENED, &counts);
    c->flow.harmless = rc == -ENOENT && !c->flow.fails;
    if (rc == 0 && (counts.flags & JH_FLOW_GROWS) == 0) {
        return -ESHUTDOWN;
    }
    c->flow.takes_until = rc == 0 || rc == -ENOENT ? c->commit_no + 1 : 0;
    return rc == 0 || rc == -ENOENT ? 0 : call_refuse(c, "enqueue", rc);
}

static int flow_add(struct jh_call *pub, const struct jh_child *child) {
    struct call *c = call_of(pub);
    struct jh_child k;
    int rc = call_check_job(c);
    rc = rc < 0 ? rc : check_child(child, &k);
    rc = rc < 0 ? rc : check_grows(c);
    if (rc < 0) {
        return rc == -ESHUTDOWN ? rc : refuse(c, "add", rc);
    }
    return call_child(c, "add", child, msg_sibling_put);
}

static int flow_then(struct jh_call *pub, const struct jh_child *child) {
    struct call *c = call_of(pub);
    struct jh_child k;
    int rc = call_check_job(c);
    rc = rc < 0 ? rc : check_child(child, &k);
    if (rc == 0 && k.dedup_key != NULL) {
        rc = -EINVAL;
    }
    if (rc == 0 && c->flow.has_then) {
        rc = -EALREADY;
    }
    if (rc < 0) {
        return call_refuse(c, "then", rc);
    }
    rc = call_child(c, "then", child, msg_then_put);
    c->flow.has_then = rc == 0;
    return rc;
}

static int flow_on_child_dead(struct jh_call *pub, int32_t what) {
    struct call *c = call_of(pub);
    int rc = call_check_job(c);
    if (rc == 0 && what != JH_ON_DEAD_CONTINUE && what != JH_ON_DEAD_FAIL) {
        rc = -EINVAL;
    }
    if (rc < 0) {
        return call_refuse(c, "on_child_dead", rc);
    }
    if (what == JH_ON_DEAD_FAIL) {
        c->flow.fails = true;
        c->flow.harmless = false;
    }
    sender_lock(c->sender);
    do {
        record_begin(&c->sender->w, REC_ON_DEAD, c->task->slot);
        record_i32(&c->sender->w, what);
        rc = record_end(&c->sender->w);
    } while (sender_again(c->sender, &rc));
    sender_unlock(c->sender);
    return rc;
}

// ---- how it stands ----

static int flow_counts(struct jh_call *pub, int32_t which, struct jh_flow_counts *ret) {
    struct call *c = call_of(pub);
    struct jh_flow_counts counts;
    int rc = call_check_job(c);
    if (rc == 0 && (!is_flow(which) || ret == NULL || ret->size < COUNTS_SIZE)) {
        rc = -EINVAL;
    }
    rc = rc < 0 ? rc : ask_counts(c, which, &counts);
    if (rc < 0) {
        return refuse(c, "counts", rc);
    }
    counts.size = ret->size;
    *ret = counts;
    return 0;
}

// ---- those that have ended ----

static int fetch_page(struct call *c, int32_t which, uint64_t cursor) {
    struct call_flow *f = &c->flow;
    struct answer a;
    struct msg_flow m = {.what = FLOW_MEMBERS, .which = (uint32_t)which, .cursor = cursor};
    f->left = 0;
    int rc = ask(c, &m, &f->page, &a);
    if (rc < 0) {
        return rc;
    }
    f->which = which;
    f->cursor = cursor;
    f->at = fields_of(&f->page);
    f->left = record_get_u32(&f->at);
    return f->at.bad ? -EPROTO : 0;
}

static int next_member(struct call_flow *f, struct jh_member *ret) {
    struct jh_member m = {.size = ret->size};
    uint64_t cursor = record_get_u64(&f->at);
    m.id = record_get_str(&f->at);
    m.state = record_get_i32(&f->at);
    m.type = record_get_str(&f->at);
    m.cls = record_get_i32(&f->at);
    m.code = record_get_str(&f->at);
    m.has_result = record_get_u32(&f->at);
    m.result_size = record_get_u64(&f->at);
    f->left--;
    if (f->at.bad) {
        f->left = 0;
        return -EPROTO;
    }
    f->cursor = cursor;
    *ret = m;
    return 0;
}

static int flow_results(struct jh_call *pub, int32_t which, uint64_t *cursor,
                        struct jh_member *ret) {
    struct call *c = call_of(pub);
    struct call_flow *f = &c->flow;
    int rc = call_check_job(c);
    if (rc == 0 && (!is_flow(which) || cursor == NULL || *cursor > CHECK_CURSOR_MAX ||
                    ret == NULL || ret->size < MEMBER_SIZE)) {
        rc = -EINVAL;
    }
    if (rc == 0 && (f->left == 0 || f->which != which || f->cursor != *cursor)) {
        rc = fetch_page(c, which, *cursor);
    }
    if (rc == 0 && f->left == 0) {
        return 1;
    }
    rc = rc < 0 ? rc : next_member(f, ret);
    if (rc < 0) {
        return refuse(c, "results", rc);
    }
    *cursor = f->cursor;
    return 0;
}

static void forget_result(struct call_flow *f) {
    buf_clear(&f->result);
    if (f->map != NULL) {
        (void)munmap(f->map, f->map_len);
        f->map = NULL;
    }
}

// A file that nobody changes: a blob, or sealed.
static int map_result(struct call_flow *f, struct answer *a, struct jh_bytes *ret) {
    void *map =
        a->value.len == 0 ? NULL : mmap(NULL, a->value.len, PROT_READ, MAP_PRIVATE, a->fd, 0);
    (void)close(a->fd);
    if (map == MAP_FAILED) {
        return -ENOMEM;
    }
    f->map = map;
    f->map_len = a->value.len;
    *ret = (struct jh_bytes){map, a->value.len};
    return 0;
}

static int flow_result(struct jh_call *pub, int32_t which, const char *id, struct jh_bytes *ret) {
    struct call *c = call_of(pub);
    struct answer a = {.fd = -1};
    int rc = call_check_job(c);
    if (rc == 0 && (!is_flow(which) || ret == NULL || check_text(id, JOB_ID_TEXT) < 0)) {
        rc = -EINVAL;
    }
    if (rc == 0) {
        struct msg_flow m = {.what = FLOW_RESULT, .which = (uint32_t)which, .id = id};
        forget_result(&c->flow);
        rc = ask(c, &m, &c->flow.result, &a);
    }
    if (rc == 0 && a.fd != -1) {
        return map_result(&c->flow, &a, ret);
    }
    if (rc < 0) {
        return refuse(c, "result", rc);
    }
    *ret = (struct jh_bytes){c->flow.result.data, c->flow.result.len};
    return 0;
}

void call_flow_finish(struct call *c) {
    forget_result(&c->flow);
    buf_free(&c->flow.counts);
    buf_free(&c->flow.page);
    buf_free(&c->flow.result);
    c->flow = (struct call_flow){.left = 0};
}

const struct jh_flow call_flow_table = {
    .size = sizeof(struct jh_flow),
    .add = flow_add,
    .then = flow_then,
    .on_child_dead = flow_on_child_dead,
    .counts = flow_counts,
    .results = flow_results,
    .result = flow_result,
};
