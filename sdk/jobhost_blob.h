/* jobhost_blob.h — extension "jobhost.blob/1": input files that came with the job, and results too
 * large to build in memory. Thread words and ownership as in jobhost_plugin.h.
 *
 *     const struct jh_blob *blob = h->extension(h, JH_BLOB_1);      // NULL: this host has none
 */
#ifndef JOBHOST_BLOB_H
#define JOBHOST_BLOB_H

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#define JH_BLOB_1 "jobhost.blob/1"

struct jh_input {
    uint32_t size; /* set by the caller: sizeof(struct jh_input)  */
    uint32_t reserved;
    uint64_t length;  /* bytes                                       */
    const char *name; /* as the submitter named it; borrowed until run() returns */
    const char *content_type;
    uint8_t sha256[32];
};

struct jh_blob {
    uint32_t size;
    uint32_t reserved;

    /* [run] Describes input file `index` (0 .. job->input_count - 1). 0, or -EINVAL. */
    int (*input)(struct jh_call *, uint32_t index, struct jh_input *ret_input);

    /* [run] Opens it for reading, positioned at its start. The descriptor (>= 0, seekable,
     * read-only, close-on-exec) is the plugin's: close it. <0 is a negative errno: -ENOENT if the
     * content is gone, -ENOMEM, -EIO. */
    int (*open)(struct jh_call *, uint32_t index);

    /* [run] Takes everything in `fd` from its start to its end as the job's result, instead of what
     * result() collected. The content is copied before it returns; `fd` (a regular file or memfd)
     * stays the plugin's. 0, -EFBIG over the queue's max_result, or another negative errno. */
    int (*result_fd)(struct jh_call *, int fd, const char *content_type);

    /* [run] Content type of the result that result() collects; default application/json. 0 or
     * -EINVAL. */
    int (*result_type)(struct jh_call *, const char *content_type);
};

#ifdef __cplusplus
}
#endif
#endif
