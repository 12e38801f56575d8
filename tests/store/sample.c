#include "sample.h"

struct sample sample_fill(struct rig *rig) {
    struct sample ids;
    struct store_blob_put put = {.data = bytes_of("content of a blob"), .fd = -1};
    EXPECT_EQ_INT(0, rig_run(rig, &put.op, STORE_BLOB_PUT));
    struct job_file file = {.name = "f", .blob = put.ref};
    store_op_finish(&put.op);
    static char big[5000];
    struct job_spec spec = rig_spec(rig, "q", "t");
    spec.files = &file;
    spec.file_count = 1;
    spec.payload = (struct bytes){big, sizeof big};
    spec.tenant = "ann";
    ids.dead = spec.id;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    const struct store_claimed *got = rig_claim_one(rig, "q", "t");
    struct store_step steps[] = {{"a", bytes_of("1")}, {"b", bytes_of("22")}};
    struct job_spec kids[2] = {rig_spec(rig, "q", "kid"), rig_spec(rig, "far", "kid")};
    ids.kid = kids[0].id;
    kids[0].parent = kids[1].parent = spec.id;
    struct store_output outputs[] = {{"a", "text/html", put.ref}, {"b", NULL, put.ref}};
    struct store_kv_write kv[] = {{STORE_KV_SET, "v", bytes_of("value"), 0},
                                  {STORE_KV_SADD, "s", bytes_of("m"), 0}};
    struct store_warning warning = {"w", "m"};
    struct store_attempt attempt = {.execution = 1, .outcome = "die"};
    struct store_result result = {NULL, bytes_of("half a result"), NULL};
    struct store_commit_item item = rig_item(got, JOB_EV_DIE);
    item.steps = steps;
    item.step_count = 2;
    item.children = kids;
    item.child_count = 2;
    item.kv_namespace = "p";
    item.kv = kv;
    item.kv_count = 2;
    item.warnings = &warning;
    item.warning_count = 1;
    item.outputs = outputs;
    item.output_count = 2;
    item.attempt = &attempt;
    item.result = &result;
    item.log_tail = bytes_of("log");
    item.keep_ms = 100000000;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    spec = rig_spec(rig, "q", "t");
    spec.run_at_ms = rig->now + 1000;
    ids.scheduled = spec.id;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    ids.parked = rig_submit_plain(rig, "q", "t");
    EXPECT_EQ_INT(0, rig_move(rig, &ids.parked, JOB_EV_PARK));
    spec = rig_spec(rig, "q", "t");
    spec.dedup_key = "key";
    ids.queued = spec.id;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    spec = rig_spec(rig, "q", "shared");
    spec.tenant = "ann";
    ids.shared = spec.id;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    return ids;
}

struct store_fsck *sample_fsck(struct rig *rig, bool repair) {
    struct store_fsck *f = RIG_NEW(rig, store_fsck);
    f->repair = repair;
    EXPECT_EQ_INT(0, rig_run(rig, &f->op, STORE_FSCK));
    EXPECT_EQ_STR("", f->op.err.msg);
    return f;
}

bool sample_has(const struct store_fsck *f, const char *code, bool repaired) {
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->findings[i].code, code) == 0 && f->findings[i].repaired == repaired) {
            return true;
        }
    }
    (void)printf("    want %s%s, got:\n", code, repaired ? ", repaired" : "");
    for (size_t i = 0; i < f->count; i++) {
        (void)printf("      %s (%s) repaired %d\n", f->findings[i].code, f->findings[i].detail,
                     f->findings[i].repaired);
    }
    return false;
}
