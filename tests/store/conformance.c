/* Every case on one backend: store_conformance [--store sqlite|faulty|spool|redis|redis-tls] [part of a case's name] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

static const struct case_group *const groups[] = {
    &life_cases,           &submit_cases,         &submit_file_cases,   &submit_shared_cases,
    &spooled_cases,        &dedup_cases,          &dedup_shared_cases,  &claim_cases,
    &commit_cases,         &move_cases,           &hosts_shared_cases,  &cut_shared_cases,
    &server_shared_cases,  &changes_shared_cases, &budget_shared_cases, &lanes_shared_cases,
    &read_cases,           &read_file_cases,      &read_shared_cases,   &kv_cases,
    &blob_cases,           &outputs_cases,        &open_cases,          &open_file_cases,
    &medium_file_cases,    &fsck_cases,           &fsck_file_cases,     &fsck_shared_cases,
    &keys_shared_cases,    &schedule_cases,       &schedule_file_cases, &schedule_shared_cases,
    &limit_cases,          &limit_shared_cases,   &tenants_cases,       &tenants_shared_cases,
    &tenants_file_cases,   &flow_cases,           &flow_shared_cases,   &cascade_cases,
    &cascade_file_cases,   &cascade_shared_cases, &members_cases,       &members_file_cases,
    &members_shared_cases, &damage_file_cases,    &damage_shared_cases, &breaker_cases,
    &breaker_shared_cases, &events_cases,         &events_shared_cases, &events_file_cases,
    &once_cases,           &once_file_cases,      &once_shared_cases,   &flow_late_cases,
    &token_cases,          &token_shared_cases,   &scope_cases};

// What its store refuses, a spool takes: tests/store/spool.c.
static bool is_for_spool(const struct case_group *group) {
    return group != &medium_file_cases;
}

/* A store that is another one behind a layer. What is about the store behind it (a file's tables and locks, what a server
 * keeps) is tried without the layer, and with it in the full form only. */
static bool is_layered(void) {
    return strcmp(rig_backend, "faulty") == 0 || strcmp(rig_backend, "spool") == 0 ||
           strcmp(rig_backend, "redis-tls") == 0;
}

static bool is_full(void) {
    const char *full = getenv("JOBHOST_FULL");
    return full != NULL && full[0] == '1';
}

// Connections are cut and servers refused by TLS in its own way.
static bool is_about_connections(const struct case_group *group) {
    return group == &cut_shared_cases || group == &server_shared_cases;
}

static bool is_for_us(const struct case_group *group) {
    if (strcmp(rig_backend, "spool") == 0 && !is_for_spool(group)) {
        return false;
    }
    if (group->where != ON_ALL && is_layered() && !is_about_connections(group) && !is_full()) {
        return false;
    }
    return group->where == ON_ALL || (group->where == ON_SHARED) == rig_is_shared();
}

// Into `all`, unless it is NULL. How many.
static size_t gather(struct expect_test *all) {
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        for (size_t k = 0; is_for_us(groups[i]) && k < groups[i]->count; k++, count++) {
            if (all != NULL) {
                all[count] = groups[i]->tests[k];
            }
        }
    }
    return count;
}

int main(int argc, char **argv) {
    rig_parse(&argc, &argv);
    size_t count = gather(NULL);
    struct expect_test *all = calloc(count, sizeof *all);
    if (all == NULL) {
        perror("store_conformance");
        return 1;
    }
    (void)gather(all);
    int failed = expect_run("store", all, count, argc, argv);
    free(all);
    return failed;
}
