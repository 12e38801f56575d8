// hello_evhttp PORT: libevent's own HTTP server with nothing behind it, the yardstick of http_bench.py. Every request is answered with the same
// few bytes. Prints "ready" when it listens; ends with SIGTERM.
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void hello(struct evhttp_request *request, void *arg) {
    static const char text[] = "{\"hello\":\"world\"}\n";
    struct evbuffer *out = arg;
    (void)evbuffer_add(out, text, sizeof text - 1);
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                            "application/json");
    evhttp_send_reply(request, 200, "OK", out);
}

int main(int argc, char **argv) {
    long port = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    struct event_base *base = event_base_new();
    struct evbuffer *out = evbuffer_new();
    struct evhttp *http = base == NULL ? NULL : evhttp_new(base);
    if (port < 1 || port > UINT16_MAX || out == NULL || http == NULL) {
        (void)fprintf(stderr, "usage: hello_evhttp PORT\n");
        return 2;
    }
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
    evhttp_set_gencb(http, hello, out);
    if (evhttp_bind_socket(http, "127.0.0.1", (uint16_t)port) != 0) {
        perror("hello_evhttp");
        return 1;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    (void)event_base_dispatch(base);
    evhttp_free(http);
    evbuffer_free(out);
    event_base_free(base);
    return 0;
}
