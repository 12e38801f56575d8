#include <string.h>

#include <cjson/cJSON.h>

#include "civil.h"
#include "request.h"

enum { WHERE = 48 };

static int refuse(struct trouble *t, const char *where, const char *what) {
    return trouble_set(t, TROUBLE_INPUT, "bad_payload", "payload.%s %s", where, what);
}

// The text of a member: NULL when it is missing, null or "". -1: it is something else.
static int text_member(const cJSON *object, const char *name, const char *where,
                       const char **ret_text, struct trouble *t) {
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, name);
    *ret_text = NULL;
    if (m == NULL || cJSON_IsNull(m)) {
        return 0;
    }
    if (!cJSON_IsString(m)) {
        return refuse(t, where, "must be a text");
    }
    *ret_text = m->valuestring[0] == '\0' ? NULL : m->valuestring;
    return 0;
}

static int only_members(const cJSON *object, const char *const *names, const char *where,
                        struct trouble *t) {
    const cJSON *m;
    cJSON_ArrayForEach(m, object) {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], m->string) != 0) {
            i++;
        }
        if (names[i] == NULL) {
            return trouble_set(
                t, TROUBLE_INPUT, "bad_payload",
                "payload%s%s has a member \"%.60s\" that amazon.analyze does not know",
                where[0] == '\0' ? "" : ".", where, m->string);
        }
    }
    return 0;
}

// ---- periods ----

static int read_dates(const cJSON *object, const char *where, struct period *p, struct trouble *t) {
    const char *from, *to;
    if (text_member(object, "from", where, &from, t) < 0 ||
        text_member(object, "to", where, &to, t) < 0) {
        return -1;
    }
    if (from == NULL && to == NULL) {
        return 0;
    }
    if (from == NULL || to == NULL) {
        return refuse(t, where, "needs both from and to");
    }
    if (civil_parse(from, strlen(from), &p->from) < 0 || civil_parse(to, strlen(to), &p->to) < 0) {
        return refuse(t, where, "has a date that is not like \"2026-03-31\"");
    }
    if (p->from > p->to) {
        return refuse(t, where, "ends before it begins");
    }
    p->dated = true;
    return 0;
}

static int read_period(const cJSON *object, const char *where, struct request_period *ret,
                       struct trouble *t) {
    static const char *const names[] = {"from", "to", "label", "file", NULL};
    const char *label, *file;
    if (!cJSON_IsObject(object)) {
        return refuse(t, where, "must be an object with from, to, label and file");
    }
    if (only_members(object, names, where, t) < 0 ||
        read_dates(object, where, &ret->period, t) < 0 ||
        text_member(object, "label", where, &label, t) < 0 ||
        text_member(object, "file", where, &file, t) < 0) {
        return -1;
    }
    if (label != NULL && strlen(label) >= sizeof ret->period.label) {
        return refuse(t, where, "has a label of more than 79 bytes");
    }
    if (file != NULL && strlen(file) >= sizeof ret->file) {
        return refuse(t, where, "has a file name of more than 255 bytes");
    }
    if (label == NULL && !ret->period.dated) {
        return refuse(t, where, "says nothing: give from and to, or a label");
    }
    ret->period.origin = PERIOD_REQUEST;
    if (label == NULL) {
        period_name(&ret->period);
    } else {
        memcpy(ret->period.label, label, strlen(label) + 1);
    }
    if (file != NULL) {
        memcpy(ret->file, file, strlen(file) + 1);
    }
    return 0;
}

static int read_periods(const cJSON *array, struct request *r, struct trouble *t) {
    const cJSON *entry;
    if (!cJSON_IsArray(array)) {
        return refuse(t, "periods", "must be an array of {\"from\", \"to\", \"label\"}");
    }
    if (cJSON_GetArraySize(array) > REQUEST_PERIODS_MAX) {
        return refuse(t, "periods", "has more than 120 entries");
    }
    cJSON_ArrayForEach(entry, array) {
        char where[WHERE];
        (void)snprintf(where, sizeof where, "periods[%zu]", r->period_count);
        if (read_period(entry, where, &r->periods[r->period_count], t) < 0) {
            return -1;
        }
        r->period_count++;
    }
    return 0;
}

static int periods_member(const cJSON *object, struct request *r, struct trouble *t) {
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, "periods");
    if (m == NULL || cJSON_IsNull(m) || (cJSON_IsString(m) && m->valuestring[0] == '\0')) {
        return 0;
    }
    if (!cJSON_IsString(m)) {
        return read_periods(m, r, t);
    }
    cJSON *parsed = cJSON_Parse(m->valuestring);
    int rc = parsed == NULL ? refuse(t, "periods", "is not JSON") : read_periods(parsed, r, t);
    cJSON_Delete(parsed);
    return rc;
}

// ---- the whole ----

static int codes(const cJSON *object, struct request *r, struct trouble *t) {
    const char *market, *currency;
    if (text_member(object, "marketplace", "marketplace", &market, t) < 0 ||
        text_member(object, "currency", "currency", &currency, t) < 0) {
        return -1;
    }
    if (market != NULL && (r->market = market_find(market)) == NULL) {
        return trouble_set(t, TROUBLE_INPUT, "bad_payload",
                           "payload.marketplace \"%.20s\" is none of %s", market, market_codes());
    }
    if (currency != NULL && currency_exponent(currency) < 0) {
        return refuse(t, "currency", "must be a code of three capital letters, such as EUR");
    }
    if (currency != NULL) {
        memcpy(r->currency, currency, CURRENCY_TEXT);
    }
    return 0;
}

int request_parse(const char *payload, size_t len, struct request *ret, struct trouble *t) {
    static const char *const names[] = {"marketplace", "currency", "periods", NULL};
    memset(ret, 0, sizeof *ret);
    if (len == 0) {
        return 0;
    }
    cJSON *object = cJSON_ParseWithLength(payload, len);
    int rc = 0;
    if (cJSON_IsNull(object)) {
        rc = 0;
    } else if (!cJSON_IsObject(object)) {
        rc = trouble_set(t, TROUBLE_INPUT, "bad_payload", "the payload is not a JSON object");
    } else if (only_members(object, names, "", t) < 0 || codes(object, ret, t) < 0 ||
               periods_member(object, ret, t) < 0) {
        rc = -1;
    }
    cJSON_Delete(object);
    return rc;
}

struct period request_period_of(struct request *r, size_t place, const char *file) {
    struct period p;
    struct request_period *found = NULL;
    for (size_t i = 0; i < r->period_count && found == NULL; i++) {
        if (r->periods[i].file[0] != '\0' && strcmp(r->periods[i].file, file) == 0) {
            found = &r->periods[i];
        }
    }
    if (found == NULL && place < r->period_count && r->periods[place].file[0] == '\0') {
        found = &r->periods[place];
    }
    if (found != NULL) {
        found->used = true;
        return found->period;
    }
    (void)period_from_name(file, &p);
    return p;
}
