// What a plugin may say about itself, and in which words it is refused.
#include <errno.h>

#include "core/job.h"
#include "expect.h"
#include "failing_alloc.h"
#include "worker/manifest.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return JH_OK;
}

static const struct jh_handler one_handler[] = {{.name = "a.b", .run = run}};

static struct jh_plugin good(void) {
    return (struct jh_plugin){JH_PLUGIN_INIT, .name = "a", .version = "1", .handlers = one_handler,
                              .handler_count = 1};
}

static void expect_refused(struct jh_plugin p, const char *stage, const char *words) {
    struct manifest m;
    const char *got = "";
    struct err e = {0};
    EXPECT_EQ_INT(-EPROTO, manifest_read(&p, &m, &got, &e));
    EXPECT_EQ_STR(stage, got);
    EXPECT_CONTAINS(words, e.msg);
}

static void expect_accepted(struct jh_plugin p) {
    struct manifest m;
    const char *stage = "";
    struct err e = {0};
    if (!EXPECT_EQ_INT(0, manifest_read(&p, &m, &stage, &e))) {
        (void)puts(e.msg);
        return;
    }
    EXPECT_EQ_UINT(p.handler_count, m.plugin.handler_count);
    manifest_finish(&m);
}

static void test_abi(void) {
    expect_accepted(good());
    struct jh_plugin p = good();
    p.magic++;
    expect_refused(p, "abi", "magic is 0x314a4843");
    p = good();
    p.abi_major = 0;
    expect_refused(p, "abi", "abi_major is 0, this host speaks 1");
    p = good();
    p.abi_minor = JH_ABI_MINOR + 1;
    expect_refused(p, "abi", "upgrade the host");
    static const uint32_t sizes[] = {0, 64, 71, 73, 8192};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        p = good();
        p.size = sizes[i];
        expect_refused(p, "abi", "jobhost_plugin.size is");
    }
    p = good();
    p.handler_size = 32;
    expect_refused(p, "abi", "jobhost_plugin.handler_size is 32");
}

// Structs of a later minor are larger: handlers are walked with their own stride.
static void test_stride(void) {
    static const struct {
        struct jh_handler handler;
        const char *later[3];
    } wide[] = {{{.name = "a.one", .run = run, .state_version = 7}, {"x", "y", "z"}},
                {{.name = "a.two", .run = run, .state_version = 8}, {"x", "y", "z"}}};
    struct {
        struct jh_plugin plugin;
        uint64_t later[4];
    } big = {.plugin = good()};
    big.plugin.size = sizeof big;
    big.plugin.handler_size = sizeof wide[0];
    big.plugin.handlers = &wide[0].handler;
    big.plugin.handler_count = 2;
    struct manifest m;
    const char *stage;
    struct err e;
    EXPECT_EQ_INT(0, manifest_read(&big.plugin, &m, &stage, &e));
    EXPECT_EQ_STR("a.two", m.handlers[1].name);
    EXPECT_EQ_UINT(8, m.handlers[1].state_version);
    manifest_finish(&m);
}

static void test_names(void) {
    struct jh_plugin p = good();
    p.name = NULL;
    expect_refused(p, "manifest", "name is NULL");
    p.name = "sp ace";
    expect_refused(p, "manifest", "jobhost_plugin.name \"sp ace\"");
    p = good();
    p.version = NULL;
    expect_refused(p, "manifest", "version");
    p.version = "";
    expect_refused(p, "manifest", "version");
    char version[MANIFEST_VERSION_MAX + 2];
    memset(version, '1', sizeof version - 1);
    version[MANIFEST_VERSION_MAX] = '\0';
    p.version = version;
    expect_accepted(p);
    version[MANIFEST_VERSION_MAX] = '1';
    version[MANIFEST_VERSION_MAX + 1] = '\0';
    expect_refused(p, "manifest", "longer than 64");
}

// A version of 0 would look like a job without steps, and every attempt would do all of them again.
static void test_state_version(void) {
    struct jh_handler two[2] = {
        {.name = "a.b", .run = run},
        {.name = "a.c", .run = run, .state_version = 7, .oldest_state_version = 3}};
    struct jh_plugin p = good();
    struct manifest m;
    const char *stage = "";
    struct err e = {0};
    p.handlers = two;
    p.handler_count = 2;
    EXPECT_EQ_INT(0, manifest_read(&p, &m, &stage, &e));
    EXPECT_EQ_UINT(1, m.handlers[0].state_version);
    EXPECT_EQ_UINT(1, m.handlers[0].oldest_state_version);
    EXPECT_EQ_UINT(7, m.handlers[1].state_version);
    EXPECT_EQ_UINT(3, m.handlers[1].oldest_state_version);
    manifest_finish(&m);
    two[1].oldest_state_version = 7;
    expect_accepted(p);
    two[1].oldest_state_version = 8;
    expect_refused(p, "manifest", "oldest_state_version is 8, its state_version 7");
}

// A plugin whose struct ends before it says nothing of older steps.
static void test_state_version_1_0(void) {
    static const struct {
        const char *name, *summary;
        jh_status (*run)(void *self, struct jh_call *, const struct jh_job *);
        uint32_t flags, state_version;
        const struct jh_option *payload;
    } small[2] = {{.name = "a.b", .run = run, .state_version = 2},
                  {.name = "a.c", .run = run, .state_version = 5}};
    struct jh_plugin p = good();
    struct manifest m;
    const char *stage = "";
    struct err e = {0};
    p.handler_size = sizeof small[0];
    p.handlers = (const struct jh_handler *)(const void *)small;
    p.handler_count = 2;
    EXPECT_EQ_INT(0, manifest_read(&p, &m, &stage, &e));
    EXPECT_EQ_UINT(2, m.handlers[0].oldest_state_version);
    EXPECT_EQ_UINT(5, m.handlers[1].oldest_state_version);
    manifest_finish(&m);
}

static void test_handlers(void) {
    struct jh_plugin p = good();
    p.handler_count = 0;
    expect_refused(p, "manifest", "handler_count is 0, allowed are 1 to 256");
    p = good();
    p.handlers = NULL;
    expect_refused(p, "manifest", "handlers is NULL");

    static char names[MANIFEST_HANDLERS_MAX + 1][16];
    static struct jh_handler many[MANIFEST_HANDLERS_MAX + 1];
    for (size_t i = 0; i <= MANIFEST_HANDLERS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "a.h%zu", i);
        many[i] = (struct jh_handler){.name = names[i], .run = run};
    }
    p = good();
    p.handlers = many;
    p.handler_count = MANIFEST_HANDLERS_MAX;
    expect_accepted(p);
    p.handler_count++;
    expect_refused(p, "manifest", "handler_count is 257");

    struct jh_handler two[2] = {{.name = "a.b", .run = run}, {.name = "a.b", .run = run}};
    p = good();
    p.handlers = two;
    p.handler_count = 2;
    expect_refused(p, "manifest", "\"a.b\" appears twice");
    two[1].name = NULL;
    expect_refused(p, "manifest", "handlers[1].name is NULL");
    two[1].name = "1a";
    expect_refused(p, "manifest", "handlers[1].name \"1a\"");
    two[1] = (struct jh_handler){.name = "a.c"};
    expect_refused(p, "manifest", "\"a.c\": run is NULL");
}

static void test_options(void) {
    static const struct jh_option nameless[] = {{"", JH_OPT_INT, 0, NULL, NULL}, {0}};
    static const struct jh_option odd[] = {{"x", JH_OPT_URL + 1, 0, NULL, NULL}, {0}};
    static const struct jh_option twice[] = {
        {"x", JH_OPT_INT, 0, NULL, NULL}, {"x", JH_OPT_BOOL, 0, NULL, NULL}, {0}};
    struct jh_plugin p = good();
    p.options = nameless;
    expect_refused(p, "manifest", "options[0].name is empty");
    p.options = odd;
    expect_refused(p, "manifest", "\"x\" has type 7, this host knows 1 to 6");
    p.options = twice;
    expect_refused(p, "manifest", "options: \"x\" appears twice");
    const struct jh_handler h[] = {{.name = "a.b", .run = run, .payload = odd}};
    p = good();
    p.handlers = h;
    expect_refused(p, "manifest", "payload of \"a.b\": \"x\" has type 7");

    static char names[MANIFEST_OPTIONS_MAX + 1][16];
    static struct jh_option many[MANIFEST_OPTIONS_MAX + 2];
    for (size_t i = 0; i < MANIFEST_OPTIONS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "o%zu", i);
        many[i] = (struct jh_option){.name = names[i], .type = JH_OPT_STRING};
    }
    p = good();
    p.options = many;
    expect_accepted(p);
    many[MANIFEST_OPTIONS_MAX] = (struct jh_option){.name = "one more", .type = JH_OPT_STRING};
    expect_refused(p, "manifest", "more than 256 entries");
}

static void expect_takes(const struct jh_option *takes, const char *words) {
    const struct jh_handler h[] = {{.name = "a.b", .run = run, .takes = takes}};
    struct jh_plugin p = good();
    p.handlers = h;
    if (words == NULL) {
        expect_accepted(p);
    } else {
        expect_refused(p, "manifest", words);
    }
}

static void test_takes(void) {
    static const struct jh_option fine[] = {
        {"list", JH_OPT_LIST, 0, NULL, NULL},         {"list[].day", JH_OPT_STRING, 0, NULL, NULL},
        {"rows", JH_OPT_LIST, 0, NULL, NULL},         {"rows[]", JH_OPT_OBJECT, 0, NULL, NULL},
        {"rows[].cells", JH_OPT_LIST, 0, NULL, NULL}, {"rows[].cells[]", JH_OPT_INT, 0, NULL, NULL},
        {"box", JH_OPT_OBJECT, 0, NULL, NULL},        {"box.size", JH_OPT_INT, 0, NULL, NULL},
        {"photo.jpg", JH_OPT_FILE, 0, NULL, NULL},    {"unit", JH_OPT_CHOICE, 0, "g kg", NULL},
        {"from", JH_OPT_DAY, 0, NULL, NULL},          {0}};
    static const struct jh_option odd[] = {{"x", JH_OPT_DAY + 1, 0, NULL, NULL}, {0}};
    static const struct jh_option orphan[] = {
        {"box.size", JH_OPT_INT, 0, NULL, NULL}, {"box", JH_OPT_OBJECT, 0, NULL, NULL}, {0}};
    static const struct jh_option element[] = {
        {"box", JH_OPT_OBJECT, 0, NULL, NULL}, {"box[]", JH_OPT_INT, 0, NULL, NULL}, {0}};
    static const struct jh_option scalar[] = {{"list", JH_OPT_LIST, 0, NULL, NULL},
                                              {"list[]", JH_OPT_INT, 0, NULL, NULL},
                                              {"list[].x", JH_OPT_INT, 0, NULL, NULL},
                                              {0}};
    static const struct jh_option choice[] = {{"x", JH_OPT_CHOICE, 0, NULL, NULL}, {0}};
    static const struct jh_option blank[] = {{"x", JH_OPT_CHOICE, 0, " a", NULL}, {0}};
    expect_takes(fine, NULL);
    expect_takes(choice, "\"x\" is a choice: its fallback begins with a word");
    expect_takes(blank, "\"x\" is a choice");
    expect_takes(odd, "takes of \"a.b\": \"x\" has type 12, this host knows 1 to 11");
    expect_takes(orphan, "\"box.size\" is in no object or list that stands above it");
    expect_takes(element, "\"box[]\" is in no object or list that stands above it");
    expect_takes(scalar, "\"list[].x\" is in no object or list");
}

static void test_out_of_memory(void) {
    for (int nth = 1; nth <= 2; nth++) {
        struct manifest m;
        const char *stage;
        struct err e = {0};
        const struct jh_plugin p = good();
        failing_alloc_after(nth);
        int rc = manifest_read(&p, &m, &stage, &e);
        failing_alloc_after(0);
        EXPECT_EQ_INT(-ENOMEM, rc);
        EXPECT_EQ_STR("out of memory", e.msg);
    }
}

static const struct expect_test tests[] = {
    {"the first four fields decide", test_abi},
    {"later, larger structs", test_stride},
    {"name and version", test_names},
    {"handlers: at the limit and beyond", test_handlers},
    {"steps are found again without a state_version", test_state_version},
    {"a plugin of ABI 1.0 resumes its own steps alone", test_state_version_1_0},
    {"options and payload fields: at the limit and beyond", test_options},
    {"what a handler takes: types and paths", test_takes},
    {"out of memory", test_out_of_memory},
};
SUITE_MAIN("worker: manifest", tests)
