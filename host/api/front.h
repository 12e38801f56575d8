/* The API as the front that host_run() takes. */
#ifndef JOBHOST_API_FRONT_H
#define JOBHOST_API_FRONT_H

#include "supervisor/host.h"

extern const struct host_front api_front;

#endif
