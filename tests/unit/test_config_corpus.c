// tests/config: good files load without a word (or with the warnings beside them), bad ones give exactly the problems that stand
// in their .expect: "LINE:COLUMN severity code path". A first comment `# env NAME=value` sets a variable.

#include <dirent.h>

#include "config_test.h"
#include "expect.h"

enum { FILES_MAX = 200, VARIABLES_MAX = 16 };

struct corpus {
    char names[FILES_MAX][64];
    size_t count;
};

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static void list(const char *dir, struct corpus *ret) {
    DIR *d = opendir(dir);
    ret->count = 0;
    for (struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len > 5 && len < 60 && strcmp(entry->d_name + len - 5, ".yaml") == 0 &&
            ret->count < FILES_MAX) {
            (void)snprintf(ret->names[ret->count++], 64, "%.*s", (int)(len - 5), entry->d_name);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    qsort(ret->names, ret->count, sizeof(ret->names[0]), by_name);
}

static struct buf slurp(const char *dir, const char *name, const char *suffix) {
    struct buf text = {0};
    char path[160], chunk[4096];
    (void)snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix);
    FILE *f = fopen(path, "r");
    for (size_t n; f != NULL && (n = fread(chunk, 1, sizeof(chunk), f)) > 0;) {
        buf_add(&text, chunk, n);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return text;
}

// Copies the file's `# env` lines; the texts live as long as `kept`.
static void read_environment(const struct buf *text, struct buf *kept, const char **variables) {
    size_t count = 0;
    if (text->data == NULL) {
        return;
    }
    buf_str(kept, text->data);
    for (char *line = strtok(kept->data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "# env ", 6) == 0 && count < VARIABLES_MAX) {
            variables[count++] = line + 6;
        }
    }
}

static struct buf judge(const char *dir, const char *name) {
    struct buf text = slurp(dir, name, ".yaml"), kept = {0}, got = {0};
    const char *variables[VARIABLES_MAX + 1] = {NULL};
    read_environment(&text, &kept, variables);
    struct config_env *env = config_env_new((char **)(uintptr_t)variables);
    struct config_report report;
    struct config *c = config_load_text(name, buf_bytes(&text), env, NULL, &report);
    EXPECT_EQ_INT(c == NULL, report.errors > 0);
    for (size_t i = 0; i < report.count; i++) {
        const struct config_diagnostic *d = &report.items[i];
        buf_printf(&got, "%d:%d %s %s%s%s\n", d->line, d->column, d->warning ? "warning" : "error",
                   d->code, *d->path == '\0' ? "" : " ", d->path);
        EXPECT_TRUE(d->line >= 1 && d->column >= 1);
    }
    config_free(&c);
    config_report_finish(&report);
    config_env_free(&env);
    buf_free(&kept);
    buf_free(&text);
    return got;
}

static size_t count_errors(const struct buf *lines) {
    size_t n = 0;
    for (const char *at = lines->data; at != NULL && (at = strstr(at, " error ")) != NULL; at++) {
        n++;
    }
    return n;
}

static void check_folder(const char *dir, bool good) {
    static struct corpus corpus;
    list(dir, &corpus);
    EXPECT_TRUE(corpus.count >= 10);
    for (size_t i = 0; i < corpus.count; i++) {
        struct buf got = judge(dir, corpus.names[i]);
        struct buf want = slurp(dir, corpus.names[i], ".expect");
        EXPECT_EQ_INT(good, count_errors(&got) == 0);
        if (!EXPECT_STR(want.data == NULL ? "" : want.data, got.data == NULL ? "" : got.data)) {
            (void)fprintf(stderr, "%s/%s:\n%s", dir, corpus.names[i],
                          got.data == NULL ? "" : got.data);
        }
        buf_free(&got);
        buf_free(&want);
    }
}

static void test_good(void) {
    check_folder("good", true);
}

static void test_bad(void) {
    check_folder("bad", false);
}

static const struct expect_test tests[] = {
    {"good files load", test_good},
    {"bad files give their problems", test_bad},
};

int main(int argc, char **argv) {
    if (chdir(SOURCE_DIR "/tests/config") != 0) {
        return EXIT_FAILURE;
    }
    return expect_run("config_corpus", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
