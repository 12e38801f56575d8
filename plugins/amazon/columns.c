#include <string.h>

#include "columns.h"
#include "encoding.h"
#include "headers_tsv.h" // made of headers.tsv by the build

static const char *const kind_names[] = {"unknown", "business", "orders"};

static const char *const field_names[COLUMN_COUNT] = {
    [COLUMN_PARENT] = "parent",
    [COLUMN_CHILD] = "child",
    [COLUMN_TITLE] = "title",
    [COLUMN_SKU] = "sku",
    [COLUMN_SESSIONS] = "sessions",
    [COLUMN_PAGE_VIEWS] = "page_views",
    [COLUMN_BUY_BOX] = "buy_box",
    [COLUMN_UNITS] = "units",
    [COLUMN_SALES] = "sales",
    [COLUMN_ITEMS] = "items",
    [COLUMN_SESSIONS_B2B] = "sessions_b2b",
    [COLUMN_PAGE_VIEWS_B2B] = "page_views_b2b",
    [COLUMN_BUY_BOX_B2B] = "buy_box_b2b",
    [COLUMN_UNITS_B2B] = "units_b2b",
    [COLUMN_SALES_B2B] = "sales_b2b",
    [COLUMN_ITEMS_B2B] = "items_b2b",
    [COLUMN_ORDER] = "order",
    [COLUMN_PURCHASED] = "purchased",
    [COLUMN_UPDATED] = "updated",
    [COLUMN_STATUS] = "status",
    [COLUMN_ITEM_STATUS] = "item_status",
    [COLUMN_CHANNEL] = "channel",
    [COLUMN_QUANTITY] = "quantity",
    [COLUMN_CURRENCY] = "currency",
    [COLUMN_PRICE] = "price",
    [COLUMN_DISCOUNT] = "discount",
    [COLUMN_PROMOTIONS] = "promotions",
    [COLUMN_BUSINESS_ORDER] = "business_order",
    [COLUMN_IGNORED] = "ignored",
    [COLUMN_PERSONAL] = "personal",
};

static const struct {
    const char *language;
    enum number_style style;
} languages[] = {{"en", NUMBER_POINT}, {"de", NUMBER_COMMA}};
enum { LANGUAGES = sizeof languages / sizeof languages[0] };

const char *columns_kind_name(enum report_kind kind) {
    return kind_names[kind];
}

// ---- the table ----

// Cuts the next line that is no remark into its four texts; NULL at the end.
static const char *next_alias(const char *p, struct columns_alias *ret) {
    struct {
        char *to;
        size_t cap;
    } parts[] = {{ret->report, sizeof ret->report},
                 {ret->field, sizeof ret->field},
                 {ret->language, sizeof ret->language},
                 {ret->header, sizeof ret->header}};
    while (*p == '#' || *p == '\n') {
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    if (*p == '\0') {
        return NULL;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t len = strcspn(p, "\t\n");
        size_t fits = len < parts[i].cap ? len : parts[i].cap - 1;
        memcpy(parts[i].to, p, fits);
        parts[i].to[fits] = '\0';
        p += len + (p[len] == '\t');
    }
    p += strcspn(p, "\n");
    return p + (*p == '\n');
}

bool columns_alias(size_t index, struct columns_alias *ret) {
    const char *p = headers_tsv;
    do {
        p = next_alias(p, ret);
    } while (p != NULL && index-- > 0);
    return p != NULL;
}

static enum column field_of(const char *name) {
    for (int i = 0; i < COLUMN_COUNT; i++) {
        if (strcmp(field_names[i], name) == 0) {
            return (enum column)i;
        }
    }
    return COLUMN_COUNT;
}

static enum column find_folded(enum report_kind kind, const char *folded,
                               const char **ret_language) {
    struct columns_alias alias;
    char name[COLUMNS_NAME];
    for (const char *p = headers_tsv; (p = next_alias(p, &alias)) != NULL;) {
        encoding_fold(alias.header, strlen(alias.header), name, sizeof name);
        if (strcmp(alias.report, kind_names[kind]) == 0 && strcmp(name, folded) == 0) {
            *ret_language = "-";
            for (size_t i = 0; i < LANGUAGES; i++) {
                if (strcmp(languages[i].language, alias.language) == 0) {
                    *ret_language = languages[i].language;
                }
            }
            return field_of(alias.field);
        }
    }
    return COLUMN_COUNT;
}

// The field of the B2B column beside this one.
static enum column twin_of(enum column field) {
    if (field >= COLUMN_SESSIONS && field <= COLUMN_ITEMS) {
        return (enum column)((int)field - COLUMN_SESSIONS + COLUMN_SESSIONS_B2B);
    }
    return field == COLUMN_IGNORED ? COLUMN_IGNORED : COLUMN_COUNT;
}

enum column columns_find(enum report_kind kind, const char *text, size_t len,
                         const char **ret_language) {
    static const char suffix[] = " - b2b";
    char folded[COLUMNS_NAME];
    const char *language = "-";
    encoding_fold(text, len, folded, sizeof folded);
    enum column found = find_folded(kind, folded, &language);
    size_t n = strlen(folded), tail = sizeof suffix - 1;
    if (found == COLUMN_COUNT && n > tail && strcmp(folded + n - tail, suffix) == 0) {
        folded[n - tail] = '\0';
        found = twin_of(find_folded(kind, folded, &language));
    }
    if (ret_language != NULL) {
        *ret_language = language;
    }
    return found;
}

// ---- a header row ----

static void copy_name(char to[COLUMNS_NAME], const struct delimited_field *from) {
    const char *text = from->text;
    size_t len = from->len;
    encoding_trim(&text, &len);
    encoding_show(text, len, to, COLUMNS_NAME);
}

static void note_unknown(struct columns *c, const struct delimited_field *field) {
    char name[COLUMNS_NAME];
    size_t used = strlen(c->unknown_names);
    copy_name(name, field);
    c->unknown++;
    if (used + strlen(name) + 5 < sizeof c->unknown_names) {
        (void)snprintf(c->unknown_names + used, sizeof c->unknown_names - used, "%s\"%s\"",
                       used == 0 ? "" : ", ", name);
    }
}

// Fields that any number of columns may be.
static bool is_shared(enum column field) {
    return field == COLUMN_IGNORED || field == COLUMN_PERSONAL;
}

static void take_column(struct columns *c, enum column field, size_t index,
                        const struct delimited_field *name) {
    if (c->at[field] < 0) {
        c->at[field] = (int16_t)index;
        copy_name(c->names[field], name);
    } else if (!is_shared(field) && c->doubled == COLUMN_COUNT) {
        c->doubled = field;
        copy_name(c->doubled_name, name);
    }
}

static void map_as(enum report_kind kind, const struct delimited_field *fields, size_t count,
                   struct columns *ret) {
    size_t votes[LANGUAGES] = {0}, best = 0;
    memset(ret, 0, sizeof *ret);
    memset(ret->at, -1, sizeof ret->at);
    ret->kind = kind;
    ret->doubled = COLUMN_COUNT;
    ret->count = count;
    for (size_t i = 0; i < count; i++) {
        const char *language;
        enum column field = columns_find(kind, fields[i].text, fields[i].len, &language);
        if (field == COLUMN_COUNT) {
            if (fields[i].len > 0) {
                note_unknown(ret, &fields[i]);
            }
            continue;
        }
        ret->known++;
        for (size_t k = 0; k < LANGUAGES; k++) {
            votes[k] += strcmp(language, languages[k].language) == 0;
            best = votes[k] > votes[best] ? k : best;
        }
        take_column(ret, field, i, &fields[i]);
    }
    ret->style = languages[best].style;
    (void)snprintf(ret->language, sizeof ret->language, "%s", languages[best].language);
}

bool columns_is_header(enum report_kind kind, struct delimited_field cell) {
    size_t digits = 0;
    for (size_t i = 0; i < cell.len; i++) {
        digits += cell.text[i] >= '0' && cell.text[i] <= '9';
    }
    if (digits > 1) { // most cells; "B2B" has one
        return false;
    }
    return cell.len > 0 && columns_find(kind, cell.text, cell.len, NULL) != COLUMN_COUNT;
}

void columns_map(const struct delimited_field *fields, size_t count, struct columns *ret) {
    struct columns orders;
    map_as(KIND_BUSINESS, fields, count, ret);
    map_as(KIND_ORDERS, fields, count, &orders);
    if (orders.known > ret->known) {
        *ret = orders;
    }
    if (ret->known == 0) {
        ret->kind = KIND_UNKNOWN;
    }
}

// ---- what must be there ----

struct need {
    enum report_kind kind;
    enum column one, other; // either will do
    const char *words;
};
static const struct need needs[] = {
    {KIND_BUSINESS, COLUMN_CHILD, COLUMN_PARENT, "\"(Child) ASIN\""},
    {KIND_BUSINESS, COLUMN_SESSIONS, COLUMN_SESSIONS, "\"Sessions - Total\""},
    {KIND_BUSINESS, COLUMN_UNITS, COLUMN_UNITS, "\"Units ordered\""},
    {KIND_BUSINESS, COLUMN_SALES, COLUMN_SALES, "\"Ordered product sales\""},
    {KIND_ORDERS, COLUMN_ORDER, COLUMN_ORDER, "\"amazon-order-id\""},
    {KIND_ORDERS, COLUMN_PURCHASED, COLUMN_PURCHASED, "\"purchase-date\""},
    {KIND_ORDERS, COLUMN_STATUS, COLUMN_STATUS, "\"order-status\""},
    {KIND_ORDERS, COLUMN_SKU, COLUMN_CHILD, "\"sku\" or \"asin\""},
    {KIND_ORDERS, COLUMN_QUANTITY, COLUMN_QUANTITY, "\"quantity\""},
    {KIND_ORDERS, COLUMN_PRICE, COLUMN_PRICE, "\"item-price\""},
};

bool columns_is_needed(enum report_kind kind, const char *field) {
    enum column is = field_of(field);
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (needs[i].kind == kind && (needs[i].one == is || needs[i].other == is)) {
            return true;
        }
    }
    return false;
}

static int two_columns(const struct columns *c, const char *file, uint64_t line,
                       struct trouble *t) {
    return trouble_set(
        t, TROUBLE_INPUT, "two_columns",
        "%s, row %llu: the columns \"%s\" and \"%s\" both say \"%s\"; remove the one "
        "that is not to count",
        file, (unsigned long long)line, c->names[c->doubled], c->doubled_name,
        field_names[c->doubled]);
}

int columns_check(const struct columns *c, const char *file, uint64_t line, struct trouble *t) {
    char missing[256] = "";
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        const struct need *n = &needs[i];
        size_t used = strlen(missing);
        if (n->kind == c->kind && c->at[n->one] < 0 && c->at[n->other] < 0) {
            (void)snprintf(missing + used, sizeof missing - used, "%s%s", used == 0 ? "" : ", ",
                           n->words);
        }
    }
    if (missing[0] == '\0') {
        return c->doubled == COLUMN_COUNT ? 0 : two_columns(c, file, line, t);
    }
    return trouble_set(t, TROUBLE_INPUT, "missing_column",
                       "%s, row %llu: the %s report lacks the column %s; export it again with all "
                       "columns%s%s",
                       file, (unsigned long long)line,
                       c->kind == KIND_BUSINESS ? "business" : "orders", missing,
                       c->unknown > 0 ? "; columns that are not known: " : "", c->unknown_names);
}
