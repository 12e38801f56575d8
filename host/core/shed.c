#include "core/shed.h"

void shed_posted(struct shed *s) {
    s->under_way++;
}

void shed_answered(struct shed *s, int64_t waited_ms, int64_t now_ms) {
    s->under_way--;
    if (waited_ms < SHED_TARGET_MS) {
        s->slow_since_ms = 0;
        s->sheds = false;
    } else if (s->slow_since_ms == 0) {
        s->slow_since_ms = now_ms;
    } else if (now_ms - s->slow_since_ms >= SHED_AFTER_MS) {
        s->sheds = true;
    }
}

bool shed_refuses(const struct shed *s) {
    return s->sheds && s->under_way >= SHED_FEW;
}
