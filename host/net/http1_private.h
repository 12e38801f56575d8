/* Shared by the parser's two files: byte classes, states, and the judgement of complete headers. */
#ifndef JOBHOST_NET_HTTP1_PRIVATE_H
#define JOBHOST_NET_HTTP1_PRIVATE_H

#include "net/http1.h"

/* One table answers what a byte may be. */
enum {
    CLASS_TOKEN = 1,  /* RFC 9110 token: methods and header names               */
    CLASS_TARGET = 2, /* visible ASCII except '#' and '%'                       */
    CLASS_VALUE = 4,  /* visible ASCII, blank, tab, and bytes >= 0x80           */
    CLASS_DIGIT = 8,
    CLASS_HEX = 16,
    CLASS_HOST = 32, /* letters, digits and - . _ ~                              */
};
extern const uint8_t http1_classes[256];

static inline bool http1_is(char c, unsigned classes) {
    return (http1_classes[(unsigned char)c] & classes) != 0;
}

/* Of one of CLASS_HEX. */
static inline unsigned http1_hex_value(char c) {
    return (unsigned)(c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Headers that decide about framing and connection; values index http1_head.c's table. */
enum http1_field {
    FIELD_OTHER,
    FIELD_HOST,
    FIELD_LENGTH,
    FIELD_CODING,
    FIELD_EXPECT,
    FIELD_CONNECTION,
    FIELD_COUNT
};

/* Which of them the name in p->word is. */
enum http1_field http1_head_field(const struct http1 *p);
/* Takes the complete value of p->field in p->value; HTTP1_OK or why it is refused. */
enum http1_error http1_head_take(struct http1 *p);
/* What only the whole head can tell: a Host where it is due, one kind of framing. */
enum http1_error http1_head_check(struct http1 *p);
/* "host", "host:port", "[v6]:port"; anything else is not a Host. */
bool http1_host_valid(const char *text, size_t len);
/* The method of this name, or -1. */
int http1_method_of(const char *name, size_t len);

#endif
