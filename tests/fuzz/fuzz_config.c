// Bytes as a config file. Whatever they are: the answer comes soon (the fuzzer's -timeout), either as a config or as errors that
// each have a place; and what loads can be dumped, hashed, looked up and compared.
#include <string.h>

#include "config/config.h"

#include "fuzz.h"

enum {
    FILE_MAX = 256 * 1024,
    /* in the first byte: an input that is blown up to a full file, prefix SPLIT pattern SPLIT suffix */
    REPEAT = 0xFF,
    SPLIT = 0xFE,
    COUNTER = 0xFD /* in a pattern: its number, so that names differ */
};

static void add_pattern(struct buf *out, struct bytes pattern, unsigned number) {
    const uint8_t *at = pattern.data;
    for (size_t i = 0; i < pattern.len; i++) {
        if (at[i] == COUNTER) {
            buf_printf(out, "%u", number);
        } else {
            buf_char(out, (char)at[i]);
        }
    }
}

static struct bytes take_part(const uint8_t **at, size_t *left) {
    const uint8_t *split = memchr(*at, SPLIT, *left);
    struct bytes part = {*at, split == NULL ? *left : (size_t)(split - *at)};
    size_t used = part.len + (split != NULL);
    *at += used;
    *left -= used;
    return part;
}

static void blow_up(const uint8_t *data, size_t size, struct buf *out) {
    struct bytes prefix = take_part(&data, &size), pattern = take_part(&data, &size);
    buf_add(out, prefix.data, prefix.len);
    for (unsigned i = 0; pattern.len > 0 && out->len + 2 * pattern.len + size + 16 < FILE_MAX;
         i++) {
        add_pattern(out, pattern, i);
    }
    buf_add(out, data, size);
}

static struct config_env *make_environment(void) {
    char n[] = "N=7", word[] = "WORD=info",
         empty[] = "EMPTY=", secret[] = "SECRET=fuzzed-marker-01";
    char *environment[] = {n, word, empty, secret, NULL};
    return config_env_new(environment);
}

static void check_report(const struct config *c, const struct config_report *report) {
    FUZZ_CHECK((c == NULL) == (report->errors > 0)); // no config without an error
    for (size_t i = 0; i < report->count; i++) {
        const struct config_diagnostic *d = &report->items[i];
        FUZZ_CHECK(d->line >= 1 && d->column >= 1);              // every problem has a place
        FUZZ_CHECK(d->message[0] != '\0' && d->code[0] != '\0'); // every problem has words
        for (const char *p = d->message; *p != '\0'; p++) {
            FUZZ_CHECK((unsigned char)*p >= 0x20); // no control bytes in messages
        }
    }
}

static void use(const struct config *c) {
    struct buf out = {0};
    char queue[JOB_QUEUE_MAX + 1];
    config_dump(c, true, &out);
    config_dump(c, false, &out);
    FUZZ_CHECK(strstr(out.data, "fuzzed-marker") == NULL ||
               strstr(out.data, "SECRET") != NULL); // a secret is not dumped
    FUZZ_CHECK(strlen(c->hash) == 64);              // a config has its hash
    FUZZ_CHECK(config_queue(c, "q") != NULL &&
               config_job(c, "a.b") != NULL); // there is always a default
    (void)config_queue_of_type(c, "a.b", queue);
    buf_clear(&out);
    FUZZ_CHECK(config_needs_restart(c, c, &out) == 0); // a config does not differ from itself
    buf_free(&out);
}

// What a client of the host reads of the same file.
static void look_for_place(struct bytes text, const struct config_env *env) {
    struct config_load_options options = {.memory_only = true, .place_only = true};
    struct config_report report;
    struct config *c = config_load_text("fuzz.yaml", text, env, &options, &report);
    check_report(c, &report);
    FUZZ_CHECK(c == NULL || c->host.admin != NULL); // a config names the socket
    config_free(&c);
    config_report_finish(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct config_env *env;
    env = env == NULL ? make_environment() : env;
    struct config_load_options options = {.memory_only = true};
    struct config_report report;
    struct buf text = {0}, out = {0};
    if (size > 0 && data[0] == REPEAT) {
        blow_up(data + 1, size - 1, &text);
    } else {
        buf_add(&text, data, size);
    }
    struct config *c = config_load_text("fuzz.yaml", buf_bytes(&text), env, &options, &report);
    check_report(c, &report);
    config_report_print(&report, false, &out);
    config_report_json(&report, &out);
    if (c != NULL) {
        use(c);
    }
    config_free(&c);
    config_report_finish(&report);
    look_for_place(buf_bytes(&text), env);
    buf_free(&text);
    buf_free(&out);
    return 0;
}
