/* Tokens as people carry them: "jh_<id>_<secret>". Pure.
 *
 *     jh_k7p2m4xw5qzt_ifbegrcfizduqskkjnge2tspkbiveu2ukvlfowczljnvyxk7g2xqaqq
 *        id, 12        secret, 52: 256 bits      ... and 7: a checksum of all before it
 *
 * The characters are a-z and 2-7. By its checksum a typo is known without asking anybody, and by its form a
 * token is found in what should not have it. The id is no secret: it names the token in lists and logs. */
#ifndef JOBHOST_CORE_TOKEN_H
#define JOBHOST_CORE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    TOKEN_ID_LEN = 12,
    TOKEN_SECRET_LEN = 52,
    TOKEN_CHECK_LEN = 7,
    TOKEN_TEXT_LEN = 3 + TOKEN_ID_LEN + 1 + TOKEN_SECRET_LEN + TOKEN_CHECK_LEN,
    TOKEN_NAME_MAX = 64,
    TOKEN_QUEUES_MAX = 32, /* that one may be bound to */
};

/* What the bearer may do. An operator may do what viewers and submitters may, an admin everything; a
 * submitter reads by the ids that he was given, not by lists, and a viewer submits nothing. */
enum token_scope {
    TOKEN_NO_SCOPE,
    TOKEN_VIEWER,
    TOKEN_SUBMIT,
    TOKEN_OPERATOR,
    TOKEN_ADMIN,
    TOKEN_SCOPES
};

const char *token_scope_name(int scope);
/* TOKEN_NO_SCOPE: it is none. */
enum token_scope token_scope_from_name(const char *name);

/* From 8 and 32 random bytes. */
void token_format(const uint8_t id[8], const uint8_t secret[32], char ret[TOKEN_TEXT_LEN + 1]);

/* The id (terminated) and where the secret begins, TOKEN_SECRET_LEN characters. False: it is no token. */
bool token_split(struct bytes text, char ret_id[TOKEN_ID_LEN + 1], const char **ret_secret);

bool token_is_id(const char *id);

/* 1..TOKEN_NAME_MAX of what queues may be called, and @ : / + (names of people, machines). */
bool token_is_name(const char *name);

#endif
