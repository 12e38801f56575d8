// Bytes as a scenario. Whatever they are: either it is taken, or each of its errors has a place; and what is taken is simulated, within
// some hundred events, to an end with a report or with words why there is none.
#include <string.h>

#include "fuzz.h"
#include "sim/sim.h"

enum { EVENTS = 300 };

// Scenarios of which one is simulated: that opens a store, which a search has no time for.
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { EVERY = 16 };
#else
enum { EVERY = 1 };
#endif

static void check_report(int r, const struct config_report *report) {
    FUZZ_CHECK((r == 0) == (report->errors == 0));
    for (size_t i = 0; i < report->count; i++) {
        FUZZ_CHECK(report->items[i].line >= 1 && report->items[i].column >= 1);
        FUZZ_CHECK(report->items[i].message[0] != '\0');
    }
}

static int64_t last_ms;

static void hear(void *arg, const struct note *n) {
    struct buf *line = arg;
    FUZZ_CHECK(n->passed_ms >= last_ms && n->kind < NOTE_KINDS); // time goes one way
    last_ms = n->passed_ms;
    buf_clear(line);
    note_json(n, line);
    FUZZ_CHECK(line->failed || line->data[line->len - 1] == '}');
}

static void simulate(struct scenario *s) {
    static char *none[] = {NULL};
    struct config_env *env = config_env_new(none);
    struct config_report report;
    struct config *config = config_load_text("c", bytes_of("{}"), env, NULL, &report);
    struct buf line = {.data = NULL};
    struct report *came = NULL;
    struct err e = {.code = 0};
    s->events = s->events < EVENTS ? s->events : EVENTS;
    last_ms = 0;
    int r = sim_run(s, config, &(struct sim_options){.note = hear, .arg = &line}, &came, &e);
    FUZZ_CHECK((r == 0) == (came != NULL));
    FUZZ_CHECK(r == 0 || e.msg[0] != '\0');
    if (came != NULL) {
        buf_clear(&line);
        report_json(came, &line);
    }
    report_free(&came);
    buf_free(&line);
    config_free(&config);
    config_report_finish(&report);
    config_env_free(&env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *none[] = {NULL};
    static unsigned taken;
    struct config_env *env = config_env_new(none);
    struct config_report report;
    struct scenario s;
    int r = scenario_load_text("s", (struct bytes){data, size}, env, &s, &report);
    check_report(r, &report);
    if (r == 0 && taken++ % EVERY == 0) {
        simulate(&s);
    }
    config_report_finish(&report);
    scenario_finish(&s);
    config_env_free(&env);
    return 0;
}
