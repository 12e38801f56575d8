#define _XOPEN_SOURCE 700 // realpath
#include "store/sqlite/sqlite_store.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/hostlock.h"
#include "base/log.h"
#include "store/blobfile.h"
#include "store/scope.h"
#include "store/sqlite/blobs.h"
#include "store/sqlite/once.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/wal_room.h"
#include "store/sqlite/writer.h"

#define URL_SCHEME "sqlite:"

enum { INLETS = 4 };

struct sqlite_store {
    struct store_config config; /* strings are ours */
    char *path, *blob_dir;
    const struct log *log;
    const struct env *env, *jobs_env;
    struct hostlock lock;
    struct outlet outlet;
    struct event *patience;       /* runs while operations wait */
    bool waiting;                 /* it does                    */
    struct event *waker;          /* runs when a turn of the loop has posted all it had */
    struct inlet *asleep[INLETS]; /* whose threads are then woken                 */
    size_t asleep_count;
    bool outlet_open, writer_open;
    struct writer writer;
    struct reader reader, searcher;
    struct blobs blobs;
};

// Answers on the loop's next turn, as every operation is answered.
static void refuse(struct sqlite_store *st, struct store_op *op, int code, const char *words) {
    op->status = err_set(&op->err, code, "%s", words);
    op->next = NULL;
    outlet_ops(&st->outlet, op);
}

static void wait_on(struct sqlite_store *st) {
    static const struct timeval every = {.tv_usec = 250000};
    st->waiting = event_add(st->patience, &every) == 0;
}

// While the disk hangs, those that have not been taken up yet are answered in time. What a thread
// has in hand must wait for it.
static void on_patience(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct sqlite_store *st = arg;
    struct inlet *const inlets[INLETS] = {&st->writer.in, &st->reader.in, &st->searcher.in,
                                          &st->blobs.in};
    bool left = false;
    for (size_t i = st->config.read_only_ok ? 1 : 0; i < ARRAY_LEN(inlets); i++) {
        struct store_op *op = inlet_expire(inlets[i], env_mono_ms(st->env), ops_deadline, &left);
        while (op != NULL) {
            struct store_op *next = op->next;
            if (op->kind == STORE_BLOB_PUT) {
                blobs_landed(&st->blobs, CONTAINER_OF(op, struct store_blob_put, op), false);
            }
            refuse(st, op, -ETIMEDOUT, "the store did not get round to it in time");
            op = next;
        }
    }
    st->waiting = false;
    if (left) {
        wait_on(st);
    }
}

// A thread that is woken by the first of many operations would take that one alone, and be woken
// again for the next: so it is woken once the loop's turn is over.
static void on_posted(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct sqlite_store *st = arg;
    for (size_t i = 0; i < st->asleep_count; i++) {
        inlet_wake(st->asleep[i]);
    }
    st->asleep_count = 0;
}

static void wake_later(struct sqlite_store *st, struct inlet *in) {
    if (st->asleep_count == 0) {
        event_active(st->waker, 0, 0);
    }
    for (size_t i = 0; i < st->asleep_count; i++) {
        if (st->asleep[i] == in) {
            return;
        }
    }
    st->asleep[st->asleep_count++] = in;
}

static struct inlet *inlet_of(struct sqlite_store *st, enum ops_thread thread) {
    switch (thread) {
    case OPS_WRITER: return &st->writer.in;
    case OPS_READER: return &st->reader.in;
    case OPS_SEARCHER: return &st->searcher.in;
    case OPS_BLOBS: return &st->blobs.in;
    default: return NULL;
    }
}

static bool mutates(const struct store_op *op) {
    return ops_thread(op) == OPS_WRITER || op->kind == STORE_BLOB_PUT || ops_mends(op);
}

static void sqlite_store_post(void *self, struct store_op *op) {
    struct sqlite_store *st = self;
    op->status = 0;
    op->posted_mono_ms = env_mono_ms(st->env);
    struct inlet *in = inlet_of(st, ops_thread(op));
    bool first = false;
    if (mutates(op) && st->config.read_only_ok) {
        refuse(st, op, -EROFS, "the store was opened for reading only");
    } else if (store_scope_check(op) < 0) {
        refuse(st, op, -EACCES, "it is about more than the jobs of one tenant or queue");
    } else if (in == NULL) {
        refuse(st, op, -ENOTSUP, "sqlite does not have this operation yet");
    } else if (!inlet_add(in, op, &first)) {
        refuse(st, op, -ESHUTDOWN, "the store is being closed");
    } else if (!st->waiting) {
        wait_on(st);
    }
    if (first) {
        wake_later(st, in);
    }
}

static void destroy(struct sqlite_store *st) {
    writer_stop(&st->writer);
    reader_finish(&st->reader);
    reader_finish(&st->searcher);
    if (st->writer_open) {
        writer_finish(&st->writer);
    }
    blobs_finish(&st->blobs);
    if (st->patience != NULL) {
        event_free(st->patience);
    }
    if (st->waker != NULL) {
        event_free(st->waker);
    }
    if (st->outlet_open) {
        outlet_finish(&st->outlet);
    }
    hostlock_release(&st->lock);
    free(st->path);
    free(st->blob_dir);
    free(st);
}

// Threads end in the order in which work flows: blobs hand on to the writer.
static void sqlite_store_close(void *self) {
    struct sqlite_store *st = self;
    blobs_stop(&st->blobs);
    writer_stop(&st->writer);
    reader_stop(&st->reader);
    reader_stop(&st->searcher);
    while (outlet_deliver(&st->outlet)) {
        // a done() may post again; that is refused, and delivered by the next turn
    }
    destroy(st);
}

static uint64_t sqlite_store_blob_room(void *self) {
    return blobs_room(&((struct sqlite_store *)self)->blobs);
}

static const struct store_ops sqlite_ops = {
    .caps = {.name = "sqlite", .shared = false, .claim_batch = 64},
    .post = sqlite_store_post,
    .close = sqlite_store_close,
    .blob_room = sqlite_store_blob_room,
};

// SQLite follows a link to the file, so its lock and its log lie beside the file, not the link.
static char *real_path(const char *path) {
    char *real = realpath(path, NULL);
    return real != NULL ? real : strdup(path);
}

static int copy_config(struct sqlite_store *st, const struct store_config *config, struct err *e) {
    const char *path = config->url + strlen(URL_SCHEME);
    if (strncmp(config->url, URL_SCHEME, strlen(URL_SCHEME)) != 0 || *path == '\0') {
        return err_set(e, -EINVAL, "store url \"%s\": expected sqlite:PATH", config->url);
    }
    if (config->blob_dir == NULL) {
        return err_set(e, -EINVAL, "the store needs a directory for blobs");
    }
    st->config = *config;
    st->path = real_path(path);
    st->blob_dir = strdup(config->blob_dir);
    st->config.url = st->path;
    st->config.blob_dir = st->blob_dir;
    return st->path == NULL || st->blob_dir == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
}

enum { ROOM_MIB = 2 * (WAL_ROOM >> 20) }; // the log's, and as much for what it is about

/* Opens for writing, with the schema in place and room in the log. SQLite deletes the log of a
 * database that is still empty, so a new one is made first and opened again. */
static int make_and_open(struct sqlite_store *st, struct err *e) {
    struct conn *c = &st->writer.conn;
    struct stat found;
    bool fresh = stat(st->path, &found) == -1 || found.st_size == 0;
    if (!fresh) {
        wal_room_make(st->path);
    }
    int r = conn_open(c, st->path, CONN_WRITER, e);
    r = r < 0 ? r : schema_apply(c, e);
    if (r < 0 || !fresh) {
        return r;
    }
    conn_close(c);
    wal_room_make(st->path);
    return conn_open(c, st->path, CONN_WRITER, e);
}

static int open_for_writing(struct sqlite_store *st, struct err *e) {
    struct err why = {.code = 0};
    int r = make_and_open(st, &why);
    if (r == -ENOSPC) {
        return err_set(e, r, "%s; make room for %s: %d MiB are a good start", why.msg, st->path,
                       ROOM_MIB);
    }
    return r < 0 ? err_set(e, r, "%s", why.msg) : r;
}

static int open_for_reading(struct sqlite_store *st, struct err *e) {
    struct conn *c = &st->writer.conn;
    struct stat found;
    if (stat(st->path, &found) == -1) {
        return err_errno(e, -errno, "%s", st->path);
    }
    int r = conn_open(c, st->path, CONN_READER, e);
    return r < 0 ? r : schema_check(c, e);
}

static int open_writer(struct sqlite_store *st, struct err *e) {
    bool read_only = st->config.read_only_ok;
    struct writer *w = &st->writer;
    w->outlet = &st->outlet;
    w->config = &st->config;
    w->env = st->env;
    w->jobs_env = st->jobs_env;
    once_start(w);
    w->blobs = &st->blobs;
    writer_prepare(w);
    st->writer_open = true;
    int r = read_only ? open_for_reading(st, e) : open_for_writing(st, e);
    r = r < 0 ? r : conn_prepare(&w->conn, e);
    return r < 0 ? r : writer_init(w, read_only, e);
}

static int start_reader(struct sqlite_store *st, struct reader *r, const char *name,
                        struct err *e) {
    r->name = name;
    r->writer = &st->writer;
    r->outlet = &st->outlet;
    r->path = st->path;
    r->blob_dir = st->blob_dir;
    return reader_start(r, e);
}

static int start_threads(struct sqlite_store *st, struct err *e) {
    bool read_only = st->config.read_only_ok;
    int r = start_reader(st, &st->reader, "store-reader", e);
    r = r < 0 ? r : start_reader(st, &st->searcher, "store-searcher", e);
    r = r < 0 || read_only ? r : writer_start(&st->writer, e);
    return r < 0 ? r : blobs_start(&st->blobs, &st->writer, &st->outlet, st->blob_dir, e);
}

/* PATH.lock beside the database. */
static int lock_path(struct sqlite_store *st, struct err *e) {
    char file[PATH_MAX];
    int n = snprintf(file, sizeof file, "%s.lock", st->path);
    return n < 0 || (size_t)n >= sizeof file
               ? err_set(e, -ENAMETOOLONG, "%s: the path is too long", st->path)
               : hostlock_take(&st->lock, file, st->path, e);
}

static int open_all(struct sqlite_store *st, struct event_base *base,
                    const struct store_events *events, struct err *e) {
    int r = st->config.read_only_ok ? 0 : lock_path(st, e);
    r = r < 0 || st->config.read_only_ok ? r : blobfile_prepare(st->blob_dir, false, e);
    r = r < 0 ? r : outlet_init(&st->outlet, base, events, e);
    if (r < 0) {
        return r;
    }
    st->outlet_open = true;
    st->patience = evtimer_new(base, on_patience, st);
    st->waker = event_new(base, -1, 0, on_posted, st);
    if (st->patience == NULL || st->waker == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    r = open_writer(st, e);
    r = r < 0 || st->config.read_only_ok ? r : blobs_recover(st->blob_dir, &st->writer, e);
    return r < 0 ? r : start_threads(st, e);
}

int sqlite_store_open(const struct store_config *config, struct event_base *base,
                      const struct log *log, const struct env *env,
                      const struct store_events *events, struct store *ret_store, struct err *e) {
    struct sqlite_store *st = calloc(1, sizeof *st);
    if (st == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    st->log = log;
    st->env = config->disk_env != NULL ? config->disk_env : env;
    st->jobs_env = env;
    st->lock.fd = -1;
    // SQLite's count of its own memory takes a lock for each allocation, and nobody asks for it.
    // Only the first opening in a process can set this; later it is refused, which changes nothing.
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int r = copy_config(st, config, e);
    r = r < 0 ? r : open_all(st, base, events, e);
    if (r < 0) {
        blobs_stop(&st->blobs);
        reader_stop(&st->reader);
        reader_stop(&st->searcher);
        destroy(st);
        return r;
    }
    *ret_store = (struct store){&sqlite_ops, st};
    return 0;
}
