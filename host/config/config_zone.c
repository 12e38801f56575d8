#define _DEFAULT_SOURCE // DT_DIR

#include "config/config_zone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/nearest.h"

enum { PATH_BYTES = 1024, DEPTH_MAX = 3 };

// As the C library looks it up.
static const char *database(void) {
    const char *dir = getenv("TZDIR");
    return dir == NULL || dir[0] == '\0' ? "/usr/share/zoneinfo" : dir;
}

static bool is_zone_file(const char *path) {
    char magic[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool is = fd != -1 && read(fd, magic, sizeof magic) == (ssize_t)sizeof magic &&
              memcmp(magic, "TZif", sizeof magic) == 0;
    if (fd != -1) {
        (void)close(fd);
    }
    return is;
}

// ---- the nearest name

struct search {
    struct nearest nearest;
    char best[CONFIG_ZONE_MAX + 1];
    char whole[CONFIG_ZONE_MAX + 1]; // the zone whose last part was typed: Berlin
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
    (void)snprintf(path, sizeof path, "%s/%s", database(), prefix);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char name[CONFIG_ZONE_MAX + 1];
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

int config_zone_check(const char *zone, bool suggest, struct err *e) {
    char path[PATH_BYTES];
    struct search s = {.nearest = {.word = zone}};
    (void)snprintf(path, sizeof path, "%s/%s", database(), zone);
    if (strcmp(zone, "UTC") == 0 || is_zone_file(path)) {
        return 0;
    }
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
