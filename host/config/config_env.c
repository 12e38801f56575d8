#include "config/config_env.h"

#include <stdlib.h>
#include <string.h>

#include "config/config_secret.h"

struct variable {
    const char *text; /* "NAME=value", in the vault */
    size_t name_len;
    size_t order; /* of two with one name the first counts, as for getenv() */
};

struct config_env {
    struct config_vault vault;
    size_t count;
    struct variable variables[];
};

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int by_name(const void *a, const void *b) {
    const struct variable *x = a, *y = b;
    int order = compare_names(x->text, x->name_len, y->text, y->name_len);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

struct config_env *config_env_new(char **environ_at_start) {
    size_t count = 0;
    while (environ_at_start != NULL && environ_at_start[count] != NULL) {
        count++;
    }
    struct config_env *env = calloc(1, sizeof(*env) + count * sizeof(env->variables[0]));
    for (size_t i = 0; env != NULL && i < count; i++) {
        const char *from = environ_at_start[i];
        const char *equals = strchr(from, '=');
        if (equals == NULL) {
            continue;
        }
        const char *text = config_vault_strn(&env->vault, from, strlen(from));
        if (text == NULL) {
            config_env_free(&env);
            break;
        }
        env->variables[env->count] = (struct variable){text, (size_t)(equals - from), i};
        env->count++;
    }
    if (env != NULL && env->count > 1) {
        qsort(env->variables, env->count, sizeof(env->variables[0]), by_name);
    }
    return env;
}

void config_env_free(struct config_env **env) {
    if (*env != NULL) {
        config_vault_free(&(*env)->vault);
        free(*env);
        *env = NULL;
    }
}

const char *config_env_get(const struct config_env *env, const char *name, size_t name_len) {
    size_t low = 0, high = env == NULL ? 0 : env->count;
    while (low < high) { // the first variable that is not before `name`
        size_t middle = low + (high - low) / 2;
        const struct variable *v = &env->variables[middle];
        if (compare_names(v->text, v->name_len, name, name_len) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (env == NULL || low == env->count ||
        compare_names(env->variables[low].text, env->variables[low].name_len, name, name_len) !=
            0) {
        return NULL;
    }
    return env->variables[low].text + env->variables[low].name_len + 1;
}
