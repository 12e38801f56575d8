/* A flow as the API shows it, inside of its opener's job, and its members. */
#ifndef JOBHOST_API_FLOW_JSON_H
#define JOBHOST_API_FLOW_JSON_H

#include "base/buf.h"
#include "store/flows.h"

/* "flow": {...} */
void flow_json(struct buf *out, const struct store_flow *flow);

/* "progress": of an opener that tells none itself, how many of its members have ended. */
void flow_json_progress(struct buf *out, const struct store_flow *flow);

/* One member, as an item of a list. */
void flow_json_member(struct buf *out, const struct store_flow_member *member);

#endif
