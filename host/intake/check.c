// What judging a delivery has in common for all schemes.

#include "intake/scheme.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

void check_refused(struct check *c, int status, const char *check, const char *fmt, ...) {
    va_list ap;
    c->ret->status = status;
    c->ret->check = check;
    va_start(ap, fmt);
    (void)vsnprintf(c->ret->detail, sizeof c->ret->detail, fmt, ap);
    va_end(ap);
}

// ---- headers

unsigned check_header(const struct delivery *d, const char *name, struct bytes *ret) {
    size_t len = strlen(name);
    unsigned count = 0;
    for (size_t i = 0; i < d->header_count; i++) {
        const struct header *h = &d->headers[i];
        if (h->name.len == len && strncasecmp(h->name.data, name, len) == 0 && count++ == 0) {
            *ret = h->value;
        }
    }
    return count;
}

bool check_take(struct check *c, const char *name, struct bytes *ret) {
    if (check_header(c->d, name, ret) == 0) {
        return CHECK_REFUSE(c, 401, "header_missing", "no header %s", name);
    }
    return true;
}

// ---- the time

bool check_time(struct check *c, struct bytes text) {
    if (!decode_number(text, &c->at_s)) {
        return CHECK_REFUSE(c, 401, "header_form", "the time is not a number of seconds");
    }
    int64_t tolerance_s = c->way->tolerance_ms / 1000, age_s = c->d->now_ms / 1000 - c->at_s;
    c->timestamp = text;
    if (age_s > tolerance_s) {
        return CHECK_REFUSE(c, 401, "timestamp_old",
                            "the time is %" PRId64 " s old; %" PRId64 " s are allowed", age_s,
                            tolerance_s);
    }
    if (-age_s > tolerance_s) {
        return CHECK_REFUSE(c, 401, "timestamp_ahead",
                            "the time is %" PRId64 " s ahead; %" PRId64 " s are allowed", -age_s,
                            tolerance_s);
    }
    return true;
}

// ---- signatures

bool check_given(struct check *c, enum decode_form form, struct bytes text, size_t size) {
    size_t at = c->given_count;
    if (at == VERIFY_SIGNATURES_MAX ||
        !decode_bytes(form, text, c->given[at], MAC_MAX, &c->given_len[at]) ||
        c->given_len[at] != size) {
        return false;
    }
    c->given_count++;
    return true;
}

// Whatever has matched before, every key meets every signature: the time taken says nothing of which
// one it was.
unsigned check_macs(struct check *c, const struct keyring *ring, const struct bytes *parts,
                    size_t count) {
    uint8_t sum[MAC_MAX] = {0};
    unsigned matched = 0;
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->macs[i] == NULL) {
            continue;
        }
        size_t size = mac_size(ring->macs[i]);
        bool made = mac_sum(ring->macs[i], parts, count, sum);
        for (size_t j = 0; j < c->given_count; j++) {
            bool equal = c->given_len[j] == size && CRYPTO_memcmp(c->given[j], sum, size) == 0;
            matched |= (unsigned)(made && equal) << i;
        }
    }
    OPENSSL_cleanse(sum, sizeof sum);
    return matched;
}

bool check_matched(struct check *c, unsigned matched) {
    if (matched == 0) {
        return CHECK_REFUSE(c, 401, "signature", "no key makes the signature");
    }
    c->ret->key = (unsigned)__builtin_ctz(matched);
    return true;
}

bool check_signatures(struct check *c, const struct bytes *parts, size_t count) {
    return check_matched(c, check_macs(c, &c->way->keys, parts, count));
}

// ---- ids

bool check_is_plain_id(struct bytes id) {
    const uint8_t *p = id.data;
    for (size_t i = 0; i < id.len; i++) {
        if (p[i] < 0x21 || p[i] > 0x7e) {
            return false;
        }
    }
    return id.len > 0 && id.len <= VERIFY_ID_MAX;
}

void check_unsigned_id(struct check *c) {
    struct bytes id;
    const char *name = c->way->headers[WAY_ID];
    if (name != NULL && check_header(c->d, name, &id) > 0 && check_is_plain_id(id)) {
        c->ret->id = arena_bytes(c->a, id);
    }
}

void check_signed_id(struct check *c, struct bytes id) {
    int64_t twice = 2 * c->way->tolerance_ms;
    c->ret->id = c->ret->replay = arena_bytes(c->a, id);
    c->ret->id_signed = true;
    c->ret->replay_keep_ms = twice > VERIFY_KEEP_MS ? twice : VERIFY_KEEP_MS;
}

bool check_digest(struct check *c, const struct bytes *parts, size_t count) {
    struct bytes all[5] = {bytes_of(c->way->scheme->name), {"", 1}};
    uint8_t sum[MAC_MAX];
    struct buf text = {0};
    memcpy(all + 2, parts, count * sizeof all[0]);
    if (mac_sum(c->way->sha256, all, 2 + count, sum)) {
        encode_bytes(DECODE_BASE64URL, sum, MAC_SHA256_LEN, &text);
        c->ret->replay = arena_bytes(c->a, buf_bytes(&text));
    }
    buf_free(&text);
    c->ret->replay_keep_ms = 2 * c->way->tolerance_ms + 1000; // a time is good to its second's end
    return c->ret->replay.data != NULL ||
           CHECK_REFUSE(c, 401, "no_memory", "no memory for a digest");
}

bool check_time_digest(struct check *c) {
    const struct bytes parts[] = {c->timestamp, {"", 1}, c->d->body};
    return check_digest(c, parts, ARRAY_LEN(parts));
}

// Only what is whole JSON is searched: in anything else an id could be anywhere.
bool check_body_id(struct check *c, const char *key) {
    if (!json_is_valid(c->d->body)) {
        return check_time_digest(c);
    }
    const char *id = json_text(c->a, json_member(c->d->body, key));
    if (id == NULL || !check_is_plain_id(bytes_of(id))) {
        return check_time_digest(c);
    }
    check_signed_id(c, bytes_of(id));
    return true;
}
