/* Members of flows that were cancelled, or that fail, are cancelled, page by page (store/flows.h). How far that has come
 * stands in the store: any host goes on where another one died. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_CASCADE_H
#define JOBHOST_SUPERVISOR_CASCADE_H

struct cascade;
struct host;

struct cascade *cascade_new(struct host *host);
void cascade_free(struct cascade **c);

/* Looks whether there is something to do: members that are on their way end as they arrive. */
void cascade_run(struct host *host);

#endif
