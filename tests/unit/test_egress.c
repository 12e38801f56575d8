// Whom plugins may call: the first and the last address of each network, and their neighbours; rules.
#include "core/egress.h"

#include <errno.h>
#include <string.h>

#include "expect.h"

static struct ip ip_of(const char *text) {
    struct ip ip;
    EXPECT_TRUE(ip_parse(text, strlen(text), &ip));
    return ip;
}

static const char *closed[] = {
    // first and last of each
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
    "127.0.0.0", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0", "169.254.169.254",
    "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.0.2.0",
    "192.0.2.255", "192.88.99.0", "192.88.99.255", "192.168.0.0", "192.168.255.255", "198.18.0.0",
    "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255", "224.0.0.0",
    "239.255.255.255", "240.0.0.0", "255.255.255.255",
    // forms of IPv4 in IPv6
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::a9fe:a9fe", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:a00:1::", "2002:c0a8::",
    // IPv6
    "::", "::1", "::2", "100::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff::1",
    "3fff::", "3fff:fff::", "4000::", "5f00::1", "fc00::", "fd00:ec2::254",
    "fdff:ffff::", "fe80::1", "febf::1", "fec0::1", "ff00::", "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};

static const char *open_to_all[] = {
    "1.0.0.0",        "9.255.255.255",    "11.0.0.0",        "100.63.255.255",
    "100.128.0.0",    "126.255.255.255",  "128.0.0.0",       "168.63.129.15",
    "168.63.129.17",  "169.253.255.255",  "169.255.0.0",     "172.15.255.255",
    "172.32.0.0",     "191.255.255.255",  "192.0.1.0",       "192.0.3.0",
    "192.88.98.255",  "192.88.100.0",     "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0",       "198.51.99.255",   "198.51.101.0",
    "203.0.112.255",  "203.0.114.0",      "223.255.255.255", "8.8.8.8",
    "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "2000::",
    "2001:200::",     "2001:db7:ffff::",  "2001:db9::",      "2606:4700:4700::1111",
    "3ffe:ffff::",    "3fff:1000::",      "2003::"};

static void test_ranges(void) {
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        struct ip ip = ip_of(closed[i]);
        EXPECT_TRUE(egress_refuses(&ip, 80, NULL, 0) != NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(open_to_all); i++) {
        struct ip ip = ip_of(open_to_all[i]);
        const char *kind = egress_refuses(&ip, 80, NULL, 0);
        EXPECT_EQ_STR(NULL, kind);
    }
}

static void test_kinds(void) {
    static const char *const rows[][2] = {
        {"127.0.0.1", "loopback"},         {"::1", "loopback"},
        {"10.0.0.1", "private"},           {"fd00::1", "private"},
        {"169.254.169.254", "link-local"}, {"2002:7f00:1::", "loopback"},
        {"192.0.2.1", "documentation"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip ip = ip_of(rows[i][0]);
        EXPECT_EQ_STR(rows[i][1], egress_kind(&ip));
    }
}

static void test_rules(void) {
    static const struct {
        const char *rule, *ip;
        uint16_t port;
        bool allowed;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", 1, true},
        {"127.0.0.1", "127.0.0.2", 1, false},
        {"127.0.0.1:8080", "127.0.0.1", 8080, true},
        {"127.0.0.1:8080", "127.0.0.1", 8081, false},
        {"10.0.0.0/8", "10.255.0.1", 443, true},
        {"10.0.0.0/8", "11.0.0.1", 443, true}, // public anyway
        {"10.0.0.0/8:443", "10.0.0.1", 443, true},
        {"10.0.0.0/8:443", "10.0.0.1", 80, false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", 80, true},
        {"::1", "::1", 80, true},
        {"[::1]", "::1", 80, true},
        {"[::1]:65535", "::1", 65535, true},
        {"[::1]:65535", "::1", 1, false},
        {"[fd00::/8]:443", "fd12::1", 443, true},
        {"fd00::/8", "fd12::1", 1, true},
        {"fd00::/8", "fc00::1", 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct egress_rule rule;
        struct err e = {0};
        struct ip ip = ip_of(rows[i].ip);
        EXPECT_EQ_INT(0, egress_rule_parse(rows[i].rule, &rule, &e));
        EXPECT_TRUE((egress_refuses(&ip, rows[i].port, &rule, 1) == NULL) == rows[i].allowed);
    }
}

static void test_no_rules(void) {
    static const char *const rows[] = {
        "",
        "localhost",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:080",
        "127.0.0.1:8x",
        "[::1",
        "[::1]x",
        "[]:80",
        "[::1]:",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "::1:80:",
        "127.0.0.1:80:80",
        "999.0.0.1",
        ":80",
        "[127.0.0.1:80",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct egress_rule rule;
        struct err e = {0};
        EXPECT_EQ_INT(-EINVAL, egress_rule_parse(rows[i], &rule, &e));
        EXPECT_TRUE(e.msg[0] != '\0');
    }
}

static const struct expect_test tests[] = {
    {"first and last addresses, and their neighbours", test_ranges},
    {"kinds of addresses", test_kinds},
    {"rules", test_rules},
    {"what is no rule", test_no_rules},
};

SUITE_MAIN("egress", tests)
