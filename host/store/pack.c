#include "store/pack.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/id.h"

static void put_varint(struct buf *b, uint64_t v) {
    char *room = buf_room(b, 10);
    if (room == NULL) {
        return;
    }
    size_t n = 0;
    while (v >= 0x80) {
        room[n++] = (char)(v | 0x80);
        v >>= 7;
    }
    room[n++] = (char)v;
    buf_grew(b, n);
}

static bool get_varint(struct bytes *rest, uint64_t *ret) {
    const uint8_t *p = rest->data;
    uint64_t v = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (p[i] < 0x80) {
            *ret = v;
            *rest = (struct bytes){p + i + 1, rest->len - i - 1};
            return true;
        }
    }
    return false;
}

static uint64_t zigzag(int64_t v) {
    return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t v) {
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

void pack_number(struct buf *b, unsigned number, int64_t value) {
    put_varint(b, (uint64_t)number * 2);
    put_varint(b, zigzag(value));
}

void pack_bytes(struct buf *b, unsigned number, struct bytes value) {
    put_varint(b, (uint64_t)number * 2 + 1);
    put_varint(b, value.len);
    buf_add(b, value.data, value.len);
    buf_char(b, '\0');
}

static int64_t number_at(enum pack_kind kind, const void *at, int64_t base_ms) {
    int32_t i32 = 0;
    uint32_t u32 = 0;
    int64_t i64 = 0;
    switch (kind) {
    case PACK_I32: memcpy(&i32, at, sizeof i32); return i32;
    case PACK_U32: memcpy(&u32, at, sizeof u32); return u32;
    default: memcpy(&i64, at, sizeof i64); break;
    }
    return kind == PACK_TIME && i64 != 0 ? (int64_t)((uint64_t)i64 - (uint64_t)base_ms) : i64;
}

static void pack_one(struct buf *b, const struct pack_field *f, const void *at, int64_t base_ms) {
    if (f->kind == PACK_TEXT) {
        const char *text = NULL;
        memcpy(&text, at, sizeof(char *));
        if (text != NULL) {
            pack_bytes(b, f->number, bytes_of(text));
        }
        return;
    }
    if (f->kind == PACK_ID) {
        if (!id_is_zero(at)) {
            pack_bytes(b, f->number, (struct bytes){at, sizeof(struct job_id)});
        }
        return;
    }
    // a time that equals its base is distance 0, which must not look like "not set"
    int64_t raw = number_at(f->kind == PACK_TIME ? PACK_I64 : (enum pack_kind)f->kind, at, 0);
    if (raw != 0) {
        pack_number(b, f->number, number_at((enum pack_kind)f->kind, at, base_ms));
    }
}

void pack_fields(struct buf *b, const struct pack_field *fields, size_t count, const void *object,
                 int64_t base_ms) {
    for (size_t i = 0; i < count; i++) {
        pack_one(b, &fields[i], (const char *)object + fields[i].offset, base_ms);
    }
}

int pack_next(struct bytes *rest, struct pack_item *ret) {
    if (rest->len == 0) {
        return 0;
    }
    uint64_t key = 0, v = 0;
    if (!get_varint(rest, &key) || !get_varint(rest, &v)) {
        return -EBADMSG;
    }
    *ret = (struct pack_item){.number = (unsigned)(key >> 1)};
    if ((key & 1) == 0) {
        ret->value = unzigzag(v);
        return 1;
    }
    const char *p = rest->data;
    if (rest->len == 0 || v > rest->len - 1 || p[v] != '\0') {
        return -EBADMSG;
    }
    ret->bytes = (struct bytes){p, (size_t)v};
    *rest = (struct bytes){p + v + 1, rest->len - (size_t)v - 1};
    return 1;
}

static void store_number(enum pack_kind kind, void *at, int64_t value, int64_t base_ms) {
    int32_t i32 = (int32_t)value;
    uint32_t u32 = (uint32_t)value;
    int64_t i64 = kind == PACK_TIME ? (int64_t)((uint64_t)value + (uint64_t)base_ms) : value;
    switch (kind) {
    case PACK_I32: memcpy(at, &i32, sizeof i32); break;
    case PACK_U32: memcpy(at, &u32, sizeof u32); break;
    default: memcpy(at, &i64, sizeof i64); break;
    }
}

void pack_store(const struct pack_field *fields, size_t count, const struct pack_item *item,
                void *object, int64_t base_ms) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].number != item->number) {
            continue;
        }
        void *at = (char *)object + fields[i].offset;
        if (fields[i].kind == PACK_TEXT) {
            const char *text = item->bytes.data;
            memcpy(at, &text, sizeof(char *));
        } else if (fields[i].kind != PACK_ID) {
            store_number((enum pack_kind)fields[i].kind, at, item->value, base_ms);
        } else if (item->bytes.len == sizeof(struct job_id)) {
            memcpy(at, item->bytes.data, sizeof(struct job_id));
        }
        return;
    }
}

int pack_read(const struct pack_field *fields, size_t count, struct bytes record, void *object,
              int64_t base_ms) {
    struct pack_item item;
    int r = 0;
    while ((r = pack_next(&record, &item)) > 0) {
        pack_store(fields, count, &item, object, base_ms);
    }
    return r;
}
