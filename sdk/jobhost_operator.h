/* jobhost_operator.h — extension "jobhost.operator/1": a question to the people who run the host. Thread words
 * and ownership as in jobhost_plugin.h.
 *
 *     const struct jh_operator *op = h->extension(h, JH_OPERATOR_1);   // NULL: this host has none
 *
 * For what no program can find out: a call that costs money, or sends something, was cut off, and the other
 * side cannot be asked what became of it. Write down the intent before the call and the outcome behind it:
 *
 *     static const char *const choices[] = {"charged", "not charged", NULL};
 *     const struct jh_question q = {.size = sizeof q, .key = "charge", .choices = choices,
 *         .question = "Was order 17 charged? Look at the provider's page."};
 *     struct jh_bytes answer;
 *     if (step "charged" is there)    { go on; }
 *     if (step "charging" is there) {                       // begun by a run that did not live to tell
 *         int rc = op->ask(c, &q, &answer);
 *         if (rc == 1) { return JH_YIELD; }                 // asked: the job is parked
 *         if (rc < 0)  { ... }                              // -ETIMEDOUT: nobody answered in time
 *     }
 *     step_put "charging"; charge(); step_put "charged";
 *
 * A job that asks is parked as `needs_operator`. It holds no worker and uses no attempt; the question and
 * its choices stand in `jobhost job ID`, and `jobhost resolve ID --answer ...` lets it go on. The answer is a
 * step of the job ("operator:KEY"), so it is the same in every run from then on. */
#ifndef JOBHOST_OPERATOR_H
#define JOBHOST_OPERATOR_H

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#define JH_OPERATOR_1            "jobhost.operator/1"
#define JH_OPERATOR_KEY_MAX      200u  /* bytes of a key: letters, digits, '_' '.' ':' '@' '-' */
#define JH_OPERATOR_QUESTION_MAX 1000u /* bytes of a question, on one line                    */
#define JH_OPERATOR_CHOICES_MAX  20u
#define JH_OPERATOR_CHOICE_MAX   100u  /* bytes of a choice, on one line                      */
#define JH_OPERATOR_ANSWER_MAX   4096u /* bytes of an answer to a question without choices    */

struct jh_question {
    uint32_t size;
    uint32_t reserved;
    const char *key;            /* one question has one key, whatever its words are         */
    const char *question;       /* shown to operators; must hold no secrets                 */
    const char *const *choices; /* the answers there are, behind the last one NULL; NULL = any */
    int64_t timeout_ms;         /* for how long it is worth asking; 0 = until the job's deadline */
};

struct jh_operator {
    uint32_t size;
    uint32_t reserved;

    /* [run]
     *  0           it was answered; *ret_answer is valid until run() returns
     *  1           it is asked, as by yield(): return JH_YIELD at once
     *  -ETIMEDOUT  nobody answered in that time. So it stays: the question is not asked again
     *  -EINVAL     a key, question or choice is missing or has a control character
     *  -EFBIG      a limit above
     *  <0          as of step_put(): return now */
    JH_MUST_CHECK int (*ask)(struct jh_call *, const struct jh_question *,
                             struct jh_bytes *ret_answer);
};

#ifdef __cplusplus
}
#endif
#endif
