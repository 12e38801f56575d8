/* What becomes of a job whose steps other code wrote, when it meets a handler. Pure.
 *
 * A handler has a state_version, and the steps of a job have that of the code that wrote them last. A handler resumes its
 * own, and older ones as far back as it says; never newer ones, which only their own code knows (a rollback). A job
 * without steps (0) suits everyone. */
#ifndef JOBHOST_CORE_SKEW_H
#define JOBHOST_CORE_SKEW_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of the words of jobs.<type>.state_policy. */
enum skew_policy {
    SKEW_POLICY_PARK,
    SKEW_POLICY_RESTART,
    SKEW_POLICY_PIN,
    SKEW_POLICY_FAIL,
    SKEW_POLICY_COUNT
};

enum skew {
    SKEW_NONE,    /* it goes on                                               */
    SKEW_PARK,    /* it waits for code that resumes its steps, or an operator */
    SKEW_RESTART, /* without its steps, from the beginning                    */
    SKEW_PIN,     /* it goes to the code that wrote them, if that is still up */
    SKEW_FAIL,
    SKEW_COUNT
};

struct skew_handler {
    uint32_t version; /* its own; >= 1                                 */
    uint32_t oldest;  /* that it resumes; 1..version                   */
    bool restartable; /* it says that beginning again does no harm     */
};

/* "go_on", "park", "restart", "pin", "fail"; NULL for a value outside the enum. */
const char *skew_name(int skew);

/* "park", "restart", "pin", "fail"; NULL for a value outside the enum. */
const char *skew_policy_name(int policy);
/* The reverse; -1 when there is no such name. */
int skew_policy_from_name(const char *name);

bool skew_resumes(const struct skew_handler *h, uint32_t steps_version);

/* A restart that the handler does not allow would pay or send twice: it parks instead. */
enum skew skew_decide(const struct skew_handler *h, uint32_t steps_version,
                      enum skew_policy policy);

/* One sentence for people: who wrote the steps, and what is loaded now. `h` NULL: nobody has the handler. */
enum { SKEW_WHY_MAX = 256 };
void skew_say(const struct skew_handler *h, uint32_t steps_version, enum skew_policy policy,
              const char *plugin, char out[SKEW_WHY_MAX]);

#endif
