#define _GNU_SOURCE // explicit_bzero

#include "config/config_source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

// ---- paths

const char *config_path_join(struct arena *arena, const char *dir, const char *path) {
    char *joined =
        path[0] == '/' ? arena_str(arena, path) : arena_printf(arena, "%s/%s", dir, path);
    if (joined == NULL) {
        return NULL;
    }
    char *to = joined;
    for (const char *from = joined; *from != '\0';) {
        if (from[0] == '/' && (from[1] == '/' || (from[1] == '.' && from[2] == '/'))) {
            from += from[1] == '/' ? 1 : 2;
        } else {
            *to++ = *from++;
        }
    }
    if (to - joined > 2 && to[-1] == '.' && to[-2] == '/') {
        to -= 2; // "/a/."
    }
    *to = '\0';
    return joined;
}

// The part before the last slash, as it stands in front of a name: "" or "conf/".
static const char *dir_prefix(struct arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    return arena_strn(arena, path, slash == NULL ? 0 : (size_t)(slash - path) + 1);
}

static const char *absolute_dir(struct arena *arena, const char *path) {
    const char *prefix = dir_prefix(arena, path);
    char *real = prefix == NULL ? NULL : realpath(*prefix == '\0' ? "." : prefix, NULL);
    const char *dir = real == NULL ? prefix : arena_str(arena, real);
    free(real);
    return dir;
}

// ---- reading

static int read_open_file(struct config_source *source, int fd, const char *path, struct err *e) {
    struct stat st;
    if (fstat(fd, &st) == -1) {
        return err_errno(e, -errno, "cannot read %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(e, -EINVAL, "%s is not a regular file", path);
    }
    source->open_to_others = (st.st_mode & 044) != 0;
    source->device = st.st_dev;
    source->inode = st.st_ino;
    // all the room at once: a buffer that moved would leave an unwiped copy behind
    char *room = buf_room(&source->text, YAML_TREE_FILE_MAX + 1);
    if (room == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (;;) {
        ssize_t n = read(fd, room + source->text.len, YAML_TREE_FILE_MAX + 1 - source->text.len);
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            return err_errno(e, -errno, "cannot read %s", path);
        }
        if (n == 0) {
            return 0;
        }
        buf_grew(&source->text, (size_t)n);
        if (source->text.len > YAML_TREE_FILE_MAX) {
            return err_set(e, -EFBIG, "%s is larger than 256 KiB", path);
        }
    }
}

static int read_file(struct config_source *source, const char *path, struct err *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); // a FIFO must not hang us
    if (fd == -1) {
        return err_errno(e, -errno, "cannot read %s", path);
    }
    int r = read_open_file(source, fd, path, e);
    (void)close(fd);
    return r;
}

// ---- the list of files

struct load {
    struct config_sources *sources;
    struct config_report *report;
    struct yaml_node *root;
};

static struct config_source *source_add(struct load *l, const char *name) {
    struct config_sources *s = l->sources;
    if (s->items == NULL) {
        s->items = arena_zalloc(&s->arena, (CONFIG_FILES_MAX + 1) * sizeof(s->items[0]));
    }
    if (s->items == NULL) {
        return NULL;
    }
    struct config_source *source = &s->items[s->count];
    source->name = arena_str(&s->arena, name);
    source->dir = absolute_dir(&s->arena, name);
    if (source->name == NULL || source->dir == NULL) {
        return NULL;
    }
    s->count++;
    return source;
}

static struct config_place start_of(const struct config_sources *s,
                                    const struct config_source *source) {
    return (struct config_place){source->name, (unsigned)(source - s->items), 1, 1};
}

static void source_parse(struct load *l, struct config_source *source) {
    struct config_place at = start_of(l->sources, source);
    if (source->text.len > YAML_TREE_FILE_MAX) {
        config_report_error(l->report, at, "", "file_size", "%s is larger than 256 KiB",
                            source->name);
        return;
    }
    source->root = yaml_tree_parse(&l->sources->arena, at, buf_bytes(&source->text), l->report);
    if (source->root != NULL && source->root->kind != YAML_MAP) {
        config_report_error(l->report, source->root->at, "", "wrong_kind",
                            "a config is a mapping of sections (host:, queues: ...), this is %s",
                            yaml_tree_kind_name(source->root));
        source->root = NULL;
    }
}

// ---- include

static bool same_file_before(const struct config_sources *s, const struct config_source *source) {
    for (const struct config_source *other = s->items; other < source; other++) {
        if (other->device == source->device && other->inode == source->inode) {
            return true;
        }
    }
    return false;
}

// False when no more files may follow.
static bool may_include(struct load *l, const struct yaml_node *why) {
    if (l->sources->count <= CONFIG_FILES_MAX) {
        return true;
    }
    config_report_error(l->report, why->at, "include", "too_many_files",
                        "more than %d files are included", CONFIG_FILES_MAX);
    return false;
}

static void include_file(struct load *l, const struct yaml_node *why, const char *name) {
    struct config_source *source = source_add(l, name);
    struct err e = {0};
    if (source == NULL) {
        config_report_error(l->report, why->at, "include", "no_memory", "out of memory");
        return;
    }
    if (read_file(source, name, &e) < 0) {
        config_report_error(l->report, why->at, "include", "include_file", "%s", e.msg);
        return;
    }
    if (same_file_before(l->sources, source)) {
        config_report_error(l->report, why->at, "include", "included_twice", "%s is included twice",
                            name);
        return;
    }
    source_parse(l, source);
    struct yaml_node *nested = yaml_tree_get(source->root, "include");
    if (nested != NULL) {
        config_report_error(l->report, nested->key->at, "include", "nested_include",
                            "an included file must not include others");
        yaml_tree_remove(source->root, nested);
    }
    if (source->root != NULL) {
        config_merge(l->root, source->root, l->report);
    }
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_wanted(const char *name, const char *pattern) {
    size_t len = strlen(name);
    return name[0] != '.' && name[len - 1] != '~' && fnmatch(pattern, name, 0) == 0;
}

struct names {
    char **items; /* grows by doubling; freed by the caller, the texts are the arena's */
    size_t count, cap;
};

static bool names_add(struct names *names, struct arena *arena, const char *name) {
    if (names->count == names->cap) {
        size_t cap = names->cap == 0 ? 16 : names->cap * 2;
        char **grown = realloc(names->items, cap * sizeof(char *));
        if (grown == NULL) {
            return false;
        }
        names->items = grown;
        names->cap = cap;
    }
    char *copy = arena_str(arena, name);
    if (copy == NULL) {
        return false;
    }
    names->items[names->count++] = copy;
    return true;
}

// Names in `dir` that match, sorted bytewise; one more than allowed at most. False: no such folder
// or no memory.
static bool list_matches(struct arena *arena, const char *dir, const char *pattern,
                         struct names *ret) {
    DIR *d = opendir(*dir == '\0' ? "." : dir);
    if (d == NULL) {
        return false;
    }
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(d)) != NULL;) {
        if (is_wanted(entry->d_name, pattern) && ret->count <= CONFIG_FILES_MAX) {
            ok = names_add(ret, arena, entry->d_name);
        }
    }
    (void)closedir(d);
    if (ret->count > 1) {
        qsort(ret->items, ret->count, sizeof(char *), by_bytes);
    }
    return ok;
}

static void include_pattern(struct load *l, const struct yaml_node *why, const char *path) {
    struct arena *arena = &l->sources->arena;
    const char *dir = dir_prefix(arena, path);
    if (dir == NULL || strpbrk(dir, "*?[") != NULL) {
        config_report_error(l->report, why->at, "include", "bad_include",
                            "wildcards may stand in the last part of the path only");
        return;
    }
    struct names names = {0};
    if (!list_matches(arena, dir, path + strlen(dir), &names) || names.count == 0) {
        config_report_warning(l->report, why->at, "include", "no_match", "no file matches %s",
                              path);
    }
    for (size_t i = 0; i < names.count && may_include(l, why); i++) {
        const char *name = arena_printf(arena, "%s%s", dir, names.items[i]);
        if (name != NULL) {
            include_file(l, why, name);
        }
    }
    free(names.items);
}

static void include_entry(struct load *l, struct yaml_node *entry) {
    entry->shown = true;
    if (entry->kind != YAML_TEXT || entry->len == 0) {
        config_report_error(l->report, entry->at, "include", "wrong_kind",
                            "expected the path of a file, found %s",
                            entry->kind == YAML_TEXT ? "nothing" : yaml_tree_kind_name(entry));
        return;
    }
    if (strstr(entry->text, "${") != NULL) {
        config_report_error(l->report, entry->at, "include", "bad_include",
                            "${...} is not replaced in include");
        return;
    }
    if (l->sources->no_files) {
        config_report_error(l->report, entry->at, "include", "include_file",
                            "files are not read here");
        return;
    }
    // relative to the including file, in messages as in fact
    struct arena *arena = &l->sources->arena;
    const char *prefix = entry->text[0] == '/' ? "" : dir_prefix(arena, l->sources->items[0].name);
    const char *path = prefix == NULL ? NULL : arena_printf(arena, "%s%s", prefix, entry->text);
    if (path == NULL) {
        config_report_error(l->report, entry->at, "include", "no_memory", "out of memory");
    } else if (strpbrk(entry->text, "*?[") != NULL) {
        include_pattern(l, entry, path);
    } else if (may_include(l, entry)) {
        include_file(l, entry, path);
    }
}

static void include_all(struct load *l) {
    struct yaml_node *include = yaml_tree_get(l->root, "include");
    if (include == NULL) {
        return;
    }
    if (include->kind != YAML_LIST) {
        include_entry(l, include);
        return;
    }
    for (struct yaml_node *entry = include->child; entry != NULL; entry = entry->next) {
        include_entry(l, entry);
    }
}

// ---- entry points

static struct yaml_node *load_main(struct load *l, struct config_source *source) {
    source_parse(l, source);
    l->root = source->root;
    if (l->root != NULL) {
        include_all(l);
    }
    return l->root;
}

struct yaml_node *config_sources_load(struct config_sources *sources, const char *path,
                                      struct config_report *report) {
    struct load l = {.sources = sources, .report = report};
    struct config_source *source = source_add(&l, path);
    struct err e = {0};
    int r = source == NULL ? err_set(&e, -ENOMEM, "out of memory") : read_file(source, path, &e);
    if (r < 0) {
        config_report_error(report, (struct config_place){path, 0, 1, 1}, "",
                            r == -EFBIG ? "file_size" : "cannot_read", "%s", e.msg);
        return NULL;
    }
    return load_main(&l, source);
}

struct yaml_node *config_sources_load_text(struct config_sources *sources, const char *name,
                                           struct bytes text, struct config_report *report) {
    struct load l = {.sources = sources, .report = report};
    struct config_source *source = source_add(&l, name);
    if (source != NULL) {
        buf_add(&source->text, text.data, text.len);
    }
    if (source == NULL || source->text.failed) {
        config_report_error(report, (struct config_place){name, 0, 1, 1}, "", "no_memory",
                            "out of memory");
        return NULL;
    }
    return load_main(&l, source);
}

void config_sources_finish(struct config_sources *sources) {
    for (size_t i = 0; i < sources->count; i++) {
        struct config_source *source = &sources->items[i];
        if (source->text.data != NULL) {
            explicit_bzero(source->text.data, source->text.len);
        }
        buf_free(&source->text);
    }
    arena_wipe(&sources->arena);
    *sources = (struct config_sources){0};
}
