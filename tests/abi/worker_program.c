// The worker as a program of its own, so that it can be tested without the rest of the daemon.
#include "worker/worker.h"

int main(int argc, char **argv) {
    return worker_main(argc, argv);
}
