/* What is wrong although every key is right: values that contradict each other, within a section
 * and across. */
#ifndef JOBHOST_CONFIG_CONFIG_CHECK_H
#define JOBHOST_CONFIG_CONFIG_CHECK_H

#include "config/config_bind.h"

enum { CONFIG_TOKEN_MIN = 16 }; /* bytes of host.admin_token */

/* After the defaults are filled in, the origins sorted and the index built. */
void config_check(struct config_binding *b, const struct config *c);

/* config_check_http.c: hooks and routes. */
void config_check_hooks(struct config_binding *b, const struct config *c);
void config_check_routes(struct config_binding *b, const struct config *c);
/* config_check_mapping.c: what has placeholders. */
void config_check_hook_texts(struct config_binding *b, const struct config_hook *hook);
/* config_check_schedules.c: their zones, and what is odd about their expressions. */
void config_check_schedules(struct config_binding *b, const struct config *c);
/* config_check_queues.c: what keys in Redis begin with. */
void config_check_key_prefixes(struct config_binding *b, const struct config *c);

/* What an error is about: it is reported at the value of `slot` where the file gives one, else
 * at the entry. */
struct config_subject {
    const struct config_entry *entry; /* NULL = a plain section                           */
    const char *section;              /* "plugins"; of a list with the index: "routes[2]" */
    const char *key;                  /* "retry.max"; "" = the entry itself               */
    const void *slot;                 /* NULL = the entry                                 */
};
void config_check_error(struct config_binding *b, const struct config_subject *subject,
                        const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void config_check_warning(struct config_binding *b, const struct config_subject *subject,
                          const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
