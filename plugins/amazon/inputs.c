#include <string.h>
#include <unistd.h>

#include "civil.h"
#include "inputs.h"
#include "load.h"

static int identify_one(struct inputs *in, size_t index, enum report_kind expected,
                        struct trouble *t) {
    struct source *s = &in->sources[index];
    int fd = in->open(in->arg, index);
    if (fd < 0) {
        return trouble_set(t, TROUBLE_RESOURCE, "read", "%s cannot be opened: %s", s->file,
                           strerror(-fd));
    }
    int rc = load_identify(fd, expected, s, t);
    (void)close(fd);
    return rc;
}

static void find_repeated(struct inputs *in, size_t index) {
    struct source *s = &in->sources[index];
    bool known = strspn(s->sha256, "0") < strlen(s->sha256); // some hosts do not say it
    for (size_t i = 0; i < index && known && !s->repeated; i++) {
        s->repeated = in->sources[i].kind == s->kind && in->sources[i].bytes == s->bytes &&
                      strcmp(in->sources[i].sha256, s->sha256) == 0;
    }
}

// In time: dated before undated, by first day; equals as they came.
static bool comes_before(const struct period *a, const struct period *b) {
    if (a->dated != b->dated) {
        return a->dated;
    }
    return a->dated && a->from < b->from;
}

// Puts the report's period in its place and moves up the later ones.
static void place_period(struct inputs *in, size_t index, const struct period *p) {
    size_t at = in->period_count;
    while (at > 0 && comes_before(p, &in->periods[at - 1])) {
        in->periods[at] = in->periods[at - 1];
        at--;
    }
    in->periods[at] = *p;
    in->period_count++;
    for (size_t i = 0; i < index; i++) {
        in->sources[i].period += in->sources[i].period >= (int)at;
    }
    in->sources[index].period = (int)at;
}

static const char *file_of(const struct inputs *in, size_t period) {
    for (size_t i = 0; i < in->count; i++) {
        if (in->sources[i].period == (int)period) {
            return in->sources[i].file;
        }
    }
    return "";
}

static int check_overlap(const struct inputs *in, struct trouble *t) {
    for (size_t i = 1; i < in->period_count; i++) {
        const struct period *before = &in->periods[i - 1], *now = &in->periods[i];
        char from[CIVIL_TEXT], to[CIVIL_TEXT];
        if (!before->dated || !now->dated || before->to < now->from) {
            continue;
        }
        civil_format(now->from, from);
        civil_format(before->to, to);
        return trouble_set(t, TROUBLE_INPUT, "periods_overlap",
                           "%s and %s overlap: one reaches to %s, the other begins at %s, and the "
                           "days between would count twice; give reports that do not overlap, or "
                           "correct \"periods\"",
                           file_of(in, i - 1), file_of(in, i), to, from);
    }
    return 0;
}

static int check_used(const struct request *r, struct trouble *t) {
    for (size_t i = 0; i < r->period_count; i++) {
        if (!r->periods[i].used) {
            return trouble_set(t, TROUBLE_INPUT, "bad_payload",
                               "payload.periods[%zu] belongs to no business report%s%s", i,
                               r->periods[i].file[0] == '\0' ? "" : ": there is no file ",
                               r->periods[i].file);
        }
    }
    return 0;
}

int inputs_identify(struct inputs *in, const enum report_kind *kinds, struct request *request,
                    struct trouble *t) {
    size_t place = 0;
    for (size_t i = 0; i < in->count; i++) {
        struct source *s = &in->sources[i];
        s->period = -1;
        if (identify_one(in, i, kinds[i], t) < 0) {
            return -1;
        }
        find_repeated(in, i);
        in->bytes += s->repeated ? 0 : s->bytes;
        if (s->kind == KIND_BUSINESS) {
            struct period p = request_period_of(request, place++, s->file);
            if (!s->repeated) {
                place_period(in, i, &p);
            }
        }
    }
    return check_used(request, t) < 0 ? -1 : check_overlap(in, t);
}
