// POST /v1/jobs as a form: parts in any order, what is refused and when, limits at N and N + 1, and what reaches the store.
#include "net/server_private.h"

#include "api_fixture.h"

#define JOB      "{\"type\":\"a.b\"}"
#define FIELD(n) "--b\r\nContent-Disposition: form-data; name=\"" n "\"\r\n\r\n"
#define FILE_(n, f)                                                                                \
    "--b\r\nContent-Disposition: form-data; name=\"" n "\"; filename=\"" f "\"\r\n\r\n"
#define END "\r\n--b--\r\n"

enum { FILE_MAX = 256 * 1024 };

static void begin(struct api_fixture *x) {
    api_start(x, "host: {state_dir: /tmp}\nstore: {blobs: {max_in_store: 256KiB}}\n");
}

static int send_form(struct api_fixture *x, const char *type, struct bytes body) {
    char head[256];
    int fd = client_unix(&x->f);
    (void)snprintf(
        head, sizeof head,
        "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
        type, body.len);
    client_say(&x->f, fd, head);
    client_send(&x->f, fd, body.data, body.len);
    fixture_settle(&x->f);
    return fd;
}

static int post(struct api_fixture *x, const char *body) {
    return send_form(x, "multipart/form-data; boundary=b", bytes_of(body));
}

/* Answers the puts of so many files as a store would: the last byte of the hash is the number of the file from 1 on. */
static void put_files(struct api_fixture *x, unsigned count) {
    struct store_op *ops[JOB_FILES_MAX];
    for (unsigned i = 0; i < count; i++) {
        ops[i] = api_take(x, STORE_BLOB_PUT);
        struct store_blob_put *put = CONTAINER_OF(ops[i], struct store_blob_put, op);
        struct stat st = {0};
        EXPECT_TRUE(fstat(put->fd, &st) == 0 && st.st_nlink == 0);
        put->ref =
            (struct blob_ref){.size = (uint64_t)st.st_size, .sha256 = {[31] = (uint8_t)(i + 1)}};
    }
    for (unsigned i = count; i-- > 0;) { // in whatever order
        api_done(x, ops[i], 0);
    }
}

static const struct job_spec *submitted(struct store_op *op) {
    return CONTAINER_OF(op, struct store_submit, op)->items[0].spec;
}

static void expect_file(const struct job_spec *spec, size_t index, const char *name,
                        const char *filename, uint64_t size, uint8_t hash) {
    EXPECT_EQ_STR(name, spec->files[index].name);
    EXPECT_EQ_STR(filename, spec->files[index].filename);
    EXPECT_EQ_UINT(size, spec->files[index].blob.size);
    EXPECT_EQ_UINT(hash, spec->files[index].blob.sha256[31]);
}

static void test_any_order(void) {
    static const char *const bodies[] = {
        FIELD("job") JOB "\r\n" FILE_("f", "x.csv") "hello\r\n" FIELD("f") "22" END,
        FILE_("f", "x.csv") "hello\r\n" FIELD("job") " " JOB " \r\n" FIELD("f") "22" END,
        FILE_("f", "x.csv") "hello\r\n" FIELD("f") "22\r\n" FILE_("job", "job.json") JOB END,
        FILE_("f", "x.csv") "hello\r\n" FILE_("left", "") "\r\n" FIELD("f") "22\r\n" FIELD("job")
            JOB END,
    };
    struct api_fixture x;
    begin(&x);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        int fd = post(&x, bodies[i]);
        put_files(&x, 2);
        struct store_op *op = api_take(&x, STORE_SUBMIT);
        const struct job_spec *spec = submitted(op);
        EXPECT_EQ_STR("a.b", spec->type);
        EXPECT_EQ_UINT(2, spec->file_count);
        expect_file(spec, 0, "f", "x.csv", 5, 1);
        expect_file(spec, 1, "f", NULL, 2, 2);
        api_done(&x, op, 0);
        api_expect(&x, fd, 202, "\"queued\"");
    }
    api_stop(&x);
}

static void test_with_named_files(void) {
    struct api_fixture x;
    begin(&x);
    int fd =
        post(&x, FIELD("job") "{\"type\":\"a.b\",\"files\":[{\"name\":\"old\",\"sha256\":\""
                              "00000000000000000000000000000000000000000000000000000000000000aa"
                              "\"}]}\r\n" FILE_("new", "") "x" END);
    put_files(&x, 1);
    struct store_op *op = api_take(&x, STORE_BLOB_OPEN);
    struct store_blob_open *o = CONTAINER_OF(op, struct store_blob_open, op);
    EXPECT_EQ_UINT(0xaa, o->ref.sha256[31]);
    o->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    api_done(&x, op, 0);
    op = api_take(&x, STORE_SUBMIT);
    expect_file(submitted(op), 0, "old", NULL, 0, 0xaa);
    expect_file(submitted(op), 1, "new", NULL, 1, 1);
    api_done(&x, op, 0);
    api_expect(&x, fd, 202, "\"queued\"");
    fd = post(&x, FIELD("job") JOB END); // none at all
    api_done(&x, api_take(&x, STORE_SUBMIT), 0);
    api_expect(&x, fd, 202, "\"queued\"");
    api_stop(&x);
}

/* Nothing of these reaches the store. */
static void test_refused(void) {
    static const struct {
        const char *type, *body;
        int status;
        const char *says;
    } rows[] = {
        {"multipart/form-data", "", 400, "bad_boundary"},
        {"multipart/form-data; boundary=b", "--b\r\n", 400, "ends before its last boundary"},
        {NULL, "--b--", 400, "\"field\":\"job\""},
        {NULL, "hello" END, 400, "bad_multipart"},
        {NULL, FILE_("f", "x") "hello" END, 400, "missing_field"},
        {NULL, FIELD("job") "{" END, 400, "bad_json"},
        {NULL, FIELD("job") END, 400, "bad_json"},
        {NULL, FIELD("job") " [" JOB "]" END, 400, "one job"},
        {NULL, FIELD("job") "{\"type\":\"bad.type\"}\r\n" FILE_("f", "x") "hello" END, 400,
         "unknown_type"},
        {NULL, FIELD("job") "{\"typ\":\"a\"}\r\n" FILE_("f", "x") "hello" END, 400, "did you mean"},
        {NULL, FIELD("job") JOB "\r\n" FIELD("job") JOB END, 400, "repeated_field"},
        {NULL, FIELD("job") JOB "\r\n" FILE_("a/b", "x") END, 400, "bad_file"},
        {NULL, FIELD("job") JOB "\r\n" FILE_("a", "../x") END, 400, "bad_file"},
        {NULL, FIELD("job") JOB "\r\n" FILE_("..", "x") END, 400, "bad_file"},
        {NULL, FIELD("job") JOB END "more", 400, "behind the last boundary"},
        {"multipart/mixed; boundary=b", FIELD("job") JOB END, 415, "not_json"},
    };
    struct api_fixture x;
    begin(&x);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *type = rows[i].type == NULL ? "multipart/form-data; boundary=b" : rows[i].type;
        int fd = send_form(&x, type, bytes_of(rows[i].body));
        api_expect(&x, fd, rows[i].status, rows[i].says);
        EXPECT_EQ_UINT(0, x.op_count);
    }
    api_stop(&x);
}

static void add_many(struct buf *b, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        buf_str(b, text);
    }
}

static void test_limit_files(void) {
    struct api_fixture x;
    begin(&x);
    for (unsigned over = 0; over <= 1; over++) {
        struct buf b = {0};
        add_many(&b, FILE_("f", "x") "1\r\n", JOB_FILES_MAX + over);
        buf_str(&b, FIELD("job") JOB END);
        int fd = send_form(&x, "multipart/form-data; boundary=b", buf_bytes(&b));
        if (!over) {
            put_files(&x, JOB_FILES_MAX);
            api_done(&x, api_take(&x, STORE_SUBMIT), 0);
        }
        api_expect(&x, fd, over ? 400 : 202, over ? "too_many_files" : "queued");
        buf_free(&b);
    }
    api_stop(&x);
}

static void test_limit_sizes(void) {
    struct api_fixture x;
    begin(&x);
    const struct {
        const char *head, *tail;
        size_t max;
        const char *says;
    } rows[] = {
        {FIELD("job") JOB "\r\n" FILE_("f", "x"), END, FILE_MAX, "large_file"},
        {FIELD("job") JOB, END, 16 << 20, "large_field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (unsigned over = 0; over <= 1; over++) {
            struct buf b = {0};
            size_t len = rows[i].max + over - (i == 1 ? strlen(JOB) : 0);
            buf_str(&b, rows[i].head);
            memset(buf_room(&b, len), ' ', len);
            buf_grew(&b, len);
            buf_str(&b, rows[i].tail);
            int fd = send_form(&x, "multipart/form-data; boundary=b", buf_bytes(&b));
            if (!over) {
                put_files(&x, i == 0);
                api_done(&x, api_take(&x, STORE_SUBMIT), 0);
            }
            api_expect(&x, fd, over ? 413 : 202, over ? rows[i].says : "queued");
            buf_free(&b);
        }
    }
    api_stop(&x);
}

static void test_store_refuses(void) {
    struct api_fixture x;
    begin(&x);
    int fd = post(&x, FIELD("job") JOB "\r\n" FILE_("f", "x") "1\r\n" FILE_("f", "y") "2" END);
    struct store_op *first = api_take(&x, STORE_BLOB_PUT), *second = api_take(&x, STORE_BLOB_PUT);
    api_done(&x, first, -EDQUOT);
    api_done(&x, second, 0);
    api_expect(&x, fd, 429, "budget_full");
    api_stop(&x);
}

/* The budget's room at N and N + 1, over all files of a form: nothing reaches the store. */
static void test_budget_room(void) {
    struct api_fixture x;
    begin(&x);
    for (unsigned over = 0; over <= 1; over++) {
        x.blob_room = 4 - over;
        int fd = post(&x, FILE_("f", "x") "12\r\n" FILE_("f", "y") "34\r\n" FIELD("job") JOB END);
        if (!over) {
            put_files(&x, 2);
            api_done(&x, api_take(&x, STORE_SUBMIT), 0);
        }
        api_expect(&x, fd, over ? 429 : 202, over ? "budget_full" : "queued");
        EXPECT_EQ_UINT(0, x.op_count);
    }
    api_stop(&x);
}

/* What others have on its way takes room too, for a form and for a plain upload; when they have left
 * there is room again. */
static void test_budget_side_by_side(void) {
    static const char blob[] = "POST /v1/blobs HTTP/1.1\r\nHost: a\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    struct api_fixture x;
    begin(&x);
    for (unsigned over = 0; over <= 1; over++) {
        x.blob_room = 9 - over;
        int other = client_unix(&x.f);
        client_say(&x.f, other, blob);
        client_say(&x.f, other, "5\r\nhello\r\n");
        fixture_settle(&x.f);
        int fd = post(&x, FILE_("f", "x") "12\r\n" FILE_("f", "y") "34\r\n" FIELD("job") JOB END);
        if (!over) {
            put_files(&x, 2);
            api_done(&x, api_take(&x, STORE_SUBMIT), 0);
        }
        api_expect(&x, fd, over ? 429 : 202, over ? "budget_full" : "queued");
        close(other);
        fixture_settle(&x.f);
        EXPECT_EQ_UINT(0, ((struct api *)x.f.config.arg)->spools.size);
        x.blob_room = 5 - over;
        fd = client_unix(&x.f);
        client_say(&x.f, fd, blob);
        client_say(&x.f, fd, "5\r\nhello\r\n0\r\n\r\n");
        if (!over) {
            struct store_blob_put *put = api_take(&x, STORE_BLOB_PUT);
            api_done(&x, &put->op, 0);
        }
        api_expect(&x, fd, over ? 429 : 200, over ? "budget_full" : "sha256");
    }
    api_stop(&x);
}

static uint64_t nothing_free(int fd) {
    (void)fd;
    return SPOOL_RESERVE;
}

static void test_disk_reserve(void) {
    struct api_fixture x;
    begin(&x);
    ((struct api *)x.f.config.arg)->spools.free_bytes = nothing_free;
    int fd = post(&x, FILE_("f", "x") "12\r\n" FIELD("job") JOB END);
    api_expect(&x, fd, 507, "the last 64 MiB are kept for the store");
    api_stop(&x);
}

/* Decided by the head alone. */
static void test_not_now(void) {
    static const struct {
        enum host_phase phase;
        const char *fault;
        const char *says;
    } rows[] = {{HOST_DRAINING, NULL, "draining"}, {HOST_RUNNING, "disk full", "store_read_only"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct api_fixture x;
        begin(&x);
        x.host.phase = rows[i].phase;
        x.host.store_fault = rows[i].fault;
        int fd = client_unix(&x.f);
        client_say(&x.f, fd,
                   "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nExpect: "
                   "100-continue\r\n"
                   "Content-Type: multipart/form-data; boundary=b\r\n\r\n");
        api_expect(&x, fd, 503, rows[i].says);
        api_stop(&x);
    }
}

static void test_no_room(void) {
    struct api_fixture x;
    begin(&x);
    ((struct api *)x.f.config.arg)->spools.dir = "/proc/none";
    // one is there at the end, the other is heard of before it
    int fd = post(&x, FIELD("job") JOB "\r\n" FILE_("f", "x") "1" END);
    api_expect(&x, fd, 503, "upload_not_stored");
    struct buf b = {0};
    buf_str(&b, "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 262144\r\nContent-Type: "
                "multipart/form-data; boundary=b\r\n\r\n" FILE_("f", "x"));
    memset(buf_room(&b, FILE_MAX / 2), 'x', FILE_MAX / 2);
    buf_grew(&b, FILE_MAX / 2);
    fd = client_unix(&x.f);
    client_send(&x.f, fd, b.data, b.len);
    fixture_settle(&x.f); // the disk has failed, and the next piece hears of it
    client_say(&x.f, fd, "x");
    api_expect(&x, fd, 503, "upload_not_stored");
    buf_free(&b);
    EXPECT_EQ_UINT(0, ((struct api *)x.f.config.arg)->spools.ahead);
    api_stop(&x);
}

/* A form's fields are held in memory as other bodies are, and share their bound. */
static void test_no_memory(void) {
    enum { ROOM = 1000 };
    struct api_fixture x;
    begin(&x);
    x.f.server->config.limits.bodies = ROOM;
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        size_t size = SERVER_BODY_FREE + ROOM + over;
        buf_str(&b, "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
                    "Content-Type: multipart/form-data; boundary=b\r\n\r\n" FIELD("job"));
        memset(buf_room(&b, size), ' ', size);
        buf_grew(&b, size);
        buf_str(&b, "\r\n--b"); // nothing of the field is held back
        int fd = client_tcp(&x.f);
        client_send(&x.f, fd, b.data, b.len);
        fixture_settle(&x.f);
        EXPECT_EQ_UINT(over == 0 ? ROOM : 0, x.f.server->bodies);
        if (over == 1) {
            api_expect(&x, fd, 503, "too_many_bodies");
        } else {
            close(fd);
        }
        fixture_settle(&x.f);
        EXPECT_EQ_UINT(0, x.f.server->bodies);
        buf_free(&b);
    }
    api_stop(&x);
}

static void test_peer_leaves(void) {
    struct api_fixture x;
    begin(&x);
    static const char whole[] = FIELD("job") JOB "\r\n" FILE_("f", "x") "hello" END;
    for (size_t len = 0; len < sizeof whole - 1; len += 10) {
        char head[256];
        int fd = client_unix(&x.f);
        (void)snprintf(head, sizeof head,
                       "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\nContent-Type: "
                       "multipart/form-data; boundary=b\r\n\r\n",
                       sizeof whole - 1);
        client_say(&x.f, fd, head);
        client_send(&x.f, fd, whole, len);
        close(fd);
        fixture_settle(&x.f);
        EXPECT_EQ_UINT(0, server_connections(x.f.server));
        EXPECT_EQ_UINT(0, ((struct api *)x.f.config.arg)->spools.ahead);
        EXPECT_EQ_UINT(0, x.op_count);
    }
    // after the end it is submitted all the same
    int fd = post(&x, whole);
    close(fd);
    put_files(&x, 1);
    api_done(&x, api_take(&x, STORE_SUBMIT), 0);
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"the room for files", test_budget_room},
    {"the room for files of several uploads", test_budget_side_by_side},
    {"the room that the disk keeps", test_disk_reserve},
    {"parts in any order", test_any_order},
    {"files of a form beside files sent before", test_with_named_files},
    {"what is refused leaves nothing", test_refused},
    {"as many files as a job may have", test_limit_files},
    {"sizes of files and fields", test_limit_sizes},
    {"a store that refuses a file", test_store_refuses},
    {"refused by the head alone", test_not_now},
    {"no room for uploads", test_no_room},
    {"no memory for fields", test_no_memory},
    {"a peer that leaves", test_peer_leaves},
};

SUITE_MAIN("api form", tests)
