#include "worker/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int worker_open(struct worker *w, int sock, int page_fd, struct err *e) {
    w->sock = sock;
    sender_init(&w->control, sock);
    (void)pthread_mutex_init(&w->lock, NULL);
    task_queue_init(&w->queue);
    w->keeper.timer_fd = -1;
    w->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->kick_fd == -1) {
        return err_errno(e, -errno, "eventfd");
    }
    // a blocking socket would let one thread's send hold up another's
    if (fcntl(sock, F_SETFL, O_NONBLOCK) == -1) {
        return err_errno(e, -errno, "descriptor %d", sock);
    }
    w->page = start_page_map(page_fd);
    if (w->page == NULL) {
        return err_set(e, -EINVAL, "descriptor %d is no start page", page_fd);
    }
    w->packet = calloc(1, sizeof *w->packet);
    if (w->packet == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    w->packet->any_fd = true; // inputs are plain files
    return env_open(&w->env, e);
}

void worker_close(struct worker *w) {
    manifest_finish(&w->plugin.manifest);
    settings_finish(&w->settings);
    record_packet_finish(w->packet);
    free(w->packet);
    free(w->runners);
    free(w->handler_us);
    (void)close(w->kick_fd);
    if (w->keeper.timer_fd != -1) {
        (void)close(w->keeper.timer_fd);
    }
    start_page_unmap(&w->page);
    sender_finish(&w->control);
    (void)pthread_mutex_destroy(&w->lock);
    env_close(&w->env);
}
