#define _GNU_SOURCE // getline
#include "supervisor/libraries.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the kernel writes behind the name of a file whose name has been given to another one. */
static const char deleted[] = " (deleted)";

/* "7f…-7f… r-xp 00001000 08:01 1234   /usr/lib/libz.so.1": the file of a mapping that holds code of a library; NULL: of no such. */
static char *code_of(char *line) {
    char rights[5] = "";
    int path = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%*s %4s %*s %*s %*s %n", rights, &path) != 1 || path == 0 ||
        strchr(rights, 'x') == NULL || line[path] != '/') {
        return NULL;
    }
    const char *name = strrchr(line, '/');
    return strstr(name, ".so") == NULL ? NULL : line + path;
}

static bool cut_end(char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    if (len <= end_len || strcmp(text + len - end_len, end) != 0) {
        return false;
    }
    text[len - end_len] = '\0';
    return true;
}

static void read_build_id(struct library *lib) {
    int fd = lib->replaced ? -1 : open(lib->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd != -1) {
        (void)elf_build_id(fd, lib->build_id);
        close(fd);
    }
}

static bool is_known(const struct library *items, size_t count, const char *file) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].file, file) == 0) {
            return true;
        }
    }
    return false;
}

static bool add(char *file, const char *sha256, struct arena *arena, struct library *items,
                size_t count) {
    bool replaced = cut_end(file, deleted);
    if (strncmp(strrchr(file, '/') + 1, sha256, strlen(sha256)) == 0 ||
        is_known(items, count, file)) {
        return false;
    }
    items[count] = (struct library){.file = arena_str(arena, file), .replaced = replaced};
    if (items[count].file == NULL) {
        return false;
    }
    read_build_id(&items[count]);
    return true;
}

size_t libraries_of(int32_t pid, const char *sha256, struct arena *arena,
                    const struct library **ret) {
    char path[64], *line = NULL, *file;
    size_t cap = 0, count = 0;
    struct library *items = arena_zalloc(arena, LIBRARIES_MAX * sizeof *items);
    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = items == NULL ? NULL : fopen(path, "re");
    while (maps != NULL && count < LIBRARIES_MAX && getline(&line, &cap, maps) != -1) {
        file = code_of(line);
        count += file != NULL && add(file, sha256, arena, items, count);
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
    free(line);
    *ret = items;
    return count;
}

const char *libraries_replaced(const struct library *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (items[i].replaced) {
            return strrchr(items[i].file, '/') + 1;
        }
    }
    return NULL;
}
