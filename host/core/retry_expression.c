#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/retry.h"

// Recursive descent, evaluating as it goes:
//   sum     = product { (+|-) product }
//   product = signed { (*|/|%) signed }
//   signed  = (+|-) signed | power
//   power   = primary [ ^ signed ]                 binds to the right: 2^3^2 is 2^9
//   primary = number | retried | name ( sum {, sum} ) | ( sum )

#define DEPTH_MAX 32

struct parser {
    const char *text, *p;
    double retried;
    unsigned depth;
    const char *fault; // what was wrong, at p; NULL = nothing so far
};

static double parse_sum(struct parser *s);
static double parse_signed(struct parser *s);

static double round_half_up(double x) {
    return floor(x + 0.5);
}

static const struct {
    const char *name;
    double (*one)(double);
    double (*two)(double, double);
    bool folds; // takes any number of arguments from one on
} functions[] = {
    {"pow", NULL, pow, false},
    {"sqrt", sqrt, NULL, false},
    {"abs", fabs, NULL, false},
    {"exp", exp, NULL, false},
    {"floor", floor, NULL, false},
    {"ceil", ceil, NULL, false},
    {"round", round_half_up, NULL, false},
    {"min", NULL, fmin, true},
    {"max", NULL, fmax, true},
};

static double fail(struct parser *s, const char *fault) {
    if (s->fault == NULL) {
        s->fault = fault;
    }
    return 0;
}

static bool take(struct parser *s, char c) {
    while (*s->p == ' ' || *s->p == '\t') {
        s->p++;
    }
    if (s->fault != NULL || *s->p != c || c == '\0') {
        return false;
    }
    s->p++;
    return true;
}

static double parse_number(struct parser *s) {
    static const char digits[] = "0123456789";
    size_t count = strspn(s->p, digits);
    if (s->p[count] == '.') {
        count += strspn(s->p + count + 1, digits);
    }
    if (count == 0) {
        return fail(s, "a number, `retried`, a function or ( is wanted here");
    }
    // the digits were looked at first because strtod() also takes "inf", "nan" and hexadecimal
    if (s->p[0] == '0' && (s->p[1] | 0x20) == 'x') {
        return fail(s, "hexadecimal numbers are not known");
    }
    char *end;
    double value = strtod(s->p, &end);
    s->p = end;
    return value;
}

static double parse_call(struct parser *s, size_t which, const char *at) {
    double args[2] = {0, 0};
    size_t count = 0;
    do {
        double value = parse_sum(s);
        if (functions[which].folds && count > 0) {
            args[0] = functions[which].two(args[0], value);
        } else if (count < ARRAY_LEN(args)) {
            args[count] = value;
        }
        count++;
    } while (take(s, ','));
    if (!take(s, ')')) {
        return fail(s, ") is missing here");
    }
    size_t want = functions[which].one != NULL ? 1 : 2;
    if (!functions[which].folds && count != want) {
        s->p = at;
        return fail(s, want == 1 ? "this function takes one argument"
                                 : "this function takes two arguments");
    }
    if (functions[which].folds) {
        return args[0];
    }
    return want == 1 ? functions[which].one(args[0]) : functions[which].two(args[0], args[1]);
}

static bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

static double parse_word(struct parser *s) {
    const char *at = s->p;
    while (is_word_char(*s->p)) {
        s->p++;
    }
    size_t len = (size_t)(s->p - at);
    if (len == 7 && memcmp(at, "retried", 7) == 0) {
        return s->retried;
    }
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        if (strlen(functions[i].name) == len && memcmp(functions[i].name, at, len) == 0) {
            return take(s, '(') ? parse_call(s, i, at)
                                : fail(s, "( is wanted behind the name of a function");
        }
    }
    s->p = at;
    return fail(
        s, "unknown name; known are retried, pow, sqrt, abs, exp, floor, ceil, round, min, max");
}

static double parse_primary(struct parser *s) {
    if (take(s, '(')) {
        double value = parse_sum(s);
        return take(s, ')') ? value : fail(s, ") is missing here");
    }
    bool word = is_word_char(*s->p) && (*s->p < '0' || *s->p > '9');
    return word ? parse_word(s) : parse_number(s);
}

static double parse_power(struct parser *s) {
    double base = parse_primary(s);
    return take(s, '^') ? pow(base, parse_signed(s)) : base;
}

// Every recursion comes through here.
static double parse_signed(struct parser *s) {
    if (s->depth == DEPTH_MAX) {
        return fail(s, "too deeply nested");
    }
    s->depth++;
    double value;
    if (take(s, '-')) {
        value = -parse_signed(s);
    } else if (take(s, '+')) {
        value = parse_signed(s);
    } else {
        value = s->fault == NULL ? parse_power(s) : 0;
    }
    s->depth--;
    return value;
}

static double parse_product(struct parser *s) {
    double value = parse_signed(s);
    for (;;) {
        if (take(s, '*')) {
            value *= parse_signed(s);
        } else if (take(s, '/')) {
            value /= parse_signed(s);
        } else if (take(s, '%')) {
            value = fmod(value, parse_signed(s));
        } else {
            return value;
        }
    }
}

static double parse_sum(struct parser *s) {
    double value = parse_product(s);
    for (;;) {
        if (take(s, '+')) {
            value += parse_product(s);
        } else if (take(s, '-')) {
            value -= parse_product(s);
        } else {
            return value;
        }
    }
}

int retry_expression_eval(const char *expression, int32_t retried, double *ret_ms, struct err *e) {
    if (expression == NULL || strlen(expression) > RETRY_EXPRESSION_MAX) {
        return err_set(e, -EINVAL, "the retry expression is missing or longer than %d characters",
                       RETRY_EXPRESSION_MAX);
    }
    struct parser s = {.text = expression, .p = expression, .retried = retried};
    double value = parse_sum(&s);
    if (s.fault == NULL && *s.p != '\0') {
        (void)fail(&s, "an operator is wanted here");
    }
    if (s.fault != NULL) {
        return err_set(e, -EINVAL, "retry expression, column %zu: %s", (size_t)(s.p - s.text) + 1,
                       s.fault);
    }
    if (isnan(value)) {
        return err_set(e, -EINVAL, "retry expression, column 1: no number for retried = %d",
                       (int)retried);
    }
    *ret_ms = value;
    return 0;
}
