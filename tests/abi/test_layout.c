// Compiled as C99 and as C17: the headers are clean in both, and no struct of the ABI has moved.
// There is nothing to run.
#include "jobhost_blob.h"
#include "jobhost_clock.h"
#include "jobhost_event.h"
#include "jobhost_flow.h"
#include "jobhost_http.h"
#include "jobhost_json.h"
#include "jobhost_kv.h"
#include "jobhost_layout.h"
#include "jobhost_limit.h"
#include "jobhost_operator.h"
#include "jobhost_plugin.h"
#include "jobhost_util.h"

// Not only larger than before: exactly what ABI 1.0 has, and what has come since in the handler
// and jobhost.blob/1.
_Static_assert(sizeof(struct jh_plugin) == 72, "jh_plugin");
_Static_assert(offsetof(struct jh_handler, takes) == 40, "jh_handler of 1.0");
_Static_assert(sizeof(struct jh_handler) == 56, "jh_handler");
_Static_assert(sizeof(struct jh_host) == 120, "jh_host");
_Static_assert(sizeof(struct jh_job) == 128, "jh_job");
_Static_assert(sizeof(struct jh_child) == 80, "jh_child");
_Static_assert(sizeof(struct jh_failure) == 48, "jh_failure");
_Static_assert(sizeof(struct jh_wait) == 32, "jh_wait");
_Static_assert(sizeof(struct jh_kv) == 96, "jh_kv");
_Static_assert(offsetof(struct jh_blob, output_fd) == 40, "jh_blob of 1.0");
_Static_assert(sizeof(struct jh_blob) == 48, "jh_blob");
_Static_assert(offsetof(struct jh_input, filename) == 64, "jh_input of 1.0");
_Static_assert(sizeof(struct jh_input) == 72, "jh_input");
_Static_assert(sizeof(struct jh_clock) == 40, "jh_clock");
_Static_assert(offsetof(struct jh_limit, acquire) == 8, "jh_limit");
_Static_assert(sizeof(struct jh_limit) == 40, "jh_limit");
_Static_assert(offsetof(struct jh_http_request, limit_wait_ms) == 80, "jh_http_request");
_Static_assert(sizeof(struct jh_http_request) == 88, "jh_http_request");
_Static_assert(offsetof(struct jh_http_answer, wait) == 88, "jh_http_answer");
_Static_assert(sizeof(struct jh_http_answer) == 96, "jh_http_answer");
_Static_assert(offsetof(struct jh_http, fetch) == 8, "jh_http");
_Static_assert(sizeof(struct jh_http) == 32, "jh_http");
_Static_assert(offsetof(struct jh_event, key) == 40, "jh_event");
_Static_assert(sizeof(struct jh_event) == 48, "jh_event");
_Static_assert(offsetof(struct jh_event_wait, since_ms) == 24, "jh_event_wait");
_Static_assert(sizeof(struct jh_event_wait) == 32, "jh_event_wait");
_Static_assert(offsetof(struct jh_events, wait) == 16, "jh_events");
_Static_assert(sizeof(struct jh_events) == 24, "jh_events");
_Static_assert(offsetof(struct jh_flow_counts, made) == 8, "jh_flow_counts");
_Static_assert(sizeof(struct jh_flow_counts) == 56, "jh_flow_counts");
_Static_assert(offsetof(struct jh_member, code) == 24, "jh_member");
_Static_assert(offsetof(struct jh_member, result_size) == 40, "jh_member");
_Static_assert(sizeof(struct jh_member) == 48, "jh_member");
_Static_assert(offsetof(struct jh_flow, add) == 8, "jh_flow");
_Static_assert(offsetof(struct jh_flow, result) == 48, "jh_flow");
_Static_assert(sizeof(struct jh_flow) == 56, "jh_flow");
_Static_assert(offsetof(struct jh_question, timeout_ms) == 32, "jh_question");
_Static_assert(sizeof(struct jh_question) == 40, "jh_question");
_Static_assert(offsetof(struct jh_operator, ask) == 8, "jh_operator");
_Static_assert(sizeof(struct jh_operator) == 16, "jh_operator");

int layout_is_checked(void);
int layout_is_checked(void) {
    return 1;
}
