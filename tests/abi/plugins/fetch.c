// Gets the URL in its payload with libcurl, by its threaded resolver and with verified TLS; the
// authority is the file in its option `ca`. The HTTP status is the result, or libcurl's words.
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "jobhost_plugin.h"

static size_t drop(char *data, size_t size, size_t count, void *arg) {
    (void)data;
    (void)arg;
    return size * count;
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    char url[512], answer[CURL_ERROR_SIZE + 16] = "";
    long status = 0;
    const char *text = job->payload.data;
    (void)self;
    (void)snprintf(url, sizeof url, "%.*s", (int)job->payload.len - 2, text + 1); // a JSON string
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return JH_FAIL;
    }
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, answer);
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, c->host->config(c, "ca"));
    CURLcode r = curl_easy_perform(curl);
    if (r == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        (void)snprintf(answer, sizeof answer, "%ld", status);
    } else if (answer[0] == '\0') {
        (void)snprintf(answer, sizeof answer, "%s", curl_easy_strerror(r));
    }
    curl_easy_cleanup(curl);
    (void)c->host->result(c, (struct jh_bytes){answer, strlen(answer)});
    return JH_OK;
}

static const struct jh_option options[] = {{.name = "ca", .type = JH_OPT_STRING}, {.name = NULL}};
static const struct jh_handler handlers[] = {{.name = "fetch.run", .run = run}};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,     .name = "fetch",      .version = "1.0.0",
    .options = options, .handlers = handlers, .handler_count = 1,
};
