#define _GNU_SOURCE // explicit_bzero
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
    CURL *curl;
    char *base; /* what stands before the path: "http://localhost" for a socket */
    char *name; /* for people */
    char *socket_path, *ca_file, *authorization;
    char words[CURL_ERROR_SIZE];
};

/* One request under way. */
struct run {
    struct client *client;
    const struct client_request *request;
    struct client_answer *answer;
    uint64_t sent;  /* of body_fd */
    int body_error; /* what on_body or reading body_fd returned */
    struct err *err;
};

/* ---- the place ---- */

static bool is_printable(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bool has_part(CURLU *url, CURLUPart part) {
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

static int check_url(const char *text, struct err *e) {
    CURLU *url = curl_url();
    char *scheme = NULL;
    int r = 0;
    if (url == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    if (!is_printable(text) || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        r = err_set(e, -EINVAL, "the host's URL has the form http://HOST:PORT, https://HOST:PORT");
    } else if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD)) {
        r = err_set(e, -EINVAL,
                    "a URL with a password in it is shown to every user of this machine; "
                    "give the token by JOBHOST_TOKEN or --token-file");
    } else if (has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT)) {
        r = err_set(e, -EINVAL, "the host's URL ends before its \"?\" or \"#\"");
    }
    curl_free(scheme);
    curl_url_cleanup(url);
    return r;
}

int client_check_place(const struct client_place *place, struct err *e) {
    size_t path_max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    if (place->socket_path != NULL && strlen(place->socket_path) > path_max) {
        return err_set(e, -ENAMETOOLONG, "%.160s...: the socket's path is too long (%zu bytes)",
                       place->socket_path, path_max);
    }
    if (place->token != NULL && (place->token[0] == '\0' || !is_printable(place->token) ||
                                 strlen(place->token) > CLIENT_TOKEN_MAX)) {
        return err_set(e, -EINVAL, "the token is empty, too long, or has blanks or control bytes");
    }
    return place->socket_path != NULL ? 0 : check_url(place->url, e);
}

static bool copy(char **to, const char *text) {
    *to = text == NULL ? NULL : strdup(text);
    return text == NULL || *to != NULL;
}

static char *authorization(const char *token) {
    struct buf line = {0};
    if (token == NULL) {
        return NULL;
    }
    buf_printf(&line, "Authorization: Bearer %s", token);
    return line.data;
}

struct client *client_new(const struct client_place *place) {
    bool local = place->socket_path != NULL;
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(c);
        return NULL;
    }
    c->curl = curl_easy_init();
    c->authorization = authorization(place->token);
    bool ok = copy(&c->base, local ? "http://localhost" : place->url) &&
              copy(&c->name, local ? place->socket_path : place->url) &&
              copy(&c->socket_path, place->socket_path) && copy(&c->ca_file, place->ca_file) &&
              (place->token == NULL || c->authorization != NULL);
    if (c->curl == NULL || c->base == NULL || !ok) {
        client_free(&c);
        return NULL;
    }
    for (size_t len = strlen(c->base); len > 0 && c->base[len - 1] == '/'; len--) {
        c->base[len - 1] = '\0';
    }
    return c;
}

void client_free(struct client **c) {
    struct client *it = *c;
    if (it == NULL) {
        return;
    }
    curl_easy_cleanup(it->curl);
    curl_global_cleanup();
    if (it->authorization != NULL) {
        explicit_bzero(it->authorization, strlen(it->authorization));
    }
    free(it->authorization);
    free(it->base);
    free(it->name);
    free(it->socket_path);
    free(it->ca_file);
    free(it);
    *c = NULL;
}

/* ---- libcurl's questions while a request is under way ---- */

static size_t on_answer(char *data, size_t one, size_t len, void *arg) {
    (void)one;
    struct run *run = arg;
    long status = 0;
    (void)curl_easy_getinfo(run->client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) {
        struct buf *refusal = &run->answer->refusal;
        size_t room = CLIENT_REFUSAL_MAX - refusal->len;
        buf_add(refusal, data, len < room ? len : room);
        return len;
    }
    if (run->request->on_body != NULL) {
        run->body_error =
            run->request->on_body(run->request->body_arg, (struct bytes){data, len}, run->err);
    }
    return run->body_error < 0 ? CURL_WRITEFUNC_ERROR : len;
}

static size_t on_read(char *out, size_t one, size_t cap, void *arg) {
    struct run *run = arg;
    uint64_t left = run->request->body_fd_size - run->sent;
    size_t want = left < one * cap ? (size_t)left : one * cap;
    if (want == 0) {
        return 0;
    }
    ssize_t n = pread(run->request->body_fd, out, want, (off_t)run->sent);
    if (n <= 0) {
        run->body_error = n == 0 ? err_set(run->err, -ENODATA, "the file became shorter meanwhile")
                                 : err_errno(run->err, -errno, "reading the file");
        return CURL_READFUNC_ABORT;
    }
    run->sent += (uint64_t)n;
    return (size_t)n;
}

static int on_seek(void *arg, curl_off_t to, int origin) {
    struct run *run = arg;
    if (origin != SEEK_SET || to < 0) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    run->sent = (uint64_t)to;
    return CURL_SEEKFUNC_OK;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t total,
                       curl_off_t sent) {
    (void)down_total;
    (void)down;
    const struct run *run = arg;
    if (total > 0) {
        run->request->on_sent(run->request->sent_arg, (uint64_t)sent, (uint64_t)total);
    }
    return 0;
}

/* ---- setting it up ---- */

static void set_place(struct client *c) {
    (void)curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "jobhost-cli");
    (void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->words);
    (void)curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket_path);
    (void)curl_easy_setopt(c->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (c->ca_file != NULL) { // this one alone
        (void)curl_easy_setopt(c->curl, CURLOPT_CAINFO, c->ca_file);
        (void)curl_easy_setopt(c->curl, CURLOPT_CAPATH, NULL);
    }
}

static void set_limits(CURL *curl, const struct client_request *q) {
    long connect_ms = q->connect_ms == 0 ? CLIENT_CONNECT_MS : (long)q->connect_ms;
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                           q->silence_s == 0 ? (long)CLIENT_SILENCE_S : (long)q->silence_s);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)q->total_ms);
}

static void set_body(CURL *curl, struct run *run) {
    const struct client_request *q = run->request;
    if (q->content_type != NULL && q->body_fd > 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_fd_size);
        (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        (void)curl_easy_setopt(curl, CURLOPT_READDATA, run);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, run);
    } else if (q->content_type != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body.len == 0 ? "" : q->body.data);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, run);
    if (q->on_sent != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, run);
    }
}

static bool add_header(struct curl_slist **list, const char *name, const char *value) {
    struct buf line = {0};
    if (value == NULL) {
        return true;
    }
    buf_printf(&line, "%s%s%s", name, name[0] == '\0' ? "" : ": ", value);
    struct curl_slist *longer = line.failed ? NULL : curl_slist_append(*list, line.data);
    buf_free(&line);
    *list = longer == NULL ? *list : longer;
    return longer != NULL;
}

/* ---- what went wrong ---- */

static const struct {
    CURLcode code;
    int error;
    const char *words;
    bool detail; /* libcurl's words stand before ours */
} problems[] = {
    {CURLE_COULDNT_RESOLVE_HOST, -ECONNREFUSED, "no address is known for this name", false},
    {CURLE_PEER_FAILED_VERIFICATION, -EPROTO,
     " (the certificate is not trusted: name what signed it with --ca FILE)", true},
    {CURLE_SSL_CONNECT_ERROR, -EPROTO, " (does the host serve https there?)", true},
    {CURLE_SSL_CACERT_BADFILE, -ENOKEY, "the CA file cannot be read, or has no certificate in it",
     false},
    {CURLE_PARTIAL_FILE, -EBADMSG, "the answer was cut short", false},
    {CURLE_RECV_ERROR, -EBADMSG, "the connection broke off", false},
    {CURLE_SEND_ERROR, -EBADMSG, "the connection broke off while sending", false},
    {CURLE_GOT_NOTHING, -EBADMSG,
     "the host closed the connection without an answer (does it serve https there?)", false},
    {CURLE_UNSUPPORTED_PROTOCOL, -EPROTO, "what listens there does not speak HTTP", false},
    {CURLE_WEIRD_SERVER_REPLY, -EPROTO, "what listens there does not speak HTTP", false},
    {CURLE_OUT_OF_MEMORY, -ENOMEM, "out of memory", false},
};

static int say_timeout(const struct client *c, struct err *e) {
    curl_off_t connected = 0;
    (void)curl_easy_getinfo(c->curl, CURLINFO_PRETRANSFER_TIME_T, &connected);
    return err_set(e, -ETIMEDOUT, "%s: %s", c->name,
                   connected == 0 ? "no connection came about in time (is the address right, does "
                                    "a firewall drop it?)"
                                  : "nothing came for too long");
}

static int say_refused(const struct client *c, struct err *e) {
    long error = 0;
    (void)curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &error);
    (void)err_errno(e, error == 0 ? -ECONNREFUSED : -(int)error, "%s", c->name);
    return -ECONNREFUSED;
}

static int say_problem(const struct run *run, CURLcode code) {
    struct client *c = run->client;
    if (run->body_error < 0) {
        run->answer->stopped = true;
        return run->body_error;
    }
    if (code == CURLE_COULDNT_CONNECT) {
        return say_refused(c, run->err);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return say_timeout(c, run->err);
    }
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        if (problems[i].code == code) {
            return err_set(run->err, problems[i].error, "%s: %s%s", c->name,
                           problems[i].detail ? c->words : "", problems[i].words);
        }
    }
    return err_set(run->err, -EIO, "%s: %s", c->name,
                   c->words[0] != '\0' ? c->words : curl_easy_strerror(code));
}

int client_run(struct client *c, const struct client_request *request, struct client_answer *ret,
               struct err *e) {
    struct buf url = {0};
    struct curl_slist *headers = NULL;
    struct run run = {.client = c, .request = request, .answer = ret, .err = e};
    *ret = (struct client_answer){0};
    buf_printf(&url, "%s%s", c->base, request->path);
    bool ok = !url.failed && add_header(&headers, "Accept", request->accept) &&
              add_header(&headers, "Content-Type", request->content_type) &&
              add_header(&headers, "Last-Event-ID", request->last_event_id) &&
              add_header(&headers, "", c->authorization);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    c->words[0] = '\0';
    if (ok) {
        curl_easy_reset(c->curl); // the connection stays
        set_place(c);
        set_limits(c->curl, request);
        set_body(c->curl, &run);
        (void)curl_easy_setopt(c->curl, CURLOPT_URL, url.data);
        (void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
        code = curl_easy_perform(c->curl);
    }
    long status = 0;
    (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    ret->status = (int)status;
    curl_slist_free_all(headers);
    buf_free(&url);
    return code == CURLE_OK ? 0 : say_problem(&run, code);
}

void client_answer_finish(struct client_answer *a) {
    buf_free(&a->refusal);
}
