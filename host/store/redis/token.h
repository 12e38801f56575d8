/* How a token is kept in jh:tokens (lua/token_put.lua). */
#ifndef JOBHOST_STORE_REDIS_TOKEN_H
#define JOBHOST_STORE_REDIS_TOKEN_H

#include "store/tokens.h"

/* Its texts are in the arena. 0, -EBADMSG, -ENOMEM. */
int redis_token_read(struct bytes id, struct bytes text, struct arena *a, struct store_token *ret);

#endif
