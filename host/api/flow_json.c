#include "api/flow_json.h"

#include "api/job_json.h"
#include "base/json.h"

void flow_json(struct buf *out, const struct store_flow *flow) {
    const struct flow_tally *t = &flow->facts.tally;
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"made", t->made}, {"open", flow_open_count(t)}, {"succeeded", t->succeeded},
        {"dead", t->dead}, {"cancelled", t->cancelled},  {"duplicate", t->duplicate},
    };
    json_key(out, "flow");
    buf_char(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        json_kint(out, counts[i].name, counts[i].value);
    }
    json_kbool(out, "closed", flow->facts.closed);
    json_ktime(out, "closed_at", flow->facts.closed ? flow->closed_ms : 0);
    json_kstr(out, "on_child_dead", flow_on_dead_name(flow->facts.on_dead));
    job_json_id(out, "then", &flow->then);
    job_json_id(out, "died", &flow->died);
    if (flow->cancelling) {
        json_kbool(out, "cancelling", true);
    }
    buf_char(out, '}');
}

void flow_json_progress(struct buf *out, const struct store_flow *flow) {
    int64_t made = flow->facts.tally.made, ended = made - flow_open_count(&flow->facts.tally);
    if (made == 0) {
        return;
    }
    json_key(out, "progress");
    buf_char(out, '{');
    json_kint(out, "percent", (int64_t)((double)ended * 100.0 / (double)made));
    json_kint(out, "done", ended);
    json_kint(out, "total", made);
    buf_char(out, '}');
}

void flow_json_member(struct buf *out, const struct store_flow_member *m) {
    json_comma(out);
    buf_char(out, '{');
    job_json_id(out, "id", &m->id);
    json_kstr(out, "type", m->type);
    json_kstr(out, "state", job_state_name((int)m->state));
    job_json_error(out, &m->error);
    job_json_result(out, &m->id, m->has_result, m->result_size, NULL);
    if (m->type == NULL) {
        json_kbool(out, "removed", true);
    }
    buf_char(out, '}');
}
