// Prints tests/vectors/dedup.txt: every question that there is.
#include <stdio.h>

#include "core/dedup.h"

static void print(int mode, const struct dedup_holder *h) {
    (void)printf("%d %d %d %d %d  %d\n", mode, (int)h->mode, (int)h->state, h->begun,
                 h->updated_by_asker, (int)dedup_decide((enum dedup_mode)mode, h));
}

int main(void) {
    (void)printf("# dedup_decide() of host/core/dedup.h, made by make_dedup.c\n"
                 "# mode holder: mode state begun updated_by_asker  verdict\n");
    for (int i = 0; i < DEDUP_MODE_COUNT * DEDUP_MODE_COUNT * JOB_STATE_COUNT * 4; i++) {
        const struct dedup_holder holder = {
            .mode = (enum dedup_mode)(i / 4 / JOB_STATE_COUNT % DEDUP_MODE_COUNT),
            .state = (enum job_state)(i / 4 % JOB_STATE_COUNT),
            .begun = i / 2 % 2 != 0,
            .updated_by_asker = i % 2 != 0,
        };
        print(i / 4 / JOB_STATE_COUNT / DEDUP_MODE_COUNT, &holder);
    }
    return 0;
}
