/* What is wrong although every key is right: values that contradict each other, within a section and across. */
#ifndef JOBHOST_CONFIG_CONFIG_CHECK_H
#define JOBHOST_CONFIG_CONFIG_CHECK_H

#include "config/config_bind.h"

/* After the defaults are filled in. */
void config_check(struct config_binding *b, const struct config *c);

/* config_check_http.c: hooks and routes. */
void config_check_hooks(struct config_binding *b, const struct config *c);
void config_check_routes(struct config_binding *b, const struct config *c);

/* Under "<section>.<entry's name>.<key>", at the entry. `key` may be "". */
void config_check_error(struct config_binding *b, const struct config_entry *entry,
                        const char *section, const char *key, const char *code, const char *fmt,
                        ...) __attribute__((format(printf, 6, 7)));

#endif
