// openapi.json against the table of routes, both ways: the same paths, methods and parameters.
#include <cJSON.h>

#include "api/openapi.h"
#include "api/routes.h"
#include "api_fixture.h"
#include "net/http1.h"

static cJSON *document;

static const cJSON *get(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text(const cJSON *object, const char *name) {
    const char *value = cJSON_GetStringValue(get(object, name));
    return value == NULL ? "" : value;
}

/* What stands at "#/a/b/c", or the thing itself. */
static const cJSON *resolve(const cJSON *thing) {
    const char *ref = text(thing, "$ref");
    if (ref[0] == '\0') {
        return thing;
    }
    char copy[256];
    const cJSON *at = document;
    (void)snprintf(copy, sizeof copy, "%s", ref + 2);
    char *rest = NULL;
    for (char *part = strtok_r(copy, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest)) {
        at = get(at, part);
    }
    EXPECT_TRUE(at != NULL);
    return at;
}

static bool list_has(const char *list, const char *word) {
    size_t len = strlen(word);
    for (const char *p = list; p != NULL && *p != '\0'; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (n == len && memcmp(p, word, n) == 0) {
            return true;
        }
        p += n;
    }
    return false;
}

static unsigned words(const char *list) {
    unsigned n = 0;
    for (const char *p = list; p != NULL && *p != '\0'; p += strspn(p, " ")) {
        n++;
        p += strcspn(p, " ");
    }
    return n;
}

static unsigned names_in(const char *pattern) {
    unsigned n = 0;
    for (const char *p = pattern; *p != '\0'; p++) {
        n += *p == '{';
    }
    return n;
}

static void check_parameters(const struct route *route, const cJSON *operation) {
    unsigned query = 0, path = 0;
    const cJSON *parameter;
    cJSON_ArrayForEach(parameter, get(operation, "parameters")) {
        const cJSON *p = resolve(parameter);
        char name[80];
        (void)snprintf(name, sizeof name, "{%s}", text(p, "name"));
        if (strcmp(text(p, "in"), "query") == 0) {
            query++;
            EXPECT_TRUE(list_has(route->query, text(p, "name")));
        } else if (strcmp(text(p, "in"), "path") == 0) {
            path++;
            EXPECT_CONTAINS(name, route->pattern);
            EXPECT_TRUE(cJSON_IsTrue(get(p, "required")));
        }
    }
    EXPECT_EQ_UINT(words(route->query), query);
    EXPECT_EQ_UINT(names_in(route->pattern), path);
}

static const cJSON *operation_of(const struct route *route) {
    char method[16] = "";
    for (size_t i = 0; route->method[i] != '\0' && i < sizeof method - 1; i++) {
        method[i] = (char)(route->method[i] | 0x20);
        method[i + 1] = '\0';
    }
    return get(get(get(document, "paths"), route->pattern), method);
}

static void test_routes_are_described(void) {
    size_t count;
    const struct route *routes = routes_table(&count);
    for (size_t i = 0; i < count; i++) {
        const cJSON *operation = operation_of(&routes[i]);
        if (!EXPECT_TRUE(operation != NULL)) {
            (void)printf("    %s %s is not in openapi.json\n", routes[i].method, routes[i].pattern);
            continue;
        }
        check_parameters(&routes[i], operation);
        EXPECT_EQ_INT(routes[i].body != BODY_NONE, get(operation, "requestBody") != NULL);
    }
}

/* Who may ask, and what he gets who is bound, is the same in the table and in the document. */
static void test_needs_are_described(void) {
    static const char *const needs[] = {
        [NEEDS_ADMIN] = "admin",   [NEEDS_OPERATOR] = "operator", [NEEDS_SUBMIT] = "submit",
        [NEEDS_VIEWER] = "viewer", [NEEDS_READ] = "any",          [NEEDS_NOTHING] = "none"};
    static const char *const bounds[] = {
        [BOUND_REFUSED] = "refused", [BOUND_OWN] = "own", [BOUND_QUEUES] = "queues"};
    size_t count;
    const struct route *routes = routes_table(&count);
    for (size_t i = 0; i < count; i++) {
        const cJSON *operation = operation_of(&routes[i]);
        EXPECT_STR(needs[routes[i].needs], text(operation, "x-scope"));
        EXPECT_STR(bounds[routes[i].bound], text(operation, "x-bound"));
    }
}

static void test_scopes(void) {
    static const struct {
        enum route_needs needs;
        bool viewer, submit, operator, admin;
    } rows[] = {
        {NEEDS_ADMIN, false, false, false, true}, {NEEDS_OPERATOR, false, false, true, true},
        {NEEDS_SUBMIT, false, true, true, true},  {NEEDS_VIEWER, true, false, true, true},
        {NEEDS_READ, true, true, true, true},     {NEEDS_NOTHING, true, true, true, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct route route = {.needs = rows[i].needs};
        EXPECT_EQ_INT(rows[i].viewer, routes_allows(&route, TOKEN_VIEWER));
        EXPECT_EQ_INT(rows[i].submit, routes_allows(&route, TOKEN_SUBMIT));
        EXPECT_EQ_INT(rows[i].operator, routes_allows(&route, TOKEN_OPERATOR));
        EXPECT_EQ_INT(rows[i].admin, routes_allows(&route, TOKEN_ADMIN));
        EXPECT_EQ_INT(rows[i].needs == NEEDS_NOTHING, routes_allows(&route, TOKEN_NO_SCOPE));
    }
    EXPECT_TRUE(routes_allows(NULL, TOKEN_VIEWER)); // he hears that there is none
}

/* What the server answers by itself may be the answer to anything. */
static void test_refusals_are_described(void) {
    size_t count;
    const struct route *routes = routes_table(&count);
    for (size_t i = 0; i < count; i++) {
        const cJSON *responses = get(operation_of(&routes[i]), "responses");
        for (size_t e = HTTP1_OK + 1; e < HTTP1_ERROR_COUNT; e++) {
            char status[16];
            (void)snprintf(status, sizeof status, "%d", http1_error_rows[e].status);
            if (!EXPECT_TRUE(get(responses, status) != NULL)) {
                (void)printf("    %s %s: %s\n", routes[i].method, routes[i].pattern, status);
            }
        }
    }
}

static void test_nothing_else_is(void) {
    size_t count, described = 0;
    (void)routes_table(&count);
    const cJSON *path, *operation;
    cJSON_ArrayForEach(path, get(document, "paths")) {
        cJSON_ArrayForEach(operation, path) {
            described++;
        }
    }
    EXPECT_EQ_UINT(count, described);
    EXPECT_STR(JOBHOST_VERSION, text(get(document, "info"), "version"));
}

static void test_it_is_served(void) {
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\n");
    struct answer a = client_answer(&x.f, api_send(&x, "GET", "/v1/openapi.json", NULL));
    EXPECT_EQ_INT(200, a.status);
    EXPECT_CONTAINS("Content-Type: application/json\r\n", a.head.data);
    EXPECT_EQ_BYTES(openapi_json, openapi_json_len, a.body.data, a.body.len);
    answer_free(&a);
    fixture_settle(&x.f);
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"every route is described", test_routes_are_described},
    {"who may ask is described", test_needs_are_described},
    {"which scope is good for what", test_scopes},
    {"what the server refuses is", test_refusals_are_described},
    {"nothing else is", test_nothing_else_is},
    {"it is served", test_it_is_served},
};

int main(int argc, char **argv) {
    document = cJSON_ParseWithLength(openapi_json, openapi_json_len);
    if (document == NULL) {
        (void)fprintf(stderr, "openapi.json is no JSON\n");
        return EXIT_FAILURE;
    }
    int status = expect_run("api openapi", tests, ARRAY_LEN(tests), argc, argv);
    cJSON_Delete(document);
    return status;
}
