#define _GNU_SOURCE // memfd_create
#include "queries.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "civil.h"
#include "jobhost_json.h"
#include "jobhost_util.h"
#include "json_out.h"
#include "load.h"
#include "market.h"

enum { HEADER_MAX = 64 * 1024 };

const struct jh_option queries_no_fields[] = {{0}};
const struct jh_option queries_recognize_takes[] = {
    {"header", JH_OPT_STRING, JH_OPT_REQUIRED, NULL, "the first line of the file"},
    {"file", JH_OPT_STRING, 0, NULL, "its name, which may tell the time of a report"},
    {0},
};

/* ------------------------------------------------------------------ an answer */

struct answer {
    struct json_out json;
    char *text;
    size_t len;
};

static int answer_open(struct answer *a) {
    *a = (struct answer){.text = NULL};
    a->json.out = open_memstream(&a->text, &a->len);
    return a->json.out == NULL ? -1 : 0;
}

static jh_status answer_send(struct answer *a, struct jh_call *c) {
    bool whole = ferror(a->json.out) == 0;
    whole = fclose(a->json.out) == 0 && whole;
    int rc = whole ? c->host->result(c, (struct jh_bytes){a->text, a->len}) : -1;
    free(a->text);
    return rc == 0 ? JH_OK : jh_failf(c, JH_E_RESOURCE, "no_memory", "out of memory");
}

/* ------------------------------------------------------------------ the catalogue */

/* Calls `each` with every word of a list with blanks between. */
static void each_word(const char *list, void (*each)(struct json_out *j, const char *word),
                      struct json_out *j) {
    char word[16];
    for (const char *p = list; *p != '\0'; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, p);
        each(j, word);
        p += len;
    }
}

static void put_market(struct json_out *j, const char *code) {
    const struct market *m = market_find(code);
    if (m == NULL || strcmp(m->code, code) != 0) {
        return; // another name of one that is there
    }
    json_open(j, NULL, '{');
    json_text(j, "code", m->code);
    json_text(j, "currency", m->currency);
    json_text(j, "channel", m->channel);
    json_close(j, '}');
}

static void put_currency(struct json_out *j, const char *code) {
    json_open(j, NULL, '{');
    json_text(j, "code", code);
    json_int(j, "decimals", currency_exponent(code));
    json_close(j, '}');
}

static const struct {
    const char *field, *name, *format;
    enum report_kind kind;
} reports[] = {
    {"business_report", "Detail Page Sales and Traffic by Child Item", "CSV", KIND_BUSINESS},
    {"orders", "All Orders", "tab-separated", KIND_ORDERS},
};

/* Headers that are read, and those that are known and passed over; of others a report may have any. */
static void put_columns(struct json_out *j, enum report_kind kind) {
    struct columns_alias alias;
    json_open(j, "columns", '[');
    for (size_t i = 0; columns_alias(i, &alias); i++) {
        if (strcmp(alias.report, columns_kind_name(kind)) == 0) {
            bool any = strcmp(alias.language, "-") == 0;
            json_open(j, NULL, '{');
            json_text(j, "header", alias.header);
            json_text(j, "field", alias.field);
            json_text(j, "language", any ? NULL : alias.language);
            json_bool(j, "needed", columns_is_needed(kind, alias.field));
            json_close(j, '}');
        }
    }
    json_close(j, ']');
}

jh_status queries_catalog(void *self, struct jh_call *c, const struct jh_job *job) {
    struct answer a;
    (void)self;
    (void)job;
    if (answer_open(&a) < 0) {
        return jh_failf(c, JH_E_RESOURCE, "no_memory", "out of memory");
    }
    struct json_out *j = &a.json;
    json_open(j, NULL, '{');
    json_open(j, "marketplaces", '[');
    each_word(MARKET_CODES, put_market, j);
    json_close(j, ']');
    json_open(j, "currencies", '[');
    each_word(CURRENCIES_2 " " CURRENCIES_0 " " CURRENCIES_3 " " CURRENCIES_4, put_currency, j);
    json_close(j, ']');
    json_open(j, "reports", '[');
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        json_open(j, NULL, '{');
        json_text(j, "field", reports[i].field);
        json_text(j, "name", reports[i].name);
        json_text(j, "format", reports[i].format);
        put_columns(j, reports[i].kind);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
    return answer_send(&a, c);
}

/* ------------------------------------------------------------------ which report is it? */

static const char *field_of(enum report_kind kind) {
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        if (reports[i].kind == kind) {
            return reports[i].field;
        }
    }
    return NULL;
}

/* As a file with this line alone is looked at. */
static int identify(const char *header, struct source *s, struct trouble *t) {
    size_t len = strlen(header);
    int fd = memfd_create("header", MFD_CLOEXEC);
    if (fd == -1 || write(fd, header, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0) {
        (void)trouble_no_memory(t);
    } else {
        (void)load_identify(fd, KIND_UNKNOWN, s, t);
    }
    if (fd != -1) {
        (void)close(fd);
    }
    return t->kind == TROUBLE_RESOURCE ? -1 : 0;
}

static void put_period(struct json_out *j, const char *file) {
    char from[CIVIL_TEXT], to[CIVIL_TEXT];
    struct period p;
    if (file[0] == '\0' || !period_from_name(file, &p)) {
        json_text(j, "period", NULL);
        return;
    }
    civil_format(p.from, from);
    civil_format(p.to, to);
    json_open(j, "period", '{');
    json_text(j, "from", from);
    json_text(j, "to", to);
    json_text(j, "label", p.label);
    json_close(j, '}');
}

static void put_source(struct json_out *j, const struct source *s, const struct trouble *t) {
    const char separator[] = {s->delimiter, '\0'};
    bool known = s->columns.known > 0;
    json_text(j, "report", known ? field_of(s->columns.kind) : NULL);
    json_text(j, "language", known ? s->columns.language : NULL);
    json_text(j, "separator", known ? separator : NULL);
    json_int(j, "columns", (int64_t)s->columns.count);
    json_int(j, "known", (int64_t)s->columns.known);
    json_text(j, "unknown", s->columns.unknown_names);
    json_text(j, "code", t->code);
    json_text(j, "problem", t->kind == TROUBLE_NONE ? NULL : t->text);
}

jh_status queries_recognize(void *self, struct jh_call *c, const struct jh_job *job) {
    struct source s = {.delimiter = ','};
    struct trouble t = {.kind = TROUBLE_NONE};
    struct answer a;
    char file[SOURCE_NAME] = "";
    char *header = malloc(HEADER_MAX + 1);
    (void)self;
    if (header != NULL && jh_json_get_text(job->payload, "header", header, HEADER_MAX + 1) == 0) {
        free(header);
        return jh_failf(c, JH_E_INPUT, "header", "header is a line of up to %d bytes", HEADER_MAX);
    }
    (void)jh_json_get_text(job->payload, "file", file, sizeof file);
    (void)snprintf(s.file, sizeof s.file, "%s", file[0] == '\0' ? "the file" : file);
    int rc = header == NULL ? -1 : identify(header, &s, &t);
    free(header);
    if (rc < 0 || answer_open(&a) < 0) {
        return jh_failf(c, JH_E_RESOURCE, "no_memory", "out of memory");
    }
    json_open(&a.json, NULL, '{');
    put_source(&a.json, &s, &t);
    put_period(&a.json, file);
    json_close(&a.json, '}');
    return answer_send(&a, c);
}
