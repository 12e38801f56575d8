/* A real redis-server for a test: with a directory, a unix socket and a TLS port of its own, on loopback only, ended when its test is, however
 * that ends.
 *
 *     struct redis_server s;
 *     redis_server_init(&s);            directory, certificate, port: nothing runs yet
 *     redis_server_start(&s);           returns when it answers
 *     redis_server_ask(&s, n, words)    one command, synchronously, behind everybody's back
 *     redis_server_kill(&s);            SIGKILL; its files stay, start() again
 *     redis_server_finish(&s);
 *
 * What cannot be set up ends the test program with words on stderr: there is nothing to test then. */
#ifndef JOBHOST_TESTS_REDIS_SERVER_H
#define JOBHOST_TESTS_REDIS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct redisReply; /* hiredis */
struct redisContext;

struct redis_server {
    char dir[32];
    char socket[64];         /* unix:SOCKET                                             */
    char cert[64], key[64];  /* of "localhost" and 127.0.0.1, its own authority         */
    char port[8];            /* rediss://localhost:PORT                                 */
    const char *fsync;       /* NULL: nothing outlives it; else AOF, and its appendfsync */
    const char *without;     /* NULL, or a command that it shall not have                */
    pid_t pid;               /* 0 = it does not run                                     */
    struct redisContext *by; /* what redis_server_ask() asks with                       */
};

/* Is there a redis-server to start? */
bool redis_server_installed(void);

void redis_server_init(struct redis_server *s);
void redis_server_start(struct redis_server *s);
void redis_server_kill(struct redis_server *s);

/* Kills it and removes the directory; does nothing twice. */
void redis_server_finish(struct redis_server *s);

/* The answer, which the caller frees with freeReplyObject(); an answer that is an error is an error of the test's. */
struct redisReply *redis_server_ask(struct redis_server *s, int argc, const char *const *argv,
                                    const size_t *lens);

/* An answer as a number: an integer, the length of an array, -1 for nil or a text. */
int64_t redis_server_number(const struct redisReply *reply);

/* A command of words, with its answer as a number. */
int64_t redis_server_do(struct redis_server *s, int argc, const char *const *argv);
#define REDIS_DO(s, ...)                                                                           \
    redis_server_do((s), (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),            \
                    (const char *[]){__VA_ARGS__})

#endif
