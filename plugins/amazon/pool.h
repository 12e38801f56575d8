/* Memory that lives as long as a report: allocated piece by piece, freed at once. */
#ifndef AMAZON_POOL_H
#define AMAZON_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct pool {
    struct pool_block *blocks;
    bool failed; /* an allocation did: everything got since may be NULL or "" */
};

/* Zeroed; NULL when memory runs out or `count` * `size` does not fit. */
void *pool_array(struct pool *p, size_t count, size_t size);
/* Copied, with a NUL; "" when memory runs out. Never NULL. */
const char *pool_text(struct pool *p, const char *text, size_t len);
__attribute__((format(printf, 2, 3))) const char *pool_printf(struct pool *p, const char *format,
                                                              ...);
void pool_free(struct pool *p);

#endif
