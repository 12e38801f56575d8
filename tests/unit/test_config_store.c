// The store's address when the file says nothing: what hosted services put into the environment.

#include "config_test.h"
#include "expect.h"

struct row {
    const char *environment[5];
    const char *url;          // NULL = an error
    const char *code, *words; // of the error
};

static const struct row rows[] = {
    {{"UPSTASH_REDIS_REST_URL=https://eu1-x.upstash.io", "UPSTASH_REDIS_REST_TOKEN=abc"},
     "rediss://default:abc@eu1-x.upstash.io:6379",
     NULL,
     NULL},
    {{"UPSTASH_REDIS_REST_URL=https://eu1-x.upstash.io/", "UPSTASH_REDIS_REST_TOKEN=a=b/c+d"},
     "rediss://default:a%3Db%2Fc%2Bd@eu1-x.upstash.io:6379",
     NULL,
     NULL},
    {{"UPSTASH_REDIS_REST_URL=http://localhost:8079", "UPSTASH_REDIS_REST_TOKEN=abc"},
     "rediss://default:abc@localhost:6379",
     NULL,
     NULL},
    {{"UPSTASH_REDIS_URL=rediss://x.upstash.io:6380", "UPSTASH_REDIS_TOKEN=abc"},
     "rediss://default:abc@x.upstash.io:6380",
     NULL,
     NULL},
    {{"UPSTASH_REDIS_URL=rediss://default:own@x.upstash.io:6380"},
     "rediss://default:own@x.upstash.io:6380",
     NULL,
     NULL},
    {{"UPSTASH_REDIS_URL=redis://default:own@x.upstash.io:6380"}, // TLS cannot be switched off there
     "rediss://default:own@x.upstash.io:6380",
     NULL,
     NULL},
    {{"KV_URL=redis://default:pw@redis.example:7000"},
     "redis://default:pw@redis.example:7000",
     NULL,
     NULL},
    {{"KV_URL=rediss://default:pw@redis.example"},
     "rediss://default:pw@redis.example:6379",
     NULL,
     NULL},
    {{"KV_REST_API_URL=https://y.upstash.io", "KV_REST_API_TOKEN=tok"},
     "rediss://default:tok@y.upstash.io:6379",
     NULL,
     NULL},
    {{"KV_REST_API_URL=https://y.upstash.io", "KV_REST_API_TOKEN=tok",
      "KV_REST_API_READ_ONLY_TOKEN=ro"},
     "rediss://default:tok@y.upstash.io:6379",
     NULL,
     NULL},
    // the first source whose URL is set is used
    {{"KV_REST_API_URL=https://y.upstash.io", "KV_REST_API_TOKEN=tok",
      "UPSTASH_REDIS_REST_URL=https://x.upstash.io", "UPSTASH_REDIS_REST_TOKEN=abc"},
     "rediss://default:abc@x.upstash.io:6379",
     NULL,
     NULL},
    {{"UPSTASH_REDIS_REST_URL=", "KV_URL=rediss://default:pw@h"},
     "rediss://default:pw@h:6379",
     NULL,
     NULL},
    {{"USE_REDIS_FOR_JOBS=false", "KV_URL=rediss://default:pw@h"}, "sqlite:", NULL, NULL},
    {{"USE_REDIS_FOR_JOBS=true", "KV_URL=rediss://default:pw@h"},
     "rediss://default:pw@h:6379",
     NULL,
     NULL},
    {{"USE_REDIS_FOR_JOBS=true"}, "sqlite:", NULL, NULL},
    {{NULL}, "sqlite:", NULL, NULL},
    // a token alone says nothing
    {{"UPSTASH_REDIS_REST_TOKEN=abc"}, "sqlite:", NULL, NULL},
    // errors
    {{"UPSTASH_REDIS_REST_URL=https://x.upstash.io"},
     NULL,
     "store_env",
     "UPSTASH_REDIS_REST_TOKEN is not"},
    {{"KV_URL=rediss://h"}, NULL, "store_env", "KV_URL has no password"},
    {{"UPSTASH_REDIS_REST_URL=x.upstash.io", "UPSTASH_REDIS_REST_TOKEN=abc"},
     NULL,
     "store_env",
     "not a URL"},
    {{"UPSTASH_REDIS_REST_URL=https://", "UPSTASH_REDIS_REST_TOKEN=abc"},
     NULL,
     "store_env",
     "not a URL"},
    {{"UPSTASH_REDIS_REST_URL=https://a b", "UPSTASH_REDIS_REST_TOKEN=abc"},
     NULL,
     "store_env",
     "not a URL"},
    {{"KV_URL=rediss://u:p@h:port"}, NULL, "store_env", "not a URL"},
    {{"KV_URL=rediss://u:p@h:123456"}, NULL, "store_env", "not a URL"},
    {{"KV_REST_API_URL=https://y.upstash.io", "KV_REST_API_READ_ONLY_TOKEN=ro"},
     NULL,
     "read_only_token",
     "KV_REST_API_READ_ONLY_TOKEN cannot write; set KV_REST_API_TOKEN"},
    {{"KV_REST_API_URL=https://y.upstash.io", "KV_REST_API_TOKEN=ro",
      "KV_REST_API_READ_ONLY_TOKEN=ro"},
     NULL,
     "read_only_token",
     "KV_REST_API_TOKEN holds the same as KV_REST_API_READ_ONLY_TOKEN"},
    {{"UPSTASH_REDIS_REST_URL=https://x.upstash.io", "UPSTASH_REDIS_REST_READONLY_TOKEN=ro"},
     NULL,
     "read_only_token",
     "UPSTASH_REDIS_REST_READONLY_TOKEN cannot write"},
};

static void test_rows(void) {
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct loaded l = load_text("host: {}\n", r->environment);
        if (r->url == NULL) {
            EXPECT_STR(r->code, code_at(&l, "store.url"));
            EXPECT_CONTAINS(r->words, printed(&l));
        } else if (EXPECT_TRUE(l.config != NULL) && strcmp(r->url, "sqlite:") == 0) {
            EXPECT_CONTAINS("/var/jobhost.db", l.config->store.url);
        } else if (l.config != NULL) {
            EXPECT_STR(r->url, l.config->store.url);
        }
        unload(&l);
    }
}

static void test_file_wins(void) {
    static const char *const environment[] = {"KV_URL=rediss://default:pw@h", NULL};
    struct loaded l = load_text("store: {url: sqlite:a.db}\n", environment);
    EXPECT_CONTAINS("/a.db", l.config->store.url);
    unload(&l);
}

// Where it came from is told; the token is consumed, and shown nowhere.
static void test_origin(void) {
    static const char *const environment[] = {"UPSTASH_REDIS_REST_URL=https://x.upstash.io",
                                              "UPSTASH_REDIS_REST_TOKEN=topsecret", NULL};
    struct loaded l = load_text("host: {}\n", environment);
    struct buf out = {0};
    config_dump(l.config, false, &out);
    EXPECT_CONTAINS("rediss://default:***(set)@x.upstash.io:6379", out.data);
    EXPECT_CONTAINS("# environment UPSTASH_REDIS_REST_URL", out.data);
    EXPECT_NULL(strstr(out.data, "topsecret"));
    const char *const *names;
    EXPECT_EQ_UINT(2, config_secret_variables(l.config, &names));
    EXPECT_STR("UPSTASH_REDIS_REST_TOKEN", names[1]);
    buf_free(&out);
    unload(&l);
}

// A socket with credentials is no path that could be put in order: its two slashes stay, and so does the mask.
static void test_socket_with_credentials(void) {
    struct loaded l = load_text("store: {url: 'unix://u:topsecret@/run/r.sock?db=1'}\n", NULL);
    struct buf out = {0};
    EXPECT_STR("unix://u:topsecret@/run/r.sock?db=1", l.config->store.url);
    config_dump(l.config, false, &out);
    EXPECT_CONTAINS("unix://u:***(set)@/run/r.sock", out.data);
    EXPECT_NULL(strstr(out.data, "topsecret"));
    buf_free(&out);
    unload(&l);
}

static const struct expect_test tests[] = {
    {"a socket with credentials", test_socket_with_credentials},
    {"each variable, and what is refused", test_rows},
    {"the file wins", test_file_wins},
    {"the origin is told, the token is not", test_origin},
};
SUITE_MAIN("config_store", tests)
