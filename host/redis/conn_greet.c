#define _GNU_SOURCE // explicit_bzero
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "redis/conn_private.h"

/* The commands one after the other, for what follows depends on the answer; the last two go
 * together. A server that lacks HELLO (before 6, and some proxies) gets AUTH and CLIENT SETNAME. */

static const char *user_of(const struct redis_address *a) {
    return a->user[0] == '\0' ? "default" : a->user;
}

static void copy_text(char *out, size_t cap, const struct redis_reply *r) {
    struct bytes text = redis_reply_text(r);
    (void)snprintf(out, cap, "%.*s", (int)text.len, (const char *)text.data);
    for (char *p = out; *p != '\0'; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
    }
}

static enum redis_role role_of(const struct redis_reply *name) {
    if (redis_reply_says(name, "master")) {
        return REDIS_ROLE_MASTER;
    }
    bool replica = redis_reply_says(name, "slave") || redis_reply_says(name, "replica");
    return replica ? REDIS_ROLE_REPLICA : name == NULL ? REDIS_ROLE_UNKNOWN : REDIS_ROLE_OTHER;
}

/* ---- failures ---- */

static void fail_credentials(struct redis_conn *c, const char *words) {
    const struct redis_address *a = c->config.address;
    if (a->password[0] == '\0') {
        redis_conn_fail(c, REDIS_CREDENTIALS, -EACCES,
                        "%.160s Write the password into store.url: redis://USER:PASSWORD@HOST",
                        words);
    } else if (redis_address_is_upstash(a)) {
        redis_conn_fail(c, REDIS_CREDENTIALS, -EACCES,
                        "%.70s A read-only token, or one made by ACL RESTTOKEN, is no password of "
                        "the Redis protocol: copy the password for TCP from the database's page in "
                        "Upstash's console into store.url",
                        words);
    } else {
        redis_conn_fail(c, REDIS_CREDENTIALS, -EACCES,
                        "%.160s User %.64s and its password stand in store.url; the server's users "
                        "are listed by ACL LIST",
                        words, user_of(a));
    }
}

/* An error that the greeting cannot go on after. */
static void fail_by(struct redis_conn *c, const char *command, const struct redis_answer *answer) {
    char words[200];
    redis_answer_words(answer, words, sizeof words);
    if (answer->class == REDIS_CREDENTIALS) {
        fail_credentials(c, words);
    } else {
        redis_conn_fail(c, answer->class == REDIS_FINE ? REDIS_PROTOCOL : answer->class, -EPROTO,
                        "%s: %s", command, words);
    }
}

/* A call of the greeting was answered: what it said may hold the password. */
static void put_away(struct redis_call *call) {
    explicit_bzero(call->wire, call->wire_len);
    redis_call_finish(call);
}

static bool send_words(struct redis_conn *c, struct redis_call *call, int r) {
    if (r != 0) {
        redis_conn_fail(c, REDIS_UNREACHABLE, r, "out of memory");
        return false;
    }
    redis_conn_write(c, call, INT64_MAX); // the phase has a deadline
    return true;
}

/* ---- ROLE ---- */

static void on_role(struct redis_call *call, const struct redis_answer *answer) {
    struct redis_conn *c = CONTAINER_OF(call, struct redis_conn, greeting[1]);
    const struct redis_reply *r = answer->reply;
    bool told = answer->class == REDIS_FINE && redis_reply_at(r, 0) != NULL;
    put_away(call);
    if (told) {
        c->peer.role = role_of(redis_reply_at(r, 0));
    } else if (answer->class != REDIS_CREDENTIALS && answer->class != REDIS_NO_COMMAND) {
        fail_by(c, "ROLE", answer);
        return;
    } // else HELLO's word for it has to do, and a write will tell
    if (told && c->peer.role == REDIS_ROLE_REPLICA) {
        int64_t port = 0;
        char host[REDIS_HOST_MAX + 1];
        copy_text(host, sizeof host, redis_reply_at(r, 1));
        (void)redis_reply_integer(redis_reply_at(r, 2), &port);
        (void)snprintf(c->peer.master, sizeof c->peer.master, "%s:%d", host, (int)port);
    }
    if (c->peer.role == REDIS_ROLE_REPLICA && !c->config.any_role) {
        redis_conn_fail(c, REDIS_READONLY, -EROFS,
                        "this server is a replica%s%s and takes no writes: store.url has to name "
                        "the master",
                        c->peer.master[0] == '\0' ? "" : " of ", c->peer.master);
        return;
    }
    redis_conn_greeted(c);
}

/* ---- SELECT ---- */

static void on_select(struct redis_call *call, const struct redis_answer *answer) {
    struct redis_conn *c = CONTAINER_OF(call, struct redis_conn, greeting[0]);
    put_away(call);
    if (!redis_reply_says(answer->reply, "OK")) {
        fail_by(c, "SELECT", answer);
    }
}

static void send_select_and_role(struct redis_conn *c) {
    char db[16];
    (void)snprintf(db, sizeof db, "%u", (unsigned)c->config.address->db);
    c->greeting[0] = (struct redis_call){.done = on_select};
    c->greeting[1] = (struct redis_call){.done = on_role};
    if (c->config.address->db != 0 &&
        !send_words(c, &c->greeting[0], redis_call_words(&c->greeting[0], "SELECT", db, NULL))) {
        return;
    }
    (void)send_words(c, &c->greeting[1], redis_call_words(&c->greeting[1], "ROLE", NULL));
}

/* ---- AUTH and CLIENT SETNAME ---- */

static void on_name(struct redis_call *call, const struct redis_answer *answer) {
    struct redis_conn *c = CONTAINER_OF(call, struct redis_conn, greeting[0]);
    put_away(call);
    if (answer->class == REDIS_CREDENTIALS && redis_reply_is(answer->reply, REDIS_ERROR) &&
        memcmp(answer->reply->text.data, "NOAUTH", 6) == 0) {
        fail_by(c, "CLIENT SETNAME", answer);
        return;
    }
    send_select_and_role(c); // a name is not worth more
}

static void send_name(struct redis_conn *c) {
    c->greeting[0] = (struct redis_call){.done = on_name};
    (void)send_words(c, &c->greeting[0],
                     redis_call_words(&c->greeting[0], "CLIENT", "SETNAME", c->config.name, NULL));
}

static void on_auth(struct redis_call *call, const struct redis_answer *answer) {
    struct redis_conn *c = CONTAINER_OF(call, struct redis_conn, greeting[0]);
    put_away(call);
    if (!redis_reply_says(answer->reply, "OK")) {
        fail_by(c, "AUTH", answer);
        return;
    }
    send_name(c);
}

static void send_auth(struct redis_conn *c) {
    const struct redis_address *a = c->config.address;
    if (a->password[0] == '\0') {
        send_name(c);
        return;
    }
    struct redis_call *call = &c->greeting[0];
    *call = (struct redis_call){.done = on_auth};
    (void)send_words(c, call,
                     a->user[0] == '\0'
                         ? redis_call_words(call, "AUTH", a->password, NULL)
                         : redis_call_words(call, "AUTH", a->user, a->password, NULL));
}

/* ---- HELLO ---- */

static void on_hello(struct redis_call *call, const struct redis_answer *answer) {
    struct redis_conn *c = CONTAINER_OF(call, struct redis_conn, greeting[0]);
    const struct redis_reply *r = answer->reply;
    put_away(call);
    if (answer->class == REDIS_NO_COMMAND) {
        send_auth(c);
        return;
    }
    if (!redis_reply_is(r, REDIS_ARRAY)) {
        fail_by(c, "HELLO", answer);
        return;
    }
    copy_text(c->peer.server, sizeof c->peer.server, redis_reply_field(r, "server"));
    copy_text(c->peer.version, sizeof c->peer.version, redis_reply_field(r, "version"));
    copy_text(c->peer.mode, sizeof c->peer.mode, redis_reply_field(r, "mode"));
    c->peer.role = role_of(redis_reply_field(r, "role"));
    send_select_and_role(c);
}

void redis_conn_greet(struct redis_conn *c) {
    const struct redis_address *a = c->config.address;
    struct redis_call *call = &c->greeting[0];
    *call = (struct redis_call){.done = on_hello};
    redis_conn_enter(c, CONN_GREETING);
    (void)send_words(c, call,
                     a->password[0] == '\0'
                         ? redis_call_words(call, "HELLO", "2", "SETNAME", c->config.name, NULL)
                         : redis_call_words(call, "HELLO", "2", "AUTH", user_of(a), a->password,
                                            "SETNAME", c->config.name, NULL));
}
