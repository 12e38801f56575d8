#include "supervisor/handover_codec.h"

#include <errno.h>
#include <string.h>

static void write_list(const struct shape_list *list, const void *object, struct buf *out) {
    const char *items;
    size_t count;
    memcpy(&items, (const char *)object + list->items, sizeof(char *));
    memcpy(&count, (const char *)object + list->count, sizeof count);
    for (size_t i = 0; i < count; i++) {
        struct buf one = {.data = NULL};
        shape_write(list->shape, items + i * list->shape->size, &one);
        pack_bytes(out, list->number, buf_bytes(&one));
        out->failed = out->failed || one.failed;
        buf_free(&one);
    }
}

void shape_write(const struct shape *shape, const void *object, struct buf *out) {
    pack_fields(out, shape->fields, shape->field_count, object, 0);
    for (size_t i = 0; i < shape->bytes_count; i++) {
        struct bytes b;
        memcpy(&b, (const char *)object + shape->bytes[i].offset, sizeof b);
        if (b.len > 0) {
            pack_bytes(out, shape->bytes[i].number, b);
        }
    }
    for (size_t i = 0; i < shape->list_count; i++) {
        write_list(&shape->lists[i], object, out);
    }
}

/* How many items of this number there are: the record is whole, as the caller has seen. */
static size_t count_items(struct bytes record, unsigned number) {
    struct pack_item item;
    size_t n = 0;
    while (pack_next(&record, &item) > 0) {
        n += item.number == number && item.bytes.data != NULL;
    }
    return n;
}

static int read_list(const struct shape_list *list, struct bytes record, void *object,
                     struct arena *arena) {
    size_t count = count_items(record, list->number), at = 0;
    if (count > list->most) {
        return -EBADMSG;
    }
    char *items = arena_zalloc(arena, (count + 1) * list->shape->size);
    if (items == NULL) {
        return -ENOMEM;
    }
    struct pack_item item;
    int r = 0;
    while (r == 0 && pack_next(&record, &item) > 0) {
        if (item.number == list->number && item.bytes.data != NULL) {
            r = shape_read(list->shape, item.bytes, items + at++ * list->shape->size, arena);
        }
    }
    memcpy((char *)object + list->items, &items, sizeof items);
    memcpy((char *)object + list->count, &count, sizeof count);
    return r;
}

/* A number where a text belongs, or the reverse, would be followed as a pointer. */
static int store_field(const struct shape *shape, const struct pack_item *item, void *object) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct pack_field *f = &shape->fields[i];
        bool wants_bytes = f->kind == PACK_TEXT || f->kind == PACK_ID;
        if (f->number == item->number && wants_bytes != (item->bytes.data != NULL)) {
            return -EBADMSG;
        }
        if (f->number == item->number && f->kind == PACK_TEXT &&
            strlen(item->bytes.data) != item->bytes.len) {
            return -EBADMSG;
        }
    }
    for (size_t i = 0; i < shape->bytes_count; i++) {
        if (shape->bytes[i].number == item->number) {
            memcpy((char *)object + shape->bytes[i].offset, &item->bytes, sizeof item->bytes);
        }
    }
    pack_store(shape->fields, shape->field_count, item, object, 0);
    return 0;
}

int shape_read(const struct shape *shape, struct bytes record, void *object, struct arena *arena) {
    struct bytes rest = record;
    struct pack_item item;
    int r;
    while ((r = pack_next(&rest, &item)) > 0) {
        r = store_field(shape, &item, object);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; r == 0 && i < shape->list_count; i++) {
        r = read_list(&shape->lists[i], record, object, arena);
    }
    return r;
}
