/* action submit through a view: a form's fields become the payload, its files those of the job. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/custom.h"
#include "api/submit.h"
#include "api/view.h"
#include "base/nearest.h"
#include "base/utf8.h"

static const struct view *view_of(const struct call *call) {
    return call->custom->view;
}

static int refuse(struct problem *ret, int status, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(struct problem *ret, int status, const char *field, const char *fmt, ...) {
    va_list ap;
    *ret = (struct problem){.status = status, .code = "bad_field"};
    (void)snprintf(ret->field, sizeof ret->field, "%s", field);
    va_start(ap, fmt);
    (void)vsnprintf(ret->message, sizeof ret->message, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* ---- the parts ---- */

static const struct view_input *input_find(const struct view *view, const char *name) {
    for (size_t i = 0; i < view->input_count; i++) {
        if (strcmp(view->inputs[i].name, name) == 0) {
            return &view->inputs[i];
        }
    }
    return NULL;
}

/* Front ends send what their own program takes, so what this one does not know is left out; but not
 * what looks like a slip of a known name. */
static int take_unknown(const struct form *form, const char *name, struct problem *ret) {
    const struct view *view = view_of(form->call);
    struct nearest near = {.word = name};
    for (size_t i = 0; i < view->input_count; i++) {
        nearest_offer(&near, view->inputs[i].name);
    }
    const char *meant = nearest_best(&near);
    return meant == NULL ? FORM_LEAVE_OUT
                         : refuse(ret, view->invalid_status, name,
                                  "there is no field \"%s\"; did you mean \"%s\"?", name, meant);
}

static int begin_part(struct form *form, const struct multipart *part, bool *ret_is_file,
                      uint64_t *ret_max, struct problem *ret) {
    const struct view *view = view_of(form->call);
    const struct view_input *input = input_find(view, part->name);
    if (input == NULL) {
        return take_unknown(form, part->name, ret);
    }
    bool is_file = input->kind == VIEW_FILE;
    if (is_file != part->has_filename) {
        return refuse(ret, view->invalid_status, input->name,
                      is_file ? "%s must be a file" : "%s is no file", input->name);
    }
    if (!input->many && form_find(form, input->name, NULL) != NULL) {
        return refuse(ret, view->invalid_status, input->name, "%s is there twice", input->name);
    }
    *ret_is_file = is_file;
    *ret_max = is_file ? (uint64_t)form->call->host->config->store.blobs_max_in_store : input->max;
    return is_file ? submit_check_file(form, part, ret) : 0;
}

static const struct form_rules rules = {.begin = begin_part};

void view_submit_admit(struct call *call, struct request_body *body) {
    body->limit = (uint64_t)call->custom->config->max_body;
    if (form_is_sent(call)) {
        (void)form_admit(call, &rules, body);
    }
}

/* ---- the payload ---- */

/* UTF-8, without control characters but those of text of several lines. */
static bool is_text(struct bytes text) {
    const uint8_t *p = text.data, *end = p + text.len;
    while (p < end) {
        size_t len = utf8_char_len(p, end);
        bool control = (*p < ' ' && *p != '\t' && *p != '\r' && *p != '\n') || *p == 0x7f;
        if (len == 0 || control) {
            return false;
        }
        p += len;
    }
    return true;
}

static bool is_number(struct bytes text) {
    const char *p = text.data;
    return json_is_valid(text) && (*p == '-' || (*p >= '0' && *p <= '9'));
}

static int add_field(const struct form *form, const struct view_input *input, struct buf *payload,
                     struct problem *ret) {
    const struct form_part *part = form_find(form, input->name, NULL);
    int status = view_of(form->call)->invalid_status;
    struct bytes text = part == NULL ? (struct bytes){NULL, 0} : bytes_trim(part->text);
    if (text.len == 0) {
        return 0;
    }
    if (input->kind == VIEW_NUMBER && !is_number(text)) {
        return refuse(ret, status, input->name, "%s must be a number", input->name);
    }
    if (input->kind == VIEW_JSON && !json_is_valid(text)) {
        return refuse(ret, status, input->name, "%s must be JSON", input->name);
    }
    if (input->kind == VIEW_TEXT && !is_text(text)) {
        return refuse(ret, status, input->name, "%s must be text: UTF-8 without control characters",
                      input->name);
    }
    json_key(payload, input->name);
    if (input->kind == VIEW_TEXT) {
        json_strn(payload, text.data, text.len);
    } else {
        buf_add(payload, text.data, text.len);
    }
    return 0;
}

static bool is_given(const struct form *form, const struct view_input *input) {
    const struct form_part *part = form == NULL ? NULL : form_find(form, input->name, NULL);
    return part != NULL && (part->is_file || bytes_trim(part->text).len > 0);
}

/* What must be there. `form` is NULL when none was sent. */
static int check_given(const struct call *call, const struct form *form, struct problem *ret) {
    const struct view *view = view_of(call);
    bool asked = false, given = false;
    for (size_t i = 0; i < view->input_count; i++) {
        const struct view_input *input = &view->inputs[i];
        if (input->required && !is_given(form, input)) {
            return refuse(ret, 400, input->name, "%s is required", input->name);
        }
        asked |= input->one_of;
        given |= input->one_of && is_given(form, input);
    }
    return asked && !given ? refuse(ret, 400, "", "%s", view->none_given) : 0;
}

static int make_payload(const struct call *call, const struct form *form, struct buf *payload,
                        struct problem *ret) {
    const struct view *view = view_of(call);
    int r = check_given(call, form, ret);
    buf_char(payload, '{');
    for (size_t i = 0; r == 0 && form != NULL && i < view->input_count; i++) {
        if (view->inputs[i].kind != VIEW_FILE) {
            r = add_field(form, &view->inputs[i], payload, ret);
        }
    }
    buf_char(payload, '}');
    return r;
}

/* ---- the answer ---- */

/* A request that is wrong, as the view says it; that a type has no handler is no fault of the
 * caller's. */
static void restate(const struct view *view, struct problem *problem) {
    if (strcmp(problem->code, "unknown_type") == 0) {
        problem->status = 503;
    } else if (problem->status == 400) {
        problem->status = view->invalid_status;
    }
}

static void answer(struct submit *s) {
    struct call *call = s->call;
    const struct view *view = view_of(call);
    const struct store_submit_item *item = &s->store.items[0];
    struct problem problem = {.status = 0};
    struct buf out = {0};
    if (s->slots[0].problem != NULL) {
        problem = *s->slots[0].problem;
        restate(view, &problem);
    } else if (item->status != 0) {
        submit_refusal(item, &problem);
    } else {
        bool repeated = item->verdict == SUBMIT_DUPLICATE;
        view->accepted(&out, repeated ? &item->winner : &item->spec->id);
    }
    if (problem.status != 0) {
        stats_word(&call->host->stats->refused, problem.code);
    }
    store_op_finish(&s->store.op);
    if (problem.status != 0) {
        call_problem(call, &problem);
    } else {
        call_reply(call, view->accepted_status, &out);
    }
}

static void submit_form(struct call *call) {
    struct problem problem;
    struct buf payload = {0};
    int r = make_payload(call, call->form, &payload, &problem);
    struct bytes text = arena_bytes(&call->req->arena, buf_bytes(&payload));
    bool no_memory = payload.failed || text.data == NULL;
    buf_free(&payload);
    if (r != 0) {
        call_problem(call, &problem);
    } else if (no_memory) {
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
    } else {
        struct job_request request = {.type = call->custom->config->job,
                                      .queue = call->custom->config->queue,
                                      .payload = text,
                                      .priority = -1,
                                      .dedup_mode = -1};
        submit_request(call, &request, call->form, answer);
    }
}

void view_submit_handle(struct call *call) {
    if (call->form != NULL) {
        form_end(call, submit_form);
    } else {
        submit_form(call); // an empty one
    }
}
