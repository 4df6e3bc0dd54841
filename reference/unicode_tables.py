"""Writes the table of code points that Python's str.isprintable refuses, for the repr of strings in chat templates.

usage: python3 reference/unicode_tables.py > crates/smollm-tokenizer/src/template/unprintable.rs
"""

import sys
import unicodedata


def ranges():
    start = None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and not chr(code).isprintable()
        if inside and start is None:
            start = code
        if not inside and start is not None:
            yield start, code - 1
            start = None


def main():
    pairs = list(ranges())
    version = "%d.%d" % sys.version_info[:2]
    print(f"//! Code points that Python {version} does not print (Unicode {unicodedata.unidata_version}),")
    print("//! written by reference/unicode_tables.py.")
    print()
    print("/// Inclusive ranges in order.")
    print("#[rustfmt::skip]")
    print(f"pub(super) const UNPRINTABLE: [(u32, u32); {len(pairs)}] = [")
    line = "   "
    for first, last in pairs:
        pair = f" ({first:#x}, {last:#x}),"
        if len(line) + len(pair) > 120:
            print(line)
            line = "   "
        line += pair
    print(line)
    print("];")


if __name__ == "__main__":
    main()
