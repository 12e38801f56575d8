#include "sim/note.h"

#include "base/json.h"

const struct note_info note_kinds[NOTE_KINDS] = {
    [NOTE_ARRIVE] = {"arrive", NULL, true},    [NOTE_DUPLICATE] = {"duplicate", NULL, true},
    [NOTE_REFUSE] = {"refuse", "31", false},   [NOTE_FIRE] = {"fire", NULL, true},
    [NOTE_SKIP] = {"skip", "33", false},       [NOTE_START] = {"start", NULL, true},
    [NOTE_SUCCEED] = {"succeed", "32", true},  [NOTE_RETRY] = {"retry", "33", false},
    [NOTE_PARK] = {"park", "33", false},       [NOTE_DEAD] = {"dead", "31", false},
    [NOTE_CRASH] = {"crash", "31", false},     [NOTE_CANCEL] = {"cancel", "33", false},
    [NOTE_EVENT] = {"event", NULL, false},     [NOTE_FLOW] = {"flow", NULL, false},
    [NOTE_ACT] = {"act", "36", false},         [NOTE_LOST] = {"lost", "31", false},
    [NOTE_RETURN] = {"return", NULL, false},   [NOTE_REFUSED_CALL] = {"refused_call", "33", false},
    [NOTE_BREAKER] = {"breaker", "33", false}, [NOTE_PLUGIN] = {"plugin", "31", false},
    [NOTE_FAULT] = {"fault", "36", false},     [NOTE_OVER] = {"over", NULL, false},
};

void note_json(const struct note *n, struct buf *out) {
    buf_char(out, '{');
    json_ktime(out, "at", n->wall_ms);
    json_kint(out, "ms", n->passed_ms);
    json_kstr(out, "event", note_kinds[n->kind].name);
    json_kstr(out, "what", n->what);
    if (!id_is_zero(&n->job)) {
        char id[JOB_ID_TEXT + 1];
        id_format(&n->job, id);
        json_kstr(out, "job", id);
    }
    json_kstr(out, "user", n->tenant);
    json_kstr(out, "why", n->text[0] == '\0' ? NULL : n->text);
    buf_char(out, '}');
}
