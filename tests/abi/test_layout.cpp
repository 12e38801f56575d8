// Compiled as C++17: every header of the SDK is clean there too. There is nothing to run.
#include "jobhost_blob.h"
#include "jobhost_clock.h"
#include "jobhost_flow.h"
#include "jobhost_harness.h"
#include "jobhost_event.h"
#include "jobhost_json.h"
#include "jobhost_kv.h"
#include "jobhost_layout.h"
#include "jobhost_limit.h"
#include "jobhost_operator.h"
#include "jobhost_plugin.h"
#include "jobhost_util.h"

static_assert(sizeof(jh_plugin) == 72, "jh_plugin");
static_assert(sizeof(jh_job) == 128, "jh_job");

int layout_is_checked_cpp();
int layout_is_checked_cpp() {
    jh_bytes raw = jh_bytes_of("{\"a\": 1}");
    return (int)jh_json_get_int(raw, "a", 0);
}
