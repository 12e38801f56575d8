#define _GNU_SOURCE // memmem
#include "redis/reply_class.h"

#include <string.h>

static const struct {
    const char *word;
    enum redis_class is;
} codes[] = {
    {"LOADING", REDIS_TEMPORARY},
    {"MASTERDOWN", REDIS_TEMPORARY},
    {"TRYAGAIN", REDIS_TEMPORARY},
    {"CLUSTERDOWN", REDIS_TEMPORARY},
    {"BUSY", REDIS_TEMPORARY},
    {"READONLY", REDIS_READONLY},
    {"UNBLOCKED", REDIS_READONLY},
    {"MOVED", REDIS_MOVED},
    {"ASK", REDIS_MOVED},
    {"NOSCRIPT", REDIS_NO_SCRIPT},
    {"OOM", REDIS_NO_WRITES},
    {"MISCONF", REDIS_NO_WRITES},
    {"NOREPLICAS", REDIS_NO_WRITES},
    {"NOAUTH", REDIS_CREDENTIALS},
    {"WRONGPASS", REDIS_CREDENTIALS},
    {"NOPERM", REDIS_CREDENTIALS},
    {"NOPROTO", REDIS_NO_COMMAND},
    {"CROSSSLOT", REDIS_BUG},
    {"UNKILLABLE", REDIS_BUG},
    {"EXECABORT", REDIS_BUG},
    {"WRONGTYPE", REDIS_BUG},
};

// What only says "ERR", in the words of the servers, in lower case.
static const struct {
    const char *words;
    enum redis_class is;
} phrases[] = {
    {"unknown command", REDIS_NO_COMMAND},
    {"unknown subcommand", REDIS_NO_COMMAND},
    {"max number of clients", REDIS_NO_CLIENTS},
    {"invalid password", REDIS_CREDENTIALS},
    {"invalid username-password", REDIS_CREDENTIALS},
    {"without any password configured", REDIS_CREDENTIALS},
    {"no password is set", REDIS_CREDENTIALS},
    {"protected mode", REDIS_CREDENTIALS},
    {"the user executing the script", REDIS_CREDENTIALS},
};

/* "DENIED Redis is running in protected mode ..." has a code of its own and the same meaning. */
static enum redis_class class_of_phrase(struct bytes error) {
    char text[192];
    size_t len = error.len < sizeof text ? error.len : sizeof text;
    for (size_t i = 0; i < len; i++) {
        char c = ((const char *)error.data)[i];
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
        if (memmem(text, len, phrases[i].words, strlen(phrases[i].words)) != NULL) {
            return phrases[i].is;
        }
    }
    return REDIS_BUG;
}

/* "-CODE " somewhere in the words of a server that wraps what happened inside of a script. */
static enum redis_class class_of_wrapped(struct bytes error) {
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char mark[24] = "-";
        size_t len = strlen(codes[i].word);
        memcpy(mark + 1, codes[i].word, len);
        mark[len + 1] = ' ';
        if (memmem(error.data, error.len, mark, len + 2) != NULL) {
            return codes[i].is;
        }
    }
    return REDIS_BUG;
}

enum redis_class redis_class_of(struct bytes error) {
    if (error.len == 0) {
        return REDIS_BUG;
    }
    const char *space = memchr(error.data, ' ', error.len);
    size_t word = space == NULL ? error.len : (size_t)(space - (const char *)error.data);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (strlen(codes[i].word) == word && memcmp(codes[i].word, error.data, word) == 0) {
            return codes[i].is;
        }
    }
    enum redis_class c = class_of_wrapped(error);
    return c != REDIS_BUG ? c : class_of_phrase(error);
}

static const struct {
    const char *name;
    bool passes;
} classes[] = {
    [REDIS_FINE] = {"fine", false},
    [REDIS_TEMPORARY] = {"temporary", true},
    [REDIS_READONLY] = {"readonly", true},
    [REDIS_MOVED] = {"moved", false},
    [REDIS_NO_SCRIPT] = {"no_script", true},
    [REDIS_NO_WRITES] = {"no_writes", true},
    [REDIS_CREDENTIALS] = {"credentials", false},
    [REDIS_NO_COMMAND] = {"no_command", false},
    [REDIS_NO_CLIENTS] = {"no_clients", true},
    [REDIS_BUG] = {"bug", false},
    [REDIS_UNREACHABLE] = {"unreachable", true},
    [REDIS_TIMEOUT] = {"timeout", true},
    [REDIS_TLS] = {"tls", false},
    [REDIS_PROTOCOL] = {"protocol", false},
};
_Static_assert(ARRAY_LEN(classes) == REDIS_CLASS_COUNT, "a row a class");

const char *redis_class_name(enum redis_class c) {
    return classes[c].name;
}

bool redis_class_passes(enum redis_class c) {
    return classes[c].passes;
}
