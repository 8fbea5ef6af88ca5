#!/bin/sh
# tests/peers/install.sh: installs the pinned npm packages when they are missing. discord.py and
# jsonschema are Debian's python3-discord and python3-jsonschema.
set -eu
cd "$(dirname "$0")"
stamp=node_modules/.drey-stamp
if ! cmp -s package-lock.json "$stamp"; then
    npm ci --ignore-scripts --no-audit --no-fund >&2
    # The one native module; discord.js does without zlib-stream when it cannot be built.
    npm rebuild zlib-sync >&2 || echo "zlib-sync was not built: its case is skipped" >&2
    cp package-lock.json "$stamp"
fi
