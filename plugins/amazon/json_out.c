#include <string.h>

#include "encoding.h"
#include "json_out.h"
#include "number.h"

static void put_string(FILE *out, const char *text) {
    size_t len = strlen(text);
    (void)fputc('"', out);
    for (size_t i = 0; i < len;) {
        size_t n = encoding_char(text + i, len - i);
        unsigned char c = (unsigned char)text[i];
        if (n == 0) {
            (void)fputs("\xEF\xBF\xBD", out);
            n = 1;
        } else if (c == '"' || c == '\\') {
            (void)fprintf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7F) {
            (void)fprintf(out, "\\u%04x", c);
        } else {
            (void)fwrite(text + i, 1, n, out);
        }
        i += n;
    }
    (void)fputc('"', out);
}

static void begin(struct json_out *j, const char *key) {
    if (j->comma) {
        (void)fputc(',', j->out);
    }
    j->comma = true;
    if (key != NULL) {
        put_string(j->out, key);
        (void)fputc(':', j->out);
    }
}

void json_open(struct json_out *j, const char *key, char bracket) {
    begin(j, key);
    (void)fputc(bracket, j->out);
    j->comma = false;
}

void json_close(struct json_out *j, char bracket) {
    (void)fputc(bracket, j->out);
    j->comma = true;
}

void json_text(struct json_out *j, const char *key, const char *text) {
    begin(j, key);
    if (text == NULL || text[0] == '\0') {
        (void)fputs("null", j->out);
    } else {
        put_string(j->out, text);
    }
}

void json_int(struct json_out *j, const char *key, int64_t value) {
    begin(j, key);
    if (value == NUMBER_NONE) {
        (void)fputs("null", j->out);
    } else {
        (void)fprintf(j->out, "%lld", (long long)value);
    }
}

void json_ints(struct json_out *j, const struct json_figure *figures, size_t count) {
    for (size_t i = 0; i < count; i++) {
        json_int(j, figures[i].key, figures[i].value);
    }
}

void json_bool(struct json_out *j, const char *key, bool value) {
    begin(j, key);
    (void)fputs(value ? "true" : "false", j->out);
}
