// Waiting for people and events.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos.h"
#include "jobhost_event.h"
#include "jobhost_operator.h"

enum { CHOICES_MAX = 64 };

static cJSON *text_of(struct jh_bytes bytes) {
    char text[8192];
    (void)snprintf(text, sizeof text, "%.*s", (int)bytes.len, (const char *)bytes.data);
    return cJSON_CreateString(text);
}

static void take_choices(const struct chaos *x, const char *ret[CHOICES_MAX + 1]) {
    const cJSON *choice;
    int count = 0;
    cJSON_ArrayForEach(choice, cJSON_GetObjectItemCaseSensitive(x->payload, "choices")) {
        if (count < CHOICES_MAX) {
            ret[count++] = choice->valuestring;
        }
    }
    ret[count] = NULL;
}

// key (q), question, choices [], timeout_ms; times (1) with keys q, q2, q3 ... The result: the answers, or numbers of errors.
jh_status chaos_ask(struct chaos *x) {
    const struct jh_operator *operators =
        (const struct jh_operator *)x->host->extension(x->host, JH_OPERATOR_1);
    const char *choices[CHOICES_MAX + 1];
    cJSON *answers = cJSON_CreateArray();
    take_choices(x, choices);
    for (int64_t i = 1; i <= chaos_int(x, "times", 1); i++) {
        struct jh_bytes answer;
        char key[512];
        (void)snprintf(key, sizeof key, i == 1 ? "%s" : "%s%d", chaos_text(x, "key", "q"), (int)i);
        const struct jh_question q = {.size = sizeof q,
                                      .key = key,
                                      .question = chaos_text(x, "question", "well?"),
                                      .choices = choices,
                                      .timeout_ms = chaos_int(x, "timeout_ms", 0)};
        int rc = operators->ask(x->call, &q, &answer);
        if (rc == 1) {
            cJSON_Delete(answers);
            return JH_YIELD;
        }
        (void)cJSON_AddItemToArray(answers, rc == 0 ? text_of(answer) : cJSON_CreateNumber(rc));
    }
    return chaos_result(x, answers) < 0 || chaos_sink(x, "end") < 0 ? JH_RETRY : JH_OK;
}

// Each run says it again; by its key it is an event once.
static int tell_own(const struct chaos *x, const struct jh_events *events) {
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(x->payload, "names"), *body;
    int rc = 0, n = 0;
    cJSON_ArrayForEach(body, cJSON_GetObjectItemCaseSensitive(x->payload, "tell")) {
        const struct jh_event event = {.size = sizeof event,
                                       .name = cJSON_GetArrayItem(names, n++)->valuestring,
                                       .payload = jh_bytes_of(body->valuestring),
                                       .content_type = "text/plain",
                                       .key = body->valuestring};
        rc = rc < 0 ? rc : events->publish(x->call, &event);
    }
    return rc;
}

// names ["e"] of events to wait for, one after the other; timeout_ms, since_ms; tell ["said"]: publishes these itself first,
// with each commit. The result: what they said, or numbers of errors. Counts `sink:<id>:end`.
jh_status chaos_await(struct chaos *x) {
    const struct jh_events *events =
        (const struct jh_events *)x->host->extension(x->host, JH_EVENT_1);
    cJSON *said = cJSON_CreateArray();
    const cJSON *name;
    if (tell_own(x, events) < 0) {
        cJSON_Delete(said);
        return JH_RETRY;
    }
    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(x->payload, "names")) {
        const struct jh_event_wait wait = {.size = sizeof wait,
                                           .name = name->valuestring,
                                           .timeout_ms = chaos_int(x, "timeout_ms", 0),
                                           .since_ms = chaos_int(x, "since_ms", 0)};
        struct jh_bytes body;
        int rc = events->wait(x->call, &wait, &body);
        if (rc == 1) {
            cJSON_Delete(said);
            return JH_YIELD;
        }
        (void)cJSON_AddItemToArray(said, rc == 0 ? text_of(body) : cJSON_CreateNumber(rc));
    }
    return chaos_result(x, said) < 0 || chaos_sink(x, "end") < 0 ? JH_RETRY : JH_OK;
}

// name, body, key, for_all; times (1) with bodies BODY, BODY2 ...; fail: it fails then, so nothing was said.
jh_status chaos_tell(struct chaos *x) {
    const struct jh_events *events =
        (const struct jh_events *)x->host->extension(x->host, JH_EVENT_1);
    for (int64_t i = 1; i <= chaos_int(x, "times", 1); i++) {
        char body[256];
        (void)snprintf(body, sizeof body, i == 1 ? "%s" : "%s%d", chaos_text(x, "body", ""),
                       (int)i);
        const struct jh_event event = {.size = sizeof event,
                                       .flags = chaos_flag(x, "for_all") ? JH_EVENT_FOR_ALL : 0,
                                       .name = chaos_text(x, "name", "e"),
                                       .payload = jh_bytes_of(body),
                                       .content_type = "text/plain",
                                       .key = chaos_text(x, "key", NULL)};
        int rc = events->publish(x->call, &event);
        if (rc < 0) {
            return jh_failf(x->call, JH_E_PERMANENT, "refused", "%d", rc);
        }
    }
    return chaos_flag(x, "fail") ? JH_FAIL : JH_OK;
}

// What costs money: a line in the file of the other side.
static int charge(const struct chaos *x) {
    int fd = open(chaos_text(x, "file", "/nonexistent"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                  0600);
    bool written = fd != -1 && write(fd, "paid\n", 5) == 5;
    if (fd != -1) {
        (void)close(fd);
    }
    return written ? 0 : -1;
}

// A paid call as a plugin should make it: the intent is written down, then the call is made, then the outcome is. Who
// finds an intent without an outcome asks people. file: who is paid; die: before | after: the process is killed once,
// before it has paid or when it has.
jh_status chaos_pay(struct chaos *x) {
    static const char *const choices[] = {"charged", "not charged", NULL};
    const struct jh_operator *operators =
        (const struct jh_operator *)x->host->extension(x->host, JH_OPERATOR_1);
    const struct jh_question q = {
        .size = sizeof q, .key = "charge", .question = "Was it charged?", .choices = choices};
    struct jh_bytes seen;
    int begun = x->host->step_get(x->call, "charging", &seen);
    int done = x->host->step_get(x->call, "charged", &seen);
    if (begun < 0 || done < 0) {
        return jh_stop(x->call);
    }
    if (begun == 0 && done != 0) {
        int rc = operators->ask(x->call, &q, &seen);
        if (rc != 0) {
            return rc == 1 ? JH_YIELD : jh_stop(x->call);
        }
        done = seen.len == strlen("charged") ? 0 : 1;
    }
    if (done != 0) {
        const char *die = begun == 0 ? "" : chaos_text(x, "die", "");
        if (begun != 0 && jh_step_puts(x->call, "charging", "1") < 0) {
            return jh_stop(x->call);
        }
        if (strcmp(die, "before") == 0) {
            (void)raise(SIGKILL);
        }
        if (charge(x) < 0) {
            return JH_FAIL;
        }
        if (strcmp(die, "after") == 0) {
            (void)raise(SIGKILL);
        }
        if (jh_step_puts(x->call, "charged", "1") < 0) {
            return jh_stop(x->call);
        }
    }
    return chaos_sink(x, "end") < 0 ? JH_RETRY : JH_OK;
}
