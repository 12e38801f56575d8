#include "store/redis/told.h"

#include <errno.h>
#include <string.h>

#include "core/job.h"

bool redis_told_is(const struct redis_reply *fields) {
    return redis_reply_is(fields, REDIS_ARRAY) && redis_reply_field(fields, "became") != NULL;
}

const char *redis_told_text(const struct redis_reply *fields, const char *name, struct arena *a,
                            int *r) {
    const struct redis_reply *value = redis_reply_field(fields, name);
    if (!redis_reply_is(value, REDIS_STRING)) {
        return NULL;
    }
    const char *text = arena_strn(a, value->text.data, value->text.len);
    *r = text == NULL ? -ENOMEM : *r;
    return text;
}

static bool is_end(const char *state) {
    int known = state == NULL ? -1 : job_state_from_name(state);
    return known >= 0 && job_is_final((enum job_state)known);
}

int redis_told_read(const struct redis_reply *fields, struct arena *a, struct redis_told *ret,
                    struct err *e) {
    struct job_id flow;
    int r = 0;
    *ret = (struct redis_told){.flow = redis_told_text(fields, "flow", a, &r),
                               .member = redis_told_text(fields, "member", a, &r),
                               .became = redis_told_text(fields, "became", a, &r),
                               .was = redis_told_text(fields, "was", a, &r),
                               .deep = redis_told_text(fields, "deep", a, &r),
                               .queue = redis_told_text(fields, "to", a, &r)};
    bool back = ret->became != NULL && strcmp(ret->became, "back") == 0;
    bool whole = ret->flow != NULL && id_parse(ret->flow, &flow) == 0 && ret->member != NULL &&
                 id_parse(ret->member, &ret->id) == 0 && ret->queue != NULL &&
                 is_end(back ? ret->was : ret->became);
    return r < 0 || whole ? r : err_set(e, -EBADMSG, "what became of a member is damaged");
}
