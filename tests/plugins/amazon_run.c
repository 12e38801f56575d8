// Runs amazon.analyze on files, through the harness: what the tests in Python drive.
//
//     amazon_run OUT_DIR PAYLOAD [-o OPTION=VALUE ...] [FIELD=PATH ...]
//     amazon_run --currencies     every code of three letters that is a currency, and its decimals
//
// Writes report.json and the other outputs to OUT_DIR, and says in one line of JSON how it ended.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobhost_harness.h"
#include "jobhost_json.h"
#include "market.h"

static char *read_file(const char *path, size_t *ret_len) {
    FILE *in = fopen(path, "rb");
    if (in == NULL || fseek(in, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    *ret_len = (size_t)ftell(in);
    char *data = malloc(*ret_len + 1);
    rewind(in);
    if (data == NULL || fread(data, 1, *ret_len, in) != *ret_len) {
        perror(path);
        exit(2);
    }
    (void)fclose(in);
    return data;
}

static void write_file(const char *folder, const char *name, const char *data, size_t len) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    if (out == NULL || fwrite(data, 1, len, out) != len || fclose(out) != 0) {
        perror(path);
        exit(2);
    }
}

static void add_input(struct jh_harness *h, char *field_and_path) {
    char *path = strchr(field_and_path, '=');
    size_t len;
    if (path == NULL) {
        (void)fprintf(stderr, "FIELD=PATH, not %s\n", field_and_path);
        exit(2);
    }
    *path++ = '\0';
    const char *slash = strrchr(path, '/');
    char *data = read_file(path, &len);
    jh_harness_input_file(h, field_and_path, slash == NULL ? path : slash + 1, "text/csv", data,
                          len);
    free(data);
}

static void add_option(struct jh_harness *h, char *assignment) {
    char *value = strchr(assignment, '=');
    if (value == NULL) {
        exit(2);
    }
    *value++ = '\0';
    if (jh_harness_option(h, assignment, value) < 0) {
        (void)fprintf(stderr, "%s\n", jh_harness_error(h));
        exit(2);
    }
}

static void say(const struct jh_harness *h, int status) {
    static char message[8192], code[256];
    (void)jh_json_quote(jh_harness_message(h), message, sizeof message);
    (void)jh_json_quote(jh_harness_code(h), code, sizeof code);
    (void)printf("{\"status\":%d,\"class\":%d,\"code\":%s,\"message\":%s,\"warnings\":[", status,
                 jh_harness_class(h), code, message);
    for (size_t i = 0; i < jh_harness_warnings(h); i++) {
        (void)jh_json_quote(jh_harness_warning(h, i), code, sizeof code);
        (void)printf("%s%s", i == 0 ? "" : ",", code);
    }
    struct jh_harness_shown shown = jh_harness_progress(h);
    (void)printf("],\"updates\":%u,\"done\":%llu,\"total\":%llu}\n", shown.updates,
                 (unsigned long long)shown.done, (unsigned long long)shown.total);
}

static int list_currencies(void) {
    char code[] = "AAA";
    for (code[0] = 'A'; code[0] <= 'Z'; code[0]++) {
        for (code[1] = 'A'; code[1] <= 'Z'; code[1]++) {
            for (code[2] = 'A'; code[2] <= 'Z'; code[2]++) {
                if (currency_exponent(code) >= 0) {
                    (void)printf("%s %d\n", code, currency_exponent(code));
                }
            }
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--currencies") == 0) {
        return list_currencies();
    }
    struct jh_harness *h = jh_harness_new(&jobhost_plugin);
    if (argc < 3) {
        (void)fprintf(stderr, "usage: amazon_run OUT_DIR PAYLOAD [-o OPTION=VALUE] [FIELD=PATH]\n");
        return 2;
    }
    jh_harness_payload(h, argv[2]);
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            add_option(h, argv[++i]);
        } else {
            add_input(h, argv[i]);
        }
    }
    int status = jh_harness_run(h, "amazon.analyze");
    if (status == JH_OK) {
        write_file(argv[1], "report.json", jh_harness_result(h), jh_harness_result_len(h));
    }
    for (size_t i = 0; i < jh_harness_outputs(h); i++) {
        const char *name = jh_harness_output_name(h, i);
        write_file(argv[1], name, jh_harness_output(h, name), jh_harness_output_len(h, name));
    }
    say(h, status);
    jh_harness_free(&h);
    return 0;
}
