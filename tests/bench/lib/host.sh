# shellcheck shell=sh disable=SC2034,SC2154 # read in, by those who use these variables
# For benchmarks to read in: a host with the benchmarks' plugin in a temporary folder, on a store of its own, and its end. Wants `build` and
# `store` (sqlite or redis), and `threads` of the one worker; AOF=everysec|always|off for redis. start_host sets `host` and `worker`, their pids,
# `dir` with admin.sock and samples, and `place`, what the store is to a benchmark.
aof=${AOF:-everysec}
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
    truncate -s 128K "$dir/samples"
    start_store
    cat >"$dir/config.yaml" <<CONFIG
host: {listen: [], admin: "unix:$dir/admin.sock", state_dir: "$dir/state", log_level: warn}
store: {url: "$url"}
plugins:
  bench: {file: "$build/tests/bench/bench.so", workers: 1, threads: $threads, config: {samples: "$dir/samples"}, sandbox: {write: "$dir/samples"}}
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
