/* `jobhost --worker` as a program of its own, without what the host and the commands are linked with. */
#include "worker/worker.h"

int main(int argc, char **argv) {
    return worker_main(argc, argv);
}
