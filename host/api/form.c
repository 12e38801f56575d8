#include "api/form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- parts ---- */

static void refuse(struct form *form, int status, const char *code, const char *field,
                   const char *message) {
    call_error(form->call, status, code, field, message);
}

static void on_room(void *arg) {
    const struct form_part *part = arg;
    request_body_resume(part->form->call->req);
}

/* File fields that a browser's user has left empty. */
static void drop_empty(struct form *form) {
    for (struct form_part **at = &form->parts; *at != NULL;) {
        struct form_part *part = *at;
        if (part->is_file && part->size == 0 && part->unnamed) {
            *at = part->next;
            spool_free(&part->spool);
        } else {
            at = &part->next;
        }
    }
}

static void all_written(struct form *form) {
    if (form->error != 0) {
        call_spool_failed(form->call, form->error);
        return;
    }
    drop_empty(form);
    form->then(form->call);
}

static void on_written(void *arg, int status) {
    struct form_part *part = arg;
    struct form *form = part->form;
    form->error = form->error == 0 ? status : form->error;
    form->open--;
    if (form->then != NULL && form->open == 0) {
        all_written(form);
    } else if (status != 0) {
        request_body_resume(form->call->req); // the next piece hears of it
    }
}

static bool copy_facts(struct form *form, struct form_part *part) {
    const struct multipart *p = &form->parser;
    struct arena *arena = &form->call->req->arena;
    part->name = arena_str(arena, p->name);
    part->unnamed = p->has_filename && p->filename[0] == '\0';
    part->filename = p->filename[0] == '\0' ? NULL : arena_str(arena, p->filename);
    part->content_type = p->type[0] == '\0' ? NULL : arena_str(arena, p->type);
    return part->name != NULL && (part->filename != NULL || p->filename[0] == '\0') &&
           (part->content_type != NULL || p->type[0] == '\0');
}

/* False: the call has been answered. */
static bool keep_part(struct form *form, bool is_file, uint64_t max) {
    struct form_part *part = CALL_NEW(form->call, struct form_part);
    if (part == NULL) {
        return false;
    }
    part->form = form;
    part->is_file = is_file;
    part->max = max;
    if (is_file) {
        uint64_t all = form->call->req->announced, gone = form->parser.consumed;
        part->spool =
            spool_new(&form->call->api->spools,
                      &(struct spool_plan){all > gone ? all - gone : 0, form->call->req->admin},
                      &(struct spool_events){on_room, on_written, part});
    }
    *form->last = part;
    form->last = &part->next;
    form->now = part;
    if (!copy_facts(form, part) || (part->is_file && part->spool == NULL)) {
        refuse(form, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
        return false;
    }
    return true;
}

/* False: the call has been answered. */
static bool begin_part(struct form *form) {
    struct problem problem;
    bool is_file;
    uint64_t max;
    form->now = NULL;
    int r = form->rules->begin(form, &form->parser, &is_file, &max, &problem);
    if (r < 0) {
        call_problem(form->call, &problem);
        return false;
    }
    return r == FORM_LEAVE_OUT || keep_part(form, is_file, max);
}

static bool refuse_large(struct form *form) {
    const struct form_part *part = form->now;
    call_errorf(form->call, 413, part->is_file ? "large_file" : "large_field", part->name,
                "%s may have at most %llu bytes", part->is_file ? "this file" : "this field",
                (unsigned long long)part->max);
    return false;
}

static bool add_to_part(struct form *form, struct bytes piece) {
    struct form_part *part = form->now;
    if (part == NULL) {
        return true;
    }
    part->size += piece.len;
    if (part->size > part->max) {
        return refuse_large(form);
    }
    if (!part->is_file && request_body_hold(form->call->req, piece.len) != 0) {
        static const struct problem no_room = {
            .status = 503, .code = "too_many_bodies", .message = SERVER_NO_ROOM};
        call_problem(form->call, &no_room);
        return false;
    }
    if (!part->is_file) {
        buf_add(&part->gathered, piece.data, piece.len);
        if (part->gathered.failed) {
            refuse(form, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
        }
        return !part->gathered.failed;
    }
    if (!call_has_room(form->call, piece.len)) {
        return false;
    }
    int r = spool_write(part->spool, piece);
    if (r < 0) {
        call_spool_failed(form->call, r);
        return false;
    }
    form->behind |= r == SPOOL_BEHIND;
    return true;
}

static void end_part(struct form *form) {
    struct form_part *part = form->now;
    if (part == NULL) {
        return;
    }
    part->text = buf_bytes(&part->gathered);
    if (part->is_file) {
        form->open++;
        spool_end(part->spool);
    }
}

/* ---- the body ---- */

/* False: nothing more is to be read. */
static bool take_event(struct form *form, enum multipart_event event, struct bytes piece) {
    switch (event) {
    case MULTIPART_PART: return begin_part(form);
    case MULTIPART_DATA: return add_to_part(form, piece);
    case MULTIPART_PART_END: end_part(form); return true;
    case MULTIPART_ERROR: {
        const struct multipart_error_row *row = &multipart_error_rows[form->parser.error];
        refuse(form, row->status, row->code, NULL, row->message);
        return false;
    }
    default: return false;
    }
}

static int take_piece(struct request *req, struct bytes piece) {
    const struct call *call = req->context;
    struct form *form = call->form;
    struct bytes part;
    enum multipart_event event;
    if (form->error != 0) {
        call_spool_failed(form->call, form->error);
        return 0;
    }
    form->behind = false;
    do {
        event = multipart_next(&form->parser, &piece, &part);
    } while (take_event(form, event, part));
    return form->behind ? BODY_BEHIND : 0;
}

/* Answered, or the peer is gone in mid-body. */
static void release(struct request *req, void *arg) {
    (void)req;
    struct form *form = arg;
    for (struct form_part *part = form->parts; part != NULL; part = part->next) {
        spool_free(&part->spool);
        buf_free(&part->gathered);
    }
}

bool form_is_sent(const struct call *call) {
    static const char type[] = "multipart/form-data";
    struct bytes value;
    return request_header(call->req, "Content-Type", &value) == 1 && value.len >= sizeof type - 1 &&
           strncasecmp(value.data, type, sizeof type - 1) == 0;
}

bool form_admit(struct call *call, const struct form_rules *rules, struct request_body *body) {
    char boundary[MULTIPART_BOUNDARY_MAX + 1];
    struct bytes type = {NULL, 0};
    (void)request_header(call->req, "Content-Type", &type);
    if (multipart_boundary(type, boundary) != 0) {
        call_error(call, 400, "bad_boundary", "Content-Type",
                   "multipart/form-data needs one boundary of 1 to 70 characters");
        return false;
    }
    struct form *form = CALL_NEW(call, struct form);
    if (form == NULL) {
        return false;
    }
    form->call = call;
    form->rules = rules;
    form->last = &form->parts;
    multipart_init(&form->parser, boundary);
    call->form = form;
    call->req->done = release;
    call->req->done_arg = form;
    body->piece = take_piece;
    return true;
}

/* ---- the end ---- */

void form_end(struct call *call, void (*then)(struct call *call)) {
    struct form *form = call->form;
    if (!multipart_is_complete(&form->parser)) {
        refuse(form, 400, "bad_multipart", NULL, "the body ends before its last boundary");
        return;
    }
    form->then = then;
    if (form->open == 0) {
        all_written(form);
    }
}

static void stored(struct store_op *op) {
    struct form_part *part = op->arg;
    struct form *form = part->form;
    part->blob = part->put.ref;
    if (op->status != 0 && form->problem.status == 0) {
        call_store_problem(op->status, op->err.msg, &form->problem);
    }
    store_op_finish(op);
    spool_free(&part->spool);
    if (--form->open > 0) {
        return;
    }
    if (form->problem.status != 0) {
        call_problem(form->call, &form->problem);
    } else {
        form->then(form->call);
    }
}

static void put(struct form_part *part) {
    struct call *call = part->form->call;
    part->put.fd = spool_fd(part->spool);
    part->put.max_size = part->max;
    part->put.for_submit = true;
    call_op(call, &part->put.op, STORE_BLOB_PUT, stored);
    part->put.op.arg = part;
    part->form->open++;
    store_post(&call->host->store, &part->put.op);
}

void form_store(struct form *form, void (*then)(struct call *call)) {
    form->then = then;
    for (struct form_part *part = form->parts; part != NULL; part = part->next) {
        if (part->is_file) {
            put(part);
        }
    }
    if (form->open == 0) {
        then(form->call);
    }
}

struct form_part *form_find(const struct form *form, const char *name,
                            const struct form_part *after) {
    struct form_part *part = after == NULL ? form->parts : after->next;
    while (part != NULL && strcmp(part->name, name) != 0) {
        part = part->next;
    }
    return part;
}
