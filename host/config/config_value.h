/* One word of the file to one typed slot, and back. The type comes from the key's row, never
 * from how YAML would read the word. */
#ifndef JOBHOST_CONFIG_CONFIG_VALUE_H
#define JOBHOST_CONFIG_CONFIG_VALUE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/config_tables.h"

struct config_word {
    const char *text; /* for texts the slot points here: it must live as long as the config */
    bool quoted;      /* in quotes, and nothing in it was substituted: a string for sure */
    bool secret;      /* the words of an error must not show it */
    const char
        *variable;   /* the environment variable it came from, or NULL: named instead of shown */
    const char *dir; /* relative paths begin here */
    struct arena *arena;
};

/* Reads `word` into `slot` as row `field` says. NULL, or the diagnostic's code with the reason
 * in *e; the slot is then untouched. */
const char *config_value_read(const struct config_field *field, const struct config_word *word,
                              void *slot, struct err *e);

/* The slot as a user would write it, without quotes; nothing for an unset text. Not for secrets
 * and structures. */
void config_value_write(const struct config_field *field, const void *slot, struct buf *out);

/* True when the slot holds something that can be shown (a text that is not NULL; numbers
 * always). */
bool config_value_is_set(const struct config_field *field, const void *slot);

/* What an error says was found: the text in quotes, or "the value of NAME", or nothing of it at
 * all. */
const char *config_value_found(const struct config_word *word, char out[96]);

/* "a duration such as 30s" */
const char *config_value_expected(const struct config_field *field);
/* "duration": for tables of keys */
const char *config_value_type_name(const struct config_field *field);

/* Must `config dump` quote it, or is it a number or true/false? */
bool config_value_is_bare(const struct config_field *field);

/* `words` as "a, b or c". */
void config_value_words(const char *const *words, struct buf *out);

#endif
