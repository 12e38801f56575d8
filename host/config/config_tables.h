/* The one home of every key: its name, type, range, default, secrecy and words for people.
 *
 *     config_root ─┬─ "host"    SECTION ─▶ table of keys
 *                  ├─ "queues"  NAMED   ─▶ table of one entry's keys        name: {...}
 *                  ├─ "routes"  LIST    ─▶ table of one element's keys      - {...}
 *                  └─ "plugin_dir" PATH
 *
 * Binding, `config schema`, `config dump`, docs/config.md, the hash and the comparison for
 * reloads all walk these rows, so they cannot drift apart. Defaults are text, as a user would
 * write them, and are read by the same code as the file's. */
#ifndef JOBHOST_CONFIG_CONFIG_TABLES_H
#define JOBHOST_CONFIG_CONFIG_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum config_kind {
    /* one word; the slot's C type behind */
    CONFIG_BOOL,     /* true, false                                  bool           */
    CONFIG_INT,      /* 42                                           int64_t        */
    CONFIG_INT32,    /* 42                                           int32_t        */
    CONFIG_NUMBER,   /* 0.2; with max 1 also 20%                     double         */
    CONFIG_DURATION, /* 1h30m                                        int64_t (ms)   */
    CONFIG_SIZE,     /* 10MiB                                        int64_t        */
    CONFIG_RATE,     /* 60, or 10/s (which sets `per` as well)       struct config_rate */
    CONFIG_STRING,   /* any text, or one that `form` accepts         const char *   */
    CONFIG_WORD,     /* one of `words`                               const char *   */
    CONFIG_CHOICE,   /* one of `words`                               int (its index) */
    CONFIG_PATH,     /* made absolute                                const char *   */
    CONFIG_SOCKET,   /* "unix:PATH"; the slot holds the absolute PATH               */
    CONFIG_LOCATION, /* "sqlite:PATH" and the like: PATH made absolute; other text stays */
    CONFIG_SECRET,   /* text that is never shown                     const char *   */
    /* several */
    CONFIG_STRINGS, /* list of texts                                const char ** and a count */
    CONFIG_LABELS,  /* list of words                                const char * "a,b"        */
    CONFIG_JSON,    /* any YAML                                     const char * (JSON text)  */
    CONFIG_SECRETS, /* list of secrets (parameters of schemes only)                           */
    /* structure */
    CONFIG_SECTION, /* a mapping with the keys of `table`, in the same struct or a nested one */
    CONFIG_NAMED,   /* a mapping of names to entries                array and a count         */
    CONFIG_LIST,    /* a list of entries                            array and a count         */
    CONFIG_OPTIONS, /* plugins.<name>.config                        array and a count         */
    CONFIG_VERIFY,  /* a list of {scheme: parameters}               array and a count         */
    CONFIG_INCLUDE, /* read before everything else; no slot                                   */
    CONFIG_RENAMED, /* the old name of key `fallback`, gone in release `default_words`        */
    CONFIG_KIND_COUNT
};

enum {
    FIELD_REQUIRED = 1,
    FIELD_RESTART = 2,   /* a change needs a new start of the host                              */
    FIELD_SHORT = 4,     /* a word in place of the mapping stands for this key                  */
    FIELD_ONE = 8,       /* a list of one may be written without the list                       */
    FIELD_PASSWORD = 16, /* may hold a password (user:password@): masked, has a *_file twin    */
    FIELD_PLACE = 32,    /* tells where the host is, or is needed to read what does            */
    FIELD_LIVE = 64      /* of a plugin: a change is no reason for new worker processes        */
};

/* What a text has to look like. `pattern` says the same as `check` in the schema's regular
 * expressions; a corpus judged by both keeps them together. */
struct config_form {
    const char *what; /* "a queue name" */
    const char *pattern;
    int (*check)(const char *text, struct err *e); /* 0, or negative with the reason */
};

struct config_rate {
    int64_t rate, per_ms; /* per_ms 0 = not said */
};

struct config_table;
struct config_field {
    const char *key;
    enum config_kind kind;
    unsigned flags;
    size_t offset;
    size_t count_offset;       /* of the size_t beside an array                                  */
    const char *fallback;      /* the default as text; NULL = unset                              */
    const char *default_words; /* for people, when the default is worked out                     */
    int64_t min,
        max; /* numbers, durations (ms), sizes; strings and lists: length; max 0 = no limit */
    const char *const *words; /* NULL-terminated; of a NAMED: its entries, which always exist  */
    const struct config_form
        *form; /* of the text, or of the names of a NAMED                     */
    const struct config_table *table;
    const char *doc;
};

struct config_table {
    const char *what; /* one of them: "a queue" */
    const struct config_field *fields;
    size_t count;
    size_t size; /* of the struct; 0 = a plain section */
    bool entry;  /* the struct begins with a struct config_entry */
    const char *doc;
};

extern const struct config_table config_root, config_plugin_table;

extern const struct config_table config_retry_table; /* of a struct config_retry */

/* The tables whose entries exist without being written: unnamed queues and job types. */
extern const struct config_table config_queue_table, config_job_table;

/* For definitions that come by the API, with the same keys. */
extern const struct config_table config_schedule_table;

/* Parameters of the schemes of hooks.<name>.verify; `what` is the scheme's name. */
extern const struct config_table config_schemes[];
extern const size_t config_scheme_count;

const struct config_field *config_table_field(const struct config_table *table, const char *key);

#endif
