#include "supervisor/policy.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"

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

static const struct {
    const char *key;
    int (*take)(const cJSON *item, struct retry_policy *p, struct err *e);
} policy_keys[] = {
    {"backoff", policy_backoff}, {"base", policy_base},     {"cap", policy_cap},
    {"factor", policy_factor},   {"jitter", policy_jitter}, {"expression", policy_expression},
};

static int policy_key(const cJSON *item, struct retry_policy *p, struct err *e) {
    for (size_t i = 0; i < ARRAY_LEN(policy_keys); i++) {
        if (strcmp(policy_keys[i].key, item->string) == 0) {
            return policy_keys[i].take(item, p, e);
        }
    }
    return err_set(
        e, -EINVAL,
        "retry.%.40s: unknown key; known are backoff, base, cap, factor, jitter, expression",
        item->string);
}

/* The expression points into the parsed tree, which the caller frees. */
static int policy_apply(const char *json, struct retry_policy *p, cJSON **ret_tree, struct err *e) {
    *ret_tree = cJSON_Parse(json);
    if (!cJSON_IsObject(*ret_tree)) {
        return err_set(e, -EINVAL, "retry must be a JSON object");
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, *ret_tree) {
        int r = policy_key(item, p, e);
        if (r != 0) {
            return r;
        }
    }
    if (p->backoff == BACKOFF_EXPRESSION && p->expression == NULL) {
        return err_set(e, -EINVAL, "retry.backoff is expression, but there is no retry.expression");
    }
    return 0;
}

int policy_check(const char *retry_json, struct err *e) {
    struct retry_policy p = retry_default;
    cJSON *tree;
    int r = policy_apply(retry_json, &p, &tree, e);
    cJSON_Delete(tree);
    return r;
}

void policy_of(const struct config_job *type, const struct job_spec *spec, struct policy *ret) {
    ret->retry = type->retry;
    ret->tree = NULL;
    if (spec->retry != NULL && policy_apply(spec->retry, &ret->retry, &ret->tree, NULL) != 0) {
        ret->retry =
            type->retry; // accepted by an older version's rules: the type's policy stands in
    }
    if (spec->max_attempts > 0) {
        ret->retry.max = spec->max_attempts;
    }
}

void policy_finish(struct policy *p) {
    cJSON_Delete(p->tree);
    p->tree = NULL;
}
