#!/usr/bin/env python3
# tests/shape/shape.py: does the code have the shape that was agreed on?
#
#   shape.py includes ROOT       who includes whom, and each outside library in its one place
#   shape.py purity ARCHIVE      the logic library calls nothing that acts or asks
#   shape.py files ROOT          first lines name their file, no file is too long
#   shape.py self                the checks above find what they are there to find
#
# Prints one line for each fault, in the form of a compiler; exit status 1 when there is one.
# Needs python3 and nm, nothing else.

import fnmatch
import os
import re
import subprocess
import sys
import tempfile

# A room may include its own headers and those of the rooms (or the single headers) named here.
ROOMS = {
    "base": [],
    "ring": ["base"],
    "sign": ["base"],
    "config": ["base", "sign/keys.h"],
    "store": ["base"],
    "gateway": ["base", "ring"],
    "rest": ["base"],
    "interaction": ["base"],
    # what a plugin declares is checked where it is told at once
    "plugin": ["base", "ring", "sign", "store/store.h", "gateway/events.h", "gateway/jsonblock.h",
               "interaction/definition.h", "interaction/cooldown.h", "interaction/message.h"],
    "replay": ["base", "ring", "gateway/events.h", "interaction", "plugin"],
    "cluster": ["base"],
    # shares no codec with the client: a shared one would agree with its own mistakes
    "sim": ["base"],
    "bot": ["base", "ring", "config", "gateway", "rest", "interaction", "plugin",
            "cluster"],
    "control": ["base", "ring", "config", "gateway", "rest", "interaction", "plugin", "cluster",
                "bot"],
    "cli": ["*"],
    # runs host and simulator as programs of their own: of theirs only what a person reads
    "dev": ["base", "bot/house.h", "cli/cli.h", "plugin/note.h", "sim/chat.h"],
    "": ["*"],  # main.c
}

# Outside libraries: the header's name, and where in runtime/ it may stand.
LIBRARIES = [
    (r"libwebsockets\.h", ["gateway/connection.c", "control/http.c", "sim/*"]),
    (r"uv\.h", ["base/loop.c"]),
    (r"curl/.*", ["rest/client.c"]),
    (r"ini\.h", ["config/ini.c"]),
    (r"sqlite3\.h", ["store/db.c"]),
    (r"nats(/.*|\.h)", ["cluster/bus.c"]),
    (r"(zlib|zstd)\.h", ["gateway/inflate*.c", "gateway/inflate*.h", "sim/*"]),
    # bot.c hashes tokens, catalogue.c what it published
    (r"openssl/.*", ["gateway/connection.c", "bot/bot.c", "interaction/catalogue.c",
                     "sign/ed25519.c", "sim/*"]),
]

# What drey_logic may leave to others. Everything else is I/O until somebody argues otherwise.
PURE = [
    r"mem(cpy|move|set|cmp|chr|rchr|mem|ccpy)|mempcpy|rawmemchr|explicit_bzero",
    r"str(n?len|n?cmp|n?casecmp|n?cpy|n?cat|r?chr|chrnul|str|casestr|spn|cspn|pbrk|n?dup)",
    r"strtok_r|stpcpy",
    r"strto(l|ul|ll|ull|d|f|ld|imax|umax)|__ctype_(b|tolower|toupper)_loc|tolower|toupper",
    r"malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign",
    r"qsort|bsearch",
    r"v?snprintf",  # into memory
    r"__(memcpy|memmove|memset|mempcpy|strcpy|strncpy|strcat|strncat|stpcpy|explicit_bzero"
    r"|snprintf|vsnprintf)_chk|__isoc(99|23)_strto\w+",
    r"__stack_chk_fail|__assert_fail|abort|_GLOBAL_OFFSET_TABLE_",
    r"__cpu_model|__cpu_indicator_init|__(u?div|u?mod)ti3|__u?multi3|__mulodi4|__muloti4",
    r"(err|text|buf|base64)_\w+",  # base/, which has been looked at: err_system() reads errno
    r"ZSTD_\w+|inflate\w*|crc32\w*|adler32\w*",
    r"cJSON_\w+",
    r"SHA256",
    r"__(asan|ubsan|tsan|lsan|sanitizer|gcov|llvm)_\w+|__sancov_\w+",
]

SOURCES = ("*.c", "*.h", "*.py", "*.sh")
TREES = ("runtime", "sdk", "plugins", "tests", "etc")
LINES_MAX = 600


def sources(root, trees, patterns):
    for tree in trees:
        for folder, subfolders, names in os.walk(os.path.join(root, tree)):
            subfolders[:] = sorted(s for s in subfolders if s not in ("node_modules", "build"))
            for name in sorted(names):
                if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                    yield os.path.relpath(os.path.join(folder, name), root)


def read_lines(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read().split("\n")


def arrow_fault(path, room, target):
    """What is wrong with a file of a room including this header of ours; None when nothing is."""
    if room not in ROOMS:
        return f"room '{room}' is not in the list of tests/shape/shape.py"
    allowed = ROOMS[room]
    head = target.split("/")[0]
    if head == room or "*" in allowed or head in allowed or target in allowed:
        return None
    return f"{room or 'main'} may not include {target}"


def library_fault(path, header):
    for pattern, places in LIBRARIES:
        if re.fullmatch(pattern, header) and not any(fnmatch.fnmatch(path, p) for p in places):
            return f"<{header}> belongs into {', '.join(places)} alone"
    return None


def check_includes(root):
    faults = []
    include = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')
    for path in sources(root, ("runtime",), ("*.c", "*.h")):
        inside = path[len("runtime/"):]
        room = inside.split("/")[0] if "/" in inside else ""
        for number, line in enumerate(read_lines(root, path), 1):
            found = include.match(line)
            if not found:
                continue
            quote, header = found.groups()
            ours = os.path.exists(os.path.join(root, "runtime", header))
            if quote == '"' and ours:
                fault = arrow_fault(inside, room, header)
            elif quote == '"' and "/" not in header:
                fault = f'"{header}" should be named from runtime/ on, as in "{room}/{header}"'
            else:
                fault = library_fault(inside, header)
            if fault:
                faults.append(f"{path}:{number}: {fault}")
    return faults


def check_purity(archive):
    """Undefined symbols of the archive that no member defines and no row of PURE allows."""
    names = subprocess.run(["nm", "-A", "-g", archive], check=True, capture_output=True,
                           text=True).stdout
    pure = re.compile("|".join(f"(?:{row})" for row in PURE))
    defined, wanted = set(), []
    for line in names.split("\n"):
        found = re.match(r".*?([^:/]+):\s*([0-9a-f]+)?\s+([A-Za-z])\s+(\S+)$", line)
        if not found:
            continue
        member, _, kind, symbol = found.groups()
        symbol = symbol.split("@")[0]
        if kind in "Uw":
            wanted.append((member, symbol))
        else:
            defined.add(symbol)
    if not defined:
        return [f"{archive}: nothing is defined in it"]
    return [f"{member}: {symbol} is not on the list of pure functions"
            for member, symbol in sorted(wanted)
            if symbol not in defined and not pure.fullmatch(symbol)]


def check_files(root):
    faults = []
    for path in sources(root, TREES, SOURCES):
        lines = read_lines(root, path)
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        found = re.match(r'(?:/\*|//|#|\"\"\")\s*([\w./+-]+):\s', first + " ")
        named = found.group(1) if found else ""
        if not named or not ("/" + path).endswith("/" + named):
            faults.append(f"{path}:1: the first comment should begin with the file's own path")
        if len(lines) - 1 > LINES_MAX:
            faults.append(f"{path}:{LINES_MAX + 1}: {len(lines) - 1} lines, at most {LINES_MAX}")
    return faults


def cycle(rooms):
    """A room from which its own arrows lead back to it; None when there is none."""
    def reach(room, seen):
        for target in rooms.get(room, []):
            target = target.split("/")[0]
            if target != "*" and target not in seen:
                seen.add(target)
                reach(target, seen)
        return seen
    return next((room for room in rooms if room in reach(room, set())), None)


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)


def check_self():
    """Each check must find a planted fault and be silent about what is right."""
    faults = []

    def expect(what, got, count):
        if len(got) != count:
            faults.append(f"self: {what}: expected {count} faults, got {got}")

    if cycle(ROOMS) or not cycle({"a": ["b"], "b": ["a"]}):
        faults.append("self: the arrows between rooms form a circle")
    with tempfile.TemporaryDirectory() as root:
        write(root, "runtime/base/a.h", "/* base/a.h: x */\n#include <stdio.h>\n")
        write(root, "runtime/base/loop.c", "/* base/loop.c: x */\n#include <uv.h>\n")
        write(root, "runtime/config/c.h", '/* config/c.h: x */\n#include "base/a.h"\n')
        write(root, "runtime/gateway/events.h", "/* gateway/events.h: x */\n")
        write(root, "runtime/plugin/p.c", '/* plugin/p.c: x */\n#include "gateway/events.h"\n')
        write(root, "runtime/main.c", '/* main.c: x */\n#include "config/c.h"\n')
        write(root, "runtime/sim/s.c", "/* sim/s.c: x */\n#include <libwebsockets.h>\n")
        expect("good tree", check_includes(root), 0)
        expect("good files", check_files(root), 0)
        write(root, "runtime/base/b.c", '/* base/a.c: x */\n # include "config/c.h"\n')
        write(root, "runtime/sim/t.c", '\n#include "gateway/events.h"\n#include <curl/curl.h>\n')
        write(root, "runtime/odd/o.c", '/* o.c: x */\n#include "base/a.h"\n#include "x.h"\n')
        write(root, "runtime/base/u.c", "/* u.c: x */\n#include <ini.h>\n" + "\n" * LINES_MAX)
        expect("bad tree", check_includes(root), 6)
        expect("bad files", check_files(root), 3)
        source = os.path.join(root, "x.c")
        for body, count in (("memcpy(a, b, 1); return strlen(a);", 0),
                            ("return time(0) + rand();", 2), ("puts(a); return 0;", 1)):
            write(root, "x.c", "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
                               "#include <time.h>\nlong f(char *a, const char *b);\n"
                               "long f(char *a, const char *b) {" + body + "}\n")
            cc = os.environ.get("CC", "cc")
            subprocess.run([cc, "-w", "-fno-builtin", "-c", source, "-o", f"{root}/x.o"],
                           check=True)
            subprocess.run(["ar", "rcs", f"{root}/x{count}.a", f"{root}/x.o"], check=True)
            expect(body, check_purity(f"{root}/x{count}.a"), count)
    return faults


def main():
    checks = {"includes": (check_includes, 1), "purity": (check_purity, 1),
              "files": (check_files, 1), "self": (check_self, 0)}
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in checks or len(sys.argv) != 2 + checks[name][1]:
        print("usage: shape.py includes ROOT | purity ARCHIVE | files ROOT | self",
              file=sys.stderr)
        return 2
    faults = checks[name][0](*sys.argv[2:])
    print("\n".join(faults) if faults else f"{name}: fine")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
