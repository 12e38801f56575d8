#include "supervisor/policy.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "core/outcome.h"

static const char *const policy_backoffs[] = {
    [BACKOFF_EXPONENTIAL] = "exponential",
    [BACKOFF_FIXED] = "fixed",
    [BACKOFF_EXPRESSION] = "expression",
};

static int policy_backoff(const cJSON *item, struct retry_policy *p, struct err *e) {
    for (size_t i = 0; i < ARRAY_LEN(policy_backoffs); i++) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, policy_backoffs[i]) == 0) {
            p->backoff = (enum backoff_kind)i;
            return 0;
        }
    }
    return err_set(e, -EINVAL, "retry.backoff must be exponential, fixed or expression");
}

static int policy_duration(const cJSON *item, int64_t *ret, struct err *e) {
    if (!cJSON_IsString(item) || duration_parse(item->valuestring, ret) != 0) {
        return err_set(e, -EINVAL, "retry.%s must be a duration such as \"30s\"", item->string);
    }
    return 0;
}

static int policy_number(const cJSON *item, double min, double max, double *ret, struct err *e) {
    if (!cJSON_IsNumber(item) || item->valuedouble < min || item->valuedouble > max) {
        return err_set(e, -EINVAL, "retry.%s must be a number from %g to %g", item->string, min,
                       max);
    }
    *ret = item->valuedouble;
    return 0;
}

static int policy_base(const cJSON *item, struct retry_policy *p, struct err *e) {
    return policy_duration(item, &p->base_ms, e);
}

static int policy_cap(const cJSON *item, struct retry_policy *p, struct err *e) {
    return policy_duration(item, &p->cap_ms, e);
}

static int policy_factor(const cJSON *item, struct retry_policy *p, struct err *e) {
    return policy_number(item, 1, 100, &p->factor, e);
}

static int policy_jitter(const cJSON *item, struct retry_policy *p, struct err *e) {
    return policy_number(item, 0, 1, &p->jitter, e);
}

static int policy_expression(const cJSON *item, struct retry_policy *p, struct err *e) {
    double ms;
    if (!cJSON_IsString(item)) {
        return err_set(e, -EINVAL, "retry.expression must be a string");
    }
    p->backoff = BACKOFF_EXPRESSION;
    p->expression = item->valuestring;
    return retry_expression_eval(item->valuestring, 1, &ms, e);
}

static int policy_max(const cJSON *item, struct retry_policy *p, struct err *e) {
    double max = 0;
    int r = policy_number(item, 1, JOB_MAX_MAX, &max, e);
    p->max = r == 0 ? (int32_t)max : p->max;
    return r;
}

static const struct {
    const char *key;
    int (*take)(const cJSON *item, struct retry_policy *p, struct err *e);
    bool of_all, of_class;
} policy_keys[] = {
    {"backoff", policy_backoff, true, true},
    {"base", policy_base, true, true},
    {"cap", policy_cap, true, true},
    {"factor", policy_factor, true, true},
    {"expression", policy_expression, true, true},
    {"jitter", policy_jitter, true, false},
    {"max", policy_max, false, true},
};

static int policy_key(const cJSON *item, bool of_class, struct retry_policy *p, struct err *e) {
    for (size_t i = 0; i < ARRAY_LEN(policy_keys); i++) {
        if (strcmp(policy_keys[i].key, item->string) == 0 &&
            (of_class ? policy_keys[i].of_class : policy_keys[i].of_all)) {
            return policy_keys[i].take(item, p, e);
        }
    }
    return err_set(e, -EINVAL, "retry.%s%.40s: unknown key; known are %s",
                   of_class ? "classes: " : "", item->string,
                   of_class ? "max, backoff, base, cap, factor, expression"
                            : "backoff, base, cap, factor, jitter, expression, classes");
}

static int policy_rule(const cJSON *item, struct retry_rule *rule, struct err *e) {
    struct retry_policy p = {.max = 0};
    const cJSON *key;
    int cls = outcome_class_from_name(item->string);
    if (cls < 0 || !outcome_class_backs_off(cls) || !cJSON_IsObject(item)) {
        return err_set(
            e, -EINVAL,
            "retry.classes.%.40s must be an object under one of auth, network, upstream, "
            "timeout, resource, bug, unknown",
            item->string);
    }
    cJSON_ArrayForEach(key, item) {
        int r = policy_key(key, true, &p, e);
        if (r != 0) {
            return r;
        }
    }
    bool has_backoff = cJSON_HasObjectItem(item, "backoff") || p.expression != NULL;
    *rule = (struct retry_rule){.max = p.max,
                                .base_ms = p.base_ms,
                                .factor = p.factor,
                                .cap_ms = p.cap_ms,
                                .expression = p.expression,
                                .has_backoff = has_backoff,
                                .backoff = p.backoff};
    return 0;
}

static int policy_classes(const cJSON *classes, struct policy *p, struct err *e) {
    const cJSON *item;
    if (!cJSON_IsObject(classes)) {
        return err_set(e, -EINVAL, "retry.classes must be an object");
    }
    cJSON_ArrayForEach(item, classes) {
        struct retry_rule rule;
        int r = policy_rule(item, &rule, e);
        if (r != 0) {
            return r;
        }
        p->rules[outcome_class_from_name(item->string)] = rule;
    }
    p->retry.rules = p->rules;
    return 0;
}

static bool lacks_expression(const struct retry_policy *p) {
    return p->backoff == BACKOFF_EXPRESSION && p->expression == NULL;
}

/* On top of what is there. Expressions point into the parsed tree, which goes with the policy. */
static int policy_apply(const char *json, struct policy *p, struct err *e) {
    const cJSON *item;
    p->tree = cJSON_Parse(json);
    if (!cJSON_IsObject(p->tree)) {
        return err_set(e, -EINVAL, "retry must be a JSON object");
    }
    cJSON_ArrayForEach(item, p->tree) {
        bool classes = strcmp(item->string, "classes") == 0;
        int r = classes ? policy_classes(item, p, e) : policy_key(item, false, &p->retry, e);
        if (r != 0) {
            return r;
        }
    }
    bool lacks = lacks_expression(&p->retry);
    for (int32_t cls = 0; cls < RETRY_CLASSES; cls++) {
        const struct retry_policy of = retry_of_class(&p->retry, cls);
        lacks = lacks || lacks_expression(&of);
    }
    return lacks ? err_set(e, -EINVAL,
                           "retry.backoff is expression, but there is no retry.expression")
                 : 0;
}

static void policy_set(const struct retry_policy *from, struct policy *ret) {
    memset(ret, 0, sizeof *ret);
    ret->retry = *from;
    if (from->rules != NULL) {
        memcpy(ret->rules, from->rules, sizeof ret->rules);
    }
}

int policy_check(const char *retry_json, struct err *e) {
    struct policy p;
    policy_set(&retry_default, &p);
    int r = policy_apply(retry_json, &p, e);
    policy_finish(&p);
    return r;
}

void policy_of(const struct config_queue *queue, const struct config_job *type,
               const struct job_spec *spec, struct policy *ret) {
    const struct retry_policy *standing = config_retry_policy(queue, type);
    policy_set(standing, ret);
    if (spec->retry != NULL && policy_apply(spec->retry, ret, NULL) != 0) {
        // accepted by an older version's rules: the configured policy stands in
        policy_finish(ret);
        policy_set(standing, ret);
    }
    ret->retry.crashes = type->retry.policy.crashes;
    if (spec->max_attempts > 0) {
        ret->retry.max = spec->max_attempts;
    }
}

void policy_finish(struct policy *p) {
    cJSON_Delete(p->tree);
    p->tree = NULL;
}
