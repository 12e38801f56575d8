/* jobhost_kv.h — extension "jobhost.kv/1": small shared state that changes together with the job.
 *
 * Keys live in the plugin's own namespace and are at most 512 bytes; values at most 256 KiB. Writes
 * (set, del, add, sadd, srem, done) are buffered and become durable with the next commit (step_put,
 * yield, JH_OK): all or nothing, and not at all if the attempt was fenced off. Reads see the
 * attempt's own buffered writes. claim() alone acts at once.
 *
 *     const struct jh_kv *kv = h->extension(h, JH_KV_1);
 *
 * An idempotency key "claim first, done later":
 *     kv->claim(c, "archive_42_2026_11_21_10")
 *         -> JH_CLAIM_WON: do the work, then kv->done(c, key, 86400000)
 *         -> JH_CLAIM_HELD: another job's attempt is at it
 *         -> JH_CLAIM_DONE: nothing to do
 * A claim dies with the attempt that holds it, so a crash never blocks the retry. */
#ifndef JOBHOST_KV_H
#define JOBHOST_KV_H

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#define JH_KV_1         "jobhost.kv/1"
#define JH_KV_KEY_MAX   512u
#define JH_KV_VALUE_MAX (256u * 1024u)

enum { JH_CLAIM_WON = 0, JH_CLAIM_HELD = 1, JH_CLAIM_DONE = 2 };

struct jh_kv {
    uint32_t size;
    uint32_t reserved;

    /* [run] 0 found, 1 none, <0 error (-ETIMEDOUT: the store did not answer). `out` is valid until
     * run() returns. */
    int (*get)(struct jh_call *, const char *key, struct jh_bytes *out);

    /* [run] Buffered. ttl_ms 0 = for ever. 0, -EINVAL (key), -EFBIG (value), -ENOMEM. */
    int (*set)(struct jh_call *, const char *key, struct jh_bytes value, int64_t ttl_ms);
    /* [run] Buffered: forgets all that the key is: value, counter, set, claim. */
    int (*del)(struct jh_call *, const char *key);

    /* [run] Buffered: adds `delta` to a counter (a missing one is 0). */
    int (*add)(struct jh_call *, const char *key, int64_t delta);
    /* [run] 0 and the counter's value, or <0 as get(). */
    int (*counter)(struct jh_call *, const char *key, int64_t *ret_value);

    /* [run] Buffered: set members. */
    int (*sadd)(struct jh_call *, const char *key, struct jh_bytes member);
    int (*srem)(struct jh_call *, const char *key, struct jh_bytes member);
    /* [run] 1 member, 0 not, <0 as get(). */
    int (*sismember)(struct jh_call *, const char *key, struct jh_bytes member);
    /* [run] 0 and the number of members, or <0 as get(). */
    int (*scard)(struct jh_call *, const char *key, uint64_t *ret_count);

    /* [run] At once, not buffered: JH_CLAIM_*, or <0. On HELD, *ret_holder (may be NULL) is the
     * holding job's id, valid until run() returns. Claiming twice in one attempt is WON again. */
    int (*claim)(struct jh_call *, const char *key, const char **ret_holder);
    /* [run] Buffered: the claim's work is done; claim() answers DONE for ttl_ms (0 = for ever) once
     * this is committed. */
    int (*done)(struct jh_call *, const char *key, int64_t ttl_ms);
};

#ifdef __cplusplus
}
#endif
#endif
