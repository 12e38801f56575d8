/* Key/values of plugins. Value, counter, set and claim of one key are four things that do not
 * disturb each other. */
#ifndef JOBHOST_STORE_SQLITE_KV_H
#define JOBHOST_STORE_SQLITE_KV_H

/* The column `kind`. Values are stored. */
enum kv_kind { KV_VALUE = 0, KV_COUNTER = 1, KV_SET = 2, KV_CLAIM = 3 };

enum { KV_OVERHEAD = 48 }; /* what a row takes beside key and value, for BUDGET_KV */

#endif
