/* What texts have to look like: the checks behind `form` in the tables. Each has a pattern for
 * the schema beside it. */
#ifndef JOBHOST_CONFIG_CONFIG_FORMS_H
#define JOBHOST_CONFIG_CONFIG_FORMS_H

#include "config/config_tables.h"

extern const struct config_form form_name; /* of schedules, hooks, limits, notify rules, views */
extern const struct config_form form_plugin_name;
extern const struct config_form form_queue, form_job_type;
extern const struct config_form form_failure_class; /* one whose failures are tried again */
extern const struct config_form
    form_address; /* 127.0.0.1:8080, [::1]:8080, localhost:8080, unix:PATH */
extern const struct config_form form_proxy;     /* 10.0.0.1, 10.0.0.0/8, unix */
extern const struct config_form form_socket;    /* unix:PATH */
extern const struct config_form form_http_url;  /* http:// or https://, with a host */
extern const struct config_form form_origin;    /* scheme and host, no path */
extern const struct config_form form_store_url; /* the schemes of the store */
extern const struct config_form form_sqlite_url;
extern const struct config_form form_blob_place; /* dir:PATH */
extern const struct config_form form_cron;       /* see core/cron.h */
extern const struct config_form form_zone; /* the shape of a name; that it exists: config_zone.h */
extern const struct config_form form_time; /* RFC 3339 */
extern const struct config_form form_path; /* of a URL: begins with a slash */
extern const struct config_form form_hook_path; /* /path/{name} */
extern const struct config_form form_match;     /* METHOD /path/{name} */
extern const struct config_form form_header;
extern const struct config_form form_label;    /* of a k=v list in a header */
extern const struct config_form form_template; /* of signed bytes: {id} {timestamp} {body} */
extern const struct config_form form_absolute; /* a path that begins with a slash */
extern const struct config_form form_port;     /* 1 to 65535 */
extern const struct config_form form_egress;   /* core/egress.h */
extern const struct config_form form_weight;   /* a tenant and its weight: NAME=3 */
extern const struct config_form form_program;  /* a name for PATH, or an absolute path */

/* "unix:" or "/...": does nobody outside this machine reach it? `address` has form_address. */
bool config_address_is_local(const char *address);

/* The weight at the end of a text of form_weight, and how long the name before it is. */
uint32_t config_weight(const char *text, size_t *ret_name_len);

/* The METHODs of form_match, NULL-terminated. */
extern const char *const config_methods[];

#endif
