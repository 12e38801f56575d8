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

#define ROW(name_, member_)                                                                        \
    { (name_), offsetof(struct curl_api, member_) }
static const struct {
    const char *name;
    size_t at;
} rows[] = {
    ROW("curl_global_init", global_init),
    ROW("curl_easy_init", easy_init),
    ROW("curl_easy_cleanup", easy_cleanup),
    ROW("curl_easy_reset", easy_reset),
    ROW("curl_easy_setopt", easy_setopt),
    ROW("curl_easy_getinfo", easy_getinfo),
    ROW("curl_easy_strerror", easy_strerror),
    ROW("curl_slist_append", slist_append),
    ROW("curl_slist_free_all", slist_free_all),
    ROW("curl_multi_init", multi_init),
    ROW("curl_multi_cleanup", multi_cleanup),
    ROW("curl_multi_add_handle", multi_add_handle),
    ROW("curl_multi_remove_handle", multi_remove_handle),
    ROW("curl_multi_perform", multi_perform),
    ROW("curl_multi_poll", multi_poll),
    ROW("curl_multi_info_read", multi_info_read),
    ROW("curl_multi_setopt", multi_setopt),
    ROW("inflateInit2_", inflate_init),
    ROW("inflate", inflate),
    ROW("inflateReset", inflate_reset),
    ROW("inflateEnd", inflate_end),
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
