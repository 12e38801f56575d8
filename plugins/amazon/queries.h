/* What a front end asks before there is a job (README.md, "Queries"). Both read nothing but their payload. */
#ifndef AMAZON_QUERIES_H
#define AMAZON_QUERIES_H

#include "jobhost_plugin.h"

/* What may be chosen and what reports look like: for menus and help. */
jh_status queries_catalog(void *self, struct jh_call *c, const struct jh_job *job);
/* Which report a file is, by its first line and its name: before it is sent. */
jh_status queries_recognize(void *self, struct jh_call *c, const struct jh_job *job);

extern const struct jh_option queries_recognize_takes[];
/* A query without fields. */
extern const struct jh_option queries_no_fields[];

#endif
