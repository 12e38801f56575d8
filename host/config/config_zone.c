#define _DEFAULT_SOURCE // DT_DIR

#include "config/config_zone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/nearest.h"

enum { PATH_BYTES = 1024, DEPTH_MAX = 3 };

// As the C library looks it up.
static const char *database(void) {
    const char *dir = getenv("TZDIR");
    return dir == NULL || dir[0] == '\0' ? "/usr/share/zoneinfo" : dir;
}

// Up to `cap` bytes of a plain file; their number, or negative.
static ssize_t read_some(const char *path, void *out, size_t cap) {
    struct stat st;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd == -1) {
        return -errno;
    }
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? 1 : -EISDIR;
    while (n > 0 && len < cap) {
        n = read(fd, (char *)out + len, cap - len);
        len += n > 0 ? (size_t)n : 0;
    }
    int error = errno;
    (void)close(fd);
    return n == -1 ? -error : n < 0 ? n : (ssize_t)len;
}

static void path_in_database(const char *name, char out[PATH_BYTES]) {
    (void)snprintf(out, PATH_BYTES, "%s/%s", database(), name);
}

// ---- the nearest name

struct search {
    struct nearest nearest;
    char best[ZONE_NAME_MAX + 1];
    char whole[ZONE_NAME_MAX + 1]; // the zone whose last part was typed: Berlin
};

static void offer(struct search *s, const char *name) {
    const char *last = strrchr(name, '/');
    if (last != NULL && strcasecmp(last + 1, s->nearest.word) == 0) {
        (void)snprintf(s->whole, sizeof s->whole, "%s", name);
    }
    nearest_offer(&s->nearest, name);
    if (s->nearest.best == name) {
        (void)snprintf(s->best, sizeof s->best, "%s", name);
        s->nearest.best = s->best;
    }
}

static bool is_place(const char *name) {
    return name[0] >= 'A' && name[0] <= 'Z'; // not posix/, right/, tables, "."
}

static void search_folder(struct search *s, const char *prefix, int depth) {
    char path[PATH_BYTES];
    path_in_database(prefix, path);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char name[ZONE_NAME_MAX + 1];
        int len = snprintf(name, sizeof name, "%s%s", prefix, entry->d_name);
        if (!is_place(entry->d_name) || len < 0 || (size_t)len + 1 >= sizeof name) {
            continue;
        }
        if (entry->d_type != DT_DIR) {
            offer(s, name);
        } else if (depth < DEPTH_MAX) {
            memcpy(name + len, "/", 2);
            search_folder(s, name, depth + 1);
        }
    }
    (void)closedir(dir);
}

static int complain_missing(const char *zone, bool suggest, struct err *e) {
    struct search s = {.nearest = {.word = zone}};
    if (access(database(), F_OK) == -1) {
        return err_set(e, -ENOENT, "cannot look up \"%s\": there is no %s (install tzdata)", zone,
                       database());
    }
    if (suggest) {
        search_folder(&s, "", 1);
    }
    const char *meant = s.whole[0] != '\0' ? s.whole : nearest_best(&s.nearest);
    return err_set(e, -ENOENT, "there is no time zone \"%s\"%s%s%s", zone,
                   meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
                   meant == NULL ? "" : "\"?");
}

int config_zone_load(const char *zone, bool suggest, struct zone **ret, struct err *e) {
    char path[PATH_BYTES];
    struct err fault = {0};
    if (strcmp(zone, "UTC") == 0) {
        *ret = NULL;
        return 0;
    }
    path_in_database(zone, path);
    uint8_t *bytes = malloc(ZONE_FILE_MAX + 1);
    if (bytes == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    ssize_t len = read_some(path, bytes, ZONE_FILE_MAX + 1);
    int r = len < 4 || memcmp(bytes, "TZif", 4) != 0 ? complain_missing(zone, suggest, e)
                                                     : zone_parse(bytes, (size_t)len, ret, &fault);
    free(bytes);
    return fault.code < 0 ? err_set(e, r, "%s: %s", path, fault.msg) : r;
}

int config_zone_check(const char *zone, bool suggest, struct err *e) {
    struct zone *loaded = NULL;
    int r = config_zone_load(zone, suggest, &loaded, e);
    zone_free(&loaded);
    return r;
}

void config_zone_version(char out[CONFIG_ZONE_VERSION_MAX]) {
    static const struct {
        const char *file, *before;
    } places[] = {{"+VERSION", ""}, {"tzdata.zi", "# version "}};
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(places) && out[0] == '\0'; i++) {
        char path[PATH_BYTES], text[CONFIG_ZONE_VERSION_MAX + 16];
        size_t skip = strlen(places[i].before);
        path_in_database(places[i].file, path);
        ssize_t len = read_some(path, text, sizeof text - 1);
        text[len > 0 ? len : 0] = '\0';
        if (strncmp(text, places[i].before, skip) == 0) {
            const char *version = text + skip;
            (void)snprintf(out, CONFIG_ZONE_VERSION_MAX, "%.*s", (int)strcspn(version, " \t\r\n"),
                           version);
        }
    }
}
