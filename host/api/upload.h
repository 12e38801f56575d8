/* A whole body as one file: POST /v1/blobs. */
#ifndef JOBHOST_API_UPLOAD_H
#define JOBHOST_API_UPLOAD_H

#include "api/call.h"

/* Has the body written to a file, or answers the call. */
void upload_admit(struct call *call, struct request_body *body);

#endif
