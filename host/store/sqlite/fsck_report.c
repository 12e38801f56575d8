#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "store/sqlite/fsck.h"

// The next free place in the answer's list; NULL: out of memory.
static struct store_fsck_finding *room_for_one(struct fsck *f) {
    struct store_fsck *op = f->op;
    if (op->count == f->cap) {
        size_t cap = f->cap == 0 ? 16 : f->cap * 2;
        struct store_fsck_finding *more = arena_alloc(&op->op.arena, cap * sizeof *more);
        if (more == NULL) {
            return NULL;
        }
        if (op->count > 0) {
            memcpy(more, op->findings, op->count * sizeof *more);
        }
        op->findings = more;
        f->cap = cap;
    }
    return &op->findings[op->count];
}

static int list(struct fsck *f, const char *code, const struct job_id *id, bool repaired,
                const char *words) {
    struct arena *a = &f->op->op.arena;
    struct store_fsck_finding *finding = room_for_one(f);
    if (finding == NULL) {
        return conn_no_memory(f->conn);
    }
    *finding = (struct store_fsck_finding){
        .code = arena_str(a, code), .detail = arena_str(a, words), .repaired = repaired};
    if (id != NULL) {
        finding->id = *id;
    }
    f->op->count++;
    return finding->code == NULL || finding->detail == NULL ? conn_no_memory(f->conn) : 0;
}

int fsck_report(struct fsck *f, const char *code, const struct job_id *id, bool repaired,
                const char *fmt, ...) {
    char words[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    f->op->total_findings++;
    return f->op->count == FSCK_LISTED ? 0 : list(f, code, id, repaired, words);
}
