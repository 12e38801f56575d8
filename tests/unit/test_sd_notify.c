#include "supervisor/sd_notify.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "expect.h"

/* A socket of systemd's kind; `name` begins with '/' or '@'. */
static int listen_at(const char *name) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, name, strlen(name));
    if (name[0] == '@') {
        at.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    EXPECT_EQ_INT(0, bind(fd, (struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))));
    return fd;
}

static void expect_heard(const char *name) {
    char got[64] = "";
    int fd = listen_at(name);
    sd_notify_send(name, "READY=1");
    EXPECT_EQ_INT(7, (int)recv(fd, got, sizeof got - 1, 0));
    EXPECT_EQ_STR("READY=1", got);
    close(fd);
}

static void test_path(void) {
    char name[64];
    (void)snprintf(name, sizeof name, "/tmp/jobhost-notify.%ld", (long)getpid());
    expect_heard(name);
    (void)unlink(name);
}

static void test_abstract(void) {
    char name[64];
    (void)snprintf(name, sizeof name, "@jobhost-notify.%ld", (long)getpid());
    expect_heard(name);
}

static void test_nobody_asked(void) {
    char long_name[256];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[0] = '/';
    long_name[sizeof long_name - 1] = '\0';
    sd_notify_send(NULL, "READY=1");
    sd_notify_send("", "READY=1");
    sd_notify_send("relative", "READY=1");
    sd_notify_send(long_name, "READY=1");
    sd_notify_send("/no/such/socket", "READY=1");
    EXPECT_TRUE(true); // none of them crashes or blocks
}

static const struct expect_test tests[] = {
    {"a socket with a path", test_path},
    {"a socket in the abstract namespace", test_abstract},
    {"names that are not usable are ignored", test_nobody_asked},
};
SUITE_MAIN("sd_notify", tests)
