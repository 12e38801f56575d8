/* From a tree to the typed config, by the tables: one pass that fills every slot, with its
 * default where the file is silent, and reports every problem on its way. */
#ifndef JOBHOST_CONFIG_CONFIG_BIND_H
#define JOBHOST_CONFIG_CONFIG_BIND_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config_private.h"
#include "config/config_source.h"
#include "config/config_subst.h"
#include "config/config_tables.h"
#include "config/config_value.h"

struct config_binding {
    struct config_private *priv; /* arena, vault, origins of the config under way */
    struct config_report *report;
    const struct config_sources *sources;
    const struct config_env *env;
    bool place_only;            /* binds rows with FIELD_PLACE alone                  */
    const bool *loose;          /* host.allow_loose_secret_files: bound before any secret */
    struct config_entry *entry; /* the named entry under way, or NULL                 */
    struct config_place at;     /* of the mapping under way: where missing keys are reported */
    char path[256];             /* "queues.crawl.retry"                               */
    size_t path_len;
};

/* Fills the struct at `base` from `node`: a mapping, a word for the table's FIELD_SHORT row, or
 * NULL for all defaults. */
void config_bind_table(struct config_binding *b, const struct config_table *table,
                       struct yaml_node *node, void *base);

/* ---- for the parts of the binder (config_bind_*.c) ---- */

/* Adds a part to the path ("host" + "listen", "[2]") and gives the length to go back to. */
size_t config_path_push(struct config_binding *b, const char *part);
void config_path_pop(struct config_binding *b, size_t len);

/* The text itself, or "" and an out-of-memory error where an allocation gave NULL: nobody after
 * this meets a NULL name. */
const char *config_bind_checked(struct config_binding *b, const char *allocated);

/* An error at `node`, under the path as it stands. */
void config_bind_error(struct config_binding *b, const struct yaml_node *node, const char *code,
                       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void config_bind_no_memory(struct config_binding *b, const struct yaml_node *node);
void config_bind_wrong_kind(struct config_binding *b, const struct yaml_node *node,
                            const char *expected);

/* What one scalar came to. */
struct config_scalar {
    struct config_word word;
    struct config_substituted text;
    bool unset; /* an optional secret whose default is empty: as if it were not there */
};

/* Substitutes in `node` and judges it as row `field` would. False: nothing to bind; an error was
 * reported, or the entry is off. */
bool config_bind_scalar(struct config_binding *b, const struct config_field *field,
                        struct yaml_node *node, struct config_scalar *ret);

/* config_bind_scalar and config_value_read into `slot`. */
bool config_bind_word(struct config_binding *b, const struct config_field *field,
                      struct yaml_node *node, void *slot, struct config_scalar *ret);

/* A secret that is not there: the entry goes off under `enabled: auto`, else it is an error. */
void config_bind_unresolved(struct config_binding *b, const struct yaml_node *node, int status,
                            const char *code, const char *why);

/* Remembers where the slot's value came from. `scalar` NULL = from the file's text alone. */
void config_bind_origin(struct config_binding *b, const void *slot, const struct yaml_node *node,
                        const struct config_scalar *scalar, bool hidden);
/* The variables of a value that is a secret. */
void config_bind_consumed(struct config_binding *b, const struct config_scalar *scalar);

/* Is `word` one of field->words? Otherwise an error with `code` at `node` that lists them. */
bool config_bind_is_word(struct config_binding *b, const struct config_field *field,
                         const struct yaml_node *node, const struct config_word *word,
                         const char *code);

/* Fills the slots of one row from `node`, which is NULL only for sections, named entries and
 * lists (all defaults). `base` is the struct that field->offset counts from. */
typedef void config_binder(struct config_binding *b, const struct config_field *field,
                           struct yaml_node *node, void *base);

config_binder config_bind_one;  /* one word: config_bind_scalar.c  */
config_binder config_bind_twin; /* KEY_file: PATH, same file       */
config_binder config_bind_strings, config_bind_labels,
    config_bind_json;                                         /* config_bind_values.c         */
config_binder config_bind_plugin_options, config_bind_verify; /* config_bind_options.c           */
config_binder config_bind_section, config_bind_named,
    config_bind_list; /* config_bind_entries.c         */

#endif
