/* The table of all routes of the API, and how a request finds its own among these and those of the
 * configuration (custom.h). */
#ifndef JOBHOST_API_ROUTES_H
#define JOBHOST_API_ROUTES_H

#include "api/call.h"

enum route_body {
    BODY_NONE,   /* ignored */
    BODY_JSON,   /* may be empty; otherwise valid JSON of type application/json */
    BODY_SUBMIT, /* JSON, as large as the largest payload allowed                */
    BODY_BLOB,   /* any content; goes to a file                                  */
    BODY_EVENT,  /* any content, up to WAITS_EVENT_MAX                           */
    BODY_FORM,   /* multipart/form-data, or nothing                              */
    BODY_HOOK,   /* any content: a delivery                                      */
    BODY_QUERY,  /* as BODY_JSON, up to QUERY_PAYLOAD_MAX                        */
};

/* Of what scope a token must be. The first is the strictest, for what does not say. */
enum route_needs {
    NEEDS_ADMIN,
    NEEDS_OPERATOR,
    NEEDS_SUBMIT,
    NEEDS_VIEWER,
    NEEDS_READ,    /* any: it is about one job, whose id is known, or about nobody's */
    NEEDS_NOTHING, /* no token at all */
};

/* What a token that is bound to a tenant or to queues gets. */
enum route_bound {
    BOUND_REFUSED, /* 403: it would show, or change, what is others' */
    BOUND_OWN,     /* what is its own: the store knows no other (store_op.scope) */
    BOUND_QUEUES,  /* the same, if it is bound to queues alone; else 403 */
};

struct route {
    const char *method;
    const char *pattern; /* "/v1/jobs/{id}/log" */
    void (*handler)(struct call *call);
    enum route_body body;
    enum route_needs needs;
    enum route_bound bound;
    const char *query; /* the parameters it knows, blank-separated; NULL = none */
};

/* The route of this method and path, with call->param (and call->custom) filled in; NULL: none.
 * *ret_allow is then the list of methods that the path has ("GET, HEAD"), in the request's arena,
 * or NULL if there is no such path; call->custom is the first route that has it. */
const struct route *routes_find(struct call *call, const char **ret_allow);

/* Does the request's path have the pattern's form? What stands at {names} goes to ret_param. */
bool routes_path_fits(const struct request *req, const char *pattern,
                      const char *ret_param[CALL_PARAMS_MAX]);

/* Would host and store take a job now? False: it has been answered. */
bool api_takes_work(struct call *call);
/* The answer at a path where there is nothing. */
void api_not_found(struct call *call);

/* Does this scope do? Anybody's does for no route (NULL): he hears that there is none. */
bool routes_allows(const struct route *route, enum token_scope scope);
/* The least scope that does. */
enum token_scope routes_needs(const struct route *route);

/* The table itself. */
const struct route *routes_table(size_t *ret_count);

/* 0, or -EINVAL with the parameter that the route does not know in *ret. Through a view any may be
 * there. */
int routes_check_query(struct call *call, const struct route *route, struct problem *ret);

/* Handlers, by file. */
void submit_handle(struct call *call);
void jobs_list_handle(struct call *call);
void jobs_get_handle(struct call *call);
void jobs_log_handle(struct call *call);
void children_handle(struct call *call);
void flow_events_handle(struct call *call);
void stream_handle(struct call *call);
void result_handle(struct call *call);
void outputs_get_handle(struct call *call);
void events_handle(struct call *call);
void explain_job_handle(struct call *call);
void explain_queue_handle(struct call *call);
void action_cancel_handle(struct call *call);
void action_retry_handle(struct call *call);
void action_promote_handle(struct call *call);
void answer_handle(struct call *call);
void publish_handle(struct call *call);
void publish_admit(struct call *call, struct request_body *body);
void action_remove_handle(struct call *call);
void action_bulk_cancel_handle(struct call *call);
void action_bulk_retry_handle(struct call *call);
void action_bulk_promote_handle(struct call *call);
void action_bulk_remove_handle(struct call *call);
void dlq_list_handle(struct call *call);
void dlq_retry_handle(struct call *call);
void dlq_remove_handle(struct call *call);
void queues_list_handle(struct call *call);
void queues_pause_handle(struct call *call);
void queues_resume_handle(struct call *call);
void schedules_list_handle(struct call *call);
void schedules_get_handle(struct call *call);
void schedules_put_handle(struct call *call);
void schedules_delete_handle(struct call *call);
void schedules_ledger_handle(struct call *call);
void schedules_preview_handle(struct call *call);
void schedules_run_handle(struct call *call);
void schedules_pause_handle(struct call *call);
void schedules_resume_handle(struct call *call);
void schedules_backfill_handle(struct call *call);
void plugins_pause_handle(struct call *call);
void plugins_resume_handle(struct call *call);
void host_pause_handle(struct call *call);
void host_resume_handle(struct call *call);
void plugins_list_handle(struct call *call);
void plugins_get_handle(struct call *call);
void generations_list_handle(struct call *call);
void reload_post_handle(struct call *call);
void reload_get_handle(struct call *call);
void upgrade_post_handle(struct call *call);
void upgrade_get_handle(struct call *call);
void admin_hosts_handle(struct call *call);
void limits_list_handle(struct call *call);
void limits_reset_handle(struct call *call);
void breakers_list_handle(struct call *call);
void breakers_reset_handle(struct call *call);
void admin_audit_handle(struct call *call);
void admin_fsck_handle(struct call *call);
void dedup_list_handle(struct call *call);
void dedup_release_handle(struct call *call);
void dedup_delete_handle(struct call *call);
void hooks_list_handle(struct call *call);
void hooks_inbox_handle(struct call *call);
void hooks_inbox_of_handle(struct call *call);
void hooks_delivery_handle(struct call *call);
void hooks_replay_handle(struct call *call);
void tokens_list_handle(struct call *call);
void tokens_new_handle(struct call *call);
void tokens_revoke_handle(struct call *call);
void blobs_put_handle(struct call *call);
void system_config_handle(struct call *call);
void system_version_handle(struct call *call);
void system_openapi_handle(struct call *call);
void system_health_handle(struct call *call);
void system_ready_handle(struct call *call);
void metrics_handle(struct call *call);
void query_handle(struct call *call);

/* How the API calls a phase of the host. */
const char *system_phase_name(enum host_phase phase);

#endif
