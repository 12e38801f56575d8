#include "supervisor/hub.h"

#include <stdlib.h>

struct hub {
    struct hub_watch *first;
    unsigned count;
    struct hub_watch *next_up; // the one after the watch being called, kept right by hub_remove()
};

struct hub *hub_new(void) {
    return calloc(1, sizeof(struct hub));
}

void hub_free(struct hub **hub) {
    free(*hub);
    *hub = NULL;
}

int hub_add(struct hub *hub, struct hub_watch *watch) {
    watch->next = hub->first;
    watch->prev = &hub->first;
    if (watch->next != NULL) {
        watch->next->prev = &watch->next;
    }
    hub->first = watch;
    hub->count++;
    return 0;
}

void hub_remove(struct hub *hub, struct hub_watch *watch) {
    if (watch->prev == NULL) {
        return;
    }
    if (hub->next_up == watch) {
        hub->next_up = watch->next;
    }
    hub->count--;
    *watch->prev = watch->next;
    if (watch->next != NULL) {
        watch->next->prev = watch->prev;
    }
    watch->next = NULL;
    watch->prev = NULL;
}

static int hub_matches(const struct hub_watch *watch, const struct job_id *id) {
    return id_is_zero(&watch->id) || id_equal(&watch->id, id);
}

void hub_publish(struct hub *hub, const struct hub_event *event) {
    for (struct hub_watch *w = hub->first; w != NULL; w = hub->next_up) {
        hub->next_up = w->next;
        if (hub_matches(w, &event->id)) {
            w->event(w, event);
        }
    }
}

int hub_watching(const struct hub *hub, const struct job_id *id) {
    for (const struct hub_watch *w = hub->first; w != NULL; w = w->next) {
        if (hub_matches(w, id)) {
            return 1;
        }
    }
    return 0;
}

unsigned hub_watchers(const struct hub *hub) {
    return hub->count;
}
