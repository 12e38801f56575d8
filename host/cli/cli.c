#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/nearest.h"
#include "cli/client.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/out.h"

/* ---- saying what went wrong ---- */

static int say(const struct cli *cli, int status, bool hint, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

static int say(const struct cli *cli, int status, bool hint, const char *fmt, va_list ap) {
    struct buf text = {0};
    if (cli->silent) {
        return status;
    }
    static const char *const codes[] = {
        [CLI_FAILED] = "failed", [CLI_USAGE] = "usage", [CLI_UNREACHABLE] = "unreachable"};
    buf_vprintf(&text, fmt, ap);
    const char *message = text.data == NULL ? "out of memory" : text.data;
    (void)fflush(stdout);
    if (!cli->json && text.data != NULL) {
        out_clean(text.data, true); // words of jobs and arguments
    }
    if (cli->json) {
        struct buf out = {0};
        buf_str(&out, "{\"error\":{");
        json_kstr(&out, "code", codes[status]);
        json_kstr(&out, "message", message);
        buf_str(&out, "}}");
        (void)printf("%s\n", out.data);
        buf_free(&out);
    } else {
        (void)fprintf(stderr, "jobhost: %s\n", message);
    }
    if (hint && !cli->json && cli->command != NULL) {
        (void)fprintf(stderr, "Try: jobhost help %s\n", cli->command->name);
    }
    buf_free(&text);
    return status;
}

int cli_fail(const struct cli *cli, int status, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)say(cli, status, false, fmt, ap);
    va_end(ap);
    return status;
}

int cli_usage(const struct cli *cli, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)say(cli, CLI_USAGE, true, fmt, ap);
    va_end(ap);
    return CLI_USAGE;
}

/* ---- what was given ---- */

const char *cli_nth(const struct cli *cli, const char *name, size_t n) {
    for (size_t i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].option->name, name) == 0 && n-- == 0) {
            return cli->given[i].value;
        }
    }
    return NULL;
}

const char *cli_value(const struct cli *cli, const char *name) {
    const char *value = NULL;
    const char *next;
    for (size_t n = 0; (next = cli_nth(cli, name, n)) != NULL; n++) {
        value = next;
    }
    return value;
}

bool cli_flag(const struct cli *cli, const char *name) {
    for (size_t i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].option->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- finding commands ---- */

static size_t words_of(const char *name) {
    return strchr(name, ' ') == NULL ? 1 : 2;
}

static bool command_is(const char *name, const char *const *words, size_t count) {
    size_t len = strlen(words[0]);
    if (words_of(name) == 1) {
        return strcmp(name, words[0]) == 0;
    }
    return count >= 2 && strncmp(name, words[0], len) == 0 && name[len] == ' ' &&
           strcmp(name + len + 1, words[1]) == 0;
}

const struct cli_command *cli_find(const char *const *words, size_t count, size_t *ret_words,
                                   const char **ret_meant) {
    char typed[128];
    const struct cli_command *found = NULL;
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *c = &cli_commands[i];
        bool longer = found == NULL || words_of(c->name) > words_of(found->name);
        if (longer && command_is(c->name, words, count)) {
            found = c;
        }
    }
    if (found != NULL) {
        *ret_words = words_of(found->name);
        return found;
    }
    struct nearest one = {.word = words[0]};
    (void)snprintf(typed, sizeof typed, "%s %s", words[0], count > 1 ? words[1] : "");
    struct nearest two = {.word = typed};
    for (size_t i = 0; i < cli_command_count; i++) {
        nearest_offer(words_of(cli_commands[i].name) == 1 ? &one : &two, cli_commands[i].name);
    }
    *ret_meant = nearest_best(&two) != NULL ? nearest_best(&two) : nearest_best(&one);
    return NULL;
}

/* ---- options ---- */

static const struct cli_option *find_in(const struct cli_option *table, const char *name,
                                        size_t len, char letter) {
    for (; table != NULL && table->name != NULL; table++) {
        bool by_name =
            name != NULL && strlen(table->name) == len && memcmp(table->name, name, len) == 0;
        if (by_name || (letter != 0 && table->letter == letter)) {
            return table;
        }
    }
    return NULL;
}

size_t cli_option_tables(const struct cli_command *c, const struct cli_option *ret[CLI_TABLES]) {
    ret[0] = c->options;
    ret[1] = cli_common_options + (c->words ? 1 : 0); // without --json
    ret[2] = cli_host_options;
    return c->local ? CLI_TABLES - 1 : CLI_TABLES;
}

const struct cli_option *cli_find_option(const struct cli_command *c, const char *name, size_t len,
                                         char letter) {
    const struct cli_option *tables[CLI_TABLES];
    const struct cli_option *o = NULL;
    size_t count = cli_option_tables(c, tables);
    for (size_t i = 0; i < count && o == NULL; i++) {
        o = find_in(tables[i], name, len, letter);
    }
    return o;
}

static int unknown_option(struct cli *cli, const char *text) {
    char name[64];
    const struct cli_option *tables[CLI_TABLES];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(text + 2, "="), text + 2);
    struct nearest near = {.word = name};
    size_t count = cli_option_tables(cli->command, tables);
    for (size_t i = 0; i < count; i++) {
        for (const struct cli_option *o = tables[i]; o != NULL && o->name != NULL; o++) {
            nearest_offer(&near, o->name);
        }
    }
    const char *meant = nearest_best(&near);
    return cli_usage(cli, "%s: there is no such option%s%s%s", text,
                     meant == NULL ? "" : "; did you mean --", meant == NULL ? "" : meant,
                     meant == NULL ? "" : "?");
}

/* One option at argv[*at]; *at moves past its argument. */
static int take_option(struct cli *cli, int argc, char **argv, int *at) {
    const char *text = argv[*at];
    const char *value = NULL;
    const struct cli_option *o;
    if (text[1] == '-') {
        size_t len = strcspn(text + 2, "=");
        value = text[2 + len] == '=' ? text + 2 + len + 1 : NULL;
        o = cli_find_option(cli->command, text + 2, len, 0);
    } else {
        value = text[2] != '\0' ? text + 2 : NULL;
        o = cli_find_option(cli->command, NULL, 0, text[1]);
    }
    if (o == NULL) {
        return text[1] == '-' ? unknown_option(cli, text)
                              : cli_usage(cli, "%s: there is no such option", text);
    }
    if (o->arg == NULL && value != NULL) {
        return cli_usage(cli, "--%s takes no argument", o->name);
    }
    if (o->arg != NULL && value == NULL) {
        if (*at + 1 == argc) {
            return cli_usage(cli, "--%s needs an argument: %s", o->name, o->arg);
        }
        value = argv[++*at];
    }
    cli->given[cli->given_count++] = (struct cli_given){o, value};
    return CLI_OK;
}

static bool json_follows(int argc, char **argv, int at) {
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        if (strcmp(argv[at], "--json") == 0) {
            return true;
        }
    }
    return false;
}

static int take_all(struct cli *cli, int argc, char **argv, int at) {
    bool options = true;
    for (; at < argc; at++) {
        const char *text = argv[at];
        if (options && strcmp(text, "--") == 0) {
            options = false;
        } else if (options && text[0] == '-' && text[1] != '\0') {
            cli->json |= json_follows(argc, argv, at); // a mistake is told in the form asked for
            int r = take_option(cli, argc, argv, &at);
            if (r != CLI_OK) {
                return r;
            }
            cli->json = cli_flag(cli, "json");
        } else {
            cli->args[cli->arg_count++] = text;
        }
    }
    return CLI_OK;
}

/* A variable that was not set, or a step in a path: as a part of the API's path it would ask for
 * something else. */
static const char *find_odd_argument(const struct cli *cli) {
    for (size_t i = 0; !cli->command->local && i < cli->arg_count; i++) {
        const char *arg = cli->args[i];
        if (arg[0] == '\0' || strcmp(arg, ".") == 0 || strcmp(arg, "..") == 0) {
            return arg;
        }
    }
    return NULL;
}

static int run_command(struct cli *cli) {
    const struct cli_command *c = cli->command;
    if (cli_flag(cli, "help")) {
        help_command(c, stdout);
        return CLI_OK;
    }
    if (cli->arg_count < c->args_min) {
        return cli_usage(cli, "%s needs %s", c->name, c->synopsis);
    }
    if (cli->arg_count > c->args_max) {
        return cli_usage(cli, "%s: one argument too many: %s", c->name, cli->args[c->args_max]);
    }
    const char *odd = find_odd_argument(cli);
    if (odd != NULL) {
        return cli_usage(cli, "%s: an argument is \"%s\"; %s needs %s", c->name, odd, c->name,
                         c->synopsis);
    }
    int status = c->run(cli);
    bool written = fflush(stdout) == 0 && ferror(stdout) == 0;
    return status == CLI_OK && !written
               ? cli_fail(cli, CLI_FAILED, "standard output could not be written")
               : status;
}

/* What was typed is not a command. */
static int no_command(const struct cli *cli, const char *const *words, size_t count,
                      const char *meant) {
    if (words[0][0] == '-') {
        return cli_fail(cli, CLI_USAGE, "%s: options come after the command: jobhost COMMAND %s",
                        words[0], words[0]);
    }
    bool group = help_has_group(words[0]);
    const char *second = group && count > 1 ? words[1] : NULL;
    if (second != NULL && (strcmp(second, "--help") == 0 || strcmp(second, "-h") == 0)) {
        (void)help_group(words[0], stdout);
        return CLI_OK;
    }
    if (group && (second == NULL || second[0] == '-')) {
        return cli->json ? cli_fail(cli, CLI_USAGE, "%s: say which", words[0])
                         : help_group(words[0], stderr);
    }
    (void)cli_fail(cli, CLI_USAGE, "%s%s%s: there is no such command%s%s%s", words[0],
                   second == NULL ? "" : " ", second == NULL ? "" : second,
                   meant == NULL ? "; try: jobhost help" : "; did you mean \"",
                   meant == NULL ? "" : meant, meant == NULL ? "" : "\"?");
    return group && !cli->json ? help_group(words[0], stderr) : CLI_USAGE;
}

static bool wants_colour(void) {
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    bool dumb = term != NULL && strcmp(term, "dumb") == 0;
    return !dumb && (no_colour == NULL || no_colour[0] == '\0');
}

int cli_main(int argc, char **argv, const char *self_exe) {
    struct client *host = NULL;
    struct cli cli = {.self_exe = self_exe,
                      .host = &host,
                      .out_tty = isatty(STDOUT_FILENO) == 1,
                      .err_tty = isatty(STDERR_FILENO) == 1};
    cli.colour = cli.out_tty && wants_colour();
    const char *first = argc < 2 ? "help" : argv[1];
    if (strcmp(first, "-h") == 0 || strcmp(first, "--help") == 0) {
        first = "help";
    } else if (strcmp(first, "-V") == 0 || strcmp(first, "--version") == 0) {
        first = "version";
    }
    if (strcmp(first, "__complete") == 0) { // the shell asks, at the press of a key
        int status = complete(&cli, argc - 2, argv + 2);
        client_free(&host);
        return status;
    }
    const char *words[2] = {first, argc > 2 ? argv[2] : NULL};
    const char *meant = NULL;
    size_t used = 0;
    cli.command = cli_find(words, argc > 2 ? 2 : 1, &used, &meant);
    if (cli.command == NULL) {
        cli.json = json_follows(argc, argv, 1);
        return no_command(&cli, words, argc > 2 ? 2 : 1, meant);
    }
    cli.args = calloc((size_t)argc + 1, sizeof *cli.args);
    cli.given = calloc((size_t)argc + 1, sizeof *cli.given);
    int status = cli.args == NULL || cli.given == NULL ? cli_fail(&cli, CLI_FAILED, "out of memory")
                                                       : take_all(&cli, argc, argv, 1 + (int)used);
    if (status == CLI_OK) {
        status = run_command(&cli);
    }
    client_free(&host);
    free(cli.args);
    free(cli.given);
    return status;
}
