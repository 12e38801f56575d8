/* fsck on a shared store: damage that is done to its keys is found, and mended where it can be. */
#include <errno.h>

#include "cases.h"
#include "redis_server.h"
#include "sample.h"

#define NOBODY "018bcfe5-6800-7000-8000-00000000dead"

/* Commands, separated by '|'; {dead}, {kid}, {scheduled}, {parked}, {queued}, {ann} are ids. */
static const struct {
    const char *commands;
    const char *code;
    bool mends;
} damages[] = {
    {"LREM jobs:q:queue 0 {queued}", "job_in_no_place", true},
    {"DEL jobs:q:queue", "job_in_no_place", true},
    {"ZREM jobs:q:scheduled {scheduled}", "job_in_no_place", true},
    {"ZREM jobs:q:parked {parked}", "job_in_no_place", true},
    {"ZREM jobs:q:dlq {dead}", "job_in_no_place", true},
    {"RPUSH jobs:q:queue {queued}", "job_in_two_places", true},
    {"RPUSH jobs:q:queue:low {queued}", "job_in_two_places", true},
    {"ZADD jobs:q:scheduled 5 {queued}", "job_in_two_places", true},
    {"ZADD jobs:q:processing 5 {parked}", "job_in_two_places", true},
    {"PEXPIRE job:{queued} 100000", "job_expires", true},
    {"PEXPIRE job:{parked} 100000", "job_expires", true},
    {"RPUSH jobs:q:queue " NOBODY, "orphan_entry", true},
    {"ZADD jobs:q:scheduled 5 " NOBODY, "orphan_entry", true},
    {"ZADD jobs:q:dlq 5 " NOBODY, "orphan_entry", true},
    {"DEL job:{queued}", "orphan_entry", true},
    {"DEL job:{scheduled}", "orphan_entry", true},
    {"HSET job:{queued} status nonsense", "job_unknown_state", false},
    {"HDEL job:{queued} type", "job_damaged", false},
    {"HSET job:{queued} max many", "job_damaged", false},
    {"DEL jobs:q:queue:turns:normal:shared", "line_without_turns", true},
    {"HDEL jobs:q:queue:users:normal:shared ann", "line_without_turns", true},
    {"DEL jobs:q:queue:user:normal:shared:ann", "job_in_no_place", true},
    {"DEL jobs:q:queue:user:normal:shared:ann", "turns_without_line", true},
    {"RPUSH jobs:q:queue {ann}", "job_in_two_places", true},
    {"RPUSH jobs:q:queue:user:normal:shared:ann {ann}", "job_in_two_places", true},
    {"HINCRBY jobs:q:types shared:user 5", "counter", true},
    {"HDEL jobs:q:types shared:user", "counter", true},
    {"HINCRBY jobs:q:types t 5", "counter", true},
    {"DEL jobs:q:types", "counter", true},
    {"HSET jobs:q:types nothing 1", "counter", true},
    {"HINCRBY jobs:q:bytes jobs 7", "budget", true},
    {"HSET jobs:q:bytes results 1", "budget", true},
    {"DEL payload:{dead}", "missing_payloads", false},
    {"SET payload:" NOBODY " x", "orphan_payloads", true},
    {"DEL results:{dead}", "missing_results", true},
    {"SET results:" NOBODY " x", "orphan_results", true},
    {"DEL steps:{dead} steps:{dead}:names", "missing_steps", true},
    {"HDEL steps:{dead} a", "step_count", true},
    {"HSET steps:" NOBODY " a 1", "orphan_steps", true},
    {"DEL warnings:{dead}", "missing_warnings", true},
    {"DEL log:{dead}", "missing_logs", true},
    {"DEL outputs:{dead}", "missing_outputs", true},
    {"HDEL outputs:{dead} a", "output_count", true},
    {"HSET jobs:q:keys zz " NOBODY, "dedup_without_job", true},
};

static void append(char *out, size_t cap, const char *text, size_t len) {
    size_t used = strlen(out);
    (void)snprintf(out + used, cap - used, "%.*s", (int)len, text);
}

/* `text` with ids for their names. */
static void fill_in(const char *text, size_t len, const struct sample *s, char *out, size_t cap) {
    const struct {
        const char *name;
        const struct job_id *id;
    } names[] = {{"{dead}", &s->dead},     {"{kid}", &s->kid},       {"{scheduled}", &s->scheduled},
                 {"{parked}", &s->parked}, {"{queued}", &s->queued}, {"{ann}", &s->shared}};
    out[0] = '\0';
    for (size_t i = 0; i < len;) {
        size_t n = 0, name;
        for (n = 0; n < ARRAY_LEN(names); n++) {
            name = strlen(names[n].name);
            if (strncmp(text + i, names[n].name, name) == 0) {
                char id[JOB_ID_TEXT + 1];
                id_format(names[n].id, id);
                append(out, cap, id, JOB_ID_TEXT);
                i += name;
                break;
            }
        }
        if (n == ARRAY_LEN(names)) {
            append(out, cap, text + i++, 1);
        }
    }
}

static void damage(const char *commands, const struct sample *s) {
    while (*commands != '\0') {
        char command[500];
        size_t len = strcspn(commands, "|");
        fill_in(commands, len, s, command, sizeof command);
        (void)rig_redis("%s", command);
        commands += len + (commands[len] == '|');
    }
}

static void test_damages(void) {
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct rig rig;
        unsigned failures = CU_get_number_of_failures();
        rig_start(&rig);
        struct sample s = sample_fill(&rig);
        rig_expect_sound(&rig);
        damage(damages[i].commands, &s);
        struct store_fsck *f = sample_fsck(&rig, false);
        EXPECT_TRUE(f->total_findings > 0);
        EXPECT_TRUE(sample_has(f, damages[i].code, false));
        EXPECT_TRUE(sample_has(sample_fsck(&rig, true), damages[i].code, damages[i].mends));
        if (damages[i].mends) {
            (void)sample_fsck(&rig, true); // what the first repair brought to light
            rig_expect_sound(&rig);
            EXPECT_EQ_INT(0, rig_reopen(&rig)); // memory and keys agree
            rig_expect_sound(&rig);
        }
        if (CU_get_number_of_failures() > failures) {
            (void)printf("    %s\n", damages[i].commands);
        }
        rig_finish(&rig);
    }
}

/* A healthy store has nothing to be mended, and is not changed by it. */
static void test_sound(void) {
    struct rig rig;
    rig_start(&rig);
    (void)sample_fill(&rig);
    struct store_fsck *f = sample_fsck(&rig, true);
    EXPECT_EQ_INT(SAMPLE_JOBS, f->jobs_checked);
    EXPECT_EQ_INT(0, f->total_findings);
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "t", 10)->job_count);
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "kid", 10)->job_count);
    f = sample_fsck(&rig, true);
    EXPECT_EQ_INT(0, f->total_findings); // running jobs are where they belong
    rig_finish(&rig);
}

static void test_mended_jobs_run(void) {
    struct rig rig;
    rig_start(&rig);
    struct sample s = sample_fill(&rig);
    damage("DEL jobs:q:queue|DEL jobs:q:types|ZREM jobs:q:scheduled {scheduled}", &s);
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 10)->job_count);
    EXPECT_TRUE(sample_fsck(&rig, true)->total_findings > 0);
    rig.now += 1000;
    EXPECT_EQ_UINT(1, rig_due(&rig, NULL));
    EXPECT_EQ_UINT(2, rig_claim(&rig, "q", "t", 10)->job_count);
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "kid", 10)->job_count);
    rig_finish(&rig);
}

static void submit_many(struct rig *rig, const char *queue, size_t count) {
    enum { BATCH = 100 };
    struct job_spec specs[BATCH];
    struct store_submit_item items[BATCH];
    for (size_t i = 0; i < count; i += BATCH) {
        for (size_t k = 0; k < BATCH; k++) {
            specs[k] = rig_spec(rig, queue, k % 2 == 0 ? "a" : "b");
            items[k] = (struct store_submit_item){.spec = &specs[k]};
        }
        struct store_submit submit = {.items = items, .count = BATCH};
        EXPECT_EQ_INT(0, rig_run(rig, &submit.op, STORE_SUBMIT));
        store_op_finish(&submit.op);
    }
}

/* Jobs that are not in a list which is too long to be searched are found by walks through it: the server does not search for
 * each of them. */
static void test_long_list(void) {
    enum { JOBS = 12000, LOST = 300, IN_THE_MIDDLE = 5 };
    struct rig rig;
    rig_start(&rig);
    submit_many(&rig, "q", JOBS);
    for (int i = 0; i < IN_THE_MIDDLE; i++) {
        (void)rig_redis("LREM jobs:q:queue 1 %s", rig_redis_text("LINDEX jobs:q:queue 5000"));
    }
    (void)rig_redis("RPUSH jobs:q:queue %s", rig_redis_text("LINDEX jobs:q:queue 6000")); // twice
    (void)rig_redis("LTRIM jobs:q:queue %d -1", LOST - IN_THE_MIDDLE);
    (void)rig_redis("CONFIG RESETSTAT");
    EXPECT_EQ_INT(LOST, sample_fsck(&rig, false)->total_findings);
    struct store_fsck *f = sample_fsck(&rig, true);
    EXPECT_EQ_INT(LOST, f->total_findings);
    EXPECT_EQ_INT(JOBS, f->jobs_checked);
    EXPECT_TRUE(sample_has(f, "job_in_no_place", true));
    EXPECT_TRUE(strstr(rig_redis_text("INFO commandstats"), "cmdstat_lpos") == NULL);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* Said to run, and no lease tells until when: nobody would ever take it over. */
static void test_running(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    (void)rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(1, rig_redis("DEL jobs:q:processing"));
    EXPECT_TRUE(sample_fsck(&rig, true)->total_findings > 0);
    (void)sample_fsck(&rig, true);
    rig_expect_sound(&rig);
    (void)rig_end_leases();
    (void)rig_recover(&rig);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "t", 10)->job_count);
    rig_finish(&rig);
}

/* What goes on beside a check: one operation after the other, of every kind that moves jobs. */
struct traffic {
    struct rig *rig;
    unsigned turn;
    struct job_id last;
    bool checked;
};

static void move_on(struct traffic *t) {
    struct rig *rig = t->rig;
    struct job_spec spec =
        rig_spec(rig, t->turn % 3 == 0 ? "q" : "busy", t->turn % 2 == 0 ? "a" : "b");
    spec.priority = (enum job_priority)(t->turn % 3);
    spec.run_at_ms = t->turn % 5 == 0 ? rig->now + 1 : 0;
    spec.dedup_key = t->turn % 7 == 0 ? "k" : NULL;
    (void)rig_submit(rig, &spec);
    const struct store_claim *claim = rig_claim(rig, "busy", t->turn % 2 == 0 ? "a" : "b", 2);
    for (size_t i = 0; i < claim->job_count; i++) {
        static const enum job_event ends[] = {JOB_EV_SUCCEED, JOB_EV_RETRY, JOB_EV_DIE, JOB_EV_PARK,
                                              JOB_EV_RELEASE};
        struct store_step step = {"s", bytes_of("1")};
        struct store_result result = {NULL, bytes_of("{}"), NULL};
        enum job_event event = ends[(t->turn + i) % ARRAY_LEN(ends)];
        struct store_commit_item item = rig_item(&claim->jobs[i], event);
        item.steps = &step;
        item.step_count = 1;
        item.result = event == JOB_EV_SUCCEED ? &result : NULL;
        item.run_at_ms = rig->now + 1;
        item.park = PARK_TIME;
        item.keep_ms = 1000;
        EXPECT_EQ_INT(0, rig_commit(rig, &item));
    }
    (void)rig_move(rig, &t->last, t->turn % 2 == 0 ? JOB_EV_CANCEL : JOB_EV_REVIVE);
    int status;
    struct store_remove remove = {.ids = &t->last, .status = &status, .count = t->turn % 11 == 0};
    (void)rig_run(rig, &remove.op, STORE_REMOVE);
    store_op_finish(&remove.op);
    rig->now += 1;
    (void)rig_due(rig, NULL);
    t->last = spec.id;
    t->turn++;
}

// Whatever is under way, it is no damage; and nothing is mended that is sound.
static void check_beside_others(size_t jobs, int checks) {
    struct rig rig, other;
    rig_start(&rig);
    rig_start_beside(&other, &rig);
    submit_many(&rig, "q", jobs);
    submit_many(&rig, "busy", jobs);
    struct traffic t = {.rig = &rig, .last = rig_id(&rig)};
    for (int i = 0; i < checks; i++) {
        struct store_fsck check = {.repair = i % 2 == 1};
        unsigned before = t.turn;
        rig_post(&other, &check.op, STORE_FSCK, &t.checked);
        while (!t.checked) {
            move_on(&t);
        }
        EXPECT_TRUE(t.turn > before);
        EXPECT_EQ_INT(0, check.op.status);
        EXPECT_EQ_INT(0, check.total_findings);
        for (size_t k = 0; k < check.count; k++) {
            EXPECT_EQ_STR("", check.findings[k].code);
            EXPECT_EQ_STR("", check.findings[k].detail);
        }
        EXPECT_TRUE(check.jobs_checked >= (int64_t)jobs);
        store_op_finish(&check.op);
    }
    rig_expect_sound(&rig);
    rig_finish(&other);
    rig_finish(&rig);
}

static void test_beside_others(void) {
    check_beside_others(1500, 6);
}

static void test_long_beside_others(void) {
    check_beside_others(12000, 2); // their lists are too long to be searched
}

CASES(fsck_shared, ON_SHARED, {"a sound store is left alone", test_sound},
      {"every damage to keys is found, and mended where it can be", test_damages},
      {"mended jobs of a shared store run", test_mended_jobs_run},
      {"lists that are too long to be searched", test_long_list},
      {"a running job without a lease", test_running},
      {"what others do meanwhile is no damage", test_beside_others},
      {"what others do to long lists is no damage", test_long_beside_others});
