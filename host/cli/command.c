#include "cli/command.h"

#include <string.h>

void command_word(struct buf *out, const char *text) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:@%+,";
    if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
        buf_str(out, text);
        return;
    }
    buf_char(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            buf_str(out, "'\\''");
        } else {
            buf_char(out, *text);
        }
    }
    buf_char(out, '\'');
}

static bool names_the_host(const struct cli_option *option) {
    for (const struct cli_option *o = cli_host_options; o->name != NULL; o++) {
        if (o == option) {
            return true;
        }
    }
    return false;
}

static void add_place(const struct cli *cli, struct buf *out) {
    for (size_t i = 0; i < cli->given_count; i++) {
        const struct cli_given *given = &cli->given[i];
        if (names_the_host(given->option)) {
            buf_printf(out, " --%s ", given->option->name);
            command_word(out, given->value);
        }
    }
}

void command_job(const struct cli *cli, const char *verb, const char *id, struct buf *out) {
    buf_printf(out, "jobhost %s %s", verb, id);
    add_place(cli, out);
}

void command_result(const struct cli *cli, const char *id, const char *name, struct buf *out) {
    buf_printf(out, "jobhost result %s -o ", id);
    command_word(out, name == NULL ? "DIR/" : name);
    add_place(cli, out);
    if (name != NULL) {
        buf_str(out, name[0] == '-' ? " -- " : " ");
        command_word(out, name);
    }
}
