/* `jobhost --self-test CONFIG`: what another binary that runs as the host wants to know before it execs this one. Reads the
 * configuration, opens nothing else, and prints one object:
 *
 *     {"version":"0.1.0","record":1,"handover":1,"identity":"<sha256>"} */
#ifndef JOBHOST_SUPERVISOR_SELF_TEST_H
#define JOBHOST_SUPERVISOR_SELF_TEST_H

/* argv[1] is "--self-test". The process's exit status. */
int self_test_main(int argc, char **argv, const char *self_exe);

#endif
