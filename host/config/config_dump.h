#ifndef JOBHOST_CONFIG_CONFIG_DUMP_H
#define JOBHOST_CONFIG_CONFIG_DUMP_H

#include "config/config.h"

/* SHA-256 in hex over every value; secrets by their fingerprint, so the hash says nothing about
 * them elsewhere. 0 or -ENOMEM. */
int config_hash(const struct config *c, char out[65]);

#endif
