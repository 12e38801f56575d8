/* The inbox as deliveries meet it. What comes is kept in memory for a moment, of each hook and kind no more than the inbox
 * keeps, and written together by the disk's thread: however much comes, little is written. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/hook_call.h"
#include "base/utf8.h"

/* Refused ones get half of the room: whoever sends those keeps no others out. */
enum { WRITE_AFTER_MS = 250, HELD_MAX = 16 << 20, HELD_REFUSED_MAX = HELD_MAX / 2 };

struct hook_record {
    struct inbox_entry entry;
    struct arena arena;
    struct hook_record *next;
};

struct hook_inbox {
    struct host *host;
    char path[PATH_MAX];
    struct inbox *file; /* the disk's thread's */
    struct timer timer;
    size_t held_bytes; /* of all that is in memory: pending, or on its way to the file */
    struct buf scratch;
    bool told; /* that it cannot be written */
};

/* ---- what is not for everybody to read ---- */

static bool has_word(const char *text, size_t len, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= len; i++) {
        if (strncasecmp(text + i, word, n) == 0) {
            return true;
        }
    }
    return false;
}

static bool sounds_secret(struct bytes name) {
    static const char *const words[] = {"signature", "authorization", "cookie",  "token",
                                        "secret",    "hmac",          "api-key", "apikey",
                                        "password",  "credential"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (has_word(name.data, name.len, words[i])) {
            return true;
        }
    }
    return false;
}

/* A header that the configuration names as one that proves something. */
static bool is_proof(const struct config_hook *of, struct bytes name) {
    for (size_t i = 0; i < of->verify_count; i++) {
        const struct config_verify *v = &of->verify[i];
        for (size_t j = 0; j < v->param_count; j++) {
            const char *value = v->params[j].value;
            if (strcmp(v->params[j].name, "header") == 0 && value != NULL &&
                strlen(value) == name.len && strncasecmp(value, name.data, name.len) == 0) {
                return true;
            }
        }
    }
    return false;
}

static const char *headers_of(const struct call *call, struct arena *a, struct buf *out) {
    const struct request *req = call->req;
    buf_clear(out);
    buf_char(out, '[');
    for (size_t i = 0; i < req->header_count; i++) {
        const struct header *h = &req->headers[i];
        bool hide = sounds_secret(h->name) || is_proof(call->hook->hook->of, h->name);
        json_comma(out);
        buf_char(out, '[');
        json_strn(out, h->name.data, h->name.len);
        buf_char(out, ',');
        json_strn(out,
                  hide                ? "***"
                  : h->value.len == 0 ? ""
                                      : h->value.data,
                  hide ? 3 : h->value.len);
        buf_char(out, ']');
    }
    buf_char(out, ']');
    return out->failed ? NULL : arena_strn(a, out->data, out->len);
}

static const char *target_of(const char *target, struct arena *a, struct buf *out) {
    size_t path = strcspn(target, "?");
    buf_clear(out);
    buf_add(out, target, path);
    for (const char *p = target + path; *p != '\0';) { // at '?' or '&'
        size_t len = 1 + strcspn(p + 1, "&"), name = 1 + strcspn(p + 1, "=&");
        bool hide = name < len && (sounds_secret((struct bytes){p, name}) ||
                                   has_word(p, name, "key") || has_word(p, name, "sig"));
        buf_add(out, p, hide ? name + 1 : len);
        buf_str(out, hide ? "***" : "");
        p += len;
    }
    return out->failed ? NULL : arena_strn(a, out->data, out->len);
}

/* ---- writing ---- */

struct writing {
    struct side_op op;
    struct hook_inbox *inbox;
    struct hook_record *first;
    size_t count, bytes;
    int64_t now_ms;
    int status;
    struct err err;
};

static int open_file(struct hook_inbox *inbox, int64_t now_ms, struct err *e) {
    return inbox->file != NULL ? 0 : inbox_open(inbox->path, now_ms, &inbox->file, e);
}

static void write_work(struct side_op *op) {
    struct writing *w = CONTAINER_OF(op, struct writing, op);
    const struct inbox_entry **entries = calloc(w->count, sizeof(struct inbox_entry *));
    size_t n = 0;
    for (struct hook_record *r = w->first; entries != NULL && r != NULL; r = r->next) {
        entries[n++] = &r->entry;
    }
    w->status = entries == NULL ? err_set(&w->err, -ENOMEM, "the inbox: out of memory")
                                : open_file(w->inbox, w->now_ms, &w->err);
    w->status = w->status == 0 ? inbox_add(w->inbox->file, entries, n, &w->err) : w->status;
    free(entries);
}

static void free_records(struct hook_record *first) {
    while (first != NULL) {
        struct hook_record *next = first->next;
        arena_free(&first->arena);
        free(first);
        first = next;
    }
}

static void write_done(struct side_op *op) {
    struct writing *w = CONTAINER_OF(op, struct writing, op);
    struct hook_inbox *inbox = w->inbox;
    if (w->status != 0 && !inbox->told) {
        log_warn(&inbox->host->log, "hooks.inbox", "msg=\"%s; deliveries are not kept\"",
                 w->err.msg);
    }
    inbox->told = w->status != 0;
    inbox->held_bytes -= w->bytes;
    free_records(w->first);
    free(w);
}

/* Takes all lists, one behind the other. */
static struct hook_record *gather(struct hooks *hooks, size_t *ret_count, size_t *ret_bytes) {
    struct hook_record *first = NULL, **end = &first;
    *ret_count = *ret_bytes = 0;
    for (struct hook_stats *s = hooks->stats; s != NULL; s = s->hh.next) {
        for (int kind = 0; kind < INBOX_KINDS; kind++) {
            struct hook_pending *list = &s->pending[kind];
            if (list->first != NULL) {
                *end = list->first;
                end = &list->last->next;
                *ret_count += (size_t)list->count;
            }
            *list = (struct hook_pending){.first = NULL};
        }
    }
    for (const struct hook_record *r = first; r != NULL; r = r->next) {
        *ret_bytes += r->arena.used;
    }
    return first;
}

/* NULL: there is nothing to write, or no memory for it. */
static struct writing *begin_writing(struct hooks *hooks) {
    struct hook_inbox *inbox = hooks->inbox;
    size_t count, bytes;
    struct hook_record *first = gather(hooks, &count, &bytes);
    timer_cancel(inbox->host->net_timers, &inbox->timer);
    struct writing *w = first == NULL ? NULL : calloc(1, sizeof *w);
    if (w == NULL) {
        inbox->held_bytes -= bytes;
        free_records(first);
        return NULL;
    }
    *w = (struct writing){.op = {.work = write_work, .done = write_done},
                          .inbox = inbox,
                          .first = first,
                          .count = count,
                          .bytes = bytes,
                          .now_ms = env_wall_ms(&inbox->host->env)};
    return w;
}

static void write_pending(struct hooks *hooks) {
    struct writing *w = begin_writing(hooks);
    if (w != NULL) {
        side_thread_post(hooks->inbox->host->disk, &w->op);
    }
}

/* ---- taking ---- */

static int kind_of(enum hook_fate fate) {
    bool failed = fate == HOOK_UNMAPPED || fate == HOOK_FAILED;
    return fate == HOOK_REFUSED ? INBOX_REFUSED : failed ? INBOX_FAILED : INBOX_TAKEN;
}

static bool fill(struct hook_record *r, const struct call *call, enum hook_fate fate, int status) {
    struct buf *scratch = &call->api->hooks->inbox->scratch;
    const struct hook_call *h = call->hook;
    const struct config_hook *of = h->hook->of;
    const struct request *req = call->req;
    struct arena *a = &r->arena;
    bool refused = fate == HOOK_REFUSED;
    size_t most = (size_t)of->inbox.bodies;
    struct bytes body = {req->body.data, req->body.len < most ? req->body.len : most};
    bool problem = fate == HOOK_UNMAPPED || fate == HOOK_FAILED;
    if (scratch->failed) {
        buf_free(scratch);
    }
    r->entry = (struct inbox_entry){
        .id = id_next(&call->host->ids, h->delivery.now_ms),
        .hook = arena_str(a, of->entry.name),
        .kind = kind_of(fate),
        .keep = of->inbox.keep,
        .at_ms = h->delivery.now_ms,
        .verdict = hook_fate_name(fate),
        .check = refused   ? h->verdict.check
                 : problem ? h->problem.code
                           : NULL,
        .detail = arena_str(a, refused   ? h->verdict.detail
                               : problem ? h->problem.message
                                         : NULL),
        .scheme = h->verdict.scheme,
        .key = refused || h->verdict.scheme == NULL ? -1 : (int64_t)h->verdict.key,
        .status = status,
        .peer = arena_str(a, req->peer),
        .method = arena_str(a, req->method),
        .target = target_of(req->target, a, scratch),
        .ident = arena_strn(a, h->delivery.id.data == NULL ? "" : h->delivery.id.data,
                            h->delivery.id.len),
        .job = h->has_job ? arena_str(a, h->job) : NULL,
        .headers = headers_of(call, a, scratch),
        .body = arena_bytes(a, body),
        .body_size = (int64_t)(req->body.len > 0 ? req->body.len : req->announced),
    };
    const struct inbox_entry *e = &r->entry;
    return e->hook != NULL && e->peer != NULL && e->method != NULL && e->target != NULL &&
           e->ident != NULL && e->headers != NULL && (body.len == 0 || e->body.data != NULL);
}

/* The oldest of the list, to be written over: it would be pushed out by those behind it. NULL: the list has room. */
static struct hook_record *take_oldest(struct hook_inbox *inbox, struct hook_pending *list,
                                       int64_t keep) {
    struct hook_record *oldest = list->first;
    if (list->count < keep) {
        return NULL;
    }
    list->first = oldest->next;
    list->last = list->first == NULL ? NULL : list->last;
    list->count--;
    inbox->held_bytes -= oldest->arena.used;
    arena_reset(&oldest->arena);
    oldest->next = NULL;
    return oldest;
}

static void push(struct hook_inbox *inbox, struct hook_pending *list, struct hook_record *r) {
    if (list->last == NULL) {
        list->first = r;
    } else {
        list->last->next = r;
    }
    list->last = r;
    list->count++;
    inbox->held_bytes += r->arena.used;
}

void hook_inbox_take(struct call *call, enum hook_fate fate, int status) {
    struct hook_inbox *inbox = call->api->hooks->inbox;
    struct hook_pending *list = &call->hook->hook->stats->pending[kind_of(fate)];
    int64_t keep = call->hook->hook->of->inbox.keep;
    size_t most = fate == HOOK_REFUSED ? HELD_REFUSED_MAX : HELD_MAX;
    if (keep == 0 || inbox->held_bytes > most) {
        return;
    }
    struct hook_record *r = take_oldest(inbox, list, keep);
    r = r == NULL ? calloc(1, sizeof *r) : r;
    if (r == NULL) {
        return;
    }
    if (!fill(r, call, fate, status)) {
        free_records(r);
        return;
    }
    push(inbox, list, r);
    if (!timer_running(&inbox->timer)) {
        (void)timer_set(inbox->host->net_timers, &inbox->timer,
                        env_mono_ms(&inbox->host->net_env) + WRITE_AFTER_MS);
    }
}

static void write_now(struct timer *t, void *arg) {
    (void)t;
    write_pending(arg);
}

void hook_inbox_start(struct hooks *hooks) {
    timer_init(&hooks->inbox->timer, write_now, hooks);
}

/* ---- looking ---- */

static void look_work(struct side_op *op) {
    struct hook_look *look = CONTAINER_OF(op, struct hook_look, op);
    look->status = open_file(look->inbox, env_wall_ms(&look->inbox->host->env), &look->err);
    if (look->status == 0) {
        look->work(look, look->inbox->file);
    }
}

static void look_done(struct side_op *op) {
    struct hook_look *look = CONTAINER_OF(op, struct hook_look, op);
    look->then(look);
}

void hook_inbox_look(struct hook_look *look) {
    struct hooks *hooks = look->call->api->hooks;
    write_pending(hooks);
    look->inbox = hooks->inbox;
    look->op = (struct side_op){.work = look_work, .done = look_done};
    side_thread_post(hooks->inbox->host->disk, &look->op);
}

/* ---- begin and end ---- */

struct hook_inbox *hook_inbox_new(struct host *host) {
    struct hook_inbox *inbox = calloc(1, sizeof *inbox);
    if (inbox != NULL) {
        inbox->host = host;
        (void)snprintf(inbox->path, sizeof inbox->path, "%s/inbox.db",
                       host->config->host.state_dir);
    }
    return inbox;
}

void hook_inbox_free(struct hook_inbox **inbox, struct hooks *hooks) {
    if (*inbox != NULL) {
        struct writing *last = begin_writing(hooks); // the disk's thread has ended
        if (last != NULL) {
            write_work(&last->op);
            write_done(&last->op);
        }
        buf_free(&(*inbox)->scratch);
        inbox_close(&(*inbox)->file);
        free(*inbox);
    }
    *inbox = NULL;
}
