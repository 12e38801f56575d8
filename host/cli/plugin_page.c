#include "cli/plugin_page.h"

#include <stdio.h>
#include <string.h>

#include "cli/gate_page.h"
#include "cli/out.h"
#include "cli/remote.h"

enum { CHOICES_WIDTH = 72 }; // of a line of choices, without its indent

static void print_choices(const cJSON *choices, const char *indent) {
    struct buf line = {0};
    const cJSON *choice;
    cJSON_ArrayForEach(choice, choices) {
        const char *word = cJSON_GetStringValue(choice);
        if (word != NULL && line.len > 0 && line.len + 1 + strlen(word) > CHOICES_WIDTH) {
            out_text("%s    %.*s\n", indent, (int)line.len, line.data);
            line.len = 0;
        }
        buf_printf(&line, "%s%s", line.len == 0 ? "" : " ", word == NULL ? "?" : word);
    }
    if (line.len > 0) {
        out_text("%s    %.*s\n", indent, (int)line.len, line.data);
    }
    buf_free(&line);
}

static void print_fields(const cJSON *fields, const char *indent) {
    const cJSON *f;
    cJSON_ArrayForEach(f, fields) {
        const char *fallback = remote_text(f, "default");
        const char *help = remote_text(f, "help");
        out_text("%s%s (%s%s%s%s%s)\n", indent, remote_text(f, "name"), remote_text(f, "type"),
                 remote_true(f, "required") ? ", required" : "",
                 remote_true(f, "secret") ? ", secret" : "", fallback == NULL ? "" : ", default ",
                 fallback == NULL ? "" : fallback);
        if (help != NULL) {
            out_text("%s    %s\n", indent, help);
        }
        print_choices(cJSON_GetObjectItemCaseSensitive(f, "choices"), indent);
    }
}

static void print_files(const cJSON *files, const char *indent) {
    const cJSON *f;
    cJSON_ArrayForEach(f, files) {
        const char *help = remote_text(f, "help");
        out_text("%s%s\n", indent, remote_text(f, "name"));
        if (help != NULL) {
            out_text("%s    %s\n", indent, help);
        }
    }
}

static void print_state(const cJSON *h) {
    double own = remote_number(h, "state_version");
    double oldest = remote_number(h, "oldest_state_version");
    if (own > 1 && oldest < own) {
        (void)printf("      steps are of version %.0f, those since %.0f are resumed\n", own,
                     oldest);
    } else if (own > 1) {
        (void)printf("      steps are of version %.0f, no others are resumed\n", own);
    }
    if (remote_true(h, "restartable")) {
        (void)printf("      may begin again without its steps\n");
    }
}

static void print_handler(const cJSON *h) {
    const char *summary = remote_text(h, "summary");
    const cJSON *payload = cJSON_GetObjectItemCaseSensitive(h, "payload");
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(h, "files");
    out_text("\n  %s%s%s\n", remote_text(h, "name"), summary == NULL ? "" : " - ",
             summary == NULL ? "" : summary);
    if (remote_true(h, "query")) {
        (void)printf("      a query: a route with action: plugin.query asks it\n");
    }
    if (remote_true(h, "concurrent")) {
        (void)printf("      runs on several threads at once\n");
    }
    print_state(h);
    if (cJSON_GetArraySize(payload) > 0) {
        (void)printf("      payload:\n");
        print_fields(payload, "        ");
    } else {
        (void)printf("      payload: %s\n", payload == NULL ? "any" : "none");
    }
    if (cJSON_GetArraySize(files) > 0) {
        (void)printf("      files:\n");
        print_files(files, "        ");
    }
}

static void print_sandbox(const cJSON *notes) {
    const cJSON *n;
    if (notes != NULL) {
        (void)printf("\nSANDBOX\n");
    }
    cJSON_ArrayForEach(n, notes) {
        out_text("  %-10s %-9s %s\n", remote_text(n, "facility"), remote_text(n, "state"),
                 remote_text(n, "detail"));
    }
}

static void print_libraries(const cJSON *libraries) {
    const cJSON *l;
    if (cJSON_GetArraySize(libraries) > 0) {
        (void)printf("\nLIBRARIES\n");
    }
    cJSON_ArrayForEach(l, libraries) {
        const char *id = remote_text(l, "build_id");
        out_text("  %-48s %s\n", remote_text(l, "file"),
                 remote_true(l, "replaced") ? "replaced on disk since: jobhost reload --all"
                 : id == NULL               ? ""
                                            : id);
    }
}

void plugin_page_print(const struct cli *cli, const cJSON *plugin) {
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(plugin, "options");
    const cJSON *handlers = cJSON_GetObjectItemCaseSensitive(plugin, "handlers");
    const cJSON *h;
    out_line(cli, "plugin", remote_text(plugin, "name"));
    out_line(cli, "state", remote_text(plugin, "state"));
    out_line(cli, "fault", remote_text(plugin, "fault"));
    gate_page_print(cli, plugin);
    out_line(cli, "version", remote_text(plugin, "version"));
    out_line(cli, "build", remote_text(plugin, "build"));
    out_line(cli, "ABI", remote_text(plugin, "abi"));
    out_line(cli, "file", remote_text(plugin, "file"));
    out_line(cli, "sha256", remote_text(plugin, "sha256"));
    print_sandbox(cJSON_GetObjectItemCaseSensitive(plugin, "sandbox"));
    if (handlers != NULL) {
        (void)printf("\nHANDLERS\n");
    }
    cJSON_ArrayForEach(h, handlers) {
        print_handler(h);
    }
    if (cJSON_GetArraySize(options) > 0) {
        (void)printf("\nOPTIONS (plugins.%s.config)\n\n", remote_text(plugin, "name"));
        print_fields(options, "  ");
    }
    print_libraries(cJSON_GetObjectItemCaseSensitive(plugin, "libraries"));
}
