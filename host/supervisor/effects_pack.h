/* The effects that an attempt has asked for and not committed, as bytes, for the binary that takes over. */
#ifndef JOBHOST_SUPERVISOR_EFFECTS_PACK_H
#define JOBHOST_SUPERVISOR_EFFECTS_PACK_H

#include "base/buf.h"
#include "supervisor/effects.h"

/* Out of memory shows in the buffer. */
void effects_pack(const struct effects *fx, struct buf *out);
/* 0, -EBADMSG or -ENOMEM. */
int effects_unpack(struct bytes text, struct effects **ret);

#endif
