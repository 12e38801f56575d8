/* The parts of report.json, for the files render_json*.c alone. */
#ifndef AMAZON_RENDER_JSON_H
#define AMAZON_RENDER_JSON_H

#include "json_out.h"
#include "report.h"

void render_json_business(struct json_out *j, const struct business *b);
void render_json_orders(struct json_out *j, const struct orders *o);
/* The members "abc" and "concentration". */
void render_json_abc(struct json_out *j, const struct abc_class abc[3],
                     const struct concentration *c);

#endif
