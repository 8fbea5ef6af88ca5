#!/bin/sh
# tests/peers/run.sh: runs other people's Discord libraries against the simulator, and two bots made
# with them.
# usage: run.sh [/PATH/TO/drey sim], by default the one of the dev build.
set -eu
cd "$(dirname "$0")"
if [ $# -eq 0 ]; then
    set -- ../../build/dev/bin/drey sim
fi
./install.sh
/usr/bin/python3 run.py "$@"
exec /usr/bin/python3 bots.py "$@"
