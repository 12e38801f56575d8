#include "config/config_part.h"

#include <errno.h>
#include <stdlib.h>

#include "config/config_excerpt.h"

struct part_load {
    const struct config_env *env;
    const struct config_table *table;
    config_part_check *check;
    void *base;
    struct config_report *report;
    struct config_sources sources;
};

static void bind(struct part_load *l, struct yaml_node *root, struct config_private *priv) {
    static const bool loose = false;
    struct config_binding b = {
        .priv = priv,
        .report = l->report,
        .sources = &l->sources,
        .env = l->env,
        .at = {l->sources.items[0].name, 0, 1, 1},
        .loose = &loose,
    };
    config_bind_table(&b, l->table, root, l->base);
    if (l->report->errors == 0 && l->check != NULL) {
        l->check(&b, l->base);
    }
}

static int finish(struct part_load *l, struct yaml_node *root, struct config_part *ret) {
    ret->priv = calloc(1, sizeof *ret->priv);
    if (ret->priv == NULL) {
        config_report_error(l->report, (struct config_place){"", 0, 1, 1}, "", "no_memory",
                            "out of memory");
    } else if (root != NULL) {
        bind(l, root, ret->priv);
    }
    config_report_sort(l->report);
    config_report_excerpts(l->report, config_excerpt, &l->sources);
    config_sources_finish(&l->sources);
    return l->report->errors > 0 ? -EINVAL : 0;
}

int config_part_load(const char *path, const struct config_env *env,
                     const struct config_table *table, config_part_check *check, void *base,
                     struct config_part *ret, struct config_report *report) {
    struct part_load l = {
        .env = env, .table = table, .check = check, .base = base, .report = report};
    config_report_init(report);
    return finish(&l, config_sources_load(&l.sources, path, report), ret);
}

int config_part_load_text(const char *name, struct bytes text, const struct config_env *env,
                          const struct config_table *table, config_part_check *check, void *base,
                          struct config_part *ret, struct config_report *report) {
    struct part_load l = {
        .env = env, .table = table, .check = check, .base = base, .report = report};
    config_report_init(report);
    l.sources.no_files = true;
    return finish(&l, config_sources_load_text(&l.sources, name, text, report), ret);
}

void config_part_finish(struct config_part *part) {
    config_private_free(part->priv);
    part->priv = NULL;
}
