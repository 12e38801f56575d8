#include "cli/job_outputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/download.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "core/job.h"

void job_outputs_path(struct buf *path, const char *id, const char *name) {
    buf_str(path, "/v1/jobs");
    remote_segment(path, id);
    buf_str(path, "/outputs");
    remote_segment(path, name);
}

static const cJSON *outputs_of(const cJSON *job) {
    return cJSON_GetObjectItemCaseSensitive(job, "outputs");
}

int job_outputs_ask(const struct cli *cli, const char *id, cJSON **ret) {
    struct buf path = {0}, body = {0};
    buf_str(&path, "/v1/jobs");
    remote_segment(&path, id);
    int r = remote_ask(cli, &(struct client_request){.method = "GET", .path = path.data}, &body);
    *ret = r == CLI_OK ? cJSON_ParseWithLength(body.data, body.len) : NULL;
    if (r == CLI_OK && *ret == NULL) {
        r = cli_fail(cli, CLI_FAILED, "the host's answer is not JSON");
    }
    buf_free(&path);
    buf_free(&body);
    return r;
}

/* ---- the list ---- */

static int print_json(const struct cli *cli, const cJSON *outputs) {
    char *text = outputs == NULL ? strdup("[]") : cJSON_PrintUnformatted(outputs);
    if (text == NULL) {
        return cli_fail(cli, CLI_FAILED, "out of memory");
    }
    (void)printf("{\"items\":%s}\n", text);
    free(text);
    return CLI_OK;
}

static void print_table(const struct cli *cli, const cJSON *outputs) {
    static const char *const titles[] = {"NAME", ">SIZE", "TYPE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    const cJSON *o;
    char size[32];
    cJSON_ArrayForEach(o, outputs) {
        table_cell(&t, remote_text(o, "name"));
        table_cell(&t, out_size(remote_number(o, "size"), size));
        table_cell(&t, remote_text(o, "content_type"));
    }
    table_print(cli, &t);
}

int job_outputs_list(const struct cli *cli, const char *id) {
    cJSON *job;
    int r = job_outputs_ask(cli, id, &job);
    if (r == CLI_OK && cli->json) {
        r = print_json(cli, outputs_of(job));
    } else if (r == CLI_OK) {
        print_table(cli, outputs_of(job));
    }
    cJSON_Delete(job);
    return r;
}

/* ---- for people ---- */

void job_outputs_mention(const struct cli *cli, const char *id, const cJSON *job) {
    enum { NAMED = 5 };
    const cJSON *outputs = outputs_of(job);
    int count = cJSON_GetArraySize(outputs);
    struct buf names = {0};
    const cJSON *o;
    int shown = 0;
    if (count == 0 || cli->json) {
        return;
    }
    cJSON_ArrayForEach(o, outputs) {
        const char *name = remote_text(o, "name");
        if (shown++ == NAMED) {
            buf_str(&names, ", ...");
            break;
        }
        buf_printf(&names, "%s%s", shown == 1 ? "" : ", ", name == NULL ? "?" : name);
    }
    if (!names.failed) {
        out_clean(names.data, false);
        (void)fprintf(stderr, "jobhost: %d output file%s: %s (jobhost result %s --all -o DIR)\n",
                      count, count == 1 ? "" : "s", names.data, id);
    }
    buf_free(&names);
}

static void print_command(const struct cli *cli, const char *id, const char *name) {
    struct buf line = {0};
    command_result(cli, id, name, &line);
    out_line(cli, "", line.data);
    buf_free(&line);
}

void job_outputs_lines(const struct cli *cli, const char *id, const cJSON *job, bool commands) {
    enum { SHOWN = 20 };
    const cJSON *outputs = outputs_of(job);
    const cJSON *o;
    char size[32];
    int n = 0;
    cJSON_ArrayForEach(o, outputs) {
        const char *name = remote_text(o, "name");
        if (n++ == SHOWN) {
            out_linef(cli, "", "and %d more: jobhost result %s --list",
                      cJSON_GetArraySize(outputs) - SHOWN, id);
            break;
        }
        out_linef(cli, n == 1 ? "outputs" : "", "%s, %s, %s", name, remote_text(o, "content_type"),
                  out_size(remote_number(o, "size"), size));
        if (commands && name != NULL) {
            print_command(cli, id, name);
        }
    }
}

/* ---- all of them ---- */

struct fetch {
    const struct cli *cli;
    const char *id;
    const struct job_outputs_to *to;
    double total, before; /* bytes of all, and of those that are there */
    char label[32];       /* "2 of 5" */
    const char *name;     /* that comes now */
    struct bar bar;
    struct buf *saved; /* an array of what was written, with --json */
};

static void on_part(void *arg, uint64_t so_far) {
    struct fetch *f = arg;
    double done = f->before + (double)so_far;
    bar_draw(&f->bar, f->label, f->total > 0 ? done * 100 / f->total : 100, f->name);
}

static void path_in(const struct fetch *f, const char *name, struct buf *out) {
    size_t len = strlen(f->to->dir);
    buf_printf(out, "%s%s%s", f->to->dir, len > 0 && f->to->dir[len - 1] == '/' ? "" : "/", name);
}

/* Before anything is fetched: may all of them be written? */
static int check_all(const struct fetch *f, const cJSON *outputs) {
    const cJSON *o;
    cJSON_ArrayForEach(o, outputs) {
        const char *name = remote_text(o, "name");
        struct buf path = {0};
        struct stat st;
        if (name == NULL || job_check_file_name(name, NULL) < 0) {
            return cli_fail(f->cli, CLI_FAILED,
                            "the host names an output in a way that no file may have; nothing "
                            "was written");
        }
        path_in(f, name, &path);
        bool there = !path.failed && lstat(path.data, &st) == 0;
        bool failed = path.failed;
        int r = failed ? cli_fail(f->cli, CLI_FAILED, "out of memory") : CLI_OK;
        if (!failed && there && !f->to->force) {
            r = cli_fail(f->cli, CLI_FAILED,
                         "%s is there already; nothing was written (jobhost result %s --all -o %s "
                         "--force replaces it)",
                         path.data, f->id, f->to->dir);
        }
        buf_free(&path);
        if (r != CLI_OK) {
            return r;
        }
    }
    return CLI_OK;
}

static void note(struct fetch *f, const char *name, const char *path, double size) {
    if (!f->cli->json) {
        bar_clear(&f->bar);
        out_text("%s\n", path);
        return;
    }
    json_comma(f->saved);
    buf_char(f->saved, '{');
    json_kstr(f->saved, "name", name);
    json_kstr(f->saved, "path", path);
    json_kint(f->saved, "size", (int64_t)size);
    buf_char(f->saved, '}');
}

static int fetch_one(struct fetch *f, const cJSON *output) {
    const char *name = remote_text(output, "name");
    double size = remote_number(output, "size");
    struct buf path = {0}, file = {0};
    job_outputs_path(&path, f->id, name);
    path_in(f, name, &file);
    f->name = name;
    int r = CLI_OK;
    if (path.failed || file.failed) {
        r = cli_fail(f->cli, CLI_FAILED, "out of memory");
    } else {
        on_part(f, 0);
        r = download(f->cli, &(struct download){.path = path.data,
                                                .file = file.data,
                                                .keep = !f->to->force,
                                                .replace = true,
                                                .on_part = on_part,
                                                .arg = f});
    }
    f->before += size;
    if (r == CLI_OK) {
        note(f, name, file.data, size);
    }
    buf_free(&path);
    buf_free(&file);
    return r;
}

int job_outputs_check_folder(const struct cli *cli, const char *dir) {
    struct stat st;
    if (stat(dir, &st) == -1) {
        return errno == ENOENT ? CLI_OK : cli_fail(cli, CLI_USAGE, "%s: %s", dir, strerror(errno));
    }
    return S_ISDIR(st.st_mode) ? CLI_OK : cli_fail(cli, CLI_USAGE, "%s is not a folder", dir);
}

static int make_folder(const struct fetch *f) {
    const char *dir = f->to->dir;
    if (mkdir(dir, 0777) == -1 && errno != EEXIST) {
        return cli_fail(f->cli, CLI_USAGE, "%s: %s", dir, strerror(errno));
    }
    return job_outputs_check_folder(f->cli, dir);
}

static int fetch_each(struct fetch *f, const cJSON *outputs) {
    int count = cJSON_GetArraySize(outputs), n = 0, r = CLI_OK;
    const cJSON *o;
    cJSON_ArrayForEach(o, outputs) {
        f->total += remote_number(o, "size");
    }
    cJSON_ArrayForEach(o, outputs) {
        (void)snprintf(f->label, sizeof f->label, "%d of %d", ++n, count);
        r = fetch_one(f, o);
        if (r != CLI_OK) {
            break;
        }
    }
    bar_clear(&f->bar);
    return r;
}

int job_outputs_save(const struct cli *cli, const char *id, const cJSON *job,
                     const struct job_outputs_to *to, struct buf *saved) {
    struct fetch f = {
        .cli = cli, .id = id, .to = to, .saved = saved, .bar = {.on = cli->err_tty && !cli->json}};
    const cJSON *outputs = outputs_of(job);
    if (cJSON_GetArraySize(outputs) == 0) {
        const char *state = remote_text(job, "state");
        return cli_fail(cli, CLI_FAILED, "the job is %s and has no output files",
                        state == NULL ? "gone" : state);
    }
    buf_char(saved, '[');
    int r = check_all(&f, outputs);
    r = r == CLI_OK ? make_folder(&f) : r;
    r = r == CLI_OK ? fetch_each(&f, outputs) : r;
    buf_char(saved, ']');
    return r == CLI_OK && saved->failed ? cli_fail(cli, CLI_FAILED, "out of memory") : r;
}

int job_outputs_fetch(const struct cli *cli, const char *id, const struct job_outputs_to *to) {
    struct buf saved = {0};
    cJSON *job;
    int r = job_outputs_ask(cli, id, &job);
    r = r == CLI_OK ? job_outputs_save(cli, id, job, to, &saved) : r;
    if (r == CLI_OK && cli->json) {
        (void)printf("{\"items\":%s}\n", saved.data);
    }
    buf_free(&saved);
    cJSON_Delete(job);
    return r;
}
