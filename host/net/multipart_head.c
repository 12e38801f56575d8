/* What a part's headers say, and the boundary in a Content-Type. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "net/disposition.h"
#include "net/http1_private.h"
#include "net/multipart_private.h"

struct text {
    const char *p, *end;
};

static void skip_blanks(struct text *t) {
    while (t->p < t->end && (*t->p == ' ' || *t->p == '\t')) {
        t->p++;
    }
}

static bool is(struct bytes b, const char *word) {
    return b.len == strlen(word) && strncasecmp(b.data, word, b.len) == 0;
}

static bool starts(struct bytes b, const char *word) {
    return b.len >= strlen(word) && strncasecmp(b.data, word, strlen(word)) == 0;
}

/* Possibly empty. */
static struct bytes take_token(struct text *t) {
    const char *from = t->p;
    while (t->p < t->end && http1_is(*t->p, CLASS_TOKEN)) {
        t->p++;
    }
    return (struct bytes){from, (size_t)(t->p - from)};
}

/* Between quotes as it stands. A backslash is an escape to some and a character to others (browsers
 * among them), so there is none where they would find another end. */
static bool take_quoted(struct text *t, struct bytes *ret) {
    const char *from = ++t->p;
    while (t->p < t->end && *t->p != '"') {
        if (*t->p == '\t') {
            return false;
        }
        t->p++;
    }
    *ret = (struct bytes){from, (size_t)(t->p - from)};
    return t->p++ < t->end && (ret->len == 0 || t->p[-2] != '\\');
}

/* "; name=value", blanks around the semicolon: 1; 0 at the end; -EINVAL. */
static int take_param(struct text *t, struct bytes *ret_name, struct bytes *ret_value) {
    skip_blanks(t);
    if (t->p == t->end) {
        return 0;
    }
    if (*t->p++ != ';') {
        return -EINVAL;
    }
    skip_blanks(t);
    *ret_name = take_token(t);
    if (ret_name->len == 0 || t->p == t->end || *t->p++ != '=' || t->p == t->end) {
        return -EINVAL;
    }
    if (*t->p == '"') {
        return take_quoted(t, ret_value) ? 1 : -EINVAL;
    }
    *ret_value = take_token(t);
    return ret_value->len > 0 ? 1 : -EINVAL;
}

/* ---- the boundary ---- */

static bool boundary_valid(struct bytes b) {
    static const char others[] = "'()+_,-./:=? ";
    const char *text = b.data;
    if (b.len == 0 || b.len > MULTIPART_BOUNDARY_MAX || text[b.len - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < b.len; i++) {
        bool letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z');
        if (!letter && !http1_is(text[i], CLASS_DIGIT) &&
            memchr(others, text[i], sizeof others - 1) == NULL) {
            return false;
        }
    }
    return true;
}

int multipart_boundary(struct bytes content_type, char ret[MULTIPART_BOUNDARY_MAX + 1]) {
    static const char type[] = "multipart/form-data";
    struct bytes name, value, boundary = {NULL, 0};
    if (!starts(content_type, type)) {
        return -EINVAL;
    }
    const char *text = content_type.data;
    struct text t = {text + sizeof type - 1, text + content_type.len};
    int r;
    while ((r = take_param(&t, &name, &value)) == 1) {
        if (starts(name, "boundary")) { // boundary*, boundary*0: another one, to some
            if (name.len != strlen("boundary") || boundary.data != NULL) {
                return -EINVAL;
            }
            boundary = value;
        }
    }
    if (r < 0 || !boundary_valid(boundary)) {
        return -EINVAL;
    }
    memcpy(ret, boundary.data, boundary.len);
    ret[boundary.len] = '\0';
    return 0;
}

/* ---- headers of a part ---- */

static bool take_name(struct bytes value, char out[MULTIPART_NAME_MAX + 1]) {
    const uint8_t *p = value.data, *end = p + value.len;
    if (value.len > MULTIPART_NAME_MAX) {
        return false;
    }
    while (p < end) {
        size_t n = utf8_char_len(p, end);
        if (n == 0) {
            return false;
        }
        p += n;
    }
    memcpy(out, value.data, value.len);
    out[value.len] = '\0';
    return true;
}

static enum multipart_error take_field_name(struct multipart *p, struct bytes value) {
    if (memchr(value.data, '\\', value.len) != NULL) {
        return MULTIPART_BAD_DISPOSITION;
    }
    return value.len > 0 && take_name(value, p->name) ? MULTIPART_OK : MULTIPART_BAD_NAME;
}

static enum multipart_error take_filename(struct multipart *p, struct bytes value) {
    char other[MULTIPART_NAME_MAX + 1];
    // filename* says the same in full, wherever it stands
    char *out = p->has_extended ? other : p->filename;
    p->has_filename = true;
    return take_name(disposition_base_name(value), out) ? MULTIPART_OK : MULTIPART_BAD_NAME;
}

static enum multipart_error take_extended(struct multipart *p, struct bytes value) {
    char name[MULTIPART_LINE_MAX];
    size_t len;
    p->has_filename = p->has_extended = true;
    return disposition_extended(value, name, &len) == 0 &&
                   take_name(disposition_base_name((struct bytes){name, len}), p->filename)
               ? MULTIPART_OK
               : MULTIPART_BAD_NAME;
}

static enum multipart_error take_disposition(struct multipart *p, struct text t) {
    static const struct {
        const char *name;
        enum multipart_error (*take)(struct multipart *p, struct bytes value);
    } params[] = {
        {"name", take_field_name}, {"filename", take_filename}, {"filename*", take_extended}};
    struct bytes name, value;
    int r;
    unsigned seen = 0; // bit per parameter
    if (p->has_disposition || !is(take_token(&t), "form-data")) {
        return MULTIPART_BAD_DISPOSITION;
    }
    p->has_disposition = true;
    while ((r = take_param(&t, &name, &value)) == 1) {
        size_t i = 0;
        while (i < ARRAY_LEN(params) && !is(name, params[i].name)) {
            i++;
        }
        if (i == ARRAY_LEN(params) || (seen & 1U << i) != 0) {
            return MULTIPART_BAD_DISPOSITION;
        }
        seen |= 1U << i;
        enum multipart_error error = params[i].take(p, value);
        if (error != MULTIPART_OK) {
            return error;
        }
    }
    return r < 0 || (seen & 1U) == 0 ? MULTIPART_BAD_DISPOSITION : MULTIPART_OK;
}

static enum multipart_error take_type(struct multipart *p, struct text t) {
    struct bytes value = {t.p, (size_t)(t.end - t.p)};
    if (p->has_type || value.len == 0 || value.len > MULTIPART_TYPE_MAX ||
        memchr(value.data, '\t', value.len) != NULL || starts(value, "multipart/")) {
        return MULTIPART_BAD_TYPE;
    }
    p->has_type = true;
    memcpy(p->type, value.data, value.len);
    p->type[value.len] = '\0';
    return MULTIPART_OK;
}

/* Only what leaves the content as it is. */
static enum multipart_error take_encoding(struct text t) {
    static const char *const plain[] = {"7bit", "8bit", "binary"};
    struct bytes value = {t.p, (size_t)(t.end - t.p)};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (is(value, plain[i])) {
            return MULTIPART_OK;
        }
    }
    return MULTIPART_BAD_ENCODING;
}

enum multipart_error multipart_head_take(struct multipart *p) {
    struct text t = {p->line, p->line + p->line_len};
    struct bytes name = take_token(&t);
    if (name.len == 0 || t.p == t.end || *t.p++ != ':') {
        return MULTIPART_BAD_HEADER;
    }
    skip_blanks(&t);
    while (t.end > t.p && (t.end[-1] == ' ' || t.end[-1] == '\t')) {
        t.end--;
    }
    return is(name, "Content-Disposition")         ? take_disposition(p, t)
           : is(name, "Content-Type")              ? take_type(p, t)
           : is(name, "Content-Transfer-Encoding") ? take_encoding(t)
                                                   : MULTIPART_OK;
}

enum multipart_error multipart_head_check(const struct multipart *p) {
    return p->has_disposition ? MULTIPART_OK : MULTIPART_BAD_DISPOSITION;
}
