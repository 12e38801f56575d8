// The API over dead letters, queues, plugins and the rest, against a store that answers as told.
#include "api_answers.h"
#include "store/limits.h"

/* ---- dead letters ---- */

static struct store_job dead_jobs[200];

static void answer_page(struct api_fixture *x, size_t count, const char *next) {
    struct store_list *list = api_take(x, STORE_LIST);
    EXPECT_EQ_INT(JOB_DEAD, list->filter.state);
    for (size_t i = 0; i < count; i++) {
        dead_jobs[i].spec.id = the_id();
    }
    list->jobs = dead_jobs;
    list->count = count;
    list->next_cursor = next;
    api_done(x, &list->op, 0);
}

static void answer_acts(struct api_fixture *x, size_t want, int status) {
    EXPECT_EQ_UINT(want, x->act_count);
    size_t n = x->act_count;
    struct jobs_act *acts[API_ACTS_MAX];
    memcpy(acts, x->acts, n * sizeof acts[0]);
    x->act_count = 0; // the last answer may start the next page
    for (size_t i = 0; i < n; i++) {
        acts[i]->status = status;
        acts[i]->done(acts[i], acts[i]->arg);
    }
    fixture_settle(&x->f);
}

static void test_dlq_walk(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "POST", "/v1/dlq/retry",
                      "{\"filter\":{\"type\":\"a\",\"class\":\"auth\"},\"why\":\"w\"}");
    answer_page(&x, 200, "next");
    EXPECT_EQ_INT(JOBS_RETRY, x.acts[0]->action);
    answer_acts(&x, 200, 0);
    EXPECT_EQ_STR("next", CONTAINER_OF(x.ops[0], struct store_list, op)->cursor);
    EXPECT_EQ_INT(JH_E_AUTH, CONTAINER_OF(x.ops[0], struct store_list, op)->filter.error_cls);
    answer_page(&x, 0, "more"); // a short page with a cursor is not the end
    answer_page(&x, 3, NULL);
    answer_acts(&x, 3, -EBUSY);
    api_expect(&x, fd, 200,
               "{\"matched\":203,\"done\":200,\"failed\":3,\"errors\":[{\"id\":\"" API_ID
               "\",\"error\":");
    // counting only
    fd = api_send(&x, "POST", "/v1/dlq/remove", "{\"all\":true,\"dry_run\":true}");
    answer_page(&x, 200, "next");
    answer_page(&x, 1, NULL);
    EXPECT_EQ_UINT(0, x.act_count);
    api_expect(&x, fd, 200,
               "{\"matched\":201,\"done\":0,\"failed\":0,\"dry_run\":true,\"errors\":[]}");
    // by ids
    fd = api_send(&x, "POST", "/v1/dlq/remove", "{\"ids\":[\"" API_ID "\"]}");
    api_done(&x, dead_get(&x, JOB_DEAD), 0);
    EXPECT_EQ_INT(JOBS_REMOVE, x.acts[0]->action);
    answer_acts(&x, 1, 0);
    api_expect(&x, fd, 200, "\"matched\":1,\"done\":1");
    // only dead letters
    fd = api_send(&x, "POST", "/v1/dlq/remove", "{\"ids\":[\"" API_ID "\"]}");
    api_done(&x, dead_get(&x, JOB_SUCCEEDED), 0);
    EXPECT_EQ_UINT(0, x.act_count);
    api_expect(&x, fd, 200,
               "{\"matched\":0,\"done\":0,\"failed\":1,\"errors\":[{\"id\":\"" API_ID
               "\",\"error\":{\"code\":\"wrong_state\",\"message\":\"it is no dead letter: the job "
               "is succeeded\"");
    fd = api_send(&x, "POST", "/v1/dlq/retry", "{\"ids\":[\"" API_ID "\"]}");
    api_done(&x, dead_get(&x, JOB_DEAD), -ENOENT);
    api_expect(&x, fd, 200, "job_not_found");
    // counting them only
    fd = api_send(&x, "POST", "/v1/dlq/remove", "{\"ids\":[\"" API_ID "\"],\"dry_run\":true}");
    api_done(&x, dead_get(&x, JOB_DEAD), 0);
    EXPECT_EQ_UINT(0, x.act_count);
    api_expect(&x, fd, 200,
               "{\"matched\":1,\"done\":0,\"failed\":0,\"dry_run\":true,\"errors\":[]}");
    fd = api_send(&x, "POST", "/v1/dlq/remove", "{\"ids\":[\"" API_ID "\"],\"dry_run\":true}");
    api_done(&x, dead_get(&x, JOB_DEAD), -ENOENT);
    api_expect(&x, fd, 200,
               "{\"matched\":0,\"done\":0,\"failed\":1,\"dry_run\":true,\"errors\":[{");
    // a store that fails in the middle
    fd = api_send(&x, "POST", "/v1/dlq/retry", "{\"all\":true}");
    api_done(&x, api_take(&x, STORE_LIST), -EIO);
    api_expect(&x, fd, 503, "store_unavailable");
    api_stop(&x);
}

static void test_dlq_refusals(void) {
    static const struct {
        const char *body, *part;
    } rows[] = {
        {"{}", "which_jobs"},
        {"{\"ids\":[]}", "which_jobs"},
        {"{\"all\":false}", "which_jobs"},
        {"{\"all\":true,\"filter\":{\"queue\":\"q\"}}", "which_jobs"},
        {"{\"filter\":{}}", "say \\\"all\\\": true"},
        {"{\"filter\":{\"class\":\"evil\"}}", "class is one of"},
        {"{\"filter\":{\"clas\":\"auth\"}}", "\"field\":\"filter.clas\""},
        {"{\"filter\":{\"state\":\"dead\"}}", "\"field\":\"filter.state\""},
        {"{\"filter\":{\"queue\":\"\"}}", "is empty"},
        {"{\"filter\":{\"q\":\"\"}}", "is empty"},
        {"{\"filter\":{\"type\":\"a\",\"class\":\"\"}}", "is empty"},
        {"{\"filter\":{\"type\":\"a\",\"type\":\"b\"}}", "\"field\":\"filter.type\""},
        {"{\"all\":true,\"all\":true}", "repeated_field"},
        {"{\"filter\":[]}", "must be an object"},
        {"{\"all\":1}", "must be true or false"},
        {"{\"everything\":true}", "unknown_field"},
    };
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        api_ask(&x, "POST", "/v1/dlq/remove", rows[i].body, 400, rows[i].part);
    }
    api_stop(&x);
}

/* ---- queues, plugins, administration ---- */

static void test_queues(void) {
    struct api_fixture x;
    api_start(&x, plain);
    static const char *const parts[] = {
        "{\"name\":\"q\",\"paused\":true,\"paused_by\":\"uid:0\",\"paused_why\":\"because\","
        "\"paused_at\":\"1970-01-01T00:00:02.000Z\",\"waiting\":{\"high\":1,\"normal\":2,\"low\":3}"
        ",\"states\":{\"scheduled\":0,"
        "\"queued\":6,",
        "\"oldest_ready_at\":\"1970-01-01T00:00:01.000Z\"",
        "{\"name\":\"named\",\"paused\":false", // has no jobs, but the configuration knows it
        "\"concurrency\":3",
        "\"store\":{\"bytes\":{\"jobs\":5,\"results\":0,\"kv\":0,\"blobs\":0}",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        check_op(&x, "GET", "/v1/queues", NULL, STORE_STATS, fill_stats, 0, 200, parts[i]);
    }
    int fd = api_send(&x, "POST", "/v1/queues/q/pause", "{\"why\":\"upstream is down\"}");
    struct store_queue_set *set = api_take(&x, STORE_QUEUE_SET);
    EXPECT_TRUE(set->paused);
    EXPECT_EQ_STR("q", set->queue);
    EXPECT_EQ_STR("upstream is down", set->why);
    EXPECT_CONTAINS("uid:", set->by);
    api_done(&x, &set->op, 0);
    api_expect(&x, fd, 200, "{\"name\":\"q\",\"paused\":true}");
    check_op(&x, "POST", "/v1/queues/q/resume", NULL, STORE_QUEUE_SET, NULL, 0, 200,
             "\"paused\":false");
    check_op(&x, "POST", "/v1/queues/q/resume", NULL, STORE_QUEUE_SET, NULL, -EROFS, 503,
             "store_read_only");
    api_ask(&x, "POST", "/v1/queues/q/pause", "{}", 400, "say why");
    api_ask(&x, "POST", "/v1/queues/q/pause", "{\"why\":\"  \"}", 400, "say why");
    api_ask(&x, "POST", "/v1/queues/no%2Fgood/pause", "{\"why\":\"x\"}", 400, "bad_queue");
    api_ask(&x, "POST", "/v1/queues/q/pause", "{\"why\":\"x\",\"rate\":\"1/s\"}", 400,
            "unknown_field");
    check_op(&x, "POST", "/v1/queues/q/resume", "{\"rate\":\"50/s\"}", STORE_QUEUE_SET, NULL, 0,
             200, "{\"name\":\"q\",\"paused\":false,\"release\":{\"rate\":\"50/s\",\"left\":3,");
    check_op(&x, "GET", "/v1/queues", NULL, STORE_STATS, fill_stats, 0, 200,
             "{\"name\":\"named\",\"paused\":false,\"release\":{\"rate\":\"50/s\"");
    check_op(&x, "POST", "/v1/queues/q/resume", "{\"rate\":\"1000000/h\"}", STORE_QUEUE_SET, NULL,
             0, 200, "\"rate\":\"1000000/h\"");
    static const char *const bad[] = {"0/s", "50", "50/d", "1000001/s", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char body[64];
        (void)snprintf(body, sizeof body, "{\"rate\":\"%s\"}", bad[i]);
        api_ask(&x, "POST", "/v1/queues/q/resume", body, 400, "from 1 to 1000000");
    }
    for (int over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, "{\"why\":\"");
        for (int i = 0; i < 500 + over; i++) {
            buf_char(&b, 'w');
        }
        buf_str(&b, "\"}");
        if (over) {
            api_ask(&x, "POST", "/v1/queues/q/pause", b.data, 400, "at most 500 bytes");
        } else {
            check_op(&x, "POST", "/v1/queues/q/pause", b.data, STORE_QUEUE_SET, NULL, 0, 200,
                     "true");
        }
        buf_free(&b);
    }
    api_stop(&x);
}

static void test_plugins(void) {
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\nplugins: {lazy: {enabled: false}}\n");
    static const char *const parts[] = {
        "{\"items\":[{\"name\":\"p\",\"state\":\"ready\",\"build\":\"1.2+abc\"",
        "\"workers\":[{\"pid\":77,\"state\":\"ready\"",
        "\"version\":\"1.2\",\"abi\":\"1.0\",\"options\":[{\"name\":\"token\",\"type\":\"string\","
        "\"required\":false,\"secret\":true}]",
        "\"handlers\":[{\"name\":\"p.run\",\"summary\":\"runs\",\"concurrent\":false,\"query\":"
        "false,\"state_"
        "version\":2,\"oldest_state_version\":1,\"restartable\":false,\"state_policy\":\"park\","
        "\"payload\":"
        "[{\"name\":\"n\",\"type\":\"int\",\"required\":true,\"help\":\"how "
        "many\"}],\"files\":[{\"name\":\"photo\",\"help\":\"a picture\"}]}]",
        "{\"name\":\"lazy\",\"state\":\"off\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        api_ask(&x, "GET", "/v1/plugins", NULL, 200, parts[i]);
    }
    api_ask(&x, "GET", "/v1/plugins/p", NULL, 200, "{\"name\":\"p\"");
    api_ask(&x, "GET", "/v1/plugins/lazy", NULL, 200, "\"state\":\"off\"");
    api_ask(&x, "GET", "/v1/plugins/none", NULL, 404, "plugin_not_found");
    api_ask(&x, "POST", "/v1/plugins/none/pause", "{\"why\":\"x\"}", 404, "plugin_not_found");
    api_ask(&x, "POST", "/v1/plugins/p/pause", NULL, 400, "say why");
    check_op(&x, "POST", "/v1/plugins/p/pause", "{\"why\":\"x\"}", STORE_QUEUE_SET, NULL, 0, 200,
             "{\"name\":\"p\",\"paused\":true}");
    check_op(&x, "POST", "/v1/plugins/p/resume", "{\"rate\":\"6/h\"}", STORE_QUEUE_SET, NULL, 0,
             200, "\"rate\":\"6/h\"");
    api_ask(&x, "POST", "/v1/host/pause", "{}", 400, "say why");
    check_op(&x, "POST", "/v1/host/pause", "{\"why\":\"x\"}", STORE_QUEUE_SET, NULL, 0, 200,
             "\"paused\":true}");
    check_op(&x, "POST", "/v1/host/resume", NULL, STORE_QUEUE_SET, NULL, 0, 200,
             "\"paused\":false}");
    api_stop(&x);
}

static void fill_hosts(void *op) {
    static struct store_host hosts[] = {
        {.name = "h", .version = "1", .pid = 5, .started_ms = 1000, .seen_ms = 1000},
        {.name = "l", .nonce = 1, .seen_ms = 2000, .lease_end_ms = INT64_MAX, .left = true},
        {.name = "s", .nonce = 2, .seen_ms = 3000, .lease_end_ms = 4000},
        {.name = "r",
         .nonce = 3,
         .seen_ms = 3000,
         .lease_end_ms = INT64_C(4102444800000),
         .running = 5},
        {.name = "g", .nonce = 4, .seen_ms = 3000, .lost = true, .running = 2},
    };
    struct store_host_list *l = CONTAINER_OF(op, struct store_host_list, op);
    l->hosts = hosts;
    l->count = ARRAY_LEN(hosts);
}

static void fill_audit(void *op) {
    static struct store_audit entries[] = {{.at_ms = 1000,
                                            .actor = "uid:0",
                                            .action = "queue.pause",
                                            .target = "q",
                                            .origin = "unix"}};
    struct store_audit_list *l = CONTAINER_OF(op, struct store_audit_list, op);
    EXPECT_EQ_UINT(7, l->limit);
    EXPECT_EQ_STR("c", l->cursor);
    l->entries = entries;
    l->count = 1;
    l->next_cursor = "d";
}

static void fill_fsck(void *op) {
    static struct store_fsck_finding findings[] = {
        {.code = "orphan_blob", .detail = "x", .repaired = true}};
    struct store_fsck *f = CONTAINER_OF(op, struct store_fsck, op);
    EXPECT_TRUE(f->repair);
    f->findings = findings;
    f->count = 1;
    f->total_findings = 1;
    f->jobs_checked = 9;
}

static void fill_dedup(void *op) {
    static struct store_dedup_entry entries[] = {{.queue = "q", .key = "k"}};
    struct store_dedup_list *l = CONTAINER_OF(op, struct store_dedup_list, op);
    EXPECT_EQ_STR("q", l->queue);
    entries[0].id = the_id();
    l->entries = entries;
    l->count = 1;
}

static void fill_limiters(void *op) {
    static struct limiter_holder held[] = {{1, 2000000, 1}};
    static struct limiter_slots settled[] = {{1060000, 1}};
    static struct store_limiter_state all[] = {{.name = "api:ann"}, {.name = "gone"}};
    struct store_limiter_list *l = CONTAINER_OF(op, struct store_limiter_list, op);
    EXPECT_NULL(l->limit);
    all[0].state = (struct limiter){.held = held,
                                    .held_count = 1,
                                    .held_cap = 1,
                                    .settled = settled,
                                    .settled_count = 1,
                                    .settled_cap = 1};
    l->limiters = all;
    l->count = 2;
    l->clock_ms = 1000000 - 500; // the store's clock is behind
}

static void fill_first_limiter(void *op) {
    struct store_limiter_list *l = CONTAINER_OF(op, struct store_limiter_list, op);
    fill_limiters(op);
    l->count = 1;
    l->next_cursor = "api:ann";
}

static void fill_used_limiter(void *op) {
    static struct store_limiter_state two = {.name = "two"};
    struct store_limiter_list *l = CONTAINER_OF(op, struct store_limiter_list, op);
    EXPECT_EQ_STR("api:ann", l->cursor);
    l->limiters = &two;
    l->count = 1;
    l->clock_ms = 1000000;
}

static void test_limits(void) {
    struct api_fixture x;
    api_start(&x,
              "host: {listen: []}\nlimits: {api: {rate: 2, per: 60s}, two: {concurrency: 2}}\n");
    // what nobody has used is there too; what another host's file has is not
    check_op(&x, "GET", "/v1/limits", NULL, STORE_LIMITER_LIST, fill_limiters, 0, 200,
             "{\"items\":[{\"name\":\"api\",\"limit\":\"api\",\"rate\":2,\"per_ms\":60000,"
             "\"window\":\"moving\",\"burst\":0,\"concurrency\":0,\"held\":0,\"settled\":0,"
             "\"foreign\":0,\"free\":2,\"learnt_rate\":0,\"waiting\":0},{\"name\":\"two\"");
    check_op(&x, "GET", "/v1/limits", NULL, STORE_LIMITER_LIST, fill_limiters, 0, 200,
             "\"name\":\"api:ann\",\"limit\":\"api\",\"rate\":2,\"per_ms\":60000,\"window\":"
             "\"moving\",\"burst\":0,\"concurrency\":0,\"held\":1,\"settled\":1,\"foreign\":0,"
             "\"free\":0,\"learnt_rate\":0,\"waits_for\":\"window\",\"free_at\":\"1970-01-01T00:17:"
             "40.");
    // "two" may be one that the store has, on the page that is next
    check_op(&x, "GET", "/v1/limits?limit=1", NULL, STORE_LIMITER_LIST, fill_first_limiter, 0, 200,
             "{\"items\":[{\"name\":\"api\",\"limit\":\"api\",\"rate\":2,\"per_ms\":60000,"
             "\"window\":\"moving\",\"burst\":0,\"concurrency\":0,\"held\":0,\"settled\":0,"
             "\"foreign\":0,\"free\":2,\"learnt_rate\":0,\"waiting\":0},{\"name\":\"api:ann\"");
    check_op(&x, "GET", "/v1/limits?limit=1&cursor=api:ann", NULL, STORE_LIMITER_LIST,
             fill_used_limiter, 0, 200, "{\"items\":[{\"name\":\"two\"");
    api_ask(&x, "GET", "/v1/limits?limit=0", NULL, 400, "limit");
    api_stop(&x);
}

static void check_hosts(struct api_fixture *x) {
    static const char left[] =
        "{\"name\":\"l\",\"boot\":\"0000000000000001\",\"pid\":0,\"state\":"
        "\"left\",\"seen_at\":\"1970-01-01T00:00:02.000Z\",\"jobs_running\":0,"
        "\"this\":false}";
    static const struct {
        enum host_phase phase;
        bool shared;
        const char *want;
    } rows[] = {
        {HOST_RUNNING, false,
         "{\"name\":\"h\",\"version\":\"1\",\"boot\":\"0000000000000000\",\"pid\":5,\"state\":"
         "\"running\",\"started_at\":\"1970-01-01T00:00:01.000Z\",\"seen_at\":\"1970-01-01T00:16:"
         "40.000Z\",\"jobs_running\":0,\"this\":true"},
        {HOST_DRAINING, false, "\"pid\":5,\"state\":\"draining\""},
        {HOST_RUNNING, false, left},
        {HOST_RUNNING, true, left},
        // on a store of one host, the others do not live
        {HOST_RUNNING, false, "\"boot\":\"0000000000000003\",\"pid\":0,\"state\":\"lost\""},
        {HOST_RUNNING, true,
         "\"boot\":\"0000000000000003\",\"pid\":0,\"state\":\"alive\",\"seen_at\":"
         "\"1970-01-01T00:00:03.000Z\",\"jobs_running\":5,\"lease_until\":\"2100-01-01T00:00:00."
         "000Z\",\"this\":"
         "false}"},
        {HOST_RUNNING, true, "\"boot\":\"0000000000000002\",\"pid\":0,\"state\":\"silent\""},
        {HOST_RUNNING, true,
         "\"boot\":\"0000000000000004\",\"pid\":0,\"state\":\"lost\",\"seen_at\":"
         "\"1970-01-01T00:00:03.000Z\",\"jobs_running\":2,\"this\":false}"},
    };
    struct store_ops shared = api_fake_store;
    shared.caps.shared = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        x->host.phase = rows[i].phase;
        x->host.store.ops = rows[i].shared ? &shared : &api_fake_store;
        check_op(x, "GET", "/v1/hosts", NULL, STORE_HOST_LIST, fill_hosts, 0, 200, rows[i].want);
    }
    x->host.phase = HOST_RUNNING;
    x->host.store.ops = &api_fake_store;
}

static void test_administration(void) {
    struct api_fixture x;
    api_start(&x, plain);
    check_hosts(&x);
    check_op(&x, "GET", "/v1/audit?limit=7&cursor=c", NULL, STORE_AUDIT_LIST, fill_audit, 0, 200,
             "\"actor\":\"uid:0\",\"action\":\"queue.pause\",\"target\":\"q\",\"from\":\"unix\","
             "\"outcome\":\"done\"}],"
             "\"next_cursor\":\"d\"}");
    check_op(&x, "POST", "/v1/fsck", "{\"repair\":true}", STORE_FSCK, fill_fsck, 0, 200,
             "{\"jobs_checked\":9,\"blobs_checked\":0,\"total\":1,\"repair\":true,\"findings\":[{"
             "\"code\":\"orphan_blob\","
             "\"detail\":\"x\",\"repaired\":true}]}");
    api_done(&x, api_take(&x, STORE_AUDIT_ADD), 0);
    check_op(&x, "POST", "/v1/fsck", NULL, STORE_FSCK, NULL, -ETIMEDOUT, 503, "store_timeout");
    check_op(&x, "GET", "/v1/dedup?queue=q", NULL, STORE_DEDUP_LIST, fill_dedup, 0, 200,
             "{\"items\":[{\"queue\":\"q\",\"key\":\"k\",\"job\":\"" API_ID "\"}]}");
    api_ask(&x, "GET", "/v1/config", NULL, 200, "state_dir");
    api_stop(&x);
}

static void test_dedup_release(void) {
    struct api_fixture x;
    api_start(&x, plain);
    for (int post = 0; post <= 1; post++) {
        int fd =
            post ? api_send(&x, "POST", "/v1/dedup/release", "{\"queue\":\"q\",\"key\":\"a/b c\"}")
                 : api_send(&x, "DELETE", "/v1/dedup?queue=q&key=a%2Fb+c", NULL);
        struct store_dedup_release *r = api_take(&x, STORE_DEDUP_RELEASE);
        EXPECT_EQ_STR("q", r->queue);
        EXPECT_EQ_STR("a/b c", r->key);
        api_done(&x, &r->op, 0);
        struct store_audit_add *audit = api_take(&x, STORE_AUDIT_ADD);
        EXPECT_EQ_STR("dedup.release", audit->entry.action);
        EXPECT_EQ_STR("a/b c", audit->entry.detail);
        api_done(&x, &audit->op, 0);
        api_expect(&x, fd, 200, "{\"released\":true}");
    }
    check_op(&x, "DELETE", "/v1/dedup?queue=q&key=k", NULL, STORE_DEDUP_RELEASE, NULL, -ENOENT, 404,
             "key_not_found");
    api_ask(&x, "DELETE", "/v1/dedup?queue=q", NULL, 400, "\"field\":\"key\"");
    api_ask(&x, "POST", "/v1/dedup/release", "{}", 400, "\"field\":\"queue\"");
    api_stop(&x);
}

static void fill_blob(void *op) {
    struct store_blob_put *put = CONTAINER_OF(op, struct store_blob_put, op);
    struct stat st = {0};
    EXPECT_TRUE(put->fd >= 0 && fstat(put->fd, &st) == 0);
    put->ref.size = (uint64_t)st.st_size;
    put->ref.sha256[31] = 0xfe;
}

static void test_blobs(void) {
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\nstore: {blobs: {max_in_store: 256KiB}}\n");
    for (size_t over = 0; over <= 1; over++) {
        char head[128];
        static char content[256 * 1024];
        int fd = client_unix(&x.f);
        (void)snprintf(head, sizeof head,
                       "POST /v1/blobs HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                       sizeof content + over);
        client_say(&x.f, fd, head);
        if (over) {
            api_expect(&x, fd, 413, "large_body");
            continue;
        }
        client_send(&x.f, fd, content, sizeof content);
        struct store_op *op = api_take(&x, STORE_BLOB_PUT);
        fill_blob(op);
        api_done(&x, op, 0);
        api_expect(&x, fd, 200, "0000fe\",\"size\":262144}");
    }
    check_op(&x, "POST", "/v1/blobs", "x", STORE_BLOB_PUT, NULL, -EDQUOT, 429, "budget_full");
    check_op(&x, "POST", "/v1/blobs", "x", STORE_BLOB_PUT, NULL, -EFBIG, 413, "large_body");
    api_stop(&x);
}

/* The budget's room at N and N + 1: by the head when that says so, else as it comes in. */
static void test_blob_room(void) {
    static const char *const bodies[] = {
        "Content-Length: 4\r\n\r\n1234",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n2\r\n34\r\n0\r\n\r\n",
        "Content-Length: 4\r\n\r\n"};
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\n");
    for (size_t i = 0; i < 5; i++) {
        bool fits = i < 2;
        char text[256];
        int fd = client_unix(&x.f);
        x.blob_room = fits ? 4 : 3;
        (void)snprintf(text, sizeof text, "POST /v1/blobs HTTP/1.1\r\nHost: a\r\n%s",
                       bodies[fits ? i : i - 2]);
        client_say(&x.f, fd, text);
        if (fits) {
            struct store_op *op = api_take(&x, STORE_BLOB_PUT);
            fill_blob(op);
            api_done(&x, op, 0);
        }
        api_expect(&x, fd, fits ? 200 : 429, fits ? "\"size\":4" : "budget_full");
        EXPECT_EQ_UINT(0, x.op_count);
    }
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"the room for blobs", test_blob_room},
    {"walking the dead letters", test_dlq_walk},
    {"which dead letters", test_dlq_refusals},
    {"queues", test_queues},
    {"plugins", test_plugins},
    {"hosts, audit, fsck, keys, configuration", test_administration},
    {"limiters, used and not", test_limits},
    {"releasing a key", test_dedup_release},
    {"blobs", test_blobs},
};

SUITE_MAIN("api admin", tests)
