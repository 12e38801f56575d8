#include "cli/check_live.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/address.h"
#include "cli/remote.h"
#include "cli/table.h"

static const char *const states[CHECK_LIVE_STATES] = {"queued", "scheduled", "parked", "running"};

struct asking {
    const struct cli *cli;
    const struct pool_manifest *manifest;
    const cJSON *plugins; // the host's
    struct check_live *live;
    const char *lost; // the type that is looked at; NULL: jobs with steps are
};

/* ---- what would become of a job ---- */

static const struct pool_handler *own_handler(const struct pool_manifest *m, const char *type) {
    for (size_t i = 0; i < m->handler_count; i++) {
        if (strcmp(m->handlers[i].name, type) == 0) {
            return &m->handlers[i];
        }
    }
    return NULL;
}

static const cJSON *handler_of_host(const cJSON *plugins, const char *type) {
    const cJSON *p, *h;
    cJSON_ArrayForEach(p, plugins) {
        cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(p, "handlers")) {
            const char *name = remote_text(h, "name");
            if (name != NULL && strcmp(name, type) == 0) {
                return h;
            }
        }
    }
    return NULL;
}

static enum skew_policy policy_of(const cJSON *plugins, const char *type) {
    int policy = skew_policy_from_name(remote_text(handler_of_host(plugins, type), "state_policy"));
    return policy < 0 ? SKEW_POLICY_PARK : (enum skew_policy)policy;
}

/* ---- rows ---- */

static struct check_live_row *row_of(struct check_live *live, const char *type, uint32_t version) {
    for (size_t i = 0; i < live->count; i++) {
        if (live->rows[i].steps_version == version && strcmp(live->rows[i].type, type) == 0) {
            return &live->rows[i];
        }
    }
    if (live->count == CHECK_LIVE_ROWS_MAX) {
        return NULL;
    }
    if (live->count == live->cap) {
        size_t cap = live->cap == 0 ? 16 : 2 * live->cap;
        struct check_live_row *rows = arena_zalloc(&live->arena, cap * sizeof *rows);
        if (rows == NULL) {
            return NULL;
        }
        if (live->count > 0) {
            memcpy(rows, live->rows, live->count * sizeof *rows);
        }
        live->rows = rows;
        live->cap = cap;
    }
    struct check_live_row *row = &live->rows[live->count++];
    row->type = arena_str(&live->arena, type);
    row->steps_version = version;
    return row->type == NULL ? NULL : row;
}

static const char *becomes(const struct asking *a, const char *type, uint32_t version) {
    const struct pool_handler *own = own_handler(a->manifest, type);
    return a->lost != NULL || own == NULL
               ? "no_handler"
               : skew_name((int)skew_decide(&own->state, version, policy_of(a->plugins, type)));
}

static bool is_harmless(const char *what) {
    return strcmp(what, "park") != 0 && strcmp(what, "fail") != 0 &&
           strcmp(what, "no_handler") != 0;
}

static uint32_t version_of(const cJSON *job) {
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(job, "steps");
    double n = remote_number(steps, "state_version");
    return n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static void add_job(struct asking *a, size_t state, const cJSON *job) {
    const char *type = remote_text(job, "type"), *id = remote_text(job, "id");
    uint32_t version = a->lost != NULL ? 0 : version_of(job);
    if (type == NULL || (a->lost == NULL && own_handler(a->manifest, type) == NULL)) {
        return; // another plugin's, or looked at with its type
    }
    const char *what = becomes(a, type, version);
    a->live->breaks = a->live->breaks || !is_harmless(what);
    struct check_live_row *row = row_of(a->live, type, version);
    if (row == NULL) {
        return; // of a thousand versions the first tell enough
    }
    row->becomes = what;
    if (row->jobs < CHECK_LIVE_IDS && id != NULL) {
        (void)snprintf(row->ids[row->jobs], sizeof row->ids[0], "%s", id);
    }
    row->jobs++;
    row->by_state[state]++;
}

/* ---- asking ---- */

static int ask_page(struct asking *a, size_t state, char cursor[512]) {
    struct buf path = {0};
    cJSON *page = NULL;
    const cJSON *job;
    buf_str(&path, "/v1/jobs?limit=1000");
    remote_query(&path, "state", states[state]);
    remote_query(&path, "type", a->lost);
    remote_query(&path, "steps", a->lost == NULL ? "1" : NULL);
    remote_query(&path, "cursor", cursor[0] == '\0' ? NULL : cursor);
    int r = path.failed ? cli_fail(a->cli, CLI_FAILED, "out of memory")
                        : remote_json(a->cli, "GET", path.data, NULL, &page);
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(page, "items")) {
        add_job(a, state, job);
    }
    const char *next = remote_text(page, "next_cursor");
    (void)snprintf(cursor, 512, "%s", next == NULL ? "" : next);
    cJSON_Delete(page);
    buf_free(&path);
    return r;
}

static int ask_states(struct asking *a) {
    int r = CLI_OK;
    for (size_t i = 0; i < CHECK_LIVE_STATES && r == CLI_OK; i++) {
        char cursor[512] = "";
        do {
            r = ask_page(a, i, cursor);
        } while (r == CLI_OK && cursor[0] != '\0');
    }
    return r;
}

/* Is it this plugin's place that the new file would take? */
static bool is_replaced(const struct asking *a, const cJSON *plugin, const char *name) {
    const char *its = remote_text(plugin, "name");
    const cJSON *h;
    bool replaced = its != NULL && (strcmp(its, name) == 0 || strcmp(its, a->manifest->name) == 0);
    cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(plugin, "handlers")) {
        const char *type = remote_text(h, "name");
        replaced = replaced || (type != NULL && own_handler(a->manifest, type) != NULL);
    }
    return replaced;
}

static int ask_lost(struct asking *a, const char *name) {
    const cJSON *p, *h;
    int r = CLI_OK;
    cJSON_ArrayForEach(p, a->plugins) {
        if (!is_replaced(a, p, name)) {
            continue;
        }
        cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(p, "handlers")) {
            const char *type = remote_text(h, "name");
            if (r == CLI_OK && type != NULL && own_handler(a->manifest, type) == NULL) {
                a->lost = type;
                r = ask_states(a);
                a->lost = NULL;
            }
        }
    }
    return r;
}

static bool is_named(const struct cli *cli) {
    return address_is_named(cli) || cli_value(cli, "config") != NULL;
}

int check_live_ask(const struct cli *cli, const char *name, const struct pool_manifest *manifest,
                   struct check_live *ret) {
    struct cli quiet = *cli; // the report is one text, and a host that is not there is no fault
    cJSON *plugins = NULL;
    *ret = (struct check_live){.asked = false};
    if (cli_flag(cli, "offline")) {
        return CLI_OK;
    }
    quiet.json = false;
    quiet.silent = !address_is_named(cli);
    int r = remote_json(&quiet, "GET", "/v1/plugins", NULL, &plugins);
    if (r != CLI_OK) {
        bool none = quiet.silent && (r == CLI_UNREACHABLE || !is_named(cli));
        if (!none && quiet.silent) { // once more, aloud
            quiet.silent = false;
            r = remote_json(&quiet, "GET", "/v1/plugins", NULL, &plugins);
            cJSON_Delete(plugins);
        }
        return none ? CLI_OK : r;
    }
    struct asking a = {.cli = &quiet,
                       .manifest = manifest,
                       .plugins = cJSON_GetObjectItemCaseSensitive(plugins, "items"),
                       .live = ret};
    quiet.silent = false;
    ret->asked = true;
    r = ask_states(&a);
    r = r == CLI_OK ? ask_lost(&a, name) : r;
    cJSON_Delete(plugins);
    return r;
}

void check_live_finish(struct check_live *live) {
    arena_free(&live->arena);
}

/* ---- the report ---- */

static void add_row(struct buf *out, const struct check_live_row *row) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "type", row->type);
    if (row->steps_version != 0) {
        json_kint(out, "steps_version", row->steps_version);
    }
    json_kstr(out, "becomes", row->becomes);
    json_kint(out, "jobs", (int64_t)row->jobs);
    json_key(out, "states");
    buf_char(out, '{');
    for (size_t i = 0; i < CHECK_LIVE_STATES; i++) {
        if (row->by_state[i] > 0) {
            json_kint(out, states[i], (int64_t)row->by_state[i]);
        }
    }
    buf_char(out, '}');
    json_key(out, "ids");
    buf_char(out, '[');
    for (size_t i = 0; i < CHECK_LIVE_IDS && i < row->jobs; i++) {
        json_comma(out);
        json_str(out, row->ids[i]);
    }
    buf_str(out, "]}");
}

void check_live_json(const struct check_live *live, struct buf *out) {
    if (!live->asked) {
        return;
    }
    json_kbool(out, "breaks", live->breaks);
    json_key(out, "jobs");
    buf_char(out, '[');
    for (size_t i = 0; i < live->count; i++) {
        add_row(out, &live->rows[i]);
    }
    buf_char(out, ']');
}

static void print_row(struct table *t, const struct check_live_row *row) {
    struct buf text = {0};
    table_cell(t, row->type);
    table_number(t, row->steps_version);
    table_cell(t, row->becomes);
    table_cellf(t, "%llu", (unsigned long long)row->jobs);
    for (size_t i = 0; i < CHECK_LIVE_STATES; i++) {
        if (row->by_state[i] > 0) {
            buf_printf(&text, "%s%llu %s", text.len == 0 ? "" : ", ",
                       (unsigned long long)row->by_state[i], states[i]);
        }
    }
    table_cell(t, text.data);
    buf_clear(&text);
    for (size_t i = 0; i < CHECK_LIVE_IDS && i < row->jobs; i++) {
        buf_printf(&text, "%s%s", i == 0 ? "" : " ", row->ids[i]);
    }
    table_cell(t, text.data);
    buf_free(&text);
}

void check_live_print(const struct cli *cli, const struct check_live *live) {
    static const char *const titles[] = {"TYPE", ">STEPS", "BECOMES", ">JOBS", "STATES", "SOME"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    if (!live->asked) {
        return;
    }
    if (live->count == 0) {
        (void)printf("\nno job of the host has steps of these handlers\n");
        return;
    }
    (void)printf("\njobs of the host that have steps, or would have no handler:\n\n");
    for (size_t i = 0; i < live->count; i++) {
        print_row(&t, &live->rows[i]);
    }
    table_print(cli, &t);
}
