/* ${...} inside one scalar. Done after parsing, so a value can never become YAML; the result is
 * not looked at again.
 *
 *     ${VAR}   ${VAR:-default}   ${VAR:?message}   ${file:PATH}   ${cred:NAME}   $$ */
#ifndef JOBHOST_CONFIG_CONFIG_SUBST_H
#define JOBHOST_CONFIG_CONFIG_SUBST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "config/config.h"
#include "config/config_secret.h"

enum { CONFIG_VALUE_MAX = 256 * 1024 }; /* bytes of one value after substitution */

struct config_subst {
    const struct config_env *env;
    struct config_vault *vault; /* results that hold something substituted live here */
    const char *dir;            /* of the file the scalar stands in                  */
    bool loose;                 /* secret files may be open to others                */
    bool no_files;
    struct arena *arena; /* for names in errors and origins                   */
};

enum { CONFIG_VARIABLES_MAX = 16 }; /* different variables in one value */

struct config_substituted {
    const char *text; /* NUL-terminated; the input itself when nothing was replaced */
    size_t len;
    bool replaced;       /* anything at all, `$$` included               */
    bool from_file;      /* some of it came from a secret file           */
    const char *missing; /* the first variable that was unset or empty and had a default */
    const char *variables[CONFIG_VARIABLES_MAX]; /* that were used */
    size_t variable_count;
};

/* 0, or negative with the diagnostic's code in *ret_code and words in *e. -ENOENT means "not
 * there": an unset variable or a missing file, which `enabled: auto` turns into "off". */
int config_subst(const struct config_subst *s, const char *text, size_t len,
                 struct config_substituted *ret, const char **ret_code, struct err *e);

/* Content of a secret's file, path relative to s->dir. `variable` is the environment variable
 * that names the file, or NULL: a path from outside is not shown in errors, for it may be a
 * secret in the wrong place. Same answers. */
int config_subst_file(const struct config_subst *s, const char *path, const char *variable,
                      struct config_substituted *ret, const char **ret_code, struct err *e);

#endif
