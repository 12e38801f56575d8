/* What a job that waits leaves in the store, and what it finds there when it has been woken. One step stands
 * for one wait, from its beginning to the end of the job, so that each attempt is told the same:
 *
 *     (none) ──park──▶ open ──▶ got     the event or the answer, in one transaction with the job's waking
 *                        └────▶ late    nothing came in time; written by the attempt that found out
 *
 * A step's value is a line and what came:  "open UNTIL SINCE POSITION\n", "got AT POSITION TYPE\nBYTES",
 * "late AT POSITION\n". Times are unix ms, 0 = none; POSITION is the store's name for the newest event that
 * the job has taken ("-" = none), and TYPE a content type ("-" = none).
 *
 * What is looked for stands in the parked job: struct waits_event as a line, or a question and its
 * choices, one a line. Written and read by worker, supervisor, stores and the authors' harness; the Lua
 * form is lua/lib/events.lua. Pure. */
#ifndef JOBHOST_CORE_WAITS_H
#define JOBHOST_CORE_WAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "core/job.h"

/* Limits, each with a test at limit and limit + 1. */
enum {
    WAITS_EVENT_NAME_MAX = 200,   /* bytes; [A-Za-z0-9_.:@-]+ */
    WAITS_EVENT_MAX = 256 * 1024, /* bytes of what an event says */
    WAITS_EVENT_KEY_MAX = 200,    /* bytes of what makes an event unique in its name */
    WAITS_KEY_MAX = 200,          /* bytes of a question's key; of the same letters */
    WAITS_QUESTION_MAX = 1000,    /* bytes; no control characters */
    WAITS_CHOICES_MAX = 20,
    WAITS_CHOICE_MAX = 100,  /* bytes, at least 1; no control characters */
    WAITS_ANSWER_MAX = 4096, /* bytes, of an answer to a question without choices */
    WAITS_POSITION_MAX = 41, /* "18446744073709551615-18446744073709551615" */
    WAITS_FOR_MAX = WAITS_QUESTION_MAX + WAITS_CHOICES_MAX * (WAITS_CHOICE_MAX + 1),
};

/* The names of events, and the keys of questions. 0, -EINVAL or -EFBIG. */
int waits_check_name(const char *name);

/* What makes an event unique, and its content type: printable ASCII, the former without blanks. 0, -EINVAL or
 * -EFBIG. */
int waits_check_event_key(const char *key);
int waits_check_type(const char *type);

/* Names of steps. `n`: of which wait for this name, from 1; 0 = of a plain yield(). */
enum { WAITS_STEP_MAX = JOB_STEP_NAME_MAX + 1 };
void waits_event_step(const char *name, uint32_t n, char ret[WAITS_STEP_MAX]);
/* Where a plain yield() keeps its place; the event itself is the step of n = 0. */
void waits_plain_step(const char *name, char ret[WAITS_STEP_MAX]);
void waits_operator_step(const char *key, char ret[WAITS_STEP_MAX]);

enum waits_state { WAITS_OPEN, WAITS_GOT, WAITS_LATE };
struct waits_step {
    enum waits_state state;
    int64_t at_ms;                         /* OPEN: until when, 0 = for ever; else when it ended */
    int64_t since_ms;                      /* OPEN: when what it looks for came at the earliest   */
    char position[WAITS_POSITION_MAX + 1]; /* "-" = none */
    char type[JOB_CONTENT_TYPE_MAX + 1];   /* GOT; "" = none */
    struct bytes value;                    /* GOT: borrowed from what was read */
};
void waits_step_put(struct buf *b, const struct waits_step *step);
/* 0 or -EBADMSG. */
int waits_step_read(struct bytes text, struct waits_step *ret);

/* What a job that is parked for an event looks for: the oldest one behind `position` that came at
 * `since_ms` or later. */
struct waits_event {
    uint32_t n; /* as for waits_event_step() */
    int64_t since_ms;
    char position[WAITS_POSITION_MAX + 1];
};
enum { WAITS_EVENT_TEXT_MAX = 96 };
void waits_event_put(const struct waits_event *wait, char ret[WAITS_EVENT_TEXT_MAX]);
/* 0 or -EBADMSG. */
int waits_event_read(const char *text, struct waits_event *ret);

/* What a job that is parked for an operator asks. */
struct waits_question {
    struct bytes question;
    struct bytes choices[WAITS_CHOICES_MAX];
    size_t choice_count; /* 0 = any answer */
};
/* 0, -EINVAL (a text is missing, or has a control character) or -EFBIG. `choices` ends with NULL; NULL = any answer. */
int waits_question_put(struct buf *b, const char *question, const char *const *choices);
/* Borrowed from `text`. 0 or -EBADMSG. */
int waits_question_read(const char *text, struct waits_question *ret);
/* 0; -EINVAL (none, or with a control character besides line ends and tabs), -EFBIG, or -ENOENT (it is none of the choices). */
int waits_check_answer(const struct waits_question *question, const char *answer);

#endif
