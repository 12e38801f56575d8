#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "config/config.h"

const char *config_installed_plugin_dir(const char *self_exe, char out[PATH_MAX]) {
    static const char bin[] = "/" JOBHOST_BINDIR;
    struct stat st;
    const char *name = self_exe == NULL ? NULL : strrchr(self_exe, '/');
    size_t bin_len = sizeof bin - 1;
    size_t dir_len = name == NULL ? 0 : (size_t)(name - self_exe);
    if (dir_len < bin_len || memcmp(name - bin_len, bin, bin_len) != 0) {
        return NULL;
    }
    int n = snprintf(out, PATH_MAX, "%.*s/" JOBHOST_LIBDIR "/jobhost/plugins",
                     (int)(dir_len - bin_len), self_exe);
    return n > 0 && n < PATH_MAX && stat(out, &st) == 0 && S_ISDIR(st.st_mode) ? out : NULL;
}

/* ------------------------------------------------------------------ what nobody has configured */

static int is_candidate(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

enum { CONFIG_FOUND_NAME_MAX = 60 };

/* The same file by another path is configured, too. */
static bool is_configured(const struct config *c, const struct stat *file) {
    for (size_t i = 0; i < c->plugin_count; i++) {
        struct stat st;
        if (stat(c->plugins[i].file, &st) == 0 && st.st_dev == file->st_dev &&
            st.st_ino == file->st_ino) {
            return true;
        }
    }
    return false;
}

/* The file's, in the alphabet of such names, and nobody else's. */
static const char *entry_name(const struct config *c, const char *file, struct arena *arena) {
    static const char others[] = "0123456789_-";
    char name[CONFIG_FOUND_NAME_MAX + 1];
    size_t len = strcspn(file, ".");
    len = len < CONFIG_FOUND_NAME_MAX ? len : CONFIG_FOUND_NAME_MAX;
    for (size_t i = 0; i < len; i++) {
        bool letter = (file[i] >= 'a' && file[i] <= 'z') || (file[i] >= 'A' && file[i] <= 'Z');
        bool fits = letter || (i > 0 && strchr(others, file[i]) != NULL);
        name[i] = fits ? file[i] : i == 0 ? 'p' : '_';
    }
    name[len] = '\0';
    return config_plugin(c, name) == NULL ? arena_str(arena, name)
                                          : arena_printf(arena, "%s-2", name);
}

static bool find(const struct config *c, const char *name, struct arena *arena,
                 struct config_found *ret) {
    struct stat st;
    const char *file = arena_printf(arena, "%s/%s", c->plugin_dir, name);
    if (file == NULL || stat(file, &st) != 0 || !S_ISREG(st.st_mode) || is_configured(c, &st)) {
        return false;
    }
    *ret = (struct config_found){.name = entry_name(c, name, arena), .file = file};
    return ret->name != NULL;
}

size_t config_found_plugins(const struct config *c, struct arena *arena,
                            const struct config_found **ret) {
    struct dirent **entries = NULL;
    int n = scandir(c->plugin_dir, &entries, is_candidate, alphasort);
    struct config_found *found = arena_zalloc(arena, CONFIG_FOUND_MAX * sizeof *found);
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        bool room = found != NULL && count < CONFIG_FOUND_MAX;
        count += room && find(c, entries[i]->d_name, arena, &found[count]);
        free(entries[i]);
    }
    free((void *)entries);
    *ret = found;
    return count;
}
