// Files of time zones. Whatever is taken has spans without holes, and a schedule in it goes on from time to time.
#include <string.h>

#include "base/bytes.h"
#include "core/cron.h"
#include "fuzz.h"

static void check_spans(const struct zone *zone, int64_t from) {
    struct zone_span span = zone_span_at(zone, from);
    FUZZ_CHECK(span.begin <= from && from < span.end);
    for (int i = 0; i < 50 && span.end < ZONE_ALWAYS; i++) {
        struct zone_span next = zone_span_at(zone, span.end),
                         same = zone_span_at(zone, span.end - 1);
        FUZZ_CHECK(next.begin == span.end && next.end > next.begin && next.before == span.offset);
        FUZZ_CHECK(memcmp(&same, &span, sizeof span) == 0);
        FUZZ_CHECK(next.offset <= ZONE_OFFSET_MAX && next.offset >= -ZONE_OFFSET_MAX);
        span = next;
    }
}

static void check_schedule(const struct zone *zone, const char *expression, int64_t from) {
    for (int dst = 0; dst < CRON_DST_COUNT; dst++) {
        struct cron cron;
        struct cron_rule rule = {.cron = &cron, .zone = zone, .dst = (enum cron_dst)dst};
        struct cron_time t = {.at = from}, gap = {.at = from};
        FUZZ_CHECK(cron_parse(expression, &cron, NULL) == 0);
        for (int i = 0; i < 20; i++) {
            int64_t after = t.at;
            FUZZ_CHECK(cron_next(&rule, after, &t) && t.at > after);
            FUZZ_CHECK(t.offset == zone_span_at(zone, t.at).offset || t.mark == CRON_GAP_MOVED);
            FUZZ_CHECK(t.mark == CRON_GAP_MOVED || t.nominal == t.at + t.offset);
        }
        for (int i = 0; i < 20; i++) {
            int64_t after = gap.at;
            if (!cron_next_skipped(&rule, after, t.at, &gap)) {
                break;
            }
            FUZZ_CHECK(gap.at > after && gap.at <= t.at && gap.mark == CRON_GAP_SKIPPED);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int64_t moments[] = {-2000000000, 0, 1774742400, 4102444800};
    struct zone *zone = NULL;
    struct err e = {0};
    if (zone_parse(data, size, &zone, &e) < 0) {
        FUZZ_CHECK(e.msg[0] != '\0' && zone == NULL);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        check_spans(zone, moments[i]);
        check_schedule(zone, "0,30 1-3 * * *", moments[i]);
        check_schedule(zone, "*/20 * * * *", moments[i]);
    }
    zone_free(&zone);
    return 0;
}
