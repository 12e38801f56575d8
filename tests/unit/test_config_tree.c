// YAML to a tree: what is refused, and where it says so.

#include "config_test.h"
#include "expect.h"

#include "base/arena.h"
#include "config/yaml_tree.h"

struct tree {
    struct arena arena;
    struct config_report report;
    struct yaml_node *root;
};

static struct tree parse_bytes(const void *data, size_t len) {
    struct tree t = {0};
    config_report_init(&t.report);
    t.root = yaml_tree_parse(&t.arena, (struct config_place){"t.yaml", 0, 1, 1},
                             (struct bytes){data, len}, &t.report);
    return t;
}

static struct tree parse(const char *text) {
    return parse_bytes(text, strlen(text));
}

static void drop(struct tree *t) {
    config_report_finish(&t->report);
    arena_free(&t->arena);
}

static void test_shape(void) {
    struct tree t = parse("a: 1\nb: [x, 'y']\nc: {d: \"z\"}\n");
    if (EXPECT_TRUE(t.root != NULL) && EXPECT_EQ_UINT(3, t.root->count)) {
        const struct yaml_node *b = yaml_tree_get(t.root, "b");
        EXPECT_EQ_INT(YAML_LIST, b->kind);
        EXPECT_EQ_UINT(2, b->count);
        EXPECT_FALSE(b->child->quoted);
        EXPECT_TRUE(b->child->next->quoted);
        EXPECT_EQ_INT(2, b->child->next->at.line);
        EXPECT_EQ_INT(8, b->child->next->at.column);
        EXPECT_STR("z", yaml_tree_get(yaml_tree_get(t.root, "c"), "d")->text);
        EXPECT_NULL(yaml_tree_get(t.root, "e"));
        EXPECT_NULL(yaml_tree_get(b, "e"));
    }
    drop(&t);
}

struct refusal {
    const char *text, *code;
    int line, column;
    const char *path;
};

static const struct refusal refusals[] = {
    {"", "empty", 1, 1, ""},
    {"# only a comment\n", "empty", 1, 1, ""},
    {"\xEF\xBB\xBF", "empty", 1, 1, ""},
    {"a: &x 1\n", "yaml_anchor", 1, 4, "a"},
    {"a: 1\nb: *a\n", "yaml_anchor", 2, 4, "b"},
    {"a:\n  <<: {b: 1}\n", "yaml_merge", 2, 3, "a"},
    {"a: !!int 3\n", "yaml_tag", 1, 4, "a"},
    {"a: !x 3\n", "yaml_tag", 1, 4, "a"},
    {"a: ! 3\n", "yaml_tag", 1, 4, "a"},
    {"%TAG ! tag:x,2000:\n---\na: 1\n", "yaml_tag", 1, 1, ""},
    {"%YAML 1.3\n---\na: 1\n", "yaml_syntax", 1, 1, ""},
    {"a: 1\n---\nb: 2\n", "yaml_documents", 2, 1, ""},
    {"a: 1\nb: 2\na: 3\n", "duplicate_key", 3, 1, "a"},
    {"q: {x: {c: 1, c: 2}}\n", "duplicate_key", 1, 15, "q.x.c"},
    {"r: [1, {c: 1, c: 2}]\n", "duplicate_key", 1, 15, "r[1].c"},
    {"? {a: 1}\n: 2\n", "yaml_key", 1, 3, ""},
    {"? [a]\n: 2\n", "yaml_key", 1, 3, ""},
    {"? \n: 1\n", "yaml_key", 1, 2, ""},
    {"a: \"x\\0y\"\n", "yaml_nul", 1, 4, "a"},
    {"a:\n\t- b\n", "yaml_syntax", 2, 1, "a"},
    {"a: [1, 2\n", "yaml_syntax", 2, 1, "a[2]"},
    {"a: b: c\n", "yaml_syntax", 1, 5, ""},
    {"a: 1\nb: \x01\n", "yaml_bytes", 2, 4, NULL},
    {"a: 1\nb: \xC3\x28\n", "yaml_bytes", 2, 5, NULL},
    {"\xFF\xFE\x61", "yaml_bytes", 1, 1, ""},
    {"\xFE\xFF\x61", "yaml_bytes", 1, 1, ""},
};

static void test_refusals(void) {
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *r = &refusals[i];
        struct tree t = parse(r->text);
        if (EXPECT_TRUE(t.report.errors >= 1)) {
            const struct config_diagnostic *d = &t.report.items[0];
            EXPECT_STR(r->code, d->code);
            EXPECT_EQ_INT(r->line, d->line);
            EXPECT_EQ_INT(r->column, d->column);
            EXPECT_STR(r->path == NULL ? d->path : r->path, d->path);
        }
        drop(&t);
    }
}

static void test_version_hint(void) {
    struct tree t = parse("%YAML 1.3\n---\na: 1\n");
    EXPECT_CONTAINS("(%YAML 1.1 and 1.2 are understood)", t.report.items[0].message);
    drop(&t);
}

static void test_accepted(void) {
    static const char *const texts[] = {
        "\xEF\xBB\xBF\x61: 1\n",
        "%YAML 1.1\n---\na: 1\n",
        "%YAML 1.2\n---\na: 1\n...\n",
        "a: 1\r\nb: 2\r\n",
        "a: 1",
        "{a: 1, b: [2]}",
        "'<<': 1\n",
        "a: |\n  x\n  y\n",
        "--- {a: 1}\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tree t = parse(texts[i]);
        EXPECT_EQ_UINT(0, t.report.errors);
        EXPECT_TRUE(t.root != NULL);
        drop(&t);
    }
}

static void test_nul_bytes(void) {
    static const char text[] = "a: 1\nb: \0\n";
    struct tree t = parse_bytes(text, sizeof(text) - 1);
    if (EXPECT_EQ_UINT(1, t.report.errors)) {
        EXPECT_EQ_INT(2, t.report.items[0].line);
        EXPECT_EQ_INT(4, t.report.items[0].column);
        EXPECT_CONTAINS("UTF-16", t.report.items[0].message);
    }
    drop(&t);
}

static void test_tab_hint(void) {
    struct tree t = parse("a:\n\tb: 1\n");
    EXPECT_CONTAINS("use spaces", t.report.items[0].message);
    drop(&t);
}

static void test_context(void) {
    struct tree t = parse("a:\n  - x\n  y: 1\n");
    EXPECT_CONTAINS("that begins at line 2, column 3", t.report.items[0].message);
    drop(&t);
}

static void test_duplicates_name_both(void) {
    struct tree t = parse("a: 1\nb: 2\na: 3\n");
    EXPECT_CONTAINS("line 1, column 1", t.report.items[0].message);
    drop(&t);
}

static void nested(struct buf *out, int depth) {
    for (int i = 0; i < depth; i++) {
        buf_char(out, '[');
    }
    for (int i = 0; i < depth; i++) {
        buf_char(out, ']');
    }
}

static void test_depth_limit(void) {
    struct buf at_limit = {0}, beyond = {0};
    nested(&at_limit, YAML_TREE_DEPTH_MAX);
    nested(&beyond, YAML_TREE_DEPTH_MAX + 1);
    struct tree t = parse(at_limit.data);
    EXPECT_EQ_UINT(0, t.report.errors);
    drop(&t);
    t = parse(beyond.data);
    EXPECT_EQ_UINT(1, t.report.errors);
    EXPECT_STR("yaml_depth", t.report.items[0].code);
    EXPECT_EQ_INT(YAML_TREE_DEPTH_MAX + 1, t.report.items[0].column);
    drop(&t);
    buf_free(&at_limit);
    buf_free(&beyond);
}

// Depth inside a refused key counts as well.
static void test_depth_in_key(void) {
    struct buf text = {0};
    buf_str(&text, "? ");
    nested(&text, 200);
    struct tree t = parse(text.data);
    EXPECT_STR("yaml_depth", t.report.items[t.report.count - 1].code);
    drop(&t);
    buf_free(&text);
}

static void test_values_of_refused_keys(void) {
    struct tree t = parse("a:\n  ? {x: 1}\n  : {y: {z: 1}}\n  ? <<\n  : [1]\n  ok: 1\nb: 2\n");
    EXPECT_EQ_UINT(2, t.report.errors);
    if (EXPECT_TRUE(t.root != NULL)) {
        EXPECT_EQ_UINT(2, t.root->count);
        EXPECT_EQ_UINT(1, t.root->child->count);
        EXPECT_STR("ok", t.root->child->child->key->text);
    }
    drop(&t);
}

static void test_empty_value(void) {
    struct tree t = parse("a:\nb: ''\nc: ~\n");
    EXPECT_TRUE(yaml_tree_is_empty(yaml_tree_get(t.root, "a")));
    EXPECT_FALSE(yaml_tree_is_empty(yaml_tree_get(t.root, "b")));
    EXPECT_FALSE(yaml_tree_is_empty(yaml_tree_get(t.root, "c")));
    drop(&t);
}

static void test_lines(void) {
    struct bytes text = bytes_of("one\ntwo\r\nthree\rfour\xC2\x85"
                                 "five\xE2\x80\xA8six");
    static const char *const want[] = {"one", "two", "three", "four", "five", "six", ""};
    for (int i = 0; i < 7; i++) {
        struct bytes line = yaml_tree_line(text, i + 1);
        EXPECT_EQ_BYTES(want[i], strlen(want[i]), line.data, line.len);
    }
}

// Columns count characters: the ä is one.
static void test_columns(void) {
    struct tree t = parse("\"\xC3\xA4\": &x 1\n");
    EXPECT_EQ_INT(6, t.report.items[0].column);
    drop(&t);
}

static const struct expect_test tests[] = {
    {"mappings, lists and words with their places", test_shape},
    {"what a config must not use is refused where it stands", test_refusals},
    {"marks, directives, line ends and flow style are fine", test_accepted},
    {"a NUL byte hints at UTF-16", test_nul_bytes},
    {"another version gets a hint", test_version_hint},
    {"a tab as indentation gets a hint", test_tab_hint},
    {"a syntax error names where its construct began", test_context},
    {"a duplicate key names both places", test_duplicates_name_both},
    {"32 levels are fine, 33 end the parse", test_depth_limit},
    {"levels inside a key count", test_depth_in_key},
    {"the value of a refused key is dropped", test_values_of_refused_keys},
    {"nothing after a colon is not an empty string", test_empty_value},
    {"lines end as YAML ends them", test_lines},
    {"columns count characters", test_columns},
};
SUITE_MAIN("config_tree", tests)
