/* What a query is asked with: the names in the path, the parameters behind it and the members of a JSON body, together one
 * payload for its handler. */
#ifndef JOBHOST_API_QUERY_FIELDS_H
#define JOBHOST_API_QUERY_FIELDS_H

#include "api/call.h"

struct pool_handler;

/* Texts of path and parameters become what the handler's table says: numbers, booleans, lists, objects. The payload is in the
 * request's arena. False: the call has been answered. */
bool query_fields_read(struct call *call, const struct pool_handler *handler,
                       struct bytes *ret_payload);

#endif
