// A whole run of the amazon plugin on one file of any bytes (an optional payload before the first byte 0x1e): it ends in a report or in
// a refusal that says why, and the report's JSON is JSON, its page has no tag that a cell brought.
#define _GNU_SOURCE // memmem, memfd_create

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "analyse.h"
#include "fuzz.h"
#include "inputs.h"
#include "load.h"
#include "render.h"

enum { LISTED = 8 };

struct attempt {
    int fd;
    struct request request;
    struct source source;
    struct period period;
    struct bad_row rows[LISTED + 1];
    struct bad_rows bad;
    struct inputs inputs;
    struct load load;
    struct facts *facts;
    struct facts_settled settled;
    struct report report;
    struct trouble trouble;
};

static int open_again(void *arg, size_t index) {
    struct attempt *a = arg;
    (void)index;
    (void)lseek(a->fd, 0, SEEK_SET);
    return dup(a->fd);
}

static int load_and_analyse(struct attempt *a) {
    const struct facts_options options = {.disk_limit = 64 << 20, .cache_bytes = 1 << 20};
    const enum report_kind any = KIND_UNKNOWN;
    struct report *r = &a->report;
    if (inputs_identify(&a->inputs, &any, &a->request, &a->trouble) < 0 ||
        facts_open(&options, &a->facts, &a->trouble) < 0) {
        return -1;
    }
    a->load = (struct load){.facts = a->facts, .market = a->request.market, .bad = &a->bad};
    memcpy(a->load.currency, a->request.currency, CURRENCY_TEXT);
    a->load.currency_from = "the request";
    int fd = open_again(a, 0);
    int rc = load_read(&a->load, fd, &a->source, 0, &a->trouble);
    (void)close(fd);
    if (rc < 0 || facts_settle(a->facts, a->load.sections, &a->settled, &a->trouble) < 0) {
        return -1;
    }
    memcpy(r->currency, a->load.currency, CURRENCY_TEXT);
    r->exponent = r->currency[0] == '\0' ? 2 : currency_exponent(r->currency);
    r->version = "fuzz";
    r->market = a->request.market;
    r->sources = &a->source;
    r->source_count = 1;
    r->bad = &a->bad;
    r->limits = (struct thresholds){5, 800000, 950000, 800000, 20, 1, LISTED};
    r->has_business = a->source.kind == KIND_BUSINESS;
    r->has_orders = !r->has_business;
    r->business.period_count = a->inputs.period_count;
    return analyse(a->facts, &a->settled, &a->period, r, &a->trouble);
}

static void check_rendered(struct attempt *a, bool (*render)(const struct report *, FILE *),
                           bool json) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        abort();
    }
    FUZZ_CHECK(render(&a->report, out));
    (void)fclose(out);
    if (json) {
        cJSON *parsed = cJSON_ParseWithLength(text, len);
        FUZZ_CHECK(parsed != NULL);
        cJSON_Delete(parsed);
    } else {
        FUZZ_CHECK(memchr(text, '\0', len) == NULL);
        FUZZ_CHECK(memmem(text, len, "<script", 7) == NULL && memmem(text, len, "<img", 4) == NULL);
    }
    free(text);
}

static void run(struct attempt *a) {
    if (load_and_analyse(a) < 0) {
        FUZZ_CHECK(a->trouble.kind == TROUBLE_INPUT || a->trouble.kind == TROUBLE_RESOURCE);
        FUZZ_CHECK(a->trouble.text[0] != '\0' && a->trouble.code != NULL);
        return;
    }
    check_rendered(a, render_json, true);
    check_rendered(a, render_md, false);
    check_rendered(a, render_html, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct attempt *a = calloc(1, sizeof *a);
    const uint8_t *mark = size == 0 ? NULL : memchr(data, 0x1e, size);
    size_t payload = mark == NULL ? 0 : (size_t)(mark - data);
    size_t skip = mark == NULL ? 0 : payload + 1;
    if (a == NULL) {
        return 0;
    }
    a->fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (a->fd == -1 || write(a->fd, data + skip, size - skip) != (ssize_t)(size - skip)) {
        abort();
    }
    a->bad = (struct bad_rows){0, LISTED, a->rows};
    (void)snprintf(a->source.file, sizeof a->source.file, "report 2026-03.csv");
    a->inputs = (struct inputs){
        .count = 1, .sources = &a->source, .periods = &a->period, .open = open_again, .arg = a};
    report_init(&a->report);
    if (request_parse((const char *)data, payload, &a->request, &a->trouble) == 0) {
        run(a);
    }
    load_finish(&a->load);
    report_finish(&a->report);
    facts_close(&a->facts);
    (void)close(a->fd);
    free(a);
    return 0;
}
