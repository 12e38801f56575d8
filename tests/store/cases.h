/* The groups of cases that conformance.c runs. A group is one file with one CASES() at its end. */
#ifndef JOBHOST_TESTS_STORE_CASES_H
#define JOBHOST_TESTS_STORE_CASES_H

#include "rig.h"

struct case_group {
    const struct expect_test *tests;
    size_t count;
};

#define CASES(group, ...)                                                                          \
    static const struct expect_test group##_tests[] = {__VA_ARGS__};                               \
    const struct case_group group##_cases = {group##_tests, ARRAY_LEN(group##_tests)}

extern const struct case_group life_cases, submit_cases, spooled_cases, claim_cases, commit_cases,
    move_cases, read_cases, kv_cases, blob_cases, outputs_cases, open_cases, medium_cases,
    fsck_cases;

#endif
