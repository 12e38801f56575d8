#include "worker/manifest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/job.h"
#include "worker/check.h"

// Sizes of ABI 1.0: what every plugin of major 1 has at least.
enum { PLUGIN_SIZE_1_0 = 72, HANDLER_SIZE_1_0 = 40 };

static int check_size(const char *field, uint32_t size, uint32_t least, struct err *e) {
    if (size < least || size > MANIFEST_STRIDE_MAX || size % 8 != 0) {
        return err_set(e, -EPROTO,
                       "jobhost_plugin.%s is %u, ABI %u.0 has %u: build the plugin with this "
                       "host's SDK",
                       field, size, JH_ABI_MAJOR, least);
    }
    return 0;
}

// Only the first four fields may be looked at until magic and major are known to be right.
static int check_abi(const struct jh_plugin *p, struct err *e) {
    if (p->magic != JH_ABI_MAGIC) {
        return err_set(e, -EPROTO,
                       "jobhost_plugin.magic is 0x%08x, this host expects 0x%08x: begin the "
                       "struct with JH_PLUGIN_INIT",
                       p->magic, JH_ABI_MAGIC);
    }
    if (p->abi_major != JH_ABI_MAJOR) {
        return err_set(e, -EPROTO,
                       "jobhost_plugin.abi_major is %u, this host speaks %u: rebuild the plugin "
                       "with this host's SDK",
                       p->abi_major, JH_ABI_MAJOR);
    }
    if (p->abi_minor > JH_ABI_MINOR) {
        return err_set(e, -EPROTO,
                       "jobhost_plugin.abi_minor is %u, this host has %u: upgrade the host, or "
                       "build the plugin with -DJH_ABI_MINOR=%uu",
                       p->abi_minor, JH_ABI_MINOR, JH_ABI_MINOR);
    }
    int rc = check_size("size", p->size, PLUGIN_SIZE_1_0, e);
    return rc < 0 ? rc : check_size("handler_size", p->handler_size, HANDLER_SIZE_1_0, e);
}

static int check_options(const char *where, const struct jh_option *options, int32_t last_type,
                         uint32_t *ret_count, struct err *e) {
    uint32_t n = 0;
    for (; options != NULL && options[n].name != NULL; n++) {
        const struct jh_option *o = &options[n];
        if (n == MANIFEST_OPTIONS_MAX) {
            return err_set(e, -EPROTO, "%s: more than %d entries, or no {0} at the end", where,
                           MANIFEST_OPTIONS_MAX);
        }
        if (check_text(o->name, MANIFEST_OPTION_NAME_MAX) < 0) {
            return err_set(e, -EPROTO, "%s[%u].name is empty or longer than %d", where, n,
                           MANIFEST_OPTION_NAME_MAX);
        }
        if (o->type < JH_OPT_STRING || o->type > last_type) {
            return err_set(e, -EPROTO, "%s: \"%s\" has type %d, this host knows %d to %d", where,
                           o->name, o->type, JH_OPT_STRING, last_type);
        }
        if (o->type == JH_OPT_CHOICE &&
            (o->fallback == NULL || o->fallback[0] == '\0' || o->fallback[0] == ' ')) {
            return err_set(e, -EPROTO, "%s: \"%s\" is a choice: its fallback begins with a word",
                           where, o->name);
        }
        for (uint32_t i = 0; i < n; i++) {
            if (strcmp(options[i].name, o->name) == 0) {
                return err_set(e, -EPROTO, "%s: \"%s\" appears twice", where, o->name);
            }
        }
    }
    *ret_count = n;
    return 0;
}

// The type of the row called `name`, of the first `count`; 0 = there is none.
static int32_t type_of(const struct jh_option *options, uint32_t count, const char *name,
                       size_t len) {
    for (uint32_t i = 0; i < count; i++) {
        if (strncmp(options[i].name, name, len) == 0 && options[i].name[len] == '\0') {
            return options[i].type;
        }
    }
    return 0;
}

// What row `n` is in stands above it: an object, a list, or the list of its element.
static bool has_parent(const struct jh_option *options, uint32_t n) {
    const char *name = options[n].name, *dot = strrchr(name, '.');
    size_t len = strlen(name);
    if (len > 2 && strcmp(name + len - 2, "[]") == 0) {
        return type_of(options, n, name, len - 2) == JH_OPT_LIST;
    }
    if (dot == NULL) {
        return true;
    }
    len = (size_t)(dot - name);
    int32_t above = type_of(options, n, name, len);
    return above == JH_OPT_OBJECT ||
           (above == 0 && len > 2 && memcmp(name + len - 2, "[]", 2) == 0 &&
            type_of(options, n, name, len - 2) == JH_OPT_LIST);
}

static int check_paths(const char *where, const struct jh_option *options, struct err *e) {
    for (uint32_t n = 0; options[n].name != NULL; n++) {
        if (options[n].type != JH_OPT_FILE && !has_parent(options, n)) {
            return err_set(e, -EPROTO, "%s: \"%s\" is in no object or list that stands above it",
                           where, options[n].name);
        }
    }
    return 0;
}

// What a query has no use for would be a misunderstanding.
static int check_query(const struct jh_handler *h, struct err *e) {
    if ((h->flags & JH_HANDLER_RESTARTABLE) != 0 || h->state_version > 1) {
        return err_set(e, -EPROTO,
                       "handler \"%s\": a query has no steps; it is neither restartable nor has it "
                       "a state_version",
                       h->name);
    }
    for (uint32_t n = 0; h->takes != NULL && h->takes[n].name != NULL; n++) {
        if (h->takes[n].type == JH_OPT_FILE) {
            return err_set(e, -EPROTO, "handler \"%s\": a query has no files, as \"%s\" would be",
                           h->name, h->takes[n].name);
        }
    }
    return 0;
}

static int check_handler(struct manifest *m, uint32_t index, struct err *e) {
    const struct jh_handler *h = &m->handlers[index];
    struct err why;
    if (h->name == NULL) {
        return err_set(e, -EPROTO, "handlers[%u].name is NULL", index);
    }
    if (job_check_type(h->name, &why) < 0) {
        return err_set(e, -EPROTO, "handlers[%u].name \"%.*s\": %s", index, JOB_TYPE_MAX, h->name,
                       why.msg);
    }
    if (h->run == NULL) {
        return err_set(e, -EPROTO, "handler \"%s\": run is NULL", h->name);
    }
    if (h->oldest_state_version > h->state_version) {
        return err_set(e, -EPROTO,
                       "handler \"%s\": oldest_state_version is %u, its state_version %u", h->name,
                       h->oldest_state_version, h->state_version);
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(m->handlers[i].name, h->name) == 0) {
            return err_set(e, -EPROTO, "handler \"%s\" appears twice", h->name);
        }
    }
    char where[JOB_TYPE_MAX + 32];
    (void)snprintf(where, sizeof where, "payload of \"%s\"", h->name);
    int rc = check_options(where, h->payload, JH_OPT_URL, &m->field_counts[index], e);
    if (rc < 0 || h->takes == NULL) {
        return rc;
    }
    (void)snprintf(where, sizeof where, "takes of \"%s\"", h->name);
    rc = check_options(where, h->takes, JH_OPT_DAY, &m->field_counts[index], e);
    return rc < 0 ? rc : check_paths(where, h->takes, e);
}

static int check_each(struct manifest *m, struct err *e) {
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < m->plugin.handler_count; i++) {
        rc = check_handler(m, i, e);
        if (rc == 0 && (m->handlers[i].flags & JH_HANDLER_QUERY) != 0) {
            rc = check_query(&m->handlers[i], e);
        }
    }
    return rc;
}

static int copy_handlers(struct manifest *m, struct err *e) {
    const struct jh_plugin *p = &m->plugin;
    if (p->handlers == NULL || p->handler_count == 0 || p->handler_count > MANIFEST_HANDLERS_MAX) {
        return err_set(e, -EPROTO, "jobhost_plugin.handler_count is %u, allowed are 1 to %d%s",
                       p->handler_count, MANIFEST_HANDLERS_MAX,
                       p->handlers == NULL ? ", and handlers is NULL" : "");
    }
    m->handlers = calloc(p->handler_count, sizeof *m->handlers);
    m->field_counts = calloc(p->handler_count, sizeof *m->field_counts);
    if (m->handlers == NULL || m->field_counts == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    size_t size = p->handler_size < sizeof *m->handlers ? p->handler_size : sizeof *m->handlers;
    for (uint32_t i = 0; i < p->handler_count; i++) {
        struct jh_handler *h = &m->handlers[i];
        memcpy(h, (const char *)p->handlers + (size_t)i * p->handler_size, size);
        h->state_version = h->state_version == 0 ? 1 : h->state_version; // 0 says "no steps"
        if (h->oldest_state_version == 0) {
            h->oldest_state_version = h->state_version;
        }
    }
    return 0;
}

static int check_names(const struct jh_plugin *p, struct err *e) {
    struct err why;
    if (p->name == NULL) {
        return err_set(e, -EPROTO, "jobhost_plugin.name is NULL");
    }
    if (job_check_queue(p->name, &why) < 0) {
        return err_set(e, -EPROTO, "jobhost_plugin.name \"%.*s\": %s", JOB_QUEUE_MAX, p->name,
                       why.msg);
    }
    if (check_text(p->version, MANIFEST_VERSION_MAX) < 0) {
        return err_set(e, -EPROTO, "jobhost_plugin.version is NULL, empty or longer than %d",
                       MANIFEST_VERSION_MAX);
    }
    return 0;
}

int manifest_read(const struct jh_plugin *plugin, struct manifest *ret, const char **ret_stage,
                  struct err *e) {
    struct manifest m = {0};
    *ret_stage = "abi";
    int rc = check_abi(plugin, e);
    if (rc < 0) {
        return rc;
    }
    *ret_stage = "manifest";
    memcpy(&m.plugin, plugin, plugin->size < sizeof m.plugin ? plugin->size : sizeof m.plugin);
    rc = check_names(&m.plugin, e);
    if (rc == 0) {
        rc = check_options("options", m.plugin.options, JH_OPT_URL, &m.option_count, e);
    }
    if (rc == 0) {
        rc = copy_handlers(&m, e);
    }
    if (rc == 0) {
        rc = check_each(&m, e);
    }
    if (rc < 0) {
        manifest_finish(&m);
        return rc;
    }
    *ret = m;
    return 0;
}

void manifest_finish(struct manifest *m) {
    free(m->handlers);
    free(m->field_counts);
    m->handlers = NULL;
    m->field_counts = NULL;
}
