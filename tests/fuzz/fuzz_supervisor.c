// A worker that does anything at all, at a real supervisor over a real store that fails now and
// then.
//
// The input is a script: what the worker sends (records with fields of the script's choosing,
// records damaged on the way, garbage, descriptors), what it writes on its start page, how it dies;
// and what happens around it: time, submissions, cancels, pauses, errors of the store, a drain.
// Whatever that was: a worker that says what no worker may say is killed; and when honest workers
// have come after it, every job has ended, nothing is counted as in hand any more, and fsck is
// content. One host lives for many inputs.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/dispatch.h"
#include "supervisor/jobs.h"
#include "supervisor/pool_private.h"

enum { JOBS_MAX = 8, ACTS_MAX = 8, SLOTS_MAX = 64, INPUTS_A_HOST = 200, ROUNDS_MAX = 400 };

struct script {
    const uint8_t *at, *end;
};

struct act {
    struct jobs_act act;
    bool done;
};

static struct {
    struct lab *lab;
    struct lab_worker *w; // NULL: none at the moment
    unsigned inputs;
    struct job_id jobs[JOBS_MAX];
    unsigned job_count;
    struct act acts[ACTS_MAX];
    unsigned act_count;
    uint64_t slots[SLOTS_MAX]; // of the last jobs it got
    unsigned slot_count;
    uint32_t damage; // done to the next packet
    bool stopped;
} f;

/* ------------------------------------------------------------------ reading the script */

static uint8_t take(struct script *s) {
    return s->at < s->end ? *s->at++ : 0;
}

static uint32_t take_u32(struct script *s) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        v = v << 8 | take(s);
    }
    return v;
}

// Numbers that programs stumble over.
static int64_t take_number(struct script *s) {
    static const int64_t odd[] = {0, 1, -1, 2, 1000, INT32_MAX, INT64_MAX, INT64_MIN};
    uint8_t b = take(s);
    return b < 128 ? odd[b % 8] : (int64_t)take_u32(s);
}

static const char *take_text(struct script *s, char out[700]) {
    uint8_t b = take(s);
    if (b == 255) {
        return NULL;
    }
    size_t len = b < 200 ? b % 8 : 600;
    for (size_t i = 0; i < len; i++) {
        out[i] = b < 200 ? (char)('a' + take(s) % 26) : 'x';
    }
    out[len] = '\0';
    return out;
}

static struct msg_bytes take_bytes(struct script *s) {
    static char large[RECORD_INLINE_MAX + 100];
    uint8_t b = take(s);
    return (struct msg_bytes){.data = {large, b == 255 ? sizeof large : b}};
}

static uint64_t take_slot(struct script *s) {
    uint8_t b = take(s);
    if (b >= 240 || f.slot_count == 0) {
        return b % 4; // 0 is "no job"
    }
    return f.slots[b % f.slot_count];
}

/* ------------------------------------------------------------------ what the worker does */

static void collect(void) {
    struct record r;
    while (f.w != NULL && lab_next(f.w, &r)) {
        if (r.h.type == REC_JOB) {
            f.slots[f.slot_count++ % SLOTS_MAX] = r.h.job;
            f.slot_count = f.slot_count > SLOTS_MAX ? SLOTS_MAX : f.slot_count;
        }
    }
}

static void send_out(void) {
    struct record_writer *out = &f.w->out;
    if (f.damage != 0 && out->packet.len > 0) {
        out->packet.data[(f.damage >> 8) % out->packet.len] ^= (char)f.damage;
        f.damage = 0;
    }
    int r = f.w->sock == -1 ? -EPIPE : record_send(out, f.w->sock);
    if (r != 0) {
        record_writer_finish(out);
        *out = (struct record_writer){.start = 0};
    }
}

static void say_simple(struct script *s, enum record_type type) {
    struct record_writer *out = &f.w->out;
    record_begin(out, type, take_slot(s));
    switch (type) {
    case REC_COMMIT: record_u32(out, take(s) % 4); break;
    case REC_RESULT: (void)record_bytes(out, take_bytes(s).data); break;
    case REC_RESULT_TYPE: record_str(out, "text/plain"); break;
    default: break;
    }
    (void)record_end(out);
}

static void say_done(struct script *s) {
    char texts[5][700];
    const struct msg_done m = {
        .status = take(s) % 6 - 1,
        .cls = take(s) % 13 - 1,
        .retry_after_ms = take_number(s),
        .scope = take_text(s, texts[0]),
        .message = take_text(s, texts[1]),
        .code = take_text(s, texts[2]),
        .failure_flags = take(s),
        .wait_kind = take(s) % 7 - 1,
        .wake_at_ms = take_number(s),
        .wait_key = take_text(s, texts[3]),
        .wait_for = take_text(s, texts[4]),
        .wait_timeout_ms = take_number(s),
        .cancel_mask = take(s),
        .run_us = take(s) < 128 ? 50 : take_u32(s),
    };
    (void)msg_done_put(&f.w->out, take_slot(s), &m);
}

static void say_child(struct script *s) {
    char texts[4][700];
    const char *type = take_text(s, texts[0]);
    const struct msg_child m = {
        .priority = take(s) % 5 - 2,
        .handler = take(s) < 200 ? lab_handlers[take(s) % LAB_HANDLERS] : type,
        .dedup_key = take_text(s, texts[1]),
        .payload = take_bytes(s),
        .delay_ms = take_number(s),
        .spread_ms = take_number(s),
        .queue = take(s) < 200 ? NULL : take_text(s, texts[2]),
        .labels = take_text(s, texts[3]),
    };
    (void)msg_child_put(&f.w->out, take_slot(s), &m);
}

// Contents and names that may be, and others.
static void say_output(struct script *s, const char *name) {
    static const char *const names[] = {"a.md", "b.html", "../c", "d/e", ".", "\xff", "f\n", ""};
    char text[700];
    uint8_t which = take(s);
    struct msg_output m = {.request = take(s),
                           .name = which < 160 ? names[which % 2] : names[which % ARRAY_LEN(names)],
                           .content_type = take(s) < 200 ? NULL : take_text(s, text),
                           .content = take_bytes(s)};
    m.name = which >= 240 ? name : m.name;
    if (which % 3 == 0) { // as a worker does it, whatever its size
        int fd = record_memfd(m.content.data);
        FUZZ_CHECK(fd >= 0);
        m.content = (struct msg_bytes){.data = {NULL, m.content.data.len}, .by_fd = true, .fd = fd};
    }
    if (msg_output_put(&f.w->out, take_slot(s), &m) != 0) {
        msg_bytes_close(&m.content);
    }
}

static void say_effect(struct script *s) {
    char texts[2][700];
    struct record_writer *out = &f.w->out;
    uint8_t b = take(s), which = b % 6;
    const char *name = take_text(s, texts[0]);
    name = name == NULL ? "n" : name;
    if (b >= 200) {
        say_output(s, name);
    } else if (which == 0) {
        const struct msg_kv m = {
            .what = take(s) % 8, .key = name, .value = take_bytes(s), .number = take_number(s)};
        (void)msg_kv_put(out, take_slot(s), &m);
    } else if (which == 1) {
        const struct msg_step m = {.name = name, .value = take_bytes(s), .state_version = take(s)};
        (void)msg_step_put(out, take_slot(s), &m);
    } else if (which == 2) {
        const struct msg_warn m = {.code = name, .message = take_text(s, texts[1])};
        (void)msg_warn_put(out, take_slot(s), &m);
    } else if (which == 3) {
        say_child(s);
    } else {
        const struct msg_get m = {.request = take(s),
                                  .what = take(s) % 9,
                                  .key = which == 4 ? "0" : name,
                                  .member = take_bytes(s)};
        (void)msg_get_put(out, take_slot(s), &m);
    }
}

static void say_talk(struct script *s) {
    char text[700];
    uint8_t which = take(s) % 4;
    const char *words = take_text(s, text);
    if (which == 0) {
        const struct msg_log m = {.level = take(s) % 6 - 1, .text = words == NULL ? "" : words};
        (void)msg_log_put(&f.w->out, take_slot(s), &m);
    } else if (which == 1) {
        const struct msg_progress m = {(uint64_t)take_number(s), (uint64_t)take_number(s), words};
        (void)msg_progress_put(&f.w->out, take_slot(s), &m);
    } else if (which == 2) {
        (void)msg_fail_put(&f.w->out, 0, &(struct msg_fail){.stage = "load", .message = words});
    } else {
        uint8_t packet[MSG_CRASH_PACKET];
        msg_crash_packet(packet, take_slot(s), &(struct msg_crash){.signal = take(s) % 32});
        lab_send_packet(f.w, packet, sizeof packet);
    }
}

static void say_garbage(struct script *s) {
    size_t len = take(s), left = (size_t)(s->end - s->at);
    len = len > left ? left : len;
    lab_send_packet(f.w, s->at, len);
    s->at += len;
}

// Descriptors with a record that has none, or has one of another kind.
static void say_fds(struct script *s) {
    struct record_writer *out = &f.w->out;
    int ends[2] = {-1, -1};
    record_begin(out, take(s) < 128 ? REC_RESULT : REC_PING, take_slot(s));
    uint8_t how = take(s);
    int fd = how % 3 == 0 ? record_memfd(bytes_of("sealed")) : -1;
    if (fd == -1 && pipe(ends) == 0) {
        (void)close(ends[1]);
        fd = ends[0];
    }
    record_bytes_fd(out, fd, how < 128 ? 6 : how);
    if (record_end(out) != 0) {
        (void)close(fd);
    }
}

static bool is_dead(struct lab *lab, void *arg) {
    (void)lab;
    return ((const struct lab_worker *)arg)->dead;
}

/* What no worker may say, whatever went before: it must not survive it. */
static void break_rules(struct script *s) {
    static const uint64_t nothing[2] = {0, 0};
    struct record_writer *out = &f.w->out;
    uint8_t how = take(s) % 6;
    send_out();
    lab_settle(f.lab); // so that its socket takes one more packet
    if (f.w->dead) {
        return;
    }
    if (how == 0) {
        lab_send_packet(f.w, nothing, 1 + take(s) % 15); // cut off in the header
    } else if (how == 1) {
        lab_send_packet(f.w, nothing, sizeof nothing); // type 0
    } else {
        static const enum record_type types[] = {REC_HELLO, REC_DONE, REC_NACK, REC_JOB};
        record_begin(out, types[how - 2], how == 2 ? 0 : UINT64_MAX); // nobody has that slot
        (void)record_end(out);
        lab_flush(f.w);
    }
    lab_until(f.lab, is_dead, f.w, "a worker that broke the rules is killed");
    FUZZ_CHECK(f.w->signal == SIGKILL);
}

static void write_page(struct script *s) {
    struct start_slot *page = &f.w->page->thread[take(s) % 2];
    atomic_store(&page->since_us,
                 take(s) < 128 ? env_mono_ms(&f.lab->host->env) * 1000 : take_number(s));
    atomic_store(&page->last, take_slot(s));
    atomic_store(&page->job, take(s) < 64 ? (uint64_t)take_number(s) : take_slot(s));
}

static void say(struct script *s) {
    static const enum record_type simple[] = {REC_HELLO,  REC_READY,  REC_PING,
                                              REC_NACK,   REC_COMMIT, REC_RESULT,
                                              REC_COMMIT, REC_BYE,    REC_RESULT_TYPE};
    if (f.w == NULL || f.w->dead) {
        return;
    }
    switch (take(s) % 8) {
    case 0: say_simple(s, simple[take(s) % ARRAY_LEN(simple)]); break;
    case 1:
    case 2: say_done(s); break;
    case 3:
    case 4: say_effect(s); break;
    case 5: say_talk(s); break;
    case 6: say_garbage(s); break;
    default: say_fds(s); break;
    }
    if (take(s) % 4 != 0) { // else the next record goes into the same packet
        send_out();
    }
}

/* ------------------------------------------------------------------ what happens around it */

static bool is_draining(void) {
    return f.lab->host->phase != HOST_RUNNING;
}

static void submit(struct script *s) {
    enum lab_handler handler = (enum lab_handler)(take(s) % LAB_HANDLERS);
    if (f.job_count < JOBS_MAX && !is_draining() && f.lab->host->store_fault == NULL) {
        f.jobs[f.job_count++] = lab_submit(f.lab, handler);
    }
}

static void acted(struct jobs_act *act, void *arg) {
    (void)act;
    ((struct act *)arg)->done = true;
}

static void cancel(struct script *s) {
    unsigned which = take(s);
    if (f.act_count == ACTS_MAX || f.job_count == 0) {
        return;
    }
    struct act *a = &f.acts[f.act_count++];
    *a = (struct act){.act = {.action = JOBS_CANCEL,
                              .id = f.jobs[which % f.job_count],
                              .actor = "fuzz",
                              .done = acted,
                              .arg = a}};
    jobs_act(f.lab->host, &a->act);
}

static void fail_store(struct script *s) {
    static const int kinds[] = {STORE_COMMIT,   STORE_CLAIM,    STORE_START,   STORE_FORWARD,
                                STORE_KV_CLAIM, STORE_STEP_GET, STORE_BLOB_PUT};
    static const int codes[] = {-EROFS, -EIO, -ETIMEDOUT, -ENOSPC};
    int kind = kinds[take(s) % ARRAY_LEN(kinds)];
    bool after = take(s) % 2 == 1 && kind != STORE_CLAIM; // a claim cannot be repeated (store.h)
    faulty_add(faulty_plan_of(&f.lab->store),
               (struct faulty_rule){.kind = kind,
                                    .effect = after ? FAULTY_AFTER : FAULTY_BEFORE,
                                    .code = codes[take(s) % ARRAY_LEN(codes)],
                                    .times = 1 + take(s) % 3});
}

static void pass_time(struct script *s) {
    static const int64_t steps[] = {1, 20, 200, 1000, 2000, 5000, 60000, 600000};
    lab_advance(f.lab, steps[take(s) % ARRAY_LEN(steps)]);
}

static void die(struct script *s) {
    static const int ends[] = {SIGKILL, SIGSEGV, 0, 3 << 8};
    if (f.w != NULL && !f.w->dead) {
        lab_die(f.w, ends[take(s) % ARRAY_LEN(ends)]);
    }
}

/* The next worker, when there is one, from the beginning or honestly brought to its ready state. */
static void next_worker(bool honest) {
    for (int i = 0; f.lab->spawned == f.lab->taken; i++) {
        if (i == ROUNDS_MAX) {
            lab_fail("no worker comes");
        }
        lab_advance(f.lab, 30000); // the longest pause before it is tried again
    }
    f.w = lab_worker(f.lab);
    f.slot_count = 0;
    if (honest) {
        lab_shake_hands(f.lab, f.w);
    }
}

static void change_worker(struct script *s) {
    if (f.w != NULL && !f.w->dead) {
        return;
    }
    lab_settle(f.lab);
    if (!is_draining()) {
        next_worker(take(s) < 200);
    }
}

static void stop(void) {
    if (!f.stopped) {
        f.stopped = true;
        host_stop(f.lab->host, "the script");
    }
}

static void step(struct script *s) {
    collect();
    switch (take(s) % 16) {
    case 0: submit(s); break;
    case 1: lab_settle(f.lab); break;
    case 2: lab_turn(f.lab); break;
    case 3: pass_time(s); break;
    case 4: write_page(s); break;
    case 5: cancel(s); break;
    case 6: fail_store(s); break;
    case 7: die(s); break;
    case 8: change_worker(s); break;
    case 9: f.damage = take_u32(s); break;
    case 10:
        if (take(s) > 250) {
            stop();
        }
        break;
    case 11:
        if (take(s) > 200 && f.w != NULL && !f.w->dead && f.damage == 0) {
            break_rules(s);
        }
        break;
    default: say(s); break;
    }
}

/* ------------------------------------------------------------------ before and after */

static void open_lab(void) {
    if (access("/dev/shm", W_OK) == 0) {
        (void)setenv("TMPDIR", "/dev/shm",
                     0); // nothing here has to survive, and fsync() costs nothing there
    }
    f.lab = lab_open(&(struct lab_options){
        .plugin = "threads: 2, grace: 1s",
        .faulty = true,
        .store = "budget: {kv: 4KiB}",
        .more = "queues: {t: {concurrency: 6, max_payload: 20KiB, max_result: 1KiB}}"});
    f.inputs = 0;
    next_worker(true);
}

static void begin(void) {
    if (f.lab != NULL && (f.stopped || f.inputs++ == INPUTS_A_HOST)) {
        lab_stop(f.lab);
        lab_close(f.lab);
        f.lab = NULL;
    }
    if (f.lab == NULL) {
        open_lab();
    }
    f.stopped = false;
    f.job_count = f.act_count = f.slot_count = 0;
    f.damage = 0;
}

static void serve(void) {
    struct record r;
    lab_settle(f.lab);
    while (lab_next(f.w, &r)) {
        if (r.h.type == REC_JOB) {
            lab_done(f.w, r.h.job, JH_OK, JH_E_NONE);
        }
    }
    lab_settle(f.lab);
}

static bool have_all_ended(void) {
    for (unsigned i = 0; i < f.job_count; i++) {
        enum job_state state = lab_state(f.lab, &f.jobs[i]);
        if (!job_is_final(state) && state != JOB_PARKED) {
            return false;
        }
    }
    for (unsigned i = 0; i < f.act_count; i++) {
        if (!f.acts[i].done) {
            return false;
        }
    }
    const struct dispatch *d = f.lab->host->dispatch;
    return HASH_CNT(by_id, d->running) == 0 && d->claims_out == 0;
}

// Honest workers take over until there is nothing left to do.
static void finish(void) {
    if (f.stopped) {
        lab_stop(f.lab);
        lab_shut(f.lab);
        f.lab->options.faulty = true;
        lab_reopen(f.lab);
        f.w = NULL;
    } else {
        faulty_plan_of(&f.lab->store)->count = 0;
        if (f.w != NULL && !f.w->dead) {
            lab_die(f.w, SIGKILL);
        }
        lab_settle(f.lab);
        lab_advance(f.lab, 2000);
    }
    for (int i = 0; f.w == NULL || f.w->dead || !have_all_ended(); i++) {
        if (i == ROUNDS_MAX) {
            lab_fail("a job does not end");
        }
        if (f.w == NULL || f.w->dead) {
            next_worker(true);
        }
        serve();
        lab_advance(f.lab, i % 4 == 3 ? 3600000 : 1000);
    }
    lab_check_idle(f.lab);
    lab_check_sound(f.lab);
    lab_clear_away(f.lab);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct script s = {data, data + size};
    begin();
    while (s.at < s.end) {
        step(&s);
    }
    if (f.w != NULL && !f.w->dead) {
        send_out();
    }
    finish();
    return 0;
}
