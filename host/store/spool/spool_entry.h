/* One submission as the spool keeps it. Pure. */
#ifndef JOBHOST_STORE_SPOOL_SPOOL_ENTRY_H
#define JOBHOST_STORE_SPOOL_SPOOL_ENTRY_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/job.h"
#include "store/store.h"

struct spool_entry {
    int64_t spooled_ms;           /* when it was submitted     */
    int64_t max_waiting, keep_ms; /* as in store_submit_item   */
    struct store_once once[STORE_ONCE_MAX];
    size_t once_count;
    struct job_spec spec;
};

void spool_entry_pack(struct buf *b, const struct spool_entry *entry);

/* Copies into the arena. 0, -EBADMSG or -ENOMEM. */
int spool_entry_read(struct bytes packed, struct arena *a, struct spool_entry *ret);

/* What an entry of so many packed bytes counts for in store.spool.max_bytes, its files aside. */
enum { SPOOL_ENTRY_OVERHEAD = 160 };
static inline uint64_t spool_entry_cost(size_t packed) {
    return packed + SPOOL_ENTRY_OVERHEAD;
}

#endif
