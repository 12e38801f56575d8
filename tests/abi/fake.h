/* A supervisor for tests: spawns a real worker process and speaks the record protocol with it, one
 * record at a time.
 *
 * Every wait has a limit (FAKE_PATIENCE_MS) after which the test program aborts with words: a hung
 * worker is a failed test. PING is answered on the way unless `mute`. */
#ifndef TESTS_ABI_FAKE_H
#define TESTS_ABI_FAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/messages.h"
#include "record/start_page.h"

enum { FAKE_PATIENCE_MS = 20000 };

struct fake_options {
    const char *plugin; /* name of a file in the test plugins' directory, without .so; or a path */
    uint32_t threads;   /* 0 = 1       */
    int64_t ping_ms;    /* 0 = 1000    */
    int64_t lease_ms;   /* 0 = 30000   */
    uint32_t log_level; /* JH_LOG_*    */
    const char *data_dir;
    const struct msg_setting *settings;
    uint32_t setting_count;
    const struct msg_sandbox *sandbox; /* NULL = none is sent */
};

struct fake_note {
    char facility[32], text[512];
    uint32_t state;
};

struct fake {
    struct fake_options options;
    pid_t pid;
    int sock; /* -1 once closed */
    struct start_page *page;
    struct record_packet packet;
    struct record_writer out;
    struct arena arena;
    struct record_packet hello_packet;
    struct msg_hello hello; /* after fake_start() */
    bool mute;              /* leave PINGs unanswered */
    unsigned pings;
    struct fake_note notes[8]; /* NOTE records, passed over by fake_expect() */
    unsigned note_count;
    unsigned logs; /* LOG records passed over by fake_expect() */
    char last_log[512];
    struct msg_progress progress; /* the last one passed over likewise; no message */
    bool waited;
    int status; /* waitpid()'s */
};

/* The process alone; nothing has been said. */
void fake_spawn(struct fake *f, const struct fake_options *options);
/* Same, and tells it that this is its parent's pid. */
void fake_spawn_for(struct fake *f, const struct fake_options *options, pid_t parent);
/* Path of the worker program. */
const char *fake_worker(void);
/* Where the test plugins lie. */
const char *fake_plugin_dir(void);
/* WELCOME; then whatever comes. */
void fake_welcome(struct fake *f);
/* All of it: WELCOME, HELLO, CONFIG, READY. */
void fake_start(struct fake *f, const struct fake_options *options);
/* Kills what is left and frees. */
void fake_finish(struct fake *f);

/* Sends what has been written to f->out. */
void fake_flush(struct fake *f);
void fake_send(struct fake *f, enum record_type type, uint64_t job);
void fake_send_u32(struct fake *f, enum record_type type, uint64_t job, uint32_t value);
/* A job with these fields; missing ones get defaults. Not flushed. */
void fake_put_job(struct fake *f, uint64_t slot, const struct msg_job *m);
/* Handler 0 with this text as payload, sent at once. */
void fake_job(struct fake *f, uint64_t slot, const char *payload);
void fake_committed(struct fake *f, uint64_t slot, uint32_t commit_no, int32_t status);

/* The next record that is neither PING nor (unless wanted) LOG, NOTE or PROGRESS; it must be of this
 * type. */
struct record fake_expect(struct fake *f, enum record_type type);
struct record fake_expect_for(struct fake *f, enum record_type type, uint64_t slot);
struct msg_done fake_expect_done(struct fake *f, uint64_t slot);
/* The next record of any type, PING included; type 0 at the end of the stream. */
struct record fake_next(struct fake *f);

/* Nothing but PINGs and LOGs until the end of the stream. */
void fake_expect_end(struct fake *f);

/* Waits for the process to end; waitpid()'s status. */
int fake_wait(struct fake *f);
/* Waits until the start page shows `slot` on this thread. */
void fake_wait_started(struct fake *f, uint32_t thread, uint64_t slot);

/* True when the worker under test leaves crashes to a sanitizer. */
bool fake_sanitized(void);

/* Sends DRAIN, expects BYE and exit 0. */
void fake_drain(struct fake *f);

/* The bytes of a decoded field, by descriptor or not; allocated in f->arena. */
struct bytes fake_bytes(struct fake *f, struct record *r);

/* Answers everything until DONE of `slot`: commits with 0, step and key/value questions with
 * "none". */
struct msg_done fake_serve(struct fake *f, uint64_t slot);

int64_t fake_now_ms(void);
_Noreturn void fake_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
