/* Compressed answers: small ones at once, with their length; large ones and files in slices as the
 * peer takes them, chunked, so that neither memory nor the loop suffers. */
#include <event2/buffer.h>
#include <string.h>

#include "net/coding.h"
#include "net/gzip.h"
#include "net/server_private.h"

enum {
    GZIP_MIN = 1024,       // smaller ones do not get smaller by much
    GZIP_STREAMS_MAX = 64, // 256 KiB of zlib's memory each; beyond: not compressed
};

bool respond_gzip_wanted(struct exchange *ex, int status, const char *content_type, uint64_t size,
                         bool streamed) {
    struct request *req = &ex->req;
    if (size < GZIP_MIN || status == 206 || content_type == NULL || ex->has_coding ||
        ex->conn == NULL || !coding_suits(content_type)) {
        return false;
    }
    respond_header(req, "Vary", "Accept-Encoding");
    // a range is one of the content as it is
    if (!coding_wants_gzip(req) || request_header(req, "Range", NULL) > 0) {
        return false;
    }
    return !streamed || (ex->conn->parser.minor > 0 && ex->server->gzip_streams < GZIP_STREAMS_MAX);
}

bool respond_gzip_at_once(struct exchange *ex, struct bytes body, struct buf *ret) {
    struct gzip *g = gzip_new();
    if (g == NULL || gzip_add(g, body, true, ret) != 0 || ret->len >= body.len) {
        buf_clear(ret);
        gzip_free(&g);
        return false;
    }
    gzip_free(&g);
    respond_header(&ex->req, "Content-Encoding", "gzip");
    return true;
}

bool respond_gzip_begin(struct exchange *ex) {
    ex->gzip = gzip_new();
    if (ex->gzip == NULL) {
        return false;
    }
    ex->server->gzip_streams++;
    respond_header(&ex->req, "Content-Encoding", "gzip");
    return true;
}

int respond_gzip_part(struct exchange *ex, struct bytes part, bool last) {
    struct evbuffer *out = bufferevent_get_output(ex->conn->bev);
    struct buf *packed = &ex->server->scratch;
    buf_clear(packed);
    int r = gzip_add(ex->gzip, part, last, packed);
    if (r == 0 && packed->len > 0) {
        r = evbuffer_add_printf(out, "%zx\r\n", packed->len) == -1 ||
                    evbuffer_add(out, packed->data, packed->len) == -1 ||
                    evbuffer_add(out, "\r\n", 2) == -1
                ? -1
                : 0;
    }
    if (r == 0 && last) {
        r = evbuffer_add(out, "0\r\n\r\n", 5);
    }
    return r;
}

void respond_gzip_end(struct exchange *ex) {
    if (ex->gzip != NULL) {
        gzip_free(&ex->gzip);
        ex->server->gzip_streams--;
    }
}
