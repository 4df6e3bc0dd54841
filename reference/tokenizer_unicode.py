"""Write the character classes of the tokenizer, as the Python `tokenizers` package sees them.

Run as `python reference/tokenizer_unicode.py crates/smollm-tokenizer/src/unicode_data.rs`, last with tokenizers 0.23.3
(Python 3.11): letters and numbers are then those of Unicode 16 (its regular expression engine), the digits that the
`Digits` pre-tokenizer splits are those of Unicode 17 (the standard library of its compiler).

Every code point is put to the package itself; no Unicode file is read, so the tables are right by construction for the
version that made the golden ids.
"""

import sys

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers
from tokenizers import __version__ as version

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def matching(pattern):
    """The code points that `pattern` matches: those that a split with "removed" takes out."""
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=False)
    found = set()
    for start in range(0, len(SCALARS), 4096):
        chunk = SCALARS[start : start + 4096]
        kept = set()
        for piece, _ in split.pre_tokenize_str("".join(map(chr, chunk))):
            kept.update(piece)
        found.update(c for c in chunk if chr(c) not in kept)
    return found


def digits():
    """The code points that the `Digits` pre-tokenizer isolates."""
    split = pre_tokenizers.Digits(individual_digits=True)
    return {c for c in SCALARS if len(split.pre_tokenize_str("a" + chr(c) + "a")) == 3}


def word_characters():
    """The code points beside which an added token with single_word is refused."""
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
    tokenizer.add_tokens([AddedToken("☃☃", single_word=True, normalized=False)])
    token = tokenizer.token_to_id("☃☃")
    found = set()
    for start in range(0, len(SCALARS), 65536):
        chunk = SCALARS[start : start + 65536]
        encodings = tokenizer.encode_batch([chr(c) + "☃☃" for c in chunk])
        found.update(c for c, e in zip(chunk, encodings) if token not in e.ids)
    return found


def inversion_list(points):
    """Sorted borders: a code point is in the set when an odd number of borders lies at or below it."""
    borders = []
    for c in sorted(points):
        if borders and borders[-1] == c:
            borders[-1] = c + 1
        else:
            borders += [c, c + 1]
    return borders


def table(name, doc, points):
    """One constant, its numbers filling the lines."""
    lines, line = [], "   "
    for border in inversion_list(points):
        word = f" {border:#x},"
        if len(line) + len(word) > 120:
            lines.append(line)
            line = "   "
        line += word
    body = "\n".join(lines + [line])
    return f"/// {doc}\n#[rustfmt::skip]\npub(crate) const {name}: &[u32] = &[\n{body}\n];\n"


def main():
    letters, numbers, spaces = matching(r"\p{L}"), matching(r"\p{N}"), matching(r"\s")
    isolated, words = digits(), word_characters()
    # What the Rust code takes for granted.
    assert spaces == {c for c in SCALARS if chr(c).isspace() and c not in range(0x1C, 0x20)}, sorted(spaces)
    assert numbers <= isolated and not letters & numbers
    parts = [
        "//! Character classes as the Python `tokenizers` sees them, written by `reference/tokenizer_unicode.py`.\n//!\n"
        f"//! Made with tokenizers {version}. Each table holds sorted borders: a code point is in the class when an odd\n"
        "//! number of borders lies at or below it.\n",
        table("LETTERS", r"What `\p{L}` matches in a pre-tokenizer pattern (Unicode 16).", letters),
        table("NUMBERS", r"What `\p{N}` matches in a pre-tokenizer pattern (Unicode 16).", numbers),
        table("DIGITS_ONLY", "What the `Digits` pre-tokenizer isolates beyond [`NUMBERS`] (new in Unicode 17).", isolated - numbers),
        table("WORD_CHARACTERS", "The characters beside which a `single_word` added token is refused (`\\w`).", words),
    ]
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write("\n".join(parts))


if __name__ == "__main__":
    main()
