// What INFO says, and the verdict on it: every finding with its words.
#include "redis/facts.h"

#include "expect.h"

static const char INFO[] =
    "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n# Memory\r\n"
    "maxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n"
    "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n# Cluster\r\n"
    "cluster_enabled:0\r\n";

static struct redis_facts good(void) {
    struct redis_facts f = {.peer = {.role = REDIS_ROLE_MASTER}, .replicas = -1};
    redis_facts_info(&f, bytes_of(INFO));
    (void)snprintf(f.fsync, sizeof f.fsync, "everysec");
    return f;
}

static void test_info(void) {
    struct redis_facts f = good();
    EXPECT_EQ_STR("redis", f.server);
    EXPECT_EQ_STR("7.0.15", f.version);
    EXPECT_EQ_UINT(70015, f.compatible);
    EXPECT_EQ_STR("noeviction", f.eviction);
    EXPECT_EQ_INT(REDIS_YES, f.aof);
    EXPECT_EQ_INT(REDIS_NO, f.cluster);
    EXPECT_EQ_INT(2, f.replicas);
    redis_facts_info(&f, bytes_of("# Server\r\nserver_name:valkey\r\nredis_version:7.2.4\r\n"
                                  "valkey_version:8.1.0\r\n"));
    EXPECT_EQ_STR("valkey", f.server);
    EXPECT_EQ_STR("8.1.0", f.version);
    EXPECT_EQ_UINT(70204, f.compatible);
    EXPECT_EQ_INT(REDIS_UNTOLD, f.aof);
    EXPECT_EQ_INT(-1, f.replicas);
}

/* Nonsense is no fact, and nothing is read beyond the text or written beyond its place. */
static void test_odd_info(void) {
    static const char *const texts[] = {
        "",
        "\n",
        "\nredis_version:",
        "\nredis_version:x\r\n",
        "\nredis_version:7\r\n",
        "\nredis_version:7.0.15-rc1-with-a-name-that-does-not-fit-anywhere\r\n",
        "redis_version:7.0.15"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct redis_facts f = {.replicas = -1};
        redis_facts_info(&f, bytes_of(texts[i]));
        EXPECT_EQ_UINT(i == 5 ? 70015 : 0, f.compatible);
        EXPECT_TRUE(strlen(f.version) < sizeof f.version);
    }
    struct redis_facts f = {.replicas = -1};
    redis_facts_info(&f, (struct bytes){"\nredis_version:6.2.1", 15});
    EXPECT_EQ_STR("", f.version);
    redis_facts_info(&f, bytes_of("\nredis_version:6.2\x1b[1m\r\n"));
    EXPECT_EQ_STR("6.2?[1m", f.version);
    EXPECT_EQ_UINT(60200, f.compatible);
    redis_facts_info(&f, bytes_of("\nredis_version:10.100.99999999999999999999\r\n"));
    EXPECT_EQ_UINT(109999, f.compatible); // a part has two digits
}

/* Changes one thing of a good server. */
#define CHANGE(name, ...)                                                                          \
    static void name(struct redis_facts *f) {                                                      \
        __VA_ARGS__;                                                                               \
    }
CHANGE(nothing, (void)f)
CHANGE(replica, f->peer.role = REDIS_ROLE_REPLICA;
       (void)snprintf(f->peer.master, sizeof f->peer.master, "m:1"))
CHANGE(sentinel, f->peer.role = REDIS_ROLE_OTHER)
CHANGE(no_role, f->peer.role = REDIS_ROLE_UNKNOWN)
CHANGE(cluster, f->cluster = REDIS_YES)
CHANGE(no_info, *f = (struct redis_facts){.peer = f->peer,
                                          .eviction = "noeviction",
                                          .info = {REDIS_CREDENTIALS, "NOPERM x"}})
CHANGE(no_version, f->compatible = 0)
CHANGE(version_62, f->compatible = 60200)
CHANGE(version_60, f->compatible = 60199; (void)snprintf(f->version, sizeof f->version, "6.1.99"))
CHANGE(missing, (void)snprintf(f->missing, sizeof f->missing, "xadd, time"))
CHANGE(evicts, (void)snprintf(f->eviction, sizeof f->eviction, "allkeys-lru"))
CHANGE(no_policy, f->eviction[0] = '\0')
CHANGE(no_aof, f->aof = REDIS_NO)
CHANGE(aof_untold, f->aof = REDIS_UNTOLD)
CHANGE(no_fsync, (void)snprintf(f->fsync, sizeof f->fsync, "no"))
CHANGE(clock_near, f->clock_ms = -1000)
CHANGE(clock_ahead, f->clock_ms = 1001)
CHANGE(clock_behind, f->clock_ms = -61500)
CHANGE(no_script, f->script = (struct redis_refusal){REDIS_CREDENTIALS, "NOPERM y"})
CHANGE(no_publish, f->publish = (struct redis_refusal){REDIS_CREDENTIALS, "NOPERM z"})
CHANGE(no_memory, f->script = (struct redis_refusal){REDIS_NO_WRITES, "OOM x"})
CHANGE(loading, f->script = (struct redis_refusal){REDIS_TEMPORARY, "LOADING x"})
CHANGE(odd, f->script = (struct redis_refusal){REDIS_BUG, "ERR odd"})
CHANGE(ours, (void)snprintf(f->format, sizeof f->format, REDIS_FORMAT))
CHANGE(theirs, (void)snprintf(f->format, sizeof f->format, "2"))
CHANGE(foreign, f->marker = (struct redis_refusal){REDIS_BUG, "WRONGTYPE x"})

static const struct {
    void (*change)(struct redis_facts *f);
    const char *code; // NULL: nothing is found
    bool refuses, upstash, allow_eviction;
    const char *words;
} rows[] = {
    {nothing, NULL, false, false, false, NULL},
    {replica, "replica", true, false, false, "replica of m:1"},
    {sentinel, "sentinel", true, false, false, "master's own address"},
    {no_role, "role_unknown", false, false, false, "+role"},
    {cluster, "cluster", true, false, false, "cluster-enabled no"},
    {no_info, "info_unknown", false, false, false, "(NOPERM x)"},
    {no_version, "version_unknown", false, false, false, "Redis 6.2"},
    {version_62, NULL, false, false, false, NULL},
    {version_60, "version", true, false, false, "redis 6.1.99; jobhost needs Redis 6.2"},
    {missing, "commands", true, false, false, "xadd, time"},
    {evicts, "eviction", true, false, false, "CONFIG SET maxmemory-policy noeviction"},
    {evicts, "eviction", true, true, false, "switch Eviction off on the database's page"},
    {evicts, "eviction", false, false, true, "allkeys-lru"},
    {no_policy, "eviction_unknown", false, true, false, "Upstash's console"},
    {no_aof, "persistence", false, false, false, "CONFIG SET appendonly yes"},
    {no_aof, NULL, false, true, false, NULL},
    {aof_untold, "persistence_unknown", false, false, false, "appendonly"},
    {no_fsync, "fsync", false, false, false, "appendfsync everysec"},
    {clock_near, NULL, false, false, false, NULL},
    {clock_ahead, "clock", false, false, false, "1.0 s ahead"},
    {clock_behind, "clock", false, false, false, "61.5 s behind"},
    {no_script, "permission", true, false, false, "ACL SETUSER default ~* &jh:* +@read"},
    {no_publish, "permission", true, false, false, "jh:wake (NOPERM z)"},
    {no_memory, "no_writes", true, false, false, "(OOM x): see maxmemory"},
    {loading, "busy", true, false, false, "again in a moment"},
    {odd, "broken", true, false, false, "ERR odd"},
    {ours, NULL, false, false, false, NULL},
    {theirs, "format", true, false, false, "format 2, this one writes 1"},
    {foreign, "format", true, false, false, "not jobhost's (WRONGTYPE x)"},
};

static void test_findings(void) {
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_facts f = good();
        struct redis_findings found;
        struct redis_address address = {.host = "redis.example"};
        if (rows[i].upstash) {
            (void)snprintf(address.host, sizeof address.host, "x.upstash.io");
        }
        rows[i].change(&f);
        redis_facts_judge(&f, &address, rows[i].allow_eviction, &found);
        if (!EXPECT_EQ_UINT(rows[i].code != NULL, found.count)) {
            (void)printf("row %zu: %s\n", i, found.count > 0 ? found.list[0].text : "nothing");
        }
        if (rows[i].code != NULL && found.count > 0) {
            EXPECT_EQ_STR(rows[i].code, found.list[0].code);
            EXPECT_EQ_INT(rows[i].refuses, found.list[0].refuses);
            EXPECT_CONTAINS(rows[i].words, found.list[0].text);
        }
    }
}

/* All at once fits, and the longest texts are whole. */
static void test_everything(void) {
    struct redis_facts f = {.peer = {.role = REDIS_ROLE_REPLICA, .mode = "sentinel"},
                            .cluster = REDIS_YES,
                            .aof = REDIS_NO,
                            .compatible = 1,
                            .clock_ms = INT64_MAX,
                            .script = {REDIS_CREDENTIALS, ""},
                            .format = "x"};
    struct redis_address address = {.db = 0};
    struct redis_findings found;
    memset(address.user, 'u', REDIS_USER_MAX);
    memset(f.script.words, 'w', sizeof f.script.words - 1);
    memset(f.eviction, 'e', sizeof f.eviction - 1);
    memset(f.missing, 'm', sizeof f.missing - 1);
    redis_facts_judge(&f, &address, false, &found);
    EXPECT_TRUE(found.count >= 8 && found.count <= REDIS_FINDINGS_MAX);
    for (unsigned i = 0; i < found.count; i++) {
        bool permission = strcmp(found.list[i].code, "permission") == 0;
        EXPECT_TRUE(strlen(found.list[i].text) < sizeof found.list[i].text - 1 || permission);
        EXPECT_CONTAINS(permission ? "+config|get" : "", found.list[i].text);
    }
}

static const struct expect_test tests[] = {
    {"INFO", test_info},
    {"INFO of no server", test_odd_info},
    {"findings", test_findings},
    {"all that can be wrong", test_everything},
};
SUITE_MAIN("redis facts", tests)
