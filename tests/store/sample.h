/* A store with something of everything, for who damages it, and what fsck says of that. */
#ifndef JOBHOST_TESTS_STORE_SAMPLE_H
#define JOBHOST_TESTS_STORE_SAMPLE_H

#include "rig.h"

/* All in queue "q"; the dead one has had steps, warnings, outputs, a result, a child here and one in the outbox, a log. */
struct sample {
    struct job_id dead, kid /* queued, type "kid" */, scheduled, parked,
        queued /* with dedup key "key" */, shared /* queued, type "shared", ann's */;
};
enum { SAMPLE_JOBS = 6 };

struct sample sample_fill(struct rig *rig);

/* Its answer lives as long as the rig. */
struct store_fsck *sample_fsck(struct rig *rig, bool repair);

/* Is there a finding of that code, and was it mended? Prints what there is if not. */
bool sample_has(const struct store_fsck *f, const char *code, bool repaired);

#endif
