#include "store/spool/spool_entry.h"

#include <errno.h>
#include <string.h>

#include "store/pack.h"
#include "store/sqlite/jobrow.h"

#define AT(member) offsetof(struct spool_entry, member)

// Numbers are stored: never reuse one.
static const struct pack_field fields[] = {
    {1, PACK_I64, AT(spooled_ms)},
    {2, PACK_I64, AT(max_waiting)},
    {3, PACK_I64, AT(keep_ms)},
};
enum { ENTRY_SPEC = 4, ENTRY_ONCE = 5 };

// Of what it is accepted once by: key, content, how long it is kept.
static const struct pack_field once_fields[] = {
    {2, PACK_U64, offsetof(struct store_once, content)},
    {3, PACK_I64, offsetof(struct store_once, keep_ms)},
};
enum { ONCE_KEY = 1 };

static void pack_once(struct buf *b, const struct store_once *once) {
    struct buf one = {.data = NULL};
    pack_bytes(&one, ONCE_KEY, (struct bytes){once->key, sizeof once->key});
    pack_fields(&one, once_fields, ARRAY_LEN(once_fields), once, 0);
    b->failed = b->failed || one.failed;
    pack_bytes(b, ENTRY_ONCE, buf_bytes(&one));
    buf_free(&one);
}

static int read_once(struct bytes packed, struct spool_entry *entry) {
    struct pack_item item;
    int r = entry->once_count == STORE_ONCE_MAX ? -EBADMSG : 1;
    struct store_once *once = &entry->once[r > 0 ? entry->once_count++ : 0];
    while (r > 0 && (r = pack_next(&packed, &item)) > 0) {
        if (item.number == ONCE_KEY && item.bytes.len == sizeof once->key) {
            memcpy(once->key, item.bytes.data, sizeof once->key);
        } else {
            pack_store(once_fields, ARRAY_LEN(once_fields), &item, once, 0);
        }
    }
    return r;
}

void spool_entry_pack(struct buf *b, const struct spool_entry *entry) {
    struct buf spec = {.data = NULL};
    pack_fields(b, fields, ARRAY_LEN(fields), entry, 0);
    jobrow_pack_parcel(&spec, &entry->spec);
    b->failed = b->failed || spec.failed;
    pack_bytes(b, ENTRY_SPEC, buf_bytes(&spec));
    buf_free(&spec);
    for (size_t i = 0; i < entry->once_count; i++) {
        pack_once(b, &entry->once[i]);
    }
}

int spool_entry_read(struct bytes packed, struct arena *a, struct spool_entry *ret) {
    struct pack_item item;
    struct bytes spec = {NULL, 0};
    int r, bad = 0;
    *ret = (struct spool_entry){.spooled_ms = 0};
    while (bad == 0 && (r = pack_next(&packed, &item)) > 0) {
        if (item.number == ENTRY_SPEC) {
            spec = item.bytes;
        } else if (item.number == ENTRY_ONCE) {
            bad = read_once(item.bytes, ret);
        } else {
            pack_store(fields, ARRAY_LEN(fields), &item, ret, 0);
        }
    }
    r = bad < 0 || r < 0 || spec.len == 0 ? -EBADMSG : jobrow_parcel(spec, a, &ret->spec);
    return r == 0 && (ret->spec.queue == NULL || ret->spec.type == NULL) ? -EBADMSG : r;
}
