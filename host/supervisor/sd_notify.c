#include "supervisor/sd_notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void sd_notify_send(const char *socket_name, const char *state) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (socket_name == NULL || (socket_name[0] != '/' && socket_name[0] != '@') ||
        strlen(socket_name) >= sizeof to.sun_path) {
        return;
    }
    size_t len = strlen(socket_name);
    memcpy(to.sun_path, socket_name, len);
    if (to.sun_path[0] == '@') {
        to.sun_path[0] = '\0'; // abstract namespace
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return;
    }
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

void sd_notify_reloading(const char *socket_name) {
    char state[96];
    struct timespec now = {.tv_sec = 0}; // systemd's clock, not the one that tests set
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading",
                   (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    sd_notify_send(socket_name, state);
}
