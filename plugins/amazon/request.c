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

// One JSON value and nothing behind it; NULL else.
static cJSON *parse_whole(const char *text, size_t len) {
    const char *end = NULL;
    cJSON *value = cJSON_ParseWithLengthOpts(text, len, &end, 0);
    while (value != NULL && end < text + len && strchr(" \t\r\n", *end) != NULL && *end != '\0') {
        end++;
    }
    if (value != NULL && end != text + len) {
        cJSON_Delete(value);
        return NULL;
    }
    return value;
}

// ---- periods ----

// A member that is a day; *ret_given says whether it is there.
static int day_member(const cJSON *object, const char *name, const char *where, int32_t *ret_day,
                      bool *ret_given, struct trouble *t) {
    char at[WHERE + 8];
    const char *text;
    (void)snprintf(at, sizeof at, "%s.%s", where, name);
    if (text_member(object, name, at, &text, t) < 0) {
        return -1;
    }
    *ret_given = text != NULL;
    return text == NULL || civil_parse(text, strlen(text), ret_day) == 0
               ? 0
               : refuse(t, at, "is not a date like \"2026-03-31\"");
}

static int read_dates(const cJSON *object, const char *where, struct period *p, struct trouble *t) {
    bool from, to;
    if (day_member(object, "from", where, &p->from, &from, t) < 0 ||
        day_member(object, "to", where, &p->to, &to, t) < 0) {
        return -1;
    }
    if (from != to) {
        return refuse(t, where,
                      from ? "has no \"to\": it needs both from and to"
                           : "has no \"from\": it needs both from and to");
    }
    if (from && p->from > p->to) {
        return refuse(t, where, "ends before it begins: \"to\" is before \"from\"");
    }
    p->dated = from;
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
    return m == NULL || cJSON_IsNull(m) ? 0 : read_periods(m, r, t);
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
                           "payload.marketplace \"%.20s\" is none of " MARKET_CODES, market);
    }
    if (currency != NULL && currency_exponent(currency) < 0) {
        return refuse(t, "currency", "must be a code of ISO 4217 in capital letters, such as EUR");
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
    cJSON *object = parse_whole(payload, len);
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
        if (!r->periods[i].used && r->periods[i].file[0] != '\0' &&
            strcmp(r->periods[i].file, file) == 0) {
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
