#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2154 # lib/host.sh reads and sets these
# run.sh BUILD_DIR [--store sqlite|redis] [RUNS]: starts a host with the benchmarks' plugin in a temporary folder, measures delayed jobs and durable steps, stops
# it. One line of JSON a measurement. ONLY=delayed,steps; with redis, a redis-server of its own with AOF=everysec|always|off.
set -eu
build=$(cd "${1:?usage: run.sh BUILD_DIR [--store sqlite|redis] [RUNS]}" && pwd)
shift
store=sqlite
if [ "${1:-}" = --store ]; then
    store=${2:?--store sqlite or redis}
    shift 2
fi
runs=${1:-1}
threads=64 # as many handlers at once as jobs are in flight
. "$(dirname "$0")/../lib/host.sh"

run=1
while [ "$run" -le "$runs" ]; do
    start_host
    RUN=$run "$build/tests/bench/bench_durable" "$host" "$worker" "$dir/admin.sock" "$dir/samples"
    stop_host
    run=$((run + 1))
done
