/* One program, three lives: the host (`jobhost run`), its workers (`jobhost --worker`, started by the host only), and the commands that
 * talk to it. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "sim/runner.h"
#include "supervisor/self_test.h"
#include "worker/worker.h"

int main(int argc, char **argv) {
    char self_exe[PATH_MAX];
    if (argc > 1 && strcmp(argv[1], "--worker") == 0) {
        return worker_main(argc, argv);
    }
    if (argc > 1 && strcmp(argv[1], "--sim-plugin") == 0) {
        return runner_main(argc, argv);
    }
    ssize_t len = readlink("/proc/self/exe", self_exe, sizeof self_exe - 1);
    if (len == -1) {
        (void)fprintf(stderr, "jobhost: /proc is not there: it is needed to find this program\n");
        return CLI_FAILED;
    }
    self_exe[len] = '\0';
    static const char gone[] = " (deleted)"; // its path is still where its plugins are
    size_t kept = (size_t)len - (sizeof gone - 1);
    if ((size_t)len >= sizeof gone && strcmp(self_exe + kept, gone) == 0) {
        self_exe[kept] = '\0';
    }
    if (argc > 1 && strcmp(argv[1], "--self-test") == 0) {
        return self_test_main(argc, argv, self_exe);
    }
    return cli_main(argc, argv, self_exe);
}
