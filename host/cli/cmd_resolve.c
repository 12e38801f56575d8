/* resolve: an answer to a job that asks. On a terminal the question is shown when no answer is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "core/waits.h"

static void say(const char *head, const char *text) {
    char clean[WAITS_QUESTION_MAX + 1];
    (void)snprintf(clean, sizeof clean, "%s", text == NULL ? "" : text);
    out_clean(clean, false);
    (void)fprintf(stderr, "%s%s\n", head, clean);
}

// Answered by a number, or in words.
static const char *chosen(const cJSON *choices, char *line) {
    char *end = line;
    line[strcspn(line, "\r\n")] = '\0';
    unsigned long number = strtoul(line, &end, 10);
    if (end == line || *end != '\0' || number == 0 || number > WAITS_CHOICES_MAX) {
        return line;
    }
    const cJSON *choice = cJSON_GetArrayItem(choices, (int)number - 1);
    return cJSON_IsString(choice) ? choice->valuestring : line;
}

static int ask(const struct cli *cli, const cJSON *job, char line[WAITS_ANSWER_MAX + 2],
               const char **ret) {
    const cJSON *parked = cJSON_GetObjectItemCaseSensitive(job, "parked"), *choice;
    const char *question = remote_text(parked, "question");
    const cJSON *choices = cJSON_GetObjectItemCaseSensitive(parked, "choices");
    int number = 0;
    if (question == NULL) {
        return cli_fail(cli, CLI_FAILED, "the job asks nothing: it is %s",
                        remote_text(job, "state"));
    }
    say("", question);
    cJSON_ArrayForEach(choice, choices) {
        char head[16];
        (void)snprintf(head, sizeof head, "  %d  ", ++number);
        say(head, choice->valuestring);
    }
    if (number > 0) {
        (void)fprintf(stderr, "answer [1-%d]: ", number);
    } else {
        (void)fprintf(stderr, "answer: ");
    }
    (void)fflush(stderr);
    if (fgets(line, WAITS_ANSWER_MAX + 2, stdin) == NULL) {
        return cli_fail(cli, CLI_FAILED, "nothing was answered");
    }
    *ret = chosen(choices, line);
    return CLI_OK;
}

static int give(struct cli *cli, const char *path, const char *answer) {
    struct buf body = {0};
    cJSON *given = NULL;
    buf_char(&body, '{');
    json_kstr(&body, "answer", answer);
    json_kstr(&body, "by", cli_value(cli, "by"));
    json_kstr(&body, "why", cli_value(cli, "why"));
    buf_char(&body, '}');
    int r = body.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : remote_json(cli, "POST", path, body.data, &given);
    if (r == CLI_OK && !cli->json) {
        (void)printf("%s  %s\n", remote_text(given, "id"), remote_text(given, "state"));
    }
    cJSON_Delete(given);
    buf_free(&body);
    return r;
}

// Shows the question without printing the job, whatever --json says.
static int read_answer(struct cli *cli, const char *path, char line[WAITS_ANSWER_MAX + 2],
                       const char **ret) {
    struct buf text = {0};
    int r = remote_ask(cli, &(struct client_request){.method = "GET", .path = path}, &text);
    cJSON *job = r == CLI_OK ? cJSON_ParseWithLength(text.data, text.len) : NULL;
    const char *answer = NULL;
    r = r == CLI_OK ? ask(cli, job, line, &answer) : r;
    if (r == CLI_OK && answer != line) { // it is a part of the job
        (void)snprintf(line, WAITS_ANSWER_MAX + 2, "%s", answer);
    }
    *ret = line;
    cJSON_Delete(job);
    buf_free(&text);
    return r;
}

int cmd_resolve(struct cli *cli) {
    struct buf job = {0}, path = {0};
    char line[WAITS_ANSWER_MAX + 2];
    const char *answer = cli_value(cli, "answer");
    int r = CLI_OK;
    buf_str(&job, "/v1/jobs");
    remote_segment(&job, cli->args[0]);
    buf_str(&path, job.failed ? "" : job.data);
    buf_str(&path, "/resolve");
    if (job.failed || path.failed) {
        r = cli_fail(cli, CLI_FAILED, "out of memory");
    } else if (answer == NULL && (!cli->err_tty || isatty(STDIN_FILENO) != 1)) {
        r = cli_usage(cli, "resolve: give the answer with --answer");
    } else if (answer == NULL) {
        r = read_answer(cli, job.data, line, &answer);
    }
    r = r == CLI_OK ? give(cli, path.data, answer) : r;
    buf_free(&job);
    buf_free(&path);
    return r;
}
