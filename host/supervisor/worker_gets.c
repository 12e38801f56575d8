#include "supervisor/worker_gets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jobhost_kv.h"
#include "supervisor/attempt_outputs.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"
#include "supervisor/question.h"

/* One outstanding question. */
struct get {
    union {
        struct store_op op;
        struct store_step_get step;
        struct store_kv_get kv;
        struct store_kv_claim claim;
        struct store_blob_open blob;
        struct store_blob_put put;
    } u;
    const char *name, *content_type; /* of an output; in the operation's arena */
    struct question from;
};

static void get_finish(struct get *g, struct question_answer *answer) {
    question_answer(&g->from, answer);
    store_op_finish(&g->u.op);
    free(g);
}

static void get_step_done(struct store_op *op) {
    struct get *g = op->arg;
    struct question_answer answer = {
        .status = op->status == -ENOENT ? 1 : op->status, .value = g->u.step.value, .fd = -1};
    get_finish(g, &answer);
}

static void get_kv_done(struct store_op *op) {
    struct get *g = op->arg;
    struct question_answer answer = {.status = op->status == -ENOENT ? 1 : op->status,
                                     .number = g->u.kv.number,
                                     .value = g->u.kv.value,
                                     .fd = -1};
    get_finish(g, &answer);
}

static void get_claim_done(struct store_op *op) {
    static const int32_t states[] = {
        [CLAIM_WON] = JH_CLAIM_WON, [CLAIM_HELD] = JH_CLAIM_HELD, [CLAIM_DONE] = JH_CLAIM_DONE};
    struct get *g = op->arg;
    char holder[JOB_ID_TEXT + 1];
    struct question_answer answer = {.status = op->status, .fd = -1};
    if (op->status == 0) {
        answer.status = states[g->u.claim.state];
        if (!id_is_zero(&g->u.claim.holder)) {
            id_format(&g->u.claim.holder, holder);
            answer.value = bytes_of(holder);
        }
    }
    get_finish(g, &answer);
}

static void get_blob_done(struct store_op *op) {
    struct get *g = op->arg;
    struct question_answer answer = {.status = op->status, .fd = -1};
    if (op->status == 0) {
        answer.fd = g->u.blob.fd;
        answer.fd_size = g->u.blob.ref.size;
    }
    get_finish(g, &answer);
}

static int get_step(struct get *g, struct attempt *a, const char *key) {
    g->u.step = (struct store_step_get){.op = {.kind = STORE_STEP_GET, .done = get_step_done},
                                        .id = a->job->spec.id};
    g->u.step.name = arena_str(&g->u.op.arena, key);
    return g->u.step.name == NULL ? -ENOMEM : 0;
}

/* A set's member, which may have come by descriptor. */
static int get_member(struct get *g, const struct msg_bytes *from, struct bytes *ret) {
    struct bytes member = from->data;
    if (member.len > JH_KV_VALUE_MAX) {
        return -EBADMSG;
    }
    void *map = NULL;
    if (from->by_fd && member.len > 0) {
        map = (void *)(uintptr_t)record_map(from->fd, member.len);
        if (map == NULL) {
            return -ENOMEM;
        }
        member.data = map;
    }
    *ret = arena_bytes(&g->u.op.arena, member);
    if (map != NULL) {
        munmap(map, member.len);
    }
    return member.len > 0 && ret->data == NULL ? -ENOMEM : 0;
}

static int get_kv(struct get *g, const struct msg_get *m, enum store_kv_read what,
                  const char *space) {
    g->u.kv =
        (struct store_kv_get){.op = {.kind = STORE_KV_GET, .done = get_kv_done}, .what = what};
    g->u.kv.kv_namespace = space;
    g->u.kv.key = arena_str(&g->u.op.arena, m->key);
    return g->u.kv.key == NULL ? -ENOMEM : get_member(g, &m->member, &g->u.kv.member);
}

static int get_claim(struct get *g, struct attempt *a, const struct msg_get *m, const char *space) {
    g->u.claim = (struct store_kv_claim){.op = {.kind = STORE_KV_CLAIM, .done = get_claim_done},
                                         .id = a->job->spec.id,
                                         .token = a->job->token};
    g->u.claim.kv_namespace = space;
    g->u.claim.key = arena_str(&g->u.op.arena, m->key);
    return g->u.claim.key == NULL ? -ENOMEM : 0;
}

static int get_input(struct get *g, struct attempt *a, const struct msg_get *m) {
    char *end;
    unsigned long i = strtoul(m->key, &end, 10);
    if (end == m->key || *end != '\0' || i >= a->job->spec.file_count) {
        return -EBADMSG;
    }
    g->u.blob = (struct store_blob_open){.op = {.kind = STORE_BLOB_OPEN, .done = get_blob_done},
                                         .ref = a->job->spec.files[i].blob};
    return 0;
}

static const enum store_kv_read get_reads[] = {[GET_KV] = STORE_KV_VALUE,
                                               [GET_COUNTER] = STORE_KV_COUNTER,
                                               [GET_IS_MEMBER] = STORE_KV_IS_MEMBER,
                                               [GET_CARD] = STORE_KV_CARD};

static int get_fill(struct get *g, struct worker *w, struct attempt *a, const struct msg_get *m) {
    const char *space = w->pool->plugin->name;
    switch (m->what) {
    case GET_STEP: return get_step(g, a, m->key);
    case GET_KV:
    case GET_COUNTER:
    case GET_IS_MEMBER:
    case GET_CARD: return get_kv(g, m, get_reads[m->what], space);
    case GET_CLAIM: return get_claim(g, a, m, space);
    case GET_INPUT: return get_input(g, a, m);
    default: return -EBADMSG;
    }
}

static void get_send(struct get *g, struct worker *w) {
    g->u.op.arg = g;
    g->u.op.now_ms = env_wall_ms(&w->host->env);
    store_post(&w->host->store, &g->u.op);
}

static void get_post(struct get *g, struct worker *w, struct attempt *a, uint32_t request) {
    question_begin(&g->from, w, a, request);
    get_send(g, w);
}

static void get_drop(struct get *g) {
    if (g != NULL) {
        store_op_finish(&g->u.op);
        free(g);
    }
}

int worker_get(struct worker *w, struct attempt *a, struct msg_get *m) {
    // one question at a time, of a size that its plugin may ask
    bool bad = a->asking || strlen(m->key) > JH_KV_KEY_MAX;
    struct get *g = bad ? NULL : calloc(1, sizeof *g);
    int r = bad ? -EBADMSG : (g == NULL ? -ENOMEM : get_fill(g, w, a, m));
    msg_bytes_close(&m->member);
    if (r != 0) {
        get_drop(g);
        return r;
    }
    get_post(g, w, a, m->request);
    return 0;
}

static bool get_only_reads(const struct msg_get *m) {
    return m->what == GET_KV || m->what == GET_COUNTER || m->what == GET_IS_MEMBER ||
           m->what == GET_CARD;
}

int worker_get_for_query(struct worker *w, struct query *q, struct msg_get *m) {
    bool bad = q->asking || !get_only_reads(m) || strlen(m->key) > JH_KV_KEY_MAX;
    struct get *g = bad ? NULL : calloc(1, sizeof *g);
    int r = bad         ? -EBADMSG
            : g == NULL ? -ENOMEM
                        : get_kv(g, m, get_reads[m->what], w->pool->plugin->name);
    msg_bytes_close(&m->member);
    if (r != 0) {
        get_drop(g);
        return r;
    }
    question_begin_query(&g->from, w, q, m->request);
    get_send(g, w);
    return 0;
}

/* ------------------------------------------------------------------ outputs */

/* A full budget is what a full disk is: there is no room. */
static int output_status(int status) {
    return status == -EDQUOT ? -ENOSPC : status;
}

static void output_done(struct store_op *op) {
    struct get *g = op->arg;
    struct attempt *a = question_attempt(&g->from);
    struct question_answer answer = {.status = output_status(op->status), .fd = -1};
    if (g->u.put.fd != -1) {
        close(g->u.put.fd);
    }
    // without its worker the attempt is over, and nobody will name the content
    if (op->status == 0 && a != NULL) {
        answer.status = attempt_outputs_add(a, g->name, g->content_type, &g->u.put.ref);
    }
    get_finish(g, &answer);
}

/* The descriptor is then the operation's. */
static int output_fill(struct get *g, struct attempt *a, struct msg_output *m) {
    g->u.put = (struct store_blob_put){
        .op = {.kind = STORE_BLOB_PUT, .done = output_done},
        .fd = -1,
        .max_size = (uint64_t)a->lane->queue->config->max_result,
    };
    struct arena *arena = &g->u.op.arena;
    g->name = arena_str(arena, m->name);
    g->content_type = arena_str(arena, m->content_type);
    g->u.put.data =
        m->content.by_fd ? (struct bytes){NULL, 0} : arena_bytes(arena, m->content.data);
    if (g->name == NULL || (m->content_type != NULL && g->content_type == NULL) ||
        (!m->content.by_fd && m->content.data.len > 0 && g->u.put.data.data == NULL)) {
        return -ENOMEM;
    }
    if (m->content.by_fd) {
        g->u.put.fd = m->content.fd;
        m->content.by_fd = false;
    }
    return 0;
}

static bool output_is_sane(const struct attempt *a, const struct msg_output *m) {
    return !a->asking && !a->committing && job_check_file_name(m->name, NULL) == 0 &&
           (m->content_type == NULL ||
            (m->content_type[0] != '\0' && strlen(m->content_type) <= JOB_CONTENT_TYPE_MAX));
}

int worker_output(struct worker *w, struct attempt *a, struct msg_output *m) {
    if (!output_is_sane(a, m)) {
        msg_bytes_close(&m->content);
        return -EBADMSG;
    }
    struct get *g = NULL;
    int status = attempt_outputs_room(a, m->name);
    if (status == 0 && m->content.data.len > (uint64_t)a->lane->queue->config->max_result) {
        status = -EFBIG;
    }
    if (status == 0) {
        g = calloc(1, sizeof *g);
        status = g == NULL ? -ENOMEM : output_fill(g, a, m);
    }
    msg_bytes_close(&m->content);
    if (status == 0) {
        get_post(g, w, a, m->request);
    } else {
        get_drop(g);
        question_refuse(w, a, m->request, status);
    }
    return 0;
}
