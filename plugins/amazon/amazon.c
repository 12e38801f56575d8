// amazon: sales analysis of the reports that sellers download from Seller Central. Offline and
// deterministic; README.md has the whole picture.
//
//     amazon.analyze   files business_report and orders, any number of each -> report as JSON,
//                      Markdown, HTML and CSV
//     amazon.catalog   what may be chosen, and the columns of the reports (a query)
//     amazon.recognize which report a file is, by its first line (a query)
#include "facts.h"
#include "job.h"
#include "jobhost_util.h"
#include "queries.h"

enum { PERCENT = 10000 }; // in parts per million

static const struct {
    const char *option;
    int64_t least, most;
} ranges[] = {
    {"top", 5, 500},
    {"abc_a", 1, 99},
    {"abc_b", 1, 100},
    {"buy_box_below", 1, 100},
    {"min_sessions", 0, 1000000},
    {"weekday_weeks", 1, 520},
    {"bad_rows_listed", 0, SOURCE_LISTED},
};

static int check_ranges(struct jh_call *c) {
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        int64_t value = jh_opt_int(c, ranges[i].option, ranges[i].least);
        if (value < ranges[i].least || value > ranges[i].most) {
            (void)jh_failf(c, JH_E_INPUT, NULL, "%s must be %lld to %lld", ranges[i].option,
                           (long long)ranges[i].least, (long long)ranges[i].most);
            return -1;
        }
    }
    if (jh_opt_int(c, "abc_a", 80) > jh_opt_int(c, "abc_b", 95)) {
        (void)jh_failf(c, JH_E_INPUT, NULL, "abc_a must not be over abc_b");
        return -1;
    }
    return 0;
}

static int create(struct jh_call *c, void **self) {
    static struct settings mine; // one per process is all there ever is
    const int64_t mebibyte = 1024 * 1024;
    if (check_ranges(c) < 0) {
        return -1;
    }
    mine.limits = (struct thresholds){
        .top = jh_opt_int(c, "top", 25),
        .abc_a_ppm = jh_opt_int(c, "abc_a", 80) * PERCENT,
        .abc_b_ppm = jh_opt_int(c, "abc_b", 95) * PERCENT,
        .buy_box_ppm = jh_opt_int(c, "buy_box_below", 80) * PERCENT,
        .min_sessions = jh_opt_int(c, "min_sessions", 20),
        .weekday_weeks = jh_opt_int(c, "weekday_weeks", 8),
        .listed_rows = jh_opt_int(c, "bad_rows_listed", 100),
    };
    mine.disk_limit = jh_opt_int(c, "disk_limit", 8192 * mebibyte);
    mine.cache_bytes = jh_opt_int(c, "cache", 16 * mebibyte);
    if (mine.disk_limit < mebibyte || mine.cache_bytes < mebibyte) {
        (void)jh_failf(c, JH_E_INPUT, NULL, "disk_limit and cache must be at least 1MiB");
        return -1;
    }
    facts_setup();
    *self = &mine;
    return 0;
}

static const struct jh_option options[] = {
    {"top", JH_OPT_INT, 0, "25", "rows of a ranking in the report; the CSV files have all"},
    {"abc_a", JH_OPT_INT, 0, "80", "percent of sales that class A reaches"},
    {"abc_b", JH_OPT_INT, 0, "95", "percent of sales that classes A and B reach"},
    {"buy_box_below", JH_OPT_INT, 0, "80", "percent below which the Buy Box counts as lost"},
    {"min_sessions", JH_OPT_INT, 0, "20", "sessions that a lost Buy Box must have to be listed"},
    {"weekday_weeks", JH_OPT_INT, 0, "8", "weeks of orders that weekday figures need"},
    {"bad_rows_listed", JH_OPT_INT, 0, "100", "rows that could not be read: how many are listed"},
    {"disk_limit", JH_OPT_SIZE, 0, "8GiB", "most bytes of a run's temporary database"},
    {"cache", JH_OPT_SIZE, 0, "16MiB", "memory of the temporary database"},
    {0},
};
static const struct jh_option takes[] = {
    {"marketplace", JH_OPT_CHOICE, 0, MARKET_CODES,
     "decides what $ means, and which order lines count; GB is UK"},
    {"currency", JH_OPT_CHOICE, 0, CURRENCIES_2 " " CURRENCIES_0 " " CURRENCIES_3 " " CURRENCIES_4,
     "what amounts are in (ISO 4217), over marketplace"},
    {"periods", JH_OPT_LIST, 0, NULL,
     "the time of each business report, in the order of the files; else it comes from their names"},
    {"periods[].from", JH_OPT_DAY, 0, NULL, "its first day, such as 2026-03-01"},
    {"periods[].to", JH_OPT_DAY, 0, NULL, "its last day"},
    {"periods[].label", JH_OPT_STRING, 0, NULL, "what to call it; needed without from and to"},
    {"periods[].file", JH_OPT_STRING, 0, NULL,
     "the name of the report that this is about, instead of its place"},
    {"business_report", JH_OPT_FILE, 0, NULL,
     "Detail Page Sales and Traffic by Child Item (CSV); any number"},
    {"orders", JH_OPT_FILE, 0, NULL,
     "All Orders (tab-separated); any number; of both kinds at least one"},
    {0},
};
static const struct jh_handler handlers[] = {
    {.name = "amazon.analyze",
     .summary = "analyse business reports and orders of an Amazon seller",
     .run = job_run,
     .flags = JH_HANDLER_CONCURRENT,
     .state_version = 1,
     .takes = takes},
    {.name = "amazon.catalog",
     .summary = "marketplaces, currencies, and the columns of the reports",
     .run = queries_catalog,
     .flags = JH_HANDLER_QUERY | JH_HANDLER_CONCURRENT,
     .takes = queries_no_fields},
    {.name = "amazon.recognize",
     .summary = "which report a file is, by its first line",
     .run = queries_recognize,
     .flags = JH_HANDLER_QUERY | JH_HANDLER_CONCURRENT,
     .takes = queries_recognize_takes},
};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,     .name = "amazon",     .version = AMAZON_VERSION,
    .options = options, .handlers = handlers, .handler_count = sizeof handlers / sizeof handlers[0],
    .create = create,
};
