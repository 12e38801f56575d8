/* The builds that are kept for jobs whose steps only they resume (pins.h), in a file beside the snapshots:
 * state_dir/run/pins.json. Written whole by rename; what does not read is as if it was not there, for its jobs then park. */
#ifndef JOBHOST_SUPERVISOR_PIN_FILE_H
#define JOBHOST_SUPERVISOR_PIN_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/job.h"

enum { PINS_MAX = 16, PIN_TYPES_MAX = 64, PIN_FILE_MAX = 1 << 20 };

struct pin_type {
    char type[JOB_TYPE_MAX + 1];
    uint32_t oldest, version; /* of the steps that it resumes */
};

struct pin {
    char plugin[65];
    char sha256[65];
    int64_t since_ms; /* wall */
    struct pin_type types[PIN_TYPES_MAX];
    size_t type_count;
};

void pin_file_print(const struct pin *pins, size_t count, struct buf *out);
/* Into ret[PINS_MAX]; how many. Entries that are not as they are printed are left out. */
size_t pin_file_parse(struct bytes text, struct pin *ret);

/* Blocking. 0 or a negative errno with words; a file that is not there is empty. */
int pin_file_read(const char *state_dir, struct pin *ret, size_t *ret_count, struct err *e);
int pin_file_write(const char *state_dir, struct bytes text, struct err *e);

#endif
