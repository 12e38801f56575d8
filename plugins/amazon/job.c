#include "job.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyse.h"
#include "inputs.h"
#include "jobhost_blob.h"
#include "jobhost_clock.h"
#include "jobhost_util.h"
#include "load.h"
#include "render.h"

struct run {
    struct jh_call *c;
    const struct jh_job *job;
    const struct jh_blob *blob;
    const struct settings *settings;
    struct request request;
    struct inputs inputs;
    enum report_kind kinds[SOURCES_MAX];
    struct source sources[SOURCES_MAX];
    struct period periods[SOURCES_MAX];
    struct bad_rows bad;
    struct facts *facts;
    struct facts_settled settled;
    struct load load;
    struct report report;
    uint64_t read_before; /* bytes of the files that are done */
    const char *reading;
    struct trouble trouble;
};

// ---- the host ----

static bool is_cancelled(void *arg) {
    struct run *run = arg;
    return run->c->host->cancelled(run->c) != 0;
}

// The adding up after the last byte is about a fifth of the work.
static uint64_t whole_work(const struct run *run) {
    return run->inputs.bytes + run->inputs.bytes / 4 + 1;
}

static void show(struct run *run, uint64_t done, const char *words) {
    (void)run->c->host->progress(run->c, done, whole_work(run), words);
}

static bool on_bytes(void *arg, uint64_t bytes) {
    struct run *run = arg;
    show(run, run->read_before + bytes, run->reading);
    return is_cancelled(run);
}

static int open_input(void *arg, size_t index) {
    struct run *run = arg;
    return run->blob->open(run->c, (uint32_t)index);
}

static void describe(struct source *s, size_t index, const struct jh_input *input) {
    const char *name = JH_HAS(input, jh_input, filename) && input->filename != NULL
                           ? input->filename
                           : input->name;
    if (name == NULL || name[0] == '\0') {
        (void)snprintf(s->file, sizeof s->file, "file %zu", index + 1);
    } else {
        (void)snprintf(s->file, sizeof s->file, "%.*s", SOURCE_NAME - 1, name);
    }
    for (size_t i = 0; i < sizeof input->sha256; i++) {
        (void)snprintf(s->sha256 + 2 * i, 3, "%02x", input->sha256[i]);
    }
    s->bytes = input->length;
}

static int describe_inputs(struct run *run) {
    uint32_t count = run->job->input_count;
    if (count == 0) {
        return trouble_set(&run->trouble, TROUBLE_INPUT, "no_files",
                           "the job has no files; add a business report (business_report) or an "
                           "orders report (orders)");
    }
    if (count > SOURCES_MAX) {
        return trouble_set(&run->trouble, TROUBLE_INPUT, "too_many_files",
                           "%u files; at most %d are taken", count, SOURCES_MAX);
    }
    run->blob = run->c->host->extension(run->c->host, JH_BLOB_1);
    if (run->blob == NULL || !JH_HAS(run->blob, jh_blob, result_fd)) {
        return trouble_set(&run->trouble, TROUBLE_BUG, "no_blobs",
                           "this host has no %s, which brings the job's files", JH_BLOB_1);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct jh_input input = {.size = sizeof input};
        if (run->blob->input(run->c, i, &input) < 0) {
            return trouble_set(&run->trouble, TROUBLE_BUG, "input", "file %u is not described", i);
        }
        describe(&run->sources[i], i, &input);
        const char *name = input.name == NULL ? "" : input.name;
        run->kinds[i] = strcmp(name, "business_report") == 0 ? KIND_BUSINESS
                        : strcmp(name, "orders") == 0        ? KIND_ORDERS
                                                             : KIND_UNKNOWN;
    }
    run->inputs = (struct inputs){.count = count,
                                  .sources = run->sources,
                                  .periods = run->periods,
                                  .open = open_input,
                                  .arg = run};
    return inputs_identify(&run->inputs, run->kinds, &run->request, &run->trouble);
}

// ---- reading ----

static void fix_currency(struct run *run) {
    struct load *l = &run->load;
    if (run->request.currency[0] != '\0') {
        memcpy(l->currency, run->request.currency, CURRENCY_TEXT);
        l->currency_from = "the request";
    } else if (run->request.market != NULL) {
        memcpy(l->currency, run->request.market->currency, CURRENCY_TEXT);
        l->currency_from = "the marketplace";
    }
}

static int read_input(struct run *run, size_t index) {
    char words[SOURCE_NAME + 32];
    struct source *s = &run->sources[index];
    int fd = open_input(run, index);
    if (fd < 0) {
        return trouble_set(&run->trouble, TROUBLE_RESOURCE, "read", "%s cannot be opened: %s",
                           s->file, strerror(-fd));
    }
    (void)snprintf(words, sizeof words, "reading %s", s->file);
    run->reading = words;
    int rc = load_read(&run->load, fd, run->sources, index, &run->trouble);
    run->read_before += s->bytes;
    (void)close(fd);
    return rc;
}

static int read_inputs(struct run *run) {
    const struct facts_options options = {.disk_limit = run->settings->disk_limit,
                                          .cache_bytes = run->settings->cache_bytes,
                                          .stop = is_cancelled,
                                          .arg = run};
    run->bad.limit = (size_t)run->settings->limits.listed_rows;
    run->bad.list = calloc(run->bad.limit + 1, sizeof *run->bad.list);
    if (run->bad.list == NULL) {
        return trouble_no_memory(&run->trouble);
    }
    if (facts_open(&options, &run->facts, &run->trouble) < 0) {
        return -1;
    }
    run->load = (struct load){.facts = run->facts,
                              .market = run->request.market,
                              .bad = &run->bad,
                              .progress = on_bytes,
                              .arg = run};
    fix_currency(run);
    for (size_t i = 0; i < run->inputs.count; i++) {
        if (!run->sources[i].repeated && read_input(run, i) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < run->inputs.count; i++) {
        const struct source *s = &run->sources[i];
        if (facts_add_source(run->facts, i, s,
                             run->request.market == NULL ? NULL : run->request.market->code,
                             run->load.currency, s->period < 0 ? NULL : &run->periods[s->period],
                             &run->trouble) < 0) {
            return -1;
        }
    }
    return 0;
}

// ---- the report ----

static int make_report(struct run *run) {
    const struct jh_clock *clock = run->c->host->extension(run->c->host, JH_CLOCK_1);
    struct report *r = &run->report;
    show(run, run->inputs.bytes, "adding up");
    if (facts_settle(run->facts, run->load.sections, &run->settled, &run->trouble) < 0) {
        return -1;
    }
    r->made_at_ms = clock == NULL ? 0 : clock->wall_ms(run->c);
    r->version = AMAZON_VERSION;
    r->market = run->request.market;
    memcpy(r->currency, run->load.currency, CURRENCY_TEXT);
    r->exponent = r->currency[0] == '\0' ? 2 : currency_exponent(r->currency);
    r->sources = run->sources;
    r->source_count = run->inputs.count;
    r->bad = &run->bad;
    r->limits = run->settings->limits;
    r->business.period_count = run->inputs.period_count;
    r->has_business = run->inputs.period_count > 0;
    r->has_orders = run->load.sections > 0;
    show(run, run->inputs.bytes + run->inputs.bytes / 8, "analysing");
    return analyse(run->facts, &run->settled, run->periods, r, &run->trouble);
}

// A file in the working directory that has no name any more.
static FILE *temporary(void) {
    char name[] = "./amazon-XXXXXX";
    int fd = mkstemp(name);
    if (fd == -1) {
        return NULL;
    }
    (void)unlink(name);
    FILE *out = fdopen(fd, "w+");
    if (out == NULL) {
        (void)close(fd);
    }
    return out;
}

struct output {
    const char *name, *type;
    bool (*render)(const struct report *r, FILE *out); // or
    const char *table;                                 // of render_csv()
};
static const struct output result = {"report.json", "application/json", render_json, NULL};
static const struct output outputs[] = {
    {"report.html", "text/html; charset=utf-8", render_html, NULL},
    {"report.md", "text/markdown; charset=utf-8", render_md, NULL},
    {"asins.csv", "text/csv; charset=utf-8", NULL, "asins"},
    {"skus.csv", "text/csv; charset=utf-8", NULL, "skus"},
    {"parents.csv", "text/csv; charset=utf-8", NULL, "parents"},
    {"order-asins.csv", "text/csv; charset=utf-8", NULL, "sold_asins"},
    {"order-skus.csv", "text/csv; charset=utf-8", NULL, "sold_skus"},
};

static bool is_wanted(const struct run *run, const struct output *o) {
    const struct report *r = &run->report;
    if (o->table == NULL) {
        return true;
    }
    if (strcmp(o->table, "skus") == 0) {
        return r->has_business && r->business.skus.total > 0;
    }
    return strncmp(o->table, "sold_", 5) == 0 ? r->has_orders : r->has_business;
}

static int hand_over(struct run *run, const struct output *o, int fd) {
    int rc = o == &result ? run->blob->result_fd(run->c, fd, o->type)
                          : run->blob->output_fd(run->c, o->name, fd, o->type);
    if (rc == -EFBIG) {
        return trouble_set(&run->trouble, TROUBLE_INPUT, "report_too_large",
                           "%s is larger than the queue's max_result", o->name);
    }
    return rc == 0 ? 0
                   : trouble_set(&run->trouble, TROUBLE_RESOURCE, "output",
                                 "%s could not be stored: %s", o->name, strerror(-rc));
}

static int write_output(struct run *run, const struct output *o) {
    int rc = 0;
    FILE *out = temporary();
    if (out == NULL) {
        return trouble_set(&run->trouble, TROUBLE_RESOURCE, "disk", "no temporary file for %s: %s",
                           o->name, strerror(errno));
    }
    if (o->render != NULL) {
        rc = o->render(&run->report, out) ? 0 : trouble_no_memory(&run->trouble);
    } else {
        rc = render_csv(run->facts, &run->report, o->table, out, &run->trouble);
    }
    if (rc == 0 && (fflush(out) != 0 || ferror(out))) {
        rc = trouble_set(&run->trouble, TROUBLE_RESOURCE, "disk", "%s could not be written: %s",
                         o->name, strerror(errno));
    }
    if (rc == 0) {
        rc = hand_over(run, o, fileno(out));
    }
    (void)fclose(out);
    return rc;
}

static int write_outputs(struct run *run) {
    show(run, run->inputs.bytes + run->inputs.bytes / 5, "writing the report");
    if (write_output(run, &result) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (JH_HAS(run->blob, jh_blob, output_fd) && is_wanted(run, &outputs[i]) &&
            write_output(run, &outputs[i]) < 0) {
            return -1;
        }
    }
    show(run, whole_work(run), "done");
    return 0;
}

// ---- warnings ----

static void warn_bad_rows(struct run *run, size_t index) {
    const struct source *s = &run->sources[index];
    char first[SOURCE_WORDS + COLUMNS_NAME + 64] = "";
    for (size_t i = 0; i < run->bad.count && first[0] == '\0'; i++) {
        const struct bad_row *b = &run->bad.list[i];
        if (b->source == index) {
            (void)snprintf(first, sizeof first, "; the first is row %llu%s%s%s: %s",
                           (unsigned long long)b->line, b->column[0] == '\0' ? "" : ", column \"",
                           b->column, b->column[0] == '\0' ? "" : "\"", b->words);
        }
    }
    (void)jh_warnf(run->c, "bad_rows", "%s: %llu of %llu rows could not be read%s", s->file,
                   (unsigned long long)s->notes[NOTE_BAD_ROW], (unsigned long long)s->rows, first);
}

static void warn_remarks(struct run *run, const struct remarks *m) {
    for (size_t i = 0; i < m->count; i++) {
        if (m->rows[i].warning) {
            (void)run->c->host->warn(run->c, m->rows[i].code, m->rows[i].text);
        }
    }
}

static void warn_all(struct run *run) {
    for (size_t i = 0; i < run->inputs.count; i++) {
        if (run->sources[i].notes[NOTE_BAD_ROW] > 0) {
            warn_bad_rows(run, i);
        }
    }
    warn_remarks(run, &run->report.assumptions);
    warn_remarks(run, &run->report.exclusions);
}

// ---- the run ----

static jh_status end_with(struct run *run) {
    static const jh_class classes[] = {
        [TROUBLE_NONE] = JH_E_BUG,          [TROUBLE_INPUT] = JH_E_INPUT,
        [TROUBLE_RESOURCE] = JH_E_RESOURCE, [TROUBLE_STOPPED] = JH_E_BUG,
        [TROUBLE_BUG] = JH_E_BUG,
    };
    const struct trouble *t = &run->trouble;
    if (t->kind == TROUBLE_STOPPED) {
        return jh_stop(run->c);
    }
    return jh_failf(run->c, classes[t->kind], t->code, "%s", t->text);
}

// What a large file took would stay with the thread that ran it, and the next job may run on
// another.
static void give_back(void) {
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

jh_status job_run(void *settings, struct jh_call *c, const struct jh_job *job) {
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return jh_failf(c, JH_E_RESOURCE, "no_memory", "out of memory");
    }
    run->c = c;
    run->job = job;
    run->settings = settings;
    report_init(&run->report);
    int rc = request_parse(job->payload.data, job->payload.len, &run->request, &run->trouble);
    if (rc == 0 && describe_inputs(run) == 0 && read_inputs(run) == 0 && make_report(run) == 0 &&
        write_outputs(run) == 0) {
        warn_all(run);
    } else {
        rc = -1;
    }
    jh_status status = rc == 0 ? JH_OK : end_with(run);
    load_finish(&run->load);
    report_finish(&run->report);
    facts_close(&run->facts);
    free(run->bad.list);
    free(run);
    give_back();
    return status;
}
