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
for name in 'No Good' install -x ''; do
    "$drey" new "$name" > /dev/null 2>&1 && { echo "the name '$name' was taken"; exit 1; }
done
"$drey" new x --lang cobol > /dev/null 2>&1 && { echo "an unknown language was taken"; exit 1; }

# What cannot be made as a whole is not made in part, and what was there stays.
mkdir -p half/src
echo mine > half/src/drey.rs
"$drey" new half --lang rust > /dev/null 2>&1 && { echo "a file was overwritten"; exit 1; }
[ "$(find half -type f)" = half/src/drey.rs ] && [ "$(cat half/src/drey.rs)" = mine ]

"$drey" new hi-there --lang cpp > /dev/null
cmake -S hi-there -B hi-there/build -Ddrey_DIR="$build/sdk" -DCMAKE_CXX_FLAGS='-Wall -Wextra -Werror' > log 2>&1 &&
    cmake --build hi-there/build >> log 2>&1 || { cat log; exit 1; }
[ "$(symbols hi-there/build/hi-there.so)" = drey_plugin_v1 ]
"$drey" check hi-there/build/hi-there.so | grep -q "/hi-there"
ctest --test-dir hi-there/build > log 2>&1 && grep -q 'replay.hi-there .*Passed' log || { cat log; exit 1; }

if command -v cargo > /dev/null; then
    "$drey" new 7th-fn --lang rust > /dev/null
    RUSTFLAGS='-D warnings' cargo build --release --offline --manifest-path 7th-fn/Cargo.toml > log 2>&1 || { cat log; exit 1; }
    [ "$(symbols 7th-fn/target/release/libdrey_7th_fn.so)" = drey_plugin_v1 ]
    "$drey" check 7th-fn/target/release/libdrey_7th_fn.so | grep -q "/7th-fn"
    "$drey" replay --plugin 7th-fn/target/release/libdrey_7th_fn.so 7th-fn/test/7th-fn.replay > log 2>&1 || { cat log; exit 1; }
fi

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
