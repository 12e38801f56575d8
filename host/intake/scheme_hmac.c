// Any HMAC in a header: what is signed is a template, the rest is parameters.
//
// The template is cut into parts once, when the hook is made. What is put in their place is never
// looked at again, so an id or a time that holds "{body}" is only text.

#include "intake/pairs.h"
#include "intake/scheme.h"

#include <errno.h>
#include <openssl/crypto.h>

enum { PARTS_MAX = 128 }; // a template has 256 characters
enum part_kind { PART_TEXT, PART_ID, PART_TIMESTAMP, PART_BODY };

struct part {
    enum part_kind kind;
    struct bytes text;
};

struct own {
    struct part parts[PARTS_MAX];
    size_t count;
    bool has[4]; // by kind
    enum decode_form encoding;
    size_t size; // of a signature
    const char *prefix;
    const char *label, *timestamp_label; // the header is a list k=v; NULL = it is not
};

// ---- the template

static const struct {
    const char *text;
    enum part_kind kind;
} placeholders[] = {{"{id}", PART_ID}, {"{timestamp}", PART_TIMESTAMP}, {"{body}", PART_BODY}};

static enum part_kind next_part(struct bytes *rest, struct bytes *ret_text) {
    struct bytes at = *rest;
    for (size_t i = 0; i < ARRAY_LEN(placeholders); i++) {
        if (take_prefix(rest, placeholders[i].text)) {
            return placeholders[i].kind;
        }
    }
    const char *p = at.data, *brace = memchr(p + 1, '{', at.len - 1);
    *ret_text = (struct bytes){p, brace == NULL ? at.len : (size_t)(brace - p)};
    *rest = (struct bytes){p + ret_text->len, at.len - ret_text->len};
    return PART_TEXT;
}

static int cut_template(struct own *o, const char *template, struct err *e) {
    for (struct bytes rest = bytes_of(template); rest.len > 0;) {
        if (o->count == PARTS_MAX) {
            return err_set(e, -EINVAL, "hmac: more than %d parts in the template", PARTS_MAX);
        }
        struct part *part = &o->parts[o->count++];
        part->kind = next_part(&rest, &part->text);
        o->has[part->kind] = true;
    }
    for (size_t i = 0; i + 1 < o->count; i++) {
        enum part_kind kind = o->parts[i].kind, next = o->parts[i + 1].kind;
        if ((kind == PART_ID && next != PART_TEXT) || (next == PART_ID && kind != PART_TEXT)) {
            return err_set(e, -EINVAL, "hmac: {id} needs a text between it and what is next to it");
        }
    }
    return o->has[PART_BODY] ? 0 : err_set(e, -EINVAL, "hmac: the template has no {body}");
}

// ---- keys

static int add_key(struct way *w, enum mac_hash hash, const char *encoding, const char *secret,
                   struct err *e) {
    uint8_t key[DECODE_ROOM(CONFIG_KEY_TEXT_MAX)];
    size_t len;
    if (strcmp(encoding, "text") == 0) {
        return way_add_key(w, &w->keys, hash, bytes_of(secret), e);
    }
    bool hex = strcmp(encoding, "hex") == 0;
    if (!decode_bytes(hex ? DECODE_HEX : DECODE_BASE64, bytes_of(secret), key, sizeof key, &len)) {
        return err_set(e, -EINVAL, "hmac: the secret is not valid %s", encoding);
    }
    int r = way_add_key(w, &w->keys, hash, (struct bytes){key, len}, e);
    OPENSSL_cleanse(key, sizeof key);
    return r;
}

static int add_keys(struct way *w, const struct config_verify *c, enum mac_hash hash,
                    struct err *e) {
    const char *encoding = way_param(c, "key_encoding", "text");
    int r = 0;
    for (size_t i = 0; i < c->param_count && r == 0; i++) {
        if (strcmp(c->params[i].name, "secret") == 0) {
            r = add_key(w, hash, encoding, c->params[i].value, e);
        }
    }
    return r;
}

// ---- parameters

static const struct {
    const char *name;
    enum mac_hash hash;
    size_t size;
} algorithms[] = {{"sha256", MAC_SHA256, 32}, {"sha512", MAC_SHA512, 64}, {"sha1", MAC_SHA1, 20}};

static const struct {
    const char *name;
    enum decode_form form;
} encodings[] = {{"hex", DECODE_HEX_LOWER},
                 {"hex_upper", DECODE_HEX_UPPER},
                 {"base64", DECODE_BASE64},
                 {"base64url", DECODE_BASE64URL}};

// Copies what is kept of the configuration, which may go before the verifier does.
static const char *keep(struct way *w, const struct config_verify *c, const char *name,
                        const char *fallback, bool *ok) {
    const char *text = way_param(c, name, fallback);
    const char *copy = arena_str(w->arena, text);
    *ok &= text == NULL || copy != NULL;
    return copy;
}

static int read_words(struct own *o, const struct config_verify *c, enum mac_hash *ret_hash,
                      struct err *e) {
    const char *algorithm = way_param(c, "algorithm", "sha256");
    const char *encoding = way_param(c, "encoding", "hex");
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        if (strcmp(algorithms[i].name, algorithm) == 0) {
            *ret_hash = algorithms[i].hash;
            o->size = algorithms[i].size;
        }
    }
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        if (strcmp(encodings[i].name, encoding) == 0) {
            o->encoding = encodings[i].form;
            known = true;
        }
    }
    if (o->size == 0 || !known || (o->size == 20 && !way_switch(c, "allow_sha1"))) {
        return err_set(e, -EINVAL, "hmac: no such algorithm or encoding, or SHA-1 not allowed");
    }
    return 0;
}

static int init(struct way *w, const struct config_verify *c, struct err *e) {
    struct own *o = arena_zalloc(w->arena, sizeof *o);
    enum mac_hash hash = MAC_SHA256;
    bool ok = o != NULL;
    if (!ok) {
        return err_set(e, -ENOMEM, "no memory for a scheme");
    }
    w->own = o;
    w->headers[WAY_SIGNATURE] = keep(w, c, "header", "X-Signature", &ok);
    w->headers[WAY_TIMESTAMP] = keep(w, c, "timestamp_header", NULL, &ok);
    w->headers[WAY_ID] = keep(w, c, "id_header", NULL, &ok);
    o->prefix = keep(w, c, "prefix", "", &ok);
    o->label = keep(w, c, "label", NULL, &ok);
    o->timestamp_label = keep(w, c, "timestamp_label", NULL, &ok);
    const char *template = keep(w, c, "template", "{body}", &ok);
    if (!ok) {
        return err_set(e, -ENOMEM, "no memory for a scheme");
    }
    int r = cut_template(o, template, e);
    if (r == 0 && ((o->has[PART_ID] && w->headers[WAY_ID] == NULL) ||
                   (o->has[PART_TIMESTAMP] && w->headers[WAY_TIMESTAMP] == NULL &&
                    o->timestamp_label == NULL))) {
        r = err_set(e, -EINVAL, "hmac: the template needs id_header or timestamp_header");
    }
    if (r == 0) {
        r = read_words(o, c, &hash, e);
    }
    return r < 0 ? r : add_keys(w, c, hash, e);
}

// ---- judging

static bool take_signature(struct check *c, struct bytes value) {
    const struct own *o = c->way->own;
    return take_prefix(&value, o->prefix) && check_given(c, o->encoding, value, o->size);
}

// A list k=v: any of those with the label, and the time if it is in there.
static bool take_list(struct check *c, struct bytes rest, struct bytes *time) {
    const struct own *o = c->way->own;
    bool good = true;
    for (bool more = true; more && good;) {
        struct bytes name, value;
        good = pairs_next(&rest, &more, &name, &value);
        if (good && bytes_equal(name, bytes_of(o->label))) {
            good = take_signature(c, value);
        } else if (good && o->timestamp_label != NULL &&
                   bytes_equal(name, bytes_of(o->timestamp_label))) {
            good = time->data == NULL;
            *time = value;
        }
    }
    return good && c->given_count > 0;
}

static bool take_header(struct check *c, struct bytes *time) {
    const struct own *o = c->way->own;
    const char *name = c->way->headers[WAY_SIGNATURE];
    struct bytes value;
    if (!check_take(c, name, &value)) {
        return false;
    }
    if (o->label != NULL && pairs_count(value, o->label) > VERIFY_SIGNATURES_MAX) {
        return CHECK_REFUSE(c, 400, "signatures_many", "more than %d signatures in %s",
                            VERIFY_SIGNATURES_MAX, name);
    }
    return (o->label != NULL ? take_list(c, value, time) : take_signature(c, value)) ||
           CHECK_REFUSE(c, 401, "header_form", "%s does not have the form that is configured",
                        name);
}

static bool has_char(struct bytes id, const char *c) {
    return memchr(id.data, *c, id.len) != NULL;
}

// What stands beside {id} in the template must not be in the id, or the text that is signed could be
// cut in two ways. Where no body is before it, its beginning is known.
static bool is_clear(const struct own *o, struct bytes id) {
    bool after_body = false;
    for (size_t i = 0; i + 1 < o->count; i++) {
        const struct part *one = &o->parts[i], *next = &o->parts[i + 1];
        after_body |= one->kind == PART_BODY;
        bool behind = one->kind == PART_ID && has_char(id, next->text.data);
        bool before = after_body && next->kind == PART_ID &&
                      has_char(id, (const char *)one->text.data + one->text.len - 1);
        if (behind || before) {
            return false;
        }
    }
    return true;
}

static bool take_id(struct check *c) {
    const char *name = c->way->headers[WAY_ID];
    if (!check_take(c, name, &c->id)) {
        return false;
    }
    return (check_is_plain_id(c->id) && is_clear(c->way->own, c->id)) ||
           CHECK_REFUSE(c, 401, "header_form", "%s is no id that can be signed in this template",
                        name);
}

static bool take_timestamp(struct check *c, struct bytes in_list) {
    const char *name = c->way->headers[WAY_TIMESTAMP];
    struct bytes time = in_list;
    if (name != NULL && !check_take(c, name, &time)) {
        return false;
    }
    if (time.data == NULL) {
        return CHECK_REFUSE(c, 401, "header_form", "no time in %s", c->way->headers[WAY_SIGNATURE]);
    }
    return check_time(c, time);
}

static bool head(struct check *c) {
    const struct own *o = c->way->own;
    struct bytes time = {NULL, 0};
    return take_header(c, &time) && (!o->has[PART_ID] || take_id(c)) &&
           (!o->has[PART_TIMESTAMP] || take_timestamp(c, time));
}

// What is signed: the parts of the template with what stands for its placeholders.
static void fill(const struct own *o, struct bytes id, struct bytes time, struct bytes body,
                 struct bytes parts[PARTS_MAX]) {
    for (size_t i = 0; i < o->count; i++) {
        switch (o->parts[i].kind) {
        case PART_TEXT: parts[i] = o->parts[i].text; break;
        case PART_ID: parts[i] = id; break;
        case PART_TIMESTAMP: parts[i] = time; break;
        case PART_BODY: parts[i] = body; break;
        }
    }
}

static bool prove(struct check *c) {
    const struct own *o = c->way->own;
    struct bytes parts[PARTS_MAX];
    fill(o, c->id, c->timestamp, c->d->body, parts);
    if (!check_signatures(c, parts, o->count)) {
        return false;
    }
    if (o->has[PART_ID]) {
        check_signed_id(c, c->id);
        return true;
    }
    check_unsigned_id(c);
    return !o->has[PART_TIMESTAMP] || check_time_digest(c);
}

static int sign(struct signing *s, struct err *e) {
    const struct own *o = s->way->own;
    struct bytes parts[PARTS_MAX], id = bytes_of(s->ask->id);
    if (o->has[PART_ID] && !is_clear(o, id)) {
        return err_set(e, -EINVAL, "the id has a character that follows {id} in the template");
    }
    fill(o, id, bytes_of(s->now_s), s->ask->body, parts);
    const char *sum = sign_mac(s, parts, o->count, o->encoding);
    if (s->way->headers[WAY_ID] != NULL) {
        sign_header(s, s->way->headers[WAY_ID], "%s", s->ask->id);
    }
    if (s->way->headers[WAY_TIMESTAMP] != NULL) {
        sign_header(s, s->way->headers[WAY_TIMESTAMP], "%s", s->now_s);
    }
    const char *name = s->way->headers[WAY_SIGNATURE];
    if (o->label == NULL) {
        sign_header(s, name, "%s%s", o->prefix, sum);
    } else if (o->timestamp_label == NULL) {
        sign_header(s, name, "%s=%s%s", o->label, o->prefix, sum);
    } else {
        sign_header(s, name, "%s=%s,%s=%s%s", o->timestamp_label, s->now_s, o->label, o->prefix,
                    sum);
    }
    return 0;
}

const struct scheme scheme_hmac = {"hmac", VERIFY_TOLERANCE_MS, init, head, prove, NULL, sign};
