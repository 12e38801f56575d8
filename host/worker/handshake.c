#include "worker/handshake.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/call_http.h"
#include "worker/sandbox.h"
#include "worker/state.h"
#include "worker/warden.h"

// ---- talking ----

static int send_control(struct worker *w, int rc) {
    if (rc == 0) {
        sender_lock(&w->control);
        rc = sender_flush(&w->control);
        sender_unlock(&w->control);
    }
    return rc < 0 ? -ECANCELED : 0;
}

static int send_fail(struct worker *w, const char *stage, jh_class cls, const char *message) {
    const struct msg_fail m = {.stage = stage, .cls = cls, .message = message};
    (void)send_control(w, msg_fail_put(&w->control.w, 0, &m));
    return -ENOEXEC;
}

// The next record: what is left of the packet, or of one that is waited for.
static int next_record(struct worker *w, struct record *ret) {
    int rc = record_next(w->packet, ret);
    if (rc != 0) {
        return rc == 1 ? 0 : rc;
    }
    while ((rc = record_recv(w->packet, w->sock)) == -EAGAIN) {
        struct pollfd p = {.fd = w->sock, .events = POLLIN};
        (void)poll(&p, 1, -1);
    }
    if (rc != 1) {
        return rc == -EBADMSG ? rc : -ECANCELED;
    }
    return record_next(w->packet, ret) == 1 ? 0 : -EBADMSG;
}

static int check_record(const struct record *r, enum record_type type) {
    if (r->h.type == REC_DRAIN) {
        return -ESHUTDOWN;
    }
    return r->h.type == type ? 0 : -EBADMSG;
}

static int expect_record(struct worker *w, enum record_type type, struct record *ret) {
    int rc = next_record(w, ret);
    return rc == 0 ? check_record(ret, type) : rc;
}

// ---- SANDBOX, NOTE ----

static int send_notes(struct worker *w, const struct sandbox_notes *notes) {
    int rc = 0;
    for (uint32_t i = 0; i < notes->count && rc == 0; i++) {
        const struct sandbox_note *n = &notes->items[i];
        const struct msg_note m = {.facility = n->facility, .state = n->state, .text = n->text};
        rc = msg_note_put(&w->control.w, 0, &m);
    }
    return send_control(w, rc);
}

static int confine(struct worker *w, struct record *r) {
    struct arena arena = {0};
    struct sandbox_notes notes = {0};
    struct msg_sandbox m;
    int rc = msg_sandbox_get(r, &arena, &m);
    rc = rc == 0 ? call_http_allow(w, &m) : rc;
    if (rc == 0 && w->title != NULL) {
        int alone = sandbox_may_fork(&m) ? warden_start(w->title) : 0;
        if (alone < 0) {
            sandbox_note(&notes, "warden", MSG_NOTE_DEGRADED, "not started: %s", strerror(-alone));
        }
        sandbox_enter(&m, &notes);
        rc = send_notes(w, &notes);
    }
    arena_free(&arena);
    return rc;
}

// The first record, after that which may come before it.
static int expect_welcome(struct worker *w, struct record *ret) {
    int rc = next_record(w, ret);
    if (rc == 0 && ret->h.type == REC_SANDBOX) {
        rc = confine(w, ret);
        return rc == 0 ? expect_record(w, REC_WELCOME, ret) : rc;
    }
    return rc == 0 ? check_record(ret, REC_WELCOME) : rc;
}

// ---- WELCOME ----

static int enter_data_dir(const char *dir, struct err *e) {
    if (dir != NULL && dir[0] != '\0' && chdir(dir) == -1) {
        return err_errno(e, -errno, "data_dir %s", dir);
    }
    return 0;
}

static int accept_welcome(struct worker *w, const struct msg_welcome *m) {
    if (m->wire_version != RECORD_WIRE_VERSION || m->threads < 1 ||
        m->threads > START_PAGE_THREADS_MAX || m->ping_ms < 1 || m->lease_ms < m->ping_ms ||
        m->lease_ms > INT64_MAX / 1000) {
        return -EBADMSG;
    }
    w->runner_count = m->threads;
    w->ping_ms = m->ping_ms;
    w->lease_ms = m->lease_ms;
    w->log_level = (int32_t)m->log_level;
    return 0;
}

static int load(struct worker *w, const struct msg_welcome *m) {
    const char *stage = "load";
    struct err e = {0};
    int rc = enter_data_dir(m->data_dir, &e);
    if (rc == 0) {
        rc = load_plugin(m->snapshot, &w->plugin, &stage, &e);
    }
    if (rc < 0) {
        return send_fail(w, stage, JH_E_BUG, e.msg);
    }
    const struct jh_plugin *p = &w->plugin.manifest.plugin;
    (void)snprintf(w->agent, sizeof w->agent, "%s/%s (jobhost)", p->name, p->version);
    w->terms.agent = w->agent;
    return 0;
}

// ---- HELLO ----

static struct msg_handler *describe_handlers(const struct manifest *m) {
    struct msg_handler *out = calloc(m->plugin.handler_count, sizeof *out);
    for (uint32_t i = 0; out != NULL && i < m->plugin.handler_count; i++) {
        const struct jh_handler *h = &m->handlers[i];
        out[i] = (struct msg_handler){
            .name = h->name,
            .summary = h->summary,
            .flags = h->flags,
            .state_version = h->state_version,
            .oldest_state_version = h->oldest_state_version,
            .has_payload = h->payload != NULL || h->takes != NULL,
            .field_count = m->field_counts[i],
            .fields = h->takes != NULL ? h->takes : h->payload,
        };
    }
    return out;
}

static int say_hello(struct worker *w) {
    const struct manifest *m = &w->plugin.manifest;
    struct msg_handler *handlers = describe_handlers(m);
    if (handlers == NULL) {
        return send_fail(w, "load", JH_E_RESOURCE, "out of memory");
    }
    const struct msg_hello hello = {
        .wire_version = RECORD_WIRE_VERSION,
        .abi_major = m->plugin.abi_major,
        .abi_minor = m->plugin.abi_minor,
        .name = m->plugin.name,
        .version = m->plugin.version,
        .load_begin = w->plugin.begin,
        .load_end = w->plugin.end,
        .option_count = m->option_count,
        .options = m->plugin.options,
        .handler_count = m->plugin.handler_count,
        .handlers = handlers,
    };
    int rc = msg_hello_put(&w->control.w, 0, &hello);
    free(handlers);
    if (rc == -EMSGSIZE) {
        return send_fail(w, "manifest", JH_E_BUG,
                         "names, summaries and help texts are over 64 KiB together");
    }
    return send_control(w, rc);
}

// ---- CONFIG, create() ----

static int create(struct worker *w) {
    const struct jh_plugin *p = &w->plugin.manifest.plugin;
    if (p->create == NULL) {
        return 0;
    }
    struct call setup;
    call_init(&setup, w, &w->control, NULL);
    int rc = p->create(&setup.pub, &w->self);
    if (rc != 0) {
        const struct jh_failure *f = &setup.notes.failure;
        if (setup.notes.said == SAID_FAIL) {
            rc = send_fail(w, "create", f->cls, f->message);
        } else {
            rc = send_fail(w, "create", JH_E_BUG,
                           "create() failed without saying why: call fail() first");
        }
    }
    call_finish(&setup);
    return rc;
}

static int configure(struct worker *w) {
    struct record r;
    int rc = expect_record(w, REC_CONFIG, &r);
    if (rc == 0) {
        rc = settings_read(&r, &w->settings);
    }
    if (rc == -ENOMEM) {
        return send_fail(w, "create", JH_E_RESOURCE, "out of memory");
    }
    return rc < 0 ? rc : create(w);
}

int handshake_run(struct worker *w) {
    struct record r;
    struct msg_welcome m;
    int rc = expect_welcome(w, &r);
    if (rc == 0) {
        rc = msg_welcome_get(&r, &m);
    }
    if (rc == 0) {
        rc = accept_welcome(w, &m);
    }
    if (rc == 0) {
        rc = load(w, &m); // the packet is not read into before CONFIG, so m's strings hold
    }
    if (rc == 0) {
        rc = say_hello(w);
    }
    if (rc == 0) {
        rc = configure(w);
    }
    return rc;
}
