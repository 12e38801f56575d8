// Tables for people: widths of characters, columns, what is cut when the terminal is narrow.
#include "cli/table.h"
#include "cli/width.h"

#include "expect.h"

static void test_width(void) {
    static const struct {
        const char *text;
        size_t cells;
    } rows[] = {
        {"", 0},
        {"plain", 5},
        {"\xc3\xa9t\xc3\xa9", 3},                // été
        {"e\xcc\x81", 1},                        // e and a combining acute
        {"\xe6\x97\xa5\xe6\x9c\xac", 4},         // two ideographs
        {"\xed\x95\x9c", 2},                     // a Hangul syllable
        {"\xef\xbc\xa1", 2},                     // fullwidth A
        {"\xf0\x9f\x98\x80", 2},                 // an emoji
        {"\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", 2}, // and one with a skin tone
        {"\xe2\x80\x94\xe2\x82\xac\xc2\xb0", 3}, // dash, euro, degree
        {"\xe2\x80\x8b", 0},                     // zero width space
        {"a\xff\xfe"
         "b",
         4},             // no UTF-8
        {"\xe6\x97", 2}, // cut off in the middle
        {"\xc0\x80", 2}, // overlong
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EXPECT_EQ_UINT(rows[i].cells, width_of(rows[i].text));
    }
}

static void test_fit(void) {
    static const struct {
        const char *text;
        size_t cells, bytes, taken;
    } rows[] = {
        {"abc", 5, 3, 3},        {"abc", 2, 2, 2},
        {"abc", 0, 0, 0},        {"\xe6\x97\xa5\xe6\x9c\xac", 3, 3, 2}, // half a character is none
        {"e\xcc\x81x", 1, 3, 1}, // a mark stays with its letter
        {"", 3, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t taken = 99;
        EXPECT_EQ_UINT(rows[i].bytes, width_fit(rows[i].text, rows[i].cells, &taken));
        EXPECT_EQ_UINT(rows[i].taken, taken);
    }
}

static const char *const titles[] = {"NAME", ">COUNT", "NOTE"};

static struct table fruits(void) {
    struct table t = {.titles = titles, .columns = 3};
    table_cell(&t, "apple");
    table_cellf(&t, "%d", 5);
    table_cell(&t, "green and a little sour");
    table_cell(&t, "\xe6\xa2\xa8"); // pear
    table_number(&t, 1234567);
    table_cell(&t, NULL);
    table_state(&t, "dead");
    table_number(&t, 0);
    table_cell(&t, "a\x1b[31mb\n");
    return t;
}

static void expect_layout(size_t width, bool colour, const char *want) {
    struct table t = fruits();
    struct buf out = {0};
    table_layout(&t, width, colour, &out);
    EXPECT_EQ_STR(want, out.data);
    buf_free(&out);
    table_finish(&t);
}

static void test_layout(void) {
    expect_layout(0, false,
                  "NAME     COUNT  NOTE\n"
                  "apple        5  green and a little sour\n"
                  "\xe6\xa2\xa8     1234567  -\n"
                  "dead         -  a [31mb \n");
    expect_layout(80, true,
                  "NAME     COUNT  NOTE\n"
                  "apple        5  green and a little sour\n"
                  "\xe6\xa2\xa8     1234567  -\n"
                  "\033[31mdead\033[0m         -  a [31mb \n");
    expect_layout(30, false,
                  "NAME     COUNT  NOTE\n"
                  "apple        5  green and a l…\n"
                  "\xe6\xa2\xa8     1234567  -\n"
                  "dead         -  a [31mb \n");
}

/* Every line fits, as long as no column would become shorter than its least. */
static void test_narrow(void) {
    static const char *const wide_titles[] = {"A", "B", "C"};
    for (size_t width = 28; width <= 140; width++) {
        struct table t = {.titles = wide_titles, .columns = 3};
        struct buf out = {0};
        size_t longest = 0;
        table_cell(&t, "12345678");
        table_cell(&t, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e is a language with long words in it");
        table_cell(&t, "a text of some length that is cut first, because it comes last in the row");
        table_layout(&t, width, false, &out);
        for (char *line = strtok(out.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            longest = width_of(line) > longest ? width_of(line) : longest;
        }
        EXPECT_TRUE(longest <= width);
        EXPECT_TRUE(longest + 1 >= (width < 126 ? width : 126)); // and no room is wasted
        buf_free(&out);
        table_finish(&t);
    }
}

static void test_columns_max(void) {
    static const char *many[TABLE_COLUMNS_MAX + 1];
    for (size_t i = 0; i <= TABLE_COLUMNS_MAX; i++) {
        many[i] = "X";
    }
    for (size_t over = 0; over <= 1; over++) {
        struct table t = {.titles = many, .columns = TABLE_COLUMNS_MAX + over};
        struct buf out = {0};
        table_layout(&t, 0, false, &out);
        EXPECT_EQ_INT(over == 0, out.len > 0);
        buf_free(&out);
        table_finish(&t);
    }
}

static const struct expect_test tests[] = {
    {"cells of characters", test_width},        {"what fits", test_fit},
    {"layout, alignment, colour", test_layout}, {"lines fit the terminal", test_narrow},
    {"columns at the limit", test_columns_max},
};

SUITE_MAIN("cli table", tests)
