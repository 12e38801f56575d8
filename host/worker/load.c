#define _GNU_SOURCE // dlinfo, dl_iterate_phdr

#include "worker/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>

struct span {
    const struct link_map *map;
    uint64_t begin, end;
};

static int measure_object(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    struct span *span = arg;
    if (info->dlpi_addr != span->map->l_addr || strcmp(info->dlpi_name, span->map->l_name) != 0) {
        return 0;
    }
    span->begin = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uint64_t end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        if (segment->p_type == PT_LOAD && end > span->end) {
            span->end = end;
        }
    }
    return 1;
}

static int find_symbol(struct plugin *p, const struct jh_plugin **ret, struct err *e) {
    const void *symbol = dlsym(p->handle, "jobhost_plugin");
    uint64_t address = (uint64_t)(uintptr_t)symbol;
    // dlsym() also looks into the libraries that the plugin is linked with.
    if (symbol == NULL || address < p->begin || address >= p->end) {
        return err_set(e, -ENOENT,
                       "the file does not export `jobhost_plugin`: define it as `JH_EXPORT const "
                       "struct jh_plugin jobhost_plugin = {JH_PLUGIN_INIT, ...}`");
    }
    *ret = symbol;
    return 0;
}

int load_plugin(const char *path, struct plugin *ret, const char **ret_stage, struct err *e) {
    struct plugin p = {0};
    *ret_stage = "load";
    p.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (p.handle == NULL) {
        return err_set(e, -ENOEXEC, "%s", dlerror());
    }
    struct span span = {0};
    if (dlinfo(p.handle, RTLD_DI_LINKMAP, &span.map) != 0 ||
        dl_iterate_phdr(measure_object, &span) == 0) {
        return err_set(e, -ENOEXEC, "%s: loaded, but not found in memory", path);
    }
    p.begin = span.begin;
    p.end = span.end;
    *ret_stage = "symbol";
    const struct jh_plugin *symbol = NULL;
    int rc = find_symbol(&p, &symbol, e);
    if (rc == 0) {
        rc = manifest_read(symbol, &p.manifest, ret_stage, e);
    }
    if (rc < 0) {
        return rc;
    }
    *ret = p;
    return 0;
}
