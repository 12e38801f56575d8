// What the errors of Redis mean: servers' own words, measured on 7.0.15 or taken from their sources.
#include "redis/reply_class.h"

#include "expect.h"

static const struct {
    const char *error;
    enum redis_class is;
} rows[] = {
    {"LOADING Redis is loading the dataset in memory", REDIS_TEMPORARY},
    {"MASTERDOWN Link with MASTER is down", REDIS_TEMPORARY},
    {"TRYAGAIN Multiple keys request during rehashing of slot", REDIS_TEMPORARY},
    {"CLUSTERDOWN The cluster is down", REDIS_TEMPORARY},
    {"BUSY Redis is busy running a script.", REDIS_TEMPORARY},
    {"READONLY You can't write against a read only replica.", REDIS_READONLY},
    {"READONLY You can't write against a read only replica. script: f1, on @user_script:1.",
     REDIS_READONLY},
    {"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
     REDIS_READONLY},
    {"MOVED 3999 127.0.0.1:6381", REDIS_MOVED},
    {"ASK 3999 127.0.0.1:6381", REDIS_MOVED},
    {"CROSSSLOT Keys in request don't hash to the same slot", REDIS_BUG},
    {"NOSCRIPT No matching script. Please use EVAL.", REDIS_NO_SCRIPT},
    {"OOM command not allowed when used memory > 'maxmemory'.", REDIS_NO_WRITES},
    {"MISCONF Redis is configured to save RDB snapshots, but ...", REDIS_NO_WRITES},
    {"NOREPLICAS Not enough good replicas to write.", REDIS_NO_WRITES},
    {"NOAUTH Authentication required.", REDIS_CREDENTIALS},
    {"WRONGPASS invalid username-password pair or user is disabled.", REDIS_CREDENTIALS},
    {"NOPERM this user has no permissions to run the 'get' command", REDIS_CREDENTIALS},
    {"DENIED Redis is running in protected mode because ...", REDIS_CREDENTIALS},
    {"ERR invalid password", REDIS_CREDENTIALS},
    {"ERR Client sent AUTH, but no password is set", REDIS_CREDENTIALS},
    {"ERR AUTH <password> called without any password configured for the default user.",
     REDIS_CREDENTIALS},
    {"ERR The user executing the script can't run this command or subcommand script: db8, on "
     "@user_script:1.",
     REDIS_CREDENTIALS},
    {"ERR unknown command 'HELLO', with args beginning with: '2' ", REDIS_NO_COMMAND},
    {"ERR Unknown subcommand or wrong number of arguments for 'INFO'", REDIS_NO_COMMAND},
    {"NOPROTO unsupported protocol version", REDIS_NO_COMMAND},
    {"ERR max number of clients reached", REDIS_NO_CLIENTS},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", REDIS_BUG},
    {"UNKILLABLE Sorry the script already executed write commands", REDIS_BUG},
    {"EXECABORT Transaction discarded because of previous errors.", REDIS_BUG},
    {"ERR syntax error", REDIS_BUG},
    {"", REDIS_BUG},
    {" ", REDIS_BUG},
    {"OOMX command", REDIS_BUG},
    {"oom command", REDIS_BUG},
    {"OOM", REDIS_NO_WRITES},
    // servers before 7 wrap what happens inside of a script
    {"ERR Error running script (call to f_6b1): @user_script:1: -READONLY You can't write",
     REDIS_READONLY},
    {"ERR Error running script (call to f_6b1): @user_script:1: -OOM command not allowed",
     REDIS_NO_WRITES},
    {"ERR pre-OOM-check failed", REDIS_BUG},
};

static void test_rows(void) {
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum redis_class got = redis_class_of(bytes_of(rows[i].error));
        if (!EXPECT_EQ_STR(redis_class_name(rows[i].is), redis_class_name(got))) {
            (void)printf("%s\n", rows[i].error);
        }
    }
}

/* A text is not searched beyond its length. */
static void test_bounded(void) {
    static const char text[] = "ERR x unknown command";
    EXPECT_EQ_INT(REDIS_BUG, redis_class_of((struct bytes){text, 12}));
    EXPECT_EQ_INT(REDIS_NO_COMMAND, redis_class_of((struct bytes){text, sizeof text - 1}));
    EXPECT_EQ_INT(REDIS_BUG, redis_class_of((struct bytes){"OOM", 2}));
}

static void test_table(void) {
    for (int c = 0; c < REDIS_CLASS_COUNT; c++) {
        EXPECT_TRUE(redis_class_name((enum redis_class)c) != NULL);
    }
    EXPECT_TRUE(redis_class_passes(REDIS_TEMPORARY));
    EXPECT_TRUE(redis_class_passes(REDIS_UNREACHABLE));
    EXPECT_FALSE(redis_class_passes(REDIS_CREDENTIALS));
    EXPECT_FALSE(redis_class_passes(REDIS_TLS));
    EXPECT_FALSE(redis_class_passes(REDIS_BUG));
}

static const struct expect_test tests[] = {
    {"the errors of servers", test_rows},
    {"only the text is looked at", test_bounded},
    {"every class has its row", test_table},
};
SUITE_MAIN("redis errors", tests)
