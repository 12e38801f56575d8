/* Which of the waiting jobs goes first: strict priorities, with ageing so that nothing waits for
 * ever. Pure.
 *
 * A head that has waited PRIORITY_AGED_MS or longer is *aged*. While an aged head waits in a lower
 * band, one claimed job in PRIORITY_AGED_SHARE comes from the aged lower bands, which take turns;
 * the rest are taken strictly from the top. With this a low job starts within 5 minutes of
 * saturation, however long the other bands are. */
#ifndef JOBHOST_CORE_PRIORITY_H
#define JOBHOST_CORE_PRIORITY_H

#include <stdint.h>

#include "core/job.h"

#define PRIORITY_AGED_MS    240000
#define PRIORITY_AGED_SHARE 4

/* How many of the next `n` jobs to take from each band, in the order high, normal, low; the counts
 * may ask for more than a band holds and add up to n, or to 0 when all bands are empty: who finds a
 * band short fills up from the top. head_ms[p] = unix ms at which band p's head became ready, 0 =
 * band empty. `turn` is a counter that the caller advances by the number of jobs taken, so that
 * shares hold over many small claims too. */
void priority_split(uint32_t n, const int64_t head_ms[PRIORITY_COUNT], uint64_t turn,
                    int64_t now_ms, uint32_t ret_take[PRIORITY_COUNT]);

#endif
