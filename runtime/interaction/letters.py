#!/usr/bin/env python3
# interaction/letters.py: writes letters_table.h from the Unicode data that Python has. Run it by
# hand, when Discord has learned newer letters: letters.py > letters_table.h
import unicodedata

# \p{sc=Deva} and \p{sc=Thai}, whose vowel signs are no letters
SCRIPTS = [(0x900, 0x950), (0x955, 0x963), (0x966, 0x97F), (0xA8E0, 0xA8FF), (0x11B00, 0x11B09),
           (0xE01, 0xE3A), (0xE40, 0xE5B)]


def in_name(code):
    return (unicodedata.category(chr(code))[0] in "LN" or
            any(first <= code <= last for first, last in SCRIPTS))


def has_lower(code):
    return chr(code).lower() != chr(code)


def ranges(wanted, steps):
    """[first, last, step] of the code points beyond ASCII that are wanted."""
    found = []
    for code in (c for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000 and wanted(c)):
        if found:
            first, last, step = found[-1]
            if code - last in steps and (first == last or code - last == step):
                found[-1] = [first, code, code - last]
                continue
        found.append([code, code, 1])
    return found


def show(name, what, found):
    print(f"\n/* {what} */\nstatic const struct letters {name}[] = {{")
    rows = [f"{{0x{first:x}, 0x{last:x}, {step}}}," for first, last, step in found]
    line = "   "
    for row in rows:
        if len(line) + 1 + len(row) > 100:
            print(line)
            line = "   "
        line += " " + row
    print(line + "\n};")


print("/* interaction/letters_table.h: which characters may stand in the name of a slash command; made\n"
      f" * by letters.py from Unicode {unicodedata.unidata_version}. Every step-th from first to last,"
      " both included. */")
print("#ifndef INTERACTION_LETTERS_TABLE_H\n#define INTERACTION_LETTERS_TABLE_H\n\n"
      "#include <stdint.h>\n\n// clang-format off\n"
      "struct letters {\n    uint32_t first;\n    uint32_t last;\n    uint32_t step;\n};")
show("name_letters", "Letters, numbers, and the signs of Devanagari and Thai.", ranges(in_name, (1,)))
show("upper_letters", "Those that have a lowercase variant.", ranges(has_lower, (1, 2)))
print("\n// clang-format on\n\n#endif")
