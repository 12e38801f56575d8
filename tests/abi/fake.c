#define _GNU_SOURCE // SOCK_CLOEXEC
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t fake_now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void fake_fail(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    abort();
}

// ---- the process ----

static void plugin_path(const char *plugin, char *out, size_t cap) {
    if (strchr(plugin, '/') != NULL) {
        (void)snprintf(out, cap, "%s", plugin);
    } else {
        (void)snprintf(out, cap, "%s/%s.so", ABI_PLUGIN_DIR, plugin);
    }
}

static _Noreturn void become_worker(int sock, int page, pid_t parent) {
    char pid[16];
    (void)snprintf(pid, sizeof pid, "%ld", (long)parent);
    // away from the numbers they have to end on
    int s = fcntl(sock, F_DUPFD, 10);
    int p = fcntl(page, F_DUPFD, 10);
    if (s == -1 || p == -1 || dup2(s, 3) == -1 || dup2(p, 4) == -1) {
        _exit(126);
    }
    (void)execl(ABI_WORKER, "jobhost", "--worker", pid, (char *)NULL);
    _exit(127);
}

const char *fake_plugin_dir(void) {
    return ABI_PLUGIN_DIR;
}

const char *fake_worker(void) {
    return ABI_WORKER;
}

void fake_spawn_for(struct fake *f, const struct fake_options *options, pid_t parent) {
    memset(f, 0, sizeof *f);
    f->options = *options;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
        fake_fail("socketpair: %s", strerror(errno));
    }
    int page = start_page_new(&f->page);
    if (page < 0) {
        fake_fail("start page: %s", strerror(-page));
    }
    f->pid = fork();
    if (f->pid == 0) {
        become_worker(pair[1], page, parent);
    }
    (void)close(pair[1]);
    (void)close(page);
    f->sock = pair[0];
}

void fake_spawn(struct fake *f, const struct fake_options *options) {
    fake_spawn_for(f, options, getpid());
}

void fake_finish(struct fake *f) {
    if (!f->waited) {
        (void)kill(-f->pid, SIGKILL);
        (void)kill(f->pid, SIGKILL);
        (void)waitpid(f->pid, &f->status, 0);
    }
    if (f->sock != -1) {
        (void)close(f->sock);
    }
    record_packet_finish(&f->packet);
    record_writer_finish(&f->out);
    arena_free(&f->arena);
    start_page_unmap(&f->page);
}

int fake_wait(struct fake *f) {
    int64_t limit = fake_now_ms() + FAKE_PATIENCE_MS;
    while (!f->waited) {
        pid_t pid = waitpid(f->pid, &f->status, WNOHANG);
        f->waited = pid == f->pid;
        if (!f->waited && fake_now_ms() > limit) {
            fake_fail("worker %ld does not end", (long)f->pid);
        }
        if (!f->waited) {
            (void)poll(NULL, 0, 1);
        }
    }
    return f->status;
}

void fake_wait_started(struct fake *f, uint32_t thread, uint64_t slot) {
    int64_t limit = fake_now_ms() + FAKE_PATIENCE_MS;
    while (atomic_load(&f->page->thread[thread].job) != slot) {
        if (fake_now_ms() > limit) {
            fake_fail("job %llu is not started", (unsigned long long)slot);
        }
        (void)poll(NULL, 0, 1);
    }
}

// ---- sending ----

void fake_flush(struct fake *f) {
    int rc = record_send(&f->out, f->sock);
    if (rc < 0) {
        fake_fail("cannot send to the worker: %s", strerror(-rc));
    }
}

void fake_send(struct fake *f, enum record_type type, uint64_t job) {
    record_begin(&f->out, type, job);
    (void)record_end(&f->out);
    fake_flush(f);
}

// One that was told to end may have asked before it heard of it, and be gone.
static void answer_ping(struct fake *f) {
    record_begin(&f->out, REC_PONG, 0);
    (void)record_end(&f->out);
    int rc = record_send(&f->out, f->sock);
    if (rc < 0 && rc != -EPIPE) {
        fake_fail("cannot send to the worker: %s", strerror(-rc));
    }
}

void fake_send_u32(struct fake *f, enum record_type type, uint64_t job, uint32_t value) {
    record_begin(&f->out, type, job);
    record_u32(&f->out, value);
    (void)record_end(&f->out);
    fake_flush(f);
}

void fake_put_job(struct fake *f, uint64_t slot, const struct msg_job *m) {
    struct msg_job job = *m;
    job.attempt = job.attempt == 0 ? 1 : job.attempt;
    job.id = job.id == NULL ? "01933333-3333-7333-8333-333333333333" : job.id;
    int rc = msg_job_put(&f->out, slot, &job);
    if (rc == -EMSGSIZE) {
        fake_flush(f);
        rc = msg_job_put(&f->out, slot, &job);
    }
    if (rc < 0) {
        fake_fail("job: %s", strerror(-rc));
    }
}

void fake_job(struct fake *f, uint64_t slot, const char *payload) {
    fake_put_job(f, slot, &(struct msg_job){.payload = {.data = bytes_of(payload)}});
    fake_flush(f);
}

void fake_committed(struct fake *f, uint64_t slot, uint32_t commit_no, int32_t status) {
    (void)msg_committed_put(&f->out, slot, &(struct msg_committed){commit_no, status});
    fake_flush(f);
}

// ---- receiving ----

static bool receive(struct fake *f) {
    struct pollfd p = {.fd = f->sock, .events = POLLIN};
    if (poll(&p, 1, FAKE_PATIENCE_MS) == 0) {
        fake_fail("the worker is silent (plugin %s)", f->options.plugin);
    }
    int rc = record_recv(&f->packet, f->sock);
    if (rc < 0 && rc != -ECONNRESET) {
        fake_fail("receive: %s", strerror(-rc));
    }
    return rc == 1;
}

struct record fake_next(struct fake *f) {
    struct record r;
    int rc;
    while ((rc = record_next(&f->packet, &r)) == 0) {
        if (!receive(f)) {
            return (struct record){.fd_at = -1};
        }
    }
    if (rc < 0) {
        fake_fail("malformed record from the worker");
    }
    return r;
}

static void note_log(struct fake *f, struct record *r) {
    struct msg_log m;
    if (msg_log_get(r, &m) < 0) {
        fake_fail("malformed LOG");
    }
    f->logs++;
    (void)snprintf(f->last_log, sizeof f->last_log, "%s", m.text);
}

static void note_progress(struct fake *f, struct record *r) {
    if (msg_progress_get(r, &f->progress) < 0) {
        fake_fail("malformed PROGRESS");
    }
    f->progress.message = NULL; // borrowed
}

static void keep_note(struct fake *f, struct record *r) {
    struct msg_note m;
    if (msg_note_get(r, &m) < 0 || f->note_count == ARRAY_LEN(f->notes)) {
        fake_fail("malformed NOTE, or too many");
    }
    struct fake_note *n = &f->notes[f->note_count++];
    n->state = m.state;
    (void)snprintf(n->facility, sizeof n->facility, "%s", m.facility);
    (void)snprintf(n->text, sizeof n->text, "%s", m.text == NULL ? "" : m.text);
}

struct record fake_expect(struct fake *f, enum record_type type) {
    for (;;) {
        struct record r = fake_next(f);
        if (r.h.type == type) {
            return r;
        }
        if (r.h.type == REC_PING) {
            f->pings++;
            if (!f->mute) {
                answer_ping(f);
            }
        } else if (r.h.type == REC_LOG) {
            note_log(f, &r);
        } else if (r.h.type == REC_NOTE) {
            keep_note(f, &r);
        } else if (r.h.type == REC_PROGRESS) {
            note_progress(f, &r);
        } else {
            fake_fail("expected record %d, got %d (plugin %s)", type, r.h.type, f->options.plugin);
        }
    }
}

struct record fake_expect_for(struct fake *f, enum record_type type, uint64_t slot) {
    struct record r = fake_expect(f, type);
    if (r.h.job != slot) {
        fake_fail("record %d is for job %llu, not %llu", type, (unsigned long long)r.h.job,
                  (unsigned long long)slot);
    }
    return r;
}

struct msg_done fake_expect_done(struct fake *f, uint64_t slot) {
    struct record r = fake_expect_for(f, REC_DONE, slot);
    struct msg_done m;
    if (msg_done_get(&r, &m) < 0) {
        fake_fail("malformed DONE");
    }
    return m;
}

void fake_expect_end(struct fake *f) {
    struct record r = fake_next(f);
    while (r.h.type == REC_PING || r.h.type == REC_LOG) {
        r = fake_next(f);
    }
    if (r.h.type != 0) {
        fake_fail("expected the end of the stream, got record %d", r.h.type);
    }
}

struct bytes fake_bytes(struct fake *f, struct record *r) {
    int fd;
    struct bytes b = record_get_bytes(r, &fd);
    if (fd != -1) {
        char *copy = arena_alloc(&f->arena, b.len + 1);
        if (copy == NULL || pread(fd, copy, b.len, 0) != (ssize_t)b.len) {
            fake_fail("content by descriptor cannot be read");
        }
        b.data = copy;
        (void)close(fd);
    }
    return b;
}

bool fake_sanitized(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return true;
#endif
#endif
    return false;
}

// ---- conversations ----

void fake_welcome(struct fake *f) {
    const struct fake_options *o = &f->options;
    char path[512];
    plugin_path(o->plugin, path, sizeof path);
    const struct msg_welcome m = {
        .wire_version = RECORD_WIRE_VERSION,
        .plugin = "test",
        .snapshot = path,
        .sha256 = "",
        .threads = o->threads == 0 ? 1 : o->threads,
        .ping_ms = o->ping_ms == 0 ? 1000 : o->ping_ms,
        .lease_ms = o->lease_ms == 0 ? 30000 : o->lease_ms,
        .log_level = o->log_level,
        .data_dir = o->data_dir,
    };
    if ((o->sandbox != NULL && msg_sandbox_put(&f->out, 0, o->sandbox) < 0) ||
        msg_welcome_put(&f->out, 0, &m) < 0) {
        fake_fail("WELCOME");
    }
    fake_flush(f);
}

void fake_start(struct fake *f, const struct fake_options *options) {
    fake_spawn(f, options);
    fake_welcome(f);
    (void)fake_expect(f, REC_HELLO);
    // what it says is looked at for as long as the worker lives, so its packet is kept
    struct record r;
    memcpy(&f->hello_packet, &f->packet, sizeof f->packet);
    f->hello_packet.at = 0;
    if (record_next(&f->hello_packet, &r) != 1 || msg_hello_get(&r, &f->arena, &f->hello) < 0) {
        fake_fail("malformed HELLO");
    }
    const struct msg_config m = {options->setting_count, options->settings};
    (void)msg_config_put(&f->out, 0, &m);
    fake_flush(f);
    (void)fake_expect(f, REC_READY);
}

static void answer_get(struct fake *f, struct record *r) {
    struct msg_get m;
    if (msg_get_get(r, &m) < 0) {
        fake_fail("malformed GET");
    }
    msg_bytes_close(&m.member);
    const struct msg_value v = {.request = m.request, .status = m.what == GET_CLAIM ? 0 : 1};
    (void)msg_value_put(&f->out, r->h.job, &v);
    fake_flush(f);
}

struct msg_done fake_serve(struct fake *f, uint64_t slot) {
    for (;;) {
        struct record r = fake_next(f);
        struct msg_done done;
        switch (r.h.type) {
        case 0: fake_fail("the worker is gone (plugin %s)", f->options.plugin);
        case REC_PING: answer_ping(f); break;
        case REC_COMMIT: fake_committed(f, r.h.job, record_get_u32(&r), 0); break;
        case REC_GET: answer_get(f, &r); break;
        case REC_LOG: note_log(f, &r); break;
        case REC_DONE:
            if (msg_done_get(&r, &done) < 0 || r.h.job != slot) {
                fake_fail("bad DONE");
            }
            return done;
        default: break; // effects
        }
    }
}

void fake_drain(struct fake *f) {
    fake_send(f, REC_DRAIN, 0);
    (void)fake_expect(f, REC_BYE);
    int status = fake_wait(f);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fake_fail("plugin %s: drained, but ended with status 0x%x", f->options.plugin, status);
    }
}
