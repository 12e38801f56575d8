/* One kept HTTP/1.1 connection of a benchmark to a host's socket; errors end the program with words. */
#ifndef JOBHOST_BENCH_HTTP_LINE_H
#define JOBHOST_BENCH_HTTP_LINE_H

struct http_line;

/* Of a unix socket. */
struct http_line *http_line_open(const char *path);
void http_line_close(struct http_line *h);

/* Its status and, in *ret_body, the body of its answer: until the next call. body NULL = none. */
int http_line_call(struct http_line *h, const char *method, const char *target, const char *body,
                   const char **ret_body);
void http_line_expect(struct http_line *h, int want, const char *method, const char *target,
                      const char *body);

/* GET of a stream of chunks, of a megabyte at most, read to its end. */
void http_line_drain(struct http_line *h, const char *target);

#endif
