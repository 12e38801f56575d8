/* Members of flows: those that ended, those that are there, and those that come from elsewhere. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "family.h"
#include "store/sqlite/sql.h"

/* ------------------------------------------------------------------ those that ended */

/* A page of one that begins behind a member. */
static void expect_behind(struct family *f, uint64_t cursor, const struct job_id *want, bool more) {
    struct store_flow_ended page = {.id = f->opener->spec.id, .limit = 1, .cursor = cursor};
    EXPECT_EQ_INT(0, rig_run(&f->rig, &page.op, STORE_FLOW_ENDED));
    EXPECT_EQ_UINT(want != NULL, page.count);
    EXPECT_TRUE(want == NULL || (page.count == 1 && id_equal(want, &page.members[0].id)));
    EXPECT_EQ_INT(more, page.more);
    store_op_finish(&page.op);
}

static void test_ended(void) {
    static struct family f;
    struct job_id ended[5];
    uint64_t behind[6] = {0};
    family_begin(&f);
    family_make(&f, 3, 2, false);
    for (size_t i = 0; i < 5; i++) {
        ended[i] = family_end_kid(&f, i % 2 == 0 ? "q" : "r", i == 3 ? JOB_EV_DIE : JOB_EV_SUCCEED);
    }
    struct store_flow_ended page = {.id = f.opener->spec.id, .limit = 2};
    size_t met = 0;
    do {
        EXPECT_EQ_INT(0, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
        for (size_t i = 0; i < page.count; i++, met++) {
            const struct store_flow_member *m = &page.members[i];
            EXPECT_TRUE(met < 5 && id_equal(&ended[met], &m->id));
            EXPECT_EQ_INT(met == 3 ? JOB_DEAD : JOB_SUCCEEDED, (int)m->state);
            EXPECT_EQ_STR(met % 2 == 0 ? "here" : "there", m->type);
            EXPECT_EQ_STR(met == 3 ? "bad" : NULL, m->error.code);
            behind[met] = m->cursor;
        }
        page.cursor = page.next_cursor;
        store_op_finish(&page.op);
        memset(&page.op, 0, sizeof page.op);
    } while (page.more);
    EXPECT_EQ_UINT(5, met);
    page.cursor = 0;
    page.only = JOB_DEAD;
    EXPECT_EQ_INT(0, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    EXPECT_EQ_UINT(1, page.count);
    EXPECT_TRUE(page.count == 1 && id_equal(&ended[3], &page.members[0].id));
    EXPECT_FALSE(page.more);
    store_op_finish(&page.op);
    expect_behind(&f, behind[0], &ended[1], true);
    expect_behind(&f, behind[2], &ended[3], true);
    expect_behind(&f, behind[4], NULL, false);
    expect_behind(&f, STORE_FLOW_CURSOR_MAX, NULL, false);
    page = (struct store_flow_ended){.id = page.id, .limit = STORE_FLOW_PAGE_MAX + 1};
    EXPECT_EQ_INT(-EINVAL, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    store_op_finish(&page.op);
    page =
        (struct store_flow_ended){.id = page.id, .limit = 1, .cursor = STORE_FLOW_CURSOR_MAX + 1};
    EXPECT_EQ_INT(-EINVAL, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    store_op_finish(&page.op);
    page = (struct store_flow_ended){.id = rig_id(&f.rig), .limit = 1};
    EXPECT_EQ_INT(-ENOENT, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    store_op_finish(&page.op);
    family_end_opener(&f, JOB_EV_SUCCEED);
    family_finish(&f);
}

/* Pages of those that are there: how many there are, and how many pages. */
static size_t members(struct family *f, uint32_t limit, struct store_flow_member *ret,
                      size_t *ret_pages) {
    struct store_flow_members page = {.id = f->opener->spec.id, .limit = limit};
    size_t count = 0;
    *ret_pages = 0;
    do {
        (void)EXPECT_EQ_INT(0, rig_run(&f->rig, &page.op, STORE_FLOW_MEMBERS));
        (void)EXPECT_TRUE(page.count <= limit);
        for (size_t i = 0; i < page.count; i++) {
            ret[count] = page.members[i];
            ret[count++].type = strcmp(page.members[i].type, "here") == 0 ? "here" : "there";
        }
        ++*ret_pages;
        page.cursor = page.next_cursor;
        store_op_finish(&page.op);
        memset(&page.op, 0, sizeof page.op);
    } while (page.cursor != 0);
    return count;
}

static void test_members(void) {
    static struct family f;
    static struct store_flow_member all[KIDS_MAX];
    size_t pages = 0;
    family_begin(&f);
    family_make(&f, 3, 2, false);
    struct job_id first = family_end_kid(&f, "q", JOB_EV_SUCCEED);
    struct job_id dead = family_end_kid(&f, "r", JOB_EV_DIE);
    (void)EXPECT_EQ_UINT(5, members(&f, 2, all, &pages));
    (void)EXPECT_EQ_UINT(3, pages);
    for (size_t i = 0; i < 5; i++) { // the last made is the first
        EXPECT_TRUE(id_equal(&f.kids[4 - i].id, &all[i].id));
        EXPECT_EQ_STR(f.kids[4 - i].type, all[i].type);
        enum job_state wanted = id_equal(&all[i].id, &first)  ? JOB_SUCCEEDED
                                : id_equal(&all[i].id, &dead) ? JOB_DEAD
                                                              : JOB_QUEUED;
        EXPECT_EQ_INT((int)wanted, (int)all[i].state);
    }
    struct store_flow_members from = {.id = f.opener->spec.id, .limit = 5, .cursor = all[2].cursor};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &from.op, STORE_FLOW_MEMBERS));
    EXPECT_TRUE(from.count == 2 && id_equal(&all[3].id, &from.members[0].id));
    store_op_finish(&from.op);
    int status = 0;
    struct store_remove rm = {.ids = &first, .status = &status, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &rm.op, STORE_REMOVE));
    store_op_finish(&rm.op);
    EXPECT_EQ_UINT(4, members(&f, 5, all, &pages)); // of those that are there
    struct store_flow_members page = {.id = f.opener->spec.id, .limit = STORE_FLOW_PAGE_MAX + 1};
    EXPECT_EQ_INT(-EINVAL, rig_run(&f.rig, &page.op, STORE_FLOW_MEMBERS));
    store_op_finish(&page.op);
    page = (struct store_flow_members){.id = first, .limit = 1};
    EXPECT_EQ_INT(-ENOENT, rig_run(&f.rig, &page.op, STORE_FLOW_MEMBERS));
    store_op_finish(&page.op);
    family_end_opener(&f, JOB_EV_SUCCEED);
    family_finish(&f);
}

/* Who is revived leaves the list of those that have ended: no page waits for him. */
static void test_ended_revived(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 2, 0, false);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    struct job_id kid = family_end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
    struct store_flow_ended page = {.id = f.opener->spec.id, .limit = 10};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    EXPECT_EQ_UINT(1, page.count);
    EXPECT_FALSE(page.more);
    store_op_finish(&page.op);
    family_end_opener(&f, JOB_EV_SUCCEED);
    family_finish(&f);
}

/* A page's members are these of `of`, and it begins behind the one before. */
static void expect_page(struct family *f, struct store_flow_ended *page, enum job_state only,
                        const struct job_id *of, const char *places) {
    page->only = only;
    EXPECT_EQ_INT(0, rig_run(&f->rig, &page->op, STORE_FLOW_ENDED));
    EXPECT_EQ_UINT(strlen(places), page->count);
    for (size_t i = 0; i < page->count && i < strlen(places); i++) {
        EXPECT_TRUE(id_equal(&of[places[i] - '0'], &page->members[i].id));
    }
    page->cursor = page->next_cursor;
    store_op_finish(&page->op);
    memset(&page->op, 0, sizeof page->op);
}

/* Who is revived while somebody reads page by page is passed over until it has ended again, and nobody else is. */
static void test_ended_while_read(void) {
    static struct family f;
    struct job_id kids[5];
    family_begin(&f);
    family_make(&f, 5, 0, false);
    for (size_t i = 0; i < 5; i++) {
        kids[i] = family_end_kid(&f, "q", i == 1 ? JOB_EV_SUCCEED : JOB_EV_DIE);
    }
    struct store_flow_ended page = {.id = f.opener->spec.id, .limit = 2};
    expect_page(&f, &page, JOB_SCHEDULED, kids, "01");
    EXPECT_TRUE(page.more);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kids[0], JOB_EV_REVIVE));
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kids[2], JOB_EV_REVIVE));
    expect_page(&f, &page, JOB_SCHEDULED, kids, "34");
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    kids[2] = family_end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kids[2], JOB_EV_REVIVE)); // and once more
    expect_page(&f, &page, JOB_SCHEDULED, kids, "0");
    EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.succeeded);
    EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.dead);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    expect_page(&f, &page, JOB_SCHEDULED, kids, "2");
    EXPECT_FALSE(page.more);
    page.cursor = 0;
    expect_page(&f, &page, JOB_DEAD, kids, "34");
    page.cursor = 0;
    page.limit = 10;
    expect_page(&f, &page, JOB_SCHEDULED, kids, "13402");
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kids[4], JOB_EV_REVIVE)); // the flow stays closed
    page.cursor = 0;
    expect_page(&f, &page, JOB_SCHEDULED, kids, "1302");
    family_finish(&f);
}

/* However large the flow, a revival does not look through those that have ended. */
static void test_revival_is_found(void) {
    struct rig rig;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    char plan[1000];
    rig_start(&rig);
    rig_close(&rig);
    (void)snprintf(plan, sizeof plan, "EXPLAIN QUERY PLAN %s", sql_text[SQL_FLOW_ENDED_DEL]);
    if (EXPECT_EQ_INT(SQLITE_OK, sqlite3_open(rig.db, &db)) &&
        EXPECT_EQ_INT(SQLITE_OK, sqlite3_prepare_v2(db, plan, -1, &s, NULL)) &&
        EXPECT_EQ_INT(SQLITE_ROW, sqlite3_step(s))) {
        EXPECT_CONTAINS("flow_ended_back (id=? AND flow=?)",
                        (const char *)sqlite3_column_text(s, 3));
    }
    (void)sqlite3_finalize(s);
    (void)sqlite3_close(db);
    rig_finish(&rig);
}

// The same in Redis: no command that looks through a list, and nothing but what it is about is written.
static void test_revival_is_marked(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 3, 0, false);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    struct job_id kid = family_end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_redis("EXISTS jobs:q:flow:%s:back", f.flow));
    (void)rig_redis("CONFIG RESETSTAT");
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
    EXPECT_NULL(strstr(rig_redis_text("INFO commandstats"), "cmdstat_lrem"));
    EXPECT_EQ_INT(2, rig_redis("LLEN jobs:q:flow:%s:ended", f.flow));
    EXPECT_EQ_INT(1, rig_redis("HLEN jobs:q:flow:%s:back", f.flow));
    family_end_opener(&f, JOB_EV_SUCCEED);
    family_finish(&f);
}

/* ------------------------------------------------------------------ more members */

static int join_if_room(struct family *f, const struct job_spec *spec, int64_t max_waiting) {
    struct store_submit_item item = {.spec = spec, .max_waiting = max_waiting};
    struct store_flow_join *op = RIG_NEW(&f->rig, store_flow_join);
    op->items = &item;
    op->count = 1;
    int r = rig_run(&f->rig, &op->op, STORE_FLOW_JOIN);
    op->items = NULL;
    return r < 0 ? r : item.status < 0 ? item.status : (int)item.verdict;
}

static int join(struct family *f, const struct job_spec *spec) {
    return join_if_room(f, spec, 0);
}

static void test_join(void) {
    static struct family f;
    family_begin(&f);
    struct job_spec *here = family_add_kid(&f, "q", "here");
    EXPECT_EQ_INT(-ENOENT, join(&f, here)); // it has opened none yet
    f.kid_count = 0;
    family_make(&f, 1, 0, true);
    here = family_add_kid(&f, "q", "here");
    struct job_spec *there = family_add_kid(&f, "r", "there");
    EXPECT_EQ_INT(SUBMIT_NEW, join(&f, here));
    EXPECT_EQ_INT(SUBMIT_REPEATED, join(&f, here));
    there->flow_queue = NULL; // who joins need not know where the flow is
    EXPECT_EQ_INT(SUBMIT_NEW, join(&f, there));
    EXPECT_EQ_INT(SUBMIT_REPEATED, join(&f, there));
    family_forward(&f.rig);
    EXPECT_EQ_INT(SUBMIT_REPEATED, join(&f, there));
    EXPECT_EQ_INT(3, family_flow(&f)->facts.tally.made);
    family_end_opener(&f, JOB_EV_SUCCEED);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(-1, family_then_state(&f));
    (void)family_end_kid(&f, "r", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    EXPECT_EQ_INT(-ESTALE, join(&f, family_add_kid(&f, "q", "here")));
    family_finish(&f);
}

/* Wherever it goes, what its queue allows holds, and its turn comes at once. */
static void test_join_in_bounds(void) {
    static const char *const queues[] = {"q", "r"}, *const types[] = {"here", "there"};
    for (size_t to = 0; to < ARRAY_LEN(queues); to++) {
        static struct family f;
        family_begin(&f);
        family_make(&f, 0, 0, true);
        rig_forget(&f.rig);
        struct job_spec *first = family_add_kid(&f, queues[to], types[to]);
        EXPECT_EQ_INT(SUBMIT_NEW, join_if_room(&f, first, 2));
        EXPECT_TRUE(rig_was_ready(&f.rig, queues[to], types[to]));
        struct job_spec *late = family_add_kid(&f, queues[to], types[to]);
        late->run_at_ms = f.rig.now + 5000;
        EXPECT_EQ_INT(SUBMIT_NEW, join_if_room(&f, late, 2));
        EXPECT_EQ_INT(f.rig.now + 5000, f.rig.due);
        EXPECT_EQ_INT(-ENOBUFS, join_if_room(&f, family_add_kid(&f, queues[to], types[to]), 2));
        EXPECT_EQ_INT(SUBMIT_REPEATED, join_if_room(&f, first, 2));
        EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.made);
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &first->id));
        EXPECT_EQ_INT(JOB_SCHEDULED, rig_state(&f.rig, &late->id));
        family_end_opener(&f, JOB_EV_SUCCEED);
        family_finish(&f);
    }
}

// Nothing is remembered of it but the job.
static void test_join_leaves_nothing(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 0, 0, true);
    EXPECT_EQ_INT(SUBMIT_NEW, join(&f, family_add_kid(&f, "r", "there")));
    family_forward(&f.rig);
    EXPECT_EQ_INT(0, rig_redis("EVAL return(#redis.call('KEYS','*:tomb:*')) 0"));
    family_end_opener(&f, JOB_EV_SUCCEED);
    family_finish(&f);
}

/* A member that makes siblings, and ends in the same commit: in its flow's queue, or in another one. */
static void test_siblings(void) {
    const char *const queues[] = {"q", "r"}, *const types[] = {"here", "there"};
    for (size_t from = 0; from < 2; from++) {
        static struct family f;
        family_begin(&f);
        family_make(&f, from == 0, from == 1, true);
        family_end_opener(&f, JOB_EV_SUCCEED);
        const struct store_claimed *kid = rig_claim_one(&f.rig, queues[from], types[from]);
        f.kid_count = 0;
        family_add_kids(&f, 1, 1);
        struct store_commit_item item = rig_item(kid, JOB_EV_SUCCEED);
        item.children = f.kids;
        item.child_count = 2;
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item)); // sent again
        family_forward(&f.rig);
        EXPECT_EQ_INT(3, family_flow(&f)->facts.tally.made);
        EXPECT_EQ_INT(2, family_open_count(&f));
        EXPECT_EQ_INT(-1, family_then_state(&f));
        (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
        (void)family_end_kid(&f, "r", JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
        family_finish(&f);
    }
}

CASES(members, ON_ALL, {"members are told in the order in which they ended", test_ended},
      {"members are told as they are, the last made first", test_members},
      {"a revived member is not waited for among those that ended", test_ended_revived},
      {"who is revived while those that ended are read", test_ended_while_read},
      {"jobs from outside join an open flow", test_join},
      {"who joins a flow does so within the bounds of its queue", test_join_in_bounds},
      {"members make siblings, and end", test_siblings});

CASES(members_file, ON_FILE, {"a revived member is found by an index", test_revival_is_found});

CASES(members_shared, ON_SHARED, {"a revived member is marked", test_revival_is_marked},
      {"who joins a flow leaves nothing else behind", test_join_leaves_nothing});
