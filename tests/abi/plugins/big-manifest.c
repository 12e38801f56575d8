// Says more about itself than fits into a packet.
#include "jobhost_plugin.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return JH_OK;
}

#define TEN  "0123456789"
#define HUGE TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define OPTION(name_)                                                                              \
    { name_, JH_OPT_STRING, 0, HUGE HUGE, HUGE HUGE }
#define EIGHT(letter_)                                                                             \
    OPTION(letter_ "1"), OPTION(letter_ "2"), OPTION(letter_ "3"), OPTION(letter_ "4"),            \
        OPTION(letter_ "5"), OPTION(letter_ "6"), OPTION(letter_ "7"), OPTION(letter_ "8")

static const struct jh_option options[] = {
    EIGHT("a"), EIGHT("b"), EIGHT("c"), EIGHT("d"), EIGHT("e"), EIGHT("f"),
    EIGHT("g"), EIGHT("h"), EIGHT("i"), EIGHT("j"), EIGHT("k"), {0},
};
static const struct jh_handler handlers[] = {{.name = "big.run", .run = run}};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,     .name = "big-manifest", .version = "1.0.0",
    .options = options, .handlers = handlers,   .handler_count = 1,
};
