// The extension flow: flows as a test has set them up, and what the run asks of its own.
#include <errno.h>
#include <string.h>

#include "core/job.h"
#include "harness.h"
#include "jobhost_flow.h"
#include "worker/check.h"

enum { FLOWS = JH_FLOW_MEMBER + 1 };

struct harness_member {
    struct jh_member is;
    struct bytes result;
    struct harness_member *next;
};

struct harness_flow {
    bool closed;
    uint64_t open;
    struct harness_member *ended, **ended_end;
};

static struct harness_flow *need(struct jh_harness *h, int which) {
    if (which < 0 || which >= FLOWS) {
        harness_misused("there is no flow %d", which);
    }
    struct harness_flow *f = h->flows[which];
    if (f == NULL) {
        f = arena_zalloc(&h->arena, sizeof *f);
        if (f == NULL) {
            vault_no_memory();
        }
        f->ended_end = &f->ended;
        h->flows[which] = f;
    }
    return f;
}

static const char *keep(struct jh_harness *h, const char *text) {
    const char *own = text == NULL ? NULL : arena_str(&h->arena, text);
    if (text != NULL && own == NULL) {
        vault_no_memory();
    }
    return own;
}

void jh_harness_flow(struct jh_harness *h, int which, size_t open, int closed) {
    struct harness_flow *f = need(h, which);
    f->open = open;
    f->closed = closed != 0;
}

void jh_harness_member(struct jh_harness *h, int which, const struct jh_member *member,
                       const char *result) {
    struct harness_flow *f = need(h, which);
    struct harness_member *m = arena_zalloc(&h->arena, sizeof *m);
    if (m == NULL) {
        vault_no_memory();
    }
    m->is = *member;
    m->is.id = keep(h, member->id);
    m->is.type = keep(h, member->type);
    m->is.code = keep(h, member->code);
    const char *own = keep(h, result);
    if (own != NULL) {
        m->result = bytes_of(own);
        m->is.has_result = 1;
        m->is.result_size = m->result.len;
    }
    *f->ended_end = m;
    f->ended_end = &m->next;
}

bool harness_flow_takes(const struct jh_harness *h) {
    const struct harness_flow *f = h->flows[JH_FLOW_OPENED];
    return f == NULL || !f->closed;
}

// ---- what goes with the next commit ----

static int wish(struct jh_harness *h, enum wish_kind kind, const struct jh_child *child) {
    struct wish w = {.kind = kind};
    int rc = harness_check_job(h);
    rc = rc < 0 ? rc : check_child(child, &w.child);
    if (rc == 0 && kind == WISH_THEN && w.child.dedup_key != NULL) {
        rc = -EINVAL;
    }
    return rc < 0 ? rc : harness_wish(h, &w);
}

static int flow_add(struct jh_call *call, const struct jh_child *child) {
    struct jh_harness *h = harness_of(call);
    const struct harness_flow *f = h->flows[JH_FLOW_MEMBER];
    harness_enter(h);
    if (harness_check_job(h) == 0 && (f == NULL || f->closed)) {
        return f == NULL ? -ENOENT : -ESHUTDOWN;
    }
    return harness_refuse(h, "add", wish(h, WISH_SIBLING, child));
}

static int flow_then(struct jh_call *call, const struct jh_child *child) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = h->attempt.has_then ? -EALREADY : wish(h, WISH_THEN, child);
    h->attempt.has_then = h->attempt.has_then || rc == 0;
    return harness_refuse(h, "then", rc);
}

static int flow_on_child_dead(struct jh_call *call, int32_t what) {
    struct jh_harness *h = harness_of(call);
    const struct wish w = {.kind = WISH_ON_DEAD, .name = "", .number = what};
    harness_enter(h);
    int rc = harness_check_job(h);
    if (rc == 0 && what != JH_ON_DEAD_CONTINUE && what != JH_ON_DEAD_FAIL) {
        rc = -EINVAL;
    }
    return harness_refuse(h, "on_child_dead", rc < 0 ? rc : harness_wish(h, &w));
}

// ---- how it stands ----

// NULL: there is none, and `*ret_rc` says so.
static const struct harness_flow *find(struct jh_harness *h, int32_t which, const void *ret,
                                       int *ret_rc) {
    harness_enter(h);
    *ret_rc = harness_check_job(h);
    if (*ret_rc == 0 && (which < 0 || which >= FLOWS || ret == NULL)) {
        *ret_rc = -EINVAL;
    }
    const struct harness_flow *f = *ret_rc == 0 ? h->flows[which] : NULL;
    *ret_rc = *ret_rc == 0 && f == NULL ? -ENOENT : *ret_rc;
    return f;
}

static int refuse(struct jh_harness *h, const char *name, int rc) {
    return rc == -ENOENT ? rc : harness_refuse(h, name, rc);
}

static void count(struct jh_flow_counts *ret, int32_t state) {
    uint64_t *const of[] = {[JH_MEMBER_SUCCEEDED] = &ret->succeeded,
                            [JH_MEMBER_DEAD] = &ret->dead,
                            [JH_MEMBER_CANCELLED] = &ret->cancelled,
                            [JH_MEMBER_DUPLICATE] = &ret->duplicate};
    if (state < JH_MEMBER_SUCCEEDED || state > JH_MEMBER_DUPLICATE) {
        harness_misused("a member cannot end in state %d", state);
    }
    (*of[state])++;
    ret->made++;
}

static int flow_counts(struct jh_call *call, int32_t which, struct jh_flow_counts *ret) {
    struct jh_harness *h = harness_of(call);
    int rc;
    const struct harness_flow *f = find(h, which, ret, &rc);
    if (rc == 0 && ret->size < sizeof *ret) {
        rc = -EINVAL;
    }
    if (rc < 0) {
        return refuse(h, "counts", rc);
    }
    *ret = (struct jh_flow_counts){.size = ret->size, .open = f->open, .made = f->open};
    ret->flags = f->closed ? JH_FLOW_CLOSED : JH_FLOW_GROWS;
    for (const struct harness_member *m = f->ended; m != NULL; m = m->next) {
        count(ret, m->is.state);
    }
    return 0;
}

static int flow_results(struct jh_call *call, int32_t which, uint64_t *cursor,
                        struct jh_member *ret) {
    struct jh_harness *h = harness_of(call);
    int rc;
    const struct harness_flow *f = find(h, which, ret, &rc);
    if (rc == 0 && (cursor == NULL || *cursor > CHECK_CURSOR_MAX || ret->size < sizeof *ret)) {
        rc = -EINVAL;
    }
    if (rc < 0) {
        return refuse(h, "results", rc);
    }
    const struct harness_member *m = f->ended;
    for (uint64_t i = 0; i < *cursor && m != NULL; i++) {
        m = m->next;
    }
    if (m == NULL) {
        return 1;
    }
    uint32_t size = ret->size;
    *ret = m->is;
    ret->size = size;
    ++*cursor;
    return 0;
}

static int flow_result(struct jh_call *call, int32_t which, const char *id, struct jh_bytes *ret) {
    struct jh_harness *h = harness_of(call);
    int rc;
    const struct harness_flow *f = find(h, which, ret, &rc);
    rc = rc < 0 ? rc : check_text(id, JOB_ID_TEXT) < 0 ? -EINVAL : 0;
    if (rc < 0) {
        return refuse(h, "result", rc);
    }
    const struct harness_member *m = f->ended;
    while (m != NULL && strcmp(m->is.id, id) != 0) {
        m = m->next;
    }
    if (m == NULL || m->is.has_result == 0) {
        return -ENOENT;
    }
    *ret = (struct jh_bytes){m->result.data, m->result.len};
    return 0;
}

const struct jh_flow harness_flow_table = {
    .size = sizeof(struct jh_flow),
    .add = flow_add,
    .then = flow_then,
    .on_child_dead = flow_on_child_dead,
    .counts = flow_counts,
    .results = flow_results,
    .result = flow_result,
};

// ---- what is committed ----

size_t jh_harness_siblings(const struct jh_harness *h) {
    size_t count;
    (void)vault_effect(&h->vault, WISH_SIBLING, 0, &count);
    return count;
}

const struct jh_child *jh_harness_sibling(const struct jh_harness *h, size_t index) {
    const struct wish *w = vault_effect(&h->vault, WISH_SIBLING, index, NULL);
    if (w == NULL) {
        harness_misused("there is no sibling %zu", index);
    }
    return &w->child;
}

const struct jh_child *jh_harness_then(const struct jh_harness *h) {
    const struct wish *w = vault_effect(&h->vault, WISH_THEN, 0, NULL);
    return w == NULL ? NULL : &w->child;
}

int jh_harness_on_child_dead(const struct jh_harness *h) {
    const struct wish *w = vault_effect(&h->vault, WISH_ON_DEAD, 0, NULL);
    return w == NULL ? JH_ON_DEAD_CONTINUE : (int)w->number;
}
