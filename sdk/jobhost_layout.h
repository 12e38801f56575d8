/* jobhost_layout.h — the binary layout of ABI 1.0, pinned. Include it in one C file of a plugin or
 * host on an LP64 machine: if a struct of jobhost_plugin.h ever moved, that file stops compiling.
 * Offsets listed here are frozen for ABI major 1; members added later come after them. */
#ifndef JOBHOST_LAYOUT_H
#define JOBHOST_LAYOUT_H

#include "jobhost_plugin.h"

#if defined(__LP64__) && !defined(__cplusplus)
#define JH_PIN(type, member, offset)                                                               \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member " moved")
#define JH_PIN_SIZE(type, bytes) _Static_assert(sizeof(struct type) >= (bytes), #type " shrank")

JH_PIN(jh_plugin, magic, 0);
JH_PIN(jh_plugin, abi_major, 4);
JH_PIN(jh_plugin, abi_minor, 6);
JH_PIN(jh_plugin, size, 8);
JH_PIN(jh_plugin, handler_size, 12);
JH_PIN(jh_plugin, name, 16);
JH_PIN(jh_plugin, version, 24);
JH_PIN(jh_plugin, options, 32);
JH_PIN(jh_plugin, handlers, 40);
JH_PIN(jh_plugin, handler_count, 48);
JH_PIN(jh_plugin, create, 56);
JH_PIN(jh_plugin, destroy, 64);
JH_PIN_SIZE(jh_plugin, 72);

JH_PIN(jh_handler, name, 0);
JH_PIN(jh_handler, summary, 8);
JH_PIN(jh_handler, run, 16);
JH_PIN(jh_handler, flags, 24);
JH_PIN(jh_handler, state_version, 28);
JH_PIN(jh_handler, payload, 32);
JH_PIN_SIZE(jh_handler, 40);
JH_PIN(jh_handler, takes, 40);
JH_PIN(jh_handler, oldest_state_version, 48);

JH_PIN(jh_option, name, 0);
JH_PIN(jh_option, type, 8);
JH_PIN(jh_option, flags, 12);
JH_PIN(jh_option, fallback, 16);
JH_PIN(jh_option, help, 24);
_Static_assert(sizeof(struct jh_option) == 32, "jh_option is frozen per ABI major");

JH_PIN(jh_host, size, 0);
JH_PIN(jh_host, abi_major, 4);
JH_PIN(jh_host, abi_minor, 6);
JH_PIN(jh_host, log, 8);
JH_PIN(jh_host, cancelled, 16);
JH_PIN(jh_host, cancel_fd, 24);
JH_PIN(jh_host, sleep_ms, 32);
JH_PIN(jh_host, progress, 40);
JH_PIN(jh_host, step_get, 48);
JH_PIN(jh_host, step_put, 56);
JH_PIN(jh_host, result, 64);
JH_PIN(jh_host, enqueue, 72);
JH_PIN(jh_host, fail, 80);
JH_PIN(jh_host, yield, 88);
JH_PIN(jh_host, warn, 96);
JH_PIN(jh_host, config, 104);
JH_PIN(jh_host, extension, 112);
JH_PIN_SIZE(jh_host, 120);

JH_PIN(jh_job, size, 0);
JH_PIN(jh_job, attempt, 4);
JH_PIN(jh_job, id, 8);
JH_PIN(jh_job, handler, 16);
JH_PIN(jh_job, dedup_key, 24);
JH_PIN(jh_job, content_type, 32);
JH_PIN(jh_job, payload, 40);
JH_PIN(jh_job, deadline_ms, 56);
JH_PIN(jh_job, steps_version, 64);
JH_PIN(jh_job, input_count, 68);
JH_PIN(jh_job, queue, 72);
JH_PIN(jh_job, tenant, 80);
JH_PIN(jh_job, labels, 88);
JH_PIN(jh_job, flow_id, 96);
JH_PIN(jh_job, nominal_ms, 104);
JH_PIN(jh_job, first_run_ms, 112);
JH_PIN(jh_job, seed, 120);
JH_PIN_SIZE(jh_job, 128);

JH_PIN(jh_child, priority, 4);
JH_PIN(jh_child, handler, 8);
JH_PIN(jh_child, dedup_key, 16);
JH_PIN(jh_child, payload, 24);
JH_PIN(jh_child, delay_ms, 40);
JH_PIN(jh_child, spread_ms, 48);
JH_PIN(jh_child, queue, 56);
JH_PIN(jh_child, tenant, 64);
JH_PIN(jh_child, labels, 72);
JH_PIN_SIZE(jh_child, 80);

JH_PIN(jh_failure, cls, 4);
JH_PIN(jh_failure, retry_after_ms, 8);
JH_PIN(jh_failure, scope, 16);
JH_PIN(jh_failure, message, 24);
JH_PIN(jh_failure, code, 32);
JH_PIN(jh_failure, flags, 40);
JH_PIN_SIZE(jh_failure, 48);

JH_PIN(jh_wait, kind, 4);
JH_PIN(jh_wait, wake_at_ms, 8);
JH_PIN(jh_wait, key, 16);
JH_PIN(jh_wait, timeout_ms, 24);
JH_PIN_SIZE(jh_wait, 32);

_Static_assert(sizeof(struct jh_bytes) == 16, "jh_bytes is frozen per ABI major");
#endif
#endif
