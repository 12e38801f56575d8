#include "store/flows.h"

#include <errno.h>

bool store_flow_has(const struct job_spec *spec) {
    struct job_id id;
    return spec->flow_id != NULL && !id_is_zero(&spec->parent) &&
           id_parse(spec->flow_id, &id) == 0 && id_equal(&id, &spec->parent);
}

int store_flow_check_page(struct store_flow_ended *ended) {
    if (ended->limit < 1 || ended->limit > STORE_FLOW_PAGE_MAX) {
        return err_set(&ended->op.err, -EINVAL, "limit must be 1 to %d", STORE_FLOW_PAGE_MAX);
    }
    return ended->cursor > STORE_FLOW_CURSOR_MAX
               ? err_set(&ended->op.err, -EINVAL, "no list is as long as this cursor says")
               : 0;
}
