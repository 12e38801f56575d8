// Answers from files: ranges and tags, and what becomes of a file, a disk or a peer in mid-answer.
#include "blocker.h"
#include "server_fixture.h"

#define HOST "Host: a\r\n"

enum { FILE_SIZE = 300000 };

static int make_file(void) {
    char path[] = "/tmp/jobhost-file-XXXXXX";
    int fd = mkstemp(path);
    (void)unlink(path);
    for (int i = 0; i < FILE_SIZE / 10; i++) {
        char line[11];
        (void)snprintf(line, sizeof line, "%09d\n", i);
        (void)!write(fd, line, 10);
    }
    return fd;
}

static void test_files(void) {
    static const struct {
        const char *method, *header;
        int status;
        size_t from, len;
        const char *says;
    } rows[] = {
        {"GET", "", 200, 0, FILE_SIZE, "ETag: \"tag\"\r\n"},
        {"HEAD", "", 200, 0, 0, "Content-Length: 300000\r\n"},
        {"GET", "Range: bytes=10-19\r\n", 206, 10, 10, "Content-Range: bytes 10-19/300000\r\n"},
        {"GET", "Range: bytes=299990-\r\n", 206, 299990, 10,
         "Content-Range: bytes 299990-299999/300000"},
        {"GET", "Range: bytes=-20\r\n", 206, 299980, 20, "bytes 299980-299999/300000"},
        {"GET", "Range: bytes=0-999999\r\n", 206, 0, FILE_SIZE, "bytes 0-299999/300000"},
        {"GET", "Range: bytes=300000-\r\n", 416, 0, 0, "Content-Range: bytes */300000\r\n"},
        {"GET", "Range: bytes=-0\r\n", 416, 0, 0, "Content-Range: bytes */300000\r\n"},
        {"GET", "Range: bytes=5-1\r\n", 200, 0, FILE_SIZE, "Accept-Ranges: bytes\r\n"},
        {"GET", "Range: bytes=0-1,5-6\r\n", 200, 0, FILE_SIZE, ""},
        {"GET", "Range: lines=0-1\r\n", 200, 0, FILE_SIZE, ""},
        {"HEAD", "Range: bytes=0-1\r\n", 200, 0, 0, "Content-Length: 300000\r\n"},
        {"GET", "If-None-Match: \"tag\"\r\n", 304, 0, 0, "ETag: \"tag\"\r\n"},
        {"GET", "If-None-Match: W/\"x\", \"tag\"\r\n", 304, 0, 0, ""},
        {"GET", "If-None-Match: *\r\n", 304, 0, 0, ""},
        {"GET", "If-None-Match: \"ta\"\r\n", 200, 0, FILE_SIZE, ""},
        {"GET", "If-Range: \"tag\"\r\nRange: bytes=0-9\r\n", 206, 0, 10, ""},
        {"GET", "If-Range: \"old\"\r\nRange: bytes=0-9\r\n", 200, 0, FILE_SIZE, ""},
        {"GET", "If-Range: *\r\nRange: bytes=0-9\r\n", 200, 0, FILE_SIZE, ""},
        {"GET", "If-Range: W/\"tag\"\r\nRange: bytes=0-9\r\n", 200, 0, FILE_SIZE, ""},
        {"GET", "If-Range: \"old\", \"tag\"\r\nRange: bytes=0-9\r\n", 200, 0, FILE_SIZE, ""},
    };
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int file = make_file();
    char *content = malloc(FILE_SIZE);
    EXPECT_EQ_INT(FILE_SIZE, pread(file, content, FILE_SIZE, 0));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[256];
        struct buf in = {0};
        bool no_body = strcmp(rows[i].method, "HEAD") == 0 || rows[i].status == 304;
        int fd = client_unix(&f);
        (void)snprintf(request, sizeof request, "%s /later HTTP/1.1\r\n" HOST "%s\r\n",
                       rows[i].method, rows[i].header);
        client_say(&f, fd, request);
        fixture_settle(&f);
        respond_file(f.kept[0], "text/plain", dup(file), FILE_SIZE, "tag");
        f.kept_count = 0;
        struct answer a = client_answer_from(&f, fd, &in, no_body, NULL);
        EXPECT_EQ_INT(rows[i].status, a.status);
        EXPECT_CONTAINS(rows[i].says, a.head.data);
        if (rows[i].len > 0) {
            EXPECT_EQ_BYTES(content + rows[i].from, rows[i].len, a.body.data, a.body.len);
        }
        answer_free(&a);
        buf_free(&in);
        close(fd);
        fixture_settle(&f);
    }
    free(content);
    close(file);
    fixture_stop(&f);
}

static void test_file_too_short(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    int file = make_file();
    client_say(&f, fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    fixture_settle(&f);
    respond_file(f.kept[0], "text/plain", file, FILE_SIZE + 10,
                 NULL); // ten bytes more than there are
    struct answer a = client_answer(&f, fd);
    EXPECT_EQ_INT(0, a.status); // the connection ends early: the peer can tell
    EXPECT_EQ_UINT(1, f.done);
    answer_free(&a);
    close(fd);
    fixture_stop(&f);
}

/* Asks for the file and answers; the connection. */
static int begin_download(struct fixture *f, const char *headers, int file, uint64_t size) {
    char request[256];
    int fd = client_unix(f);
    (void)snprintf(request, sizeof request, "GET /later HTTP/1.1\r\n" HOST "%s\r\n", headers);
    client_say(f, fd, request);
    while (f->kept_count == 0) {
        (void)event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    respond_file(f->kept[0], "text/plain", file, size, NULL);
    f->kept_count = 0;
    return fd;
}

/* So much of an answer has come, its head included, when the connection has ended. */
static size_t read_to_the_end(struct fixture *f, int fd) {
    struct buf in = {0};
    int r = -1;
    for (int turn = 0; r != 0 && turn < FIXTURE_TURNS; turn++) {
        fixture_turn(f);
        r = client_poll(fd, &in);
    }
    EXPECT_EQ_INT(0, r);
    size_t len = in.len;
    buf_free(&in);
    close(fd);
    return len;
}

static int open_files(void) {
    int count = 0;
    for (int fd = 0; fd < 200; fd++) {
        count += fcntl(fd, F_GETFD) != -1;
    }
    return count;
}

/* What is cut off after some of it has left is not filled up, in neither form. */
static void test_file_shrinks(void) {
    static const char *const headers[] = {"", "Accept-Encoding: gzip\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct fixture f = fixture_defaults();
        fixture_start(&f);
        fixture_listen(&f);
        const uint64_t size = (uint64_t)64 << 20;
        int file = make_file();
        EXPECT_EQ_INT(0, ftruncate(file, (off_t)size));
        int other = dup(file);
        int fd = begin_download(&f, headers[i], file, size);
        struct buf in = {0};
        while (in.len < 1000) {
            fixture_turn(&f);
            (void)client_poll(fd, &in);
        }
        EXPECT_EQ_INT(0, ftruncate(other, 1000));
        EXPECT_TRUE(read_to_the_end(&f, fd) < size);
        EXPECT_EQ_UINT(1, f.done);
        buf_free(&in);
        close(other);
        fixture_stop(&f);
    }
}

static void test_file_unreadable(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = begin_download(&f, "", open("/dev/null", O_WRONLY | O_CLOEXEC), 1000);
    struct answer a = client_answer(&f, fd);
    EXPECT_EQ_INT(0, a.status);
    EXPECT_TRUE(a.closed);
    EXPECT_EQ_UINT(1, f.done);
    answer_free(&a);
    close(fd);
    fixture_stop(&f);
}

/* While the disk keeps one waiting the others are served, and it is not the peer who is slow. */
static void test_disk_hangs(void) {
    struct fixture f = fixture_defaults();
    struct blocker blocker;
    struct answer others[2];
    fixture_start(&f);
    fixture_listen(&f);
    blocker_begin(&blocker, f.disk);
    int fd = begin_download(&f, "", make_file(), FILE_SIZE);
    struct buf in = {0};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        int other = client_unix(&f);
        static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        EXPECT_TRUE(send(other, request, sizeof request - 1, 0) > 0);
        others[i] = (struct answer){.status = 0};
        for (int turn = 0; turn < 100 && others[i].body.len == 0; turn++) {
            (void)event_base_loop(f.base, EVLOOP_NONBLOCK);
            (void)client_poll(other, &others[i].body);
        }
        EXPECT_CONTAINS("200 OK", others[i].body.data);
        answer_free(&others[i]);
        close(other);
        fixture_wait(&f, f.config.limits.write_ms);
    }
    (void)client_poll(fd, &in);
    EXPECT_NULL(strstr(in.data, "000000000\n")); // of the content nothing
    blocker_end(&blocker);
    struct answer a = client_answer_from(&f, fd, &in, false, NULL);
    EXPECT_EQ_INT(200, a.status);
    EXPECT_EQ_UINT(FILE_SIZE, a.body.len);
    answer_free(&a);
    buf_free(&in);
    close(fd);
    fixture_stop(&f);
}

/* Whoever leaves, peer or server, while a part is being read: the file is closed. */
static void test_somebody_leaves(void) {
    for (int server_leaves = 0; server_leaves <= 1; server_leaves++) {
        struct fixture f = fixture_defaults();
        struct blocker blocker;
        fixture_start(&f);
        fixture_listen(&f);
        int before = open_files();
        blocker_begin(&blocker, f.disk);
        int fd = begin_download(&f, "", make_file(), FILE_SIZE);
        for (int turn = 0; turn < 8; turn++) {
            (void)event_base_loop(f.base, EVLOOP_NONBLOCK);
        }
        if (server_leaves) {
            server_close(f.server);
        }
        close(fd);
        for (int turn = 0; turn < 8; turn++) {
            (void)event_base_loop(f.base, EVLOOP_NONBLOCK);
        }
        EXPECT_EQ_UINT(1, f.done);
        EXPECT_EQ_UINT(0, server_connections(f.server));
        blocker_end(&blocker);
        side_thread_finish(f.disk);
        EXPECT_TRUE(open_files() <= before);
        fixture_stop(&f);
    }
}

/* A peer that takes nothing: no more of the file is read than a part. */
static void test_slow_peer(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    const uint64_t size = (uint64_t)64 << 20;
    int file = make_file();
    EXPECT_EQ_INT(0, ftruncate(file, (off_t)size));
    int fd = begin_download(&f, "", file, size);
    do {
        fixture_settle(&f);
    } while (side_thread_is_busy(f.disk));
    fixture_wait(&f, f.config.limits.write_ms - 1);
    EXPECT_EQ_UINT(1, server_connections(f.server));
    fixture_wait(&f, 1);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    EXPECT_TRUE(read_to_the_end(&f, fd) < (2 << 20)); // what sockets hold
    fixture_stop(&f);
}

static const struct expect_test tests[] = {
    {"ranges and tags", test_files},
    {"a file that is shorter than promised", test_file_too_short},
    {"a file that is cut off in mid-answer", test_file_shrinks},
    {"a file that cannot be read", test_file_unreadable},
    {"a disk that keeps one waiting", test_disk_hangs},
    {"somebody leaves while the disk is busy", test_somebody_leaves},
    {"a peer that takes nothing", test_slow_peer},
};

SUITE_MAIN("server_files", tests)
