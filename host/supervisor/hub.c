#include "supervisor/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>
#include <utlist.h>

#include "base/bytes.h"

struct entry {
    struct hub_event event;
    struct hub_track *track;
    size_t size;
    TAILQ_ENTRY(entry) of_hub, of_track;
    char texts[]; /* text and progress.message, each with its NUL */
};
TAILQ_HEAD(entries, entry);

/* A job that is followed. */
struct hub_track {
    struct job_id id;
    uint64_t whole_from; /* from the event behind this number on, nothing is missing */
    int state;           /* published last, or -1 */
    int32_t attempt;
    struct entries entries;
    struct hub_watch *watches;
    TAILQ_ENTRY(hub_track) idle; /* in hub.idle while nobody watches */
    UT_hash_handle hh;
};
TAILQ_HEAD(tracks, hub_track);

struct hub {
    uint64_t seq;
    struct hub_track *tracks;
    unsigned track_count, watcher_count;
    struct tracks idle; /* who left first comes first */
    struct entries entries;
    unsigned entry_count;
    size_t bytes;
    struct hub_ear *ears;
    struct hub_watch *next_up; // the one after the watch being called, kept right by hub_remove()
};

struct hub *hub_new(void) {
    struct hub *hub = calloc(1, sizeof *hub);
    if (hub != NULL) {
        TAILQ_INIT(&hub->idle);
        TAILQ_INIT(&hub->entries);
    }
    return hub;
}

/* ---- events ---- */

static void entry_drop(struct hub *hub, struct entry *e) {
    e->track->whole_from = e->event.seq;
    TAILQ_REMOVE(&e->track->entries, e, of_track);
    TAILQ_REMOVE(&hub->entries, e, of_hub);
    hub->entry_count--;
    hub->bytes -= e->size;
    free(e);
}

static const char *entry_text(struct entry *e, size_t *at, const char *text) {
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *copy = memcpy(e->texts + *at, text, size);
    *at += size;
    return copy;
}

static size_t text_size(const char *text) {
    return text == NULL ? 0 : strlen(text) + 1;
}

static struct entry *entry_new(struct hub_track *track, const struct hub_event *event) {
    size_t size =
        sizeof(struct entry) + text_size(event->text) + text_size(event->progress.message);
    struct entry *e = size > HUB_BYTES_MAX ? NULL : malloc(size);
    size_t at = 0;
    if (e != NULL) {
        *e = (struct entry){.event = *event, .track = track, .size = size};
        e->event.spec = NULL;
        e->event.text = entry_text(e, &at, event->text);
        e->event.progress.message = entry_text(e, &at, event->progress.message);
    }
    return e;
}

static void drop_all(struct hub *hub, const struct hub_track *track) {
    struct entry *next;
    for (struct entry *at = TAILQ_FIRST(&track->entries); at != NULL; at = next) {
        next = TAILQ_NEXT(at, of_track);
        entry_drop(hub, at);
    }
}

static void make_room(struct hub *hub, size_t size) {
    struct entry *at = TAILQ_FIRST(&hub->entries), *next;
    while (at != NULL &&
           (hub->entry_count >= HUB_EVENTS_MAX || hub->bytes + size > HUB_BYTES_MAX)) {
        next = TAILQ_NEXT(at, of_hub);
        entry_drop(hub, at);
        at = next;
    }
}

static void keep(struct hub *hub, struct hub_track *track, const struct hub_event *event) {
    struct entry *e = entry_new(track, event);
    if (e == NULL) { // who has not seen it has to start anew
        drop_all(hub, track);
        track->whole_from = ++hub->seq;
        return;
    }
    make_room(hub, e->size);
    e->event.seq = ++hub->seq;
    TAILQ_INSERT_TAIL(&hub->entries, e, of_hub);
    TAILQ_INSERT_TAIL(&track->entries, e, of_track);
    hub->entry_count++;
    hub->bytes += e->size;
}

/* ---- jobs ---- */

static struct hub_track *track_find(const struct hub *hub, const struct job_id *id) {
    struct hub_track *track;
    HASH_FIND(hh, hub->tracks, id, sizeof *id, track);
    return track;
}

static void track_free(struct hub *hub, struct hub_track *track) {
    drop_all(hub, track);
    HASH_DELETE(hh, hub->tracks, track);
    hub->track_count--;
    free(track);
}

/* What happened before is not known, so it begins with a number of its own. */
static int track_new(struct hub *hub, const struct job_id *id, struct hub_track **ret) {
    struct hub_track *oldest = TAILQ_FIRST(&hub->idle);
    if (hub->track_count == HUB_JOBS_MAX && oldest == NULL) {
        return -ENOSPC;
    }
    struct hub_track *track = calloc(1, sizeof *track);
    if (track == NULL) {
        return -ENOMEM;
    }
    if (hub->track_count == HUB_JOBS_MAX) {
        TAILQ_REMOVE(&hub->idle, oldest, idle);
        track_free(hub, oldest);
    }
    track->id = *id;
    track->state = -1;
    track->whole_from = ++hub->seq;
    TAILQ_INIT(&track->entries);
    HASH_ADD(hh, hub->tracks, id, sizeof track->id, track);
    hub->track_count++;
    *ret = track;
    return 0;
}

void hub_free(struct hub **at) {
    struct hub *hub = *at;
    if (hub == NULL) {
        return;
    }
    struct hub_track *track = hub->tracks;
    HASH_CLEAR(hh, hub->tracks); // frees the table; the elements stay chained
    while (track != NULL) {
        struct hub_track *next = track->hh.next;
        drop_all(hub, track);
        free(track);
        track = next;
    }
    free(hub);
    *at = NULL;
}

/* ---- watching ---- */

int hub_add(struct hub *hub, struct hub_watch *watch) {
    struct hub_track *track = track_find(hub, &watch->id);
    if (track == NULL) {
        int r = track_new(hub, &watch->id, &track);
        if (r != 0) {
            return r;
        }
    } else if (track->watches == NULL) {
        TAILQ_REMOVE(&hub->idle, track, idle);
    }
    watch->track = track;
    watch->next = track->watches;
    watch->prev = &track->watches;
    if (watch->next != NULL) {
        watch->next->prev = &watch->next;
    }
    track->watches = watch;
    hub->watcher_count++;
    return 0;
}

void hub_remove(struct hub *hub, struct hub_watch *watch) {
    if (watch->prev == NULL) {
        return;
    }
    if (hub->next_up == watch) {
        hub->next_up = watch->next;
    }
    *watch->prev = watch->next;
    if (watch->next != NULL) {
        watch->next->prev = watch->prev;
    }
    watch->next = NULL;
    watch->prev = NULL;
    hub->watcher_count--;
    if (watch->track->watches == NULL) {
        TAILQ_INSERT_TAIL(&hub->idle, watch->track, idle);
    }
    watch->track = NULL;
}

void hub_forget(struct hub *hub, struct hub_watch *watch) {
    struct hub_track *track = watch->track;
    hub_remove(hub, watch);
    if (track != NULL && track->watches == NULL && TAILQ_EMPTY(&track->entries)) {
        TAILQ_REMOVE(&hub->idle, track, idle);
        track_free(hub, track);
    }
}

unsigned hub_watchers(const struct hub *hub) {
    return hub->watcher_count;
}

/* ---- ears ---- */

void hub_listen(struct hub *hub, struct hub_ear *ear) {
    LL_PREPEND(hub->ears, ear);
}

void hub_listen_no_more(struct hub *hub, struct hub_ear *ear) {
    LL_DELETE(hub->ears, ear);
}

bool hub_is_heard(const struct hub *hub) {
    return hub->ears != NULL;
}

/* ---- publishing ---- */

static bool is_no_news(const struct hub_track *track, const struct hub_event *event) {
    return event->kind == HUB_STATE && (int)event->state == track->state &&
           (event->attempt == track->attempt || event->attempt == 0 || track->attempt == 0);
}

void hub_publish(struct hub *hub, const struct hub_event *event) {
    struct hub_track *track = track_find(hub, &event->id);
    for (struct hub_ear *ear = hub->ears; ear != NULL; ear = ear->next) {
        ear->heard(ear, event);
    }
    if (track == NULL || is_no_news(track, event)) {
        return;
    }
    if (event->kind == HUB_STATE) {
        track->state = (int)event->state;
        track->attempt = event->attempt;
    }
    keep(hub, track, event);
    for (struct hub_watch *w = track->watches; w != NULL; w = hub->next_up) {
        hub->next_up = w->next;
        w->news(w);
    }
    hub->next_up = NULL;
}

bool hub_follows(const struct hub *hub, const struct job_id *id) {
    return hub->ears != NULL || (hub->track_count > 0 && track_find(hub, id) != NULL);
}

uint64_t hub_seq(const struct hub *hub) {
    return hub->seq;
}

int hub_after(const struct hub *hub, const struct job_id *id, uint64_t seq,
              const struct hub_event **ret) {
    const struct hub_track *track = track_find(hub, id);
    *ret = NULL;
    if (track == NULL || seq < track->whole_from || seq > hub->seq) {
        return -ESTALE;
    }
    const struct entry *e; // from the end, where most of them ask
    TAILQ_FOREACH_REVERSE(e, &track->entries, entries, of_track) {
        if (e->event.seq <= seq) {
            break;
        }
        *ret = &e->event;
    }
    return 0;
}

const struct hub_event *hub_next(const struct hub_event *event) {
    const struct entry *e = CONTAINER_OF(event, struct entry, event);
    const struct entry *next = TAILQ_NEXT(e, of_track);
    return next == NULL ? NULL : &next->event;
}
