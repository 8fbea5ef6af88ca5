#!/bin/sh
# tests/web/run.sh: the page of drey sim --web in Chromium. usage: run.sh BUILD_DIRECTORY [PART OF A NAME]
set -eu
cd "$(dirname "$0")"
stamp=node_modules/.drey-stamp
if ! cmp -s package-lock.json "$stamp"; then
    npm ci --ignore-scripts --no-audit --no-fund >&2
    cp package-lock.json "$stamp"
fi
DREY_BUILD=$1 exec node run.mjs "${2:-}"
