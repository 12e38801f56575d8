/* What the tables cannot say: defaults that follow from other values, and what is on. */
#ifndef JOBHOST_CONFIG_CONFIG_DEFAULTS_H
#define JOBHOST_CONFIG_CONFIG_DEFAULTS_H

#include "config/config_bind.h"

/* After binding: fills plugin_dir, admin, base_url, store.url (config_store_env.c), plugin
 * files, breaker times, the parts of routes, and resolves `enabled: auto` of what names a job. */
void config_fill_defaults(struct config_binding *b, struct config *c,
                          const struct config_load_options *options);

/* When the origins are sorted: which sections that stand in for each other the files speak of. */
void config_fill_given(struct config *c);

/* The admin socket alone: what of it is needed after a binding with place_only. */
void config_fill_place(struct config_binding *b, struct config_host *host);

/* Redis of the environment, for a file that says nothing about store.url. NULL = none there; an
 * error may have been reported. */
const char *config_store_from_env(struct config_binding *b, const void *slot);

#endif
