/* Every case on one backend: store_conformance [--store sqlite|faulty] [part of a case's name] */
#include <stdlib.h>
#include <string.h>

#include "cases.h"

enum { CASES_MAX = 300 };

static const struct case_group *const groups[] = {
    &life_cases, &submit_cases, &spooled_cases, &claim_cases, &commit_cases,
    &move_cases, &read_cases,   &kv_cases,      &blob_cases,  &outputs_cases,
    &open_cases, &medium_cases, &fsck_cases};

int main(int argc, char **argv) {
    static struct expect_test all[CASES_MAX];
    size_t count = 0;
    if (argc > 2 && strcmp(argv[1], "--store") == 0) {
        rig_backend = argv[2];
        argv[2] = argv[0];
        argv += 2;
        argc -= 2;
    }
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        for (size_t k = 0; k < groups[i]->count && count < CASES_MAX; k++) {
            all[count++] = groups[i]->tests[k];
        }
    }
    return expect_run("store", all, count, argc, argv);
}
