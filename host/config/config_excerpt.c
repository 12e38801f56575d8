#include "config/config_excerpt.h"

#include <limits.h>
#include <string.h>

enum { EXCERPT_MAX = 120 };

// Does the word stand on the line, and from which column on?
static bool takes_up(const struct yaml_node *word, unsigned source, int line, int *ret_column) {
    *ret_column = word->at.line == line ? word->at.column : 1;
    return word->at.source == source && word->at.line <= line && line <= word->end_line;
}

// The first column on `line` that a word which must not be shown takes up; INT_MAX = none.
static int first_hidden(const struct yaml_node *node, unsigned source, int line) {
    int first = INT_MAX;
    for (const struct yaml_node *v = node->child; v != NULL; v = v->next) {
        int column = first_hidden(v, source, line);
        first = column < first ? column : first;
        if (v->key != NULL && !node->shown && takes_up(v->key, source, line, &column)) {
            first = column < first ? column : first;
        }
    }
    int column;
    if (node->kind == YAML_TEXT && !node->shown && takes_up(node, source, line, &column)) {
        first = column < first ? column : first;
    }
    return first;
}

// The first column behind every word and key of the line: from there on a # begins a comment.
static int after_last_word(const struct yaml_node *node, unsigned source, int line) {
    int last = 0;
    const struct yaml_node *const both[] = {node, node->key};
    for (int i = 0; i < 2; i++) {
        const struct yaml_node *n = both[i];
        if (n != NULL && n->kind == YAML_TEXT && n->at.source == source && n->end_line == line &&
            n->end_column > last) {
            last = n->end_column;
        }
    }
    for (const struct yaml_node *v = node->child; v != NULL; v = v->next) {
        int column = after_last_word(v, source, line);
        last = column > last ? column : last;
    }
    return last;
}

// The line without a comment at its end: nobody knows what stands in one.
static struct bytes without_comment(struct bytes line, int from) {
    const char *text = line.data;
    int column = 1;
    for (size_t i = 0; i < line.len; i++) {
        if (column >= from && text[i] == '#') {
            while (i > 0 && (text[i - 1] == ' ' || text[i - 1] == '\t')) {
                i--;
            }
            return (struct bytes){text, i};
        }
        column += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return line;
}

// Adds up to `columns` characters; false when the line goes on after them.
static bool add_columns(struct bytes line, int columns, struct buf *out) {
    const char *text = line.data;
    for (size_t i = 0; i < line.len; i++) {
        bool begins = ((unsigned char)text[i] & 0xC0) != 0x80;
        if (begins && columns-- == 0) {
            return false;
        }
        buf_char(out, text[i] == '\t' ? ' ' : text[i]);
    }
    return true;
}

// No tree: nothing is known about the words, so only a key at the beginning of the line is shown.
static int after_first_key(struct bytes line) {
    const char *text = line.data;
    int column = 0;
    size_t i = 0;
    while (i < line.len && (text[i] == ' ' || text[i] == '\t' || text[i] == '-')) {
        i++;
        column++;
    }
    size_t start = i;
    while (i < line.len && text[i] != '\0' &&
           strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", text[i]) !=
               NULL) {
        i++;
        column++;
    }
    return i > start && i < line.len && text[i] == ':' ? column + 3 : 0;
}

bool config_excerpt(void *sources, struct config_place at, struct buf *out) {
    const struct config_sources *s = sources;
    if (at.source >= s->count || at.line < 1) {
        return false;
    }
    const struct config_source *source = &s->items[at.source];
    struct bytes text = buf_bytes(&source->text);
    if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0) {
        text = (struct bytes){(const char *)text.data + 3, text.len - 3};
    }
    struct bytes line = yaml_tree_line(text, at.line);
    int limit = INT_MAX;
    if (source->root == NULL) {
        limit = after_first_key(line);
    } else {
        // a node of an included file may hang in the main tree by now
        limit = first_hidden(source->root, at.source, at.line);
        int joined = first_hidden(s->items[0].root, at.source, at.line);
        limit = joined < limit ? joined : limit;
        int here = after_last_word(source->root, at.source, at.line);
        int there = after_last_word(s->items[0].root, at.source, at.line);
        line = without_comment(line, here > there ? here : there);
    }
    bool cut = limit <= EXCERPT_MAX;
    limit = cut ? limit : EXCERPT_MAX;
    if (limit <= 1 || (cut && source->root != NULL && at.column > limit)) {
        return false;
    }
    if (!add_columns(line, limit - 1, out)) {
        buf_str(out, "...");
    }
    return !out->failed;
}
