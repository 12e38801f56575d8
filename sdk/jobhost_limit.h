/* jobhost_limit.h — extension "jobhost.limit/1": leave to call somebody who allows only so many calls,
 * counted together for all jobs, users and hosts that share the limit. Thread words and ownership as in
 * jobhost_plugin.h.
 *
 *     const struct jh_limit *limit = h->extension(h, JH_LIMIT_1);   // NULL: this host has none
 *
 * A limit is named in config.yaml (`limits: {discogs: {rate: 60, per: 60s}}`). "discogs" is one for all;
 * "discogs:KEY" is one for each KEY by the same rules: an account, a site, a tenant. A call that the other
 * side counts goes between acquire() and observe():
 *
 *     struct jh_wait wait = {.size = sizeof wait};
 *     uint64_t ticket;
 *     switch (limit->acquire(c, "discogs", 1, 2000, &ticket, &wait)) {
 *     case 0: break;
 *     case 1: return h->yield(c, &wait);       // later, without holding a worker or using an attempt
 *     default: ...                             // no such limit, cancelled, no answer
 *     }
 *     int status = get(url, &body, &headers);  // the plugin's own HTTP
 *     limit->observe(c, ticket, status, headers);
 *     if (status == 429) { return h->fail(c, &(struct jh_failure){..., .cls = JH_E_RATE}); }
 *
 * The slot is taken from the moment that acquire() grants it until observe(), and then for as long as the
 * limit's window, since the other side may count the call anywhere in between: observe() as soon as the
 * answer's header is there. A ticket that nobody observes or gives back counts as observed when run()
 * returns, or when the job's worker dies.
 *
 * yield() is a commit, and the job begins its run() anew: keep what is done in steps. For waits of a few
 * seconds it is better to let acquire() wait. */
#ifndef JOBHOST_LIMIT_H
#define JOBHOST_LIMIT_H

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#define JH_LIMIT_1           "jobhost.limit/1"
#define JH_LIMIT_NAME_MAX    193u   /* bytes: 64 of the limit, ':', 128 of the key  */
#define JH_LIMIT_WAIT_MAX_MS 30000  /* acquire() waits no longer                    */
#define JH_LIMIT_TICKETS_MAX 64u    /* that a run may hold at once                  */
#define JH_LIMIT_HEADERS_MAX 65536u /* bytes of headers that are read, from the first on */

struct jh_limit {
    uint32_t size;
    uint32_t reserved;

    /* [run] Asks for `n` slots at once, and waits for up to wait_ms (0 = not at all).
     *  0  granted: *ret_ticket stands for them. It means something to this run() alone.
     *  1  not in that time: *ret_wait (size set by the caller) is filled for yield(): JH_WAIT_LIMITER,
     *     the name as key (borrowed until run() returns), and as timeout_ms after how long it is worth
     *     asking again at the latest. That the job wakes is no promise of a slot, since others ask too.
     *  -ENOENT     config.yaml has no such limit
     *  -EINVAL     n is 0, or the name is none: letters, digits, '_', '.', '-', from a letter on, then
     *              perhaps ':' and a key without control bytes
     *  -ERANGE     n is more than the limit ever grants at once
     *  -ENOSPC     this run() holds JH_LIMIT_TICKETS_MAX
     *  -ECANCELED  the job was asked to stop meanwhile
     *  -ETIMEDOUT  the store did not answer: nothing is known to be granted, so do not call */
    JH_MUST_CHECK int (*acquire)(struct jh_call *, const char *name, uint32_t n, int64_t wait_ms,
                                 uint64_t *ret_ticket, struct jh_wait *ret_wait);

    /* [run] The answer is there. `status` is HTTP's, or 0 = there was no answer. `headers` are its header
     * lines as they came ("Name: value", each ended by LF or CR LF; a status line is passed over), or
     * empty. The limit's `learn` says which of them count; of an answer 429 or 503 Retry-After always
     * does, and such an answer closes the limit for all: until then, or for a window if it does not say.
     * No header ever opens a limit further than config.yaml does. Copied. 0, or -EINVAL: the ticket is
     * over. */
    int (*observe)(struct jh_call *, uint64_t ticket, int32_t status, struct jh_bytes headers);

    /* [run] The call was not made: its slots are free at once. 0, or -EINVAL as observe(). */
    int (*give_back)(struct jh_call *, uint64_t ticket);

    /* [run] Closes a limit for all until then (unix ms, a day ahead at most, never shorter than it was):
     * for those who tell in a body, not in a header, when to come again. 0, or <0 as acquire(). */
    int (*park)(struct jh_call *, const char *name, int64_t until_ms);
};

#ifdef __cplusplus
}
#endif
#endif
