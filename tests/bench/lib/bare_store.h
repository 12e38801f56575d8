/* A store with nothing of a host around it: benchmarks call it themselves, so what it says of its own accord is of no use but
 * its troubles. Errors end the program with words. */
#ifndef JOBHOST_BENCH_BARE_STORE_H
#define JOBHOST_BENCH_BARE_STORE_H

#include "base/env.h"
#include "store/store.h"

struct bare_store {
    struct event_base *base;
    struct env env;
    struct store store;
};

/* e NULL: nothing more is known. */
_Noreturn void bare_store_die(const char *what, const struct err *e);

/* Before all else; with the loop that it runs on. */
void bare_store_begin(struct bare_store *s);
void bare_store_end(struct bare_store *s);

void bare_store_open(struct bare_store *s, const char *url, const char *dir);
void bare_store_close(struct bare_store *s);
/* The file NAME.db in `dir` and what SQLite has beside it. */
void bare_store_unlink(const char *dir, const char *name);
double bare_store_file_bytes(const char *dir, const char *name);

int64_t bare_store_now_ms(const struct bare_store *s);
/* One operation, and the loop until it is done. */
void bare_store_run(struct bare_store *s, struct store_op *op, enum store_op_kind kind);

/* Processor time of all threads, which other work on the machine disturbs less than the clock. */
double bare_store_cpu_us(void);

#endif
