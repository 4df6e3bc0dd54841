"""What the speed scripts measure and how they say it: cases such as decode:32@64x8, and the JSON shape of `smollm bench --json`.

A case is KIND:TOKENS[@DEPTH][xBATCH]: so many tokens per sequence, after DEPTH tokens in the cache, of BATCH sequences at once.
"""
import re
import statistics
import time
from typing import NamedTuple


class Case(NamedTuple):
    kind: str
    tokens: int
    depth: int
    batch: int


def case(text):
    """Reads a case; the type of an argparse argument."""
    found = re.fullmatch(r"(prefill|decode):(\d+)(?:@(\d+))?(?:x(\d+))?", text)
    if not found:
        raise ValueError(text)
    return Case(found[1], int(found[2]), int(found[3] or 0), int(found[4] or 1))


def add_arguments(parser):
    parser.add_argument("--cases", type=case, nargs="+", default=[case("prefill:512"), case("decode:64@16")])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)


def measure(case, threads, repeats, prepare, step):
    """One entry of `results`: `prepare` fills the cache up to the depth, `step(n)` runs n tokens of every sequence.

    Decode is the bare loop of single tokens. One run does not count.
    """
    rates = []
    for _ in range(repeats + 1):
        prepare(case.depth, case.batch)
        start = time.perf_counter()
        if case.kind == "prefill":
            step(case.tokens)
        else:
            for _ in range(case.tokens):
                step(1)
        rates.append(case.tokens * case.batch / (time.perf_counter() - start))
    rates = rates[1:]
    spread = {"median": statistics.median(rates), "min": min(rates), "max": max(rates)}
    return {"kind": case.kind, "tokens": case.tokens, "depth": case.depth, "batch": case.batch, "threads": threads,
            "tokens_per_s": {name: round(rate, 3) for name, rate in spread.items()}}
