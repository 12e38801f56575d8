#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/json.h"
#include "base/rfc3339.h"

static const struct {
    const char *name;
    const char *padded;
    const char *journal;
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", "debug ", "<7>"},
    [LOG_LEVEL_INFO] = {"info", "info  ", "<6>"},
    [LOG_LEVEL_WARN] = {"warn", "warn  ", "<4>"},
    [LOG_LEVEL_ERROR] = {"error", "error ", "<3>"},
};

// Control bytes and the C1 controls (C2 80..9F in UTF-8), which terminals obey, become \xNN. Inside
// quotes, a quote and a backslash are told from those that we write.
static void add_escaped(struct buf *b, const char *text, size_t len, bool quoted) {
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    for (; p < end; p++) {
        if (quoted && (*p == '"' || *p == '\\')) {
            buf_char(b, '\\');
            buf_char(b, (char)*p);
        } else if (*p == '\n') {
            buf_str(b, "\\n");
        } else if (*p < 0x20 || *p == 0x7f) {
            buf_printf(b, "\\x%02x", *p);
        } else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
            buf_printf(b, "\\x%02x\\x%02x", p[0], p[1]);
            p++;
        } else {
            buf_char(b, (char)*p);
        }
    }
}

// The length of "key" if a field `key=` begins here, else 0.
static size_t field_key(const char *p) {
    size_t len = 0;
    while (isalnum((unsigned char)p[len]) || p[len] == '_' || p[len] == '.') {
        len++;
    }
    return p[len] == '=' ? len : 0;
}

// A value runs to the next " key=" or to the end.
static size_t field_value(const char *p, const char *end) {
    size_t len = 0;
    while (p + len < end && (p[len] != ' ' || field_key(p + len + 1) == 0)) {
        len++;
    }
    return len;
}

// A line's fields: plain ones, and at the end perhaps a text in quotes, which goes on to the end of
// the line whatever is in it. Points into the line.
struct fields {
    const char *plain;
    size_t plain_len;
    const char *key; // NULL: no text
    size_t key_len;
    const char *text;
    size_t text_len;
};

static struct fields split(const char *line, bool cut) {
    struct fields f = {.plain = line, .plain_len = strlen(line)};
    const char *mark = strstr(line, "=\"");
    size_t len = mark == NULL ? 0 : strlen(mark + 2);
    bool closed = len > 0 && mark[2 + len - 1] == '"';
    if (mark == NULL || (!closed && !cut)) {
        return f;
    }
    const char *key = mark;
    while (key > line && key[-1] != ' ') {
        key--;
    }
    if (key != mark && field_key(key) == (size_t)(mark - key)) {
        f.plain_len = (size_t)(key - line) - (key > line);
        f.key = key;
        f.key_len = (size_t)(mark - key);
        f.text = mark + 2;
        f.text_len = len - closed;
    }
    return f;
}

static bool is_integer(const char *p, size_t len) {
    size_t sign = len > 0 && p[0] == '-' ? 1 : 0;
    size_t digits = strspn(p + sign, "0123456789");
    return sign + digits == len && digits > 0 && digits <= 15 && (p[sign] != '0' || digits == 1);
}

static void add_json_value(struct buf *b, const char *p, size_t len) {
    if (is_integer(p, len)) {
        buf_add(b, p, len);
        return;
    }
    if (len >= 2 && p[0] == '"' && p[len - 1] == '"') {
        p++;
        len -= 2;
    }
    json_strn(b, p, len);
}

static void add_json_plain(struct buf *b, const char *p, const char *end) {
    while (p < end) {
        size_t key_len = field_key(p);
        const char *value = key_len == 0 ? p : p + key_len + 1;
        size_t len = field_value(value, end);
        json_comma(b);
        json_strn(b, key_len == 0 ? "text" : p, key_len == 0 ? 4 : key_len);
        buf_char(b, ':');
        add_json_value(b, value, len);
        p = value + len;
        p += p < end;
    }
}

static void build_json(struct buf *b, const char *level, const char *now, const char *event,
                       const struct fields *f) {
    buf_char(b, '{');
    json_kstr(b, "time", now);
    json_kstr(b, "level", level);
    json_kstr(b, "event", event);
    add_json_plain(b, f->plain, f->plain + f->plain_len);
    if (f->key != NULL) {
        json_comma(b);
        json_strn(b, f->key, f->key_len);
        buf_char(b, ':');
        json_strn(b, f->text, f->text_len);
    }
    buf_str(b, "}\n");
}

static void build_text(struct buf *b, const char *event, const struct fields *f) {
    buf_str(b, event);
    if (f->plain_len > 0) {
        buf_char(b, ' ');
        add_escaped(b, f->plain, f->plain_len, false);
    }
    if (f->key != NULL) {
        buf_char(b, ' ');
        buf_add(b, f->key, f->key_len);
        buf_str(b, "=\"");
        add_escaped(b, f->text, f->text_len, true);
        buf_char(b, '"');
    }
    buf_char(b, '\n');
}

static void write_line(int fd, const struct buf *b) {
    ssize_t n;
    do {
        n = write(fd, b->data, b->len);
    } while (n == -1 && errno == EINTR);
}

void log_write(const struct log *log, enum log_level level, const char *event, const char *fmt,
               ...) {
    if (log->fd == -1 || level < log->level) {
        return;
    }
    char fields[LOG_FIELDS_MAX + 1];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(fields, sizeof fields, fmt, ap);
    va_end(ap);
    if (len < 0) {
        fields[0] = '\0';
    } else if (len > LOG_FIELDS_MAX) {
        memcpy(fields + LOG_FIELDS_MAX - 3, "...", 3);
    }

    const struct fields f = split(fields, len > LOG_FIELDS_MAX);
    struct buf line = {0};
    char now[RFC3339_LEN + 1];
    rfc3339_format(env_wall_ms(log->env), now);
    if (log->journal) {
        buf_str(&line, levels[level].journal);
    }
    if (log->json) {
        build_json(&line, levels[level].name, now, event, &f);
    } else {
        if (!log->journal) {
            buf_printf(&line, "%s %s", now, levels[level].padded);
        }
        build_text(&line, event, &f);
    }
    if (!line.failed) {
        write_line(log->fd, &line);
    }
    buf_free(&line);
}
