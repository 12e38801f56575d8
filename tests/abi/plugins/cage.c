// Does what its payload says, "VERB ARGUMENT", and gives back what came of it: "ok", a text, or the
// name of an errno.
#define _GNU_SOURCE // strerrorname_np
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tiny.h"

enum { ANSWER_MAX = 256, CHUNK = 1 << 20 };

// Each fills in `out` and returns 0, or returns a negative errno.
typedef int (*cage_verb)(const char *arg, char out[ANSWER_MAX]);

static int failed_unless(bool ok) {
    return ok ? 0 : -errno;
}

static long number(const char *arg) {
    return strtol(arg, NULL, 10);
}

static int do_limit(const char *arg, char out[ANSWER_MAX]) {
    struct rlimit l;
    int r = getrlimit((__rlimit_resource_t)number(arg), &l);
    (void)snprintf(out, ANSWER_MAX, "%llu %llu", (unsigned long long)l.rlim_cur,
                   (unsigned long long)l.rlim_max);
    return failed_unless(r == 0);
}

// MiB, until there is no more; it is used, so that the kernel has to find it.
static int do_eat(const char *arg, char out[ANSWER_MAX]) {
    long got = 0;
    for (long wanted = number(arg); got < wanted; got++) {
        void *chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (chunk == MAP_FAILED) {
            break;
        }
        memset(chunk, 1, CHUNK);
    }
    (void)snprintf(out, ANSWER_MAX, "%ld", got);
    return 0;
}

// MiB into one file, until it takes no more.
static int do_fill(const char *arg, char out[ANSWER_MAX]) {
    static const char chunk[CHUNK];
    int fd = open("filled", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    long got = 0;
    int r = failed_unless(fd != -1);
    for (long wanted = number(arg); r == 0 && got < wanted; got++) {
        r = failed_unless(write(fd, chunk, sizeof chunk) == (ssize_t)sizeof chunk);
    }
    if (fd != -1) {
        (void)close(fd);
    }
    (void)unlink("filled");
    (void)snprintf(out, ANSWER_MAX, "%ld", got);
    return r;
}

static int do_spin(const char *arg, char out[ANSWER_MAX]) {
    (void)arg;
    (void)out;
    for (volatile unsigned n = 0;;) {
        n++;
    }
    return 0;
}

static const struct {
    const char *name;
    cage_verb act;
} verbs[] = {
    {"limit", do_limit},
    {"eat", do_eat},
    {"fill", do_fill},
    {"spin", do_spin},
};

static int obey(const char *text, char out[ANSWER_MAX]) {
    size_t verb = strcspn(text, " ");
    const char *arg = text[verb] == '\0' ? "" : text + verb + 1;
    (void)snprintf(out, ANSWER_MAX, "ok");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strlen(verbs[i].name) == verb && memcmp(verbs[i].name, text, verb) == 0) {
            return verbs[i].act(arg, out);
        }
    }
    return -ENOSYS;
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    char text[512], out[ANSWER_MAX];
    (void)self;
    const char *words = job->payload.data;
    int len = (int)job->payload.len;
    if (len >= 2 && words[0] == '"') { // as JSON
        words++;
        len -= 2;
    }
    (void)snprintf(text, sizeof text, "%.*s", len, words);
    int r = obey(text, out);
    if (r < 0) {
        const char *name = strerrorname_np(-r);
        (void)snprintf(out, sizeof out, "%s", name == NULL ? "?" : name);
    }
    (void)c->host->result(c, (struct jh_bytes){out, strlen(out)});
    return JH_OK;
}

TINY_PLUGIN("cage", "1.0.0", run, 0);
