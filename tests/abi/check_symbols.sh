#!/bin/sh
# Every plugin exports exactly one symbol: check_symbols.sh FILE.so...
status=0
for file in "$@"; do
    symbols=$(nm -D --defined-only "$file" | awk '{print $NF}' | grep -v -E '^__(asan|odr_asan|tsan|ubsan|gcov|llvm)')
    if [ "$symbols" != jobhost_plugin ]; then
        echo "$file exports: $symbols"
        status=1
    fi
done
exit $status
