#include "store/history.h"

#include <errno.h>

#include "store/pack.h"

#define AT(member) offsetof(struct store_attempt, member)

// Numbers are stored: never reuse one.
static const struct pack_field fields[] = {
    {1, PACK_I32, AT(execution)},
    {2, PACK_I64, AT(started_ms)},
    {3, PACK_I64, AT(ended_ms)},
    {4, PACK_TEXT, AT(outcome)},
    {5, PACK_I32, AT(cls)},
    {6, PACK_TEXT, AT(code)},
    {7, PACK_TEXT, AT(message)},
    {8, PACK_TEXT, AT(host)},
    {9, PACK_TEXT, AT(build)},
    {10, PACK_I32, AT(pid)},
    {11, PACK_I32, AT(crash.signal)},
    {12, PACK_U32, AT(crash.at_address)},
    {13, PACK_U64, AT(crash.address)},
    {14, PACK_TEXT, AT(crash.symbol)},
    {15, PACK_TEXT, AT(crash.code)},
    {16, PACK_TEXT, AT(crash.build_id)},
    {17, PACK_TEXT, AT(crash.step)},
    {18, PACK_U64, AT(crash.rss)},
    {19, PACK_TEXT, AT(crash.log)},
};

void history_pack(struct buf *b, const struct store_attempt *attempt) {
    pack_fields(b, fields, ARRAY_LEN(fields), attempt, 0);
}

int history_read(struct bytes line, struct arena *a, struct store_attempt *ret) {
    *ret = (struct store_attempt){.execution = 0};
    struct bytes copy = arena_bytes(a, line);
    if (copy.len > 0 && copy.data == NULL) {
        return -ENOMEM;
    }
    return pack_read(fields, ARRAY_LEN(fields), copy, ret, 0);
}
