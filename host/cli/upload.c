#include "cli/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/bar.h"
#include "cli/out.h"
#include "cli/remote.h"

enum { REDRAW_MS = 100 };

struct sending {
    struct bar bar;
    const char *name;
    int64_t begun_ms, drawn_ms;
};

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_sent(void *arg, uint64_t sent, uint64_t total) {
    struct sending *s = arg;
    char text[256], done[32], all[32], speed[32];
    int64_t now = now_ms();
    if (now - s->drawn_ms < REDRAW_MS) {
        return;
    }
    double seconds = (double)(now - s->begun_ms + 1) / 1000;
    s->drawn_ms = now;
    (void)snprintf(text, sizeof text, "%s of %s, %s/s  %s", out_size((double)sent, done),
                   out_size((double)total, all), out_size((double)sent / seconds, speed), s->name);
    bar_draw(&s->bar, "uploading", (double)sent * 100 / (double)total, text);
}

static int send_fd(const struct cli *cli, struct sending *s, int fd, uint64_t size, cJSON **ret) {
    struct buf answer = {0};
    int r = remote_ask(cli,
                       &(struct client_request){.method = "POST",
                                                .path = "/v1/blobs",
                                                .content_type = "application/octet-stream",
                                                .body_fd = fd,
                                                .body_fd_size = size,
                                                .on_sent = s->bar.on ? on_sent : NULL,
                                                .sent_arg = s},
                       &answer);
    bar_clear(&s->bar);
    *ret = r == CLI_OK ? cJSON_ParseWithLength(answer.data, answer.len) : NULL;
    if (r == CLI_OK && *ret == NULL) {
        r = cli_fail(cli, CLI_FAILED, "the host's answer is not JSON");
    }
    buf_free(&answer);
    return r;
}

int upload(const struct cli *cli, const char *path, cJSON **ret) {
    struct stat st;
    struct sending s = {.bar = {.on = cli->err_tty && !cli->json}, .name = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *ret = NULL;
    if (fd == -1 || fstat(fd, &st) == -1) {
        int error = errno;
        if (fd != -1) {
            close(fd);
        }
        return cli_fail(cli, CLI_USAGE, "%s: %s", path, strerror(error));
    }
    s.begun_ms = now_ms();
    int r = S_ISREG(st.st_mode) ? send_fd(cli, &s, fd, (uint64_t)st.st_size, ret)
                                : cli_fail(cli, CLI_USAGE, "%s: not a regular file", path);
    close(fd);
    return r;
}
