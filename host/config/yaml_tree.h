/* YAML text to a tree of nodes with places, over libyaml's events. No typing: every scalar is
 * text.
 *
 *     mapping ─ child ─▶ value ─ next ─▶ value ...    each value of a mapping has its `key`
 *     sequence ─ child ─▶ item ─ next ─▶ item ...
 *
 * What YAML allows and a config must not use is refused here, by name: anchors, aliases, merge
 * keys, tags, a second document, duplicate keys, keys that are not plain words, NUL bytes,
 * UTF-16, nesting beyond YAML_TREE_DEPTH_MAX (libyaml's scanner is quadratic in depth, so the
 * parse ends at once there). */
#ifndef JOBHOST_CONFIG_YAML_TREE_H
#define JOBHOST_CONFIG_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "config/config_report.h"

enum { YAML_TREE_DEPTH_MAX = 32, YAML_TREE_FILE_MAX = 256 * 1024 };

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted; /* a scalar in quotes or a block scalar                    */
    bool shown;  /* by the binder: this word, or this mapping's keys, may stand in an excerpt */
    struct config_place at;
    int end_line, end_column; /* first place after a scalar                 */
    char *text;               /* YAML_TEXT: NUL-terminated, without inner NUL */
    size_t len;
    struct yaml_node *key; /* of a mapping's value                         */
    struct yaml_node *child, *next;
    size_t count; /* children                                              */
};

/* Parses one document. `where` names the file. Problems go to `report`; NULL after a syntax
 * error or for an empty file. Nodes live in `arena`. The text must not be longer than
 * YAML_TREE_FILE_MAX. */
struct yaml_node *yaml_tree_parse(struct arena *arena, struct config_place where, struct bytes text,
                                  struct config_report *report);

/* The value under `key`, or NULL. `map` may be NULL or of another kind. */
struct yaml_node *yaml_tree_get(const struct yaml_node *map, const char *key);

/* An empty plain scalar: what stands after `key:` when nothing does. */
bool yaml_tree_is_empty(const struct yaml_node *node);

/* "a mapping", "a list", "a word": for messages. */
const char *yaml_tree_kind_name(const struct yaml_node *node);

/* Takes a value out of its mapping. */
void yaml_tree_remove(struct yaml_node *map, const struct yaml_node *value);

/* The n-th line (from 1) of `text` without its line break, by YAML's idea of line breaks. Empty
 * beyond the end. */
struct bytes yaml_tree_line(struct bytes text, int line);

#endif
