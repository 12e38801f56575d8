/* Pauses and releases (supervisor/gate.h) as JSON. */
#ifndef JOBHOST_API_GATE_JSON_H
#define JOBHOST_API_GATE_JSON_H

#include "base/buf.h"
#include "supervisor/gate.h"

/* "paused" with by, why and at; "release" while what waited is let go at a pace. */
void gate_json_members(struct buf *out, const struct gate_info *info);

#endif
