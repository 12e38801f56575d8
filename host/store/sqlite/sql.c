#include "store/sqlite/sql.h"

#include "store/sqlite/event_log.h"
#include "store/sqlite/jobrow.h"

#define DEDUP_SELECT                                                                               \
    "SELECT q.name, d.key, d.id, d.expire_ms FROM queues q CROSS JOIN dedup d ON d.queue = q.id"   \
    " WHERE "
#define DEDUP_LIVE " AND (?3 IS NULL OR q.name = ?3) AND (d.expire_ms IS NULL OR d.expire_ms > ?4)"

// Where a schedule is, by what was written at ?2 or before; the row that says so stays.
#define LAST_OF                                                                                    \
    "(SELECT max(m.last_ms) FROM ledger m INDEXED BY ledger_last WHERE m.sid = s.sid"              \
    " AND m.revision = s.revision AND m.last_ms <= ?2) "
#define NOT_NEEDED                                                                                 \
    "(s.removed OR l.last_ms IS NULL OR l.revision <> s.revision OR l.last_ms IS NOT " LAST_OF ")"

// Those of a tenant, and those for all, stand by themselves. While there are some of before places told the time, all are
// looked at.
#define EVENT_FIRST(tenant)                                                                        \
    "SELECT seq FROM events INDEXED BY events_line WHERE name = ?1 AND tenant " tenant             \
    " AND seq > max(?2, iif(EXISTS(SELECT 1 FROM events WHERE seq < 1099511627776), 0, ?3))"       \
    " AND at_ms >= ?4 ORDER BY seq LIMIT 1"

// SQLite uses a partial index only for a query whose WHERE repeats the index's; INDEXED BY makes a
// mistake there an error at start instead of a slow query later.
const char *const sql_text[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVEPOINT] = "SAVEPOINT op",
    [SQL_RELEASE] = "RELEASE op",
    [SQL_ROLLBACK_TO] = "ROLLBACK TO op",

    [SQL_QUEUES_ALL] = "SELECT id, name, paused_ms, paused_by, paused_why FROM queues ORDER BY id",
    [SQL_QUEUE_ADD] = "INSERT INTO queues(id, name) VALUES(?1, ?2)",
    [SQL_QUEUE_SET] = "UPDATE queues SET paused_ms=?2, paused_by=?3, paused_why=?4 WHERE id=?1",
    [SQL_LANES_ALL] = "SELECT id, queue, type, n0, n1, n2, n3, n4, n5, n6, n7, w0, w1, w2"
                      " FROM lanes ORDER BY id",
    [SQL_LANE_ADD] = "INSERT INTO lanes(id, queue, type) VALUES(?1, ?2, ?3)",
    [SQL_LANE_TALLY] = "UPDATE lanes SET n0=?2, n1=?3, n2=?4, n3=?5, n4=?6, n5=?7, n6=?8, n7=?9,"
                       " w0=?10, w1=?11, w2=?12 WHERE id=?1",
    [SQL_META_GET] = "SELECT value FROM meta WHERE key=?1",
    [SQL_META_SET] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
    [SQL_META_BOOT] = "INSERT INTO meta(key, value) VALUES('boot', 1)"
                      " ON CONFLICT(key) DO UPDATE SET value=value+1",
    [SQL_META_PROBE] = "INSERT INTO meta(key, value) VALUES('probe', 1)"
                       " ON CONFLICT(key) DO UPDATE SET value=value+1",

    [SQL_JOB_ADD] = "INSERT OR IGNORE INTO jobs(rid, id, state, rev, lane, prio, token, commit_no,"
                    " has, place, at_ms, spec, payload)"
                    " VALUES(?1, ?2, ?3, 1, ?4, ?5, 0, 0, ?6, ?7, ?8, ?9, ?10)",
    [SQL_JOB_BY_RID] = "SELECT " ROW_COLUMNS ", " ROW_SIZE " FROM jobs WHERE rid=?1",
    [SQL_JOB_WHOLE] = "SELECT " ROW_COLUMNS ", payload FROM jobs WHERE rid=?1",
    [SQL_JOB_MOVE] = "UPDATE jobs SET state=?2, rev=?3, token=?4, commit_no=?5, has=?6, place=?7,"
                     " at_ms=?8, life=?9 WHERE rid=?1",
    [SQL_JOB_TOUCH] = "UPDATE jobs SET token=?2, commit_no=?3, has=?4, life=?5 WHERE rid=?1",
    [SQL_JOB_DEL] = "DELETE FROM jobs WHERE rid=?1",
    [SQL_READY] = "SELECT " ROW_COLUMNS ", payload FROM jobs INDEXED BY jobs_place"
                  " WHERE place=?1 AND (at_ms, rid) > (?2, ?3) ORDER BY at_ms, rid",
    [SQL_READY_KEYS] = "SELECT at_ms, rid, rev FROM jobs INDEXED BY jobs_place"
                       " WHERE place=?1 AND (at_ms, rid) > (?2, ?3) ORDER BY at_ms, rid",
    [SQL_BEFORE] = "SELECT rid, rev FROM jobs INDEXED BY jobs_place WHERE place=?1 AND at_ms <= ?2"
                   " ORDER BY at_ms, rid",
    [SQL_FIRST] = "SELECT at_ms FROM jobs INDEXED BY jobs_place WHERE place=?1"
                  " ORDER BY at_ms LIMIT 1",
    // one step into the index for each line, however many jobs stand in it
    [SQL_NEXT_LINE] = "SELECT place, at_ms, rid FROM jobs INDEXED BY jobs_place"
                      " WHERE place > ?1 AND place < ?2 ORDER BY place, at_ms, rid LIMIT 1",
    [SQL_LIST_ALL] = "SELECT " ROW_COLUMNS ", " ROW_SIZE " FROM jobs WHERE rid < ?1"
                     " ORDER BY rid DESC",
    [SQL_LIST_OF] = "SELECT " ROW_COLUMNS ", " ROW_SIZE " FROM lists CROSS JOIN jobs"
                    " ON jobs.rid = lists.job WHERE lists.kind=?2 AND lists.key=?3"
                    " AND lists.job < ?1 ORDER BY lists.job DESC",
    [SQL_LIST_ADD] = "INSERT OR IGNORE INTO lists(kind, key, job) VALUES(?1, ?2, ?3)",
    [SQL_LIST_DEL] = "DELETE FROM lists WHERE kind=?1 AND key=?2 AND job=?3",

    [SQL_LIST_HAS] = "SELECT 1 FROM lists WHERE kind=?1 AND key=?2 AND job=?3",
    [SQL_JOB_AFTER] = "SELECT " ROW_COLUMNS ", " ROW_SIZE " FROM jobs WHERE rid > ?1"
                      " ORDER BY rid LIMIT 1",
    [SQL_JOB_HAS] = "SELECT 1 FROM jobs WHERE rid=?1",

    [SQL_TOMBSTONE_ADD] = "INSERT OR REPLACE INTO tombstones(rid, expire_ms) VALUES(?1, ?2)",
    [SQL_TOMBSTONE_GET] = "SELECT expire_ms FROM tombstones WHERE rid=?1",
    [SQL_EXPIRED_TOMBSTONE] = "DELETE FROM tombstones WHERE rid IN (SELECT rid FROM tombstones"
                              " INDEXED BY tombstones_expiry WHERE expire_ms <= ?1 LIMIT 1)",
    [SQL_PAYLOAD_ADD] = "INSERT INTO payloads(rid, data) VALUES(?1, ?2)",
    [SQL_PAYLOAD_GET] = "SELECT data FROM payloads WHERE rid=?1",
    [SQL_PAYLOAD_DEL] = "DELETE FROM payloads WHERE rid=?1",
    [SQL_STEP_PUT] = "INSERT INTO steps(rid, name, value) VALUES(?1, ?2, ?3)"
                     " ON CONFLICT(rid, name) DO UPDATE SET value=excluded.value",
    [SQL_STEP_GET] = "SELECT value FROM steps WHERE rid=?1 AND name=?2",
    [SQL_STEP_SIZE] = "SELECT ifnull(length(value), 0) FROM steps WHERE rid=?1 AND name=?2",
    [SQL_STEP_NAMES] = "SELECT name FROM steps WHERE rid=?1 ORDER BY seq",
    [SQL_STEPS_DEL] = "DELETE FROM steps WHERE rid=?1",
    [SQL_STEPS_SUM] = "SELECT count(*), ifnull(sum(length(value)), 0) FROM steps WHERE rid=?1",
    [SQL_RESULT_PUT] = "INSERT OR REPLACE INTO results(rid, type, size, sha256, data)"
                       " VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_RESULT_HEAD] = "SELECT type, size, sha256 FROM results WHERE rid=?1",
    [SQL_RESULT_GET] = "SELECT type, size, sha256, data FROM results WHERE rid=?1",
    [SQL_RESULT_DEL] = "DELETE FROM results WHERE rid=?1",
    [SQL_OUTPUT_PUT] = "INSERT OR REPLACE INTO outputs(rid, name, type, size, sha256)"
                       " VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_OUTPUT_GET] = "SELECT type, size, sha256 FROM outputs WHERE rid=?1 AND name=?2",
    [SQL_OUTPUTS] = "SELECT name, type, size, sha256 FROM outputs WHERE rid=?1 ORDER BY name",
    [SQL_OUTPUTS_DEL] = "DELETE FROM outputs WHERE rid=?1",
    [SQL_OUTPUTS_SUM] = "SELECT count(*), ifnull(sum(size), 0) FROM outputs WHERE rid=?1",
    [SQL_WARNING_ADD] = "INSERT INTO warnings(rid, seq, code, message) VALUES(?1, ?2, ?3, ?4)",
    [SQL_WARNINGS] = "SELECT code, message FROM warnings WHERE rid=?1 ORDER BY seq",
    [SQL_WARNINGS_DEL] = "DELETE FROM warnings WHERE rid=?1",
    [SQL_ATTEMPT_ADD] = "INSERT INTO attempts(rid, seq, data) VALUES(?1, ?2, ?3)",
    [SQL_ATTEMPTS] = "SELECT data FROM attempts WHERE rid=?1 ORDER BY seq",
    [SQL_ATTEMPTS_TRIM] = "DELETE FROM attempts WHERE rid=?1 AND seq <= ?2",
    [SQL_ATTEMPTS_DEL] = "DELETE FROM attempts WHERE rid=?1",
    [SQL_LOG_PUT] = "INSERT OR REPLACE INTO logs(rid, tail) VALUES(?1, ?2)",
    [SQL_LOG_GET] = "SELECT tail FROM logs WHERE rid=?1",
    [SQL_LOG_DEL] = "DELETE FROM logs WHERE rid=?1",

    [SQL_DEDUP_GET] = "SELECT id, expire_ms FROM dedup WHERE queue=?1 AND key=?2",
    [SQL_DEDUP_SET] = "INSERT OR REPLACE INTO dedup(queue, key, id, expire_ms)"
                      " VALUES(?1, ?2, ?3, ?4)",
    [SQL_DEDUP_DEL] = "DELETE FROM dedup WHERE queue=?1 AND key=?2",
    // two halves, so that each begins at the cursor instead of reading up to it
    [SQL_DEDUP_LIST] =
        DEDUP_SELECT "q.name = ?1 AND d.key > ?2" DEDUP_LIVE " UNION ALL " DEDUP_SELECT
                     "q.name > ?1" DEDUP_LIVE " ORDER BY 1, 2",
    [SQL_EXPIRED_DEDUP] = "DELETE FROM dedup WHERE (queue, key) IN (SELECT queue, key FROM dedup"
                          " INDEXED BY dedup_expiry WHERE expire_ms > 0 AND expire_ms <= ?1"
                          " LIMIT 1)",
    [SQL_ONCE_GET] = "SELECT id, content, expire_ms FROM once WHERE queue=?1 AND key=?2",
    [SQL_ONCE_ADD] = "INSERT OR IGNORE INTO once(queue, key, id, content, expire_ms)"
                     " VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_ONCE_DEL] = "DELETE FROM once WHERE queue=?1 AND key=?2",
    [SQL_EXPIRED_ONCE] = "DELETE FROM once WHERE (queue, key) IN (SELECT queue, key FROM once"
                         " INDEXED BY once_expiry WHERE expire_ms <= ?1 LIMIT 1)",
    [SQL_OUTBOX_ADD] = "INSERT INTO outbox(parent, data) VALUES(?1, ?2)",
    [SQL_OUTBOX_HEAD] = "SELECT seq, data FROM outbox ORDER BY seq LIMIT 1",
    [SQL_OUTBOX_DEL] = "DELETE FROM outbox WHERE seq=?1",
    [SQL_OUTBOX_COUNT] = "SELECT count(*) FROM outbox",

    [SQL_BLOB_GET] = "SELECT size, refs FROM blobs WHERE sha256=?1",
    [SQL_BLOB_ADD] = "INSERT INTO blobs(sha256, size, refs, idle_ms) VALUES(?1, ?2, 0, ?3)"
                     " ON CONFLICT(sha256) DO UPDATE SET"
                     " idle_ms = CASE WHEN refs = 0 THEN excluded.idle_ms END",
    [SQL_BLOB_HOLD] = "UPDATE blobs SET refs=refs+1, idle_ms=NULL WHERE sha256=?1",
    [SQL_BLOB_RELEASE] = "UPDATE blobs SET refs=refs-1,"
                         " idle_ms = CASE WHEN refs = 1 THEN ?2 END WHERE sha256=?1 AND refs > 0",
    [SQL_BLOB_DEL] = "DELETE FROM blobs WHERE sha256=?1",
    [SQL_BLOB_REFS] = "UPDATE blobs SET refs=?2, idle_ms=?3 WHERE sha256=?1",
    [SQL_BLOB_KEEP] = "UPDATE blobs SET idle_ms=?2 WHERE sha256=?1 AND refs = 0",
    [SQL_IDLE_BLOB] = "SELECT sha256, size FROM blobs INDEXED BY blobs_idle"
                      " WHERE idle_ms > 0 AND idle_ms <= ?1 ORDER BY idle_ms LIMIT 1",

    [SQL_KV_GET] = "SELECT value, number, token, expire_ms FROM kv"
                   " WHERE ns=?1 AND key=?2 AND kind=?3",
    [SQL_KV_SIZE] = "SELECT ifnull(length(value), 0) FROM kv WHERE ns=?1 AND key=?2 AND kind=?3",
    [SQL_KV_PUT] = "INSERT OR REPLACE INTO kv(ns, key, kind, value, number, token, expire_ms)"
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_KV_DEL] = "DELETE FROM kv WHERE ns=?1 AND key=?2",
    [SQL_KV_DEL_KIND] = "DELETE FROM kv WHERE ns=?1 AND key=?2 AND kind=?3",
    [SQL_KV_MEMBER_ADD] = "INSERT OR IGNORE INTO kv_members(ns, key, member) VALUES(?1, ?2, ?3)",
    [SQL_KV_MEMBER_DEL] = "DELETE FROM kv_members WHERE ns=?1 AND key=?2 AND member=?3",
    [SQL_KV_MEMBER_GET] = "SELECT 1 FROM kv_members WHERE ns=?1 AND key=?2 AND member=?3",
    [SQL_KV_MEMBERS_SIZE] = "SELECT ifnull(sum(length(member) + 48), 0) FROM kv_members"
                            " WHERE ns=?1 AND key=?2",
    [SQL_KV_MEMBERS_DEL] = "DELETE FROM kv_members WHERE ns=?1 AND key=?2",
    [SQL_EXPIRED_KV] = "SELECT ns, key, kind, length(key) + ifnull(length(value), 0) FROM kv"
                       " INDEXED BY kv_expiry WHERE expire_ms > 0 AND expire_ms <= ?1"
                       " ORDER BY expire_ms LIMIT 1",

    [SQL_SCHEDULE_GET] = "SELECT sid, removed, queue, revision, stored_ms, paused_ms, rows"
                         " FROM schedules WHERE id=?1",
    [SQL_SCHEDULE_PUT] =
        "INSERT INTO schedules(id, queue, revision, stored_ms, host, api, definition)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        " ON CONFLICT(id) DO UPDATE SET removed=NULL, queue=excluded.queue,"
        " revision=excluded.revision, stored_ms=excluded.stored_ms, host=excluded.host,"
        " api=excluded.api, definition=excluded.definition",
    [SQL_SCHEDULE_REMOVE] = "UPDATE schedules SET removed=1, definition='', paused_ms=NULL,"
                            " paused_by=NULL, paused_why=NULL, resumed_ms=NULL WHERE sid=?1",
    [SQL_SCHEDULE_DEL] = "DELETE FROM schedules WHERE sid=?1 AND removed AND rows <= 0",
    [SQL_SCHEDULE_PAUSE] = "UPDATE schedules SET paused_ms=?2, paused_by=?3, paused_why=?4"
                           " WHERE sid=?1",
    [SQL_SCHEDULE_RESUME] = "UPDATE schedules SET paused_ms=NULL, paused_by=NULL,"
                            " paused_why=NULL, resumed_ms=?2 WHERE sid=?1",
    [SQL_SCHEDULE_ROW_MORE] = "UPDATE schedules SET rows=rows+1 WHERE sid=?1",
    [SQL_SCHEDULE_ROW_LESS] = "UPDATE schedules SET rows=rows-1 WHERE sid=?1",
    [SQL_SCHEDULE_LAST] = "SELECT " LAST_OF "FROM schedules s WHERE s.sid=?1",
    [SQL_SCHEDULES] = "SELECT sid, id, queue, revision, stored_ms, host, api, paused_ms, paused_by,"
                      " paused_why, resumed_ms, definition, " LAST_OF "FROM schedules s"
                      " WHERE removed IS NULL AND id > ?1 AND (?3 IS NULL OR id = ?3) ORDER BY id",
    [SQL_SCHEDULE_JOB_ADD] = "INSERT OR REPLACE INTO schedule_jobs(schedule, queue, rid, waiting)"
                             " VALUES(?1, ?2, ?3, ?4)",
    [SQL_SCHEDULE_JOB_GO] = "UPDATE schedule_jobs SET waiting=0 WHERE rid=?1",
    [SQL_SCHEDULE_JOB_DEL] = "DELETE FROM schedule_jobs WHERE rid=?1",
    // one step into the index for each half, however many there are
    [SQL_SCHEDULE_JOB_FIRST] =
        "SELECT rid FROM schedule_jobs INDEXED BY schedule_jobs_of"
        " WHERE schedule=?1 AND queue=?2 AND waiting=1 AND NOT EXISTS(SELECT 1 FROM schedule_jobs"
        " INDEXED BY schedule_jobs_of WHERE schedule=?1 AND queue=?2 AND waiting=0)"
        " ORDER BY seq LIMIT 1",
    [SQL_SCHEDULE_JOBS] = "SELECT rid FROM schedule_jobs INDEXED BY schedule_jobs_of"
                          " WHERE schedule=?1 AND queue=?2 ORDER BY seq DESC",
    [SQL_SCHEDULE_JOBS_COUNT] = "SELECT count(*), ifnull(sum(waiting), 0) FROM schedule_jobs"
                                " INDEXED BY schedule_jobs_of WHERE schedule=?1 AND queue=?2",
    [SQL_SCHEDULE_JOBS_NOW] =
        "SELECT count(*), ifnull(sum(waiting), 0), (SELECT rid FROM schedule_jobs WHERE schedule=?1"
        " AND queue=q.id AND waiting=0 ORDER BY seq DESC LIMIT 1) FROM queues q"
        " JOIN schedule_jobs j ON j.schedule=?1 AND j.queue=q.id WHERE q.name=?2",
    [SQL_LEDGER_ADD] = "INSERT INTO ledger(sid, revision, key, verdict, nominal_ms, last_ms, count,"
                       " actual_ms, missed, job, reason)"
                       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [SQL_LEDGER_GET] = "SELECT verdict, job FROM ledger WHERE sid=?1 AND revision=?2 AND key=?3",
    [SQL_LEDGER_DEL] = "DELETE FROM ledger WHERE seq=?1",
    [SQL_LEDGER] = "SELECT seq, revision, key, verdict, nominal_ms, ifnull(last_ms, nominal_ms),"
                   " count, actual_ms, missed, job, reason FROM ledger INDEXED BY ledger_sid"
                   " WHERE sid=?1 AND seq < ?2 AND (?3 < 0 OR verdict = ?3) ORDER BY seq DESC",
    [SQL_LEDGER_OLD] = "SELECT l.seq, l.sid FROM ledger l INDEXED BY ledger_age"
                       " CROSS JOIN schedules s USING(sid)"
                       " WHERE l.actual_ms <= ?1 AND " NOT_NEEDED " ORDER BY l.actual_ms LIMIT 1",
    [SQL_LEDGER_MANY] = "SELECT l.seq, l.sid FROM schedules s INDEXED BY schedules_rows"
                        " CROSS JOIN ledger l INDEXED BY ledger_sid ON l.sid = s.sid"
                        " WHERE s.rows > ?3 AND (l.actual_ms <= ?1 OR l.actual_ms > ?2)"
                        " AND " NOT_NEEDED " ORDER BY s.rows, l.seq LIMIT 1",
    [SQL_LEDGER_COUNT_ADD] = "INSERT INTO ledger_counts(sid, verdict, times) VALUES(?1, ?2, ?3)"
                             " ON CONFLICT(sid, verdict) DO UPDATE SET"
                             " times = times + excluded.times",
    [SQL_LEDGER_COUNTS] = "SELECT verdict, times FROM ledger_counts WHERE sid=?1",
    [SQL_LEDGER_COUNTS_DEL] = "DELETE FROM ledger_counts WHERE sid=?1",

    [SQL_FLOW_GET] =
        "SELECT rid, id, made, succeeded, dead, cancelled, duplicate, opener, on_dead,"
        " closed_ms, then_id, then_made, then_ms, died, listed, walked, deep FROM flows"
        " WHERE rid=?1",
    [SQL_FLOW_ADD] = "INSERT OR IGNORE INTO flows(rid, id) VALUES(?1, ?2)",
    [SQL_FLOW_PUT] =
        "UPDATE flows SET made=?2, succeeded=?3, dead=?4, cancelled=?5, duplicate=?6, opener=?7,"
        " on_dead=?8, closed_ms=?9, then_made=?10, died=?11, listed=?12, walked=?13, deep=?14"
        " WHERE rid=?1",
    [SQL_FLOW_MORE] = "UPDATE flows SET made=made+?2 WHERE rid=?1",
    [SQL_FLOW_ON_DEAD] = "UPDATE flows SET on_dead=?2 WHERE rid=?1",
    [SQL_FLOW_THEN] = "UPDATE flows SET then_id=?2, then_job=?3, then_ms=?4"
                      " WHERE rid=?1 AND then_id IS NULL",
    [SQL_FLOW_THEN_GET] = "SELECT then_job FROM flows WHERE rid=?1",
    [SQL_FLOW_DEL] = "DELETE FROM flows WHERE rid=?1",
    [SQL_FLOW_ENDED_ADD] = "INSERT INTO flow_ended(flow, seq, id, state) VALUES(?1, ?2, ?3, ?4)",
    [SQL_FLOW_ENDED_DEL] = "DELETE FROM flow_ended INDEXED BY flow_ended_back"
                           " WHERE id=?2 AND flow=?1 AND state > 4 AND state < 7",
    [SQL_FLOW_ENDED_CLEAR] = "DELETE FROM flow_ended WHERE flow=?1",
    [SQL_FLOW_ENDED] = "SELECT seq, id, state FROM flow_ended WHERE flow=?1 AND seq > ?2"
                       " AND (?4 = 0 OR state = ?4) ORDER BY seq LIMIT ?3",
    [SQL_FLOW_WALK] = "SELECT rid FROM flows INDEXED BY flows_walk WHERE walked >= 0"
                      " ORDER BY walked LIMIT 1",
    [SQL_FLOW_MEMBERS] = "SELECT l.job, j.id, j.lane FROM lists l JOIN jobs j ON j.rid = l.job"
                         " WHERE l.kind=?1 AND l.key=?2 AND l.job > ?3 AND (j.has & ?4) != 0"
                         " ORDER BY l.job LIMIT ?5",
    [SQL_FLOW_LAST] = "SELECT l.job, j.id FROM lists l CROSS JOIN jobs j ON j.rid = l.job"
                      " WHERE l.kind=?1 AND l.key=?2 AND l.job < ?3 AND (j.has & ?4) != 0"
                      " ORDER BY l.job DESC LIMIT ?5",

    [SQL_JOB_KEEP] = "UPDATE jobs SET at_ms=?2 WHERE rid=?1",

    [SQL_LIMITER_GET] = "SELECT state FROM limiters WHERE name=?1 AND rest_ms > ?2",
    [SQL_LIMITER_PUT] = "INSERT OR REPLACE INTO limiters(name, rest_ms, state) VALUES(?1, ?2, ?3)",
    [SQL_LIMITER_DEL] = "DELETE FROM limiters WHERE name=?1",
    [SQL_LIMITERS_COUNT] = "SELECT count(*) FROM limiters WHERE rest_ms > ?1",
    [SQL_LIMITERS] = "SELECT name, state FROM limiters WHERE name > ?1 AND rest_ms > ?2"
                     " ORDER BY name",
    [SQL_EXPIRED_LIMITER] = "DELETE FROM limiters WHERE name = (SELECT name FROM limiters"
                            " INDEXED BY limiters_rest WHERE rest_ms <= ?1 ORDER BY rest_ms"
                            " LIMIT 1)",

    [SQL_BREAKER_GET] = "SELECT state FROM breakers WHERE name=?1 AND rest_ms > ?2",
    [SQL_BREAKER_PUT] = "INSERT OR REPLACE INTO breakers(name, rest_ms, state) VALUES(?1, ?2, ?3)",
    [SQL_BREAKER_DEL] = "DELETE FROM breakers WHERE name=?1",
    [SQL_BREAKERS_COUNT] = "SELECT count(*) FROM breakers WHERE rest_ms > ?1",
    [SQL_BREAKERS] = "SELECT name, state FROM breakers WHERE name > ?1 AND rest_ms > ?2"
                     " ORDER BY name LIMIT ?3",
    [SQL_EXPIRED_BREAKER] = "DELETE FROM breakers WHERE name = (SELECT name FROM breakers"
                            " INDEXED BY breakers_rest WHERE rest_ms <= ?1 ORDER BY rest_ms"
                            " LIMIT 1)",
    [SQL_TOKEN_GET] = "SELECT id, expires_ms, used_ms, revoked_ms, data FROM tokens WHERE id=?1",
    [SQL_TOKEN_PUT] = "INSERT INTO tokens(id, expires_ms, data) VALUES(?1, ?2, ?3)",
    [SQL_TOKEN_SET] = "UPDATE tokens SET used_ms=nullif(max(ifnull(used_ms, 0), ?2), 0),"
                      " revoked_ms=ifnull(revoked_ms, ?3) WHERE id=?1",
    [SQL_TOKENS] = "SELECT id, expires_ms, used_ms, revoked_ms, data FROM tokens",
    [SQL_TOKENS_COUNT] = "SELECT count(*) FROM tokens",
    [SQL_TOKEN_DROP_ENDED] =
        "DELETE FROM tokens WHERE id=(SELECT id FROM tokens WHERE revoked_ms IS NOT NULL OR"
        " expires_ms <= ?1 ORDER BY ifnull(revoked_ms, expires_ms) LIMIT 1)",
    [SQL_EVENT_NAME_GET] =
        "SELECT id, count, bytes, pending IS NOT NULL FROM event_names WHERE name=?1",
    [SQL_EVENT_NAME_ADD] = "INSERT INTO event_names(name, count, bytes) VALUES(?1, 0, 0)",
    [SQL_EVENT_NAME_COUNT] =
        "UPDATE event_names SET count=count+?2, bytes=bytes+?3 WHERE id IN (?1, 0)",
    [SQL_EVENT_NAME_PENDING] = "UPDATE event_names SET pending=?2 WHERE id=?1",
    [SQL_EVENT_NAME_NEXT] = "SELECT id, pending FROM event_names INDEXED BY event_names_pending"
                            " WHERE pending IS NOT NULL LIMIT 1",
    [SQL_EVENT_NAME_DROP] = "DELETE FROM event_names WHERE id=?1 AND id > 0 AND count=0 AND"
                            " NOT EXISTS(SELECT 1 FROM event_waits WHERE name=?1)",
    [SQL_EVENT_ADD] = "INSERT OR IGNORE INTO events(name, at_ms, key, tenant, type, data, seq)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_EVENT_LAST] = "SELECT seq FROM sqlite_sequence WHERE name='events'",
    [SQL_EVENT_KEPT] = "SELECT 1 FROM events WHERE name=?1 AND key=?2",
    [SQL_EVENT_DEL] = "DELETE FROM events WHERE seq=?1",
    [SQL_EVENT_OLDEST] =
        "SELECT seq, " EVENT_LOG_BYTES " FROM events WHERE name=?1 ORDER BY seq LIMIT 1",
    [SQL_EVENT_OLD] = "SELECT seq, name, " EVENT_LOG_BYTES " FROM events WHERE at_ms <= ?1"
                      " ORDER BY at_ms LIMIT 1",
    // ?2: the place to go on from, ?3: the last one before the time of ?4, if all were numbered by time
    [SQL_EVENT_FIND] =
        "SELECT seq, at_ms, type, data FROM events WHERE seq = (SELECT min(seq) FROM"
        " (SELECT * FROM (" EVENT_FIRST("IS NULL") ") UNION ALL"
                                                   " SELECT * FROM (" EVENT_FIRST("= ?5") ")))",
    [SQL_EVENT_WAIT_ADD] = "INSERT OR IGNORE INTO event_waits(name, rid) VALUES(?1, ?2)",
    [SQL_EVENT_WAIT_OF] = "SELECT name FROM event_waits WHERE rid=?1",
    [SQL_EVENT_WAIT_DEL] = "DELETE FROM event_waits WHERE rid=?1",
    [SQL_EVENT_WAITS] =
        "SELECT rid FROM event_waits WHERE name=?1 AND rid > ?2 ORDER BY rid LIMIT ?3",
    [SQL_EVENT_WAITED] = "SELECT 1 FROM event_waits WHERE name=?1 LIMIT 1",

    [SQL_HOST_PUT] = "INSERT INTO hosts(nonce, name, version, pid, started_ms, seen_ms,"
                     " lease_end_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?5, ?6)"
                     " ON CONFLICT(nonce) DO UPDATE SET name=excluded.name,"
                     " version=excluded.version, pid=excluded.pid, seen_ms=excluded.seen_ms,"
                     " lease_end_ms=excluded.lease_end_ms",
    [SQL_HOSTS] = "SELECT nonce, name, version, pid, started_ms, seen_ms, lease_end_ms FROM hosts"
                  " ORDER BY started_ms DESC",
    [SQL_HOSTS_TRIM] = "DELETE FROM hosts WHERE nonce NOT IN (SELECT nonce FROM hosts"
                       " ORDER BY seen_ms DESC LIMIT ?1)",
    // a repeated operation does not write the same line twice
    [SQL_AUDIT_ADD] = "INSERT INTO audit(at_ms, actor, action, target, detail, origin, outcome)"
                      " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM audit"
                      " WHERE seq > (SELECT ifnull(max(seq), 0) FROM audit) - 64 AND at_ms = ?1"
                      " AND actor IS ?2 AND action IS ?3 AND target IS ?4 AND detail IS ?5"
                      " AND origin IS ?6 AND outcome IS ?7)",
    [SQL_AUDIT] = "SELECT seq, at_ms, actor, action, target, detail, origin, outcome FROM audit"
                  " WHERE seq < ?1 ORDER BY seq DESC",
    [SQL_AUDIT_TRIM] =
        "DELETE FROM audit WHERE seq <= (SELECT ifnull(max(seq), 0) FROM audit) - ?1",
};
