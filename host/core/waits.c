#include "core/waits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_name_byte(unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.:@-", c) != NULL);
}

int waits_check_name(const char *name) {
    size_t len = name == NULL ? 0 : strnlen(name, WAITS_EVENT_NAME_MAX + 1);
    if (len == 0 || len > WAITS_EVENT_NAME_MAX) {
        return len == 0 ? -EINVAL : -EFBIG;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_name_byte((unsigned char)name[i])) {
            return -EINVAL;
        }
    }
    return 0;
}

static int check_printable(const char *text, size_t max, char least) {
    size_t len = strnlen(text, max + 1);
    if (len == 0 || len > max) {
        return len == 0 ? -EINVAL : -EFBIG;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < least || text[i] > '~') {
            return -EINVAL;
        }
    }
    return 0;
}

int waits_check_event_key(const char *key) {
    return check_printable(key, WAITS_EVENT_KEY_MAX, '!');
}

int waits_check_type(const char *type) {
    return type[0] == ' ' ? -EINVAL : check_printable(type, JOB_CONTENT_TYPE_MAX, ' ');
}

/* ------------------------------------------------------------------ steps */

void waits_event_step(const char *name, uint32_t n, char ret[WAITS_STEP_MAX]) {
    if (n == 0) {
        (void)snprintf(ret, WAITS_STEP_MAX, "event:%s", name);
    } else {
        (void)snprintf(ret, WAITS_STEP_MAX, "event:%s#%" PRIu32, name, n);
    }
}

void waits_plain_step(const char *name, char ret[WAITS_STEP_MAX]) {
    (void)snprintf(ret, WAITS_STEP_MAX, "event:%s#", name);
}

void waits_operator_step(const char *key, char ret[WAITS_STEP_MAX]) {
    (void)snprintf(ret, WAITS_STEP_MAX, "operator:%s", key);
}

static const char *const state_words[] = {
    [WAITS_OPEN] = "open", [WAITS_GOT] = "got", [WAITS_LATE] = "late"};

void waits_step_put(struct buf *b, const struct waits_step *step) {
    buf_printf(b, "%s %" PRId64 " ", state_words[step->state], step->at_ms);
    if (step->state == WAITS_OPEN) {
        buf_printf(b, "%" PRId64 " ", step->since_ms);
    }
    buf_str(b, step->position[0] == '\0' ? "-" : step->position);
    if (step->state == WAITS_GOT) {
        buf_printf(b, " %s", step->type[0] == '\0' ? "-" : step->type);
    }
    buf_char(b, '\n');
    buf_add(b, step->value.data, step->value.len);
}

// Words are parted by one blank each; the last one may have blanks in it.
static int take_word(const char **at, const char *end, bool last, char *ret, size_t cap) {
    const char *stop = last ? NULL : memchr(*at, ' ', (size_t)(end - *at));
    size_t len = (size_t)((stop == NULL ? end : stop) - *at);
    if (len == 0 || len >= cap || (stop == NULL) != last) {
        return -EBADMSG;
    }
    memcpy(ret, *at, len);
    ret[len] = '\0';
    *at += len + (stop != NULL);
    return 0;
}

static int read_ms(const char *text, int64_t *ret) {
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return -EBADMSG;
    }
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return errno != 0 || *end != '\0' ? -EBADMSG : 0;
}

static int read_state(const char *word, enum waits_state *ret) {
    for (size_t i = 0; i < ARRAY_LEN(state_words); i++) {
        if (strcmp(state_words[i], word) == 0) {
            *ret = (enum waits_state)i;
            return 0;
        }
    }
    return -EBADMSG;
}

static int read_head(const char *at, const char *end, struct waits_step *s) {
    char word[8], ms[24];
    int r = take_word(&at, end, false, word, sizeof word);
    r = r < 0 ? r : read_state(word, &s->state);
    r = r < 0 ? r : take_word(&at, end, false, ms, sizeof ms);
    r = r < 0 ? r : read_ms(ms, &s->at_ms);
    if (r == 0 && s->state == WAITS_OPEN) {
        r = take_word(&at, end, false, ms, sizeof ms);
        r = r < 0 ? r : read_ms(ms, &s->since_ms);
    }
    r = r < 0 ? r : take_word(&at, end, s->state != WAITS_GOT, s->position, sizeof s->position);
    if (r == 0 && s->state == WAITS_GOT) {
        r = take_word(&at, end, true, s->type, sizeof s->type);
        s->type[0] = strcmp(s->type, "-") == 0 ? '\0' : s->type[0];
    }
    return r < 0 || strchr(s->position, ' ') != NULL ? -EBADMSG : 0;
}

int waits_step_read(struct bytes text, struct waits_step *ret) {
    const char *at = text.data;
    const char *end = text.len == 0 ? NULL : memchr(at, '\n', text.len);
    *ret = (struct waits_step){.state = WAITS_OPEN};
    int r = end == NULL ? -EBADMSG : read_head(at, end, ret);
    if (r < 0) {
        return r;
    }
    ret->value = (struct bytes){end + 1, text.len - (size_t)(end + 1 - at)};
    return ret->state != WAITS_GOT && ret->value.len > 0 ? -EBADMSG : 0;
}

/* ------------------------------------------------------------------ what is looked for */

// Digits, with a '-' between them or without; or "-".
static bool is_position(const char *text) {
    size_t first = strspn(text, "0123456789");
    const char *more = text + first + (text[first] == '-');
    size_t second = strspn(more, "0123456789");
    return more[second] == '\0' && (first > 0) == (second > 0 || text[first] == '\0');
}

void waits_event_put(const struct waits_event *wait, char ret[WAITS_EVENT_TEXT_MAX]) {
    (void)snprintf(ret, WAITS_EVENT_TEXT_MAX, "%" PRIu32 " %" PRId64 " %s", wait->n, wait->since_ms,
                   wait->position[0] == '\0' ? "-" : wait->position);
}

int waits_event_read(const char *text, struct waits_event *ret) {
    const char *at = text, *end = text == NULL ? NULL : text + strlen(text);
    char number[24];
    int64_t n = 0;
    *ret = (struct waits_event){.n = 0};
    int r = text == NULL ? -EBADMSG : take_word(&at, end, false, number, sizeof number);
    r = r < 0 ? r : read_ms(number, &n);
    r = r < 0 ? r : take_word(&at, end, false, number, sizeof number);
    r = r < 0 ? r : read_ms(number, &ret->since_ms);
    r = r < 0 ? r : take_word(&at, end, true, ret->position, sizeof ret->position);
    if (r < 0 || n > UINT32_MAX || !is_position(ret->position)) {
        return -EBADMSG;
    }
    ret->n = (uint32_t)n;
    return 0;
}

static int check_line(const char *text, size_t max) {
    size_t len = text == NULL ? 0 : strnlen(text, max + 1);
    if (len == 0 || len > max) {
        return len == 0 ? -EINVAL : -EFBIG;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == '\x7f') {
            return -EINVAL;
        }
    }
    return 0;
}

int waits_question_put(struct buf *b, const char *question, const char *const *choices) {
    int r = check_line(question, WAITS_QUESTION_MAX);
    buf_str(b, r < 0 ? "" : question);
    for (size_t i = 0; r == 0 && choices != NULL && choices[i] != NULL; i++) {
        r = i == WAITS_CHOICES_MAX ? -EFBIG : check_line(choices[i], WAITS_CHOICE_MAX);
        if (r == 0) {
            buf_char(b, '\n');
            buf_str(b, choices[i]);
        }
    }
    return r < 0 ? r : b->failed ? -ENOMEM : 0;
}

int waits_question_read(const char *text, struct waits_question *ret) {
    *ret = (struct waits_question){.choice_count = 0};
    if (text == NULL) {
        return -EBADMSG;
    }
    size_t len = strcspn(text, "\n");
    ret->question = (struct bytes){text, len};
    for (text += len; *text == '\n'; text += len) {
        len = strcspn(++text, "\n");
        if (ret->choice_count == WAITS_CHOICES_MAX) {
            return -EBADMSG;
        }
        ret->choices[ret->choice_count++] = (struct bytes){text, len};
    }
    return 0;
}

static bool is_text(const char *answer) {
    for (; *answer != '\0'; answer++) {
        if (((unsigned char)*answer < ' ' && strchr("\n\r\t", *answer) == NULL) ||
            *answer == '\x7f') {
            return false;
        }
    }
    return true;
}

int waits_check_answer(const struct waits_question *question, const char *answer) {
    size_t len = answer == NULL ? 0 : strnlen(answer, WAITS_ANSWER_MAX + 1);
    if (len == 0 || len > WAITS_ANSWER_MAX) {
        return len == 0 ? -EINVAL : -EFBIG;
    }
    for (size_t i = 0; i < question->choice_count; i++) {
        const struct bytes *c = &question->choices[i];
        if (c->len == len && memcmp(c->data, answer, len) == 0) {
            return 0;
        }
    }
    return question->choice_count > 0 ? -ENOENT : is_text(answer) ? 0 : -EINVAL;
}
