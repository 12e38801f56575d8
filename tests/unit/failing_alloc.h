/* malloc, calloc and realloc that fail when told to. The executable is linked with jh_unit_test(... FAILING_ALLOC). */
#ifndef JOBHOST_TESTS_FAILING_ALLOC_H
#define JOBHOST_TESTS_FAILING_ALLOC_H

/* The nth allocation from now on fails, and all that follow; 0 = none. */
void failing_alloc_after(int nth);

#endif
