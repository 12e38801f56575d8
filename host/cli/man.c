#include "cli/man.h"

#include <string.h>

#include "base/bytes.h"
#include "cli/cli.h"

/* Text as roff takes it for what it is: no line is a request, no backslash an escape, and a minus
 * stays one. */
static void put_text(const char *text, FILE *out) {
    bool begins = true;
    for (; *text != '\0'; text++) {
        if (begins && (*text == '.' || *text == '\'')) {
            (void)fputs("\\&", out);
        }
        begins = *text == '\n';
        switch (*text) {
        case '\\': (void)fputs("\\e", out); break;
        case '-': (void)fputs("\\-", out); break;
        default: (void)fputc(*text, out);
        }
    }
}

static void put_paragraphs(const char *text, FILE *out) {
    put_text(text, out);
    (void)fputc('\n', out);
}

static void put_options(const struct cli_option *o, FILE *out) {
    for (; o != NULL && o->name != NULL; o++) {
        (void)fputs(".TP\n\\fB", out);
        if (o->letter != 0) {
            (void)fprintf(out, "\\-%c\\fR, \\fB", o->letter);
        }
        (void)fputs("\\-\\-", out);
        put_text(o->name, out);
        (void)fputs("\\fR", out);
        if (o->arg != NULL) {
            (void)fputs(" \\fI", out);
            put_text(o->arg, out);
            (void)fputs("\\fR", out);
        }
        (void)fputc('\n', out);
        put_paragraphs(o->help, out);
    }
}

static void put_command(const struct cli_command *c, FILE *out) {
    (void)fputs(".SS \"jobhost ", out);
    put_text(c->name, out);
    (void)fputs(c->synopsis[0] == '\0' ? "" : " ", out);
    for (const char *p = c->synopsis; *p != '\0'; p++) { // a quote inside of quotes is two
        put_text(*p == '"' ? "\"\"" : (char[]){*p, '\0'}, out);
    }
    (void)fputs("\"\n", out);
    put_paragraphs(c->summary, out);
    if (c->text != NULL) {
        (void)fputs(".PP\n", out);
        put_paragraphs(c->text, out);
    }
    put_options(c->options, out);
    if (c->example != NULL) {
        (void)fputs(".PP\n.EX\n", out);
        put_paragraphs(c->example, out);
        (void)fputs(".EE\n", out);
    }
}

static void put_list(const char *const (*rows)[2], size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++) {
        (void)fputs(".TP\n\\fB", out);
        put_text(rows[i][0], out);
        (void)fputs("\\fR\n", out);
        put_paragraphs(rows[i][1], out);
    }
}

void man_page(FILE *out) {
    static const char *const statuses[][2] = {
        {"0", "done"},
        {"1", "failed"},
        {"2", "the command line or its files are wrong"},
        {"3", "the host cannot be reached"},
    };
    static const char *const variables[][2] = {
        {"JOBHOST_CONFIG", "the configuration, instead of config.yaml in this folder"},
        {"JOBHOST_URL", "the host, for commands without -c, --socket and --url"},
        {"JOBHOST_TOKEN", "the token for a host that is named by a URL or its socket"},
        {"NO_COLOR", "if set to something: no colours (none either when TERM is dumb)"},
    };
    (void)fputs(".TH JOBHOST 1 \"\" \"jobhost " JOBHOST_VERSION "\" \"User Commands\"\n"
                ".SH NAME\njobhost \\- one daemon for background jobs\n"
                ".SH SYNOPSIS\n\\fBjobhost\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR] "
                "[\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
                out);
    for (size_t i = 0; i < cli_command_count; i++) {
        put_command(&cli_commands[i], out);
    }
    (void)fputs(".SH OPTIONS OF ALL COMMANDS\n", out);
    put_options(cli_common_options, out);
    (void)fputs(".SH OPTIONS OF COMMANDS THAT ASK A HOST\n", out);
    put_options(cli_host_options, out);
    (void)fputs(".SH EXIT STATUS\n", out);
    put_list(statuses, ARRAY_LEN(statuses), out);
    (void)fputs(".SH ENVIRONMENT\n", out);
    put_list(variables, ARRAY_LEN(variables), out);
}
