"""tests/sdk/guide.py: what the guide of plugin authors says is so. Usage: guide.py WHAT [BUILD]

  snippets        each ```c block of sdk/README.md and README.md compiles as C99 and C17, each ```cpp
                  block as C++17, without a warning; whole programs (with DREY_PLUGIN) also as C++17
  reference       the reference names every function of the headers, with its arguments, and no other
  loads BUILD     what has an init is taken by `drey check`: names, commands, rules are good
  tutorial BUILD  the program that the tutorial ends with passes the test that it ends with
  examples BUILD  each example builds alone with cc and pkg-config against an installed drey, exports
                  one symbol, and passes its replays; the guide explains each
  self            these checks find what they look for
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADERS = os.path.join(ROOT, "sdk", "include")
GUIDE = os.path.join(ROOT, "sdk", "README.md")
FRONT = os.path.join(ROOT, "README.md")

# A fragment is what stands in a file, or, without a function of its own, in a handler.
PRELUDE = {
    "c": "#define _GNU_SOURCE\n#include <drey/drey.h>\n" + "".join(
        f"#include <{name}.h>\n" for name in
        ("inttypes", "poll", "pthread", "stdio", "stdlib", "string", "unistd")),
    "cpp": "#include <drey/drey.h>\n" + "".join(
        f"#include <{name}>\n" for name in ("cstdint", "exception", "string")),
}
HANDLER = "static void handler(drey_ctx *ctx, const drey_event *ev) {\n%s}\n"
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wno-unused-parameter"]
UNUSED = ["-Wno-unused-function", "-Wno-unused-variable"]  # a fragment's functions are not called
STANDARDS = {"c": ("c99", "c17"), "cpp": ("c++17",)}
NOT_OURS = {"drey_add_plugin", "drey_add_replay_test"}  # of the CMake package
NO_CONSTANT = {"DREY_PLUGIN_DIR"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def blocks(text, name):
    """The fenced blocks: [(where, language, text)]."""
    found = []
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 2
        found.append((f"{name}:{line}", match[1], match[2]))
    return found


def program_of(language, text):
    """The file to compile, and whether it is a whole program."""
    if "DREY_PLUGIN" in text:
        return text, True
    if not re.search(r"^(static|template|void|std::)\b.*", text, re.MULTILINE):
        text = HANDLER % text
    return PRELUDE[language] + text, False


def compile_one(where, standard, text, whole, complaints):
    command = ["c++" if standard.startswith("c++") else "cc", "-x",
               "c++" if standard.startswith("c++") else "c", f"-std={standard}", f"-I{HEADERS}",
               *WARNINGS, *([] if whole else UNUSED), "-fsyntax-only", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0 or done.stderr:
        complaints.append(f"{where} as {standard}:\n{done.stderr}")


def check_snippets(texts):
    complaints = []
    count = 0
    for name, text in texts:
        for where, language, code in blocks(text, name):
            if language in STANDARDS:
                program, whole = program_of(language, code)
                more = ("c++17",) if whole and language == "c" else ()
                for standard in STANDARDS[language] + more:
                    compile_one(where, standard, program, whole, complaints)
                count += 1
    return complaints, count


def header_functions(text):
    """{name: its arguments} of the inline functions and the macros that are called like one."""
    text = text.replace("\\\n", " ")
    found = {}
    for name, arguments in re.findall(r"^static inline [^;{(]*?\b(drey_\w+)\(([^)]*)\)", text,
                                      re.MULTILINE):
        found[name] = [re.search(r"(\w+)$", part.strip())[1] for part in arguments.split(",")]
    for name, arguments in re.findall(r"^#define ((?:drey_|DREY_)\w+)\(([^)]*)\)", text,
                                      re.MULTILINE):
        found[name] = [part.strip() for part in arguments.split(",")]
    found.pop("DREY_PRINTF")  # an attribute of the header's own
    return found


def reference_rows(text):
    """[(name, arguments, the other cells)] of the tables of the reference."""
    part = text.split("\n## Reference\n")[1].split("\n## ")[0]
    rows = []
    for line in part.splitlines():
        match = re.match(r"\| `((?:drey|DREY)_\w+)\(([^)]*)\)` \|(.*)\|$", line)
        if match:
            rows.append((match[1], [part.strip() for part in match[2].split(",")],
                         [cell.strip() for cell in match[3].split("|")]))
    return rows


def check_reference(headers, guide):
    complaints = []
    functions = header_functions(headers)
    rows = reference_rows(guide)
    names = [row[0] for row in rows]
    complaints += [f"{name}() is not in the reference" for name in functions if name not in names]
    complaints += [f"{name}() stands there twice" for name in set(names) if names.count(name) > 1]
    for name, arguments, cells in rows:
        if name in functions and arguments != functions[name]:
            complaints.append(f"{name}(): the header's arguments are {', '.join(functions[name])}")
        if len(cells) != 4 or not all(cells):
            complaints.append(f"{name}(): wanted: effect, thread, result, since")
        elif not re.match(r"(-|init|serial|act|keep|any|any, not in init|only in `save`)$", cells[1]):
            complaints.append(f"{name}(): '{cells[1]}' is no thread tag")
        elif cells[3] != "1.0":
            complaints.append(f"{name}(): since {cells[3]}?")
    prose = re.sub(r"^```\w*\n.*?^```$", "", guide, flags=re.MULTILINE | re.DOTALL)
    for name in sorted(set(re.findall(r"\b(drey_[a-z_0-9]+)\(", prose)) - NOT_OURS):
        if name not in functions:
            complaints.append(f"{name}() is in the guide, but in no header")
    for name in sorted(set(re.findall(r"\bDREY_[A-Z0-9_]*[A-Z0-9]\b", prose)) - NO_CONSTANT):
        if not re.search(rf"\b{name}\b", headers) and f"{name}_..." not in prose:
            complaints.append(f"{name} is in the guide, but in no header")
    for name in re.findall(r"^#define (DREY_E_\w+)", headers, re.MULTILINE):
        if f"| `{name}` |" not in guide:
            complaints.append(f"{name} is not in the table of errors")
    return complaints


def all_headers():
    return "\n".join(read(path) for path in sorted(glob.glob(os.path.join(HEADERS, "drey", "*.h"))))


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def loads(build):
    complaints = []
    count = 0
    drey = os.path.abspath(os.path.join(build, "bin", "drey"))
    with tempfile.TemporaryDirectory() as home:
        out = os.path.join(home, "snippet.so")
        for where, language, text in blocks(read(GUIDE), "sdk/README.md") + blocks(read(FRONT),
                                                                                  "README.md"):
            if language not in STANDARDS or not re.search(r"\binit\(drey_ctx \*ctx\)", text):
                continue
            program, whole = program_of(language, text)
            if not whole:
                steps = [step if re.search(rf"\b{step}\(drey_ctx \*ctx", text) else "NULL"
                         for step in ("init", "start", "stop", "save", "restore")]
                program += f'DREY_PLUGIN_FULL("snippet", "1", {", ".join(steps)})\n'
            run("c++" if language == "cpp" else "cc", "-x", "c++" if language == "cpp" else "c",
                f"-I{HEADERS}", "-fvisibility=hidden", "-shared", "-fPIC", "-", "-o", out,
                input=program)
            done = subprocess.run([drey, "check", out], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                complaints.append(f"{where} is refused:\n{done.stdout}{done.stderr}")
            count += 1
    return complaints + ([f"only {count} were tried"] if count < 10 else [])


def tutorial(build):
    part = read(GUIDE).split("\n## Tutorial\n")[1].split("\n## ")[0]
    found = blocks(part, "tutorial")
    programs = [text for _, language, text in found if language == "c" and "DREY_PLUGIN" in text]
    tests = [text for _, language, text in found if text.startswith("drey replay 1\n")]
    told = [text for _, _, text in found if "\n0 failed" in text]
    if len(programs) < 2 or len(tests) != 1 or len(told) != 1:
        return ["the tutorial has not its programs, its test and what that prints"]
    with tempfile.TemporaryDirectory() as home:
        drey = os.path.abspath(os.path.join(build, "bin", "drey"))
        run(drey, "new", "hello", "--dir", "new", cwd=home)
        made = read(os.path.join(home, "new", "hello.c"))
        if made.split("*/\n", 1)[1] != programs[0]:
            return [f"`drey new hello` writes another program than the tutorial shows:\n{made}"]
        for name, text in (("hello.c", programs[-1]), ("hello.replay", tests[0])):
            with open(os.path.join(home, name), "w", encoding="utf-8") as file:
                file.write(text)
        run("cc", f"-I{HEADERS}", "-fvisibility=hidden", "-shared", "-fPIC", "hello.c", "-o",
            "hello.so", cwd=home)
        out = run(drey, "replay", "--plugin", "hello.so", "hello.replay", cwd=home)
    # what it prints is what the guide says, but for the ids and the path
    plain = [re.sub(r"\d{15,}", "ID", text).splitlines()[-6:] for text in (out, told[0])]
    return [] if plain[0] == plain[1] else [f"the guide shows another output than this:\n{out}"]


def examples(build):
    complaints = []
    drey = os.path.abspath(os.path.join(build, "bin", "drey"))
    guide = read(GUIDE)
    with tempfile.TemporaryDirectory() as home:
        prefix = os.path.join(home, "usr")
        run("cmake", "--install", build, "--prefix", prefix)
        where = glob.glob(os.path.join(prefix, "**", "drey.pc"), recursive=True)[0]
        flags = run("pkg-config", "--cflags", "drey",
                    env=dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(where))).split()
        folders = sorted(glob.glob(os.path.join(ROOT, "plugins", "*", "")))
        for folder in folders:
            name = os.path.basename(folder.rstrip("/"))
            sources = glob.glob(folder + "*.c") + glob.glob(folder + "*.cpp")
            out = os.path.join(home, name + ".so")
            compiler = ("c++", "-std=c++17") if sources[0].endswith("cpp") else ("cc",)
            run(*compiler, *flags, "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-shared",
                "-fPIC", *sources, "-o", out)
            # the C++ library's own inline functions are weak symbols; they are nobody's to call
            symbols = [line.split()[-1] for line in
                       run("nm", "-D", "--defined-only", out).splitlines()
                       if line.split()[-2] not in "VWu"]
            if symbols != ["drey_plugin_v1"]:
                complaints.append(f"{name}: exports {symbols}")
            tests = sorted(glob.glob(os.path.join(folder, "test", "*.replay")))
            if not tests:
                complaints.append(f"{name}: has no test")
                continue
            run(drey, "replay", "--plugin", out, *tests)
            if f"](../plugins/{name}/{os.path.basename(sources[0])}) |" not in guide:
                complaints.append(f"{name}: is not explained in sdk/README.md")
        if len(folders) < 8:
            complaints.append("where are the examples?")
    return complaints


def check_self():
    headers, guide = all_headers(), read(GUIDE)
    row = next(line for line in guide.splitlines() if line.startswith("| `drey_kv_add("))
    broken = {
        "is not in the reference": guide.replace(row + "\n", ""),
        "but in no header": guide + "\n`drey_nothing(ctx)`\n",
        "DREY_NOTHING is in the guide": guide + "\n`DREY_NOTHING`\n",
        "stands there twice": guide.replace(row, row + "\n" + row),
        "arguments are": guide.replace("drey_kv_add(ctx, guild_id, key, by,", "drey_kv_add(ctx, by,"),
        "no thread tag": guide.replace(row, row.replace("| keep |", "| sometimes |")),
        "table of errors": guide.replace("| `DREY_E_LATE` |", "| |"),
    }
    complaints = [f"nobody complains '{wanted}'" for wanted, text in broken.items()
                  if not any(wanted in told for told in check_reference(headers, text))]
    for code in ("drey_replay(ev, NULL);\n", "int unset = drey_now_ms;\n",
                 "static int f(void) {\n}\n"):
        if not check_snippets([("self", f"```c\n{code}```\n")])[0]:
            complaints.append(f"this compiles: {code}")
    if check_snippets([("self", "```c\ndrey_info(ctx, \"%s\", drey_str(ev, \"a\"));\n```\n")])[0]:
        complaints.append("a good statement does not compile")
    return complaints


def main():
    what, build = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    if what == "snippets":
        complaints, count = check_snippets([("sdk/README.md", read(GUIDE)),
                                            ("README.md", read(FRONT))])
        if count < 15:
            complaints.append(f"only {count} snippets were found")
    elif what == "reference":
        complaints = check_reference(all_headers(), read(GUIDE))
    elif what == "loads":
        complaints = loads(build)
    elif what == "tutorial":
        complaints = tutorial(build)
    elif what == "examples":
        complaints = examples(build)
    elif what == "self":
        complaints = check_self()
    else:
        sys.exit(__doc__)
    print("\n".join(complaints))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
