// Hooks: texts with placeholders that are none, and rules that contradict themselves.

#include <stdio.h>
#include <string.h>

#include "config/config_check.h"
#include "core/id.h"
#include "core/mapping.h"
#include "core/priority.h"

struct text_check {
    struct config_binding *b;
    const struct config_hook *hook;
};

static bool compile(const struct text_check *t, const char *key, const void *slot, const char *text,
                    const struct mapping_rules *rules, struct mapping **ret) {
    struct err e = {.code = 0};
    *ret = NULL;
    if (text == NULL || mapping_new(bytes_of(text), rules, ret, &e) == 0) {
        return text != NULL;
    }
    config_check_error(t->b, &(struct config_subject){&t->hook->entry, "hooks", key, slot},
                       "bad_placeholder", "%s", e.msg);
    return false;
}

static void check_compiles(const struct text_check *t, const char *key, const void *slot,
                           const char *text, bool is_text, bool answer) {
    struct mapping *m;
    struct mapping_rules rules = {.path = t->hook->path, .answer = answer, .text = is_text};
    (void)compile(t, key, slot, text, &rules, &m);
    mapping_free(&m);
}

// A text without placeholders is what it will always be: then it can be judged now.
static void check_constant(const struct text_check *t, const char *key, const void *slot,
                           const char *text, bool (*is_good)(const char *text), const char *words) {
    struct mapping *m;
    struct mapping_rules rules = {.path = t->hook->path, .text = true};
    bool compiled = compile(t, key, slot, text, &rules, &m);
    if (compiled && !mapping_varies(m) && !is_good(text)) {
        config_check_error(t->b, &(struct config_subject){&t->hook->entry, "hooks", key, slot},
                           "bad_word", "%s", words);
    }
    mapping_free(&m);
}

static bool is_priority(const char *text) {
    return priority_from_name(text) >= 0;
}

static bool is_job_id(const char *text) {
    struct job_id id;
    return id_parse(text, &id) == 0;
}

static void check_skip(const struct text_check *t, size_t i) {
    const struct config_hook_skip *skip = &t->hook->skip[i];
    char key[32];
    (void)snprintf(key, sizeof(key), "skip[%zu].when", i);
    check_compiles(t, key, &skip->when, skip->when, true, false);
    if ((skip->is_count > 0) == (skip->is_not_count > 0) && !t->hook->entry.broken) {
        (void)snprintf(key, sizeof(key), "skip[%zu]", i);
        config_check_error(t->b,
                           &(struct config_subject){&t->hook->entry, "hooks", key, &skip->when},
                           "contradiction", "a rule has either is or is_not");
    }
}

void config_check_hook_texts(struct config_binding *b, const struct config_hook *hook) {
    struct text_check t = {b, hook};
    check_compiles(&t, "payload", &hook->payload, hook->payload, false, false);
    check_compiles(&t, "response.body", &hook->response.body, hook->response.body, false, true);
    check_compiles(&t, "key", &hook->key, hook->key, true, false);
    check_compiles(&t, "user", &hook->user, hook->user, true, false);
    check_constant(&t, "priority", &hook->priority, hook->priority, is_priority,
                   "priority is high, normal or low");
    check_constant(&t, "flow", &hook->flow, hook->flow, is_job_id,
                   "flow is the id of the job that has opened it");
    for (size_t i = 0; i < hook->skip_count; i++) {
        check_skip(&t, i);
    }
    if (hook->response.body != NULL && hook->response.status == 204) {
        config_check_error(
            b,
            &(struct config_subject){&hook->entry, "hooks", "response.body", &hook->response.body},
            "contradiction", "an answer of status 204 has no body");
    }
    if (hook->flow != NULL && hook->key != NULL) {
        config_check_error(b, &(struct config_subject){&hook->entry, "hooks", "key", &hook->key},
                           "contradiction", "a job that joins a flow has no key");
    }
}
