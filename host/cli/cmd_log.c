/* The end of a job's log, as it is; with --json as {"log": "..."}. */
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/remote.h"

static void print_text(const struct cli *cli, const struct buf *text) {
    struct buf out = {0};
    if (cli->json) {
        buf_char(&out, '{');
        json_key(&out, "log");
        json_strn(&out, text->data == NULL ? "" : text->data, text->len);
        buf_str(&out, "}\n");
        (void)fwrite(out.data, 1, out.len, stdout);
    } else if (cli->out_tty) {
        out_text("%s", text->data == NULL ? "" : text->data);
    } else {
        (void)fwrite(text->data, 1, text->len, stdout);
    }
    buf_free(&out);
}

int cmd_log(struct cli *cli) {
    struct buf path = {0}, text = {0};
    buf_str(&path, "/v1/jobs");
    remote_segment(&path, cli->args[0]);
    buf_str(&path, "/log");
    int r = remote_ask(cli, &(struct client_request){.method = "GET", .path = path.data}, &text);
    if (r == CLI_OK) {
        print_text(cli, &text);
    }
    buf_free(&path);
    buf_free(&text);
    return r;
}
