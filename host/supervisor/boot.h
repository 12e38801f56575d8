/* A state_dir belongs to one host at a time (host.lock), and keeps the name of its last boot (boot):
 * whoever starts there next on the same machine knows that boot to be dead, and need not wait for the
 * end of its leases. After a start of the machine, or on another one that has a copy of the folder,
 * the lock proves nothing and the name is not believed. */
#ifndef JOBHOST_SUPERVISOR_BOOT_H
#define JOBHOST_SUPERVISOR_BOOT_H

#include <stdint.h>

#include "base/err.h"

struct boot;

/* Takes the folder, which is there. 0; -EBUSY: another host has it; or another negative errno, with
 * words. */
int boot_open(const char *state_dir, struct boot **ret, struct err *e);
/* The same of a folder that another binary in this process has taken: `lock_fd` is its lock, and is
 * taken. */
int boot_keep(const char *state_dir, int lock_fd, struct boot **ret, struct err *e);
/* The lock's descriptor. */
int boot_lock_fd(const struct boot *boot);
/* Lets go of it; may be NULL. */
void boot_close(struct boot **boot);

/* The nonce of the boot before; 0 = none that is known to be dead. */
uint64_t boot_gone(const struct boot *boot);

/* Leaves our nonce for the next one. 0 or negative errno with words; then the next one waits. */
int boot_leave(const struct boot *boot, uint64_t nonce, struct err *e);

#endif
