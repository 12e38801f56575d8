#!/bin/sh
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
aof=${AOF:-everysec}
counted=2000
dir=$(mktemp -d)
host=
redis=
monitor=
stop() { # PID
    [ -z "$1" ] || kill "$1" 2>/dev/null || :
    [ -z "$1" ] || wait "$1" || :
}
cleanup() {
    stop "$monitor"
    stop "$host"
    stop "$redis"
    rm -rf "$dir"
}
trap cleanup EXIT INT TERM

# sets url, and place: what noop is told of it
start_store() {
    if [ "$store" = sqlite ]; then
        url="sqlite:$dir/state/jobhost.db"
        place="$dir/state/jobhost.db"
        return
    fi
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    append=no
    sync=everysec
    [ "$aof" = off ] || append=yes sync=$aof
    mkdir -p "$dir/redis"
    redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly "$append" --appendfsync "$sync" --dir "$dir/redis" \
        --loglevel warning >"$dir/redis.log" 2>&1 &
    redis=$!
    until redis-cli -p "$port" ping >"$dir/ping" 2>&1 && grep -q PONG "$dir/ping"; do
        kill -0 "$redis" || { cat "$dir/redis.log" >&2; exit 1; }
        sleep 0.05
    done
    url="redis://127.0.0.1:$port"
    place="redis:$port"
}

start_host() {
    rm -rf "$dir/state" "$dir/ready"
    mkdir -m 700 "$dir/state"
    truncate -s 64K "$dir/samples"
    start_store
    cat >"$dir/config.yaml" <<CONFIG
host: {listen: [], admin: "unix:$dir/admin.sock", state_dir: "$dir/state", log_level: warn}
store: {url: "$url"}
plugins:
  bench: {file: "$build/tests/bench/bench.so", workers: 1, threads: 1, config: {samples: "$dir/samples"}, sandbox: {write: "$dir/samples"}}
CONFIG
    mkfifo "$dir/ready"
    "$build/host/jobhost" run -c "$dir/config.yaml" --ready-fd 3 3>"$dir/ready" &
    host=$!
    read -r _ <"$dir/ready"
    worker=$(pgrep -P "$host")
}

stop_host() {
    stop "$host"
    stop "$redis"
    host=
    redis=
    rm -rf "$dir/redis"
}

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
