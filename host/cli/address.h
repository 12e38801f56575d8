/* Which host a command talks to, and with what token.
 *
 *     --url, --socket  ▶  the configuration of -c  ▶  JOBHOST_URL  ▶  the configuration found
 *
 * The token is in the file of --token-file or in JOBHOST_TOKEN, and never in an argument. It goes to
 * a host that was named, not to the admin socket of a configuration, which asks for none. */
#ifndef JOBHOST_CLI_ADDRESS_H
#define JOBHOST_CLI_ADDRESS_H

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/client.h"

struct address {
    struct client_place place; /* borrowed from what follows and from the arguments */
    char *socket_path;
    struct buf token;
};

/* CLI_OK, or CLI_USAGE (said). */
int address_find(const struct cli *cli, struct address *ret);
void address_finish(struct address *a);

/* Is the host named without a configuration? */
bool address_is_named(const struct cli *cli);

/* What holds the token, for messages; NULL: nothing does. */
const char *address_token_source(const struct cli *cli);

#endif
