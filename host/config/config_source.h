/* The files of one load: read whole into memory (one buffer serves parser, excerpts and places),
 * parsed, and joined.
 *
 *     main file ─┬─ its own sections
 *                └─ include: conf.d/a.yaml, conf.d/b.yaml ...   (depth 1, in byte order)
 *
 * All of it dies with the load; texts and trees are wiped, for they may hold secrets. */
#ifndef JOBHOST_CONFIG_CONFIG_SOURCE_H
#define JOBHOST_CONFIG_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/yaml_tree.h"

enum { CONFIG_FILES_MAX = 256 };

struct config_source {
    const char *name;    /* as the user named it                                          */
    const char *dir;     /* absolute: relative paths in this file begin here              */
    struct buf text;     /* owned                                                         */
    bool open_to_others; /* group or others may read the file                             */
    struct yaml_node *root;
    unsigned long long device, inode;
};

struct config_sources {
    struct arena arena;
    struct config_source *items; /* the main file first */
    size_t count;
    bool no_files; /* text in memory that must not make us open anything */
};

/* Reads and parses `path` and what it includes, and joins them into one tree (the main file's).
 * NULL when there is no tree to go on with; problems go to `report`. */
struct yaml_node *config_sources_load(struct config_sources *sources, const char *path,
                                      struct config_report *report);
/* Same for text in memory, with `name` for messages; relative paths begin in the current
 * directory. */
struct yaml_node *config_sources_load_text(struct config_sources *sources, const char *name,
                                           struct bytes text, struct config_report *report);
void config_sources_finish(struct config_sources *sources);

/* Adds the sections of `other` to `root`. What both have is an error that names both places;
 * only the entries of named sections and the keys of plain ones come together. */
void config_merge(struct yaml_node *root, struct yaml_node *other, struct config_report *report);

/* `path` made absolute: relative ones begin in `dir`; "." parts and doubled slashes are dropped.
 * NULL = out of memory. */
const char *config_path_join(struct arena *arena, const char *dir, const char *path);

#endif
