/* What benchmarks measure with: the clock, processor time, latencies that a plugin notes, lines of JSON in the form of the
 * peers' benchmarks. Errors end the program with words. */
#ifndef JOBHOST_BENCH_MEASURE_H
#define JOBHOST_BENCH_MEASURE_H

#include <stdatomic.h>
#include <stdint.h>

/* errno's words behind `what`; exit 1. */
_Noreturn void measure_die(const char *what);

int64_t measure_now_ns(void); /* CLOCK_MONOTONIC */
double measure_seconds_since(int64_t ns);
void measure_sleep_ns(int64_t ns);

/* Of a process. */
double measure_cpu_s(int pid);
double measure_rss_mib(int pid);

/* {"peer":"jobhost","metric":..,"value":..,"unit":..,"run":$RUN,EXTRA} */
void measure_emit(const char *metric, double value, const char *unit, const char *extra);
/* Is this part chosen? $ONLY=a,b; unset: all are. */
int measure_wants(const char *part);

/* A file that bench_plugin.c maps, too: latencies in microseconds, as many as were noted. */
struct samples {
    _Atomic uint64_t count;
    int64_t us[];
};
struct samples *samples_map(const char *path, uint64_t cap);
/* Waits until `n` are there, for a time. How many are; they are sorted. */
uint64_t samples_wait(struct samples *samples, uint64_t n, int64_t wait_ns);
void samples_sort(int64_t *us, uint64_t n);
/* Of n sorted ones, in milliseconds. */
double samples_percentile(const int64_t *us, uint64_t n, unsigned percent);

#endif
