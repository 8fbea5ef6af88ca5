#!/bin/sh
# plugins/new.sh: `drey new` gives a plugin that builds out of the source tree, with CMake and
# with pkg-config against an installed drey. Usage: new.sh DREY BUILD_FOLDER
set -eu
drey=$1
build=$2
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"

symbols() {
    nm -D --defined-only "$1" | awk '{ print $3 }'
}

"$drey" new hello > /dev/null
cmake -S hello -B hello/build -Ddrey_DIR="$build/sdk" -DCMAKE_C_FLAGS='-Wall -Wextra -Werror' > log 2>&1 &&
    cmake --build hello/build >> log 2>&1 || { cat log; exit 1; }
[ "$(symbols hello/build/hello.so)" = drey_plugin_v1 ]
ctest --test-dir hello/build > log 2>&1 && grep -q 'replay.hello .*Passed' log || { cat log; exit 1; }
"$drey" replay hello/test/hello.replay > log 2>&1 || { cat log; exit 1; }

"$drey" new hello > /dev/null 2>&1 && { echo "an existing folder was overwritten"; exit 1; }
"$drey" new 'No Good' > /dev/null 2>&1 && { echo "a bad name was taken"; exit 1; }

cmake --install "$build" --prefix "$home/installed" > log 2>&1 || { cat log; exit 1; }
PKG_CONFIG_PATH=$(dirname "$(find "$home/installed" -name drey.pc)")
export PKG_CONFIG_PATH
cc $(pkg-config --define-variable=prefix="$home/installed" --cflags drey) -Wall -Wextra -Werror \
    -shared -fPIC hello/hello.c -o by-hand.so
[ "$(symbols by-hand.so)" = drey_plugin_v1 ]
"$drey" new other --dir "$home/elsewhere" > /dev/null
cmake -S elsewhere -B elsewhere/build -DCMAKE_PREFIX_PATH="$home/installed" > log 2>&1 &&
    cmake --build elsewhere/build >> log 2>&1 || { cat log; exit 1; }
[ -f elsewhere/build/other.so ]
ctest --test-dir elsewhere/build > log 2>&1 && grep -q 'replay.other .*Passed' log || { cat log; exit 1; }
