#include "api/view.h"

#include <string.h>

static const struct view *const views[] = {&view_amazon};

const struct view *view_find(const char *name) {
    for (size_t i = 0; name != NULL && i < ARRAY_LEN(views); i++) {
        if (strcmp(views[i]->name, name) == 0) {
            return views[i];
        }
    }
    return NULL;
}
