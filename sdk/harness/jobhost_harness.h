/* jobhost_harness.h — runs a plugin's handlers in a test program, in-process, against a host made
 * of memory. No daemon, no threads, no real time: sleep_ms() advances a clock that only the harness
 * moves.
 *
 *     struct jh_harness *h = jh_harness_new(&jobhost_plugin);
 *     jh_harness_option(h, "pause", "10ms");                        // as in config.yaml
 *     jh_harness_payload(h, "{\"name\":\"Ada\"}");
 *     JH_CHECK_INT(JH_OK, jh_harness_run(h, "hello.say"));
 *     JH_CHECK_STR("\"Hello, Ada!\"", jh_harness_result(h));
 *     jh_harness_free(&h);
 *     return jh_harness_exit_status();
 *
 * The harness keeps what a real store would: steps, children, key/values, outputs and warnings that
 * were committed. A run that fails, is cancelled or "crashes" leaves them as they were at its last
 * commit, and the next jh_harness_run() is the next attempt of the same job. All checks of
 * arguments and all limits are those of the real host.
 *
 * One thread. Texts and pointers that the harness returns are valid until the next call that runs
 * or changes something. A mistake in using the harness itself (an unknown option, no such handler)
 * prints a line and ends the program with status 2. */
#ifndef JOBHOST_HARNESS_H
#define JOBHOST_HARNESS_H

#include "jobhost_flow.h"
#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

struct jh_harness;

/* Checks the manifest as the host does. */
struct jh_harness *jh_harness_new(const struct jh_plugin *plugin);
/* Calls destroy() if create() was called. *h becomes NULL. */
void jh_harness_free(struct jh_harness **h);

/* ---- before create(), which the first run calls ---- */

/* A value as a user writes it ("true", "400ms", "10MiB"), checked against the plugin's table: 0, or
 * -1 when the host would refuse it (jh_harness_error() has the words). */
int jh_harness_option(struct jh_harness *h, const char *name, const char *value);
/* Calls create() now: 0, or -1 (jh_harness_error(): what it said by fail()). A required option that
 * was not set fails it too. */
int jh_harness_create(struct jh_harness *h);
const char *jh_harness_error(const struct jh_harness *h);

/* ---- the job ---- */

/* All members may be changed before a run, except payload and input_count; texts are borrowed. */
struct jh_job *jh_harness_job(struct jh_harness *h);
void jh_harness_payload(struct jh_harness *h, const char *text);
void jh_harness_payload_bytes(struct jh_harness *h, const void *data, size_t len);
void jh_harness_input(struct jh_harness *h, const char *name, const char *content_type,
                      const void *data, size_t len);
/* With the name that the submitter's own file has; NULL = unknown, as jh_harness_input() says. */
void jh_harness_input_file(struct jh_harness *h, const char *name, const char *filename,
                           const char *content_type, const void *data, size_t len);
/* The queue's max_result, as output_fd() knows it. 1 GiB, the most there is, unless said. */
void jh_harness_max_result(struct jh_harness *h, size_t bytes);

/* What the store already holds. */
void jh_harness_set_step(struct jh_harness *h, const char *name, const char *value);
/* The state_version of the code that wrote the steps, after them; that of the handler that runs unless said. Steps that it
 * does not resume are a mistake: the host would not have begun the run. */
void jh_harness_set_steps_version(struct jh_harness *h, uint32_t version);
void jh_harness_set_kv(struct jh_harness *h, const char *key, const char *value);
void jh_harness_set_counter(struct jh_harness *h, const char *key, int64_t value);
void jh_harness_set_member(struct jh_harness *h, const char *key, const char *member);
/* Another job holds this claim, or (NULL) its work is done. */
void jh_harness_set_claim(struct jh_harness *h, const char *key, const char *holder);

/* An operator's answer to the question of this key, whether it has been asked yet or not. */
void jh_harness_answer(struct jh_harness *h, const char *key, const char *answer);
/* A limit that config.yaml has, with all its keys: acquire() grants so many slots (-1 = any number), then waits in vain and says to
 * come again in again_ms. Called again it begins anew. Others there are not (-ENOENT). */
void jh_harness_limit(struct jh_harness *h, const char *limit, int64_t slots, int64_t again_ms);

/* What jobhost.http/1 is answered by this method ("*" = any) and URL; one that ends with '*' is a beginning. Said again for the same
 * they are answered one after the other, the last one from then on. `headers` are lines, NULL = none, `body` NULL = empty;
 * status 0 = nobody answers (class NETWORK), and so it is of all other URLs. Copied. */
void jh_harness_http(struct jh_harness *h, const char *method, const char *url, int status,
                     const char *headers, const char *body);

/* An event that is published now. A job that waits for it is told before its next run. */
void jh_harness_event(struct jh_harness *h, const char *name, const char *payload);
/* A flow as jobhost.flow/1 tells of it; `which` is JH_FLOW_*. So many of its members have not ended. Closed it takes no more; the one
 * that the job has opened then refuses enqueue(), as one that fails does. Flows
 * that no test sets up there are not. */
void jh_harness_flow(struct jh_harness *h, int which, size_t open, int closed);
/* One of its members that have ended, behind those that were said before; `result` NULL = none. Copied. */
void jh_harness_member(struct jh_harness *h, int which, const struct jh_member *member,
                       const char *result);

/* ---- trouble, for the next run only; counts begin at 1 ---- */

/* When this much virtual time has passed in the run, or at the n-th call of any host function.
 * `mask`: JH_CANCEL_*. */
void jh_harness_cancel_after_ms(struct jh_harness *h, int64_t ms, uint32_t mask);
void jh_harness_cancel_at_call(struct jh_harness *h, unsigned n, uint32_t mask);
/* The n-th step_put() fails with this negative errno; -ESTALE: another attempt has taken over.
 * Nothing of it happens. */
void jh_harness_fail_commit(struct jh_harness *h, unsigned n, int error);
/* The process "dies" at the n-th commit, step_put() or the end of the run, before or just after it
 * became durable: the handler sees a failed step_put(), what it does then counts for nothing, and
 * the run returns JH_HARNESS_CRASHED. */
enum { JH_CRASH_BEFORE = 0, JH_CRASH_AFTER = 1 };
void jh_harness_crash_at_commit(struct jh_harness *h, unsigned n, int when);

/* ---- running ---- */

enum { JH_HARNESS_CRASHED = -1 };

/* One attempt. The status as the host takes it (see jh_harness_class()), or JH_HARNESS_CRASHED. */
jh_status jh_harness_run(struct jh_harness *h, const char *handler);

/* Runs the handler without trouble; then again from the same beginning with a crash at its 1st,
 * 2nd, ... commit, before and after it, each followed by runs until it ends; whatever the crash,
 * what is committed in the end must be the same. 0; or -1 and jh_harness_error() names the crash
 * and the first difference. The handler must end JH_OK. Call it before any other run. */
int jh_harness_crash_everywhere(struct jh_harness *h, const char *handler);

/* ---- how the last run ended ---- */

jh_class jh_harness_class(const struct jh_harness *h);
const char *jh_harness_message(const struct jh_harness *h); /* "" = none */
const char *jh_harness_code(const struct jh_harness *h);
const char *jh_harness_scope(const struct jh_harness *h);
int64_t jh_harness_retry_after_ms(const struct jh_harness *h);
const struct jh_wait *jh_harness_wait(const struct jh_harness *h); /* after JH_YIELD */
/* After JH_YIELD, the key of the question that the run asked, and the question with its choices, one a line;
 * NULL = it asked none. */
const char *jh_harness_asked(const struct jh_harness *h);
const char *jh_harness_question(const struct jh_harness *h);
/* What would be attached to the job, with a NUL after it. */
const char *jh_harness_result(const struct jh_harness *h);
size_t jh_harness_result_len(const struct jh_harness *h);
const char *jh_harness_result_type(const struct jh_harness *h);
unsigned jh_harness_commits(const struct jh_harness *h); /* in that run, its end included */
unsigned jh_harness_calls(const struct jh_harness *h);   /* of host functions */

struct jh_harness_shown {
    unsigned updates; /* progress() calls */
    uint64_t done, total;
    const char *message; /* "" = none */
};
struct jh_harness_shown jh_harness_progress(const struct jh_harness *h);

/* Log lines of the run, each "info: text" and a newline. */
const char *jh_harness_log(const struct jh_harness *h);

/* ---- what is committed, by all runs ---- */

const char *jh_harness_step(const struct jh_harness *h, const char *name); /* NULL = none */
size_t jh_harness_children(const struct jh_harness *h);
/* payload.data has a NUL after it. */
const struct jh_child *jh_harness_child(const struct jh_harness *h, size_t index);
/* What was asked for by jobhost.flow/1: add(); then(), NULL = it was not; on_child_dead(). */
size_t jh_harness_siblings(const struct jh_harness *h);
const struct jh_child *jh_harness_sibling(const struct jh_harness *h, size_t index);
const struct jh_child *jh_harness_then(const struct jh_harness *h);
int jh_harness_on_child_dead(const struct jh_harness *h);
size_t jh_harness_warnings(const struct jh_harness *h);
const char *jh_harness_warning(const struct jh_harness *h, size_t index); /* its code */
/* Output files, by name; content with a NUL after it. NULL and 0 = none. */
size_t jh_harness_outputs(const struct jh_harness *h);
const char *jh_harness_output_name(const struct jh_harness *h, size_t index);
const char *jh_harness_output(const struct jh_harness *h, const char *name);
size_t jh_harness_output_len(const struct jh_harness *h, const char *name);
const char *jh_harness_output_type(const struct jh_harness *h, const char *name);
const char *jh_harness_kv(const struct jh_harness *h, const char *key); /* NULL = none */
int64_t jh_harness_counter(const struct jh_harness *h, const char *key);
size_t jh_harness_members(const struct jh_harness *h, const char *key);
int jh_harness_is_done(const struct jh_harness *h, const char *key); /* claimed and done */

/* What the runs did with a limit. */
struct jh_harness_calls {
    unsigned granted, observed, given_back;
    int32_t status;          /* of the last that was observed */
    int64_t parked_until_ms; /* by park(); 0 = it was not     */
};
struct jh_harness_calls jh_harness_limit_calls(const struct jh_harness *h, const char *limit);
/* Requests by jobhost.http/1 that the runs made, redirects among them. */
struct jh_harness_request {
    const char *method, *url;
    const char *headers; /* lines: "Name: value" and LF each */
    const char *body;    /* a NUL that is not counted follows */
    size_t body_len;
};
size_t jh_harness_http_requests(const struct jh_harness *h);
/* From 0; NULL = there were not so many. */
const struct jh_harness_request *jh_harness_http_request(const struct jh_harness *h, size_t index);
/* Events that were published, with a NUL behind what they say. */
size_t jh_harness_published(const struct jh_harness *h);
const char *jh_harness_published_name(const struct jh_harness *h, size_t index);
const char *jh_harness_published_payload(const struct jh_harness *h, size_t index);

/* ---- the clock ---- */

int64_t
jh_harness_now_ms(const struct jh_harness *h); /* unix time; starts at 2026-01-01 00:00 UTC */
void jh_harness_advance(struct jh_harness *h, int64_t ms);

/* ---- checks, for those who have no test framework: print file and line and go on ---- */

#define JH_CHECK(condition) jh_harness_check((condition) != 0, #condition, __FILE__, __LINE__)
#define JH_CHECK_INT(want, got)                                                                    \
    jh_harness_check_int((long long)(want), (long long)(got), #got, __FILE__, __LINE__)
#define JH_CHECK_STR(want, got) jh_harness_check_str((want), (got), #got, __FILE__, __LINE__)
int jh_harness_check(int held, const char *what, const char *file, int line);
int jh_harness_check_int(long long want, long long got, const char *what, const char *file,
                         int line);
int jh_harness_check_str(const char *want, const char *got, const char *what, const char *file,
                         int line);
/* 0 when every check held; prints how many there were. For main(). */
int jh_harness_exit_status(void);

#ifdef __cplusplus
}
#endif
#endif
