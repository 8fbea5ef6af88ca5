#!/bin/sh
# tests/peers/run.sh: runs other people's Discord libraries against the simulator, and two bots made
# with them.
# usage: run.sh [/PATH/TO/drey sim], by default the one of the dev build.
# Installs the pinned npm packages when they are missing. discord.py and jsonschema are Debian's
# python3-discord and python3-jsonschema.
set -eu
cd "$(dirname "$0")"
if [ $# -eq 0 ]; then
    set -- ../../build/dev/bin/drey sim
fi
stamp=node_modules/.drey-stamp
if ! cmp -s package-lock.json "$stamp"; then
    npm ci --ignore-scripts --no-audit --no-fund >&2
    # The one native module; discord.js does without zlib-stream when it cannot be built.
    npm rebuild zlib-sync >&2 || echo "zlib-sync was not built: its case is skipped" >&2
    cp package-lock.json "$stamp"
fi
/usr/bin/python3 run.py "$@"
exec /usr/bin/python3 bots.py "$@"
