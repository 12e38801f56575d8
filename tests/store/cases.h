/* The groups of cases that conformance.c runs. A file has one CASES() at its end for each kind of store that its cases are about:
 *
 *     CASES(open, ON_ALL, {"closing answers everything", test_close});
 *     CASES(open_file, ON_FILE, {"one host at a time", test_lock});
 */
#ifndef JOBHOST_TESTS_STORE_CASES_H
#define JOBHOST_TESTS_STORE_CASES_H

#include "rig.h"

/* Which backends a group is about. */
enum case_where {
    ON_ALL,
    ON_FILE, /* what only a store in a file of its own has: locks, schema, disk, damage to its tables */
    ON_SHARED, /* several hosts, a server that comes and goes, keys that others read */
};

struct case_group {
    enum case_where where;
    const struct expect_test *tests;
    size_t count;
};

#define CASES(group, where, ...)                                                                   \
    static const struct expect_test group##_tests[] = {__VA_ARGS__};                               \
    const struct case_group group##_cases = {(where), group##_tests, ARRAY_LEN(group##_tests)}

extern const struct case_group life_cases, submit_cases, submit_file_cases, submit_shared_cases,
    spooled_cases, dedup_cases, dedup_shared_cases, claim_cases, commit_cases, move_cases,
    hosts_shared_cases, cut_shared_cases, server_shared_cases, changes_shared_cases,
    budget_shared_cases, lanes_shared_cases, read_cases, read_file_cases, read_shared_cases,
    kv_cases, blob_cases, outputs_cases, open_cases, open_file_cases, medium_file_cases, fsck_cases,
    fsck_file_cases, fsck_shared_cases, keys_shared_cases, schedule_cases, schedule_file_cases,
    schedule_shared_cases, limit_cases, limit_shared_cases, tenants_cases, tenants_shared_cases,
    tenants_file_cases, flow_cases, flow_shared_cases, cascade_cases, cascade_file_cases,
    cascade_shared_cases, members_cases, members_file_cases, members_shared_cases,
    damage_file_cases, damage_shared_cases, flow_late_cases, breaker_cases, breaker_shared_cases,
    once_cases, once_file_cases, once_shared_cases, events_cases, events_file_cases,
    events_shared_cases, token_cases, token_shared_cases, scope_cases;

#endif
