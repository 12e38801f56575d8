#define _GNU_SOURCE // environ
#include "supervisor/self_test.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/json.h"
#include "config/config.h"
#include "net/tls.h"
#include "record/record.h"
#include "supervisor/handover.h"

static void print_facts(const struct config *config) {
    char identity[HANDOVER_IDENTITY_LEN + 1];
    struct buf out = {.data = NULL}, doors = {.data = NULL};
    handover_identity(config, identity);
    buf_printf(&doors, "unix:%s", config->host.admin);
    for (size_t i = 0; i < config->host.listen_count; i++) {
        buf_printf(&doors, "\n%s", config->host.listen[i].address);
    }
    buf_char(&out, '{');
    json_kstr(&out, "version", JOBHOST_VERSION);
    json_kint(&out, "record", RECORD_WIRE_VERSION);
    json_kint(&out, "handover", HANDOVER_VERSION);
    json_kstr(&out, "identity", identity);
    json_kstr(&out, "doors", doors.data);
    buf_char(&out, '}');
    (void)printf("%.*s\n", (int)out.len, out.data == NULL ? "" : out.data);
    buf_free(&out);
    buf_free(&doors);
}

/* What the host would read when it starts: then it would be too late. */
static bool has_certificates(const struct config *config) {
    bool usable = true;
    for (size_t i = 0; usable && i < config->host.listen_count; i++) {
        const struct config_listen *l = &config->host.listen[i];
        struct err e = {.code = 0};
        const struct tls_files files = {l->tls_cert, l->tls_key, l->tls_client_ca};
        struct tls *tls = l->tls_cert == NULL ? NULL : tls_new(&files, &e);
        usable = l->tls_cert == NULL || tls != NULL;
        if (!usable) {
            (void)fprintf(stderr, "host.listen[%zu].tls: %s\n", i, e.msg);
        }
        tls_free(&tls);
    }
    return usable;
}

static struct config *load(const char *file, bool strict, const char *self_exe) {
    struct config_report report;
    struct buf text = {.data = NULL};
    char plugin_dir[PATH_MAX];
    struct config_env *env = config_env_new(environ);
    struct config *config =
        config_load(file, env,
                    &(struct config_load_options){
                        .default_plugin_dir = config_installed_plugin_dir(self_exe, plugin_dir),
                        .strict = strict},
                    &report);
    if (config == NULL) {
        config_report_print(&report, false, &text);
        (void)fprintf(stderr, "%.*s", (int)text.len, text.data == NULL ? "" : text.data);
    }
    buf_free(&text);
    config_report_finish(&report);
    config_env_free(&env);
    return config;
}

int self_test_main(int argc, char **argv, const char *self_exe) {
    struct err e;
    struct env env;
    bool strict = argc == 4 && strcmp(argv[3], "--strict") == 0;
    if (argc != 3 && !strict) {
        (void)fprintf(stderr, "jobhost: --self-test CONFIG [--strict]\n");
        return 2;
    }
    if (env_open(&env, &e) != 0) {
        (void)fprintf(stderr, "jobhost: %s\n", e.msg);
        return 1;
    }
    struct config *config = load(argv[2], strict, self_exe);
    bool ok = config != NULL && has_certificates(config);
    if (ok) {
        print_facts(config);
    }
    config_free(&config);
    env_close(&env);
    return ok ? 0 : 1;
}
