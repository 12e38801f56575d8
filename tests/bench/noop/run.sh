#!/bin/sh
# run.sh BUILD_DIR [RUNS]: starts a host with the benchmark's plugin in a temporary folder, measures it, stops it. One line of JSON a
# measurement. N=jobs (default 100000).
set -eu
build=$(cd "${1:?usage: run.sh BUILD_DIR [RUNS]}" && pwd)
runs=${2:-1}
dir=$(mktemp -d)
host=
cleanup() {
    [ -z "$host" ] || kill "$host" 2>/dev/null || :
    [ -z "$host" ] || wait "$host" || :
    rm -rf "$dir"
}
trap cleanup EXIT INT TERM

run=1
while [ "$run" -le "$runs" ]; do
    rm -rf "$dir/state"
    mkdir -m 700 "$dir/state"
    truncate -s 64K "$dir/samples"
    cat >"$dir/config.yaml" <<CONFIG
host: {listen: [], admin: "unix:$dir/admin.sock", state_dir: "$dir/state", log_level: warn}
store: {url: "sqlite:$dir/state/jobhost.db"}
plugins:
  bench: {file: "$build/tests/bench/bench.so", workers: 1, threads: 1, config: {samples: "$dir/samples"}}
CONFIG
    rm -f "$dir/ready"
    mkfifo "$dir/ready"
    "$build/host/jobhost" run -c "$dir/config.yaml" --ready-fd 3 3>"$dir/ready" &
    host=$!
    read -r _ <"$dir/ready"
    worker=$(pgrep -P "$host")
    RUN=$run "$build/tests/bench/bench_noop" "$host" "$worker" "$dir/admin.sock" "$dir/samples" "$dir/state/jobhost.db"
    kill "$host"
    wait "$host" || :
    host=
    run=$((run + 1))
done
