/* A Redis server of the test's own making, byte by byte, on the loop of the client under test, and a clock that the test moves.
 *
 *     fake_begin(&f)               a unix socket that is listened on, base, timers
 *     fake_accept(&f)              the client has dialled
 *     fake_expect(&f, "PING")      the client has sent these commands, words separated by blanks, commands by '|'
 *     fake_say(&f, "+PONG\r\n")    and the client has seen it
 *     fake_end(&f) */
#ifndef JOBHOST_TESTS_REDIS_FIXTURE_H
#define JOBHOST_TESTS_REDIS_FIXTURE_H

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/timer.h"
#include "redis/conn.h"

#include "expect.h"

enum { FAKE_TURNS = 12 };

#define FAKE_HELLO                                                                                 \
    "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n" \
    "$2\r\nid\r\n:3\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"          \
    "$7\r\nmodules\r\n*0\r\n"
#define FAKE_MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"

struct fake {
    struct event_base *base;
    struct env_clock_file clock;
    struct env env;
    struct timers *timers;
    char dir[32], path[64];
    int listener, fd;
    struct buf got; /* from the client, not yet expected */
};

static inline void fake_turn(struct fake *f) {
    for (int i = 0; i < FAKE_TURNS; i++) {
        (void)event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
}

static inline void fake_listen(struct fake *f) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s", f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ_INT(0, bind(f->listener, (const struct sockaddr *)(const void *)&un, sizeof un));
    EXPECT_EQ_INT(0, listen(f->listener, 8));
}

static inline void fake_begin(struct fake *f) {
    *f = (struct fake){.clock = {.magic = ENV_CLOCK_MAGIC, .base_test_ms = 1000000},
                       .dir = "/tmp/jobhost-test-XXXXXX",
                       .fd = -1};
    (void)signal(SIGPIPE, SIG_IGN);
    f->env.clock = &f->clock;
    f->base = event_base_new();
    f->timers = timers_new(f->base, &f->env);
    if (mkdtemp(f->dir) == NULL) {
        abort();
    }
    (void)snprintf(f->path, sizeof f->path, "%s/s", f->dir);
    fake_listen(f);
}

static inline void fake_hang_up(struct fake *f) {
    if (f->fd != -1) {
        (void)close(f->fd);
    }
    f->fd = -1;
    buf_clear(&f->got);
    fake_turn(f);
}

/* Nobody can connect any more. */
static inline void fake_unlisten(struct fake *f) {
    (void)close(f->listener);
    (void)unlink(f->path);
}

static inline void fake_end(struct fake *f) {
    fake_hang_up(f);
    fake_unlisten(f);
    (void)rmdir(f->dir);
    buf_free(&f->got);
    timers_free(&f->timers);
    event_base_free(f->base);
}

static inline int64_t fake_now(const struct fake *f) {
    return f->clock.base_test_ms;
}

static inline void fake_move(struct fake *f, int64_t ms) {
    f->clock.base_test_ms += ms;
    timers_look(f->timers);
    fake_turn(f);
}

static inline void fake_accept(struct fake *f) {
    fake_turn(f);
    f->fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK);
    EXPECT_TRUE(f->fd != -1);
    fake_turn(f);
}

static inline void fake_read(struct fake *f) {
    ssize_t n;
    fake_turn(f);
    while ((n = read(f->fd, buf_room(&f->got, 65536), 65536)) > 0) {
        buf_grew(&f->got, (size_t)n);
        fake_turn(f);
    }
}

/* "PING|SELECT 3" as the protocol has it. */
static inline void fake_encode(const char *commands, struct buf *out) {
    while (*commands != '\0') {
        size_t len = strcspn(commands, "|"), words = 1;
        for (size_t i = 0; i < len; i++) {
            words += commands[i] == ' ';
        }
        buf_printf(out, "*%zu\r\n", words);
        for (const char *end = commands + len; words > 0; words--) {
            size_t word = strcspn(commands, " |");
            buf_printf(out, "$%zu\r\n%.*s\r\n", word, (int)word, commands);
            commands += word + (commands + word < end);
        }
        commands += *commands == '|';
    }
}

static inline void fake_expect(struct fake *f, const char *commands) {
    struct buf want = {0};
    fake_encode(commands, &want);
    fake_read(f);
    EXPECT_EQ_BYTES(want.data, want.len, f->got.data, f->got.len);
    buf_clear(&f->got);
    buf_free(&want);
}

static inline void fake_say_bytes(struct fake *f, struct bytes bytes) {
    EXPECT_EQ_INT((intmax_t)bytes.len, send(f->fd, bytes.data, bytes.len, MSG_NOSIGNAL));
    fake_turn(f);
}

static inline void fake_say(struct fake *f, const char *text) {
    fake_say_bytes(f, bytes_of(text));
}

#endif
