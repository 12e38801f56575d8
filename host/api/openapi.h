/* The description of this API: openapi.json, as it is in the source tree. */
#ifndef JOBHOST_API_OPENAPI_H
#define JOBHOST_API_OPENAPI_H

#include <stddef.h>

extern const char openapi_json[];
extern const size_t openapi_json_len;

#endif
