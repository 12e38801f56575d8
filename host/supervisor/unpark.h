/* Jobs that are parked for something which is over before their time go on: a breaker has closed, a limiter was
 * reset. All that are parked for that reason are looked through, a page at a time; what is over meanwhile only
 * makes it look once more, so a thousand that end together are two looks and not a thousand. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_UNPARK_H
#define JOBHOST_SUPERVISOR_UNPARK_H

#include <stdbool.h>

#include "store/store.h"

enum { UNPARK_PAGE = 200 };

struct host;
struct unpark {
    struct host *host;
    enum park_reason park;
    /* May it go on? Its wait_key is what it waits for, or NULL. */
    bool (*is_free)(const struct host *host, const struct store_job *job);
    /* the rest is private */
    bool under_way, again;
    struct store_list list;
    struct store_move move;
    struct store_move_item items[UNPARK_PAGE];
    char *cursor;
};

/* The first three are set, the rest is zero. Nothing while the host does not run. */
void unpark_go(struct unpark *u);
/* When the store is closed. */
void unpark_finish(struct unpark *u);

#endif
