// Addresses and networks: what is read, what belongs to what.
#include "base/network.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "expect.h"

static void test_addresses(void) {
    static const struct {
        const char *text, *again; // NULL = refused
    } rows[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"::1", "::1"},
        {"2001:DB8:0::1", "2001:db8::1"},
        {"::ffff:10.0.0.1", "10.0.0.1"},
        {"", NULL},
        {"127.0.0.256", NULL},
        {"127.0.0", NULL},
        {"127.0.0.1 ", NULL},
        {"127.0.0.01", NULL},
        {"[::1]", NULL},
        {"::1%lo", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"localhost", NULL},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"0ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", NULL}, // one more than any has
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ip ip;
        char text[IP_TEXT_MAX] = "";
        bool ok = ip_parse(rows[i].text, strlen(rows[i].text), &ip);
        EXPECT_TRUE(ok == (rows[i].again != NULL));
        if (ok) {
            ip_text(&ip, text);
            EXPECT_EQ_STR(rows[i].again, text);
        }
    }
}

static void test_sockaddr(void) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000001)}};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct ip ip;
    char text[IP_TEXT_MAX];
    EXPECT_TRUE(ip_of_sockaddr((const void *)&in, &ip));
    ip_text(&ip, text);
    EXPECT_EQ_STR("10.0.0.1", text);
    EXPECT_TRUE(ip_is_v4(&ip));
    EXPECT_TRUE(ip_of_sockaddr((const void *)&in6, &ip));
    ip_text(&ip, text);
    EXPECT_EQ_STR("::1", text);
    EXPECT_FALSE(ip_is_v4(&ip));
    EXPECT_FALSE(ip_of_sockaddr(&other, &ip));
}

static void test_networks(void) {
    static const struct {
        const char *network, *words; // NULL = taken
        const char *inside, *outside;
    } rows[] = {
        {"10.0.0.0/8", NULL, "10.255.255.255", "11.0.0.0"},
        {"10.0.0.0/9", NULL, "10.127.255.255", "10.128.0.0"},
        {"10.0.0.0/31", NULL, "10.0.0.1", "10.0.0.2"},
        {"10.0.0.1", NULL, "10.0.0.1", "10.0.0.0"},
        {"10.0.0.1/32", NULL, "::ffff:10.0.0.1", "10.0.0.2"},
        {"0.0.0.0/0", NULL, "255.1.1.1", "::1"},
        {"2001:db8::/32", NULL, "2001:db8:ffff::1", "2001:db9::"},
        {"2001:db8:8000::/33", NULL, "2001:db8:8000::", "2001:db8:7fff::"},
        {"::1", NULL, "::1", "::2"},
        {"::/0", NULL, "1.2.3.4", NULL},
        {"::1/128", NULL, "::1", "::"},
        {"10.0.0.0/33", "0 to 32 bits", NULL, NULL},
        {"::/129", "0 to 128 bits", NULL, NULL},
        {"10.0.0.0/", "0 to 32 bits", NULL, NULL},
        {"10.0.0.0/x", "0 to 32 bits", NULL, NULL},
        {"10.0.0.0/-1", "0 to 32 bits", NULL, NULL},
        {"10.0.0.0/8/8", "0 to 32 bits", NULL, NULL},
        {"10.0.0.1/8", "bits are set behind the prefix", NULL, NULL},
        {"2001:db8::1/64", "bits are set behind the prefix", NULL, NULL},
        {"example.com", "expected an address or a network", NULL, NULL},
        {"/8", "expected an address or a network", NULL, NULL},
        {"", "expected an address or a network", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct network n;
        struct err e = {.msg = ""};
        int r = network_parse(rows[i].network, &n, &e);
        EXPECT_EQ_INT(rows[i].words == NULL ? 0 : -EINVAL, r);
        EXPECT_CONTAINS(rows[i].words == NULL ? "" : rows[i].words, e.msg);
        const char *texts[] = {rows[i].inside, rows[i].outside};
        for (int outside = 0; outside <= 1; outside++) {
            struct ip ip;
            if (texts[outside] != NULL) {
                EXPECT_TRUE(ip_parse(texts[outside], strlen(texts[outside]), &ip));
                EXPECT_TRUE(network_has(&n, &ip) == (outside == 0));
            }
        }
    }
}

static const struct expect_test tests[] = {
    {"addresses as text", test_addresses},
    {"addresses of sockets", test_sockaddr},
    {"networks", test_networks},
};

SUITE_MAIN("network", tests)
