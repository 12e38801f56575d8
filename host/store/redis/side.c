#include "store/redis/side.h"

#include <errno.h>
#include <string.h>

#include "store/pack.h"

// Numbers are stored: never reuse one.
enum { OUTPUT_TYPE = 1, OUTPUT_SHA256 = 2, OUTPUT_SIZE = 3 };

void redis_warning_put(struct redis_args *a, const struct store_warning *warning) {
    struct buf b = {.data = NULL};
    buf_str(&b, warning->code);
    buf_char(&b, '\0');
    buf_str(&b, warning->message);
    a->failed = a->failed || b.failed;
    redis_args_copy(a, buf_bytes(&b));
    buf_free(&b);
}

int redis_warning_read(struct bytes value, struct arena *a, struct store_warning *ret) {
    struct bytes copy = arena_bytes(a, value);
    if (copy.len > 0 && copy.data == NULL) {
        return -ENOMEM;
    }
    const char *end = copy.len == 0 ? NULL : memchr(copy.data, '\0', copy.len);
    if (end == NULL) {
        return -EBADMSG;
    }
    *ret = (struct store_warning){copy.data, end + 1};
    return 0;
}

void redis_output_pack(struct buf *b, const struct store_output *output) {
    if (output->content_type != NULL) {
        pack_bytes(b, OUTPUT_TYPE, bytes_of(output->content_type));
    }
    pack_bytes(b, OUTPUT_SHA256, (struct bytes){output->blob.sha256, sizeof output->blob.sha256});
    pack_number(b, OUTPUT_SIZE, (int64_t)output->blob.size);
}

int redis_output_read(struct bytes value, struct arena *a, struct store_output *ret) {
    struct bytes rest = arena_bytes(a, value);
    struct pack_item item;
    bool has_blob = false;
    int r = 0;
    if (rest.len > 0 && rest.data == NULL) {
        return -ENOMEM;
    }
    *ret = (struct store_output){.name = NULL};
    while ((r = pack_next(&rest, &item)) > 0) {
        if (item.number == OUTPUT_TYPE) {
            ret->content_type = item.bytes.data;
        } else if (item.number == OUTPUT_SHA256 && item.bytes.len == sizeof ret->blob.sha256) {
            memcpy(ret->blob.sha256, item.bytes.data, item.bytes.len);
            has_blob = true;
        } else if (item.number == OUTPUT_SIZE) {
            ret->blob.size = (uint64_t)item.value;
        }
    }
    return r < 0 ? r : has_blob ? 0 : -EBADMSG;
}
