#include <stdio.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"
#include "cli/cli.h"
#include "jobhost_plugin.h"

#ifdef JOBHOST_TEST
static const bool is_test_build = true;
#else
static const bool is_test_build = false;
#endif

static void print_json(bool points) {
    struct buf out = {0};
    buf_char(&out, '{');
    json_kstr(&out, "version", JOBHOST_VERSION);
    json_key(&out, "abi");
    buf_printf(&out, "\"%u.%u\"", JH_ABI_MAJOR, JH_ABI_MINOR);
    json_kbool(&out, "test_build", is_test_build);
    if (points) {
        json_key(&out, "fault_points");
        buf_char(&out, '[');
        for (int i = 0; i < FAULT_POINT_COUNT; i++) {
            json_comma(&out);
            json_str(&out, fault_point_names[i]);
        }
        buf_char(&out, ']');
    }
    buf_char(&out, '}');
    (void)printf("%s\n", out.data == NULL ? "{}" : out.data);
    buf_free(&out);
}

int cmd_version(struct cli *cli) {
    bool points = cli_flag(cli, "fault-points");
    if (cli->json) {
        print_json(points);
        return CLI_OK;
    }
    if (!points) {
        (void)printf("jobhost %s (plugin ABI %u.%u)%s\n", JOBHOST_VERSION, JH_ABI_MAJOR,
                     JH_ABI_MINOR, is_test_build ? " test build" : "");
        return CLI_OK;
    }
    for (int i = 0; i < FAULT_POINT_COUNT; i++) {
        (void)printf("%s\n", fault_point_names[i]);
    }
    return CLI_OK;
}
