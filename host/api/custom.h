/* Routes of the configuration (the section `routes`), compiled at start and at each reload: a path template, an
 * action, and the view that gives the request and the answer their form. */
#ifndef JOBHOST_API_CUSTOM_H
#define JOBHOST_API_CUSTOM_H

#include "api/routes.h"

struct verifier;
struct view;

struct custom_route {
    struct route route;
    const struct config_route *config;
    const struct view *view;   /* NULL: v1, the API's own forms */
    unsigned id_at;            /* which of the path's names is {id}; 0 for an action on no job */
    struct verifier *verifier; /* of its own auth; NULL: it has none, or is a copy */
    bool proven;               /* by its own auth, and by nothing else  */
    bool head_proves;          /* ... which looks at headers alone      */
    bool open;                 /* its auth is `none`                    */
    int64_t keep_ms; /* how long finished jobs of this view are kept: older ids are not unknown but
                        expired */
};

struct custom_routes {
    struct custom_route *items;
    size_t count;
    struct config *config; /* held: what they point into */
};

/* Those that are on. 0 or -ENOMEM. */
int custom_compile(const struct config *c, struct custom_routes *ret);
/* For a call that may end after they have been compiled anew: with what is asked of it later (job, queue, max_body, cors). NULL:
 * no memory. */
const struct custom_route *custom_copy(const struct custom_route *from, struct arena *a);
void custom_finish(struct custom_routes *routes);

#endif
