// The authors' harness does what the worker does: a plugin that tries everything, seen through
// jobhost_harness.h.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "expect.h"
#include "jobhost_blob.h"
#include "jobhost_clock.h"
#include "jobhost_event.h"
#include "jobhost_flow.h"
#include "jobhost_harness.h"
#include "jobhost_http.h"
#include "jobhost_kv.h"
#include "jobhost_limit.h"
#include "jobhost_operator.h"
#include "jobhost_util.h"

// ---- the plugin: what a handler does is set by the test ----

static int
    good_order; // 0: what a step's commit takes along is asked for before it, as it should be

static jh_status (*behaviour)(struct jh_call *c, const struct jh_job *job);
static int created, destroyed;

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    return behaviour(c, job);
}

static int create(struct jh_call *c, void **self) {
    created++;
    *self = &created;
    if (jh_opt_bool(c, "broken", 0)) {
        (void)jh_failf(c, JH_E_AUTH, NULL, "no key");
        return -1;
    }
    return 0;
}

static void destroy(void *self) {
    destroyed += self == &created;
}

static const struct jh_option options[] = {
    {"broken", JH_OPT_BOOL, 0, "false", NULL},
    {"wait", JH_OPT_DURATION, 0, "1m30s", NULL},
    {"room", JH_OPT_SIZE, 0, "1KiB", NULL},
    {"count", JH_OPT_INT, 0, NULL, NULL},
    {"url", JH_OPT_URL, 0, NULL, NULL},
    {"name", JH_OPT_STRING, JH_OPT_REQUIRED, NULL, NULL},
    {0},
};
static const struct jh_handler handlers[] = {
    {.name = "t.run", .run = run, .state_version = 3, .oldest_state_version = 2},
    {.name = "t.old", .run = run},
    {.name = "t.query", .run = run, .flags = JH_HANDLER_QUERY},
};
static const struct jh_plugin plugin = {
    JH_PLUGIN_INIT,       .name = "t",        .version = "1",   .options = options,
    .handlers = handlers, .handler_count = 3, .create = create, .destroy = destroy,
};

static struct jh_harness *start(jh_status (*act)(struct jh_call *, const struct jh_job *)) {
    struct jh_harness *h = jh_harness_new(&plugin);
    EXPECT_EQ_INT(0, jh_harness_option(h, "name", "x"));
    behaviour = act;
    return h;
}

// ---- life and options ----

static jh_status do_nothing(struct jh_call *c, const struct jh_job *job) {
    (void)c;
    (void)job;
    return JH_OK;
}

static void test_life(void) {
    created = destroyed = 0;
    struct jh_harness *h = start(do_nothing);
    EXPECT_EQ_INT(0, created);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(1, created);
    EXPECT_EQ_INT(2, jh_harness_job(h)->attempt);
    jh_harness_free(&h);
    EXPECT_EQ_INT(1, destroyed);
    EXPECT_NULL(h);
    jh_harness_free(&h);
    h = jh_harness_new(&plugin);
    jh_harness_free(&h);
    EXPECT_EQ_INT(1, destroyed); // was not created
}

static jh_status show_options(struct jh_call *c, const struct jh_job *job) {
    (void)job;
    jh_logf(c, JH_LOG_INFO, "%s %s %s %s %s %s", jh_opt_str(c, "broken", "-"),
            jh_opt_str(c, "wait", "-"), jh_opt_str(c, "room", "-"), jh_opt_str(c, "count", "-"),
            jh_opt_str(c, "url", "-"), jh_opt_str(c, "name", "-"));
    return JH_OK;
}

static void test_options(void) {
    struct jh_harness *h = start(show_options);
    static const char *const bad[][2] = {{"broken", "yes"}, {"wait", "30"}, {"room", "big"},
                                         {"count", "1.5"},  {"count", ""},  {"url", "ftp://x"},
                                         {"unknown", "x"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_EQ_INT(-1, jh_harness_option(h, bad[i][0], bad[i][1]));
        EXPECT_CONTAINS(bad[i][0], jh_harness_error(h));
    }
    EXPECT_EQ_INT(0, jh_harness_option(h, "count", "-7"));
    EXPECT_EQ_INT(0, jh_harness_option(h, "url", "https://example.org"));
    EXPECT_EQ_INT(0, jh_harness_option(h, "name", "later"));
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("info: false 90000 1024 -7 https://example.org later\n", jh_harness_log(h));
    jh_harness_free(&h);

    h = jh_harness_new(&plugin);
    EXPECT_EQ_INT(-1, jh_harness_create(h));
    EXPECT_EQ_STR("name: is required", jh_harness_error(h));
    EXPECT_EQ_INT(0, jh_harness_option(h, "name", "x"));
    EXPECT_EQ_INT(0, jh_harness_option(h, "broken", "true"));
    EXPECT_EQ_INT(-1, jh_harness_create(h));
    EXPECT_EQ_STR("create: no key", jh_harness_error(h));
    jh_harness_free(&h);
}

// ---- one run ----

static jh_status try_much(struct jh_call *c, const struct jh_job *job) {
    const struct jh_host *h = c->host;
    const struct jh_kv *kv = h->extension(h, JH_KV_1);
    const struct jh_child child = {
        .size = sizeof child, .handler = "t.run", .payload = job->payload, .delay_ms = 5};
    struct jh_bytes value;
    int64_t count = 0;
    EXPECT_EQ_INT(1, h->step_get(c, "s", &value));
    EXPECT_EQ_INT(0, h->enqueue(c, &child));
    EXPECT_EQ_INT(0, kv->set(c, "k", jh_bytes_of("v"), 0));
    EXPECT_EQ_INT(0, kv->add(c, "n", 2));
    EXPECT_EQ_INT(0, kv->counter(c, "n", &count));
    EXPECT_EQ_INT(12, count);
    EXPECT_EQ_INT(0, kv->sadd(c, "m", jh_bytes_of("b")));
    EXPECT_EQ_INT(0, h->warn(c, "odd", "something is odd"));
    EXPECT_EQ_INT(0, jh_step_puts(c, "s", "done"));
    EXPECT_EQ_INT(0, h->step_get(c, "s", &value));
    EXPECT_EQ_INT(0, kv->add(c, "n", 100)); // never committed
    EXPECT_EQ_INT(0, h->progress(c, 3, 9, "third"));
    (void)h->result(c, jh_bytes_of("partial"));
    return jh_failf(c, JH_E_UPSTREAM, "http_502", "bad gateway");
}

static void test_run(void) {
    struct jh_harness *h = start(try_much);
    jh_harness_payload(h, "{}");
    jh_harness_set_counter(h, "n", 10);
    jh_harness_set_member(h, "m", "a");
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_E_UPSTREAM, jh_harness_class(h));
    EXPECT_EQ_STR("bad gateway", jh_harness_message(h));
    EXPECT_EQ_STR("http_502", jh_harness_code(h));
    EXPECT_EQ_STR("", jh_harness_scope(h));
    EXPECT_EQ_STR("", jh_harness_result(h)); // not attached to a failure
    EXPECT_EQ_STR("done", jh_harness_step(h, "s"));
    EXPECT_EQ_UINT(1, jh_harness_children(h));
    EXPECT_EQ_INT(5, jh_harness_child(h, 0)->delay_ms);
    EXPECT_EQ_STR("v", jh_harness_kv(h, "k"));
    EXPECT_EQ_INT(12, jh_harness_counter(h, "n"));
    EXPECT_EQ_UINT(2, jh_harness_members(h, "m"));
    EXPECT_EQ_STR("odd", jh_harness_warning(h, 0));
    EXPECT_EQ_UINT(2, jh_harness_commits(h));
    struct jh_harness_shown shown = jh_harness_progress(h);
    EXPECT_EQ_UINT(1, shown.updates);
    EXPECT_EQ_UINT(3, shown.done);
    EXPECT_EQ_STR("third", shown.message);
    jh_harness_free(&h);
}

static jh_status use_claim(struct jh_call *c, const struct jh_job *job) {
    const struct jh_kv *kv = c->host->extension(c->host, JH_KV_1);
    const char *holder = "nobody";
    (void)job;
    EXPECT_EQ_INT(JH_CLAIM_HELD, kv->claim(c, "held", &holder));
    EXPECT_EQ_STR("somebody", holder);
    EXPECT_EQ_INT(JH_CLAIM_DONE, kv->claim(c, "over", NULL));
    EXPECT_EQ_INT(JH_CLAIM_WON, kv->claim(c, "free", NULL));
    EXPECT_EQ_INT(JH_CLAIM_WON, kv->claim(c, "free", NULL));
    EXPECT_EQ_INT(0, kv->done(c, "free", 0));
    EXPECT_EQ_INT(JH_CLAIM_DONE, kv->claim(c, "free", NULL));
    EXPECT_EQ_INT(JH_CLAIM_WON, kv->claim(c, "gone", NULL));
    EXPECT_EQ_INT(0, kv->done(c, "gone", 0));
    EXPECT_EQ_INT(0, kv->del(c, "gone")); // takes the claim along,
    EXPECT_EQ_INT(JH_CLAIM_WON, kv->claim(c, "gone", NULL));
    EXPECT_EQ_INT(0, kv->del(c, "over"));
    EXPECT_EQ_INT(JH_CLAIM_DONE, kv->claim(c, "over", NULL)); // with the commit
    EXPECT_EQ_INT(0, jh_step_puts(c, "s", ""));
    EXPECT_EQ_INT(JH_CLAIM_WON, kv->claim(c, "over", NULL));
    return JH_OK;
}

static void test_claims(void) {
    struct jh_harness *h = start(use_claim);
    jh_harness_set_claim(h, "held", "somebody");
    jh_harness_set_claim(h, "over", NULL);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_TRUE(jh_harness_is_done(h, "free"));
    EXPECT_FALSE(jh_harness_is_done(h, "gone"));
    EXPECT_FALSE(jh_harness_is_done(h, "held"));
    jh_harness_free(&h);
}

static jh_status use_files(struct jh_call *c, const struct jh_job *job) {
    const struct jh_blob *blob = c->host->extension(c->host, JH_BLOB_1);
    struct jh_input in = {.size = sizeof in};
    char text[8] = "";
    EXPECT_EQ_UINT(1, job->input_count);
    EXPECT_EQ_INT(-EINVAL, blob->input(c, 1, &in));
    EXPECT_EQ_INT(-EINVAL, blob->open(c, 1));
    EXPECT_EQ_INT(0, blob->input(c, 0, &in));
    EXPECT_EQ_STR("f.txt", in.name);
    EXPECT_EQ_UINT(3, in.length);
    int fd = blob->open(c, 0);
    EXPECT_EQ_INT(3, read(fd, text, sizeof text));
    EXPECT_EQ_STR("abc", text);
    EXPECT_EQ_INT(0, blob->result_fd(c, fd, "text/plain"));
    (void)close(fd);
    return JH_OK;
}

static void test_files(void) {
    struct jh_harness *h = start(use_files);
    jh_harness_input(h, "f.txt", "text/plain", "abc", 3);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("abc", jh_harness_result(h));
    EXPECT_EQ_UINT(3, jh_harness_result_len(h));
    EXPECT_EQ_STR("text/plain", jh_harness_result_type(h));
    jh_harness_free(&h);
}

// ---- outputs ----

static int put(struct jh_call *c, const char *name, const char *text, const char *type) {
    const struct jh_blob *blob = c->host->extension(c->host, JH_BLOB_1);
    FILE *file = tmpfile();
    (void)fputs(text, file);
    (void)fflush(file);
    int rc = blob->output_fd(c, name, fileno(file), type);
    (void)fclose(file);
    return rc;
}

static jh_status put_many(struct jh_call *c, const struct jh_job *job) {
    const struct jh_blob *blob = c->host->extension(c->host, JH_BLOB_1);
    int ends[2];
    EXPECT_TRUE(JH_HAS(blob, jh_blob, output_fd));
    EXPECT_EQ_INT(-EINVAL, put(c, "a/b", "x", NULL));
    EXPECT_EQ_INT(-EINVAL, put(c, NULL, "x", NULL));
    EXPECT_EQ_INT(-EINVAL, put(c, "x", "x", ""));
    EXPECT_EQ_INT(-EBADF, blob->output_fd(c, "x", -1, NULL));
    EXPECT_EQ_INT(0, pipe(ends));
    EXPECT_EQ_INT(-EINVAL, blob->output_fd(c, "x", ends[0], NULL));
    (void)close(ends[0]);
    (void)close(ends[1]);
    EXPECT_EQ_INT(0, put(c, "max", "12345678", NULL));
    EXPECT_EQ_INT(-EFBIG, put(c, "over", "123456789", NULL));
    if (job->attempt == 1) {
        EXPECT_EQ_INT(0, put(c, "a.md", "# first", "text/markdown"));
        EXPECT_EQ_INT(0, put(c, "a.md", "# A", "text/markdown"));
        EXPECT_EQ_INT(0, jh_step_puts(c, "s", "x"));
        EXPECT_EQ_INT(0, put(c, "a.md", "lost", "text/plain"));
        EXPECT_EQ_INT(0, put(c, "lost", "", NULL));
        return jh_failf(c, JH_E_NETWORK, NULL, "later");
    }
    EXPECT_EQ_INT(0, put(c, "late", "", NULL));
    struct jh_failure f = {.size = sizeof f, .cls = JH_E_INPUT};
    f.flags = job->attempt == 2 ? 0 : JH_FAILURE_KEEP_RESULT;
    return c->host->fail(c, &f);
}

static void test_outputs(void) {
    struct jh_harness *h = start(put_many);
    jh_harness_max_result(h, 8);
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(2, jh_harness_outputs(h));
    EXPECT_EQ_STR("max", jh_harness_output_name(h, 0));
    EXPECT_EQ_STR("12345678", jh_harness_output(h, "max"));
    EXPECT_EQ_STR("application/octet-stream", jh_harness_output_type(h, "max"));
    EXPECT_EQ_STR("# A", jh_harness_output(h, "a.md"));
    EXPECT_EQ_UINT(3, jh_harness_output_len(h, "a.md"));
    EXPECT_EQ_STR("text/markdown", jh_harness_output_type(h, "a.md"));
    EXPECT_NULL(jh_harness_output(h, "lost"));
    EXPECT_EQ_INT(JH_FAIL, jh_harness_run(h, "t.run"));
    EXPECT_NULL(jh_harness_output(h, "late"));
    EXPECT_EQ_INT(JH_FAIL, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("", jh_harness_output(h, "late"));
    jh_harness_free(&h);
}

static jh_status put_thousand(struct jh_call *c, const struct jh_job *job) {
    char name[16];
    (void)job;
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "%u", i);
        EXPECT_EQ_INT(0, put(c, name, "", NULL));
        if (i == 500) {
            EXPECT_EQ_INT(0, jh_step_puts(c, "half", ""));
        }
    }
    EXPECT_EQ_INT(-ENOSPC, put(c, "1000", "", NULL));
    EXPECT_EQ_INT(0, put(c, "1", "again", NULL));
    EXPECT_EQ_INT(0, put(c, "999", "again", NULL));
    return JH_OK;
}

static void test_outputs_most(void) {
    struct jh_harness *h = start(put_thousand);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(1000, jh_harness_outputs(h));
    EXPECT_EQ_STR("again", jh_harness_output(h, "999"));
    jh_harness_free(&h);
}

static jh_status put_twice(struct jh_call *c, const struct jh_job *job) {
    struct jh_bytes seen;
    (void)job;
    EXPECT_EQ_INT(0, put(c, "always", "same", NULL));
    if (c->host->step_get(c, "s", &seen) != 0) {
        (void)put(c, "once", good_order ? "first" : "only", NULL);
        if (jh_step_puts(c, "s", "x") < 0) {
            return jh_stop(c);
        }
    } else if (good_order) { // wrong: another content after a crash
        (void)put(c, "once", "second", NULL);
    }
    return JH_OK;
}

static void test_outputs_crash(void) {
    good_order = 0;
    struct jh_harness *h = start(put_twice);
    EXPECT_EQ_INT(0, jh_harness_crash_everywhere(h, "t.run"));
    EXPECT_EQ_STR("", jh_harness_error(h));
    EXPECT_EQ_UINT(2, jh_harness_outputs(h));
    jh_harness_free(&h);
    good_order = 1;
    h = start(put_twice);
    EXPECT_EQ_INT(-1, jh_harness_crash_everywhere(h, "t.run"));
    EXPECT_CONTAINS("output \"once\" is another", jh_harness_error(h));
    jh_harness_free(&h);
}

static jh_status see_filenames(struct jh_call *c, const struct jh_job *job) {
    const struct jh_blob *blob = c->host->extension(c->host, JH_BLOB_1);
    struct jh_input in = {.size = sizeof in};
    EXPECT_EQ_UINT(2, job->input_count);
    EXPECT_EQ_INT(0, blob->input(c, 0, &in));
    EXPECT_EQ_STR("orders", in.name);
    EXPECT_EQ_STR("Juli.tsv", in.filename);
    EXPECT_TRUE(JH_HAS(&in, jh_input, filename));
    EXPECT_EQ_INT(0, blob->input(c, 1, &in));
    EXPECT_NULL(in.filename);
    // as a plugin sees it that was built before there was a filename
    char mark = 'm';
    in = (struct jh_input){.size = offsetof(struct jh_input, filename), .filename = &mark};
    EXPECT_EQ_INT(0, blob->input(c, 0, &in));
    EXPECT_TRUE(in.filename == &mark);
    EXPECT_FALSE(JH_HAS(&in, jh_input, filename));
    in.size--;
    EXPECT_EQ_INT(-EINVAL, blob->input(c, 0, &in));
    return JH_OK;
}

static void test_filenames(void) {
    struct jh_harness *h = start(see_filenames);
    jh_harness_input_file(h, "orders", "Juli.tsv", NULL, "a", 1);
    jh_harness_input(h, "orders", NULL, "b", 1);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    jh_harness_free(&h);
}

// ---- time and cancel ----

static jh_status sleep_long(struct jh_call *c, const struct jh_job *job) {
    const struct jh_clock *clock = c->host->extension(c->host, JH_CLOCK_1);
    int64_t began = clock->wall_ms(c);
    (void)job;
    while (c->host->sleep_ms(c, 1000) == 0) {
        if (clock->mono_ms(c) - began >= 5000) {
            return jh_yield_until(c, clock->wall_ms(c) + 60000);
        }
    }
    return jh_stop(c);
}

static void test_time(void) {
    struct jh_harness *h = start(sleep_long);
    int64_t began = jh_harness_now_ms(h);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(5000, jh_harness_now_ms(h) - began);
    EXPECT_EQ_INT(JH_WAIT_UNTIL, jh_harness_wait(h)->kind);
    EXPECT_EQ_INT(began + 65000, jh_harness_wait(h)->wake_at_ms);
    EXPECT_EQ_INT(0, jh_harness_job(h)->attempt); // parking uses none
    jh_harness_advance(h, 60000);
    jh_harness_cancel_after_ms(h, 2500, JH_CANCEL_USER);
    EXPECT_EQ_INT(JH_CANCELLED, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(began + 67500, jh_harness_now_ms(h));
    jh_harness_cancel_after_ms(h, 0, 0);
    jh_harness_cancel_at_call(h, 3, JH_CANCEL_DEADLINE);
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_E_TIMEOUT, jh_harness_class(h));
    jh_harness_free(&h);
}

static jh_status watch_fd(struct jh_call *c, const struct jh_job *job) {
    struct pollfd p = {.fd = c->host->cancel_fd(c), .events = POLLIN};
    (void)job;
    EXPECT_EQ_INT(0, poll(&p, 1, 0));
    EXPECT_EQ_UINT(JH_CANCEL_USER, c->host->cancelled(c)); // the second call
    EXPECT_EQ_INT(1, poll(&p, 1, 0));
    return jh_stop(c);
}

static void test_cancel_fd(void) {
    struct jh_harness *h = start(watch_fd);
    jh_harness_cancel_at_call(h, 2, JH_CANCEL_USER);
    EXPECT_EQ_INT(JH_CANCELLED, jh_harness_run(h, "t.run"));
    jh_harness_free(&h);
}

static void *call_from_elsewhere(void *arg) {
    struct jh_call *c = arg;
    EXPECT_EQ_INT(-EPERM, c->host->step_put(c, "x", jh_bytes_of("y")));
    EXPECT_EQ_INT(-EPERM, c->host->sleep_ms(c, 1));
    c->host->log(c, JH_LOG_WARN, "from elsewhere");
    return NULL;
}

static jh_status use_thread(struct jh_call *c, const struct jh_job *job) {
    pthread_t thread;
    (void)job;
    if (pthread_create(&thread, NULL, call_from_elsewhere, c) == 0) {
        (void)pthread_join(thread, NULL);
    }
    return JH_OK;
}

static void test_thread(void) {
    struct jh_harness *h = start(use_thread);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("warn: from elsewhere\n", jh_harness_log(h));
    jh_harness_free(&h);
}

// ---- limits ----

static jh_status use_limit(struct jh_call *c, const struct jh_job *job) {
    const struct jh_limit *limit = c->host->extension(c->host, JH_LIMIT_1);
    struct jh_wait wait = {.size = sizeof wait};
    uint64_t ticket = 0, other = 0;
    (void)job;
    EXPECT_EQ_INT(-ENOENT, limit->acquire(c, "none", 1, 0, &ticket, &wait));
    EXPECT_EQ_INT(-EINVAL, limit->acquire(c, "not a name", 1, 0, &ticket, &wait));
    EXPECT_EQ_INT(-EINVAL, limit->acquire(c, "api", 0, 0, &ticket, &wait));
    EXPECT_EQ_INT(0, limit->acquire(c, "api:ann", 1, 0, &ticket, &wait));
    EXPECT_EQ_INT(0, limit->acquire(c, "api", 1, 0, &other, &wait));
    EXPECT_EQ_INT(0, limit->observe(c, ticket, 200, jh_bytes_of("X: y\n")));
    EXPECT_EQ_INT(-EINVAL, limit->observe(c, ticket, 200, jh_bytes_of("")));
    EXPECT_EQ_INT(0, limit->give_back(c, other));
    EXPECT_EQ_INT(-EINVAL, limit->give_back(c, other));
    EXPECT_EQ_INT(0, limit->acquire(c, "api", 1, 0, &other, &wait));
    int r = limit->acquire(c, "api:bob", 1, 2000, &ticket, &wait);
    EXPECT_EQ_INT(1, r);
    EXPECT_EQ_INT(JH_WAIT_LIMITER, wait.kind);
    return c->host->yield(c, &wait);
}

static void test_limit(void) {
    struct jh_harness *h = start(use_limit);
    jh_harness_limit(h, "api", 2, 700);
    int64_t began = jh_harness_now_ms(h);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("api:bob", jh_harness_wait(h)->key);
    EXPECT_EQ_INT(700, jh_harness_wait(h)->timeout_ms);
    EXPECT_EQ_INT(began + 2000, jh_harness_now_ms(h));
    struct jh_harness_calls calls = jh_harness_limit_calls(h, "api");
    EXPECT_EQ_UINT(3, calls.granted);
    EXPECT_EQ_UINT(1, calls.observed);
    EXPECT_EQ_UINT(1, calls.given_back);
    EXPECT_EQ_INT(200, calls.status);
    jh_harness_free(&h);
}

static jh_status park_limit(struct jh_call *c, const struct jh_job *job) {
    const struct jh_limit *limit = c->host->extension(c->host, JH_LIMIT_1);
    const struct jh_clock *clock = c->host->extension(c->host, JH_CLOCK_1);
    struct jh_wait wait = {.size = sizeof wait};
    uint64_t ticket = 0;
    (void)job;
    EXPECT_EQ_INT(-ENOENT, limit->park(c, "none", 1));
    EXPECT_EQ_INT(0, limit->park(c, "api", clock->wall_ms(c) + 60000));
    EXPECT_EQ_INT(1, limit->acquire(c, "api", 1, 0, &ticket, &wait));
    EXPECT_EQ_INT(60000, wait.timeout_ms);
    return JH_OK;
}

static void test_limit_parked(void) {
    struct jh_harness *h = start(park_limit);
    jh_harness_limit(h, "api", -1, 0);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(jh_harness_now_ms(h) + 60000, jh_harness_limit_calls(h, "api").parked_until_ms);
    jh_harness_free(&h);
}

// ---- flows ----

static jh_status open_flow(struct jh_call *c, const struct jh_job *job) {
    const struct jh_flow *flow = c->host->extension(c->host, JH_FLOW_1);
    const struct jh_child child = {.size = sizeof child, .handler = "t.part"};
    const struct jh_child last = {.size = sizeof last, .handler = "t.report"};
    const struct jh_child keyed = {.size = sizeof keyed, .handler = "t.part", .dedup_key = "k"};
    struct jh_flow_counts counts = {.size = sizeof counts};
    (void)job;
    EXPECT_EQ_INT(0, c->host->enqueue(c, &child));
    EXPECT_EQ_INT(-EINVAL, flow->then(c, &keyed));
    EXPECT_EQ_INT(0, flow->then(c, &last));
    EXPECT_EQ_INT(-EALREADY, flow->then(c, &child));
    EXPECT_EQ_INT(-EINVAL, flow->on_child_dead(c, 2));
    EXPECT_EQ_INT(0, flow->on_child_dead(c, JH_ON_DEAD_FAIL));
    EXPECT_EQ_INT(-ENOENT, flow->add(c, &child));
    EXPECT_EQ_INT(-ENOENT, flow->counts(c, JH_FLOW_OPENED, &counts));
    return JH_OK;
}

static void test_flow_opened(void) {
    struct jh_harness *h = start(open_flow);
    EXPECT_NULL(jh_harness_then(h));
    EXPECT_EQ_INT(JH_ON_DEAD_CONTINUE, jh_harness_on_child_dead(h));
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(1, jh_harness_children(h));
    EXPECT_EQ_UINT(0, jh_harness_siblings(h));
    EXPECT_EQ_STR("t.report", jh_harness_then(h)->handler);
    EXPECT_EQ_INT(JH_ON_DEAD_FAIL, jh_harness_on_child_dead(h));
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run")); // the first one stays
    EXPECT_EQ_UINT(2, jh_harness_children(h));
    EXPECT_EQ_STR("t.report", jh_harness_then(h)->handler);
    jh_harness_free(&h);
}

static jh_status join_flow(struct jh_call *c, const struct jh_job *job) {
    const struct jh_flow *flow = c->host->extension(c->host, JH_FLOW_1);
    const struct jh_child child = {.size = sizeof child, .handler = "t.part"};
    (void)job;
    int r = flow->add(c, &child);
    return r == 0 ? JH_OK : jh_failf(c, JH_E_PERMANENT, "add", "%d", r);
}

static void test_flow_siblings(void) {
    struct jh_harness *h = start(join_flow);
    jh_harness_flow(h, JH_FLOW_MEMBER, 1, 0);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(1, jh_harness_siblings(h));
    EXPECT_EQ_STR("t.part", jh_harness_sibling(h, 0)->handler);
    jh_harness_flow(h, JH_FLOW_MEMBER, 0, 1);
    EXPECT_EQ_INT(JH_FAIL, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("-108", jh_harness_message(h)); // -ESHUTDOWN
    EXPECT_EQ_UINT(1, jh_harness_siblings(h));
    jh_harness_free(&h);
}

static jh_status make_child(struct jh_call *c, const struct jh_job *job) {
    const struct jh_child child = {.size = sizeof child, .handler = "t.part"};
    (void)job;
    int r = c->host->enqueue(c, &child);
    return r == 0 ? JH_OK : jh_failf(c, JH_E_PERMANENT, "enqueue", "%d", r);
}

static void test_flow_takes_no_more(void) {
    struct jh_harness *h = start(make_child);
    jh_harness_flow(h, JH_FLOW_OPENED, 1, 0);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    jh_harness_flow(h, JH_FLOW_OPENED, 0, 1);
    EXPECT_EQ_INT(JH_FAIL, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("-108", jh_harness_message(h)); // -ESHUTDOWN
    EXPECT_EQ_UINT(1, jh_harness_children(h));
    jh_harness_free(&h);
}

static jh_status gather(struct jh_call *c, const struct jh_job *job) {
    const struct jh_flow *flow = c->host->extension(c->host, JH_FLOW_1);
    struct jh_member m = {.size = sizeof m};
    struct jh_flow_counts counts = {.size = sizeof counts};
    struct jh_bytes b;
    uint64_t cursor = UINT64_MAX;
    (void)job;
    EXPECT_EQ_INT(-EINVAL, flow->results(c, JH_FLOW_BEHIND, &cursor, &m));
    EXPECT_EQ_INT(-EINVAL, flow->results(c, 3, &cursor, &m));
    cursor = 0;
    EXPECT_EQ_INT(-ENOENT, flow->results(c, JH_FLOW_OPENED, &cursor, &m));
    EXPECT_EQ_INT(0, flow->counts(c, JH_FLOW_BEHIND, &counts));
    EXPECT_EQ_UINT(2, counts.made);
    EXPECT_EQ_UINT(1, counts.dead);
    EXPECT_EQ_UINT(JH_FLOW_CLOSED, counts.flags);
    while (flow->results(c, JH_FLOW_BEHIND, &cursor, &m) == 0) {
        int r = flow->result(c, JH_FLOW_BEHIND, m.id, &b);
        EXPECT_EQ_INT(m.has_result ? 0 : -ENOENT, r);
        if (r < 0) {
            b = jh_bytes_of(m.code);
        }
        EXPECT_EQ_INT(0, c->host->result(c, b));
    }
    EXPECT_EQ_INT(-ENOENT, flow->result(c, JH_FLOW_BEHIND, "c", &b));
    return JH_OK;
}

static void test_flow_gathered(void) {
    struct jh_harness *h = start(gather);
    const struct jh_member good = {
        .size = sizeof good, .id = "a", .type = "t.part", .state = JH_MEMBER_SUCCEEDED};
    const struct jh_member bad = {
        .size = sizeof bad, .id = "b", .type = "t.part", .state = JH_MEMBER_DEAD, .code = "gone"};
    jh_harness_flow(h, JH_FLOW_BEHIND, 0, 1);
    jh_harness_member(h, JH_FLOW_BEHIND, &good, "fine,");
    jh_harness_member(h, JH_FLOW_BEHIND, &bad, NULL);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("fine,gone", jh_harness_result(h));
    jh_harness_free(&h);
}

// ---- commits that fail, crashes ----

// Two steps with a child each, a counter, a result.
static jh_status work(struct jh_call *c, const struct jh_job *job) {
    const struct jh_kv *kv = c->host->extension(c->host, JH_KV_1);
    const struct jh_child child = {.size = sizeof child, .handler = "t.run"};
    (void)job;
    for (int i = 1; i <= 2; i++) {
        struct jh_bytes seen;
        const char *step = i == 1 ? "one" : "two";
        if (c->host->step_get(c, step, &seen) == 0) {
            continue;
        }
        if (!good_order) {
            (void)c->host->enqueue(c, &child);
            (void)kv->add(c, "n", 1);
        }
        if (jh_step_puts(c, step, "x") < 0) {
            return jh_stop(c);
        }
        if (good_order) { // wrong: a crash here loses the child
            (void)c->host->enqueue(c, &child);
        }
    }
    (void)c->host->result(c, jh_bytes_of("result"));
    return JH_OK;
}

static void test_failed_commit(void) {
    good_order = 0;
    struct jh_harness *h = start(work);
    jh_harness_fail_commit(h, 2, -ESTALE);
    EXPECT_EQ_INT(JH_CANCELLED, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(1, jh_harness_children(h));
    jh_harness_fail_commit(h, 1, -EIO);
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_E_RESOURCE, jh_harness_class(h));
    EXPECT_EQ_UINT(1, jh_harness_children(h));
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(2, jh_harness_children(h));
    EXPECT_EQ_INT(2, jh_harness_counter(h, "n"));
    EXPECT_EQ_STR("result", jh_harness_result(h));
    jh_harness_free(&h);
}

static void test_crash(void) {
    good_order = 0;
    struct jh_harness *h = start(work);
    jh_harness_crash_at_commit(h, 1, JH_CRASH_BEFORE);
    EXPECT_EQ_INT(JH_HARNESS_CRASHED, jh_harness_run(h, "t.run"));
    EXPECT_NULL(jh_harness_step(h, "one"));
    jh_harness_crash_at_commit(h, 1, JH_CRASH_AFTER);
    EXPECT_EQ_INT(JH_HARNESS_CRASHED, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("x", jh_harness_step(h, "one"));
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(2, jh_harness_children(h));
    jh_harness_free(&h);
}

static void test_crash_everywhere(void) {
    good_order = 0;
    struct jh_harness *h = start(work);
    jh_harness_set_counter(h, "n", 40);
    EXPECT_EQ_INT(0, jh_harness_crash_everywhere(h, "t.run"));
    EXPECT_EQ_STR("", jh_harness_error(h));
    jh_harness_free(&h);
    // a handler that spawns after its commit is found out
    good_order = 1;
    h = start(work);
    EXPECT_EQ_INT(-1, jh_harness_crash_everywhere(h, "t.run"));
    EXPECT_CONTAINS("crash after commit 1: 1 children instead of 2", jh_harness_error(h));
    jh_harness_free(&h);
}

// ---- limits ----

static jh_status fill_up(struct jh_call *c, const struct jh_job *job) {
    const struct jh_kv *kv = c->host->extension(c->host, JH_KV_1);
    (void)job;
    for (unsigned i = 0; i < 19999; i++) {
        EXPECT_EQ_INT(0, kv->add(c, "n", 1));
    }
    EXPECT_EQ_INT(0, c->host->warn(c, "w", NULL));
    EXPECT_EQ_INT(-EFBIG, kv->add(c, "n", 1));
    EXPECT_EQ_INT(0, jh_step_puts(c, "x", "y")); // the commit's own step is not one of them
    EXPECT_EQ_INT(0, kv->add(c, "n", 1));
    static char big[1 << 20];
    struct jh_child child = {
        .size = sizeof child, .handler = "t.run", .payload = {big, sizeof big}};
    for (unsigned i = 0; i < 63; i++) {
        EXPECT_EQ_INT(0, c->host->enqueue(c, &child));
    }
    child.payload.len = sizeof big - 64 * 512 - 64 - 1; // all weights but one byte
    EXPECT_EQ_INT(0, c->host->enqueue(c, &child));
    child.payload.len = 0;
    EXPECT_EQ_INT(-EFBIG, c->host->enqueue(c, &child));
    return JH_OK;
}

static jh_status have_children(struct jh_call *c, const struct jh_job *job) {
    const struct jh_child child = {.size = sizeof child, .handler = "t.run"};
    (void)job;
    for (unsigned i = 0; i < 10000; i++) {
        EXPECT_EQ_INT(0, c->host->enqueue(c, &child));
    }
    EXPECT_EQ_INT(-EFBIG, c->host->enqueue(c, &child)); // the store would refuse them all
    EXPECT_EQ_INT(0, jh_step_puts(c, "x", "y"));
    EXPECT_EQ_INT(0, c->host->enqueue(c, &child));
    return JH_OK;
}

static jh_status overdo(struct jh_call *c, const struct jh_job *job) {
    int rc = 0;
    unsigned n = 0;
    (void)job;
    while (rc == 0) {
        rc = c->host->warn(c, "w", NULL);
        n += rc == 0;
    }
    EXPECT_EQ_INT(-EFBIG, rc);
    EXPECT_EQ_UINT(20000, n);
    return JH_CANCELLED; // it saw an error
}

static void test_limits(void) {
    struct jh_harness *h = start(overdo);
    EXPECT_EQ_INT(JH_FAIL, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_E_BUG, jh_harness_class(h));
    EXPECT_CONTAINS("warn was refused", jh_harness_message(h));
    jh_harness_free(&h);
    h = start(fill_up);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(20000, jh_harness_counter(h, "n"));
    EXPECT_EQ_UINT(64, jh_harness_children(h));
    jh_harness_free(&h);
    h = start(have_children);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(10001, jh_harness_children(h));
    jh_harness_free(&h);
}

static jh_status resume(struct jh_call *c, const struct jh_job *job) {
    struct jh_bytes value;
    if (c->host->step_get(c, "s", &value) == 0) {
        EXPECT_EQ_UINT(1, job->steps_version);
        return JH_OK;
    }
    return jh_step_puts(c, "s", "v") < 0 ? JH_CANCELLED : JH_YIELD;
}

static void test_no_state_version(void) {
    struct jh_harness *h = start(resume);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.old"));
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.old"));
    jh_harness_free(&h);
}

static jh_status of_version(struct jh_call *c, const struct jh_job *job) {
    struct jh_bytes value;
    EXPECT_EQ_INT(0, c->host->step_get(c, "s", &value));
    return job->steps_version == 2 ? JH_OK : JH_FAIL;
}

// Steps that a test sets are the handler's own, or of the version that it says.
static void test_steps_version(void) {
    struct jh_harness *h = start(of_version);
    jh_harness_set_step(h, "s", "v");
    EXPECT_EQ_INT(JH_FAIL, jh_harness_run(h, "t.run")); // they are of version 3
    jh_harness_free(&h);
    h = start(of_version);
    jh_harness_set_step(h, "s", "v");
    jh_harness_set_steps_version(h, 2);
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    jh_harness_free(&h);
}

// ---- operators ----

static jh_status ask(struct jh_call *c, const struct jh_job *job) {
    static const char *const choices[] = {"yes", "no", NULL};
    const struct jh_operator *operators =
        (const struct jh_operator *)c->host->extension(c->host, JH_OPERATOR_1);
    const struct jh_question q = {.size = sizeof q,
                                  .key = "charge",
                                  .question = "Charged?",
                                  .choices = choices,
                                  .timeout_ms = 60000};
    struct jh_bytes answer;
    (void)job;
    int rc = operators->ask(c, &q, &answer);
    if (rc == 1) {
        return JH_YIELD;
    }
    if (rc == 0) {
        return jh_step_puts(c, "told", answer.len == 3 ? "yes" : "no") < 0 ? JH_RETRY : JH_OK;
    }
    return jh_failf(c, JH_E_TIMEOUT, "nobody", "%d", rc);
}

static void test_operator(void) {
    struct jh_harness *h = start(ask);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("charge", jh_harness_asked(h));
    EXPECT_EQ_STR("Charged?\nyes\nno", jh_harness_question(h));
    EXPECT_EQ_INT(60000, jh_harness_wait(h)->timeout_ms);
    jh_harness_advance(h, 20000);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run")); // woken by something else
    EXPECT_EQ_INT(40000, jh_harness_wait(h)->timeout_ms);
    jh_harness_answer(h, "charge", "yes");
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_NULL(jh_harness_asked(h));
    EXPECT_EQ_STR("yes", jh_harness_step(h, "told"));
    jh_harness_free(&h);
}

// It is too late from the run on that has found so.
static void test_operator_late(void) {
    struct jh_harness *h = start(ask);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run"));
    jh_harness_advance(h, 60000);
    jh_harness_fail_commit(h, 1, -EIO);
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("nobody", jh_harness_code(h));
    jh_harness_advance(h, -30000); // another host's clock
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("nobody", jh_harness_code(h));
    jh_harness_free(&h);
}

static void test_operator_crash(void) {
    struct jh_harness *h = start(ask);
    jh_harness_answer(h, "charge", "no");
    EXPECT_EQ_INT(0, jh_harness_crash_everywhere(h, "t.run"));
    jh_harness_free(&h);
}

// ---- events ----

static const struct jh_events *events_of(const struct jh_call *c) {
    return (const struct jh_events *)c->host->extension(c->host, JH_EVENT_1);
}

// Two of one name, one after the other; what they say is told on.
static jh_status await_two(struct jh_call *c, const struct jh_job *job) {
    (void)job;
    for (int i = 0; i < 2; i++) {
        const struct jh_event_wait wait = {
            .size = sizeof wait, .name = "order.paid", .timeout_ms = 60000};
        struct jh_bytes body;
        int rc = events_of(c)->wait(c, &wait, &body);
        if (rc == 1) {
            return JH_YIELD;
        }
        if (rc < 0) {
            return jh_failf(c, JH_E_TIMEOUT, "unpaid", "%d of %d", rc, i + 1);
        }
        const struct jh_event told = {.size = sizeof told, .name = "told", .payload = body};
        if (events_of(c)->publish(c, &told) < 0) {
            return JH_FAIL;
        }
    }
    return JH_OK;
}

static void test_event(void) {
    struct jh_harness *h = start(await_two);
    jh_harness_event(h, "order.sent", "no");
    jh_harness_event(h, "order.paid", "first"); // before anybody waits
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_WAIT_EVENT, (int)jh_harness_wait(h)->kind);
    EXPECT_EQ_STR("order.paid", jh_harness_wait(h)->key);
    EXPECT_EQ_INT(60000, jh_harness_wait(h)->timeout_ms);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run")); // it has got one, and waits for another
    EXPECT_EQ_UINT(1, jh_harness_published(h));
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run")); // woken by something else
    jh_harness_event(h, "order.paid", "second");
    jh_harness_event(h, "order.paid", "third");
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    size_t last = jh_harness_published(h) - 1;
    EXPECT_EQ_STR("told", jh_harness_published_name(h, last));
    EXPECT_EQ_STR("second", jh_harness_published_payload(h, last));
    EXPECT_EQ_STR("first", jh_harness_published_payload(h, last - 1));
    EXPECT_CONTAINS("got ", jh_harness_step(h, "event:order.paid#1"));
    jh_harness_free(&h);
}

// A wait that has timed out has done so for ever, whatever comes, and whatever a clock says.
static void test_event_late(void) {
    struct jh_harness *h = start(await_two);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run"));
    jh_harness_advance(h, 59999);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(1, jh_harness_wait(h)->timeout_ms);
    jh_harness_advance(h, 1);
    jh_harness_fail_commit(h, 1, -EIO); // so it was not said
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("unpaid", jh_harness_code(h));
    jh_harness_event(h, "order.paid", "too late");
    jh_harness_advance(h, -30000);
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("unpaid", jh_harness_code(h));
    EXPECT_EQ_UINT(0, jh_harness_published(h));
    jh_harness_free(&h);
}

static jh_status await_plainly(struct jh_call *c, const struct jh_job *job) {
    static const struct jh_wait wait = {
        .size = sizeof wait, .kind = JH_WAIT_EVENT, .key = "order.paid"};
    struct jh_bytes value;
    (void)job;
    if (c->host->step_get(c, "event:order.paid", &value) == 0) {
        return jh_step_puts(c, "told", value.len == 5 ? "five bytes" : "?") < 0 ? JH_RETRY : JH_OK;
    }
    return c->host->yield(c, &wait) < 0 ? JH_FAIL : JH_YIELD;
}

static void test_event_plain(void) {
    struct jh_harness *h = start(await_plainly);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run"));
    jh_harness_event(h, "order.paid", "first");
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_STR("five bytes", jh_harness_step(h, "told"));
    jh_harness_free(&h);
}

static void test_event_crash(void) {
    struct jh_harness *h = start(await_two);
    jh_harness_event(h, "order.paid", "first");
    jh_harness_event(h, "order.paid", "second");
    EXPECT_EQ_INT(0, jh_harness_crash_everywhere(h, "t.run"));
    EXPECT_EQ_STR("", jh_harness_error(h));
    jh_harness_free(&h);
}

// ---- calls by HTTP ----

static jh_status use_http(struct jh_call *c, const struct jh_job *job) {
    const struct jh_http *http = c->host->extension(c->host, JH_HTTP_1);
    const struct jh_http_header headers[] = {{"Authorization", "Bearer t"}, {"Accept", "a/b"}};
    const struct jh_http_request q = {.size = sizeof q,
                                      .url = "https://api.example.com/v1/things?page=1",
                                      .headers = headers,
                                      .header_count = 2,
                                      .body = jh_bytes_of("why"),
                                      .limit = "api"};
    struct jh_http_answer a = {.size = sizeof a};
    (void)job;
    int rc = http->fetch(c, &q, &a);
    if (rc == 1) {
        return c->host->yield(c, a.wait);
    }
    if (a.cls != JH_E_NONE) {
        return http->fail(c, &a, "user:ada");
    }
    EXPECT_EQ_STR("7", http->header(c, &a, "x-left"));
    (void)c->host->result(c, a.body);
    return JH_OK;
}

static const char things[] = "https://api.example.com/v1/things*";

static void test_http(void) {
    struct jh_harness *h = start(use_http);
    jh_harness_limit(h, "api", -1, 0);
    jh_harness_http(h, "*", things, 503, "Retry-After: 9\n", NULL);
    jh_harness_http(h, "*", things, 0, NULL, NULL);
    jh_harness_http(h, "POST", "https://cdn.example.net/1", 404, NULL, "no");
    jh_harness_http(h, "GET", "https://cdn.example.net/1", 200, "X-Left: 7\n", "them");
    jh_harness_http(h, "*", things, 303, "Location: https://cdn.example.net/1\n", NULL);
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_E_UPSTREAM, jh_harness_class(h));
    EXPECT_EQ_INT(9000, jh_harness_retry_after_ms(h));
    EXPECT_EQ_STR("http_503", jh_harness_code(h));
    EXPECT_EQ_STR("user:ada", jh_harness_scope(h));
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run"));
    EXPECT_EQ_INT(JH_E_NETWORK, jh_harness_class(h));
    EXPECT_EQ_STR("connect", jh_harness_code(h));
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(4, jh_harness_http_requests(h));
    EXPECT_EQ_STR("POST", jh_harness_http_request(h, 0)->method);
    EXPECT_EQ_STR("why", jh_harness_http_request(h, 2)->body);
    EXPECT_EQ_STR("Authorization: Bearer t\nAccept: a/b\n", jh_harness_http_request(h, 2)->headers);
    EXPECT_EQ_STR("https://cdn.example.net/1", jh_harness_http_request(h, 3)->url);
    EXPECT_EQ_STR("GET", jh_harness_http_request(h, 3)->method);
    EXPECT_EQ_STR("Accept: a/b\n", jh_harness_http_request(h, 3)->headers);
    EXPECT_NULL(jh_harness_http_request(h, 4));
    struct jh_harness_calls calls = jh_harness_limit_calls(h, "api");
    EXPECT_EQ_UINT(4, calls.granted);
    EXPECT_EQ_UINT(3, calls.observed);
    EXPECT_EQ_UINT(1, calls.given_back); // nobody was there
    EXPECT_EQ_INT(200, calls.status);
    jh_harness_free(&h);
}

static void test_http_waits(void) {
    struct jh_harness *h = start(use_http);
    jh_harness_limit(h, "api", 0, 700);
    EXPECT_EQ_INT(JH_YIELD, jh_harness_run(h, "t.run"));
    EXPECT_EQ_UINT(0, jh_harness_http_requests(h));
    jh_harness_limit(h, "api", 1, 0);
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.run")); // no answer was set up
    EXPECT_EQ_STR("name", jh_harness_code(h));
    jh_harness_free(&h);
}

static jh_status only_read(struct jh_call *c, const struct jh_job *job) {
    const struct jh_host *h = c->host;
    const struct jh_kv *kv = h->extension(h, JH_KV_1);
    const struct jh_child child = {.size = sizeof child, .handler = "t.run"};
    struct jh_bytes value;
    (void)job;
    EXPECT_EQ_INT(0, kv->get(c, "k", &value));
    EXPECT_EQ_INT(1, h->step_get(c, "s", &value));
    EXPECT_EQ_INT(-EROFS, kv->set(c, "k", jh_bytes_of("v"), 0));
    EXPECT_EQ_INT(-EROFS, kv->claim(c, "k", NULL));
    EXPECT_EQ_INT(-EROFS, h->step_put(c, "s", jh_bytes_of("v")));
    EXPECT_EQ_INT(-EROFS, h->enqueue(c, &child));
    EXPECT_EQ_INT(-EROFS, h->warn(c, "w", "w"));
    (void)h->result(c, jh_bytes_of("\"known\""));
    return JH_OK;
}

static jh_status wants_to_wait(struct jh_call *c, const struct jh_job *job) {
    (void)job;
    return jh_yield_until(c, 1);
}

static void test_query(void) {
    struct jh_harness *h = start(only_read);
    jh_harness_set_kv(h, "k", "known");
    EXPECT_EQ_INT(JH_OK, jh_harness_run(h, "t.query"));
    EXPECT_EQ_STR("\"known\"", jh_harness_result(h));
    behaviour = wants_to_wait;
    EXPECT_EQ_INT(JH_RETRY, jh_harness_run(h, "t.query"));
    EXPECT_EQ_INT(JH_E_BUG, jh_harness_class(h));
    jh_harness_free(&h);
}

static const struct expect_test tests[] = {
    {"a query reads, and changes nothing", test_query},
    {"create, run, destroy", test_life},
    {"options as users write them", test_options},
    {"a run, its effects and its end", test_run},
    {"claims", test_claims},
    {"input files and results", test_files},
    {"outputs come with a commit", test_outputs},
    {"as many outputs as a job has", test_outputs_most},
    {"outputs and crashes everywhere", test_outputs_crash},
    {"input files have two names", test_filenames},
    {"time is the harness's", test_time},
    {"the cancel descriptor", test_cancel_fd},
    {"another thread", test_thread},
    {"commits that fail", test_failed_commit},
    {"a crash at a commit", test_crash},
    {"crashes everywhere", test_crash_everywhere},
    {"as many effects as a commit takes", test_limits},
    {"steps of a handler without a state_version", test_no_state_version},
    {"steps of an older version", test_steps_version},
    {"a question to an operator", test_operator},
    {"nobody answers in time", test_operator_late},
    {"a question and crashes everywhere", test_operator_crash},
    {"events", test_event},
    {"no event in time", test_event_late},
    {"an event for a plain yield", test_event_plain},
    {"events and crashes everywhere", test_event_crash},
    {"slots of a limit", test_limit},
    {"a limit that is parked", test_limit_parked},
    {"calls by HTTP", test_http},
    {"a call that waits for a slot", test_http_waits},
    {"a flow is opened", test_flow_opened},
    {"siblings", test_flow_siblings},
    {"a flow that takes no more", test_flow_takes_no_more},
    {"a flow is gathered", test_flow_gathered},
};
SUITE_MAIN("sdk: harness", tests)
