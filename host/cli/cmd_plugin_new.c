#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "template_files.h"

enum { NAME_MAX_LEN = 32 };

/* A C identifier in small letters: the name becomes a file, a folder, a prefix of handlers and of C
 * functions. */
static bool name_valid(const char *name) {
    size_t len = strlen(name);
    return len >= 1 && len <= NAME_MAX_LEN && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

/* The template is the hello plugin: everything that is called so gets the new name. */
static void fill_in(const char *text, const char *name, struct buf *out) {
    static const char mark[] = "hello";
    for (;;) {
        const char *at = strstr(text, mark);
        buf_add(out, text, at == NULL ? strlen(text) : (size_t)(at - text));
        if (at == NULL) {
            return;
        }
        buf_str(out, name);
        text = at + sizeof mark - 1;
    }
}

/* The folders on the way to a file inside of the plugin's own. */
static int make_parents(char *path, size_t from) {
    for (char *slash = strchr(path + from, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = mkdir(path, 0777) == -1 && errno != EEXIST ? -errno : 0;
        *slash = '/';
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int write_file(const char *path, const struct buf *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd == -1) {
        return -errno;
    }
    ssize_t n = write(fd, text->data == NULL ? "" : text->data, text->len);
    int r = n == -1 ? -errno : (size_t)n == text->len ? 0 : -ENOSPC;
    return close(fd) == -1 && r == 0 ? -errno : r;
}

static int make_one(struct cli *cli, const char *dir, const char *name,
                    const struct template_file *file) {
    struct buf path = {0}, text = {0};
    buf_printf(&path, "%s/", dir);
    fill_in(file->path, name, &path);
    fill_in(file->text, name, &text);
    int r = path.failed || text.failed ? -ENOMEM : make_parents(path.data, strlen(dir) + 1);
    if (r == 0) {
        r = write_file(path.data, &text);
    }
    if (r != 0) {
        r = cli_fail(cli, CLI_FAILED, "%s: %s", path.data == NULL ? dir : path.data, strerror(-r));
    } else if (!cli->json) {
        (void)printf("%s\n", path.data);
    }
    buf_free(&path);
    buf_free(&text);
    return r;
}

int cmd_plugin_new(struct cli *cli) {
    const char *name = cli->args[0];
    const char *dir = cli_value(cli, "dir") == NULL ? name : cli_value(cli, "dir");
    if (!name_valid(name)) {
        return cli_usage(
            cli, "%s: a plugin's name has 1 to %d of a-z, 0-9 and _, and begins with a letter",
            name, NAME_MAX_LEN);
    }
    if (mkdir(dir, 0777) == -1) {
        return cli_fail(cli, CLI_FAILED, "%s: %s", dir,
                        errno == EEXIST ? "it exists already and is left as it is"
                                        : strerror(errno));
    }
    size_t count = 0;
    for (const struct template_file *f = template_files; f->path != NULL; f++, count++) {
        int r = make_one(cli, dir, name, f);
        if (r != CLI_OK) {
            return r;
        }
    }
    if (cli->json) {
        (void)printf("{\"files\":%zu}\n", count);
    }
    return CLI_OK;
}
