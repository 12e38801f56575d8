// Words of a command while they are gathered: heads that items in a row share.
#include "store/redis/args.h"

#include "expect.h"

static void add_item(struct redis_args *a, struct redis_head *head, const char *const words[4]) {
    size_t first = a->count;
    for (int i = 0; i < 4; i++) {
        redis_args_text(a, words[i]);
    }
    redis_args_head(a, head, first, 2);
}

static void expect_words(const struct redis_args *a, const char *const *want, size_t count) {
    size_t bytes = 0;
    EXPECT_EQ_UINT(count, a->count);
    for (size_t i = 0; i < count && i < a->count; i++) {
        EXPECT_EQ_BYTES(want[i], strlen(want[i]), a->words[i], a->lens[i]);
        bytes += strlen(want[i]);
    }
    EXPECT_EQ_UINT(bytes, a->bytes);
}

static void test_same_heads(void) {
    struct redis_args a = {.words = NULL};
    struct redis_head head = {.count = 0};
    redis_args_text(&a, "before");
    add_item(&a, &head, (const char *const[]){"q", "t", "1", "x"});
    add_item(&a, &head, (const char *const[]){"q", "t", "2", "y"});
    add_item(&a, &head, (const char *const[]){"q", "t", "3", ""});
    add_item(&a, &head, (const char *const[]){"q", "u", "4", "z"});  // the second word differs
    add_item(&a, &head, (const char *const[]){"q", "uu", "5", "z"}); // in its length only
    add_item(&a, &head, (const char *const[]){"q", "u", "6", "z"});  // as the one before the last
    add_item(&a, &head, (const char *const[]){"q", "u", "7", "z"});
    static const char *const want[] = {"before", "q", "t", "1", "x", "",  "2", "y",  "",
                                       "3",      "",  "q", "u", "4", "z", "q", "uu", "5",
                                       "z",      "q", "u", "6", "z", "",  "7", "z"};
    expect_words(&a, want, ARRAY_LEN(want));
    redis_args_free(&a);
}

// Heads of another length are other heads, even where their words are the same.
static void test_other_lengths(void) {
    struct redis_args a = {.words = NULL};
    struct redis_head head = {.count = 0};
    add_item(&a, &head, (const char *const[]){"q", "t", "u", "x"});
    size_t first = a.count;
    redis_args_text(&a, "q");
    redis_args_text(&a, "t");
    redis_args_text(&a, "u");
    redis_args_head(&a, &head, first, 3);
    static const char *const want[] = {"q", "t", "u", "x", "q", "t", "u"};
    expect_words(&a, want, ARRAY_LEN(want));
    redis_args_free(&a);
}

static const struct expect_test tests[] = {
    {"heads that are those of the item before", test_same_heads},
    {"heads of other lengths", test_other_lengths},
};
SUITE_MAIN("redis_args", tests)
