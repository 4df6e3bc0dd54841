"""Ids of a mixed corpus by the Python `tokenizers`, and the small tokenizers that need no download.

Run as `python reference/tokenizer_golden.py SMOLLM2_DIR testdata/tokenizer`, last with tokenizers 0.23.3 (Python 3.11).
SMOLLM2_DIR holds the tokenizer.json of SmolLM2 (sha256 9ca9acdd...); of it only ids are written.

Writes into the folder:
  smollm_small.json, llama3_small.json, flags_small.json  tokenizers trained here on the corpus below
  golden.json  for each tokenizer the ids of every text, special tokens read as tokens and as text, and the decoded text
               where it is another; and for all of Unicode the sha256 of the ids
"""

import hashlib
import json
import os
import re
import struct
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tokenizers import __version__ as version

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

TEXTS = [
    "",
    " ",
    "\n",
    "\n\n",
    " \n \n\n  \n",
    "\t\tif (x) {\r\n\t\t\treturn;\r\n\t\t}\r\n",
    "   \t \u00a0\u2003\u3000 end",
    "a" + " " * 37 + "b" + " " * 200 + "\n" + "\t" * 19 + "c",
    "trailing spaces    ",
    "        leading spaces",
    "The quick brown fox jumps over the lazy dog. The dog does not mind; the fox is tired.",
    "It's what we've said: they're late, I'm early, she'd know, he'll come, and don't ask.",
    "IT'S WHAT WE'VE SAID: THEY'RE LATE, I'M EARLY, SHE'D KNOW, HE'LL COME, DON'T ASK.",
    "It'S odd'Re we'Ll'VE o'clock rock'n'roll 'tis ''s '' 'S'M'D it\u2019s it'\u017f O'\u017fo 'ſ",
    "1234567890 3.14159 1,000,000 0x7fff 1e-10 12:30:45 2024-11-21 v1.2.3 007",
    "1 12 123 1234 12345 123456 a1b22c333d4444",
    "½ ¾ ² ³ Ⅳ ⅷ ① ㊿ 〇 ٣٤٥ १२३ ໑໒ 𝟘𝟙𝟚 𝟡 \U00011de0\U00016ff4 x\U00011de5y",
    "def fib(n: int) -> int:\n    \"\"\"Numbers.\"\"\"\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n\n\nprint(fib(10))\n",
    "fn main() {\n    let v: Vec<u32> = (0..10).map(|x| x * x).collect();\n    println!(\"{v:?}\");\n}\n",
    "#include <stdio.h>\nint main(void) { for (int i = 0; i < 10; ++i) printf(\"%d\\n\", i); return 0; }\n",
    "<html><body class=\"a b\">&amp;&lt;p&gt; <!-- note --></body></html>",
    "SELECT name, COUNT(*) FROM users WHERE age >= 18 GROUP BY name ORDER BY 2 DESC;",
    "{\"a\": [1, 2.5, -3e4, true, null], \"b\": {\"c\": \"\\u00e9\\n\"}}",
    "https://example.com/path/to?query=1&other=%20x#part user@example.org C:\\dir\\file.txt ~/a/b.tar.gz",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n* **bold** _it_ `code`\n\n```\nblock\n```\n$\\frac{1}{2}$\n",
    "camelCase snake_case SCREAMING_CASE kebab-case HTTPServer2 iPhone15Pro x86_64",
    "!@#$%^&*()_+-=[]{}|;':\",./<>?`~ ... !!! ??? --- === *** <<<>>> ///",
    "naïve café résumé Zürich Ångström façade señor Ærø œuvre ß ẞ İstanbul ıI ŀl ﬁ ﬂ ǆ",
    "cafe\u0301 e\u0301\u0300 \u0301alone a\u200db \u200bzero\ufeffwidth soft\u00adhyphen",
    "Le cœur a ses raisons que la raison ne connaît point. « Oui », dit-elle.",
    "El niño comió piñas. ¿Qué pasó? ¡Nada!",
    "Über den Wölken muß die Freiheit wohl grenzenlos sein – oder?",
    "O coração não é tão simples, disse João. Amanhã haverá pão.",
    "Perché no? È così: l'acqua dell'isola è blu.",
    "Быстрая коричневая лиса прыгает через ленивую собаку. Её щенки – ёжики.",
    "Η γρήγορη αλεπού πηδά πάνω από τον τεμπέλη σκύλο. Τι ώρα είναι;",
    "השועל החום המהיר קופץ מעל הכלב העצלן. שלום עולם!",
    "الثعلب البني السريع يقفز فوق الكلب الكسول. مرحبًا، كيف حالك؟",
    "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है।",
    "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ",
    "敏捷的棕色狐狸跳过了懒狗。你好，世界！她说：“再见”。",
    "速い茶色の狐がのろまな犬を飛び越える。カタカナ、ひらがな、漢字ー々。",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다. 안녕하세요 세계!",
    "Con cáo nâu nhanh nhẹn nhảy qua con chó lười. Cửa Việt.",
    "კარგი დღე! Բարեւ աշխարհ։ ሰላም ዓለም ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ 𐐀𐐁 𒀀𒀁 𓀀𓀁 𠀀𠀁 𫝀",
    "🙂😀👍🏽👨‍👩‍👧‍👦🇫🇷🏳️‍🌈❤️‍🔥 emoji🎉test 🧪🧬 1️⃣ ©®™ ☃ ♥️",
    "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, α ∧ ¬β = ¬(¬α ∨ β), ∑ᵢ xᵢ² ≤ ∞ → ½π ℵ₀",
    "control \x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x13\x14\x16\x1b\x1d\x1f\x7f bytes\x85next",
    "x\x04y a\x06b\x13c \x14 d\x16\x1d",
    "planes \U0001f600 \U00020000 \U000e0041 \U000f0000 \U0010ffff \U00040000 \U000a0001 end",
    "private \ue000\uf8ff \ufffd\ufffe\uffff nonchar",
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n",
    "<|endoftext|><|endoftext|> <|im_end|>x<|im_end|> y <|im_end |> <|im_end|",
    "a<repo_name>b<reponame>c<file_sep><filename><gh_stars>1<issue_start><issue_comment><issue_closed>",
    "<jupyter_start><jupyter_text>x<jupyter_code>1+1<jupyter_output>2<jupyter_script><empty_output>",
    "<think>\nHm.\n</think>\n<tool_call>{\"name\": \"f\"}</tool_call> <think></think>",
    "<|begin_of_text|>text<|end_of_text|> <s>x</s> <unk> [MASK] [PAD]",
    "a [MASK] b[MASK]  c\n[MASK]\n  word words word-word _word word_ éword word",
    "abab abc bcab  <norm>x<norm> <nor<norm>m> left <lstrip> right <rstrip>  end <both> <both>",
    "Pneumonoultramicroscopicsilicovolcanoconiosis Donaudampfschifffahrtsgesellschaftskapitän " + "llanfair" * 12,
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "=" * 79 + "\n" + "-" * 41 + "\n" + "#" * 7,
    "the the the The THE tHe  the\tthe\nthe" * 5,
    "e=mc^2;a[i]+=b[j]*c;//comment/*x*/@decorator#!shebang",
    "“Curly” ‘quotes’ – and — dashes… ‚low‛ „low‟ ‹a› «b»",
    "Q: What is 84 * 3 / 2?\nA: 84 * 3 = 252, and 252 / 2 = 126. #### 126",
]


def all_of_unicode():
    """Every character, in 4,096s, in settings where its class shows: after a letter, twice, after a space, a quote."""
    scalars = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for start in range(0, len(scalars), 4096):
        yield "".join(f"x{c}{c} {c}1{c}'{c}\n" for c in scalars[start : start + 4096])


def saved(tokenizer, path, edit=lambda spec: None):
    """Writes the tokenizer, `edit`ed as JSON, and reads it back."""
    spec = json.loads(tokenizer.to_str())
    edit(spec)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(spec, out, ensure_ascii=False, separators=(",", ":"))
        out.write("\n")
    return Tokenizer.from_file(path)


def trained(pre_tokenizer, size, alphabet, specials):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, special_tokens=specials, show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(TEXTS * 2, trainer)
    return tokenizer


def smollm_small(path):
    """SmolLM's form: digits apart, specials inside the vocabulary, no full alphabet, merges as "a b"."""
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer = trained(split, 700, [], ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])

    def lose_bytes(spec):
        """Some bytes that no merge needs leave the vocabulary, as 21 are missing from SmolLM's; none is printable."""
        model = spec["model"]
        used = {token for merge in model["merges"] for token in merge}
        unused = [token for token in model["vocab"] if len(token) == 1 and token not in used]
        lost = [token for token in unused if not token.isascii()][::2]
        kept = [token for token in model["vocab"] if token not in lost]
        model["vocab"] = {token: i for i, token in enumerate(kept)}
        model["merges"] = [" ".join(merge) for merge in model["merges"]]

    return saved(tokenizer, path, lose_bytes)


def llama3_small(path):
    """SmolLM3's form: its pattern, ignore_merges, specials outside of the vocabulary, some of them not special."""
    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer = trained(split, 800, sorted(pre_tokenizers.ByteLevel.alphabet()), [])

    def unreachable(spec):
        """Some whole words lose their last merge: only ignore_merges still finds them."""
        spec["model"]["ignore_merges"] = True
        merges = spec["model"]["merges"]
        parts = {token for merge in merges for token in merge}
        final = [merge for merge in merges if "".join(merge) not in parts]
        spec["model"]["merges"] = [merge for merge in merges if merge not in final[::3]]

    tokenizer = saved(tokenizer, path, unreachable)
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in ["<think>", "</think>", "<tool_call>", "</tool_call>"]])
    bos = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|> $B",
                special_tokens=[("<|begin_of_text|>", bos)],
            ),
        ]
    )
    return saved(tokenizer, path)


def flags_small(path):
    """GPT-2's form, with every flag that an added token can have, an unknown token, and tokens around the text."""
    tokenizer = trained(pre_tokenizers.ByteLevel(add_prefix_space=False), 450, [], ["<s>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True, normalized=False, special=True)])
    tokenizer.add_tokens(
        [
            AddedToken("word", single_word=True, normalized=False),
            AddedToken("<lstrip>", lstrip=True, normalized=False),
            AddedToken("<rstrip>", rstrip=True, normalized=False),
            AddedToken("<both>", lstrip=True, rstrip=True, normalized=False),
            AddedToken("bc", normalized=False),
            AddedToken("ab", normalized=True),
            AddedToken("<norm>", normalized=True),
            AddedToken("é", single_word=True, normalized=True),
        ]
    )
    around = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=around)

    def unknown(spec):
        spec["model"]["unk_token"] = "<unk>"
        spec["model"]["fuse_unk"] = True

    return saved(tokenizer, path, unknown)


def digest(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()


def facts(tokenizer):
    """What the tests compare: see the head of this file."""
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    parsed = [encode(text) for text in TEXTS]
    around = tokenizer.encode("", add_special_tokens=True).ids
    unicode_ids = [i for text in all_of_unicode() for i in encode(text)]
    tokenizer.encode_special_tokens = True
    as_text = [encode(text) for text in TEXTS]
    tokenizer.encode_special_tokens = False
    decoded = {
        str(i): tokenizer.decode(ids, skip_special_tokens=False)
        for i, (text, ids) in enumerate(zip(TEXTS, parsed))
        if tokenizer.decode(ids, skip_special_tokens=False) != text
    }
    skipped = {
        str(i): tokenizer.decode(ids, skip_special_tokens=True)
        for i, ids in enumerate(parsed)
        if tokenizer.decode(ids, skip_special_tokens=True) != decoded.get(str(i), TEXTS[i])
    }
    return {
        "around": around,
        "ids": parsed,
        "as_text": {str(i): ids for i, ids in enumerate(as_text) if ids != parsed[i]},
        "decoded": decoded,
        "decoded_without_specials": skipped,
        "unicode_ids": len(unicode_ids),
        "unicode_sha256_of_u32le_ids": digest(unicode_ids),
    }


def main():
    source, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    tokenizers = {
        "smollm2": Tokenizer.from_file(os.path.join(source, "tokenizer.json")),
        "smollm_small": smollm_small(os.path.join(out, "smollm_small.json")),
        "llama3_small": llama3_small(os.path.join(out, "llama3_small.json")),
        "flags_small": flags_small(os.path.join(out, "flags_small.json")),
    }
    golden = {
        "made_by": f"reference/tokenizer_golden.py with tokenizers {version}",
        "texts": TEXTS,
        "tokenizers": {name: facts(tokenizer) for name, tokenizer in tokenizers.items()},
    }
    text = json.dumps(golden, ensure_ascii=True, indent=1)
    # One line for each list of ids.
    text = re.sub(r"\[\s+([\d,\s]+?)\s+\]", lambda m: "[" + "".join(m[1].split()) + "]", text)
    with open(os.path.join(out, "golden.json"), "w", encoding="utf-8") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    main()
