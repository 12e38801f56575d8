/* Talking to the running host: asking, and saying why it did not work. */
#ifndef JOBHOST_CLI_REMOTE_H
#define JOBHOST_CLI_REMOTE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/client.h"

enum {
    REMOTE_ANSWER_MAX = 256 << 20,
    REMOTE_LONG_S = 15 * 60, /* silence of what answers only when all of it is done */
};

/* One request; a 2xx answer's body goes to request->on_body. CLI_OK for a 2xx; else CLI_FAILED,
 * CLI_USAGE or CLI_UNREACHABLE, and it has been said why. */
int remote_run(const struct cli *cli, const struct client_request *request);
/* The three parts of it, for those who ask more than once: finding the host (CLI_OK, or said);
 * asking without a word (as client_run()); saying what became of it (CLI_OK, or said). */
int remote_begin(const struct cli *cli);
int remote_try(const struct cli *cli, const struct client_request *request,
               struct client_answer *ret, struct err *e);
int remote_say(const struct cli *cli, int error, const struct client_answer *answer,
               const struct err *e);

/* As remote_run, with the whole answer in *ret_body. */
int remote_ask(const struct cli *cli, const struct client_request *request, struct buf *ret_body);
/* The same, parsed. cJSON_Delete() by the caller; NULL unless CLI_OK. With --json the text has been
 * printed as well. */
int remote_json(const struct cli *cli, const char *method, const char *path, const char *body,
                cJSON **ret);
/* Says what a refused answer's body says. CLI_FAILED; CLI_USAGE when it is about an option,
 * CLI_UNREACHABLE when this is no host. */
int remote_refused(const struct cli *cli, int status, struct bytes body);

/* Appends "?name=value" or "&name=value", escaped. */
void remote_query(struct buf *path, const char *name, const char *value);
/* Appends one path segment, escaped. */
void remote_segment(struct buf *path, const char *text);

/* The member of this name: its text, NULL if it is no string; its number, 0 if it is none; is it
 * true? */
const char *remote_text(const cJSON *object, const char *name);
double remote_number(const cJSON *object, const char *name);
bool remote_true(const cJSON *object, const char *name);

#endif
