#include "core/token.h"

#include <string.h>

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char head[] = "jh_";
enum { HEAD_LEN = sizeof head - 1, SECRET_AT = HEAD_LEN + TOKEN_ID_LEN + 1 };

static const char *const names[TOKEN_SCOPES] = {[TOKEN_VIEWER] = "viewer",
                                                [TOKEN_SUBMIT] = "submit",
                                                [TOKEN_OPERATOR] = "operator",
                                                [TOKEN_ADMIN] = "admin"};

const char *token_scope_name(int scope) {
    return scope > TOKEN_NO_SCOPE && scope < TOKEN_SCOPES ? names[scope] : "none";
}

enum token_scope token_scope_from_name(const char *name) {
    for (int i = TOKEN_VIEWER; i < TOKEN_SCOPES; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum token_scope)i;
        }
    }
    return TOKEN_NO_SCOPE;
}

// The first `len` characters of the bits of `data`, without padding.
static void put_base32(const uint8_t *data, size_t size, char *out, size_t len) {
    uint32_t bits = 0, have = 0;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        if (have < 5) {
            bits = bits << 8 | (at < size ? data[at] : 0);
            at++;
            have += 8;
        }
        have -= 5;
        out[i] = alphabet[bits >> have & 31];
    }
}

// CRC-32 as zlib has it: what is checked is typing, not malice.
static uint32_t crc32_of(const char *text, size_t len) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= (uint8_t)text[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0xedb88320) : 0);
        }
    }
    return ~crc;
}

static void put_check(const char *text, char out[TOKEN_CHECK_LEN]) {
    uint32_t crc = crc32_of(text, SECRET_AT + TOKEN_SECRET_LEN);
    const uint8_t bytes[] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                             (uint8_t)crc};
    put_base32(bytes, sizeof bytes, out, TOKEN_CHECK_LEN);
}

void token_format(const uint8_t id[8], const uint8_t secret[32], char ret[TOKEN_TEXT_LEN + 1]) {
    memcpy(ret, head, HEAD_LEN);
    put_base32(id, 8, ret + HEAD_LEN, TOKEN_ID_LEN);
    ret[SECRET_AT - 1] = '_';
    put_base32(secret, 32, ret + SECRET_AT, TOKEN_SECRET_LEN);
    put_check(ret, ret + SECRET_AT + TOKEN_SECRET_LEN);
    ret[TOKEN_TEXT_LEN] = '\0';
}

static bool all_of(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || strchr(alphabet, text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool token_split(struct bytes text, char ret_id[TOKEN_ID_LEN + 1], const char **ret_secret) {
    const char *data = text.data;
    char check[TOKEN_CHECK_LEN];
    if (text.len != TOKEN_TEXT_LEN || memcmp(data, head, HEAD_LEN) != 0 ||
        data[SECRET_AT - 1] != '_' || !all_of(data + HEAD_LEN, TOKEN_ID_LEN) ||
        !all_of(data + SECRET_AT, TOKEN_SECRET_LEN)) {
        return false;
    }
    put_check(data, check);
    if (memcmp(check, data + SECRET_AT + TOKEN_SECRET_LEN, sizeof check) != 0) {
        return false;
    }
    memcpy(ret_id, data + HEAD_LEN, TOKEN_ID_LEN);
    ret_id[TOKEN_ID_LEN] = '\0';
    *ret_secret = data + SECRET_AT;
    return true;
}

bool token_is_id(const char *id) {
    return strlen(id) == TOKEN_ID_LEN && all_of(id, TOKEN_ID_LEN);
}

bool token_is_name(const char *name) {
    static const char chars[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-@:/+";
    size_t len = strlen(name);
    return len > 0 && len <= TOKEN_NAME_MAX && strspn(name, chars) == len;
}
