#include "api/front.h"

#include "api/api.h"

static void *front_open(struct host *host) {
    return api_new(host);
}

static void front_configure(void *front, struct server_config *ret_config) {
    api_server_config(front, ret_config);
}

static void front_close(void *front) {
    struct api *api = front;
    api_free(api);
}

const struct host_front api_front = {
    .open = front_open, .configure = front_configure, .close = front_close};
