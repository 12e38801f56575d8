// Names are looked up without holding up the loop: getaddrinfo() is the test's own, and waits as long as it is told.
#include "redis/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/network.h"
#include "expect.h"

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret);

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; // held: names take for ever
static atomic_uint lookups, over;

/* "none.test", "later.test" and "broken.test" fail, other names are 10.1.2.3; IP addresses are what they are. */
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret) {
    if ((hints->ai_flags & AI_NUMERICHOST) != 0) {
        return __real_getaddrinfo(host, port, hints, ret);
    }
    atomic_fetch_add(&lookups, 1);
    (void)pthread_mutex_lock(&gate);
    (void)pthread_mutex_unlock(&gate);
    int r = strcmp(host, "none.test") == 0    ? EAI_NONAME
            : strcmp(host, "later.test") == 0 ? EAI_AGAIN
                                              : __real_getaddrinfo("10.1.2.3", port, hints, ret);
    atomic_fetch_add(&over, 1);
    return r;
}

struct asked {
    unsigned answers;
    int r;
    struct err err;
    unsigned count;
    char first[IP_TEXT_MAX];
    uint16_t port;
};

static void on_answer(void *arg, int r, const struct redis_endpoints *found, const struct err *e) {
    struct asked *a = arg;
    struct ip ip;
    a->answers++;
    a->r = r;
    a->err = *e;
    a->count = found->count;
    if (r == 0 && EXPECT_TRUE(found->count > 0)) {
        const struct sockaddr *address = (const void *)&found->list[0].address;
        EXPECT_TRUE(ip_of_sockaddr(address, &ip));
        ip_text(&ip, a->first);
        a->port = ntohs(address->sa_family == AF_INET
                            ? ((const struct sockaddr_in *)(const void *)address)->sin_port
                            : ((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
    }
}

static void await(struct event_base *base, const struct asked *a) {
    while (a->answers == 0) {
        (void)event_base_loop(base, EVLOOP_ONCE);
    }
}

static struct asked ask(const char *host) {
    struct event_base *base = event_base_new();
    struct redis_resolver *r = redis_resolver_new(base, host, 6380, NULL);
    struct asked a = {.answers = 0};
    redis_resolver_ask(r, on_answer, &a);
    EXPECT_EQ_UINT(0, a.answers); // never from inside
    await(base, &a);
    redis_resolver_free(&r);
    EXPECT_NULL(r);
    event_base_free(base);
    return a;
}

static void test_answers(void) {
    static const struct {
        const char *host;
        int r;
        const char *first, *words;
    } rows[] = {
        {"name.test", 0, "10.1.2.3", ""},
        {"192.0.2.7", 0, "192.0.2.7", ""},
        {"2001:db8::1", 0, "2001:db8::1", ""},
        {"none.test", -ENOENT, "", "there is no host named none.test"},
        {"later.test", -EAGAIN, "", "the name later.test could not be looked up"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a = ask(rows[i].host);
        EXPECT_EQ_INT(rows[i].r, a.r);
        EXPECT_EQ_STR(rows[i].first, a.first);
        EXPECT_EQ_INT(rows[i].r == 0 ? 6380 : 0, a.port);
        EXPECT_CONTAINS(rows[i].words, a.err.msg);
    }
}

static void test_no_thread_for_addresses(void) {
    unsigned before = atomic_load(&lookups);
    (void)ask("127.0.0.1");
    EXPECT_EQ_UINT(before, atomic_load(&lookups));
}

/* The loop goes on, a second question waits with the first, and freeing does not wait. */
static void test_slow(void) {
    struct event_base *base = event_base_new();
    struct asked first = {.answers = 0}, second = {.answers = 0};
    struct redis_resolver *r = redis_resolver_new(base, "slow.test", 1, NULL);
    unsigned before = atomic_load(&lookups), before_over = atomic_load(&over);
    (void)pthread_mutex_lock(&gate);
    redis_resolver_ask(r, on_answer, &first);
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    redis_resolver_cancel(r); // its time is over
    redis_resolver_ask(r, on_answer, &second);
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    EXPECT_EQ_UINT(0, second.answers);
    (void)pthread_mutex_unlock(&gate);
    await(base, &second);
    EXPECT_EQ_UINT(0, first.answers);
    EXPECT_EQ_STR("10.1.2.3", second.first);
    EXPECT_EQ_UINT(before + 1, atomic_load(&lookups)); // one thread
    // now one that is left alone
    (void)pthread_mutex_lock(&gate);
    redis_resolver_ask(r, on_answer, &first);
    redis_resolver_free(&r);
    event_base_free(base);
    (void)pthread_mutex_unlock(&gate);
    while (atomic_load(&over) < before_over + 2) {
        (void)sched_yield();
    }
    EXPECT_EQ_UINT(0, first.answers);
}

/* What came for a question that was given up is not the answer to the next one. */
static void test_stale(void) {
    struct event_base *base = event_base_new();
    struct asked a = {.answers = 0}, b = {.answers = 0};
    struct redis_resolver *r = redis_resolver_new(base, "10.9.9.9", 1, NULL);
    redis_resolver_ask(r, on_answer, &a);
    redis_resolver_cancel(r);
    redis_resolver_ask(r, on_answer, &b);
    await(base, &b);
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    EXPECT_EQ_UINT(0, a.answers);
    EXPECT_EQ_UINT(1, b.answers);
    redis_resolver_free(&r);
    event_base_free(base);
}

static const struct expect_test tests[] = {
    {"names and addresses", test_answers},
    {"addresses need no thread", test_no_thread_for_addresses},
    {"name servers that take their time", test_slow},
    {"an answer for nobody", test_stale},
};
SUITE_MAIN("redis resolver", tests)
