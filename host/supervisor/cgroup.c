#include "supervisor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "config/config.h"

enum {
    CGROUP_TEXT_MAX = 4096,    /* of a control file, or of the line of a mount */
    CGROUP_PERIOD_US = 100000, /* of cpu.max; the kernel's own default         */
};

static const char *const controllers[] = {"memory", "cpu", "pids"};

/* ------------------------------------------------------------------ control files */

static bool path_of(char out[PATH_MAX], const char *folder, const char *file) {
    int n = snprintf(out, PATH_MAX, "%s/%s", folder, file);
    return n > 0 && n < PATH_MAX;
}

static int write_text(const char *folder, const char *file, const char *text) {
    char path[PATH_MAX];
    size_t len = strlen(text);
    if (!path_of(path, folder, file)) {
        return -ENAMETOOLONG;
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd == -1) {
        return -errno;
    }
    int r = write(fd, text, len) == (ssize_t)len ? 0 : -errno;
    (void)close(fd);
    return r;
}

static int write_number(const char *folder, const char *file, int64_t n) {
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)n);
    return write_text(folder, file, text);
}

static int read_text(const char *folder, const char *file, char out[CGROUP_TEXT_MAX]) {
    char path[PATH_MAX];
    int fd = path_of(path, folder, file) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd == -1 ? -1 : read(fd, out, CGROUP_TEXT_MAX - 1);
    int r = n == -1 ? -errno : 0;
    out[n < 0 ? 0 : n] = '\0';
    if (fd != -1) {
        (void)close(fd);
    }
    return r;
}

static int make_folder(const char *path) {
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

static bool has_word(const char *text, const char *word) {
    size_t len = strlen(word);
    for (const char *p = text; *p != '\0'; p += strspn(p, " \n")) {
        size_t n = strcspn(p, " \n");
        if (n == len && memcmp(p, word, len) == 0) {
            return true;
        }
        p += n;
    }
    return false;
}

/* ------------------------------------------------------------------ the host's own group */

/* Where the tree of version 2 is mounted: the second word of the first line of that type. */
static bool find_mount(char out[PATH_MAX]) {
    char line[CGROUP_TEXT_MAX], type[64];
    bool found = false;
    FILE *mounts = fopen("/proc/self/mounts", "re");
    while (mounts != NULL && !found && fgets(line, sizeof line, mounts) != NULL) {
        found = sscanf(line, "%*s %4095s %63s", out, type) == 2 && strcmp(type, "cgroup2") == 0;
    }
    if (mounts != NULL) {
        (void)fclose(mounts);
    }
    return found;
}

static bool find_base(struct cgroup *g) {
    char mount[PATH_MAX], text[CGROUP_TEXT_MAX];
    const char *own = read_text("/proc/self", "cgroup", text) == 0 ? strstr(text, "0::/") : NULL;
    if (own == NULL || (own != text && own[-1] != '\n') || !find_mount(mount)) {
        (void)snprintf(g->why, sizeof g->why, "this system has no control groups of version 2");
        return false;
    }
    int len = (int)strcspn(own + strlen("0::"), "\n");
    int n =
        snprintf(g->base, sizeof g->base, "%s%.*s", mount, len == 1 ? 0 : len, own + strlen("0::"));
    return n > 0 && (size_t)n < sizeof g->base;
}

static unsigned pass_on(const char *folder, unsigned which, int *error) {
    unsigned passed = 0;
    for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "+%s", controllers[i]);
        int r =
            (which & 1u << i) == 0 ? -ENOENT : write_text(folder, "cgroup.subtree_control", text);
        passed |= r == 0 ? 1u << i : 0;
        *error = r != 0 && r != -ENOENT ? r : *error;
    }
    return passed;
}

static unsigned offered(const char *folder, char text[CGROUP_TEXT_MAX]) {
    unsigned found = 0;
    (void)read_text(folder, "cgroup.controllers", text);
    for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
        found |= has_word(text, controllers[i]) ? 1u << i : 0;
    }
    text[strcspn(text, "\n")] = '\0';
    return found;
}

/* The host moves into a group of its own, for one that passes controllers on has no processes. */
static int move_host(const struct cgroup *g) {
    char own[PATH_MAX];
    int r = path_of(own, g->base, "host") ? make_folder(own) : -ENAMETOOLONG;
    return r == 0 ? write_number(own, "cgroup.procs", (int64_t)getpid()) : r;
}

static void move_back(const struct cgroup *g) {
    char own[PATH_MAX];
    (void)write_number(g->base, "cgroup.procs", (int64_t)getpid());
    if (path_of(own, g->base, "host")) {
        (void)rmdir(own);
    }
}

static void open_base(struct cgroup *g) {
    char text[CGROUP_TEXT_MAX] = "";
    int error = 0;
    unsigned found = offered(g->base, text);
    if (found == 0) {
        (void)snprintf(
            g->why, sizeof g->why,
            "the host's control group offers none of memory, cpu and pids (it has: %.60s)",
            text[0] == '\0' ? "nothing" : text);
        return;
    }
    int r = move_host(g);
    g->controllers = r == 0 ? pass_on(g->base, found, &error) : 0;
    if (r != 0) {
        (void)snprintf(g->why, sizeof g->why, "the host's control group is not its own: %s",
                       strerror(-r));
    } else if (g->controllers == 0) {
        move_back(g);
        (void)snprintf(g->why, sizeof g->why, "the host's control group %s: %s",
                       error == -EBUSY ? "has other processes" : "passes nothing on",
                       strerror(-error));
    }
}

bool cgroup_open(struct cgroup *g) {
    if (!g->opened) {
        g->opened = true;
        if (g->base[0] != '\0' || find_base(g)) {
            open_base(g);
        }
    }
    return g->why[0] == '\0';
}

/* ------------------------------------------------------------------ a plugin's group */

bool cgroup_is_wanted(const struct config_sandbox *s) {
    return s->memory > 0 || s->cpu > 0 || s->pids > 0;
}

static bool plugin_folder(const struct cgroup *g, const char *plugin, char out[PATH_MAX]) {
    int n = snprintf(out, PATH_MAX, "%s/plugin-%s", g->base, plugin);
    return n > 0 && n < PATH_MAX;
}

static bool worker_folder(const struct cgroup *g, const char *plugin, pid_t pid,
                          char out[PATH_MAX]) {
    int n = snprintf(out, PATH_MAX, "%s/plugin-%s/w-%ld", g->base, plugin, (long)pid);
    return n > 0 && n < PATH_MAX;
}

/* "max", or the number. Of a limit that nobody wants no controller is needed. */
static int set_limit(const struct cgroup *g, const char *folder, size_t controller,
                     const char *file, int64_t n) {
    if ((g->controllers & 1u << controller) == 0) {
        return n > 0 ? -ENOTSUP : 0;
    }
    return n > 0 ? write_number(folder, file, n) : write_text(folder, file, "max");
}

static int set_cpu(const struct cgroup *g, const char *folder, double cpu) {
    char text[64] = "max";
    if ((g->controllers & 2u) == 0) {
        return cpu > 0 ? -ENOTSUP : 0;
    }
    if (cpu > 0) {
        (void)snprintf(text, sizeof text, "%lld %d", (long long)(cpu * CGROUP_PERIOD_US),
                       CGROUP_PERIOD_US);
    }
    return write_text(folder, "cpu.max", text);
}

static int say(char why[CGROUP_WHY_MAX], const char *what, int r) {
    if (r == -ENOTSUP) {
        (void)snprintf(why, CGROUP_WHY_MAX, "the host's control group offers no %s", what);
    } else if (r != 0) {
        (void)snprintf(why, CGROUP_WHY_MAX, "%s: %s", what, strerror(-r));
    }
    return r;
}

/* All that can be had; the last that could not is told. */
static int set_limits(const struct cgroup *g, const char *folder, const struct config_sandbox *s,
                      char why[CGROUP_WHY_MAX]) {
    const struct {
        const char *what;
        int r;
    } rows[] = {
        {"memory", set_limit(g, folder, 0, "memory.max", s->memory)},
        {"cpu", set_cpu(g, folder, s->cpu)},
        {"pids", set_limit(g, folder, 2, "pids.max", s->pids)},
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        r = say(why, rows[i].what, rows[i].r) != 0 ? rows[i].r : r;
    }
    return r;
}

static int enter(const char *folder, const char *own, bool memory, pid_t pid) {
    int ignored = 0;
    if (memory) { // so that there is a memory.oom.group, and what the kernel did to it is told apart
        (void)pass_on(folder, 1u, &ignored);
    }
    int r = make_folder(own);
    if (r == 0 && memory) {
        (void)write_text(own, "memory.oom.group", "1");
    }
    return r == 0 ? write_number(own, "cgroup.procs", (int64_t)pid) : r;
}

int cgroup_enter(struct cgroup *g, const char *plugin, const struct config_sandbox *s, pid_t pid,
                 char why[CGROUP_WHY_MAX]) {
    char folder[PATH_MAX], own[PATH_MAX];
    if (!cgroup_open(g)) {
        (void)memcpy(why, g->why, CGROUP_WHY_MAX);
        return -ENOTSUP;
    }
    if (!plugin_folder(g, plugin, folder) || !worker_folder(g, plugin, pid, own)) {
        return say(why, "group", -ENAMETOOLONG);
    }
    int r = say(why, "group", make_folder(folder));
    if (r != 0) {
        return r;
    }
    int limits = set_limits(g, folder, s, why);
    r = say(why, "group", enter(folder, own, (g->controllers & 1u) != 0, pid));
    return r != 0 ? r : limits;
}

/* ------------------------------------------------------------------ their ends */

/* "oom_kill 3" among the lines of memory.events. */
static bool was_out_of_memory(const char *folder) {
    char text[CGROUP_TEXT_MAX];
    if (read_text(folder, "memory.events", text) != 0) {
        return false;
    }
    const char *at = strncmp(text, "oom_kill ", 9) == 0 ? text : strstr(text, "\noom_kill ");
    return at != NULL && strtol(strchr(at, ' '), NULL, 10) > 0;
}

bool cgroup_leave(struct cgroup *g, const char *plugin, pid_t pid) {
    char own[PATH_MAX];
    // the binary before may have made it, and this one no group yet
    if (!cgroup_open(g) || !worker_folder(g, plugin, pid, own)) {
        return false;
    }
    bool oom = was_out_of_memory(own);
    (void)write_text(own, "cgroup.kill", "1");
    (void)rmdir(own); // or later, when what was killed is gone
    return oom;
}

void cgroup_sweep(struct cgroup *g, const char *plugin) {
    char folder[PATH_MAX], own[PATH_MAX];
    if (!g->opened || g->why[0] != '\0' || !plugin_folder(g, plugin, folder)) {
        return;
    }
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (strncmp(e->d_name, "w-", 2) == 0 && path_of(own, folder, e->d_name)) {
            (void)rmdir(own); // only of one that is empty
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
        (void)rmdir(folder);
    }
}
