#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "facts_schema_sql.h"
#include "facts_settle_sql.h"
#include "facts_twins_sql.h"

enum {
    PAGE_BYTES = 8192,
    STEPS_BETWEEN_ASKS = 20000, // instructions of SQLite: some hundred microseconds
    ITEM_SLOTS = 8192,
    ITEM_KEY = 112, // longer SKU + ASIN go by the database
};

enum statement {
    ADD_SOURCE,
    ADD_TRAFFIC,
    ADD_LINE,
    ADD_SECTION,
    FIND_ITEM,
    ADD_ITEM,
    NAME_ITEM,
    STATEMENTS
};
static const char *const sql[STATEMENTS] = {
    [ADD_SOURCE] = "INSERT INTO dataset VALUES(?,?,?,?,?,?,?,?,?,?)",
    [ADD_TRAFFIC] = "INSERT INTO traffic VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ADD_LINE] = "INSERT INTO line VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ADD_SECTION] = "INSERT INTO section VALUES(?,?,?)",
    [FIND_ITEM] = "SELECT id, title <> '' FROM item WHERE sku = ? AND asin = ?",
    [ADD_ITEM] = "INSERT INTO item VALUES(NULL,?,?,?)",
    [NAME_ITEM] = "UPDATE item SET title = ? WHERE id = ?",
};

struct item_slot { // of a direct-mapped cache
    int64_t id;    // 0 = empty
    uint8_t len;
    bool named;
    char key[ITEM_KEY];
};

struct facts {
    sqlite3 *db;
    struct facts_options options;
    sqlite3_stmt *statements[STATEMENTS];
    struct item_slot items[ITEM_SLOTS];
    unsigned section; // the export that is read now
    bool section_open;
    int32_t first_day, last_day; // its days
};

// ---- opening, errors ----

void facts_setup(void) {
    if (sqlite3_temp_directory == NULL) {
        sqlite3_temp_directory = sqlite3_mprintf(".");
    }
}

sqlite3 *facts_db(struct facts *f) {
    return f->db;
}

int facts_trouble(struct facts *f, struct trouble *t) {
    const char *words = sqlite3_errmsg(f->db);
    switch (sqlite3_errcode(f->db) & 0xff) {
    case SQLITE_INTERRUPT: return trouble_set(t, TROUBLE_STOPPED, "stopped", "asked to stop");
    case SQLITE_NOMEM: return trouble_no_memory(t);
    case SQLITE_FULL:
        return trouble_set(
            t, TROUBLE_RESOURCE, "disk_limit",
            "the facts need more room than there is: the disk is full, or the option "
            "disk_limit (%lld bytes) is too small",
            (long long)f->options.disk_limit);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return trouble_set(t, TROUBLE_RESOURCE, "disk", "temporary database: %s", words);
    default: break;
    }
    if (strstr(words, "overflow") != NULL || strstr(words, "cannot store REAL") != NULL) {
        return trouble_set(t, TROUBLE_INPUT, "too_large",
                           "the figures of these reports are too large to be added");
    }
    return trouble_set(t, TROUBLE_BUG, "sql", "temporary database: %s", words);
}

static int asked_to_stop(void *arg) {
    struct facts *f = arg;
    return f->options.stop != NULL && f->options.stop(f->options.arg);
}

static int run(struct facts *f, const char *text, struct trouble *t) {
    return sqlite3_exec(f->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : facts_trouble(f, t);
}

static int prepare_all(struct facts *f, struct trouble *t) {
    for (int i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(f->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &f->statements[i],
                               NULL) != SQLITE_OK) {
            return facts_trouble(f, t);
        }
    }
    return 0;
}

int facts_open(const struct facts_options *options, struct facts **ret, struct trouble *t) {
    char pragmas[320];
    struct facts *f = calloc(1, sizeof *f);
    *ret = f;
    if (f == NULL) {
        return trouble_no_memory(t);
    }
    f->options = *options;
    if (sqlite3_open_v2("", &f->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        return f->db == NULL ? trouble_no_memory(t) : facts_trouble(f, t);
    }
    (void)snprintf(pragmas, sizeof pragmas,
                   "PRAGMA page_size=%d; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                   "PRAGMA temp_store=FILE; PRAGMA cache_size=-%lld; PRAGMA max_page_count=%lld;",
                   PAGE_BYTES, (long long)(options->cache_bytes / 1024),
                   (long long)(options->disk_limit / PAGE_BYTES));
    if (run(f, pragmas, t) < 0 || run(f, facts_schema_sql, t) < 0 || prepare_all(f, t) < 0) {
        return -1;
    }
    sqlite3_progress_handler(f->db, STEPS_BETWEEN_ASKS, asked_to_stop, f);
    return run(f, "BEGIN", t);
}

void facts_close(struct facts **f) {
    if (*f == NULL) {
        return;
    }
    for (int i = 0; i < STATEMENTS; i++) {
        (void)sqlite3_finalize((*f)->statements[i]);
    }
    (void)sqlite3_close((*f)->db);
    free(*f);
    *f = NULL;
}

// ---- binding ----

static void bind_text(sqlite3_stmt *s, int at, struct delimited_field text) {
    (void)sqlite3_bind_text(s, at, text.len == 0 ? "" : text.text, (int)text.len, SQLITE_STATIC);
}

static void bind_int(sqlite3_stmt *s, int at, int64_t value) {
    if (value == NUMBER_NONE) {
        (void)sqlite3_bind_null(s, at);
    } else {
        (void)sqlite3_bind_int64(s, at, value);
    }
}

static int insert(struct facts *f, sqlite3_stmt *s, struct trouble *t) {
    int rc = sqlite3_step(s);
    if (rc != SQLITE_DONE) {
        (void)facts_trouble(f, t);
        (void)sqlite3_reset(s);
        return -1;
    }
    (void)sqlite3_reset(s);
    return 0;
}

// ---- adding ----

int facts_add_source(struct facts *f, size_t index, const struct source *s, const char *market,
                     const char *currency, const struct period *p, struct trouble *t) {
    sqlite3_stmt *st = f->statements[ADD_SOURCE];
    (void)sqlite3_bind_int64(st, 1, (int64_t)index);
    (void)sqlite3_bind_text(st, 2, columns_kind_name(s->kind), -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(st, 3, s->file, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(st, 4, market, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(st, 5, currency, -1, SQLITE_STATIC);
    bind_int(st, 6, p != NULL && p->dated ? p->from : NUMBER_NONE);
    bind_int(st, 7, p != NULL && p->dated ? p->to : NUMBER_NONE);
    (void)sqlite3_bind_text(st, 8, s->sha256, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(st, 9, (int64_t)s->rows);
    (void)sqlite3_bind_int64(st, 10, (int64_t)s->notes[NOTE_BAD_ROW]);
    return insert(f, st, t);
}

int facts_add_traffic(struct facts *f, const struct facts_traffic *row, struct trouble *t) {
    const int64_t figures[] = {row->sessions,  row->page_views, row->buy_box,      row->units,
                               row->sales,     row->items,      row->sessions_b2b, row->units_b2b,
                               row->sales_b2b, row->items_b2b};
    sqlite3_stmt *s = f->statements[ADD_TRAFFIC];
    (void)sqlite3_bind_int(s, 1, row->period);
    (void)sqlite3_bind_int64(s, 2, (int64_t)row->line);
    bind_text(s, 3, row->parent);
    bind_text(s, 4, row->child);
    bind_text(s, 5, row->sku);
    bind_text(s, 6, row->title);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        bind_int(s, 7 + (int)i, figures[i]);
    }
    return insert(f, s, t);
}

// 123-1234567-1234567 as 17 digits; -1: another form.
static int64_t order_number(struct delimited_field id) {
    int64_t value = 0;
    if (id.len != 19 || id.text[3] != '-' || id.text[11] != '-') {
        return -1;
    }
    for (size_t i = 0; i < id.len; i++) {
        if (i == 3 || i == 11) {
            continue;
        }
        if (id.text[i] < '0' || id.text[i] > '9') {
            return -1;
        }
        value = value * 10 + (id.text[i] - '0');
    }
    return value;
}

static uint64_t hash_of(const char *text, size_t len) { // FNV-1a
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (uint8_t)text[i]) * 1099511628211u;
    }
    return h ^ (h >> 29);
}

// The item's row in the database, made if need be.
static int item_row(struct facts *f, const struct facts_line *l, struct item_slot *slot,
                    struct trouble *t) {
    sqlite3_stmt *s = f->statements[FIND_ITEM];
    bind_text(s, 1, l->sku);
    bind_text(s, 2, l->asin);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        slot->id = sqlite3_column_int64(s, 0);
        slot->named = sqlite3_column_int(s, 1) != 0;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        (void)facts_trouble(f, t);
        (void)sqlite3_reset(s);
        return -1;
    }
    (void)sqlite3_reset(s);
    if (rc == SQLITE_ROW) {
        return 0;
    }
    s = f->statements[ADD_ITEM];
    bind_text(s, 1, l->sku);
    bind_text(s, 2, l->asin);
    bind_text(s, 3, l->title);
    if (insert(f, s, t) < 0) {
        return -1;
    }
    slot->id = sqlite3_last_insert_rowid(f->db);
    slot->named = l->title.len > 0;
    return 0;
}

static int name_item(struct facts *f, const struct facts_line *l, struct item_slot *slot,
                     struct trouble *t) {
    sqlite3_stmt *s = f->statements[NAME_ITEM];
    bind_text(s, 1, l->title);
    (void)sqlite3_bind_int64(s, 2, slot->id);
    slot->named = true;
    return insert(f, s, t);
}

// The item's id, from the cache where it can; its title is the first that is not empty.
static int item_of(struct facts *f, const struct facts_line *l, int64_t *ret, struct trouble *t) {
    char key[ITEM_KEY];
    struct item_slot once = {0}, *slot = &once;
    size_t len = l->sku.len + 1 + l->asin.len;
    if (len <= sizeof key) {
        memcpy(key, l->sku.text, l->sku.len);
        key[l->sku.len] = '\t';
        memcpy(key + l->sku.len + 1, l->asin.text, l->asin.len);
        slot = &f->items[hash_of(key, len) % ITEM_SLOTS];
    }
    if (slot->id == 0 || slot->len != len || memcmp(slot->key, key, len) != 0) {
        slot->id = 0;
        if (item_row(f, l, slot, t) < 0) {
            return -1;
        }
        slot->len = (uint8_t)len;
        if (slot != &once) {
            memcpy(slot->key, key, len);
        }
    }
    *ret = slot->id;
    return !slot->named && l->title.len > 0 ? name_item(f, l, slot, t) : 0;
}

static int end_section(struct facts *f, struct trouble *t) {
    sqlite3_stmt *s = f->statements[ADD_SECTION];
    if (!f->section_open) {
        return 0;
    }
    f->section_open = false;
    (void)sqlite3_bind_int64(s, 1, f->section);
    (void)sqlite3_bind_int64(s, 2, f->first_day);
    (void)sqlite3_bind_int64(s, 3, f->last_day);
    return insert(f, s, t);
}

static int widen_section(struct facts *f, const struct facts_line *l, struct trouble *t) {
    if (f->section_open && f->section == l->section) {
        f->first_day = l->day < f->first_day ? l->day : f->first_day;
        f->last_day = l->day > f->last_day ? l->day : f->last_day;
        return 0;
    }
    if (end_section(f, t) < 0) {
        return -1;
    }
    f->section_open = true;
    f->section = l->section;
    f->first_day = f->last_day = l->day;
    return 0;
}

int facts_add_line(struct facts *f, const struct facts_line *l, struct trouble *t) {
    sqlite3_stmt *s = f->statements[ADD_LINE];
    int64_t item, order = order_number(l->order);
    if (widen_section(f, l, t) < 0 || item_of(f, l, &item, t) < 0) {
        return -1;
    }
    const int64_t figures[] = {item,     l->day,      l->updated,  (int64_t)l->state, l->quantity,
                               l->price, l->discount, l->business, l->promoted,       l->returned};
    (void)sqlite3_bind_int64(s, 1, l->section);
    (void)sqlite3_bind_int64(s, 2, (int64_t)l->line);
    if (order >= 0) {
        (void)sqlite3_bind_int64(s, 3, order);
    } else {
        bind_text(s, 3, l->order);
    }
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        bind_int(s, 4 + (int)i, figures[i]);
    }
    return insert(f, s, t);
}

// ---- settling ----

static int count(struct facts *f, const char *text, int64_t *ret, struct trouble *t) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(f->db, text, -1, &s, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(s);
    }
    if (rc == SQLITE_ROW) {
        *ret = sqlite3_column_int64(s, 0);
    } else {
        (void)facts_trouble(f, t);
    }
    (void)sqlite3_finalize(s);
    return rc == SQLITE_ROW ? 0 : -1;
}

int facts_settle(struct facts *f, unsigned sections, struct facts_settled *ret, struct trouble *t) {
    int64_t rows, left_rows, lines, left_lines, uneven;
    memset(ret, 0, sizeof *ret);
    if (end_section(f, t) < 0 || count(f, "SELECT count(*) FROM traffic", &rows, t) < 0 ||
        count(f, "SELECT count(*) FROM line", &lines, t) < 0 ||
        (sections > 1 && run(f, facts_twins_sql, t) < 0) || run(f, facts_settle_sql, t) < 0 ||
        count(f, "SELECT count(*) FROM traffic", &left_rows, t) < 0 ||
        count(f, "SELECT count(*) FROM line", &left_lines, t) < 0 ||
        count(f, "SELECT count(*) FROM entry WHERE uneven", &uneven, t) < 0) {
        return -1;
    }
    ret->repeated_rows = (uint64_t)(rows - left_rows);
    ret->repeated_lines = (uint64_t)(lines - left_lines);
    ret->uneven_entries = (uint64_t)uneven;
    return 0;
}
