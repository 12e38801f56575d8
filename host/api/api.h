/* The HTTP API: JSON in and out of what supervisor/jobs.h and the store can do. docs/api.md is its reference.
 *
 *     request ─▶ guard (who may ask at all) ─▶ routes (method + path) ─▶ handler ─▶ store or supervisor ─▶ answer
 *
 * A handler never blocks: what it needs is allocated in the request's arena, and it answers from the callback of the last operation.
 * Loop thread only. */
#ifndef JOBHOST_API_API_H
#define JOBHOST_API_API_H

struct api;
struct host;
struct request;
struct request_body;
struct server_config;

struct api *api_new(struct host *host);
/* Only after the server and the store are gone: both call back into it. */
void api_free(struct api **api);

/* Fills in what the server needs to serve this API: limits, handle, admit, arg. */
void api_server_config(struct api *api, struct server_config *ret_config);

void api_handle(struct request *req, void *arg);
/* Before a body is read: how much of it this route takes, and whether the store could keep it at all. */
void api_admit(struct request *req, struct request_body *body, void *arg);

#endif
