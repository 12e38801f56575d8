#include <stdio.h>

#include "store/sqlite/fsck.h"

// The place that a row should stand in: place_number() in SQL; the conformance suite compares the
// two. A queued job may stand in a line of the band, whoever's: all lines are served.
#define PLACE                                                                                      \
    "CASE WHEN state = 1 THEN CASE WHEN place >> 43 = 16 + lane * 4 + prio THEN place"             \
    " ELSE 16 + lane * 4 + prio END WHEN state = 2 THEN 2"                                         \
    " WHEN state IN (0, 3) THEN CASE WHEN at_ms > 0 THEN 1 END"                                    \
    " ELSE CASE WHEN at_ms > 0 THEN 3 END END"

// Every query that is mended while it is read sorts by an expression, so all of it is known before
// the first row comes.
#define SORTED " ORDER BY rid + 0"

// `key` of lists has no type. Compared with a column that has one, it would be converted, and the index
// would serve for `kind` alone: the + takes the type away.
static const struct fsck_rule rules[] = {
    {"job_unknown_state",
     "SELECT id, 'state ' || state || ', priority ' || prio, rid FROM jobs"
     " WHERE state NOT BETWEEN 0 AND 7 OR prio NOT BETWEEN 0 AND 2",
     NULL},
    {"job_unknown_lane",
     "SELECT id, 'lane ' || lane, rid FROM jobs WHERE lane NOT IN (SELECT id FROM lanes)", NULL},
    {"job_id_mismatch", "SELECT id, 'row ' || rid, rid FROM jobs WHERE rid <> id_order(id)", NULL},
    {"job_without_time",
     "SELECT id, 'state ' || state || ' and no time to go with it', rid FROM jobs"
     " WHERE state IN (0, 1, 2) AND at_ms IS NULL" SORTED,
     "UPDATE jobs SET at_ms = 1 WHERE rid = ?1"},
    {"job_in_no_place",
     "SELECT id, 'state ' || state || ', should be in place ' || want, rid, want FROM"
     " (SELECT id, rid, state, place, " PLACE " AS want FROM jobs)"
     " WHERE place IS NULL AND want IS NOT NULL" SORTED,
     "UPDATE jobs SET place = ?2 WHERE rid = ?1"},
    {"job_in_wrong_place",
     "SELECT id, 'state ' || state || ', in place ' || place || ' instead of '"
     " || ifnull(want, 'none'), rid, want FROM"
     " (SELECT id, rid, state, place, " PLACE " AS want FROM jobs)"
     " WHERE place IS NOT NULL AND place IS NOT want" SORTED,
     "UPDATE jobs SET place = ?2 WHERE rid = ?1"},
    {"dedup_without_job",
     "SELECT d.id, 'key ' || d.key, d.queue, d.key FROM dedup d LEFT JOIN jobs j"
     " ON j.rid = id_order(d.id) WHERE d.expire_ms IS NULL AND (j.rid IS NULL OR j.state > 3)"
     " ORDER BY d.queue || d.key",
     "DELETE FROM dedup WHERE queue = ?1 AND key = ?2"},
    {"listed_elsewhere",
     "SELECT j.id, 'listed as state ' || l.key, l.kind, l.key, l.job FROM lists l"
     " LEFT JOIN jobs j ON j.rid = l.job WHERE j.rid IS NULL OR (l.kind = 1 AND l.key <> j.state)"
     " ORDER BY l.job || ''",
     "DELETE FROM lists WHERE kind = ?1 AND key = ?2 AND job = ?3"},
    {"not_listed",
     "SELECT id, 'not in the list of state ' || state, state, rid FROM jobs"
     " WHERE state IN (0, 3, 5, 6, 7) AND NOT EXISTS (SELECT 1 FROM lists"
     " WHERE kind = 1 AND key = +jobs.state AND lists.job = jobs.rid)" SORTED,
     "INSERT INTO lists(kind, key, job) VALUES(1, ?1, ?2)"},
    {"kv_set_size",
     "SELECT NULL, ns || ' ' || key || ': ' || number || ' members, ' || n || ' found', ns, key, n"
     " FROM (SELECT ns, key, number, (SELECT count(*) FROM kv_members m WHERE m.ns = kv.ns"
     " AND m.key = kv.key) AS n FROM kv WHERE kind = 2) WHERE number IS NOT n ORDER BY ns || key",
     "UPDATE kv SET number = ?3 WHERE ns = ?1 AND key = ?2 AND kind = 2"},
    {"orphan_kv_member",
     "SELECT NULL, ns || ' ' || key, ns, key FROM kv_members m WHERE NOT EXISTS (SELECT 1 FROM kv"
     " WHERE kv.ns = m.ns AND kv.key = m.key AND kv.kind = 2) GROUP BY ns, key",
     "DELETE FROM kv_members WHERE ns = ?1 AND key = ?2"},
    {"output_damaged",
     "SELECT id, name || ': not the hash of a blob', o.rid, name FROM outputs o JOIN jobs "
     "USING(rid)"
     " WHERE length(sha256) <> 32" SORTED,
     "DELETE FROM outputs WHERE rid = ?1 AND name = ?2"},
};

// Tables that hang on a job, and the bit of `has` that says so.
static const struct side {
    const char *table;
    int bit;
    bool vital; /* the job cannot do without: nothing to mend when it is missing */
} sides[] = {
    {"payloads", HAS_PAYLOAD, true},   {"steps", HAS_STEPS, false},
    {"results", HAS_RESULT, false},    {"warnings", HAS_WARNINGS, false},
    {"attempts", HAS_ATTEMPTS, false}, {"logs", HAS_LOG, false},
    {"outputs", HAS_OUTPUTS, false},
};

static int check_side(struct fsck *f, const struct side *side) {
    char code[3][40], find[3][400], mend[3][200];
    const char *t = side->table;
    (void)snprintf(code[0], sizeof code[0], "orphan_%s", t);
    (void)snprintf(find[0], sizeof find[0],
                   "SELECT NULL, 'of row ' || rid, rid FROM (SELECT DISTINCT rid FROM %s)"
                   " WHERE rid NOT IN (SELECT rid FROM jobs)" SORTED,
                   t);
    (void)snprintf(mend[0], sizeof mend[0], "DELETE FROM %s WHERE rid = ?1", t);
    (void)snprintf(code[1], sizeof code[1], "missing_%s", t);
    (void)snprintf(find[1], sizeof find[1],
                   "SELECT id, 'its row says there are some', rid FROM jobs WHERE has & %d"
                   " AND NOT EXISTS (SELECT 1 FROM %s t WHERE t.rid = jobs.rid)" SORTED,
                   side->bit, t);
    (void)snprintf(mend[1], sizeof mend[1], "UPDATE jobs SET has = has & ~%d WHERE rid = ?1",
                   side->bit);
    (void)snprintf(code[2], sizeof code[2], "unknown_%s", t);
    (void)snprintf(find[2], sizeof find[2],
                   "SELECT id, 'its row does not know of them', rid FROM jobs WHERE has & %d = 0"
                   " AND EXISTS (SELECT 1 FROM %s t WHERE t.rid = jobs.rid)" SORTED,
                   side->bit, t);
    (void)snprintf(mend[2], sizeof mend[2], "UPDATE jobs SET has = has | %d WHERE rid = ?1",
                   side->bit);
    const struct fsck_rule of_it[] = {{code[0], find[0], mend[0]},
                                      {code[1], find[1], side->vital ? NULL : mend[1]},
                                      {code[2], find[2], mend[2]}};
    return fsck_rules_run(f, of_it, ARRAY_LEN(of_it));
}

int fsck_rules(struct fsck *f) {
    int r = fsck_rules_run(f, rules, ARRAY_LEN(rules));
    for (size_t i = 0; i < ARRAY_LEN(sides) && r == 0; i++) {
        r = check_side(f, &sides[i]);
    }
    return r;
}
