#include "cli/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/complete_values.h"
#include "cli/help.h"
#include "cli/out.h"

struct typing {
    struct cli *cli;
    const char *current; /* the word being typed ...                         */
    size_t cut;          /* ... of which the shell has cut off so many bytes */
    size_t prefix;       /* bytes of it that stand before the value: "--state="  */
};

/* ---- answering ---- */

/* What a shell would not read as the word itself is not offered: nothing here may become a command
 * when the user presses return. */
static bool is_plain(const char *text) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:/=+,@%";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

static void offer(void *arg, const char *value, const char *note) {
    const struct typing *t = arg;
    const char *partial = t->current + t->prefix;
    struct buf line = {0};
    if (strncmp(value, partial, strlen(partial)) != 0 || !is_plain(value)) {
        return;
    }
    buf_add(&line, t->current, t->prefix);
    buf_str(&line, value);
    buf_char(&line, '\t');
    size_t text = line.len;
    buf_str(&line, note == NULL ? "" : note);
    if (!line.failed) {
        out_clean(line.data + text, false);
        (void)printf("%s\n", line.data + t->cut);
    }
    buf_free(&line);
}

static void offer_files(const struct typing *t, const char *what) {
    size_t prefix = t->prefix > t->cut ? t->prefix - t->cut : 0;
    (void)printf(":%s\t%.*s\t%s\n", what, (int)prefix, t->current + t->cut, t->current + t->prefix);
}

static void offer_value(struct typing *t, enum cli_kind kind) {
    const char *partial = t->current + t->prefix;
    const char *equals = strchr(partial, '=');
    if (kind == CLI_FILE || kind == CLI_FOLDER) {
        offer_files(t, kind == CLI_FILE ? "files" : "folders");
    } else if (kind == CLI_AT_FILE && partial[0] == '@') {
        t->prefix++;
        offer_files(t, "files");
    } else if (kind == CLI_NAME_FILE && equals != NULL) {
        t->prefix += (size_t)(equals - partial) + 1;
        offer_files(t, "files");
    } else {
        complete_values(t->cli, kind, offer, t);
    }
}

/* ---- commands ---- */

static void offer_commands(struct typing *t) {
    char last[64] = "";
    for (size_t i = 0; i < cli_command_count; i++) {
        char word[64];
        const char *name = cli_commands[i].name;
        (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(name, " "), name);
        if (strcmp(word, last) != 0) {
            offer(t, word, strchr(name, ' ') == NULL ? cli_commands[i].summary : "...");
        }
        (void)snprintf(last, sizeof last, "%s", word);
    }
}

static void offer_of_group(struct typing *t, const char *group) {
    size_t len = strlen(group);
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        if (strncmp(name, group, len) == 0 && name[len] == ' ') {
            offer(t, name + len + 1, cli_commands[i].summary);
        }
    }
}

/* The words of a command's name: the one being typed is the `count`th, behind them. */
static void offer_command(struct typing *t, const char *const *words, size_t count) {
    if (count == 0) {
        offer_commands(t);
    } else if (count == 1 && help_has_group(words[0])) {
        offer_of_group(t, words[0]);
    }
}

/* ---- options ---- */

static void offer_options(struct typing *t) {
    const struct cli_option *tables[CLI_TABLES];
    size_t count = cli_option_tables(t->cli->command, tables);
    for (size_t i = 0; i < count; i++) {
        for (const struct cli_option *o = tables[i]; o != NULL && o->name != NULL; o++) {
            char text[64];
            (void)snprintf(text, sizeof text, "--%s", o->name);
            offer(t, text, o->help);
        }
    }
}

/* "--name=..." and "-n...": *ret_value is where the value begins, NULL if the next word is it. */
static const struct cli_option *read_option(const struct cli *cli, const char *word,
                                            const char **ret_value) {
    size_t len = strcspn(word, "=");
    *ret_value = NULL;
    if (word[1] == '-') {
        *ret_value = word[len] == '=' ? word + len + 1 : NULL;
        return cli_find_option(cli->command, word + 2, len - 2, 0);
    }
    *ret_value = word[1] != '\0' && word[2] != '\0' ? word + 2 : NULL;
    return cli_find_option(cli->command, NULL, 0, word[1]);
}

static bool is_option(const char *word) {
    return word[0] == '-' && word[1] != '\0';
}

static void offer_current(struct typing *t, bool options) {
    const struct cli_command *c = t->cli->command;
    const char *value = NULL;
    if (options && t->current[0] == '-') {
        const struct cli_option *o =
            is_option(t->current) ? read_option(t->cli, t->current, &value) : NULL;
        if (o != NULL && value != NULL && o->arg != NULL) {
            t->prefix = (size_t)(value - t->current);
            offer_value(t, o->kind);
        } else {
            offer_options(t);
        }
    } else if (c->takes == CLI_COMMAND) {
        offer_command(t, t->cli->args, t->cli->arg_count);
    } else if (t->cli->arg_count < c->args_max) {
        offer_value(t, c->takes);
    }
}

/* The words between the command's name and the one being typed. */
static void offer_behind(struct typing *t, const char *const *words, size_t count) {
    struct cli *cli = t->cli;
    const struct cli_option *waiting = NULL;
    bool options = true;
    for (size_t i = 0; i < count; i++) {
        const char *value = NULL;
        if (waiting != NULL) {
            cli->given[cli->given_count++] = (struct cli_given){waiting, words[i]};
            waiting = NULL;
        } else if (options && strcmp(words[i], "--") == 0) {
            options = false;
        } else if (options && is_option(words[i])) {
            const struct cli_option *o = read_option(cli, words[i], &value);
            if (o != NULL && o->arg != NULL && value == NULL) {
                waiting = o;
            } else if (o != NULL) {
                cli->given[cli->given_count++] = (struct cli_given){o, value};
            }
        } else {
            cli->args[cli->arg_count++] = words[i];
        }
    }
    if (waiting != NULL) {
        offer_value(t, waiting->kind);
    } else {
        offer_current(t, options);
    }
}

/* ---- the words ---- */

static bool is_break(const char *word, const char *breaks) {
    return word[0] != '\0' && word[strspn(word, breaks)] == '\0';
}

/* Bash cuts words at its breaks, which become words themselves: glues them together again.
 * Returns how many are left, which are on the arena of `text`; 0: out of memory. */
static size_t glue(char **words, size_t count, const char *breaks, struct buf *text,
                   const char **ret) {
    size_t *starts = calloc(count, sizeof *starts);
    size_t made = 0;
    for (size_t i = 0; starts != NULL && i < count; i++) {
        bool begins = words[i][0] == '@'; // a word of its own
        bool joins =
            i > 0 && ((is_break(words[i], breaks) && !begins) || is_break(words[i - 1], breaks));
        if (!joins && i > 0) {
            buf_char(text, '\0');
        }
        if (!joins) {
            starts[made++] = text->len;
        }
        buf_str(text, words[i]);
    }
    buf_char(text, '\0');
    for (size_t i = 0; !text->failed && i < made; i++) {
        ret[i] = text->data + starts[i];
    }
    free(starts);
    return text->failed ? 0 : made;
}

/* What bash replaces begins behind the last of its breaks; but an "@" belongs to it. */
static size_t cut_of(const char *word, const char *breaks) {
    size_t cut = 0;
    for (size_t i = 0; word[i] != '\0'; i++) {
        cut = word[i] != '@' && strchr(breaks, word[i]) != NULL ? i + 1 : cut;
    }
    return cut;
}

static void complete_words(struct typing *t, const char *const *words, size_t count) {
    const char *meant = NULL;
    size_t used = 0;
    t->current = words[count - 1];
    size_t before = count - 1; // words that are there already
    t->cli->command = before == 0 ? NULL : cli_find(words, before, &used, &meant);
    if (t->cli->command == NULL) {
        offer_command(t, words, before);
    } else {
        if (before == 1 && help_has_group(words[0])) { // a command, and others behind it
            offer_of_group(t, words[0]);
        }
        offer_behind(t, words + used, before - used);
    }
}

int complete(struct cli *cli, int word_count, char **words) {
    size_t count = word_count < 2 ? 0 : (size_t)word_count - 1;
    struct buf text = {0};
    const char **whole = calloc(count + 1, sizeof *whole);
    cli->silent = true;
    cli->args = calloc(count + 1, sizeof *cli->args);
    cli->given = calloc(count + 1, sizeof *cli->given);
    if (count > 0 && whole != NULL && cli->args != NULL && cli->given != NULL) {
        struct typing t = {.cli = cli};
        const char *breaks = strncmp(words[0], "bash", 4) == 0 ? words[0] + 4 : "";
        size_t made = count;
        if (breaks[0] != '\0') {
            made = glue(words + 1, count, breaks, &text, whole);
        } else {
            memcpy(whole, words + 1, count * sizeof *whole);
        }
        if (made > 0) {
            t.cut = cut_of(whole[made - 1], breaks);
            complete_words(&t, whole, made);
        }
    }
    buf_free(&text);
    free(whole);
    free(cli->args);
    free(cli->given);
    return CLI_OK;
}
