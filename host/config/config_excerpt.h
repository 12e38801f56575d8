/* The source line for a message, without anything that may be a secret: only words the binder
 * has marked as shown, keys and punctuation; the line is cut before the first other word. */
#ifndef JOBHOST_CONFIG_CONFIG_EXCERPT_H
#define JOBHOST_CONFIG_CONFIG_EXCERPT_H

#include "config/config_source.h"

/* For config_report_excerpts(); `sources` is a struct config_sources. */
bool config_excerpt(void *sources, struct config_place at, struct buf *out);

#endif
