/* The descriptors that the public may use up, by its connections and uploads. The last ones are the
 * host's own: workers, the store, the admin's way in. */
#ifndef JOBHOST_NET_DESCRIPTORS_H
#define JOBHOST_NET_DESCRIPTORS_H

enum { DESCRIPTORS_RESERVE = 32 };

/* Of what the process may open now: no connection or upload gets a descriptor from this number on.
 * INT_MAX: there is no limit. Any thread. */
int descriptors_max(void);

#endif
