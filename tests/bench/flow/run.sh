#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2154 # lib/host.sh reads and sets these
# run.sh BUILD_DIR [CHILDREN]: what a child costs by the size of its flow, on SQLite, on a redis-server of its own, and there with children in another
# queue. One line of JSON a measurement. AOF=everysec|always|off.
set -eu
build=$(cd "${1:?usage: run.sh BUILD_DIR [CHILDREN]}" && pwd)
children=${2:-100000}
store=redis
. "$(dirname "$0")/../lib/host.sh"

"$build/tests/bench/bench_flow" -n "$children"
start_store
"$build/tests/bench/bench_flow" -n "$children" -p "$port"
"$build/tests/bench/bench_flow" -n "$children" -p "$port" -e
