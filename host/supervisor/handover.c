#include "supervisor/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/config.h"
#include "core/job.h"
#include "core/limiter.h"
#include "jobhost_limit.h"
#include "record/record.h"
#include "record/start_page.h"
#include "supervisor/handover_codec.h"

static const char magic[8] = "JHNDOVR\n";

/* ------------------------------------------------------------------ what is where; numbers are never used again */

#define SOCKET(member)     offsetof(struct handover_socket, member)
#define CONNECTION(member) offsetof(struct handover_connection, member)
#define ATTEMPT(member)    offsetof(struct handover_attempt, member)
#define TICKET(member)     offsetof(struct handover_ticket, member)
#define WORKER(member)     offsetof(struct handover_worker, member)
#define NOTE(member)       offsetof(struct handover_note, member)
#define POOL(member)       offsetof(struct handover_pool, member)
#define TABLE(member)      offsetof(struct handover, member)

static const struct pack_field socket_fields[] = {
    {1, PACK_I32, SOCKET(fd)},
    {2, PACK_I32, SOCKET(own)},
    {3, PACK_TEXT, SOCKET(url)},
};
static const struct shape socket_shape = {.size = sizeof(struct handover_socket),
                                          .fields = socket_fields,
                                          .field_count = ARRAY_LEN(socket_fields)};

static const struct pack_field connection_fields[] = {
    {1, PACK_I32, CONNECTION(fd)},
    {2, PACK_TEXT, CONNECTION(url)},
};
static const struct shape connection_shape = {.size = sizeof(struct handover_connection),
                                              .fields = connection_fields,
                                              .field_count = ARRAY_LEN(connection_fields)};

static const struct pack_field name_fields[] = {
    {1, PACK_TEXT, offsetof(struct handover_name, name)},
};
static const struct shape name_shape = {.size = sizeof(struct handover_name),
                                        .fields = name_fields,
                                        .field_count = ARRAY_LEN(name_fields)};

static const struct pack_field ticket_fields[] = {
    {1, PACK_TEXT, TICKET(limiter)},
    {2, PACK_U64, TICKET(id)},
    {3, PACK_I32, TICKET(of_job)},
    {4, PACK_I32, TICKET(till_start)},
};
static const struct shape ticket_shape = {.size = sizeof(struct handover_ticket),
                                          .fields = ticket_fields,
                                          .field_count = ARRAY_LEN(ticket_fields)};

static const struct pack_field attempt_fields[] = {
    {1, PACK_ID, ATTEMPT(id)},
    {2, PACK_TEXT, ATTEMPT(queue)},
    {3, PACK_TEXT, ATTEMPT(type)},
    {4, PACK_U32, ATTEMPT(token)},
    {5, PACK_U32, ATTEMPT(commit_no)},
    {6, PACK_U32, ATTEMPT(handler)},
    {7, PACK_U32, ATTEMPT(cancel_mask)},
    {8, PACK_U64, ATTEMPT(slot)},
    {9, PACK_I32, ATTEMPT(stop)},
    {10, PACK_I32, ATTEMPT(stalled)},
    {11, PACK_I32, ATTEMPT(result_over)},
    {12, PACK_I32, ATTEMPT(result_fd)},
    {13, PACK_I64, ATTEMPT(stop_mono_ms)},
    {14, PACK_I64, ATTEMPT(placed_mono_ms)},
    {15, PACK_I64, ATTEMPT(heard_mono_ms)},
    {16, PACK_I64, ATTEMPT(started_wall_ms)},
    {17, PACK_I64, ATTEMPT(kept_mono_ms)},
    {18, PACK_TEXT, ATTEMPT(result_type)},
    {19, PACK_TEXT, ATTEMPT(step)},
    {20, PACK_I64, ATTEMPT(progress_done)},
    {21, PACK_I64, ATTEMPT(progress_total)},
    {22, PACK_I64, ATTEMPT(progress_at_ms)},
    {23, PACK_TEXT, ATTEMPT(progress_text)},
};
static const struct shape_bytes attempt_bytes[] = {
    {24, ATTEMPT(result)},
    {25, ATTEMPT(log)},
    {26, ATTEMPT(effects)},
};
static const struct shape_list attempt_lists[] = {
    {27, ATTEMPT(outputs), ATTEMPT(output_count), JOB_OUTPUTS_MAX, &name_shape},
    {28, ATTEMPT(tickets), ATTEMPT(ticket_count), JH_LIMIT_TICKETS_MAX + 1, &ticket_shape},
};
static const struct shape attempt_shape = {
    .size = sizeof(struct handover_attempt),
    .fields = attempt_fields,
    .field_count = ARRAY_LEN(attempt_fields),
    .bytes = attempt_bytes,
    .bytes_count = ARRAY_LEN(attempt_bytes),
    .lists = attempt_lists,
    .list_count = ARRAY_LEN(attempt_lists),
};

static const struct pack_field worker_fields[] = {
    {1, PACK_I32, WORKER(pid)},
    {2, PACK_I32, WORKER(pidfd)},
    {3, PACK_I32, WORKER(sock)},
    {4, PACK_I32, WORKER(page_fd)},
    {5, PACK_I32, WORKER(draining)},
    {6, PACK_U64, WORKER(slot_seq)},
    {7, PACK_U64, WORKER(jobs_done)},
    {8, PACK_U64, WORKER(load_begin)},
    {9, PACK_U64, WORKER(load_end)},
    {10, PACK_I64, WORKER(spawned_mono_ms)},
    {11, PACK_I64, WORKER(ready_mono_ms)},
    {13, PACK_I32, WORKER(grouped)},
};
static const struct shape_list worker_lists[] = {
    {12, WORKER(attempts), WORKER(attempt_count),
     (size_t)START_PAGE_THREADS_MAX *(RECORD_WINDOW_MAX + 1), &attempt_shape},
};
static const struct shape worker_shape = {
    .size = sizeof(struct handover_worker),
    .fields = worker_fields,
    .field_count = ARRAY_LEN(worker_fields),
    .lists = worker_lists,
    .list_count = ARRAY_LEN(worker_lists),
};

static const struct pack_field note_fields[] = {
    {1, PACK_TEXT, NOTE(facility)},
    {2, PACK_TEXT, NOTE(text)},
    {3, PACK_U32, NOTE(state)},
};
static const struct shape note_shape = {.size = sizeof(struct handover_note),
                                        .fields = note_fields,
                                        .field_count = ARRAY_LEN(note_fields)};

static const struct pack_field pool_fields[] = {
    {1, PACK_TEXT, POOL(plugin)},          {2, PACK_TEXT, POOL(sha256)},
    {3, PACK_TEXT, POOL(settings)},        {4, PACK_TEXT, POOL(isolation)},
    {5, PACK_U32, POOL(number)},           {6, PACK_U32, POOL(threads)},
    {7, PACK_I32, POOL(serves)},           {8, PACK_I32, POOL(drain_asked)},
    {9, PACK_I64, POOL(drain_mono_ms)},    {10, PACK_I64, POOL(drain_soft_ms)},
    {11, PACK_I64, POOL(drain_hard_ms)},   {12, PACK_I64, POOL(grace_ms)},
    {13, PACK_I64, POOL(since_ms)},        {14, PACK_U64, POOL(jobs_done)},
    {15, PACK_U64, POOL(crashes)},         {16, PACK_U64, POOL(restarts)},
    {20, PACK_TEXT, POOL(refused_sha256)}, {21, PACK_TEXT, POOL(refused_settings)},
    {22, PACK_TEXT, POOL(refused_note)},
};
static const struct shape_bytes pool_bytes[] = {{17, POOL(hello)}};
static const struct shape_list pool_lists[] = {
    {18, POOL(notes), POOL(note_count), 64, &note_shape},
    {19, POOL(workers), POOL(worker_count), HANDOVER_ITEMS_MAX, &worker_shape},
};
static const struct shape pool_shape = {
    .size = sizeof(struct handover_pool),
    .fields = pool_fields,
    .field_count = ARRAY_LEN(pool_fields),
    .bytes = pool_bytes,
    .bytes_count = ARRAY_LEN(pool_bytes),
    .lists = pool_lists,
    .list_count = ARRAY_LEN(pool_lists),
};

static const struct pack_field table_fields[] = {
    {1, PACK_U32, TABLE(format)},        {2, PACK_U32, TABLE(record)},
    {3, PACK_U64, TABLE(nonce)},         {4, PACK_TEXT, TABLE(version)},
    {5, PACK_TEXT, TABLE(identity)},     {6, PACK_I64, TABLE(asked_ms)},
    {7, PACK_I32, TABLE(lock_fd)},       {11, PACK_I32, TABLE(worker_fd)},
    {12, PACK_TEXT, TABLE(cgroup)},      {13, PACK_I32, TABLE(reload)},
    {14, PACK_U32, TABLE(reload_flags)},
};
static const struct shape_list table_lists[] = {
    {8, TABLE(sockets), TABLE(socket_count), 64, &socket_shape},
    {9, TABLE(connections), TABLE(connection_count), HANDOVER_ITEMS_MAX, &connection_shape},
    {10, TABLE(pools), TABLE(pool_count), HANDOVER_ITEMS_MAX, &pool_shape},
};
static const struct shape table_shape = {
    .size = sizeof(struct handover),
    .fields = table_fields,
    .field_count = ARRAY_LEN(table_fields),
    .lists = table_lists,
    .list_count = ARRAY_LEN(table_lists),
};

/* ------------------------------------------------------------------ writing */

int handover_write(const struct handover *h, struct err *e) {
    struct buf out = {.data = NULL};
    buf_add(&out, magic, sizeof magic);
    shape_write(&table_shape, h, &out);
    int r = out.failed ? err_set(e, -ENOMEM, "out of memory")
            : out.len > HANDOVER_BYTES_MAX
                ? err_set(e, -EFBIG, "what the running jobs have in memory is more than %d MiB",
                          HANDOVER_BYTES_MAX >> 20)
                : 0;
    if (r == 0) {
        r = record_memfd(buf_bytes(&out));
        r = r < 0 ? err_errno(e, r, "the table for the new binary") : r;
    }
    buf_free(&out);
    return r;
}

/* ------------------------------------------------------------------ what is believed */

static int wrong(struct err *e, const char *what) {
    return err_set(e, -EBADMSG, "the table of the binary before: %s", what);
}

static bool is_text(const char *text, size_t most) {
    return text != NULL && text[0] != '\0' && strlen(text) <= most;
}

static int check_tickets(const struct handover_attempt *a, struct err *e) {
    size_t of_job = 0;
    for (size_t i = 0; i < a->ticket_count; i++) {
        size_t len;
        const char *key, *name = a->tickets[i].limiter;
        of_job += a->tickets[i].of_job != 0;
        if (name == NULL || limiter_name_split(name, &len, &key) != 0) {
            return wrong(e, "a slot of no limiter");
        }
    }
    return of_job > 1 ? wrong(e, "a job with two slots to start in") : 0;
}

static int check_attempt(const struct handover_worker *w, const struct handover_attempt *a,
                         struct err *e) {
    if (id_is_zero(&a->id) || job_check_queue(a->queue == NULL ? "" : a->queue, NULL) != 0 ||
        job_check_type(a->type == NULL ? "" : a->type, NULL) != 0) {
        return wrong(e, "a job without a name");
    }
    if (a->slot == 0 || a->slot > w->slot_seq || a->stop < 0 || a->stop > 3 || a->token == 0) {
        return wrong(e, "a job in no place");
    }
    for (const struct handover_attempt *b = w->attempts; b < a; b++) {
        if (b->slot == a->slot) {
            return wrong(e, "two jobs in one place");
        }
    }
    return a->log.len > JOB_LOG_TAIL_MAX || (a->step != NULL && strlen(a->step) > JOB_STEP_NAME_MAX)
               ? wrong(e, "a job says too much")
               : check_tickets(a, e);
}

static int check_worker(const struct handover_pool *p, const struct handover_worker *w,
                        struct err *e) {
    int r = 0;
    if (w->pid <= 1 || w->pidfd <= 0 || w->sock <= 0 || w->page_fd <= 0) {
        return wrong(e, "a worker without a process");
    }
    if (w->attempt_count > (size_t)p->threads * (RECORD_WINDOW_MAX + 1)) {
        return wrong(e, "a worker with too many jobs");
    }
    for (size_t i = 0; i < w->attempt_count && r == 0; i++) {
        r = check_attempt(w, &w->attempts[i], e);
    }
    return r;
}

static int check_pool(const struct handover_pool *p, struct err *e) {
    int r = 0;
    if (!is_text(p->plugin, JOB_TYPE_MAX) || p->sha256 == NULL || strlen(p->sha256) != 64 ||
        strspn(p->sha256, "0123456789abcdef") != 64 || p->settings == NULL) {
        return wrong(e, "a plugin without a name");
    }
    if (p->threads < 1 || p->threads > START_PAGE_THREADS_MAX || p->number == 0 ||
        p->drain_soft_ms < 0 || p->drain_hard_ms < 0 || p->grace_ms < 0) {
        return wrong(e, "a plugin with impossible settings");
    }
    for (size_t i = 0; i < p->worker_count && r == 0; i++) {
        r = check_worker(p, &p->workers[i], e);
    }
    return r;
}

static int check(const struct handover *h, struct err *e) {
    int r = 0;
    if (h->format != HANDOVER_VERSION || h->record != RECORD_WIRE_VERSION) {
        return err_set(e, -EPROTO, "the table of the binary before is of another version");
    }
    if (h->nonce == 0 || h->version == NULL || h->identity == NULL || h->lock_fd <= 0) {
        return wrong(e, "it does not say whose it is");
    }
    for (size_t i = 0; i < h->socket_count; i++) {
        if (h->sockets[i].fd <= 0 || h->sockets[i].url == NULL) {
            return wrong(e, "a door without a socket");
        }
    }
    for (size_t i = 0; i < h->connection_count; i++) {
        if (h->connections[i].fd <= 0 || h->connections[i].url == NULL) {
            return wrong(e, "a connection without a socket");
        }
    }
    for (size_t i = 0; i < h->pool_count && r == 0; i++) {
        r = check_pool(&h->pools[i], e);
    }
    return r;
}

/* ------------------------------------------------------------------ reading */

int handover_parse(struct bytes text, struct handover *ret, struct err *e) {
    *ret = (struct handover){.format = 0};
    struct bytes own = arena_bytes(&ret->arena, text);
    if (text.len < sizeof magic || (text.len > 0 && own.data == NULL) ||
        memcmp(own.data, magic, sizeof magic) != 0) {
        return wrong(e, "it is none");
    }
    struct bytes record = {(const char *)own.data + sizeof magic, own.len - sizeof magic};
    struct arena arena = ret->arena; // reading fills the rest
    int r = shape_read(&table_shape, record, ret, &arena);
    ret->arena = arena;
    return r == -ENOMEM ? err_set(e, r, "out of memory")
           : r != 0     ? wrong(e, "it is damaged")
                        : check(ret, e);
}

int handover_read(int fd, struct handover *ret, struct err *e) {
    struct stat st;
    *ret = (struct handover){.format = 0};
    if (fstat(fd, &st) == -1 || st.st_size <= 0 || st.st_size > HANDOVER_BYTES_MAX ||
        !record_is_memfd(fd, (uint64_t)st.st_size)) {
        return err_set(e, -EBADMSG, "descriptor %d is no table of a binary before", fd);
    }
    const void *map = record_map(fd, (size_t)st.st_size);
    if (map == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    int r = handover_parse((struct bytes){map, (size_t)st.st_size}, ret, e);
    (void)munmap((void *)(uintptr_t)map, (size_t)st.st_size);
    return r;
}

void handover_finish(struct handover *h) {
    arena_free(&h->arena);
    *h = (struct handover){.format = 0};
}

/* ------------------------------------------------------------------ descriptors */

static void each_of_worker(const struct handover_worker *w, void (*each)(void *arg, int fd),
                           void *arg) {
    each(arg, w->pidfd);
    each(arg, w->sock);
    each(arg, w->page_fd);
    for (size_t i = 0; i < w->attempt_count; i++) {
        if (w->attempts[i].result_fd > 0) {
            each(arg, w->attempts[i].result_fd);
        }
    }
}

void handover_each_fd(const struct handover *h, void (*each)(void *arg, int fd), void *arg) {
    each(arg, h->lock_fd);
    if (h->worker_fd > 0) {
        each(arg, h->worker_fd);
    }
    for (size_t i = 0; i < h->socket_count; i++) {
        each(arg, h->sockets[i].fd);
    }
    for (size_t i = 0; i < h->connection_count; i++) {
        each(arg, h->connections[i].fd);
    }
    for (size_t i = 0; i < h->pool_count; i++) {
        for (size_t k = 0; k < h->pools[i].worker_count; k++) {
            each_of_worker(&h->pools[i].workers[k], each, arg);
        }
    }
}

static void set_cloexec(void *arg, int fd) {
    (void)fcntl(fd, F_SETFD, *(const int *)arg);
}

void handover_pass(const struct handover *h, bool pass) {
    int flags = pass ? 0 : FD_CLOEXEC;
    handover_each_fd(h, set_cloexec, &flags);
}

/* ------------------------------------------------------------------ whose jobs */

void handover_identity(const struct config *c, char ret[HANDOVER_IDENTITY_LEN + 1]) {
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct buf text = {.data = NULL};
    buf_printf(&text, "%s\n%s\n", c->host.state_dir, c->store.url);
    SHA256(text.data == NULL ? (const unsigned char *)"" : (const unsigned char *)text.data,
           text.len, hash);
    buf_free(&text);
    for (size_t i = 0; i < sizeof hash; i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", hash[i]);
    }
}
