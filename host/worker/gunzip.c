#include "worker/gunzip.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

// 31: the largest window, with gzip's head and tail.
enum { GUNZIP_WINDOW = 31, GUNZIP_PART = 16 * 1024 };

struct gunzip {
    const struct curl_api *api;
    z_stream z;
    bool whole;
};

struct gunzip *gunzip_new(const struct curl_api *api) {
    struct gunzip *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return NULL;
    }
    g->api = api;
    if (api->inflate_init(&g->z, GUNZIP_WINDOW, ZLIB_VERSION, (int)sizeof g->z) != Z_OK) {
        free(g);
        return NULL;
    }
    return g;
}

void gunzip_free(struct gunzip **at) {
    if (*at != NULL) {
        (void)(*at)->api->inflate_end(&(*at)->z);
        free(*at);
        *at = NULL;
    }
}

static int errno_of(int z) {
    return z == Z_MEM_ERROR                                     ? -ENOMEM
           : z == Z_OK || z == Z_STREAM_END || z == Z_BUF_ERROR ? 0
                                                                : -EBADMSG;
}

int gunzip_add(struct gunzip *g, struct bytes piece, int (*take)(void *arg, struct bytes part),
               void *arg) {
    unsigned char part[GUNZIP_PART];
    int rc;
    g->z.next_in = (unsigned char *)(uintptr_t)piece.data;
    g->z.avail_in = (unsigned)piece.len;
    do {
        if (g->whole && g->z.avail_in > 0) { // there may be one behind the other
            (void)g->api->inflate_reset(&g->z);
        }
        g->z.next_out = part;
        g->z.avail_out = sizeof part;
        int z = g->api->inflate(&g->z, Z_NO_FLUSH);
        g->whole = z == Z_STREAM_END;
        rc = errno_of(z);
        if (rc == 0) {
            rc = take(arg, (struct bytes){part, sizeof part - g->z.avail_out});
        }
    } while (rc == 0 && (g->z.avail_in > 0 || g->z.avail_out == 0));
    return rc;
}

bool gunzip_is_whole(const struct gunzip *g) {
    return g->whole;
}
