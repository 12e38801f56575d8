#include "config/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "base/rfc3339.h"
#include "config/config_report.h"
#include "config/config_source.h"

struct reading {
    const struct config_field *field;
    const struct config_word *word;
    void *slot;
    struct err *e;
};

const char *config_value_found(const struct config_word *word, char out[96]) {
    if (word->variable != NULL) {
        (void)snprintf(out, 96, "the value of %.64s", word->variable);
        return out;
    }
    return word->secret ? "something else" : config_quote(out, word->text, strlen(word->text));
}

// "expected X, found "y"": the shape of most refusals
static const char *refuse(const struct reading *r, const char *code) {
    char found[96];
    (void)err_set(r->e, -EINVAL, "expected %s, found %s", config_value_expected(r->field),
                  config_value_found(r->word, found));
    return code;
}

static const char *refuse_quoted(const struct reading *r) {
    char found[96];
    (void)err_set(r->e, -EINVAL, "expected %s, found the text %s; leave the quotes out",
                  config_value_expected(r->field), config_value_found(r->word, found));
    return "quoted_number";
}

// ---- range

static void format_bound(const struct config_field *field, int64_t value, char out[48]) {
    if (field->kind == CONFIG_DURATION) {
        duration_format(value, out, 48);
    } else if (field->kind == CONFIG_SIZE) {
        size_format((uint64_t)value, out, 48);
    } else {
        (void)snprintf(out, 48, "%" PRId64, value);
    }
}

static const char *out_of_range(const struct reading *r) {
    char low[48], high[48], found[96];
    format_bound(r->field, r->field->min, low);
    format_bound(r->field, r->field->max, high);
    (void)err_set(r->e, -ERANGE, "%s is out of range; allowed is %s to %s",
                  config_value_found(r->word, found), low, high);
    return "out_of_range";
}

static bool in_range(const struct reading *r, int64_t value) {
    return value >= r->field->min && value <= r->field->max;
}

// ---- words with one meaning

// What YAML 1.1 and other languages write for true and false; NULL for anything else.
static const char *meant_bool(const char *text) {
    static const struct {
        const char *word, *meant;
    } habits[] = {{"yes", "true"},  {"on", "true"},    {"y", "true"},    {"1", "true"},
                  {"true", "true"}, {"no", "false"},   {"off", "false"}, {"n", "false"},
                  {"0", "false"},   {"false", "false"}};
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
        if (strcasecmp(text, habits[i].word) == 0) {
            return habits[i].meant;
        }
    }
    return NULL;
}

static const char *read_bool(const struct reading *r) {
    const char *text = r->word->text;
    bool is_true = strcmp(text, "true") == 0;
    if (r->word->quoted || (!is_true && strcmp(text, "false") != 0)) {
        const char *meant = meant_bool(text);
        if (meant == NULL || strcmp(meant, text) == 0) {
            return r->word->quoted ? refuse_quoted(r) : refuse(r, "bad_bool");
        }
        char found[96];
        (void)err_set(r->e, -EINVAL, "expected true or false, found %s; write %s",
                      config_value_found(r->word, found), meant);
        return "bad_bool";
    }
    *(bool *)r->slot = is_true;
    return NULL;
}

// Decimal digits with an optional minus; -ERANGE beyond 64 bits.
static int parse_integer(const char *text, int64_t *ret) {
    const char *digits = text + (*text == '-');
    bool octal = digits[0] == '0' && digits[1] != '\0'; // 010 means 8 to some readers: say neither
    if (*digits == '\0' || octal || digits[strspn(digits, "0123456789")] != '\0') {
        return -EINVAL;
    }
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        return -ERANGE;
    }
    *ret = value;
    return 0;
}

static const char *read_whole(const struct reading *r, int64_t *ret) {
    if (r->word->quoted) {
        return refuse_quoted(r);
    }
    int64_t value = 0;
    int status = parse_integer(r->word->text, &value);
    if (status == -EINVAL) {
        return refuse(r, "bad_int");
    }
    if (status == -ERANGE || !in_range(r, value)) {
        return out_of_range(r);
    }
    *ret = value;
    return NULL;
}

static const char *read_int(const struct reading *r) {
    return read_whole(r, r->slot);
}

static const char *read_int32(const struct reading *r) {
    int64_t value = 0;
    const char *code = read_whole(r, &value);
    if (code == NULL) {
        *(int32_t *)r->slot = (int32_t)value;
    }
    return code;
}

// Digits with one point at most: no exponent, no hex, no infinity, whatever the locale.
static int parse_decimal(const char *text, size_t len, double *ret) {
    double value = 0, scale = 1;
    size_t digits = 0;
    bool point = false;
    if (len > 20) {
        return -EINVAL;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' && !point && digits > 0) {
            point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9') {
            return -EINVAL;
        }
        digits++;
        value = value * 10 + (text[i] - '0');
        scale *= point ? 10 : 1;
    }
    if (digits == 0 || text[len - 1] == '.') {
        return -EINVAL;
    }
    *ret = value / scale;
    return 0;
}

static const char *read_number(const struct reading *r) {
    const char *text = r->word->text;
    size_t len = strlen(text);
    bool percent = r->field->max == 1 && len > 1 && text[len - 1] == '%';
    double value = 0;
    if (r->word->quoted && !percent) {
        return refuse_quoted(r);
    }
    if (parse_decimal(text, percent ? len - 1 : len, &value) < 0) {
        return refuse(r, "bad_number");
    }
    value = percent ? value / 100 : value;
    if (value < (double)r->field->min || value > (double)r->field->max) {
        return out_of_range(r);
    }
    *(double *)r->slot = value;
    return NULL;
}

static const char *refuse_bare_number(const struct reading *r, const char *code, const char *what,
                                      const char *unit) {
    bool shown = !r->word->secret && r->word->variable == NULL;
    int64_t ignored;
    if (shown && parse_integer(r->word->text, &ignored) != -EINVAL) {
        (void)err_set(r->e, -EINVAL, "a number without a unit; %s? write %.40s%s", what,
                      r->word->text, unit);
        return code;
    }
    return refuse(r, code);
}

static const char *read_duration(const struct reading *r) {
    int64_t ms = 0;
    int status = duration_parse(r->word->text, &ms);
    if (status == -EINVAL) {
        return refuse_bare_number(r, "bad_duration", "seconds", "s");
    }
    if (status < 0 || !in_range(r, ms)) {
        return out_of_range(r);
    }
    *(int64_t *)r->slot = ms;
    return NULL;
}

static const char *read_size(const struct reading *r) {
    uint64_t bytes = 0;
    int status = size_parse(r->word->text, &bytes);
    if (status == -EINVAL) {
        return refuse_bare_number(r, "bad_size", "bytes", "B");
    }
    if (status < 0 || bytes > INT64_MAX || !in_range(r, (int64_t)bytes)) {
        return out_of_range(r);
    }
    *(int64_t *)r->slot = (int64_t)bytes;
    return NULL;
}

// "60", or "10/s", "60/m", "5/10s"
static const char *read_rate(const struct reading *r) {
    const char *slash = strchr(r->word->text, '/');
    char count[24], unit[32];
    struct config_rate rate = {0};
    if (slash == NULL) {
        return read_whole(r, &((struct config_rate *)r->slot)->rate);
    }
    size_t len = (size_t)(slash - r->word->text);
    if (len >= sizeof(count) || strlen(slash + 1) >= sizeof(unit) - 1) {
        return refuse(r, "bad_rate");
    }
    memcpy(count, r->word->text, len);
    count[len] = '\0';
    (void)snprintf(unit, sizeof(unit), "%s%s", isdigit((unsigned char)slash[1]) ? "" : "1",
                   slash + 1);
    int status = parse_integer(count, &rate.rate);
    if (status == -EINVAL || duration_parse(unit, &rate.per_ms) < 0 || rate.per_ms < 1) {
        return refuse(r, "bad_rate");
    }
    if (status < 0 || !in_range(r, rate.rate)) {
        return out_of_range(r);
    }
    if (((struct config_rate *)r->slot)->per_ms != 0) {
        (void)err_set(r->e, -EINVAL, "has a unit of its own while per is given too; keep one");
        return "given_twice";
    }
    *(struct config_rate *)r->slot = rate;
    return NULL;
}

// ---- texts

static const char *check_text(const struct reading *r) {
    size_t len = strlen(r->word->text);
    if (len < (size_t)r->field->min) {
        (void)err_set(r->e, -EINVAL, "must not be empty");
        return "missing_value";
    }
    if (r->field->max != 0 && len > (size_t)r->field->max) {
        (void)err_set(r->e, -ENAMETOOLONG, "longer than %" PRId64 " bytes", r->field->max);
        return "too_long";
    }
    if (r->field->form != NULL && r->field->form->check(r->word->text, r->e) < 0) {
        return "bad_value";
    }
    return NULL;
}

static const char *read_string(const struct reading *r) {
    const char *code = check_text(r);
    if (code == NULL) {
        *(const char **)r->slot = r->word->text;
    }
    return code;
}

static int word_index(const struct config_field *field, const char *text) {
    for (int i = 0; field->words[i] != NULL; i++) {
        if (strcmp(field->words[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

// Nothing is suggested for what must not be shown.
static const char *suggest_word(const struct reading *r) {
    const char *text = r->word->text;
    struct nearest nearest = {.word = text};
    if (r->word->secret || r->word->variable != NULL) {
        return NULL;
    }
    const char *meant = meant_bool(text);
    for (int i = 0; r->field->words[i] != NULL; i++) {
        nearest_offer(&nearest, r->field->words[i]);
    }
    return meant != NULL && word_index(r->field, meant) >= 0 ? meant : nearest_best(&nearest);
}

static const char *refuse_word(const struct reading *r) {
    struct buf words = {0};
    char found[96];
    const char *meant = suggest_word(r);
    config_value_words(r->field->words, &words);
    (void)err_set(r->e, -EINVAL, "expected %s, found %s%s%s%s",
                  words.data == NULL ? "" : words.data, config_value_found(r->word, found),
                  meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
                  meant == NULL ? "" : "\"?");
    buf_free(&words);
    return "bad_word";
}

static const char *read_word(const struct reading *r) {
    int i = word_index(r->field, r->word->text);
    if (i < 0) {
        return refuse_word(r);
    }
    *(const char **)r->slot = r->field->words[i];
    return NULL;
}

static const char *read_choice(const struct reading *r) {
    int i = word_index(r->field, r->word->text);
    if (i < 0) {
        return refuse_word(r);
    }
    *(int *)r->slot = i;
    return NULL;
}

static const char *no_memory(const struct reading *r) {
    (void)err_set(r->e, -ENOMEM, "out of memory");
    return "no_memory";
}

static const char *read_path(const struct reading *r) {
    if (*r->word->text == '\0') {
        return refuse(r, "bad_value");
    }
    const char *path = config_path_join(r->word->arena, r->word->dir, r->word->text);
    if (path == NULL) {
        return no_memory(r);
    }
    *(const char **)r->slot = path;
    return NULL;
}

// "PREFIX:PATH" with an absolute PATH; other text as it is, "unix://USER:PASSWORD@/PATH" too
static const char *locate(const struct reading *r) {
    static const char *const prefixes[] = {"sqlite:", "unix:", "dir:"};
    const char *text = r->word->text;
    if ((r->field->flags & FIELD_PASSWORD) != 0 && strncmp(text, "unix://", 7) == 0) {
        return text;
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t len = strlen(prefixes[i]);
        if (strncmp(text, prefixes[i], len) == 0 && text[len] != '\0') {
            const char *path = config_path_join(r->word->arena, r->word->dir, text + len);
            return path == NULL ? NULL : arena_printf(r->word->arena, "%s%s", prefixes[i], path);
        }
    }
    return text;
}

static const char *read_location(const struct reading *r) {
    const char *code = check_text(r);
    if (code != NULL) {
        return code;
    }
    const char *at = locate(r);
    if (at == NULL) {
        return no_memory(r);
    }
    // the form has limits for the whole path too (sockets)
    if (r->field->form != NULL && r->field->form->check(at, r->e) < 0) {
        return "bad_value";
    }
    *(const char **)r->slot = at;
    return NULL;
}

static const char *read_socket(const struct reading *r) {
    const char *at = NULL;
    struct reading as_location = *r;
    as_location.slot = &at;
    const char *code = read_location(&as_location);
    if (code == NULL) {
        *(const char **)r->slot = at + strlen("unix:");
    }
    return code;
}

// ---- back to text

static void write_bool(const void *slot, const struct config_field *field, struct buf *out) {
    (void)field;
    buf_str(out, *(const bool *)slot ? "true" : "false");
}
static void write_int(const void *slot, const struct config_field *field, struct buf *out) {
    (void)field;
    buf_printf(out, "%" PRId64, *(const int64_t *)slot);
}
static void write_int32(const void *slot, const struct config_field *field, struct buf *out) {
    (void)field;
    buf_printf(out, "%" PRId32, *(const int32_t *)slot);
}
static void write_number(const void *slot, const struct config_field *field, struct buf *out) {
    (void)field;
    buf_printf(out, "%.10g", *(const double *)slot);
}
static void write_bound(const void *slot, const struct config_field *field, struct buf *out) {
    char text[48];
    format_bound(field, *(const int64_t *)slot, text);
    buf_str(out, text);
}
static void write_rate(const void *slot, const struct config_field *field, struct buf *out) {
    write_int(&((const struct config_rate *)slot)->rate, field, out);
}
static void write_text(const void *slot, const struct config_field *field, struct buf *out) {
    (void)field;
    const char *text = *(const char *const *)slot;
    buf_str(out, text == NULL ? "" : text);
}
static void write_choice(const void *slot, const struct config_field *field, struct buf *out) {
    buf_str(out, field->words[*(const int *)slot]);
}
static void write_socket(const void *slot, const struct config_field *field, struct buf *out) {
    buf_str(out, "unix:");
    write_text(slot, field, out);
}

// ---- the kinds

static const struct kind {
    const char *name, *expected;
    const char *(*read)(const struct reading *r);
    void (*write)(const void *slot, const struct config_field *field, struct buf *out);
    bool bare;    // a number or true/false in YAML and JSON
    bool is_text; // the slot is a const char *, NULL = unset
} kinds[CONFIG_KIND_COUNT] = {
    [CONFIG_BOOL] = {"true/false", "true or false", read_bool, write_bool, true, false},
    [CONFIG_INT] = {"integer", "a whole number", read_int, write_int, true, false},
    [CONFIG_INT32] = {"integer", "a whole number", read_int32, write_int32, true, false},
    [CONFIG_NUMBER] = {"number", "a number such as 0.5", read_number, write_number, true, false},
    [CONFIG_DURATION] = {"duration", "a duration such as 30s or 1h30m", read_duration, write_bound,
                         false, false},
    [CONFIG_SIZE] = {"size", "a size such as 10MiB", read_size, write_bound, false, false},
    [CONFIG_RATE] = {"rate", "a rate such as 60 or 10/s", read_rate, write_rate, true, false},
    [CONFIG_STRING] = {"text", "a text", read_string, write_text, false, true},
    [CONFIG_WORD] = {"word", "a word", read_word, write_text, false, true},
    [CONFIG_CHOICE] = {"word", "a word", read_choice, write_choice, false, false},
    [CONFIG_PATH] = {"path", "a path", read_path, write_text, false, true},
    [CONFIG_SOCKET] = {"unix:path", "unix:PATH", read_socket, write_socket, false, true},
    [CONFIG_LOCATION] = {"location", "a location", read_location, write_text, false, true},
    [CONFIG_SECRET] = {"secret", "a secret", read_string, NULL, false, true},
    [CONFIG_STRINGS] = {"list", "a list", NULL, NULL, false, true},
    [CONFIG_LABELS] = {"list", "a list of labels", NULL, write_text, false, true},
    [CONFIG_JSON] = {"any", "any value", NULL, write_text, false, true},
    [CONFIG_SECRETS] = {"list of secrets", "a secret or a list of them", NULL, NULL, false, true},
    [CONFIG_SECTION] = {"mapping", "a mapping", NULL, NULL, false, false},
    [CONFIG_NAMED] = {"mapping", "a mapping of names", NULL, NULL, false, false},
    [CONFIG_LIST] = {"list", "a list", NULL, NULL, false, false},
    [CONFIG_OPTIONS] = {"mapping", "a mapping of options", NULL, NULL, false, false},
    [CONFIG_VERIFY] = {"list", "a list of schemes", NULL, NULL, false, false},
    [CONFIG_INCLUDE] = {"list", "a path or a list of paths", NULL, NULL, false, false},
    [CONFIG_RENAMED] = {"old name", "", NULL, NULL, false, false},
};

const char *config_value_read(const struct config_field *field, const struct config_word *word,
                              void *slot, struct err *e) {
    struct reading r = {field, word, slot, e};
    return kinds[field->kind].read(&r);
}

void config_value_write(const struct config_field *field, const void *slot, struct buf *out) {
    if (kinds[field->kind].write != NULL) {
        kinds[field->kind].write(slot, field, out);
    }
}

bool config_value_is_set(const struct config_field *field, const void *slot) {
    return !kinds[field->kind].is_text || *(const char *const *)slot != NULL;
}

bool config_value_is_bare(const struct config_field *field) {
    return kinds[field->kind].bare;
}

const char *config_value_expected(const struct config_field *field) {
    return field->form != NULL && kinds[field->kind].is_text ? field->form->what
                                                             : kinds[field->kind].expected;
}

const char *config_value_type_name(const struct config_field *field) {
    return kinds[field->kind].name;
}

void config_value_words(const char *const *words, struct buf *out) {
    for (size_t i = 0; words[i] != NULL; i++) {
        buf_str(out, i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ");
        buf_str(out, words[i]);
    }
}
