/* Shared by the config tests: loading a text in a made-up environment, and asking the report. */
#ifndef JOBHOST_TESTS_CONFIG_TEST_H
#define JOBHOST_TESTS_CONFIG_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

struct loaded {
    struct config_env *env;
    struct config *config;
    struct config_report report;
    struct buf printed; /* what a user would read */
};

/* `environment` is NULL-terminated "NAME=value" texts, or NULL. */
static inline struct loaded load_text(const char *text, const char *const *environment) {
    static const char *const none[] = {NULL};
    struct loaded l = {0};
    const char *const *given = environment == NULL ? none : environment;
    l.env = config_env_new((char **)(uintptr_t)given);
    l.config = config_load_text("test.yaml", bytes_of(text), l.env, NULL, &l.report);
    config_report_print(&l.report, false, &l.printed);
    return l;
}

static inline struct loaded load_file(const char *path, const char *const *environment,
                                      const struct config_load_options *options) {
    static const char *const none[] = {NULL};
    struct loaded l = {0};
    const char *const *given = environment == NULL ? none : environment;
    l.env = config_env_new((char **)(uintptr_t)given);
    l.config = config_load(path, l.env, options, &l.report);
    config_report_print(&l.report, false, &l.printed);
    return l;
}

static inline void unload(struct loaded *l) {
    config_free(&l->config);
    config_report_finish(&l->report);
    config_env_free(&l->env);
    buf_free(&l->printed);
}

static inline const char *printed(const struct loaded *l) {
    return l->printed.data == NULL ? "" : l->printed.data;
}

/* The first problem with this code, or NULL. */
static inline const struct config_diagnostic *problem(const struct loaded *l, const char *code) {
    for (size_t i = 0; i < l->report.count; i++) {
        if (strcmp(l->report.items[i].code, code) == 0) {
            return &l->report.items[i];
        }
    }
    return NULL;
}

/* The code of the first problem at `path`, or "". */
static inline const char *code_at(const struct loaded *l, const char *path) {
    for (size_t i = 0; i < l->report.count; i++) {
        if (strcmp(l->report.items[i].path, path) == 0) {
            return l->report.items[i].code;
        }
    }
    return "";
}

/* A folder of its own for a test's files; removed with its files (not folders) by scratch_remove(). */
struct scratch {
    char dir[64];
    char path[160]; /* of the file asked for last */
};

static inline void scratch_make(struct scratch *s) {
    (void)snprintf(s->dir, sizeof(s->dir), "%s", "jobhost-test-XXXXXX");
    if (mkdtemp(s->dir) == NULL) {
        abort();
    }
}

static inline const char *scratch_path(struct scratch *s, const char *name) {
    (void)snprintf(s->path, sizeof(s->path), "%s/%s", s->dir, name);
    return s->path;
}

static inline const char *scratch_write(struct scratch *s, const char *name, const void *data,
                                        size_t len, mode_t mode) {
    const char *path = scratch_path(s, name);
    FILE *f = fopen(path, "w");
    if (f == NULL || fwrite(data, 1, len, f) != len || fclose(f) != 0 || chmod(path, mode) != 0) {
        abort();
    }
    return path;
}

static inline const char *scratch_text(struct scratch *s, const char *name, const char *text) {
    return scratch_write(s, name, text, strlen(text), 0600);
}

static inline void scratch_remove(struct scratch *s) {
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf ./%s", s->dir);
    if (system(command) != 0) {
        abort();
    }
}

#endif
