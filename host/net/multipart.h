/* A parser for multipart/form-data bodies (RFC 7578, RFC 2046): bytes in, in any pieces, events
 * out. It is a strict reading: what two readers could understand in two ways is refused, and after
 * a refusal nothing more is read. Pure: no I/O, no allocation; the state is one struct of fixed
 * size. docs/http.md lists what is refused.
 *
 *     ( PART DATA* PART_END )*          with MORE between any two, and ERROR instead of any
 *
 * DATA may be split wherever the input was split; joined, the pieces are the same for every split,
 * and so is the number of bytes consumed before an ERROR. */
#ifndef JOBHOST_NET_MULTIPART_H
#define JOBHOST_NET_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Limits; each is tested at N and N + 1. */
enum {
    MULTIPART_BOUNDARY_MAX = 70, /* bytes: RFC 2046 */
    MULTIPART_PARTS_MAX = 128,
    MULTIPART_HEADERS_MAX = 4096, /* bytes of one part's headers, with line ends */
    MULTIPART_LINE_MAX = 1024,    /* bytes of one header, without its line end */
    MULTIPART_NAME_MAX = 255,     /* bytes of a name or a file name, UTF-8 */
    MULTIPART_TYPE_MAX = 128,     /* bytes of a part's content type */
};

enum multipart_event {
    MULTIPART_MORE,     /* all input is used up */
    MULTIPART_PART,     /* a part begins: its facts are below */
    MULTIPART_DATA,     /* a piece of its content */
    MULTIPART_PART_END, /* its content is complete */
    MULTIPART_ERROR,    /* `error` says why; final */
};

enum multipart_error {
    MULTIPART_OK,
    MULTIPART_BAD_BEGIN,
    MULTIPART_BAD_BOUNDARY,
    MULTIPART_BAD_HEADER,
    MULTIPART_LONG_HEADER,
    MULTIPART_BAD_DISPOSITION,
    MULTIPART_BAD_NAME,
    MULTIPART_BAD_TYPE,
    MULTIPART_BAD_ENCODING,
    MULTIPART_MANY_PARTS,
    MULTIPART_BAD_END,
    MULTIPART_ERROR_COUNT
};

/* How an error is answered. Constants: nothing of the request is reflected. */
struct multipart_error_row {
    int status;
    const char *code, *message;
};
extern const struct multipart_error_row multipart_error_rows[MULTIPART_ERROR_COUNT];

struct multipart {
    /* facts of the part: valid from PART to PART_END */
    char name[MULTIPART_NAME_MAX + 1];
    char
        filename[MULTIPART_NAME_MAX + 1]; /* of filename* where there is one; what stands behind the
                                              last backslash; else as sent, nothing decoded */
    char type[MULTIPART_TYPE_MAX + 1];    /* "" = none was sent */
    bool has_filename;                    /* it may be "": a file field that was left empty */

    enum multipart_error error; /* after MULTIPART_ERROR */
    uint64_t consumed;

    /* private */
    char delimiter[4 + MULTIPART_BOUNDARY_MAX]; /* CR LF - - boundary */
    uint8_t delimiter_len, matched, state;
    bool fresh, has_disposition, has_extended, has_type;
    unsigned parts;
    size_t headers_len, line_len;
    char line[MULTIPART_LINE_MAX];
};

/* The boundary of a Content-Type "multipart/form-data; boundary=...", NUL-terminated. 0; -EINVAL: it
 * is another type, or there is not exactly one boundary that RFC 2046 allows. */
int multipart_boundary(struct bytes content_type, char ret[MULTIPART_BOUNDARY_MAX + 1]);

/* Ready for the first byte. `boundary` is copied. */
void multipart_init(struct multipart *p, const char *boundary);

/* The next event. Consumes from the front of *input; a piece is borrowed from it, or from the parser
 * until the next call. After ERROR the same answer is given for ever. */
enum multipart_event multipart_next(struct multipart *p, struct bytes *input,
                                    struct bytes *ret_piece);

/* Has the closing boundary been read? Ask it at the end of the body: without it, some is missing. */
bool multipart_is_complete(const struct multipart *p);

#endif
