// The API over jobs, against a store that answers as told: what a job looks like, why it waits, actions.
#include "api/input.h"
#include "api_answers.h"

/* ---- a job ---- */

static void fill_job(void *op) {
    static struct store_warning warnings[] = {{"w1", "watch out"}};
    static struct store_attempt history[] = {{.execution = 1,
                                              .started_ms = 1000,
                                              .ended_ms = 2000,
                                              .outcome = "retry",
                                              .cls = JH_E_NETWORK,
                                              .code = "reset",
                                              .message = "gone",
                                              .host = "h",
                                              .build = "1+a",
                                              .pid = 9}};
    static const char *steps[] = {"one", "two"};
    static struct job_file files[] = {
        {.name = "f", .filename = "g.x", .content_type = "x/y", .blob = {.size = 7}}};
    static struct store_output outputs[] = {
        {.name = "a b\"?.html", .content_type = "text/html", .blob = {.size = 8}},
        {.name = "z", .blob = {.size = 1}}};
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
    get->job = (struct store_job){
        .spec = {.id = the_id(),
                 .type = "a.b",
                 .queue = "q",
                 .tenant = "u\"x",
                 .priority = PRIORITY_LOW,
                 .payload = bytes_of("{\"n\": 1.50}"),
                 .dedup_key = "k",
                 .max_attempts = 5,
                 .timeout_ms = 90000,
                 .deadline_ms = 86400000,
                 .labels = "l1,l2",
                 .files = files,
                 .file_count = 1},
        .state = JOB_DEAD,
        .rev = 4,
        .created_ms = 1000,
        .finished_ms = 3000,
        .counters = {.attempts = 2, .executions = 3, .crashes = 1},
        .progress = {.done = 1, .total = 3, .message = "m", .at_ms = 1500},
        .error = {.cls = JH_E_AUTH, .code = "bad_token", .message = "no \x01", .scope = "s"},
        .has_result = true,
        .result_size = 12,
        .warning_count = 2,
        .warnings = warnings,
        .warnings_listed = 1,
        .history = history,
        .history_count = 1,
        .step_count = 2,
        .step_bytes = 6,
        .steps_version = 1,
        .steps = steps,
        .steps_listed = 2,
        .build = "1+b",
        .output_count = 2,
        .output_bytes = 9,
        .outputs = outputs,
        .outputs_listed = 2,
        .child_count = 2,
        .log_tail = bytes_of("line\n"),
    };
}

static const char *const job_parts[] = {
    "{\"id\":\"" API_ID
    "\",\"type\":\"a.b\",\"queue\":\"q\",\"state\":\"dead\",\"rev\":4,\"user\":\"u\\\"x\","
    "\"priority\":\"low\",\"key\":\"k\",\"labels\":[\"l1\",\"l2\"],\"children\":2,\"attempt\":3,"
    "\"attempts\":2,"
    "\"max\":5,\"crashes\":1,",
    "\"progress\":{\"percent\":33,\"done\":1,\"total\":3,\"message\":\"m\",\"at\":\"1970-01-01T00:"
    "00:01.500Z\"}",
    "\"error\":{\"class\":\"auth\",\"code\":\"bad_token\",\"message\":\"no "
    "\\u0001\",\"scope\":\"s\"}",
    "\"created_at\":\"1970-01-01T00:00:01.000Z\"",
    "\"finished_at\":\"1970-01-01T00:00:03.000Z\"",
    "\"deadline\":\"1970-01-02T00:00:00.000Z\"",
    "\"timeout\":\"90s\"",
    "\"build\":\"1+b\"",
    "\"result\":{\"size\":12,\"content_type\":\"application/json\",\"url\":\"/v1/jobs/" API_ID
    "/result\"}",
    "\"steps\":{\"count\":2,\"bytes\":6,\"state_version\":1,\"names\":[\"one\",\"two\"]}",
    "\"warnings\":{\"count\":2,\"items\":[{\"code\":\"w1\",\"message\":\"watch out\"}]}",
    "\"output_count\":2,\"output_bytes\":9,\"outputs\":[{\"name\":\"a b\\\"?.html\","
    "\"content_type\":\"text/html\",\"size\":8,\"sha256\":\"0000",
    "\"url\":\"/v1/jobs/" API_ID "/outputs/a%20b%22%3F.html\"},{\"name\":\"z\","
    "\"content_type\":\"application/octet-stream\",\"size\":1,",
    "\"url\":\"/v1/jobs/" API_ID "/outputs/z\"}]",
    "\"files\":[{\"name\":\"f\",\"filename\":\"g.x\",\"content_type\":\"x/"
    "y\",\"size\":7,\"sha256\":\"00000000",
    "\"payload_size\":11,\"payload\":{\"n\": 1.50}", // as it came
    "\"history\":[{\"execution\":1,\"started_at\":\"1970-01-01T00:00:01.000Z\",\"ended_at\":\"1970-"
    "01-01T00:00:02.000Z\","
    "\"outcome\":\"retry\",\"class\":\"network\",\"code\":\"reset\",\"message\":\"gone\",\"host\":"
    "\"h\","
    "\"build\":\"1+a\",\"pid\":9}]",
};

static void test_job(void) {
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(job_parts); i++) {
        check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_job, 0, 200, job_parts[i]);
    }
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, NULL, -ENOENT, 404, "job_not_found");
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, NULL, -ETIMEDOUT, 503,
             "store_timeout");
    check_op(&x, "GET", "/v1/jobs/" API_ID "/log", NULL, STORE_GET, fill_job, 0, 200, "line\n");
    check_op(&x, "GET", "/v1/jobs/" API_ID "/log", NULL, STORE_GET, NULL, -ENOENT, 404,
             "job_not_found");
    api_stop(&x);
}

static void fill_running(void *op) {
    fill_job(op);
    struct store_job *job = &CONTAINER_OF(op, struct store_get, op)->job;
    job->state = JOB_RUNNING;
    job->error = (struct job_error){.cls = 0};
}

static void fill_parked(void *op) {
    fill_job(op);
    struct store_job *job = &CONTAINER_OF(op, struct store_get, op)->job;
    job->state = JOB_PARKED;
    job->park = PARK_EVENT;
    job->wait_key = "order-1";
    job->spec.run_at_ms = 60000;
    job->spec.content_type = "image/png";
}

static void fill_text(void *op) {
    fill_job(op);
    struct store_job *job = &CONTAINER_OF(op, struct store_get, op)->job;
    job->spec.content_type = "text/plain";
}

/* What only the supervisor knows goes over what the store knows. */
static void test_job_live(void) {
    struct api_fixture x;
    api_start(&x, plain);
    x.live = (struct job_live){.pid = 4711,
                               .plugin = "p",
                               .build = "2+c",
                               .started_ms = 5000,
                               .timeout_at_ms = 95000,
                               .progress = {.done = 2, .total = 4, .at_ms = 6000},
                               .log_tail = bytes_of("live line\n"),
                               .cancel_mask = 1};
    static const char *const parts[] = {
        "\"attempt\":4,\"attempts\":2", "\"percent\":50,\"done\":2,\"total\":4,\"at\"",
        "\"started_at\":\"1970-01-01T00:00:05.000Z\"",
        "\"build\":\"2+c\",\"pid\":4711,\"plugin\":\"p\",\"started\":true",
        "\"times_out_at\":\"1970-01-01T00:01:35.000Z\",\"cancelling\":true"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_running, 0, 200, parts[i]);
    }
    check_op(&x, "GET", "/v1/jobs/" API_ID "/log", NULL, STORE_GET, fill_running, 0, 200,
             "live line\n");
    x.live.pid = 0;
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_parked, 0, 200,
             "\"parked\":{\"reason\":\"event\",\"until\":\"1970-01-01T00:01:00.000Z\",\"key\":"
             "\"order-1\"}");
    // a payload that is no text stays out of JSON, text becomes a string
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_parked, 0, 200,
             "\"payload_size\":11,\"content_type\":\"image/png\",\"history\"");
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_text, 0, 200,
             "\"payload\":\"{\\\"n\\\": 1.50}\"");
    api_stop(&x);
}

/* ---- flows ---- */

static void fill_flow(void *op) {
    CONTAINER_OF(op, struct store_flow_get, op)->flow =
        (struct store_flow){.facts = {.tally = {.made = 8, .succeeded = 3, .dead = 1},
                                      .opener = -1,
                                      .on_dead = FLOW_FAIL},
                            .then = the_id(),
                            .died = the_id(),
                            .cancelling = true};
}

static void ask_opener(struct api_fixture *x, bool tells_progress, void (*fill)(void *op),
                       int status, int http, const char *part) {
    int fd = api_send(x, "GET", "/v1/jobs/" API_ID, NULL);
    struct store_get *get = api_take(x, STORE_GET);
    fill_job(&get->op);
    get->job.has_flow = true;
    get->job.progress.at_ms = tells_progress ? 1500 : 0;
    api_done(x, &get->op, 0);
    struct store_flow_get *flow = api_take(x, STORE_FLOW_GET);
    EXPECT_TRUE(id_equal(&get->id, &flow->id));
    if (fill != NULL) {
        fill(&flow->op);
    }
    api_done(x, &flow->op, status);
    api_expect(x, fd, http, part);
}

static void test_opener(void) {
    struct api_fixture x;
    api_start(&x, plain);
    ask_opener(&x, false, fill_flow, 0, 200,
               "\"flow\":{\"made\":8,\"open\":4,\"succeeded\":3,\"dead\":1,\"cancelled\":0,"
               "\"duplicate\":0,\"closed\":false,\"on_child_dead\":\"fail\",\"then\":\"" API_ID
               "\",\"died\":\"" API_ID "\",\"cancelling\":true}");
    ask_opener(&x, false, fill_flow, 0, 200,
               "\"progress\":{\"percent\":50,\"done\":4,\"total\":8}");
    ask_opener(&x, true, fill_flow, 0, 200, "\"progress\":{\"percent\":33,");
    ask_opener(&x, true, NULL, -ENOENT, 200, "\"children\":2"); // it was removed meanwhile
    ask_opener(&x, true, NULL, -ETIMEDOUT, 503, "store_timeout");
    api_stop(&x);
}

static void fill_members(void *op) {
    struct store_flow_members *m = CONTAINER_OF(op, struct store_flow_members, op);
    static struct store_flow_member all[4];
    EXPECT_EQ_UINT(40, m->cursor);
    for (size_t i = 0; i < 4; i++) {
        all[i] = (struct store_flow_member){.id = the_id(),
                                            .state = i % 2 == 0 ? JOB_QUEUED : JOB_SUCCEEDED,
                                            .cursor = 39 - i,
                                            .type = "a.b",
                                            .has_result = i == 1,
                                            .result_size = 7};
    }
    m->members = all;
    m->count = 4;
    m->next_cursor = 36;
}

static void fill_ended(void *op) {
    struct store_flow_ended *e = CONTAINER_OF(op, struct store_flow_ended, op);
    static struct store_flow_member all[] = {
        {.state = JOB_DEAD,
         .type = "a.b",
         .error = {.cls = JH_E_AUTH, .code = "c", .message = "m"}},
        {.state = JOB_DEAD}};
    EXPECT_EQ_INT(JOB_DEAD, (int)e->only);
    EXPECT_EQ_UINT(2, e->limit);
    all[0].id = all[1].id = the_id();
    e->members = all;
    e->count = 2;
    e->next_cursor = 9;
    e->more = true;
}

#define CHILDREN "/v1/jobs/" API_ID "/children"
#define MEMBER   "{\"id\":\"" API_ID "\",\"type\":\"a.b\",\"state\":"

static void test_children(void) {
    struct api_fixture x;
    api_start(&x, plain);
    check_op(&x, "GET", CHILDREN "?cursor=40", NULL, STORE_FLOW_MEMBERS, fill_members, 0, 200,
             "{\"items\":[" MEMBER "\"queued\"}," MEMBER
             "\"succeeded\",\"result\":{\"size\":7,\"url\":\"/v1/jobs/" API_ID "/result\"}},");
    check_op(&x, "GET", CHILDREN "?cursor=40", NULL, STORE_FLOW_MEMBERS, fill_members, 0, 200,
             "\"next_cursor\":\"36\"}");
    // a page of those in a state ends where the next begins
    check_op(&x, "GET", CHILDREN "?cursor=40&state=queued&limit=1", NULL, STORE_FLOW_MEMBERS,
             fill_members, 0, 200, "{\"items\":[" MEMBER "\"queued\"}],\"next_cursor\":\"39\"}");
    check_op(&x, "GET", CHILDREN "?cursor=40&state=queued&limit=9", NULL, STORE_FLOW_MEMBERS,
             fill_members, 0, 200,
             MEMBER "\"queued\"}," MEMBER "\"queued\"}],\"next_cursor\":\"36\"}");
    check_op(&x, "GET", CHILDREN "?state=dead&limit=2", NULL, STORE_FLOW_ENDED, fill_ended, 0, 200,
             "{\"items\":[" MEMBER "\"dead\",\"error\":{\"class\":\"auth\",\"code\":\"c\","
             "\"message\":\"m\"}},{\"id\":\"" API_ID
             "\",\"state\":\"dead\",\"removed\":true}],\"next_cursor\":\"9\"}");
    check_op(&x, "GET", CHILDREN, NULL, STORE_FLOW_MEMBERS, NULL, -ENOENT, 404, "flow_not_found");
    check_op(&x, "GET", CHILDREN "?state=dead", NULL, STORE_FLOW_ENDED, NULL, -ETIMEDOUT, 503,
             "store_timeout");
    static const char *const bad[] = {"cursor=x", "cursor=-1", "cursor=99999999999999999999",
                                      "state=gone", "limit=1001"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, CHILDREN "?%s", bad[i]);
        api_ask(&x, "GET", path, NULL, 400, "bad_parameter");
    }
    api_stop(&x);
}

/* One job that joins, beside others: it goes first, and answers keep their order. */
static void test_join(void) {
    static const char body[] =
        "[{\"type\":\"a.b\"},{\"type\":\"a.b\",\"flow\":\"" API_ID "\"},{\"type\":\"a.b\"}]";
    static const struct {
        int status, http;
        const char *part;
    } rows[] = {{0, 202, "\"state\":\"queued\""},
                {-ENOENT, 404, "flow_not_found"},
                {-ESTALE, 409, "flow_closed"}};
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = api_send(&x, "POST", "/v1/jobs", "{\"type\":\"a.b\",\"flow\":\"" API_ID "\"}");
        struct store_flow_join *join = api_take(&x, STORE_FLOW_JOIN);
        EXPECT_EQ_UINT(1, join->count);
        EXPECT_EQ_STR(API_ID, join->items[0].spec->flow_id);
        join->items[0].status = rows[i].status;
        api_done(&x, &join->op, 0);
        api_expect(&x, fd, rows[i].http, rows[i].part);
    }
    int fd = api_send(&x, "POST", "/v1/jobs", body);
    struct store_flow_join *join = api_take(&x, STORE_FLOW_JOIN);
    EXPECT_EQ_UINT(1, join->count);
    join->items[0].status = -ESTALE;
    api_done(&x, &join->op, 0);
    struct store_submit *submit = api_take(&x, STORE_SUBMIT);
    EXPECT_EQ_UINT(2, submit->count);
    api_done(&x, &submit->op, 0);
    api_expect(&x, fd, 202, "},{\"error\":{\"code\":\"flow_closed\"");
    fd = api_send(&x, "POST", "/v1/jobs", body);
    api_done(&x, api_take(&x, STORE_FLOW_JOIN), -ETIMEDOUT);
    api_expect(&x, fd, 503, "store_timeout");
    api_ask(&x, "POST", "/v1/jobs", "{\"type\":\"a.b\",\"flow\":\"f\"}", 400, "bad_field");
    api_stop(&x);
}

/* ---- explain ---- */

static void ask_waiting(struct api_fixture *x, int flow_status, bool named) {
    static struct store_flow_member two[2];
    int fd = api_send(x, "GET", "/v1/jobs/" API_ID "/explain", NULL);
    struct store_get *get = api_take(x, STORE_GET);
    get->job.state = JOB_PARKED;
    get->job.park = PARK_CHILDREN;
    api_done(x, &get->op, 0);
    struct store_flow_get *flow = api_take(x, STORE_FLOW_GET);
    fill_flow(&flow->op);
    api_done(x, &flow->op, flow_status);
    if (flow_status == 0) {
        struct store_flow_members *m = api_take(x, STORE_FLOW_MEMBERS);
        two[0] = (struct store_flow_member){.state = JOB_SUCCEEDED};
        two[1] = (struct store_flow_member){.id = the_id(),
                                            .state = named ? JOB_RUNNING : JOB_SUCCEEDED};
        m->members = two;
        m->count = 2;
        api_done(x, &m->op, 0);
    }
    api_done(x, api_take(x, STORE_STATS), 0);
    api_expect(x, fd, 200, "\"state\":\"parked\"");
}

static void test_explain_children(void) {
    struct api_fixture x;
    struct job_id id = the_id();
    api_start(&x, plain);
    ask_waiting(&x, 0, true);
    EXPECT_EQ_INT(8, x.awaited.children);
    EXPECT_EQ_INT(4, x.awaited.open);
    EXPECT_TRUE(id_equal(&id, &x.awaited.job));
    ask_waiting(&x, 0, false);
    EXPECT_EQ_INT(4, x.awaited.open);
    EXPECT_TRUE(id_is_zero(&x.awaited.job));
    ask_waiting(&x, -ENOENT, false);
    EXPECT_EQ_INT(0, x.awaited.open);
    api_stop(&x);
}

static void test_explain(void) {
    struct api_fixture x;
    api_start(&x, plain);
    for (int broken = 0; broken <= 1; broken++) { // without statistics there are still reasons
        int fd = api_send(&x, "GET", "/v1/jobs/" API_ID "/explain", NULL);
        struct store_op *op = api_take(&x, STORE_GET);
        fill_state(op, JOB_QUEUED);
        api_done(&x, op, 0);
        api_done(&x, api_take(&x, STORE_STATS), broken ? -ETIMEDOUT : 0);
        api_expect(&x, fd, 200,
                   broken ? "\"state\":\"queued\",\"reasons\":[{\"code\":\"no_slot\",\"detail\":"
                            "\"all taken\"}]}"
                          : "\"clears_at\":\"1970-01-01T00:00:05.000Z\"}]}");
    }
    check_op(&x, "GET", "/v1/jobs/" API_ID "/explain", NULL, STORE_GET, NULL, -ENOENT, 404,
             "job_not_found");
    check_op(&x, "GET", "/v1/queues/named/explain", NULL, STORE_STATS, NULL, 0, 200,
             "{\"queue\":\"named\",\"known\":true,\"reasons\"");
    check_op(&x, "GET", "/v1/queues/q/explain", NULL, STORE_STATS, fill_stats, 0, 200,
             "{\"queue\":\"q\",\"known\":true,");
    check_op(&x, "GET", "/v1/queues/qq/explain", NULL, STORE_STATS, fill_stats, 0, 200,
             "{\"queue\":\"qq\",\"known\":false,");
    check_op(&x, "GET", "/v1/queues/qq/explain", NULL, STORE_STATS, NULL, -EIO, 200,
             "{\"queue\":\"qq\",\"known\":true,"); // nobody can tell
    api_ask(&x, "GET", "/v1/queues/no%20good/explain", NULL, 400, "bad_queue");
    api_stop(&x);
}

/* ---- actions ---- */

static void test_actions(void) {
    static const struct {
        const char *method, *path;
        enum jobs_action action;
        int act_status;
        enum job_state state;
        int status;
        const char *part;
    } rows[] = {
        {"POST", "/cancel", JOBS_CANCEL, 0, JOB_CANCELLED, 200,
         "{\"id\":\"" API_ID "\",\"state\":\"cancelled\"}"},
        {"POST", "/retry", JOBS_RETRY, 0, JOB_QUEUED, 200, "\"state\":\"queued\""},
        {"POST", "/promote", JOBS_PROMOTE, 0, JOB_QUEUED, 200, "\"state\":\"queued\""},
        {"DELETE", "?why=old", JOBS_REMOVE, 0, JOB_DEAD, 200, "\"removed\":true"},
        {"POST", "/cancel", JOBS_CANCEL, -ENOENT, 0, 404, "job_not_found"},
        {"POST", "/promote", JOBS_PROMOTE, -EINVAL, JOB_DEAD, 409,
         "cannot promote a job that is dead"},
        {"POST", "/retry", JOBS_RETRY, -EBUSY, JOB_RUNNING, 409, "the job is running"},
        {"DELETE", "", JOBS_REMOVE, -EBUSY, JOB_QUEUED, 409, "the job is not finished"},
        {"POST", "/cancel", JOBS_CANCEL, -EROFS, 0, 503, "store_read_only"},
    };
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "/v1/jobs/" API_ID "%s", rows[i].path);
        bool post = rows[i].method[0] == 'P';
        int fd = api_send(&x, rows[i].method, path, post ? "{\"why\":\"old\"}" : NULL);
        EXPECT_EQ_UINT(1, x.act_count);
        EXPECT_EQ_INT(rows[i].action, x.acts[0]->action);
        EXPECT_EQ_STR(rows[i].path[0] == '\0' ? NULL : "old", x.acts[0]->why);
        EXPECT_CONTAINS("uid:", x.acts[0]->actor);
        api_acted(&x, 0, rows[i].act_status, rows[i].state);
        x.act_count = 0;
        api_expect(&x, fd, rows[i].status, rows[i].part);
    }
    int fd = api_send(&x, "POST", "/v1/jobs/" API_ID "/cancel", NULL); // no body is fine
    x.acts[0]->pending = true;
    api_acted(&x, 0, 0, JOB_RUNNING);
    x.act_count = 0;
    api_expect(&x, fd, 200, "\"state\":\"running\",\"pending\":true");
    api_ask(&x, "POST", "/v1/jobs/" API_ID "/cancel", "{\"wyh\":\"x\"}", 400,
            "did you mean \\\"why\\\"?");
    api_ask(&x, "POST", "/v1/jobs/" API_ID "/cancel", "{\"why\":1}", 400, "must be a string");
    api_ask(&x, "POST", "/v1/jobs/" API_ID "/cancel", "[]", 400, "bad_body");
    api_ask(&x, "POST", "/v1/jobs/x/cancel", NULL, 404, "job_not_found");
    api_stop(&x);
}

/* A page of the jobs that a filter has found, in a state of its own: the state asked for goes to *ret_state. */
static void answer_list(struct api_fixture *x, int *ret_state, size_t count, const char *cursor) {
    static struct store_job jobs[2];
    struct store_list *list = api_take(x, STORE_LIST);
    jobs[0].spec.id = the_id();
    jobs[1].spec.id = the_id();
    list->jobs = jobs;
    list->count = count;
    list->next_cursor = cursor;
    *ret_state = list->filter.state;
    api_done(x, &list->op, 0);
}

static void test_bulk_filter(void) {
    struct api_fixture x;
    int state;
    api_start(&x, plain);
    // one state after the other, each to its last page
    int fd = api_send(&x, "POST", "/v1/jobs/retry", "{\"filter\":{\"type\":\"a.b\"}}");
    answer_list(&x, &state, 2, "c");
    EXPECT_EQ_INT(JOB_DEAD, state);
    EXPECT_EQ_UINT(2, x.act_count);
    EXPECT_EQ_INT(JOBS_RETRY, x.acts[0]->action);
    api_acted(&x, 0, 0, JOB_QUEUED);
    api_acted(&x, 1, -EINVAL, JOB_RUNNING);
    x.act_count = 0;
    answer_list(&x, &state, 0, NULL);
    EXPECT_EQ_INT(JOB_DEAD, state);
    answer_list(&x, &state, 1, NULL);
    EXPECT_EQ_INT(JOB_CANCELLED, state);
    api_acted(&x, 0, 0, JOB_QUEUED);
    x.act_count = 0;
    api_expect(&x, fd, 200,
               "{\"matched\":3,\"done\":2,\"failed\":1,\"errors\":[{\"id\":\"" API_ID
               "\",\"error\":{\"code\":\"wrong_state\"");
    // a state that is named is the only one; counting changes nothing
    fd = api_send(&x, "POST", "/v1/jobs/remove",
                  "{\"filter\":{\"state\":\"duplicate\"},\"dry_run\":true}");
    answer_list(&x, &state, 2, NULL);
    EXPECT_EQ_INT(JOB_DUPLICATE, state);
    EXPECT_EQ_UINT(0, x.act_count);
    api_expect(&x, fd, 200,
               "{\"matched\":2,\"done\":0,\"failed\":0,\"dry_run\":true,\"errors\":[]}");
    api_stop(&x);
}

static void test_bulk(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "POST", "/v1/jobs/cancel",
                      "{\"ids\":[\"" API_ID "\",\"" API_ID "\"],\"why\":\"w\"}");
    EXPECT_EQ_UINT(2, x.act_count);
    api_acted(&x, 1, -ENOENT, 0);
    api_acted(&x, 0, 0, JOB_CANCELLED);
    x.act_count = 0;
    api_expect(&x, fd, 200,
               "{\"items\":[{\"id\":\"" API_ID "\",\"state\":\"cancelled\"},{\"id\":\"" API_ID
               "\",\"error\":{\"code\":\"job_not_found\"");
    api_ask(&x, "POST", "/v1/jobs/retry", "{}", 400, "which_jobs");
    api_ask(&x, "POST", "/v1/jobs/retry", "{\"ids\":[]}", 400, "which_jobs");
    api_ask(&x, "POST", "/v1/jobs/retry", "{\"ids\":[\"x\"]}", 400, "bad_id");
    api_ask(&x, "POST", "/v1/jobs/retry", "{\"ids\":\"x\"}", 400, "must be an array");
    api_ask(&x, "POST", "/v1/jobs/retry", "{\"ids\":[\"" API_ID "\"],\"ids\":[\"" API_ID "\"]}",
            400, "repeated_field");
    for (int over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, "{\"ids\":[\"" API_ID "\"");
        for (int i = 1; i < 1000 + over; i++) {
            buf_str(&b, ",\"" API_ID "\"");
        }
        buf_str(&b, "]}");
        fd = api_send(&x, "POST", "/v1/jobs/promote", b.data);
        EXPECT_EQ_UINT(over ? 0 : 1000, x.act_count);
        for (size_t i = 0; i < x.act_count; i++) {
            x.acts[i]->status = 0;
            x.acts[i]->done(x.acts[i], x.acts[i]->arg);
        }
        x.act_count = 0;
        api_expect(&x, fd, over ? 400 : 200, over ? "too_many_ids" : "items");
        buf_free(&b);
    }
    api_stop(&x);
}

/* Reasons go to the audit log, once for every job: each way in holds them to the same length. */
static void test_why_limit(void) {
    struct api_fixture x;
    api_start(&x, plain);
    for (int over = 0; over <= 1; over++) {
        char why[INPUT_WHY_MAX + 2], path[INPUT_WHY_MAX + 64], body[INPUT_WHY_MAX + 128];
        memset(why, 'w', sizeof why);
        why[INPUT_WHY_MAX + over] = '\0';
        (void)snprintf(path, sizeof path, "/v1/jobs/" API_ID "?why=%s", why);
        (void)snprintf(body, sizeof body, "{\"ids\":[\"" API_ID "\"],\"why\":\"%s\"}", why);
        static const char *const bulk[] = {"/v1/jobs/cancel", "/v1/dlq/remove", NULL};
        for (size_t i = 0; i < ARRAY_LEN(bulk); i++) {
            int fd = bulk[i] == NULL ? api_send(&x, "DELETE", path, NULL)
                                     : api_send(&x, "POST", bulk[i], body);
            if (!over && bulk[i] != NULL && strstr(bulk[i], "dlq") != NULL) {
                api_done(&x, dead_get(&x, JOB_DEAD), 0);
            }
            EXPECT_EQ_UINT(over ? 0 : 1, x.act_count);
            if (x.act_count > 0) {
                EXPECT_EQ_STR(why, x.acts[0]->why);
                api_acted(&x, 0, 0, JOB_DEAD);
            }
            x.act_count = 0;
            api_expect(&x, fd, over ? 400 : 200, over ? "at most 500 bytes" : "{");
        }
    }
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"a job", test_job},
    {"a job that runs, that is parked, whose payload is no JSON", test_job_live},
    {"a job that has opened a flow", test_opener},
    {"children", test_children},
    {"jobs that join a flow", test_join},
    {"explain of one that waits for its children", test_explain_children},
    {"explain", test_explain},
    {"actions", test_actions},
    {"actions on many", test_bulk},
    {"actions on what a filter finds", test_bulk_filter},
    {"the length of reasons", test_why_limit},
};

SUITE_MAIN("api jobs", tests)
