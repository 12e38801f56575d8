#include "cli/help.h"

#include <string.h>

#include "cli/man.h"

enum { WIDTH = 80, INDENT = 7, OPTION_TEXT = 11 };

/* Words of `text` in lines of at most WIDTH, each indented; "\n\n" is a new paragraph, a line that
 * begins with a blank stays as it is. */
static void print_wrapped(const char *text, int indent, FILE *out) {
    int column = 0;
    while (*text != '\0') {
        if (*text == '\n') {
            (void)fputs(text[1] == '\n' ? "\n\n" : "\n", out);
            text += strspn(text, "\n");
            column = 0;
            continue;
        }
        size_t len = strcspn(text, " \n");
        if (column > 0 && column + 1 + (int)len > WIDTH) {
            (void)fputc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%*s%.*s", column == 0 ? indent : 1, "", (int)len, text);
        text += len;
        text += *text == ' ';
    }
    (void)fputc('\n', out);
}

static void print_lines(const char *text, FILE *out) {
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        (void)fprintf(out, "%*s%.*s\n", INDENT, "", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void print_options(const struct cli_option *o, FILE *out) {
    for (; o != NULL && o->name != NULL; o++) {
        char letter[5] = "";
        if (o->letter != 0) {
            (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
        }
        (void)fprintf(out, "%*s%s--%s%s%s\n", INDENT, "", letter, o->name,
                      o->arg == NULL ? "" : " ", o->arg == NULL ? "" : o->arg);
        print_wrapped(o->help, OPTION_TEXT, out);
    }
}

void help_command(const struct cli_command *c, FILE *out) {
    (void)fprintf(out, "NAME\n%*sjobhost %s - %s\n\nSYNOPSIS\n%*sjobhost %s %s\n", INDENT, "",
                  c->name, c->summary, INDENT, "", c->name, c->synopsis);
    if (c->text != NULL) {
        (void)fputs("\nDESCRIPTION\n", out);
        print_wrapped(c->text, INDENT, out);
    }
    (void)fputs("\nOPTIONS\n", out);
    const struct cli_option *tables[CLI_TABLES];
    size_t count = cli_option_tables(c, tables);
    for (size_t i = 0; i < count; i++) {
        print_options(tables[i], out);
    }
    if (c->example != NULL) {
        (void)fputs("\nEXAMPLES\n", out);
        print_lines(c->example, out);
    }
    (void)fputs("\nEXIT STATUS\n", out);
    print_lines("0  done\n1  failed\n2  the command line or its files are wrong\n"
                "3  the host cannot be reached",
                out);
}

static void print_summary(const struct cli_command *c, FILE *out) {
    (void)fprintf(out, "  %-19s %s\n", c->name, c->summary);
}

void help_overview(FILE *out) {
    (void)fputs("jobhost - one daemon for background jobs\n\n"
                "usage: jobhost COMMAND [ARGUMENTS] [OPTIONS]\n\n",
                out);
    for (size_t i = 0; i < cli_command_count; i++) {
        print_summary(&cli_commands[i], out);
    }
    (void)fputs("\njobhost help COMMAND tells more. Commands find the host by -c FILE (default\n"
                "config.yaml, or $JOBHOST_CONFIG), by --socket PATH or by --url URL (or\n"
                "$JOBHOST_URL), with the token in $JOBHOST_TOKEN or --token-file FILE.\n",
                out);
}

bool help_has_group(const char *word) {
    size_t len = strlen(word);
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strncmp(cli_commands[i].name, word, len) == 0 && cli_commands[i].name[len] == ' ') {
            return true;
        }
    }
    return false;
}

int help_group(const char *word, FILE *out) {
    size_t len = strlen(word);
    (void)fprintf(out, "jobhost %s: say which:\n", word);
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strncmp(cli_commands[i].name, word, len) == 0 && cli_commands[i].name[len] == ' ') {
            print_summary(&cli_commands[i], out);
        }
    }
    return CLI_USAGE;
}

int cmd_help(struct cli *cli) {
    const char *meant = NULL;
    size_t used = 0;
    if (cli_flag(cli, "man")) {
        man_page(stdout);
        return CLI_OK;
    }
    if (cli->arg_count == 0) {
        help_overview(stdout);
        return CLI_OK;
    }
    const struct cli_command *c = cli_find(cli->args, cli->arg_count, &used, &meant);
    if (c == NULL && help_has_group(cli->args[0])) {
        (void)help_group(cli->args[0], stdout);
        return CLI_OK;
    }
    if (c == NULL) {
        return cli_fail(cli, CLI_USAGE, "%s: there is no such command%s%s%s", cli->args[0],
                        meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
                        meant == NULL ? "" : "\"?");
    }
    help_command(c, stdout);
    return CLI_OK;
}
