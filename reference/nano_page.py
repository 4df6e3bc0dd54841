"""Fills the results into docs/nano.md, from the folder of a demo: what it took, results by stage beside their targets, every prompt written by hand.

    python3 reference/nano_page.py FOLDER docs/nano.md [STAGE]

Needs the standard library alone. FOLDER is what `smollm demo nano -o FOLDER` has made; STAGE is the one whose model was quantised, `dpo` if it is not said (where it is
`sft`, files, answers and rows of 8 and 4 bits in the folder are to be of that); with `results/card-answers.jsonl` in it (the page says how it
is made) the examples of SmolLM2's card are printed too. The page between its two marks is written anew; the rest of it stays.
"""

import json
import re
import shlex
import sys
from pathlib import Path

BEGIN = "<!-- results: written by reference/nano_page.py -->"
END = "<!-- end of results -->"
STAGES = [("pretrain", "pretrained"), ("sft", "conversations"), ("dpo", "preferences"), ("q8_0", "8 bits"), ("q4_0", "4 bits")]
# what the 8-bit model, which is the one that ships, is to reach: kind of items, the least share
TARGETS = [
    ("facts", 0.95),
    ("calls", 0.95),
    ("instructions", 0.85),
    ("follow-ups", 0.90),
    ("refusals", 0.95),
    ("rewriting", 0.90),
]
SUMS, FALSE_REFUSALS, GAP, LOST, BYTES = 0.98, 0.02, 0.06, 0.01, 8e6
# kinds in which an answer may falsely say that it does not know
ASKABLE = ["facts", "follow-ups", "arithmetic", "instructions", "rewriting", "summaries", "calls", "stories", "small-talk"]
BY_HAND = "hand-written"
CARD = Path(__file__).parent / "nano_card.jsonl"


def lines(path):
    """The lines of a file of JSON; none if it is not there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def items_of(folder, kind):
    """The items of a kind, as the demo has them."""
    return lines(folder / "hand-written.jsonl" if kind == BY_HAND else folder / f"world/held-out/{kind}.jsonl")


def answers_of(folder, stage, kind):
    """Items and what a stage made of them; they stand in the same order, and there may be fewer answers."""
    told = [answer for answer in lines(folder / f"results/{stage}-answers.jsonl") if answer["kind"] == kind]
    return list(zip(items_of(folder, kind), told))


def rows_of(folder, stage):
    """The rows of a stage by kind."""
    return {row["kind"]: row for row in lines(folder / f"results/{stage}.jsonl")}


def is_two_digit_sum(item):
    """Is it the sum of two numbers of two digits, in digits?"""
    numbers = [int(number) for number in re.findall(r"\d+", item["messages"][-1]["content"])]
    return len(numbers) == 2 and all(10 <= n <= 99 for n in numbers) and item["check"].get("value") == str(sum(numbers))


def share(right, of):
    """A share in per cent, and of how many."""
    return f"{100 * right / of:.1f} % of {of}" if of else "none"


def escaped(text):
    """A text as it stands, in a cell of a table."""
    for char, escape in [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")]:
        text = text.replace(char, escape)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text).replace("\n", "<br>")


def table(head, rows):
    """A table in Markdown."""
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def weights(config):
    """How many numbers a model of this shape learns; the head is the embedding."""
    c, f, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    head = config.get("head_dim") or c // config["num_attention_heads"]
    q, kv = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    return config["vocab_size"] * c + layers * (2 * c * q + 2 * c * kv + 3 * c * f + 2 * c) + c


def model(folder):
    """Of what size and age it is."""
    claim = dict(line.split(" ", 1) for line in (folder / "demo.txt").read_text(encoding="utf-8").splitlines())
    world = lines(folder / "world/world.json")[0]
    config = json.loads((folder / "runs/dpo/model/config.json").read_text(encoding="utf-8"))
    yield f"`smollm demo nano --size {claim['size']} --seed {claim['seed']}`, on a world of seed {world['seed']} at scale {world['scale']:g}."
    yield ""
    rows = [
        ["weights", f"{weights(config):,}"],
        ["vocabulary", f"{config['vocab_size']:,} tokens"],
        ["context", f"{config['max_position_embeddings']:,} tokens"],
        ["layers", str(config["num_hidden_layers"])],
    ]
    for stage in ["pretrain", "sft", "dpo"]:
        steps = lines(folder / f"runs/{stage}/metrics.jsonl")
        if steps:
            rows.append([f"learnt from in `{stage}`", f"{steps[-1]['tokens']:,} tokens, {steps[-1]['step']:,} steps"])
    for mix in ["q8_0", "q4_0"]:
        file = folder / f"nano-{mix}.gguf"
        if file.exists():
            rows.append([f"file of {mix}", f"{file.stat().st_size:,} bytes"])
    yield from table(["", ""], rows)


def times(folder):
    """What each command took."""
    took = lines(folder / "steps.jsonl")
    if not took:
        return
    yield "### What it took"
    yield ""
    yield f"Instruction set `{took[-1]['isa']}`, {took[-1]['threads']} threads. A step that was broken off and gone on with has a row for each time."
    yield ""
    # where the demo lay when it ran: one command makes the world in it, unless that was there before
    worlds = [words[2] for words in (shlex.split(step["command"]) for step in took) if words[1] == "world"]
    home = worlds[0].removesuffix("/world") if worlds else ""
    rows = []
    for step in took:
        memory = f"{step['peak_bytes'] / 1e6:.0f} MB" if step["peak_bytes"] else ""
        command = re.sub(rf"(?<![^\s']){re.escape(home)}(/|(?![^\s']))", lambda found: "" if found[1] else ".", step["command"]) if home else step["command"]
        ended = step["step"] + ("" if step["done"] else " (broken off)")
        rows.append([escaped(ended), f"{step['seconds']:.0f}", memory, f"`{command.replace('|', chr(92) + '|')}`"])
    rows.append(["all", f"{sum(step['seconds'] for step in took):.0f}", "", ""])
    yield from table(["step", "seconds", "memory", "command"], rows)


def results(folder):
    """Every kind by stage."""
    by_stage = {stage: rows_of(folder, stage) for stage, _ in STAGES}
    kinds = list(dict.fromkeys(kind for rows in by_stage.values() for kind in rows))
    yield "### Results by stage"
    yield ""
    yield "On items that were held out, answered greedily. Of texts: nats per token above the entropy (loss - entropy)."
    yield ""
    rows = []
    for kind in kinds:
        cells = [kind]
        for stage, _ in STAGES:
            row = by_stage[stage].get(kind)
            if row is None:
                cells.append("")
            elif "gap" in row:
                cells.append(f"{row['gap']:.3f} ({row['loss']:.3f} - {row['entropy']:.3f})")
            else:
                cells.append(share(row["right"], row["items"]) + (f", {row['failed']} not tried" if row["failed"] else ""))
        rows.append(cells)
    yield from table(["", *(title for _, title in STAGES)], rows)


def sums(folder, stage):
    """Right two-digit sums, and how many there are."""
    told = [answer for item, answer in answers_of(folder, stage, "arithmetic") if is_two_digit_sum(item)]
    return sum(answer.get("passed", False) for answer in told), len(told)


def false_refusals(rows):
    """Answers that falsely say that they do not know, and how many there are."""
    of = [rows[kind] for kind in ASKABLE if kind in rows]
    return sum(row["refused"] for row in of), sum(row["items"] for row in of)


def targets(folder, stage):
    """What was to be reached, and what was."""
    last, before, after = rows_of(folder, "q8_0"), rows_of(folder, "sft"), rows_of(folder, "dpo")
    rows = []

    def judge(what, wanted, found, met):
        rows.append([what, wanted, found, "yes" if met else "**no**"])

    for kind, least in TARGETS:
        if kind in last:
            row = last[kind]
            judge(kind, f"at least {least:.0%}", share(row["right"], row["items"]), row["share"] >= least)
    right, of = sums(folder, "q8_0")
    if of:
        judge("sums of two numbers of two digits", f"at least {SUMS:.0%}", share(right, of), right / of >= SUMS)
    refused, of = false_refusals(last)
    if of:
        judge("false refusals", f"at most {FALSE_REFUSALS:.0%}", share(refused, of), refused / of <= FALSE_REFUSALS)
    first = rows_of(folder, "pretrain")
    for kind, row in last.items():
        if "gap" in row:
            before_chats = f" ({first[kind]['gap']:.3f} before conversations)" if kind in first else ""
            judge(f"{kind}: gap, nats per token", f"at most {GAP}", f"{row['gap']:.3f}{before_chats}", row["gap"] <= GAP)
    if "pairs" in before and "pairs" in after:
        gain = after["pairs"]["share"] - before["pairs"]["share"]
        judge("pairs told apart, by DPO", "more", f"{100 * gain:+.1f} points", gain > 0)
        changes = {kind: after[kind]["share"] - before[kind]["share"] for kind in ASKABLE + ["refusals"] if kind in before}
        worst = min(changes, key=changes.get)
        judge("what DPO loses elsewhere", "at most 1 point", f"{100 * changes[worst]:+.1f} points ({worst})", round(changes[worst], 4) >= -LOST)
    file = folder / "nano-q8_0.gguf"
    if file.exists():
        judge("file of 8 bits", f"at most {BYTES / 1e6:.0f} MB", f"{file.stat().st_size / 1e6:.2f} MB", file.stat().st_size <= BYTES)
    yield "### Targets"
    yield ""
    yield f"The model of 8 bits, which is the one that ships (of the stage `{stage}`); what DPO changes, before quantising."
    yield ""
    yield from table(["", "wanted", "found", "met"], rows)


def quantising(folder, stage):
    """What fewer bits cost, kind by kind."""
    whole = rows_of(folder, stage)
    rows = []
    for mix in ["q8_0", "q4_0"]:
        fewer = rows_of(folder, mix)
        both = [kind for kind in whole if kind in fewer]
        points = {kind: 100 * (fewer[kind]["share"] - whole[kind]["share"]) for kind in both if "share" in whole[kind]}
        losses = [fewer[kind]["loss"] - whole[kind]["loss"] for kind in both if "loss" in whole[kind]]
        if points and losses:
            worst = min(points, key=points.get)
            mean = sum(points.values()) / len(points)
            rows.append([mix, f"{mean:+.2f} points", f"{points[worst]:+.1f} points ({worst})", f"{max(losses):+.4f} nats per token"])
    if rows:
        yield "### What quantising cost"
        yield ""
        yield from table(["", "mean of all kinds", "the worst kind", "loss on texts, the worse one"], rows)


def asked(item):
    """All that the model was given: functions by name, and every message."""
    tools = [tool["function"]["name"] for tool in item.get("tools", [])]
    said = [f"{turn['role']}: {turn['content']}" for turn in item["messages"]]
    return "\n".join(([f"tools: {', '.join(tools)}"] if tools else []) + said)


def answered(answer):
    """What it said, or why it could not."""
    return answer["answer"] if "answer" in answer else f"(not tried: {answer['failed']})"


def by_hand(folder):
    """Every prompt that was written by hand, with the answer of the 8-bit model."""
    told = answers_of(folder, "q8_0", BY_HAND)
    if not told:
        return
    right = sum(answer.get("passed", False) for _, answer in told)
    yield "### Prompts written by hand"
    yield ""
    written = len(items_of(folder, BY_HAND))
    which = "All of them" if len(told) == written else f"The first {len(told)} of {written}"
    yield f"No output of the world's generator: {share(right, len(told))} right. {which}, whole."
    yield ""
    mark = {True: "✓", False: "✗"}
    rows = [
        [str(number), mark[answer.get("passed", False)], escaped(asked(item)), escaped(answered(answer))]
        for number, (item, answer) in enumerate(told, 1)
    ]
    yield from table(["", "", "asked", "answered"], rows)


def card(folder):
    """The examples of SmolLM2's card, verbatim."""
    told = lines(folder / "results/card-answers.jsonl")
    if not told:
        return
    yield "### The examples of SmolLM2's card"
    yield ""
    yield "Verbatim, good or bad. The card has no e-mail to be summarised, so that one is ours."
    yield ""
    for item, answer in zip(lines(CARD), told):
        yield "````text"
        yield asked(item)
        yield ""
        yield f"assistant: {answered(answer)}"
        yield "````"
        yield ""


def filled(folder, stage):
    """What stands between the marks."""
    yield from model(folder)
    yield from targets(folder, stage)
    yield from results(folder)
    yield from quantising(folder, stage)
    for part in [times, card, by_hand]:
        yield from part(folder)


def main():
    if len(sys.argv) not in [3, 4] or sys.argv[3:] not in [[], ["sft"], ["dpo"]]:
        sys.exit(__doc__)
    folder, page, stage = Path(sys.argv[1]), Path(sys.argv[2]), (sys.argv[3:] or ["dpo"])[0]
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{page}: must have the two marks once each: {BEGIN} and {END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    middle = "\n".join(line.rstrip() for line in filled(folder, stage)).rstrip()
    page.write_text(f"{before}{BEGIN}\n\n{middle}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
