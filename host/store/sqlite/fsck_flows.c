#include "store/sqlite/flows.h"
#include "store/sqlite/fsck.h"

// Members of f that are in the store: F_MEMBERS "AND ...". The +: see fsck_rules.c.
#define F_MEMBERS                                                                                  \
    " lists l CROSS JOIN jobs j ON j.rid = l.job WHERE l.kind = 3 AND l.key = +f.rid"              \
    " AND j.has & 2048"
#define F_ENDED(state)                                                                             \
    "(SELECT count(*) FROM flow_ended e WHERE e.flow = f.rid AND e.state = " state ")"
#define SORTED " ORDER BY f.rid + 0"

// A flow that is closed is left as it was then: who is revived later changes nothing for it. One may be cancelled
// although its opener ended otherwise.
static const struct fsck_rule rules[] = {
    {"orphan_flow",
     "SELECT f.id, 'it goes with its opener', f.rid FROM flows f"
     " WHERE f.rid NOT IN (SELECT rid FROM jobs)" SORTED,
     "DELETE FROM flows WHERE rid = ?1"},
    {"unknown_flow",
     "SELECT f.id, 'its row does not know of it', f.rid FROM flows f JOIN jobs j USING(rid)"
     " WHERE NOT j.has & 4096" SORTED,
     "UPDATE jobs SET has = has | 4096 WHERE rid = ?1"},
    {"missing_flow",
     "SELECT f.id, 'its row says that it has opened one', f.rid, f.id FROM jobs f"
     " WHERE f.has & 4096 AND f.rid NOT IN (SELECT rid FROM flows)" SORTED,
     "INSERT INTO flows(rid, id) VALUES(?1, ?2)"},
    {"orphan_flow_ended",
     "SELECT NULL, count(*) || ' rows of row ' || flow, flow FROM flow_ended"
     " WHERE flow NOT IN (SELECT rid FROM flows) GROUP BY flow ORDER BY flow + 0",
     "DELETE FROM flow_ended WHERE flow = ?1"},
    {"flow_opener",
     "SELECT f.id, 'its opener ended as ' || ifnull(opener, 'none') || ', and is in state '"
     " || j.state, f.rid, CASE WHEN j.state > 3 THEN j.state END FROM flows f JOIN jobs j "
     "USING(rid)"
     " WHERE opener IS NOT CASE WHEN j.state > 3 THEN j.state END"
     " AND (opener IS NOT 6 OR j.state <= 3)" SORTED,
     "UPDATE flows SET opener = ?2, closed_ms = CASE WHEN ?2 IS NOT NULL THEN closed_ms END,"
     " walked = CASE WHEN ?2 IS NOT NULL THEN walked END WHERE rid = ?1"},
    {"flow_ended_wrong",
     "SELECT e.id, 'it is in state ' || j.state || ', for the flow in ' || e.state, f.rid, e.seq"
     " FROM flows f JOIN flow_ended e ON e.flow = f.rid JOIN jobs j ON j.rid = id_order(e.id)"
     " AND j.id = e.id WHERE f.closed_ms IS NULL AND j.state <> e.state" SORTED,
     "DELETE FROM flow_ended WHERE flow = ?1 AND seq = ?2"},
    {"flow_ended_missing",
     "SELECT id, 'it has ended, and not for its flow', flow, id, state FROM (SELECT j.id, j.state,"
     " f.rid AS flow FROM flows f CROSS JOIN" F_MEMBERS " AND f.closed_ms IS NULL AND j.state > 3"
     " EXCEPT SELECT id, state, flow FROM flow_ended) ORDER BY flow + 0",
     "INSERT INTO flow_ended(flow, seq, id, state) VALUES(?1, (SELECT ifnull(max(seq), 0) + 1"
     " FROM flow_ended WHERE flow = ?1), ?2, ?3)"},
    {"flow_listed",
     "SELECT f.id, 'the last of those that ended is ' || listed || ', found ' || n, f.rid, n FROM"
     " (SELECT rid, id, listed, (SELECT max(seq) FROM flow_ended e WHERE e.flow = flows.rid) AS n"
     " FROM flows) f WHERE n > listed" SORTED,
     "UPDATE flows SET listed = ?2 WHERE rid = ?1"},
    {"flow_counts",
     "SELECT f.id, 'so many as are said to have ended are not there', f.rid FROM flows f"
     " WHERE succeeded <> " F_ENDED("4") " OR dead <> " F_ENDED("5") " OR cancelled <> " F_ENDED(
         "6") " OR duplicate <> " F_ENDED("7") SORTED,
     "UPDATE flows AS f SET succeeded = " F_ENDED("4") ", dead = " F_ENDED(
         "5") ", cancelled = " F_ENDED("6") ", duplicate = " F_ENDED("7") " WHERE rid = ?1"},
    // who is underway to his queue is counted, and is no job yet
    {"flow_made",
     "SELECT id, made || ' members, ' || n || ' found', rid, n FROM (SELECT f.id, f.rid, made,"
     " succeeded + dead + cancelled + duplicate + (SELECT count(*) FROM" F_MEMBERS
     " AND j.state <= 3) AS n FROM flows f WHERE closed_ms IS NULL)"
     " WHERE made < n OR (made > n AND NOT EXISTS (SELECT 1 FROM outbox)) ORDER BY rid + 0",
     "UPDATE flows SET made = ?2 WHERE rid = ?1"},
};
_Static_assert(HAS_FLOW == 2048 && HAS_OPENED == 4096, "the rules say so");
_Static_assert(JOB_SUCCEEDED == 4 && JOB_DUPLICATE == 7 && JOB_CANCELLED == 6, "and so");

// What should follow from how it stands, and has not: of a parked opener only if it waits for its children.
static int each_over(struct fsck *f, sqlite3_stmt *s) {
    struct job_row row;
    struct job_life life;
    bool closed = sqlite3_column_int(s, ROW_PAYLOAD + 1) != 0;
    arena_reset(&f->scratch);
    jobrow_read(s, &row);
    if (jobrow_life(&row, &f->scratch, &life) < 0 ||
        (row.state == JOB_PARKED && life.park != PARK_CHILDREN)) {
        return 0;
    }
    int r = f->repair ? flows_mend(f->w, row.rid, f->op->op.now_ms) : 0;
    return r < 0 ? r
                 : fsck_report(f, closed ? "flow_without_then" : "flow_stuck", &row.id, f->repair,
                               closed                    ? "it is closed, and its then was not made"
                               : row.state != JOB_PARKED ? "it is over, and not closed"
                                                         : "its opener waits, and nobody is left");
}

int fsck_flows(struct fsck *f) {
    int r = fsck_rules_run(f, rules, ARRAY_LEN(rules));
    return r < 0 ? r
                 : fsck_query(f,
                              "SELECT " ROW_COLUMNS ", " ROW_SIZE ", (SELECT closed_ms IS NOT NULL"
                              " FROM flows f WHERE f.rid = jobs.rid) FROM jobs WHERE rid IN"
                              " (SELECT f.rid FROM flows f JOIN jobs j USING(rid) WHERE"
                              " CASE WHEN closed_ms IS NULL"
                              " THEN made <= succeeded + dead + cancelled + duplicate"
                              " AND (opener IS NOT NULL OR j.state = 3)"
                              " AND (deep IS NULL OR ifnull(walked, -1) < 0)"
                              " ELSE then_id IS NOT NULL AND then_made IS NOT 1 AND opener <> 6"
                              " END) ORDER BY rid + 0",
                              each_over);
}
