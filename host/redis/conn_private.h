/* The inside of a connection, shared by conn.c (life, commands, replies), conn_dial.c (sockets) and
 * conn_greet.c (the first commands). */
#ifndef JOBHOST_REDIS_CONN_PRIVATE_H
#define JOBHOST_REDIS_CONN_PRIVATE_H

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "redis/conn.h"

enum redis_conn_state { CONN_DIALLING, CONN_TLS, CONN_GREETING, CONN_UP, CONN_DEAD };

struct redis_conn {
    struct redis_conn_config config;
    struct redis_conn_events events;
    enum redis_conn_state state;
    struct redis_peer peer;
    struct redis_failure failure; /* why it is DEAD                                       */
    struct event *reap;           /* the turn in which the end is told, or it is freed    */
    struct timer deadline;        /* of the address, the phase, or the earliest command    */
    int64_t phase_until_ms;
    /* dialling */
    struct redis_endpoints endpoints;
    unsigned next_endpoint;
    int fd; /* -1: the bufferevent's, or none */
    struct event *dialled;
    struct err dial_err; /* of the last address                                  */
    /* from then on */
    struct bufferevent *bev;
    struct redis_reader *reader;
    struct redis_calls calls; /* sent, not answered                                  */
    uint64_t sent;            /* bytes of all commands so far                         */
    int64_t heard_ms;
    bool was_up;
    bool subscribed; /* messages may come                                    */
    unsigned busy;   /* depth of our own callbacks                           */
    bool freed;
    struct redis_call greeting[2];
};

/* The end, once; what it is about goes behind the server's address. */
void redis_conn_fail(struct redis_conn *c, enum redis_class class, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Begins a phase; its time runs from now on. */
void redis_conn_enter(struct redis_conn *c, enum redis_conn_state state);
/* Sends in any state that has a bufferevent. */
void redis_conn_write(struct redis_conn *c, struct redis_call *call, int64_t until_ms);

/* conn_dial.c: tries the next address; ends in redis_conn_dialled(), or in a failure. */
void redis_conn_dial(struct redis_conn *c);
void redis_conn_dial_stop(struct redis_conn *c);
void redis_conn_dial_late(struct redis_conn *c); /* the address has had its time */
/* conn.c: the socket is connected and the connection's. */
void redis_conn_dialled(struct redis_conn *c, int fd);
/* conn_greet.c: the first command; ends in redis_conn_greeted(), or in a failure. */
void redis_conn_greet(struct redis_conn *c);
/* conn.c: it is up. */
void redis_conn_greeted(struct redis_conn *c);

#endif
