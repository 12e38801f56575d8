/* Texts that stand for bytes, and whole numbers, read without leniency: one spelling for each value,
 * so that two texts that differ never mean the same. Pure. */
#ifndef JOBHOST_BASE_DECODE_H
#define JOBHOST_BASE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

enum decode_form {
    DECODE_HEX,       /* digits of either case, two a byte                        */
    DECODE_HEX_LOWER, /* lower case only                                          */
    DECODE_HEX_UPPER, /* upper case only                                          */
    DECODE_BASE64,    /* RFC 4648 section 4, padded                               */
    DECODE_BASE64URL  /* section 5, without padding                               */
};

/* Room for what `len` characters can stand for, in every form. */
#define DECODE_ROOM(len) ((len) / 4 * 3 + 3)

/* The bytes that `text` stands for, into `out`; how many in *ret_len. False, and *ret_len untouched: a
 * foreign character, padding that is not exactly right, unused low bits that are not zero, or more
 * than `room` bytes. An empty text stands for none. */
bool decode_bytes(enum decode_form form, struct bytes text, uint8_t *out, size_t room,
                  size_t *ret_len);

/* The other way; DECODE_HEX writes lower case. */
void encode_bytes(enum decode_form form, const void *data, size_t len, struct buf *out);

/* 1 to 15 decimal digits without a leading zero, sign, blank or anything behind. */
bool decode_number(struct bytes text, int64_t *ret);

#endif
