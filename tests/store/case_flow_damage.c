/* Damage to flows, in tables and in keys: fsck finds it, mends it, and what is left of the flow goes on. */
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "family.h"
#include "sample.h"

/* One of three members has died; what it takes to go on depends on where the opener is. */
enum stage { OPEN, WAITS, ENDED, CLOSED };

static void reach(struct family *f, enum stage stage) {
    family_make(f, 2, 1, true);
    (void)family_end_kid(f, "q", JOB_EV_DIE);
    if (stage == WAITS) {
        (void)family_park(f);
    } else if (stage != OPEN) {
        family_end_opener(f, JOB_EV_SUCCEED);
    }
    if (stage == CLOSED) {
        (void)family_end_kid(f, "q", JOB_EV_SUCCEED);
        (void)family_end_kid(f, "r", JOB_EV_SUCCEED);
    }
}

// However it was damaged, what is left of it ends, and `then` begins once, unless the flow itself was lost.
static void go_to_the_end(struct family *f, enum stage stage, bool lost) {
    if (stage != CLOSED) {
        (void)family_end_kid(f, "q", JOB_EV_SUCCEED);
        (void)family_end_kid(f, "r", JOB_EV_SUCCEED);
    }
    if (stage == WAITS) {
        f->opener = rig_claim_one(&f->rig, "q", "opener");
        f->commits = 0;
    }
    if (stage == OPEN || stage == WAITS) {
        family_end_opener(f, JOB_EV_SUCCEED);
    }
    EXPECT_EQ_INT(lost ? -1 : JOB_QUEUED, family_then_state(f));
    EXPECT_TRUE(family_flow(f)->facts.closed);
    EXPECT_EQ_INT(3, family_flow(f)->facts.tally.made);
    EXPECT_EQ_INT(2, family_flow(f)->facts.tally.succeeded);
    EXPECT_EQ_INT(1, family_flow(f)->facts.tally.dead);
    EXPECT_EQ_UINT(lost ? 0 : 1, rig_claim(&f->rig, "q", "then", 2)->job_count);
}

static void expect_mended(struct family *f, const char *code) {
    EXPECT_TRUE(sample_has(sample_fsck(&f->rig, false), code, false));
    EXPECT_TRUE(sample_has(sample_fsck(&f->rig, true), code, true));
    (void)sample_fsck(&f->rig, true); // what the first repair brought to light
    family_forward(&f->rig);
    rig_expect_sound(&f->rig);
}

static const struct {
    const char *sql;
    const char *code;
    enum stage stage;
} damages[] = {
    {"UPDATE flows SET made = made + 1", "flow_made", OPEN},
    {"UPDATE flows SET made = made - 1", "flow_made", ENDED},
    {"UPDATE flows SET succeeded = 1", "flow_counts", OPEN},
    {"UPDATE flows SET dead = 0", "flow_counts", WAITS},
    {"UPDATE flows SET dead = 0", "flow_counts", CLOSED},
    {"DELETE FROM flow_ended", "flow_ended_missing", OPEN},
    {"UPDATE flow_ended SET state = 4", "flow_ended_wrong", OPEN},
    {"UPDATE flow_ended SET seq = 7", "flow_listed", ENDED},
    {"INSERT INTO flow_ended SELECT f.rid, 9, j.id, 4 FROM flows f, jobs j WHERE j.state = 1 AND"
     " j.has & 2048 LIMIT 1",
     "flow_ended_wrong", ENDED},
    {"INSERT INTO flow_ended VALUES(7, 1, zeroblob(16), 4)", "orphan_flow_ended", OPEN},
    {"INSERT INTO flows(rid, id) VALUES(7, zeroblob(16))", "orphan_flow", OPEN},
    {"UPDATE jobs SET has = has & ~4096", "unknown_flow", ENDED},
    {"DELETE FROM flows", "missing_flow", WAITS},
    {"UPDATE flows SET opener = 4", "flow_opener", WAITS},
    {"UPDATE flows SET opener = NULL", "flow_opener", ENDED},
    {"UPDATE flows SET closed_ms = NULL, then_made = NULL; DELETE FROM jobs WHERE id IN"
     " (SELECT then_id FROM flows)",
     "flow_stuck", CLOSED},
    {"UPDATE flows SET then_made = NULL; DELETE FROM jobs WHERE id IN"
     " (SELECT then_id FROM flows)",
     "flow_without_then", CLOSED},
};

static void test_damages(void) {
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        static struct family f;
        unsigned failures = CU_get_number_of_failures();
        family_begin(&f);
        reach(&f, damages[i].stage);
        rig_expect_sound(&f.rig);
        rig_sql(&f.rig, damages[i].sql);
        expect_mended(&f, damages[i].code);
        go_to_the_end(&f, damages[i].stage, strcmp(damages[i].code, "missing_flow") == 0);
        if (CU_get_number_of_failures() > failures) {
            (void)printf("    %s\n", damages[i].sql);
        }
        family_finish(&f);
    }
}

/* Commands, separated by '|': {f} is the flow, {o} its opener, {t} its then, {b} that one's tombstone, {g} the flow of a job that there is not. */
static const struct {
    const char *commands;
    const char *code;
    enum stage stage;
    bool lost;
} key_damages[] = {
    {"HINCRBY {f} made 1", "flow_made", OPEN, false},
    {"HINCRBY {f} made -1", "flow_made", ENDED, false},
    {"HSET {f} succeeded 1", "flow_counts", OPEN, false},
    {"HDEL {f} dead", "flow_counts", WAITS, false},
    {"HDEL {f} dead", "flow_counts", CLOSED, false},
    {"DEL {f}:ended", "flow_ended_missing", OPEN, false},
    {"EVAL redis.call('RPUSH',KEYS[1]..':ended',redis.call('LINDEX',KEYS[1]..':made',1)..'4') 1 "
     "{f}",
     "flow_ended_wrong", ENDED, false},
    {"EVAL redis.call('HSET',KEYS[1]..':back',redis.call('LINDEX',KEYS[1]..':ended',0):sub(1,16),5)"
     " 1 {f}",
     "flow_ended_missing", OPEN, false},
    {"HDEL {o} opened", "unknown_flow", ENDED, false},
    {"HSET {f} opener succeeded", "flow_opener", WAITS, false},
    {"HDEL {f} opener", "flow_opener", ENDED, false},
    {"PEXPIRE {f} 100000", "flow_expires", OPEN, false},
    {"DEL {f}", "missing_flow", WAITS, true},
    {"RENAME {f} {g}", "orphan_flow", WAITS, true},
    {"RENAME {f}:ended {g}:ended", "orphan_flow", OPEN, false},
    {"HDEL {f} closed thenMade|DEL {t} {b}", "flow_stuck", CLOSED, false},
    {"HDEL {f} thenMade|DEL {t} {b}", "flow_without_then", CLOSED, false},
};

// `text` with what its names stand for.
static void fill_in(const struct family *f, const char *text, size_t len, char *out, size_t cap) {
    char then[JOB_ID_TEXT + 1];
    id_format(&f->then.id, then);
    const struct {
        char name;
        const char *before, *text;
    } names[] = {{'f', "jobs:q:flow:", f->flow},
                 {'o', "job:", f->flow},
                 {'t', "job:", then},
                 {'b', "jobs:q:tomb:", then},
                 {'g', "jobs:q:flow:", "018bcfe5-6800-7000-8000-00000000dead"}};
    out[0] = '\0';
    for (size_t i = 0; i < len; i++) {
        size_t used = strlen(out), n = 0;
        while (n < ARRAY_LEN(names) && (text[i] != '{' || text[i + 1] != names[n].name)) {
            n++;
        }
        if (n == ARRAY_LEN(names)) {
            (void)snprintf(out + used, cap - used, "%c", text[i]);
        } else {
            (void)snprintf(out + used, cap - used, "%s%s", names[n].before, names[n].text);
            i += 2;
        }
    }
}

static void damage_keys(const struct family *f, const char *commands) {
    while (*commands != '\0') {
        char command[500];
        size_t len = strcspn(commands, "|");
        fill_in(f, commands, len, command, sizeof command);
        (void)rig_redis("%s", command);
        commands += len + (commands[len] == '|');
    }
}

static void test_key_damages(void) {
    for (size_t i = 0; i < ARRAY_LEN(key_damages); i++) {
        static struct family f;
        unsigned failures = CU_get_number_of_failures();
        family_begin(&f);
        reach(&f, key_damages[i].stage);
        rig_expect_sound(&f.rig);
        damage_keys(&f, key_damages[i].commands);
        expect_mended(&f, key_damages[i].code);
        go_to_the_end(&f, key_damages[i].stage, key_damages[i].lost);
        if (CU_get_number_of_failures() > failures) {
            (void)printf("    %s\n", key_damages[i].commands);
        }
        family_finish(&f);
    }
}

/* What a member's end tells a flow elsewhere waits in an outbox as well: sound, also when it was set aside. */
static void test_told_underway(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 0, 1, false);
    struct store_commit_item item = rig_item(rig_claim_one(&f.rig, "r", "there"), JOB_EV_SUCCEED);
    item.keep_ms = KEEP_MS;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    EXPECT_EQ_INT(1, (int)rig_redis("XLEN jobs:r:outbox"));
    rig_expect_sound(&f.rig);
    (void)rig_redis("RENAME jobs:r:outbox jobs:r:outbox:odd");
    EXPECT_TRUE(sample_has(sample_fsck(&f.rig, true), "outbox_aside", true));
    EXPECT_EQ_INT(1, family_open_count(&f));
    family_forward(&f.rig);
    EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.succeeded);
    (void)rig_redis("XADD jobs:r:outbox * flow %s to q member %s became well", f.flow, f.flow);
    EXPECT_TRUE(sample_has(sample_fsck(&f.rig, false), "outbox_damaged", false));
    (void)rig_redis("DEL jobs:r:outbox");
    family_end_opener(&f, JOB_EV_SUCCEED);
    family_finish(&f);
}

CASES(damage_file, ON_FILE, {"every damage of a flow is found, and mended", test_damages});

CASES(damage_shared, ON_SHARED,
      {"every damage of a flow's keys is found, and mended", test_key_damages},
      {"the end of a member that its flow has not heard of is sound", test_told_underway});
