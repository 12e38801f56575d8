/* jobhost_blob.h — extension "jobhost.blob/1": input files that came with the job, output files
 * that it leaves, and results too large to build in memory. Thread words and ownership as in
 * jobhost_plugin.h.
 *
 *     const struct jh_blob *blob = h->extension(h, JH_BLOB_1);      // NULL: this host has none
 *     if (JH_HAS(blob, jh_blob, output_fd)) { ... }                 // hosts grew it later
 *
 * A job has one result, which programs read, and up to 1000 output files, which people fetch by
 * their names. An output belongs to a commit, as a step or a child does: it becomes the job's with
 * the next step_put(), with yield() or with JH_OK, and not at all when the attempt fails, crashes
 * or is fenced off before. JH_FAIL with JH_FAILURE_KEEP_RESULT keeps what was put since the last
 * commit, beside the result; without the flag it is forgotten. What an earlier commit made the
 * job's stays: a later attempt replaces it by putting the same name again. */
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
    /* What the submitter's file was called, or NULL. As the name of an output: never a path. Several
     * inputs may have one name (a form's field that takes files); this tells them apart. A host
     * that knows it not fills less: JH_HAS(&input, jh_input, filename). */
    const char *filename;
};

struct jh_blob {
    uint32_t size;
    uint32_t reserved;

    /* [run] Describes input file `index` (0 .. job->input_count - 1): fills as much as
     * ret_input->size has room for, and sets it to what was filled. 0, or -EINVAL. */
    int (*input)(struct jh_call *, uint32_t index, struct jh_input *ret_input);

    /* [run] Opens it for reading, positioned at its start. The descriptor (>= 0, seekable,
     * read-only, close-on-exec) is the plugin's: close it. <0 is a negative errno: -ENOENT if the
     * content is gone, -ENOMEM, -EIO. */
    int (*open)(struct jh_call *, uint32_t index);

    /* [run] Takes everything in `fd` from its start to its end as the job's result, instead of what
     * result() collected. The content is copied before it returns; `fd` (a regular file or memfd)
     * stays the plugin's. 0, -EFBIG over 1 GiB, or another negative errno. A job whose result is
     * over the queue's max_result ends dead with the code result_too_large. */
    int (*result_fd)(struct jh_call *, int fd, const char *content_type);

    /* [run] Content type of the result that result() collects; default application/json. 0 or
     * -EINVAL. */
    int (*result_type)(struct jh_call *, const char *content_type);

    /* [run] Takes everything in `fd` (a regular file or memfd, which stays the plugin's) from its
     * start to its end as the job's output file `name`: 1 to 255 bytes of UTF-8 without '/' and
     * control bytes, not "." or "..". content_type NULL = application/octet-stream. The content is
     * stored before it returns, and becomes the job's with the next commit; the same name again
     * replaces. 0; -EINVAL; -EFBIG over the queue's max_result; -ENOSPC when the job has 1000
     * outputs of other names, or the disk or a budget is full; or another negative errno. An output
     * that was refused changes nothing. */
    int (*output_fd)(struct jh_call *, const char *name, int fd, const char *content_type);
};

#ifdef __cplusplus
}
#endif
#endif
