"""Our training of tokenizers beside that of the Python `tokenizers`: every merge, every id, and how long it takes.

    python reference/tokenizer_train_check.py WORK_FOLDER SMOLLM FIXTURES [--speed [MEGABYTES]]
    python reference/tokenizer_train_check.py --golden FIXTURES

WORK_FOLDER is an empty folder, SMOLLM the binary, FIXTURES the shared fixtures, which may be absent. Both train on the same texts, those of
testdata/tokenizer/golden.json and of the fixtures; vocabularies and merges must be equal, `tokenizers` and transformers must load what
`smollm tokenizer train` wrote and give the ids that `smollm tokenize` gives, and `smollm tokenizer eval` must count what they count.
Exit code 0 and a last line "tokenizer_train_check: N checks passed", or a traceback.

--speed trains both on 50 MB (or MEGABYTES) of text, 49,152 tokens, three times in turn, and prints medians and their ratio; fails where
merges differ or ours is not three times as fast. The text is made of the words of the fixtures, drawn by their frequencies, and of as many
different words again and more that are invented letter by letter after their example, in documents of some 2 kB: no sentence of it is
anybody's, and none is repeated.

--golden writes testdata/tokenizer/trained.json, the facts that the tests of smollm-tokenizer hold our trainer to. Needs: tokenizers,
transformers.
"""

import gzip
import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tokenizers import Regex, Tokenizer, __version__, decoders, models, pre_tokenizers, trainers

ROOT = Path(__file__).resolve().parent.parent
TEXTS = json.loads((ROOT / "testdata/tokenizer/golden.json").read_text())["texts"]
LLAMA3 = json.loads((ROOT / "testdata/tokenizer/llama3_small.json").read_text())["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
SPECIALS = "endoftext im_start im_end".split()
SPECIALS = [f"<|{name}|>" for name in SPECIALS]
MEASURED = "import resource as r, subprocess, sys; subprocess.run(sys.argv[1:], check=True); print(r.getrusage(r.RUSAGE_CHILDREN).ru_maxrss)"
"""Runs a command and prints its memory. A small process must start it: until it has begun, a command counts as large as who starts it."""
passed = 0


def check(condition, what):
    global passed
    assert condition, what
    passed += 1


def pattern(name):
    """How text is cut into words."""
    byte_level = lambda regex: pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)
    if name == "gpt2":
        return byte_level(True)
    if name == "smollm2":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)])
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), byte_level(False)])


def theirs(texts, vocab_size, cut="smollm2", only_seen_bytes=False, **further):
    """Their trainer on `texts`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pattern(cut)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = [] if only_seen_bytes else pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=alphabet, special_tokens=SPECIALS, show_progress=False, **further
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def learnt(tokenizer):
    """Tokens by id, and merges in order, of a tokenizer or of the file of one."""
    spec = json.loads(tokenizer.to_str() if isinstance(tokenizer, Tokenizer) else Path(tokenizer).read_text())["model"]
    return sorted(spec["vocab"], key=spec["vocab"].get), [" ".join(merge) for merge in spec["merges"]]


def fixture(name):
    """The texts of a file of the fixtures."""
    path = FIXTURES / "pretrain" / name
    if name.endswith(".jsonl"):
        return [json.loads(line)["text"] for line in path.read_text().splitlines()]
    return [(gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()).decode()]


# The texts: those of golden.json or of a fixture; the vocabulary; what else the trainer is told.
CASES = [
    ("golden", 700, {}),
    ("golden", 900, {"cut": "gpt2", "min_frequency": 2}),
    ("golden", 900, {"cut": "smollm3", "max_token_length": 6}),
    ("golden", 600, {"only_seen_bytes": True}),
    ("tinyshakespeare.txt", 8192, {}),
    ("wiki_demo.txt", 12000, {"min_frequency": 2}),
    ("c4_demo.jsonl", 10000, {"cut": "smollm3"}),
    ("war_and_peace.txt.gz", 49152, {}),
]


def texts_of(name):
    return TEXTS if name == "golden" else fixture(name)


def golden():
    """What the Rust tests compare: digests of merges, one to a line, and some of them to look at."""
    facts = []
    for name, size, options in CASES:
        tokens, merges = learnt(theirs(texts_of(name), size, **options))
        again = learnt(theirs(texts_of(name), size, **options))
        assert (tokens, merges) == again, f"{name}: their trainer does not agree with itself"
        digest = hashlib.sha256("".join(f"{merge}\n" for merge in merges).encode()).hexdigest()
        facts.append({
            "texts": name, "vocab_size": size, **options, "tokens": len(tokens), "merges": len(merges), "merges_sha256": digest,
            "first_merges": merges[:12], "last_merge": merges[-1],
        })
    made_by = f"reference/tokenizer_train_check.py with tokenizers {__version__}"
    text = json.dumps({"made_by": made_by, "special_tokens": SPECIALS, "cases": facts}, indent=1)
    text = re.sub(r"\[\s+(\"[^\]]*?\")\s+\]", lambda m: "[" + re.sub(r"\n\s+", " ", m[1]) + "]", text)
    (ROOT / "testdata/tokenizer/trained.json").write_text(text + "\n")


def smollm(*arguments, **further):
    """The binary; what it prints."""
    done = subprocess.run([SMOLLM, *map(str, arguments)], capture_output=True, text=True, **further)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def command(files, out, size, cut="smollm2", only_seen_bytes=False, min_frequency=0, max_token_length=None):
    """The arguments that ask for the same."""
    words = ["tokenizer", "train", *files, "-o", out, "--vocab-size", size, "--pattern", cut, "--min-frequency", min_frequency]
    words += [f"--special={special}" for special in SPECIALS]
    words += ["--only-seen-bytes"] * only_seen_bytes
    return words + (["--max-token-length", max_token_length] if max_token_length else [])


def lines_file(texts, name):
    path = WORK / name
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def same_merges_and_ids():
    for i, (name, size, options) in enumerate(CASES):
        if name != "golden" and not FIXTURES.is_dir():
            print(f"SKIP: no fixture {name}")
            continue
        texts, out = texts_of(name), WORK / f"case-{i}"
        smollm(*command([lines_file(texts, f"{i}.jsonl")], out, size, **options))
        mine, others = learnt(out / "tokenizer.json"), theirs(texts, size, **options)
        check(mine == learnt(others), f"{name} {options}: other merges")
        loaded = Tokenizer.from_file(str(out / "tokenizer.json"))
        loaded.encode_special_tokens = False
        sample = [*TEXTS, *(text[:20000] for text in texts[:20])]
        for text in sample:
            ids = loaded.encode(text).ids
            # theirs was saved and loaded, ours too: merges found twice have one rank then
            check(ids == Tokenizer.from_str(others.to_str()).encode(text).ids, f"{name}: other ids of {text[:60]!r}")
        text = "\n".join(sample)
        said = json.loads(smollm("tokenize", "-m", out, "--json", input=text))
        check(said["ids"] == loaded.encode(text).ids, f"{name}: our own ids are others")
        loaded.encode_special_tokens = True
        counted = json.loads(smollm("tokenizer", "eval", out, WORK / f"{i}.jsonl", "--json"))
        encoded = [loaded.encode(text).ids for text in texts]
        check(counted["tokens"] == sum(map(len, encoded)), f"{name}: {counted}")
        check(counted["used_tokens"] == len({i for ids in encoded for i in ids}), f"{name}: {counted}")
        exact = sum(loaded.decode(ids, skip_special_tokens=False) == text for ids, text in zip(encoded, texts))
        check((counted["exact_texts"], counted["texts"]) == (exact, len(texts)), f"{name}: {counted}")


def transformers_loads_it():
    from transformers import AutoTokenizer

    template = WORK / "template.jinja"
    template.write_text("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}")
    out = WORK / "with-template"
    smollm(*command([lines_file(TEXTS, "t.jsonl")], out, 700), "--chat-template", template)
    tokenizer = AutoTokenizer.from_pretrained(out)
    roles = (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token, tokenizer.unk_token)
    check(roles == ("<|im_start|>", "<|im_end|>", "<|im_end|>", "<|endoftext|>"), roles)
    messages = [{"role": "user", "content": "Hi!"}]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False)
    check(prompt == "<|im_start|>user\nHi!<|im_end|>\n", prompt)
    ours = smollm("template", "-m", out, "--no-generation-prompt", json.dumps(messages))
    check(ours.rstrip("\n") == prompt.rstrip("\n"), ours)
    check(set(tokenizer.all_special_tokens) == set(SPECIALS), tokenizer.all_special_tokens)
    for text in (prompt, *TEXTS):
        ids = tokenizer(text, add_special_tokens=True)["input_ids"]
        check(ids == Tokenizer.from_file(str(out / "tokenizer.json")).encode(text).ids, text)


def words_of(text):
    return re.findall(r"\s?\S+", text)


def made_up(megabytes):
    """Documents of some 2 kB, the same each time: see the head of this file."""
    rng = random.Random(20)
    names = ["wiki_demo.txt", "tinyshakespeare.txt", "war_and_peace.txt.gz", "c4_demo.jsonl", "tinystories_sample.txt"]
    known = Counter(word.replace("\n", " ") for name in names for text in fixture(name) for word in words_of(text))
    letters = [word.strip() for word in known if word.strip().isalpha()]
    follow = {}
    for word in letters:
        for i in range(len(word) + 1):
            follow.setdefault(("^^" + word)[i : i + 2], []).append(("^^" + word + "$")[i + 2])
    invented = set()
    while len(invented) < 600_000:
        word = "^^"
        while word[-1] != "$" and len(word) < 18:
            word += rng.choice(follow[word[-2:]])
        invented.add(" " + word[2:].rstrip("$"))
    invented = sorted(invented)
    rng.shuffle(invented)
    words, weights = zip(*known.items())
    rare = [1 / (2000 + rank) for rank in range(len(invented))]
    share = sum(weights) / sum(rare) * 0.08
    words, weights = [*words, *invented], [*weights, *(share * weight for weight in rare)]
    total, documents = 0, []
    cumulative, running = [], 0
    for weight in weights:
        running += weight
        cumulative.append(running)
    while total < megabytes * 1_000_000:
        drawn = rng.choices(words, cum_weights=cumulative, k=400)
        text = "".join(word + ("\n" if rng.random() < 0.02 else "") for word in drawn)
        documents.append(text)
        total += len(text.encode())
    return documents


def speed(megabytes):
    if not FIXTURES.is_dir():
        print("SKIP: the text is made of fixtures, which are absent")
        sys.exit(77)
    texts = made_up(megabytes)
    file = lines_file(texts, "speed.jsonl")
    size = sum(len(text.encode()) for text in texts)
    print(f"{len(texts)} documents, {size / 1e6:.1f} MB, {os.cpu_count()} cores, tokenizers {__version__}", flush=True)
    seconds = {"ours": [], "theirs": []}
    for turn in range(3):
        start = time.perf_counter()
        memory = subprocess.check_output([sys.executable, "-c", MEASURED, SMOLLM, *map(str, command([file], WORK / "speed", 49152))])
        seconds["ours"].append(time.perf_counter() - start)
        start = time.perf_counter()
        others = theirs(texts, 49152)
        seconds["theirs"].append(time.perf_counter() - start)
        print(f"turn {turn + 1}: ours {seconds['ours'][-1]:.2f} s ({int(memory) / 1024:.0f} MiB), theirs {seconds['theirs'][-1]:.2f} s", flush=True)
    ours, median = (statistics.median(seconds[who]) for who in ("ours", "theirs"))
    print(f"medians: ours {ours:.2f} s, theirs {median:.2f} s, {median / ours:.1f} times as fast")
    mine, other = learnt(WORK / "speed" / "tokenizer.json"), learnt(others)
    check(len(mine[0]) == 49152, f"{len(mine[0])} tokens")
    check(mine == other, "other merges")
    check(median >= 3 * ours, "ours is not three times as fast")


if sys.argv[1] == "--golden":
    FIXTURES = Path(sys.argv[2])
    golden()
else:
    WORK, SMOLLM, FIXTURES = Path(sys.argv[1]).resolve(), sys.argv[2], Path(sys.argv[3])
    if "--speed" in sys.argv:
        speed(int(sys.argv[5]) if len(sys.argv) > 5 else 50)
    else:
        same_merges_and_ids()
        transformers_loads_it()
    print(f"tokenizer_train_check: {passed} checks passed with tokenizers {__version__}")
