#include "worker/settings.h"

#include <errno.h>
#include <string.h>

int settings_read(struct record *r, struct settings *ret) {
    struct settings s = {0};
    struct arena scratch = {0};
    struct msg_config m;
    int rc = msg_config_get(r, &scratch, &m);
    if (rc < 0) {
        arena_free(&scratch);
        return rc;
    }
    s.items = arena_zalloc(&s.arena, (m.setting_count + 1) * sizeof *s.items);
    for (; s.items != NULL && s.count < m.setting_count; s.count++) {
        const struct msg_setting *from = &m.settings[s.count];
        struct msg_setting *to = &s.items[s.count];
        to->option = arena_str(&s.arena, from->option);
        to->value = arena_str(&s.arena, from->value);
        if (to->option == NULL || (to->value == NULL && from->value != NULL)) {
            break;
        }
    }
    rc = s.items != NULL && s.count == m.setting_count ? 0 : -ENOMEM;
    arena_free(&scratch);
    if (rc < 0) {
        settings_finish(&s);
        return rc;
    }
    *ret = s;
    return 0;
}

const char *settings_value(const struct settings *s, const char *option) {
    for (uint32_t i = 0; option != NULL && i < s->count; i++) {
        if (strcmp(s->items[i].option, option) == 0) {
            return s->items[i].value;
        }
    }
    return NULL;
}

void settings_finish(struct settings *s) {
    arena_free(&s->arena);
    *s = (struct settings){0};
}
