/* Memory for secrets, and the rules for files that hold them.
 *
 * A vault owns the secrets of one config (or one copy of the environment): its pages are locked
 * where the limits allow it, left out of core dumps, and wiped when the vault is freed. Not
 * thread-safe while it is filled; read-only afterwards. */
#ifndef JOBHOST_CONFIG_CONFIG_SECRET_H
#define JOBHOST_CONFIG_CONFIG_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    CONFIG_SECRET_FILE_MAX = 64 * 1024,
    CONFIG_SECRET_TOTAL_MAX = 16 * 1024 * 1024 /* bytes in one vault */
};

struct config_vault_page;
struct config_vault {
    struct config_vault_page *head;
    size_t used;
};

/* Copies and adds a NUL. NULL when the vault is full or memory is short. */
char *config_vault_strn(struct config_vault *vault, const char *text, size_t len);
void config_vault_free(struct config_vault *vault);

/* Reads a secret's file into the vault: a regular file (links are followed) of root or our user,
 * closed to group and others unless `loose`, not empty, no NUL, at most CONFIG_SECRET_FILE_MAX;
 * one trailing line break is dropped. Returns 0 and the text; -ENOENT when there is no such
 * file; another negative errno with the words in *e. The words never hold the content; they call
 * the file `shown`. */
int config_secret_read(struct config_vault *vault, const char *path, const char *shown, bool loose,
                       const char **ret_text, size_t *ret_len, struct err *e);

/* First 8 hex digits of SHA-256 over a salt of this host and the text: tells two keys apart
 * without showing either. */
void config_secret_fingerprint(const char *text, char out[9]);

/* Wipes, then frees. */
void config_secret_buf_free(struct buf *b);

#endif
