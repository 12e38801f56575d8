/* For the cases of flows: an opener in queue "q", and its children, of type "here" in its own queue, of type "there" in queue
 * "r". What it asks of the store it expects to be done. */
#ifndef JOBHOST_TESTS_STORE_FAMILY_H
#define JOBHOST_TESTS_STORE_FAMILY_H

#include "rig.h"
#include "store/flows.h"

enum { KEEP_MS = 60000, KIDS_MAX = 300 };

struct family {
    struct rig rig;
    const struct store_claimed *opener;
    char flow[JOB_ID_TEXT + 1];
    uint32_t commits; /* of the opener's attempt; 0 when it is claimed anew */
    struct job_spec kids[KIDS_MAX], then;
    size_t kid_count;
};

void family_begin(struct family *f);
void family_begin_with(struct family *f, const char *key); /* that the opener holds */
void family_finish(struct family *f);                      /* the store is sound    */

/* One more for the next commit; it may be changed until then. */
struct job_spec *family_add_kid(struct family *f, const char *queue, const char *type);
void family_add_kids(struct family *f, size_t here, size_t there);

/* The opener's next commit. */
struct store_commit_item family_opener_item(struct family *f, enum job_event event);

/* The opener goes on, with these children, and its `then`. Those for another queue are underway. */
void family_send(struct family *f, size_t here, size_t there, bool then);
/* And they arrive. */
void family_make(struct family *f, size_t here, size_t there, bool then);

void family_end_opener(struct family *f, enum job_event event);
/* It waits for its children. The state that it is in then. */
int family_park(struct family *f);
/* The next child of that queue runs, and ends so. */
struct job_id family_end_kid(struct family *f, const char *queue, enum job_event event);

/* Valid as long as the rig; opener -2: there is none. */
const struct store_flow *family_flow_of(struct rig *rig, const struct job_id *id);
const struct store_flow *family_flow(struct family *f);
int64_t family_open_count(struct family *f);
int family_then_state(struct family *f);

/* What hosts do. */
void family_forward(struct rig *rig);
void family_sweep(struct rig *rig);

/* The next page, which says that the one before is done with. True: there is one. */
bool family_look(struct rig *rig, struct store_flow_cancel *c);
/* Each of it is cancelled. */
void family_cancel(struct rig *rig, const struct store_flow_cancel *c);
/* Page by page, until there is no more. How many there were. */
size_t family_walk(struct rig *rig, uint32_t limit);
/* What is underway arrives before and after that. */
size_t family_cascade(struct rig *rig, uint32_t limit);

#endif
