#include "store/spool/spool_entry.h"

#include <errno.h>

#include "store/pack.h"
#include "store/sqlite/jobrow.h"

#define AT(member) offsetof(struct spool_entry, member)

// Numbers are stored: never reuse one.
static const struct pack_field fields[] = {
    {1, PACK_I64, AT(spooled_ms)},
    {2, PACK_I64, AT(max_waiting)},
    {3, PACK_I64, AT(keep_ms)},
};
enum { ENTRY_SPEC = 4 };

void spool_entry_pack(struct buf *b, const struct spool_entry *entry) {
    struct buf spec = {.data = NULL};
    pack_fields(b, fields, ARRAY_LEN(fields), entry, 0);
    jobrow_pack_parcel(&spec, &entry->spec);
    b->failed = b->failed || spec.failed;
    pack_bytes(b, ENTRY_SPEC, buf_bytes(&spec));
    buf_free(&spec);
}

int spool_entry_read(struct bytes packed, struct arena *a, struct spool_entry *ret) {
    struct pack_item item;
    struct bytes spec = {NULL, 0};
    int r;
    *ret = (struct spool_entry){.spooled_ms = 0};
    while ((r = pack_next(&packed, &item)) > 0) {
        if (item.number == ENTRY_SPEC) {
            spec = item.bytes;
        } else {
            pack_store(fields, ARRAY_LEN(fields), &item, ret, 0);
        }
    }
    r = r < 0 || spec.len == 0 ? -EBADMSG : jobrow_parcel(spec, a, &ret->spec);
    return r == 0 && (ret->spec.queue == NULL || ret->spec.type == NULL) ? -EBADMSG : r;
}
