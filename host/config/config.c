#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "config/config_bind.h"
#include "config/config_check.h"
#include "config/config_defaults.h"
#include "config/config_dump.h"
#include "config/config_excerpt.h"
#include "config/config_report.h"
#include "config/config_source.h"

struct load {
    const struct config_env *env;
    const struct config_load_options *options;
    struct config_report *report;
    struct config_sources sources;
    const char *name;
};

static struct config *new_config(struct load *l) {
    struct config_private *p = calloc(1, sizeof(*p));
    struct config *c = p == NULL ? NULL : arena_zalloc(&p->arena, sizeof(*c));
    if (c == NULL) {
        config_private_free(p);
        config_report_error(l->report, (struct config_place){l->name, 0, 1, 1}, "", "no_memory",
                            "out of memory");
        return NULL;
    }
    c->priv = p;
    return c;
}

struct config *config_hold(const struct config *config) {
    config->priv->more_users++;
    return (struct config *)(uintptr_t)config; // it stays as it is; whoever holds it may free it
}

void config_free(struct config **config) {
    struct config *c = *config;
    *config = NULL;
    if (c != NULL && c->priv->more_users > 0) {
        c->priv->more_users--;
    } else if (c != NULL) {
        config_private_free(c->priv); // the config itself lives in its arena
    }
}

static void bind(struct load *l, struct yaml_node *root, struct config *c) {
    struct config_binding b = {
        .priv = c->priv,
        .report = l->report,
        .sources = &l->sources,
        .env = l->env,
        .at = {l->sources.items[0].name, 0, 1, 1},
        .place_only = l->options != NULL && l->options->place_only,
        .loose = &c->host.allow_loose_secret_files,
    };
    const char *slash = strrchr(l->name, '/');
    c->file = config_bind_checked(&b, config_path_join(&c->priv->arena, l->sources.items[0].dir,
                                                       slash == NULL ? l->name : slash + 1));
    config_bind_table(&b, &config_root, root, c);
    if (b.place_only) {
        config_fill_place(&b, &c->host);
        return;
    }
    config_bind_table(&b, &config_queue_table, NULL, &c->queue_default);
    config_bind_table(&b, &config_job_table, NULL, &c->job_default);
    c->queue_default.entry.enabled = c->job_default.entry.enabled = ENABLED_TRUE;
    c->queue_default.entry.on = true;
    c->job_default.entry.on = true;
    config_fill_defaults(&b, c, l->options);
    config_origins_sort(c->priv);
    config_fill_given(c);
    if (config_index_build(c) < 0) {
        config_bind_no_memory(&b, NULL);
        return;
    }
    config_check(&b, c);
    if (l->report->errors == 0 && config_hash(c, c->hash) < 0) {
        config_bind_no_memory(&b, NULL);
    }
}

// From the tree to the config; frees what the load needed.
static struct config *finish(struct load *l, struct yaml_node *root) {
    struct config *c = root == NULL ? NULL : new_config(l);
    if (c != NULL) {
        bind(l, root, c);
    }
    config_report_sort(l->report);
    config_report_excerpts(l->report, config_excerpt, &l->sources);
    if (l->options != NULL && l->options->strict) {
        config_report_harden(l->report);
    }
    config_sources_finish(&l->sources);
    if (l->report->errors > 0) {
        config_free(&c);
    }
    return c;
}

struct config *config_load(const char *path, const struct config_env *env,
                           const struct config_load_options *options,
                           struct config_report *ret_report) {
    struct load l = {.env = env, .options = options, .report = ret_report, .name = path};
    config_report_init(ret_report);
    return finish(&l, config_sources_load(&l.sources, path, ret_report));
}

struct config *config_load_text(const char *name, struct bytes text, const struct config_env *env,
                                const struct config_load_options *options,
                                struct config_report *ret_report) {
    struct load l = {.env = env, .options = options, .report = ret_report, .name = name};
    config_report_init(ret_report);
    l.sources.no_files = options != NULL && options->memory_only;
    return finish(&l, config_sources_load_text(&l.sources, name, text, ret_report));
}
