#define _GNU_SOURCE // pipe2
#include "redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void give_up(const char *what, const char *why) {
    (void)fprintf(stderr, "redis-server for the test: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

bool redis_server_installed(void) {
    return system("command -v redis-server >/dev/null") == 0;
}

static void write_pem(const char *path, const X509 *cert, const EVP_PKEY *key) {
    FILE *f = fopen(path, "we");
    int ok = f == NULL      ? 0
             : cert != NULL ? PEM_write_X509(f, cert)
                            : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    if (ok != 1 || fclose(f) != 0) {
        give_up(path, "cannot be written");
    }
}

/* A certificate for localhost that signs itself: its own authority. */
static void make_pair(const struct redis_server *s) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    (void)X509_set_version(cert, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                     (const unsigned char *)"localhost", -1, -1, 0);
    (void)X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    (void)X509_add_ext(cert, names, -1);
    X509_EXTENSION_free(names);
    (void)X509_set_pubkey(cert, key);
    (void)X509_sign(cert, key, EVP_sha256());
    write_pem(s->cert, cert, NULL);
    write_pem(s->key, NULL, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void choose_port(struct redis_server *s) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || bind(fd, (const struct sockaddr *)(const void *)&in, sizeof in) == -1 ||
        getsockname(fd, (struct sockaddr *)(void *)&in, &len) == -1) {
        give_up("a port", "there is none");
    }
    (void)snprintf(s->port, sizeof s->port, "%u", (unsigned)ntohs(in.sin_port));
    (void)close(fd);
}

void redis_server_init(struct redis_server *s) {
    *s = (struct redis_server){.dir = "/tmp/jobhost-test-XXXXXX"};
    if (!redis_server_installed()) {
        give_up("it is not installed", "scripts/deps --test installs it");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(s->dir) == NULL) {
        give_up(s->dir, "cannot be made");
    }
    (void)snprintf(s->socket, sizeof s->socket, "%s/s", s->dir);
    (void)snprintf(s->cert, sizeof s->cert, "%s/cert", s->dir);
    (void)snprintf(s->key, sizeof s->key, "%s/key", s->dir);
    make_pair(s);
    choose_port(s);
}

static _Noreturn void become_server(const struct redis_server *s, pid_t parent, int words) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); // it died before it could be watched
    }
    int null = open("/dev/null", O_RDWR);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(words, STDOUT_FILENO);
    (void)execlp(
        "redis-server", "redis-server", "--port", "0", "--bind", "127.0.0.1", "--unixsocket",
        s->socket, "--dir", s->dir, "--save", "", "--tls-port", s->port, "--tls-cert-file", s->cert,
        "--tls-key-file", s->key, "--tls-ca-cert-file", s->cert, "--tls-auth-clients", "no",
        "--enable-debug-command", "yes", "--appendonly", s->fsync != NULL ? "yes" : "no",
        "--appendfsync", s->fsync != NULL ? s->fsync : "no",
        s->without != NULL ? "--rename-command" : (char *)NULL, s->without, "", (char *)NULL);
    _exit(127);
}

/* It says on its stdout when it is ready; after that nobody listens, which it does not mind. */
static void await_ready(int words) {
    char text[8192];
    size_t len = 0;
    while (len < sizeof text - 1) {
        ssize_t n = read(words, text + len, sizeof text - 1 - len);
        if (n <= 0) {
            give_up("it did not start", len > 0 ? text : "no word from it");
        }
        len += (size_t)n;
        text[len] = '\0';
        if (strstr(text, "eady to accept connections") != NULL) {
            return;
        }
    }
    give_up("it did not start", text);
}

void redis_server_start(struct redis_server *s) {
    int words[2];
    pid_t parent = getpid();
    if (pipe2(words, O_CLOEXEC) == -1 || (s->pid = fork()) == -1) {
        give_up("no process for it", "fork");
    }
    if (s->pid == 0) {
        become_server(s, parent, words[1]);
    }
    (void)close(words[1]);
    await_ready(words[0]);
    (void)close(words[0]);
}

static void hang_up(struct redis_server *s) {
    if (s->by != NULL) {
        redisFree(s->by);
    }
    s->by = NULL;
}

void redis_server_kill(struct redis_server *s) {
    hang_up(s);
    if (s->pid > 0) {
        (void)kill(s->pid, SIGKILL);
        (void)waitpid(s->pid, NULL, 0);
        (void)unlink(s->socket);
    }
    s->pid = 0;
}

void redis_server_finish(struct redis_server *s) {
    char command[96];
    redis_server_kill(s);
    if (s->dir[0] != '\0') {
        (void)snprintf(command, sizeof command, "rm -rf %s", s->dir);
        if (system(command) != 0) {
            give_up(s->dir, "cannot be removed");
        }
    }
    s->dir[0] = '\0';
}

struct redisReply *redis_server_ask(struct redis_server *s, int argc, const char *const *argv,
                                    const size_t *lens) {
    if (s->by == NULL || s->by->err != 0) { // it may have been killed by CLIENT KILL
        hang_up(s);
        s->by = redisConnectUnix(s->socket);
    }
    if (s->by == NULL || s->by->err != 0) {
        give_up(s->socket, s->by == NULL ? "no memory" : s->by->errstr);
    }
    // hiredis takes the words as they are, and does not write to them
    struct redisReply *reply = redisCommandArgv(s->by, argc, (const char **)(uintptr_t)argv, lens);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        give_up(argv[0], reply == NULL ? s->by->errstr : reply->str);
    }
    return reply;
}

int64_t redis_server_number(const struct redisReply *reply) {
    return reply->type == REDIS_REPLY_INTEGER ? reply->integer
           : reply->type == REDIS_REPLY_ARRAY ? (int64_t)reply->elements
                                              : -1;
}

int64_t redis_server_do(struct redis_server *s, int argc, const char *const *argv) {
    struct redisReply *reply = redis_server_ask(s, argc, argv, NULL);
    int64_t r = redis_server_number(reply);
    freeReplyObject(reply);
    return r;
}
