#include "record/shapes.h"

#include "base/bytes.h"
#include "record/messages.h"

#define F(kind_, type_, member_)                                                                   \
    { .kind = FIELD_##kind_, .at = offsetof(struct type_, member_) }
#define F_COUNT(type_, member_, most_)                                                             \
    { .kind = FIELD_COUNT, .at = offsetof(struct type_, member_), .most = (most_) }
#define F_LIST(type_, member_, count_, of_)                                                        \
    {                                                                                              \
        .kind = FIELD_LIST, .at = offsetof(struct type_, member_),                                 \
        .count = offsetof(struct type_, count_), .of = (of_)                                       \
    }
#define SHAPE(type_, fields_)                                                                      \
    { .fields = (fields_), .field_count = ARRAY_LEN(fields_), .size = sizeof(struct type_) }

static const struct field welcome_fields[] = {
    F(U32, msg_welcome, wire_version),  F(TEXT, msg_welcome, plugin),
    F(TEXT, msg_welcome, snapshot),     F(TEXT, msg_welcome, sha256),
    F(U32, msg_welcome, threads),       F(I64, msg_welcome, ping_ms),
    F(I64, msg_welcome, lease_ms),      F(U32, msg_welcome, log_level),
    F(TEXT_OPT, msg_welcome, data_dir),
};
const struct message shape_welcome = {REC_WELCOME, SHAPE(msg_welcome, welcome_fields)};

static const struct field path_fields[] = {
    F(U32, msg_path, rights),
    F(TEXT, msg_path, path),
};
static const struct shape path = SHAPE(msg_path, path_fields);
static const struct field port_fields[] = {
    F(U32, msg_port, port),
};
static const struct shape port = SHAPE(msg_port, port_fields);
static const struct field allowed_fields[] = {
    F(TEXT, msg_allowed, to),
};
static const struct shape allowed = SHAPE(msg_allowed, allowed_fields);
static const struct field sandbox_fields[] = {
    F(U32, msg_sandbox, flags),
    F(U64, msg_sandbox, max_data),
    F(U64, msg_sandbox, max_files),
    F(U64, msg_sandbox, max_file_size),
    F(U64, msg_sandbox, max_cpu_s),
    F(TEXT_OPT, msg_sandbox, data_dir),
    F_COUNT(msg_sandbox, path_count, MSG_PATHS_MAX),
    F_LIST(msg_sandbox, paths, path_count, &path),
    F_COUNT(msg_sandbox, port_count, MSG_PORTS_MAX),
    F_LIST(msg_sandbox, ports, port_count, &port),
    F_COUNT(msg_sandbox, allowed_count, MSG_ALLOWED_MAX),
    F_LIST(msg_sandbox, allowed, allowed_count, &allowed),
};
const struct message shape_sandbox = {REC_SANDBOX, SHAPE(msg_sandbox, sandbox_fields)};

static const struct field setting_fields[] = {
    F(TEXT, msg_setting, option),
    F(TEXT_OPT, msg_setting, value),
};
static const struct shape setting = SHAPE(msg_setting, setting_fields);
static const struct field config_fields[] = {
    F_COUNT(msg_config, setting_count, MSG_OPTIONS_MAX),
    F_LIST(msg_config, settings, setting_count, &setting),
};
const struct message shape_config = {REC_CONFIG, SHAPE(msg_config, config_fields)};

static const struct field input_fields[] = {
    F(TEXT, msg_input, name),
    F(TEXT_OPT, msg_input, filename),
    F(TEXT_OPT, msg_input, content_type),
    F(U64, msg_input, size),
    F(SHA256, msg_input, sha256),
};
static const struct shape input = SHAPE(msg_input, input_fields);
static const struct field job_fields[] = {
    F(U32, msg_job, handler),
    F(U32, msg_job, attempt),
    F(TEXT, msg_job, id),
    F(TEXT_OPT, msg_job, dedup_key),
    F(TEXT_OPT, msg_job, content_type),
    F(BYTES, msg_job, payload),
    F(I64, msg_job, deadline_ms),
    F(U32, msg_job, steps_version),
    F_COUNT(msg_job, input_count, MSG_INPUTS_MAX),
    F(TEXT_OPT, msg_job, queue),
    F(TEXT_OPT, msg_job, tenant),
    F(TEXT_OPT, msg_job, labels),
    F(TEXT_OPT, msg_job, flow_id),
    F(I64, msg_job, nominal_ms),
    F(I64, msg_job, first_run_ms),
    F(U64, msg_job, seed),
    F(U32, msg_job, commit_no),
    F(I64, msg_job, timeout_ms),
    F(U64, msg_job, max_result),
    F_LIST(msg_job, inputs, input_count, &input),
};
const struct message shape_job = {REC_JOB, SHAPE(msg_job, job_fields)};

static const struct field committed_fields[] = {
    F(U32, msg_committed, commit_no),
    F(I32, msg_committed, status),
};
const struct message shape_committed = {REC_COMMITTED, SHAPE(msg_committed, committed_fields)};

static const struct field value_fields[] = {
    F(U32, msg_value, request),
    F(I32, msg_value, status),
    F(I64, msg_value, number),
    F(BYTES, msg_value, value),
};
const struct message shape_value = {REC_VALUE, SHAPE(msg_value, value_fields)};

static const struct field option_fields[] = {
    F(TEXT, jh_option, name),         F(I32, jh_option, type),      F(U32, jh_option, flags),
    F(TEXT_OPT, jh_option, fallback), F(TEXT_OPT, jh_option, help),
};
static const struct shape option = SHAPE(jh_option, option_fields);
static const struct field handler_fields[] = {
    F(TEXT, msg_handler, name),
    F(TEXT_OPT, msg_handler, summary),
    F(U32, msg_handler, flags),
    F(U32, msg_handler, state_version),
    F(U32, msg_handler, oldest_state_version),
    F(U32, msg_handler, has_payload),
    F_COUNT(msg_handler, field_count, MSG_OPTIONS_MAX),
    F_LIST(msg_handler, fields, field_count, &option),
};
static const struct shape handler = SHAPE(msg_handler, handler_fields);
static const struct field hello_fields[] = {
    F(U32, msg_hello, wire_version),
    F(U32, msg_hello, abi_major),
    F(U32, msg_hello, abi_minor),
    F(TEXT, msg_hello, name),
    F(TEXT, msg_hello, version),
    F(U64, msg_hello, load_begin),
    F(U64, msg_hello, load_end),
    F_COUNT(msg_hello, option_count, MSG_OPTIONS_MAX),
    F_LIST(msg_hello, options, option_count, &option),
    F_COUNT(msg_hello, handler_count, MSG_HANDLERS_MAX),
    F_LIST(msg_hello, handlers, handler_count, &handler),
};
const struct message shape_hello = {REC_HELLO, SHAPE(msg_hello, hello_fields)};

static const struct field note_fields[] = {
    F(TEXT, msg_note, facility),
    F(U32, msg_note, state),
    F(TEXT_OPT, msg_note, text),
};
const struct message shape_note = {REC_NOTE, SHAPE(msg_note, note_fields)};

static const struct field fail_fields[] = {
    F(TEXT, msg_fail, stage),
    F(I32, msg_fail, cls),
    F(TEXT_OPT, msg_fail, message),
};
const struct message shape_fail = {REC_FAIL, SHAPE(msg_fail, fail_fields)};

static const struct field log_fields[] = {
    F(I32, msg_log, level),
    F(TEXT, msg_log, text),
};
const struct message shape_log = {REC_LOG, SHAPE(msg_log, log_fields)};

static const struct field progress_fields[] = {
    F(U64, msg_progress, done),
    F(U64, msg_progress, total),
    F(TEXT_OPT, msg_progress, message),
};
const struct message shape_progress = {REC_PROGRESS, SHAPE(msg_progress, progress_fields)};

static const struct field get_fields[] = {
    F(U32, msg_get, request),
    F(U32, msg_get, what),
    F(TEXT, msg_get, key),
    F(BYTES, msg_get, member),
};
const struct message shape_get = {REC_GET, SHAPE(msg_get, get_fields)};

static const struct field output_fields[] = {
    F(U32, msg_output, request),
    F(TEXT, msg_output, name),
    F(TEXT_OPT, msg_output, content_type),
    F(BYTES, msg_output, content),
};
const struct message shape_output = {REC_OUTPUT, SHAPE(msg_output, output_fields)};

static const struct field limit_fields[] = {
    F(U32, msg_limit, request), F(U32, msg_limit, what),      F(TEXT_OPT, msg_limit, name),
    F(U64, msg_limit, ticket),  F(I64, msg_limit, number),    F(I64, msg_limit, wait_ms),
    F(I32, msg_limit, status),  F(BYTES, msg_limit, headers),
};
const struct message shape_limit = {REC_LIMIT, SHAPE(msg_limit, limit_fields)};

static const struct field warn_fields[] = {
    F(TEXT, msg_warn, code),
    F(TEXT_OPT, msg_warn, message),
};
const struct message shape_warn = {REC_WARN, SHAPE(msg_warn, warn_fields)};

static const struct field step_fields[] = {
    F(TEXT, msg_step, name),
    F(BYTES, msg_step, value),
    F(U32, msg_step, state_version),
};
const struct message shape_step = {REC_STEP, SHAPE(msg_step, step_fields)};

static const struct field child_fields[] = {
    F(I32, msg_child, priority),       F(TEXT, msg_child, handler),
    F(TEXT_OPT, msg_child, dedup_key), F(BYTES, msg_child, payload),
    F(I64, msg_child, delay_ms),       F(I64, msg_child, spread_ms),
    F(TEXT_OPT, msg_child, queue),     F(TEXT_OPT, msg_child, tenant),
    F(TEXT_OPT, msg_child, labels),
};
const struct message shape_child = {REC_CHILD, SHAPE(msg_child, child_fields)};
const struct message shape_sibling = {REC_SIBLING, SHAPE(msg_child, child_fields)};
const struct message shape_then = {REC_THEN, SHAPE(msg_child, child_fields)};

static const struct field flow_fields[] = {
    F(U32, msg_flow, request), F(U32, msg_flow, what),    F(U32, msg_flow, which),
    F(U64, msg_flow, cursor),  F(TEXT_OPT, msg_flow, id),
};
const struct message shape_flow = {REC_FLOW, SHAPE(msg_flow, flow_fields)};

static const struct field kv_fields[] = {
    F(U32, msg_kv, what),
    F(TEXT, msg_kv, key),
    F(BYTES, msg_kv, value),
    F(I64, msg_kv, number),
};
const struct message shape_kv = {REC_KV, SHAPE(msg_kv, kv_fields)};

static const struct field event_fields[] = {
    F(U32, msg_event, flags),    F(TEXT, msg_event, name),   F(TEXT_OPT, msg_event, content_type),
    F(TEXT_OPT, msg_event, key), F(BYTES, msg_event, value),
};
const struct message shape_event = {REC_EVENT, SHAPE(msg_event, event_fields)};

static const struct field done_fields[] = {
    F(I32, msg_done, status),         F(I32, msg_done, cls),
    F(I64, msg_done, retry_after_ms), F(TEXT_OPT, msg_done, scope),
    F(TEXT_OPT, msg_done, message),   F(TEXT_OPT, msg_done, code),
    F(U32, msg_done, failure_flags),  F(I32, msg_done, wait_kind),
    F(I64, msg_done, wake_at_ms),     F(TEXT_OPT, msg_done, wait_key),
    F(TEXT_OPT, msg_done, wait_for),  F(I64, msg_done, wait_timeout_ms),
    F(U32, msg_done, cancel_mask),    F(U32, msg_done, run_us),
};
const struct message shape_done = {REC_DONE, SHAPE(msg_done, done_fields)};

static const struct field crash_fields[] = {
    F(I32, msg_crash, signal),        F(I32, msg_crash, si_code),
    F(U64, msg_crash, fault_address), F(U64, msg_crash, program_counter),
    F(U64, msg_crash, rss),
};
const struct message shape_crash = {REC_CRASH, SHAPE(msg_crash, crash_fields)};
