// The embedded template is the example, byte for byte.
#include <stdio.h>
#include <stdlib.h>

#include "expect.h"
#include "template_files.h"

static void expect_same(const struct template_file *file) {
    char path[512];
    static char text[65536];
    (void)snprintf(path, sizeof path, "%s/%s", TEMPLATE_DIR, file->path);
    FILE *f = fopen(path, "r");
    if (!EXPECT_TRUE(f != NULL)) {
        return;
    }
    size_t len = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    EXPECT_EQ_BYTES(text, len, file->text, strlen(file->text));
}

static void test_same(void) {
    size_t count = 0;
    for (const struct template_file *file = template_files; file->path != NULL; file++) {
        expect_same(file);
        count++;
    }
    EXPECT_EQ_UINT(4, count);
}

static const struct expect_test tests[] = {{"byte for byte", test_same}};
SUITE_MAIN("plugin template", tests)
