#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2154 # lib/host.sh reads and sets these
# run.sh BUILD_DIR [--store sqlite|redis] [RUNS]: starts a host with the benchmark's plugin in a temporary folder, measures it, stops it. One
# line of JSON a measurement. N=jobs (default 100000). With redis, a redis-server of its own with AOF=everysec|always|off, and two short runs
# more that count commands by MONITOR, which would slow the others down.
set -eu
build=$(cd "${1:?usage: run.sh BUILD_DIR [--store sqlite|redis] [RUNS]}" && pwd)
shift
store=sqlite
if [ "${1:-}" = --store ]; then
    store=${2:?--store sqlite or redis}
    shift 2
fi
runs=${1:-1}
threads=1
counted=2000
. "$(dirname "$0")/../lib/host.sh"

measure() {
    "$build/tests/bench/bench_noop" "$host" "$worker" "$dir/admin.sock" "$dir/samples" "$place"
}

# count PART JOBS NAME: commands that clients sent for one part (scripts' own calls are marked lua), without the benchmark's INFO
count() {
    : >"$dir/monitor" # the shell of what runs beside this makes it a little later
    redis-cli -p "$port" monitor >>"$dir/monitor" 2>&1 &
    monitor=$!
    until grep -q OK "$dir/monitor"; do sleep 0.05; done
    ONLY=$1 N=$2 measure >/dev/null
    stop "$monitor" 2>/dev/null # the shell's word that it was terminated
    monitor=
    awk -v jobs="$2" -v name="$3" -v run="$run" '/^[0-9.]+ \[/ && !/ lua\] / && !/\] "INFO"/ { n++ }
        END { printf "{\"peer\":\"jobhost\",\"metric\":\"%s\",\"value\":%.3f,\"unit\":\"commands\",\"run\":%d}\n", name, n / jobs, run }' \
        "$dir/monitor"
}

run=1
while [ "$run" -le "$runs" ]; do
    start_host
    RUN=$run measure
    if [ "$store" = redis ]; then
        count throughput "$counted" commands_per_job_batched
        count latency 1020 commands_per_job_alone
    fi
    stop_host
    run=$((run + 1))
done
