#include "cli/sse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void take_field(struct sse *s, const char *name, const char *value) {
    if (strcmp(name, "data") == 0) {
        if (s->data.len > 0) {
            buf_char(&s->data, '\n');
        }
        buf_str(&s->data, value);
    } else if (strcmp(name, "event") == 0) {
        (void)snprintf(s->event, sizeof s->event, "%s", value);
    } else if (strcmp(name, "id") == 0) {
        (void)snprintf(s->id, sizeof s->id, "%s", value);
    }
}

static void take_line(struct sse *s) {
    char *line = s->line.len == 0 ? NULL : s->line.data;
    if (line == NULL) { // the empty line ends an event
        if (s->data.len > 0) {
            s->on_event(s->arg, s->event, s->data.data);
        }
        buf_clear(&s->data);
        s->event[0] = '\0';
        return;
    }
    char *colon = strchr(line, ':');
    if (colon == line) {
        return; // a comment
    }
    char *value = line + strlen(line);
    if (colon != NULL) {
        *colon = '\0';
        value = colon + 1 + (colon[1] == ' ');
    }
    take_field(s, line, value);
}

int sse_feed(struct sse *s, const char *bytes, size_t len) {
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t n = end == NULL ? len : (size_t)(end - bytes);
        buf_add(&s->line, bytes, n);
        if (end != NULL) {
            if (s->line.len > 0 && s->line.data[s->line.len - 1] == '\r') {
                s->line.data[--s->line.len] = '\0';
            }
            take_line(s);
            buf_clear(&s->line);
            n++;
        }
        bytes += n;
        len -= n;
    }
    return s->line.failed || s->data.failed ? -ENOMEM : 0;
}

void sse_reset(struct sse *s) {
    buf_clear(&s->line);
    buf_clear(&s->data);
    s->event[0] = '\0';
}

void sse_finish(struct sse *s) {
    buf_free(&s->line);
    buf_free(&s->data);
}
