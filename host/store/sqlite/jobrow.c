#include "store/sqlite/jobrow.h"

#include <errno.h>
#include <string.h>

#include "store/files.h"
#include "store/pack.h"

#define SPEC(member) offsetof(struct job_spec, member)
#define LIFE(member) offsetof(struct job_life, member)

// Numbers are stored: never reuse one.
static const struct pack_field spec_fields[] = {
    {1, PACK_I32, SPEC(max_attempts)},  {2, PACK_I64, SPEC(timeout_ms)},
    {3, PACK_TEXT, SPEC(content_type)}, {4, PACK_TEXT, SPEC(dedup_key)},
    {5, PACK_U32, SPEC(dedup_mode)},    {6, PACK_I64, SPEC(dedup_ttl_ms)},
    {7, PACK_TIME, SPEC(run_at_ms)},    {8, PACK_TIME, SPEC(deadline_ms)},
    {9, PACK_TIME, SPEC(expires_ms)},   {10, PACK_TEXT, SPEC(labels)},
    {11, PACK_TEXT, SPEC(callback)},    {12, PACK_TEXT, SPEC(retry)},
    {13, PACK_TEXT, SPEC(flow_id)},     {14, PACK_ID, SPEC(parent)},
    {15, PACK_TIME, SPEC(nominal_ms)},  {18, PACK_TEXT, SPEC(tenant)},
    {20, PACK_TEXT, SPEC(schedule)},    {21, PACK_TEXT, SPEC(flow_queue)},
};
enum {
    SPEC_PAYLOAD_SIZE = 17,
    SPEC_TENANT = 18,
    SPEC_TOMBSTONE = 19
}; // packed by hand, like FILES_ITEM

static const struct pack_field parcel_fields[] = {
    {32, PACK_ID, SPEC(id)},
    {33, PACK_TEXT, SPEC(queue)},
    {34, PACK_TEXT, SPEC(type)},
    {36, PACK_U32, SPEC(priority)},
};
enum { PARCEL_PAYLOAD = 37 };

static const struct pack_field life_fields[] = {
    {1, PACK_I32, LIFE(counters.attempts)},
    {2, PACK_I32, LIFE(counters.executions)},
    {3, PACK_I32, LIFE(counters.crashes)},
    {4, PACK_I32, LIFE(counters.resource)},
    {5, PACK_I32, LIFE(counters.yields)},
    {6, PACK_I32, LIFE(counters.lost)},
    {7, PACK_TIME, LIFE(first_run_ms)},
    {8, PACK_TIME, LIFE(started_ms)},
    {9, PACK_TIME, LIFE(updated_ms)},
    {10, PACK_I64, LIFE(progress.done)},
    {11, PACK_I64, LIFE(progress.total)},
    {12, PACK_TEXT, LIFE(progress.message)},
    {13, PACK_TIME, LIFE(progress.at_ms)},
    {14, PACK_I32, LIFE(error.cls)},
    {15, PACK_TEXT, LIFE(error.code)},
    {16, PACK_TEXT, LIFE(error.message)},
    {17, PACK_TEXT, LIFE(error.scope)},
    {18, PACK_ID, LIFE(winner)},
    {19, PACK_U32, LIFE(warning_count)},
    {20, PACK_U32, LIFE(child_count)},
    {21, PACK_U32, LIFE(step_count)},
    {22, PACK_U64, LIFE(step_bytes)},
    {23, PACK_U32, LIFE(steps_version)},
    {24, PACK_U32, LIFE(attempt_seq)},
    {25, PACK_I32, LIFE(park)},
    {26, PACK_TEXT, LIFE(wait_key)},
    {27, PACK_TEXT, LIFE(build)},
    {28, PACK_I32, LIFE(pid)},
    {29, PACK_U64, LIFE(result_size)},
    {30, PACK_TEXT, LIFE(result_type)},
    {31, PACK_U64, LIFE(host_nonce)},
    {32, PACK_TIME, LIFE(deadline_ms)},
    {33, PACK_TIME, LIFE(expires_ms)},
    {34, PACK_TIME, LIFE(cancel_ms)},
    {35, PACK_I64, LIFE(cancel_keep_ms)},
    {36, PACK_U32, LIFE(output_count)},
    {37, PACK_U64, LIFE(output_bytes)},
    {38, PACK_ID, LIFE(latest)},
    {39, PACK_TEXT, LIFE(wait_for)},
};
_Static_assert(sizeof(enum dedup_mode) == sizeof(uint32_t), "packed as PACK_U32");
_Static_assert(sizeof(enum job_priority) == sizeof(uint32_t), "packed as PACK_U32");

void jobrow_pack_spec(struct buf *b, const struct job_spec *spec) {
    pack_fields(b, spec_fields, ARRAY_LEN(spec_fields), spec, id_time_ms(&spec->id));
    files_pack(b, spec->files, spec->file_count);
    if (spec->payload.len > JOBROW_PAYLOAD_MAX) {
        pack_number(b, SPEC_PAYLOAD_SIZE, (int64_t)spec->payload.len);
    }
}

void jobrow_pack_tombstone(struct buf *b, int64_t ms) {
    pack_number(b, SPEC_TOMBSTONE, ms);
}

int64_t jobrow_tombstone(struct bytes packed_spec) {
    struct pack_item item;
    while (pack_next(&packed_spec, &item) > 0) {
        if (item.number == SPEC_TOMBSTONE) {
            return item.value;
        }
    }
    return 0;
}

struct bytes jobrow_tenant(struct bytes packed_spec) {
    struct pack_item item;
    while (pack_next(&packed_spec, &item) > 0) {
        if (item.number == SPEC_TENANT) {
            return item.bytes;
        }
    }
    return (struct bytes){NULL, 0};
}

void jobrow_pack_life(struct buf *b, const struct job_life *life, int64_t created_ms) {
    pack_fields(b, life_fields, ARRAY_LEN(life_fields), life, created_ms);
}

void jobrow_pack_parcel(struct buf *b, const struct job_spec *spec) {
    pack_fields(b, parcel_fields, ARRAY_LEN(parcel_fields), spec, 0);
    if (spec->payload.len > 0) {
        pack_bytes(b, PARCEL_PAYLOAD, spec->payload);
    }
    jobrow_pack_spec(b, spec);
}

static void read_columns(sqlite3_stmt *s, struct job_row *ret) {
    *ret = (struct job_row){
        .rid = sqlite3_column_int64(s, 0),
        .state = (enum job_state)sqlite3_column_int(s, 2),
        .rev = (uint32_t)sqlite3_column_int64(s, 3),
        .lane = (uint32_t)sqlite3_column_int64(s, 4),
        .priority = (enum job_priority)sqlite3_column_int(s, 5),
        .token = (uint32_t)sqlite3_column_int64(s, 6),
        .commit_no = (uint32_t)sqlite3_column_int64(s, 7),
        .has = (uint32_t)sqlite3_column_int64(s, 8),
        .at_ms = sqlite3_column_int64(s, 9),
        .spec = column_bytes(s, 10),
        .life = column_bytes(s, 11),
    };
    (void)column_id(s, 1, &ret->id);
}

void jobrow_read(sqlite3_stmt *s, struct job_row *ret) {
    read_columns(s, ret);
    ret->payload.len = (size_t)sqlite3_column_int64(s, ROW_PAYLOAD);
}

void jobrow_read_whole(sqlite3_stmt *s, struct job_row *ret) {
    read_columns(s, ret);
    ret->payload = column_bytes(s, ROW_PAYLOAD);
}

// `record` is the arena's own copy
static int read_spec(struct bytes record, struct arena *a, struct job_spec *ret) {
    struct files_taken files;
    int64_t base = id_time_ms(&ret->id);
    struct pack_item item;
    int r = 0;
    files.count = 0;
    while ((r = pack_next(&record, &item)) > 0) {
        if (item.number == FILES_ITEM) {
            r = files_take(&files, item.bytes);
        } else if (item.number == SPEC_PAYLOAD_SIZE) {
            ret->payload.len = (size_t)item.value;
        } else if (item.number == PARCEL_PAYLOAD) {
            ret->payload = item.bytes;
        } else {
            pack_store(spec_fields, ARRAY_LEN(spec_fields), &item, ret, base);
            pack_store(parcel_fields, ARRAY_LEN(parcel_fields), &item, ret, 0);
        }
        if (r < 0) {
            return r;
        }
        base = id_time_ms(&ret->id); // a parcel begins with the id
    }
    return r == 0 ? files_keep(&files, a, ret) : r;
}

int jobrow_spec(const struct job_row *row, struct arena *a, struct job_spec *ret) {
    *ret = (struct job_spec){.id = row->id, .priority = row->priority};
    ret->payload = row->payload;
    struct bytes copy = arena_bytes(a, row->spec);
    if (copy.len != 0 && copy.data == NULL) {
        return -ENOMEM;
    }
    return read_spec(copy, a, ret);
}

int jobrow_life(const struct job_row *row, struct arena *a, struct job_life *ret) {
    *ret = (struct job_life){.park = PARK_NONE};
    struct bytes copy = arena_bytes(a, row->life);
    if (copy.len != 0 && copy.data == NULL) {
        return -ENOMEM;
    }
    return pack_read(life_fields, ARRAY_LEN(life_fields), copy, ret, id_time_ms(&row->id));
}

int jobrow_parcel(struct bytes parcel, struct arena *a, struct job_spec *ret) {
    *ret = (struct job_spec){.payload = {NULL, 0}};
    struct bytes copy = arena_bytes(a, parcel);
    if (copy.data == NULL) {
        return -ENOMEM;
    }
    return read_spec(copy, a, ret);
}

int64_t jobrow_parcel_keep_ms(struct bytes parcel) {
    struct pack_item item;
    while (pack_next(&parcel, &item) > 0) {
        if (item.number == JOBROW_PARCEL_KEEP) {
            return item.value;
        }
    }
    return 0;
}
