#include "store/sqlite/schema.h"

#include <errno.h>
#include <stdio.h>

// The life of a job is its row. `place` names the queue it stands in (place.h) and `at_ms` where;
// the one index over both is every queue at once, so a job is in exactly one of them by
// construction, and a change of state is one statement on one table with one index: what a
// submission and a completion cost. Columns that are NULL or 0 take no space; what is rarely set is
// packed into `spec` (never changes) and `life` (changes), see jobrow.h. `lists` serves the lists
// that people ask for. docs/store.md draws it.
static int version_1(struct conn *c) {
    return conn_exec(
        c,
        "CREATE TABLE queues(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
        " paused_ms INTEGER, paused_by TEXT, paused_why TEXT);"
        "CREATE TABLE lanes(id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, type TEXT NOT NULL,"
        " n0 INTEGER, n1 INTEGER, n2 INTEGER, n3 INTEGER, n4 INTEGER, n5 INTEGER, n6 INTEGER,"
        " n7 INTEGER, w0 INTEGER, w1 INTEGER, w2 INTEGER, UNIQUE(queue, type));"
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
        "CREATE TABLE jobs(rid INTEGER PRIMARY KEY, id BLOB NOT NULL, state INTEGER NOT NULL,"
        " rev INTEGER NOT NULL, lane INTEGER NOT NULL, prio INTEGER NOT NULL,"
        " token INTEGER NOT NULL, commit_no INTEGER NOT NULL, has INTEGER NOT NULL,"
        " place INTEGER, at_ms INTEGER, spec BLOB, life BLOB, payload BLOB);"
        "CREATE INDEX jobs_place ON jobs(place, at_ms) WHERE place IS NOT NULL;"
        "CREATE TABLE lists(kind INTEGER, key, job INTEGER, PRIMARY KEY(kind, key, job))"
        " WITHOUT ROWID;"
        "CREATE TABLE payloads(rid INTEGER PRIMARY KEY, data BLOB NOT NULL);"
        "CREATE TABLE results(rid INTEGER PRIMARY KEY, type TEXT, size INTEGER NOT NULL,"
        " sha256 BLOB, data BLOB);"
        "CREATE TABLE steps(seq INTEGER PRIMARY KEY, rid INTEGER NOT NULL, name TEXT NOT NULL,"
        " value BLOB);"
        "CREATE UNIQUE INDEX steps_name ON steps(rid, name);"
        "CREATE TABLE warnings(rid INTEGER, seq INTEGER, code TEXT, message TEXT,"
        " PRIMARY KEY(rid, seq)) WITHOUT ROWID;"
        "CREATE TABLE attempts(rid INTEGER, seq INTEGER, data BLOB, PRIMARY KEY(rid, seq))"
        " WITHOUT ROWID;"
        "CREATE TABLE logs(rid INTEGER PRIMARY KEY, tail BLOB NOT NULL);"
        "CREATE TABLE dedup(queue INTEGER, key TEXT, id BLOB NOT NULL, expire_ms INTEGER,"
        " PRIMARY KEY(queue, key)) WITHOUT ROWID;"
        "CREATE TABLE outbox(seq INTEGER PRIMARY KEY, parent INTEGER NOT NULL, data BLOB NOT NULL);"
        "CREATE TABLE blobs(sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL, refs INTEGER NOT NULL,"
        " idle_ms INTEGER) WITHOUT ROWID;"
        "CREATE INDEX blobs_idle ON blobs(idle_ms) WHERE idle_ms > 0;"
        "CREATE TABLE kv(ns TEXT, key TEXT, kind INTEGER, value BLOB, number INTEGER,"
        " token INTEGER, expire_ms INTEGER, PRIMARY KEY(ns, key, kind)) WITHOUT ROWID;"
        "CREATE INDEX kv_expiry ON kv(expire_ms) WHERE expire_ms > 0;"
        "CREATE TABLE kv_members(ns TEXT, key TEXT, member BLOB, PRIMARY KEY(ns, key, member))"
        " WITHOUT ROWID;"
        "CREATE TABLE hosts(nonce INTEGER PRIMARY KEY, name TEXT, version TEXT, pid INTEGER,"
        " started_ms INTEGER, seen_ms INTEGER, lease_end_ms INTEGER);"
        "CREATE TABLE audit(seq INTEGER PRIMARY KEY, at_ms INTEGER, actor TEXT, action TEXT,"
        " target TEXT, detail TEXT);");
}

// The sweep of expired dedup keys no longer reads all keys.
static int version_2(struct conn *c) {
    return conn_exec(c, "CREATE INDEX dedup_expiry ON dedup(expire_ms) WHERE expire_ms > 0;");
}

// Output files of jobs. Files of a spec may have a second name (jobrow.c), which a program of
// version 2 would take for a part of the content type.
static int version_3(struct conn *c) {
    return conn_exec(c, "CREATE TABLE outputs(rid INTEGER, name TEXT, type TEXT,"
                        " size INTEGER NOT NULL, sha256 BLOB NOT NULL, PRIMARY KEY(rid, name))"
                        " WITHOUT ROWID;");
}

// Ids of removed jobs that a spool may still bring.
static int version_4(struct conn *c) {
    return conn_exec(c,
                     "CREATE TABLE tombstones(rid INTEGER PRIMARY KEY, expire_ms INTEGER NOT NULL);"
                     "CREATE INDEX tombstones_expiry ON tombstones(expire_ms);");
}

// Schedules. Of a ledger's row what is NULL or 0 takes no space; `last_ms` is NULL in rows that were
// made by hand, which do not say where the schedule is.
static int version_5(struct conn *c) {
    return conn_exec(
        c, "CREATE TABLE schedules(sid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
           " rows INTEGER NOT NULL DEFAULT 0, removed INTEGER, queue TEXT NOT NULL,"
           " revision TEXT NOT NULL, stored_ms INTEGER NOT NULL, host TEXT, api INTEGER,"
           " paused_ms INTEGER, paused_by TEXT, paused_why TEXT, resumed_ms INTEGER,"
           " definition TEXT);"
           "CREATE INDEX schedules_rows ON schedules(rows);"
           "CREATE TABLE ledger(seq INTEGER PRIMARY KEY, sid INTEGER NOT NULL,"
           " revision TEXT NOT NULL, key TEXT NOT NULL, verdict INTEGER NOT NULL,"
           " nominal_ms INTEGER, last_ms INTEGER, count INTEGER, actual_ms INTEGER NOT NULL,"
           " missed INTEGER, job BLOB, reason TEXT);"
           "CREATE UNIQUE INDEX ledger_key ON ledger(sid, revision, key);"
           "CREATE INDEX ledger_last ON ledger(sid, revision, last_ms);"
           "CREATE INDEX ledger_sid ON ledger(sid);"
           "CREATE INDEX ledger_age ON ledger(actual_ms);"
           "CREATE TABLE ledger_counts(sid INTEGER, verdict INTEGER, times INTEGER NOT NULL,"
           " PRIMARY KEY(sid, verdict)) WITHOUT ROWID;"
           "CREATE TABLE schedule_jobs(seq INTEGER PRIMARY KEY, rid INTEGER NOT NULL UNIQUE,"
           " schedule TEXT NOT NULL, queue INTEGER NOT NULL, waiting INTEGER NOT NULL);"
           "CREATE INDEX schedule_jobs_of ON schedule_jobs(schedule, queue, waiting);");
}

// Limiters: what is taken of each, until it says nothing any more.
static int version_6(struct conn *c) {
    return conn_exec(c, "CREATE TABLE limiters(name TEXT PRIMARY KEY, rest_ms INTEGER NOT NULL,"
                        " state BLOB NOT NULL) WITHOUT ROWID;"
                        "CREATE INDEX limiters_rest ON limiters(rest_ms);");
}

// Queued jobs of tenants may stand in a place of their tenant (turns.h), where a program of version 6
// would not find them.
static int version_7(struct conn *c) {
    (void)c;
    return 0;
}

// Flows: a row an opener; its members that have ended, in their order. What is NULL or 0 takes no space.
static int version_8(struct conn *c) {
    return conn_exec(
        c, "CREATE TABLE flows(rid INTEGER PRIMARY KEY, id BLOB NOT NULL, made INTEGER DEFAULT 0,"
           " succeeded INTEGER DEFAULT 0, dead INTEGER DEFAULT 0, cancelled INTEGER DEFAULT 0,"
           " duplicate INTEGER DEFAULT 0, opener INTEGER, on_dead INTEGER DEFAULT 0,"
           " closed_ms INTEGER, then_id BLOB, then_made INTEGER, then_ms INTEGER, died BLOB,"
           " listed INTEGER DEFAULT 0, walked INTEGER, then_job BLOB);"
           "CREATE INDEX flows_walk ON flows(walked) WHERE walked >= 0;"
           "CREATE TABLE flow_ended(flow INTEGER, seq INTEGER, id BLOB NOT NULL,"
           " state INTEGER NOT NULL, PRIMARY KEY(flow, seq)) WITHOUT ROWID;");
}

// Breakers that are not closed.
static int version_9(struct conn *c) {
    return conn_exec(c, "CREATE TABLE breakers(name TEXT PRIMARY KEY, rest_ms INTEGER NOT NULL,"
                        " state BLOB NOT NULL) WITHOUT ROWID;"
                        "CREATE INDEX breakers_rest ON breakers(rest_ms);");
}

// Events, and the jobs that wait for them (event_log.h). Numbers of events are not used again: a job's place is one.
static int version_10(struct conn *c) {
    return conn_exec(
        c, "CREATE TABLE event_names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
           " count INTEGER NOT NULL, bytes INTEGER NOT NULL, pending INTEGER);"
           "INSERT INTO event_names VALUES(0, '', 0, 0, NULL);"
           "CREATE INDEX event_names_pending ON event_names(pending) WHERE pending IS NOT NULL;"
           "CREATE TABLE events(seq INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER NOT NULL,"
           " at_ms INTEGER NOT NULL, key TEXT, tenant TEXT, type TEXT, data BLOB);"
           "CREATE INDEX events_name ON events(name, seq);"
           "CREATE UNIQUE INDEX events_key ON events(name, key) WHERE key IS NOT NULL;"
           "CREATE INDEX events_age ON events(at_ms);"
           "CREATE TABLE event_waits(name INTEGER, rid INTEGER, PRIMARY KEY(name, rid))"
           " WITHOUT ROWID;"
           "CREATE INDEX event_waits_rid ON event_waits(rid);");
}

// Members that may be revived are found among those that have ended; most succeed, and take no room in it.
static int version_11(struct conn *c) {
    return conn_exec(c, "CREATE INDEX flow_ended_back ON flow_ended(id)"
                        " WHERE state > 4 AND state < 7");
}

/* Events of a tenant, and those for all, are found without the others. What an event counts for is all that it says.
 * From here on the numbers of events begin with the time (event_log.c); those that there are stay smaller. */
static int version_12(struct conn *c) {
    return conn_exec(
        c, "CREATE INDEX events_line ON events(name, tenant);"
           "UPDATE event_names SET bytes = 0;"
           "UPDATE event_names SET bytes = sum.bytes FROM (SELECT name, sum(ifnull(length(data), 0)"
           " + ifnull(length(CAST(key AS BLOB)), 0) + ifnull(length(CAST(tenant AS BLOB)), 0)"
           " + ifnull(length(CAST(type AS BLOB)), 0) + 128) AS bytes FROM events GROUP BY name) sum"
           " WHERE event_names.id = sum.name;"
           "UPDATE event_names SET bytes = (SELECT sum(bytes) FROM event_names) WHERE id = 0;");
}

// What was accepted once. Its times are those of once.c.
static int version_13(struct conn *c) {
    return conn_exec(
        c, "CREATE TABLE once(queue INTEGER, key BLOB, id BLOB NOT NULL, content INTEGER NOT NULL,"
           " expire_ms INTEGER NOT NULL, PRIMARY KEY(queue, key)) WITHOUT ROWID;"
           "CREATE INDEX once_expiry ON once(expire_ms);");
}

// Of which flows a cascade goes on through members that have ended: such a member's own flow is open, or one of these. One
// that has been gone through is not begun anew.
static int version_14(struct conn *c) {
    return conn_exec(
        c,
        "ALTER TABLE flows ADD COLUMN deep INTEGER;"
        "WITH RECURSIVE up(rid, above) AS (SELECT j.rid, l.key FROM lists l CROSS JOIN"
        " jobs j ON j.rid = l.job WHERE l.kind = 3 AND (j.has & 6144) = 6144 AND j.state > 3),"
        " deep(rid) AS (SELECT above FROM flows f JOIN up USING(rid) WHERE f.closed_ms IS NULL"
        " UNION SELECT above FROM deep JOIN up USING(rid))"
        "UPDATE flows SET deep = 1 WHERE rid IN deep AND (closed_ms IS NOT NULL OR walked IS NULL"
        " OR walked >= 0)");
}

// Tokens of the API; where an action of the audit log came from, and what refused it.
static int version_15(struct conn *c) {
    return conn_exec(c, "CREATE TABLE tokens(id TEXT PRIMARY KEY, expires_ms INTEGER,"
                        " used_ms INTEGER, revoked_ms INTEGER, data BLOB NOT NULL) WITHOUT ROWID;"
                        "ALTER TABLE audit ADD COLUMN origin TEXT;"
                        "ALTER TABLE audit ADD COLUMN outcome TEXT;");
}

static int (*const steps[])(struct conn *c) = {
    version_1, version_2,  version_3,  version_4,  version_5,  version_6,  version_7, version_8,
    version_9, version_10, version_11, version_12, version_13, version_14, version_15};
_Static_assert(ARRAY_LEN(steps) == SCHEMA_VERSION, "one step a version");

static int schema_read(struct conn *c, int64_t *ret_app, int64_t *ret_version, struct err *e) {
    int r = conn_number(c, "PRAGMA application_id", 0, ret_app);
    r = r < 0 ? r : conn_number(c, "PRAGMA user_version", 0, ret_version);
    return r < 0 ? err_set(e, r, "%s", c->err.msg) : 0;
}

static int refuse(int64_t app, int64_t version, struct err *e) {
    if (app != SCHEMA_APPLICATION_ID) {
        return err_set(e, -EPROTO, "the file is a database of another program");
    }
    return err_set(e, -EPROTO,
                   "the database has schema version %lld and this program knows %d: it was written "
                   "by a newer jobhost, run that one",
                   (long long)version, SCHEMA_VERSION);
}

// 1 = there are no tables at all
static int schema_is_new(struct conn *c, struct err *e) {
    int64_t tables = 0;
    int r = conn_number(c, "SELECT count(*) FROM sqlite_master", 0, &tables);
    return r < 0 ? err_set(e, r, "%s", c->err.msg) : tables == 0;
}

static int step_to(struct conn *c, int64_t version) {
    char done[96];
    (void)snprintf(done, sizeof done, "PRAGMA application_id=%d; PRAGMA user_version=%lld; COMMIT",
                   SCHEMA_APPLICATION_ID, (long long)version);
    int r = conn_exec(c, "BEGIN IMMEDIATE");
    r = r < 0 ? r : steps[version - 1](c);
    r = r < 0 ? r : conn_exec(c, done);
    if (r < 0 && sqlite3_get_autocommit(c->db) == 0) {
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return r;
}

int schema_apply(struct conn *c, struct err *e) {
    int64_t app = 0, version = 0;
    int r = schema_read(c, &app, &version, e);
    int fresh = r < 0 ? r : schema_is_new(c, e);
    if (fresh < 0) {
        return fresh;
    }
    if (!fresh && (app != SCHEMA_APPLICATION_ID || version > SCHEMA_VERSION)) {
        return refuse(app, version, e);
    }
    // the page size must be set before the file has a page
    r = conn_exec(c, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL");
    while (r == 0 && version < SCHEMA_VERSION) {
        version++;
        r = step_to(c, version);
    }
    return r < 0 ? err_set(e, r, "schema version %lld: %s", (long long)version, c->err.msg) : 0;
}

int schema_check(struct conn *c, struct err *e) {
    int64_t app = 0, version = 0;
    int r = schema_read(c, &app, &version, e);
    if (r < 0) {
        return r;
    }
    if (app == SCHEMA_APPLICATION_ID && version < SCHEMA_VERSION) {
        return err_set(e, -EPROTO,
                       "the database has schema version %lld, older than this program's %d: start "
                       "the host once to migrate it",
                       (long long)version, SCHEMA_VERSION);
    }
    return app == SCHEMA_APPLICATION_ID && version == SCHEMA_VERSION ? 0 : refuse(app, version, e);
}
