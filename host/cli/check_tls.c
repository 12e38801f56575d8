#include "cli/check_tls.h"

#include <time.h>

#include "net/tls.h"

void check_tls(const struct config_host *host, check_tls_fn *say, void *arg) {
    int64_t wall_ms = (int64_t)time(NULL) * 1000;
    for (size_t i = 0; i < host->listen_count; i++) {
        const struct config_listen *l = &host->listen[i];
        struct err e = {.code = 0};
        if (l->tls_cert == NULL) {
            continue;
        }
        struct tls *tls =
            tls_new(&(struct tls_files){l->tls_cert, l->tls_key, l->tls_client_ca}, &e);
        bool good = tls != NULL && tls_check_time(tls, wall_ms, &e) == 0;
        say(arg, l, i, tls != NULL, good ? NULL : e.msg);
        tls_free(&tls);
    }
}
