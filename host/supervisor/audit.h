/* What people did, written down in the store: one row an action, the last step of it. The action is done by then, whether or
 * not the row could be written, and its answer comes after the row. */
#ifndef JOBHOST_SUPERVISOR_AUDIT_H
#define JOBHOST_SUPERVISOR_AUDIT_H

#include "supervisor/host.h"

/* `entry` is for now; its texts are borrowed until `done`, which finishes the operation. Where it came from stands in the
 * actor (call_actor()): "uid:0", "http:ADDRESS", "token:NAME (ID) from ADDRESS". */
void audit_add(struct host *host, struct store_audit_add *op, struct store_audit entry,
               void (*done)(struct store_op *op), void *arg);

/* The same, without anybody who waits for it; texts are copied. */
void audit_note(struct host *host, struct store_audit entry);

#endif
