#include "worker/curl_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"

/* The state of a library that the process has once: it cannot be of a `struct worker`. */
static struct curl_api functions;
static const struct curl_api *loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#define ROW(name_)                                                                                 \
    { "curl_" #name_, offsetof(struct curl_api, name_) }
static const struct {
    const char *name;
    size_t at;
} rows[] = {
    ROW(global_init),         ROW(easy_init),     ROW(easy_cleanup),  ROW(easy_reset),
    ROW(easy_setopt),         ROW(easy_getinfo),  ROW(easy_strerror), ROW(slist_append),
    ROW(slist_free_all),      ROW(multi_init),    ROW(multi_cleanup), ROW(multi_add_handle),
    ROW(multi_remove_handle), ROW(multi_perform), ROW(multi_poll),    ROW(multi_info_read),
    ROW(multi_setopt),
};

static void load(void) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library != NULL && i < ARRAY_LEN(rows); i++) {
        void *function = dlsym(library, rows[i].name);
        if (function == NULL) {
            return; // too old; a library that has begun to work is not unloaded
        }
        memcpy((char *)&functions + rows[i].at, &function, sizeof function);
    }
    if (library != NULL && functions.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        loaded = &functions;
    }
}

const struct curl_api *curl_api(void) {
    (void)pthread_once(&once, load);
    return loaded;
}
