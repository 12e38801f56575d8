#include <stdio.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/local_config.h"

static int print(struct cli *cli, struct buf *text) {
    int r = CLI_OK;
    if (text->failed || text->data == NULL) {
        r = cli_fail(cli, CLI_FAILED, "out of memory");
    } else {
        (void)fwrite(text->data, 1, text->len, stdout);
        if (text->len > 0 && text->data[text->len - 1] != '\n') {
            (void)fputc('\n', stdout);
        }
    }
    buf_free(text);
    return r;
}

int cmd_config_schema(struct cli *cli) {
    struct buf text = {0};
    config_schema_json(&text);
    return print(cli, &text);
}

int cmd_config_docs(struct cli *cli) {
    struct buf text = {0};
    config_docs_markdown(&text);
    return print(cli, &text);
}

int cmd_config_dump(struct cli *cli) {
    struct local_config local;
    struct buf text = {0};
    int r = local_config_load(cli, &local);
    if (r == CLI_OK) {
        config_dump(local.config, cli->json, &text);
        r = print(cli, &text);
    }
    local_config_finish(&local);
    return r;
}
