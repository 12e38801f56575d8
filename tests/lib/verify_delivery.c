/* What the verifier says of deliveries, for tests that have them made by programs of others.
 *
 *     verify_delivery CONFIG < deliveries      CONFIG has one hook
 *
 * A delivery is a line "NOW_MS TARGET BODY_LENGTH", lines "Name: value", an empty line, the body, and a line end. For each
 * a line is written: "0 SCHEME KEY ID", or "STATUS CHECK: DETAIL". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "intake/verify.h"

extern char **environ;

enum { HEADERS_MAX = 32, LINE_MAX_LEN = 16384, BODY_MAX = 1 << 20 };

static struct config *load(const char *file) {
    struct config_report report;
    struct config_env *env = config_env_new(environ);
    struct config *c =
        config_load(file, env, &(struct config_load_options){.memory_only = false}, &report);
    struct buf text = {0};
    config_report_print(&report, false, &text);
    if (text.len > 0) {
        (void)fputs(text.data, stderr);
    }
    buf_free(&text);
    config_report_finish(&report);
    config_env_free(&env);
    return c;
}

static bool read_header(char *line, struct header *ret) {
    char *colon = strstr(line, ": ");
    if (colon == NULL) {
        return false;
    }
    ret->name = (struct bytes){line, (size_t)(colon - line)};
    ret->value = bytes_trim(bytes_of(colon + 2));
    return true;
}

static bool read_delivery(struct delivery *d, char lines[][LINE_MAX_LEN], struct header *headers,
                          char *target, char *body) {
    size_t len;
    if (scanf("%" SCNd64 " %4095s %zu\n", &d->now_ms, target, &len) != 3 || len > BODY_MAX) {
        return false;
    }
    *d = (struct delivery){
        .headers = headers, .target = target, .now_ms = d->now_ms, .body = {body, len}};
    while (d->header_count < HEADERS_MAX &&
           fgets(lines[d->header_count], LINE_MAX_LEN, stdin) != NULL &&
           read_header(lines[d->header_count], &headers[d->header_count])) {
        d->header_count++;
    }
    return fread(body, 1, len, stdin) == len && getchar() == '\n';
}

static void answer(const struct verifier *v, const struct delivery *d) {
    struct arena a = {.head = NULL};
    struct verdict verdict;
    verifier_check(v, d, &a, &verdict);
    if (verdict.status == 0) {
        (void)printf("0 %s %u %.*s\n", verdict.scheme, verdict.key, (int)verdict.id.len,
                     verdict.id.len == 0 ? "" : (const char *)verdict.id.data);
    } else {
        (void)printf("%d %s: %s\n", verdict.status, verdict.check, verdict.detail);
    }
    arena_free(&a);
}

int main(int argc, char **argv) {
    static char lines[HEADERS_MAX][LINE_MAX_LEN], target[4096], body[BODY_MAX];
    struct header headers[HEADERS_MAX];
    struct verifier *v = NULL;
    struct delivery d = {.now_ms = 0};
    struct err e;
    struct config *c = argc == 2 ? load(argv[1]) : NULL;
    if (c == NULL || verifier_new(&c->hooks[0], c->host.base_url, &v, &e) < 0) {
        return EXIT_FAILURE;
    }
    while (read_delivery(&d, lines, headers, target, body)) {
        answer(v, &d);
    }
    verifier_release(&v);
    config_free(&c);
    return EXIT_SUCCESS;
}
