/* libcurl, loaded when a plugin first asks for jobhost.http/1: a worker that has no use for it starts without it and the
 * libraries that it brings along (docs/dependencies.md has the cost). Its types and constants are those of its headers. */
#ifndef JOBHOST_WORKER_CURL_API_H
#define JOBHOST_WORKER_CURL_API_H

#define CURL_DISABLE_TYPECHECK // the functions are called by pointer
#include <curl/curl.h>
#include <zlib.h>

struct curl_api {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_getinfo) *easy_getinfo;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
    __typeof__(curl_multi_init) *multi_init;
    __typeof__(curl_multi_cleanup) *multi_cleanup;
    __typeof__(curl_multi_add_handle) *multi_add_handle;
    __typeof__(curl_multi_remove_handle) *multi_remove_handle;
    __typeof__(curl_multi_perform) *multi_perform;
    __typeof__(curl_multi_poll) *multi_poll;
    __typeof__(curl_multi_info_read) *multi_info_read;
    __typeof__(curl_multi_setopt) *multi_setopt;
    /* of the zlib that it brings along */
    __typeof__(inflateInit2_) *inflate_init;
    __typeof__(inflate) *inflate;
    __typeof__(inflateReset) *inflate_reset;
    __typeof__(inflateEnd) *inflate_end;
};

/* Any thread. NULL: this machine has none, or one that is too old. */
const struct curl_api *curl_api(void);

#endif
