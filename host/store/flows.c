#include "store/flows.h"

bool store_flow_has(const struct job_spec *spec) {
    struct job_id id;
    return spec->flow_id != NULL && !id_is_zero(&spec->parent) &&
           id_parse(spec->flow_id, &id) == 0 && id_equal(&id, &spec->parent);
}
