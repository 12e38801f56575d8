#include "supervisor/upgrade_doors.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/listen.h"
#include "net/server.h"

struct door {
    const char *address;
    bool open; /* one of the sockets listens there */
};

static void look_at_socket(void *arg, int fd, const char *url, bool own) {
    struct door *d = arg;
    struct listen_socket sock;
    (void)url;
    (void)own;
    d->open = d->open || listen_adopt(fd, d->address, &sock, NULL) == 1;
}

static void pass_over(void *arg, int fd, const char *url) {
    (void)arg;
    (void)fd;
    (void)url;
}

static int try_door(const struct server *server, const char *address, struct err *e) {
    struct door d = {.address = address};
    struct listen_socket sock;
    struct err why = {.code = 0};
    server_each(server, &(struct server_each){
                            .socket = look_at_socket, .connection = pass_over, .arg = &d});
    int r = d.open ? 0 : listen_open(address, &sock, &why);
    if (r != 0) {
        return err_set(e, r, "it could not listen where the configuration says by now: %.200s",
                       why.msg);
    }
    if (!d.open) {
        (void)close(sock.fd);
    }
    if (!d.open && sock.own) {
        listen_unlink(sock.path, sock.dev, sock.ino);
    }
    return 0;
}

int upgrade_doors_check(const struct server *server, const char *doors, struct err *e) {
    int r = 0;
    while (*doors != '\0' && r == 0) {
        char address[UPGRADE_DOORS_BYTES];
        size_t len = strcspn(doors, "\n");
        (void)snprintf(address, sizeof address, "%.*s", (int)len, doors);
        r = try_door(server, address, e);
        doors += len + (doors[len] == '\n' ? 1 : 0);
    }
    return r;
}
