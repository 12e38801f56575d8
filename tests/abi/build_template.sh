#!/bin/sh
# Installs the SDK into an empty place and builds there what `jobhost plugin new greeter` would write: build_template.sh BUILD_DIR
set -e
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/usr" --component sdk >"$work/log"
mkdir "$work/greeter"
for file in "$work"/usr/share/doc/*/examples/hello/*; do
    name=$(basename "$file" | sed 's/hello/greeter/g')
    sed 's/hello/greeter/g' "$file" >"$work/greeter/$name"
done
cd "$work/greeter"
if ! (cmake -B build -DCMAKE_PREFIX_PATH="$work/usr" && cmake --build build && ctest --test-dir build) >"$work/log" 2>&1; then
    cat "$work/log"
    exit 1
fi
grep '100% tests passed' "$work/log"
nm -D --defined-only build/plugins/greeter.so | grep -q jobhost_plugin
# and with pkg-config alone
PKG_CONFIG_PATH=$(dirname "$(find "$work/usr" -name jobhost.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # its words are separate
cc -std=c11 -o test_greeter test_greeter.c greeter.c $(pkg-config --cflags --libs jobhost)
./test_greeter
