"""A tour of `smollm serve` with litellm, which many programs use to reach whatever server there is.

    python litellm_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Needs litellm. Exit code 0 and a last line "litellm_check: N checks passed", or a traceback.
"""

import asyncio
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches a list of prices while it is imported
import litellm  # noqa: E402

import served  # noqa: E402
from served import Server, check, raises  # noqa: E402

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
MODEL = "SmolLM2-135M-Instruct"
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say something."}]


def text(answer):
    return answer.choices[0].message.content


def chat(provider, server):
    """Whole answers and pieces, by the ways litellm has to a server like OpenAI's and to vLLM."""
    options = dict(model=f"{provider}/{MODEL}", messages=MESSAGES, api_base=f"{server.address}/v1", api_key="none")
    ask = lambda **more: litellm.completion(**{**options, "max_tokens": 16, **more})
    answer = ask(temperature=0)
    check(answer.choices[0].finish_reason in ("stop", "length"), "a reason")
    check(answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, "usage adds up")
    check(text(ask(temperature=0)) == text(answer), "greedy answers repeat")
    several = ask(temperature=5, seed=7, n=3)
    check([c.index for c in several.choices] == [0, 1, 2], "three choices")
    again = ask(temperature=5, seed=7, n=3)
    check([c.message.content for c in again.choices] == [c.message.content for c in several.choices], "seeds repeat")
    check(text(ask(temperature=5, seed=8)) != text(ask(temperature=5, seed=7)), "another seed, another answer")
    logged = ask(temperature=0, logprobs=True, top_logprobs=3)
    tokens = logged.choices[0].logprobs.content
    check(len(tokens) == logged.usage.completion_tokens, "a log-probability for each token")
    check(all(len(t.top_logprobs) == 3 for t in tokens), "and three alternatives")
    check(b"".join(bytes(t.bytes) for t in tokens).decode(errors="replace") == text(answer), "their bytes are the text")
    stop = text(answer)[2:4]
    cut = ask(temperature=0, stop=[stop])
    check(len(stop) == 2 and text(cut) == text(answer)[: text(answer).index(stop)], "the answer ends before the stop string")
    check(cut.choices[0].finish_reason == "stop", "and says why")
    pieces = list(ask(temperature=0, stream=True, stream_options={"include_usage": True}))
    check("".join(p.choices[0].delta.content or "" for p in pieces if p.choices) == text(answer), "the pieces are the answer")
    check(text(litellm.stream_chunk_builder(pieces)) == text(answer), "litellm puts them together again")
    usage = [p.usage for p in pieces if getattr(p, "usage", None)]
    check(usage[-1].completion_tokens == answer.usage.completion_tokens, "the last says how many")
    stops = [p.choices[0].finish_reason for p in pieces if p.choices and p.choices[0].finish_reason]
    check(stops == [answer.choices[0].finish_reason], "one piece says why it ended")
    return answer


def completions(server):
    """Texts."""
    ask = lambda **more: litellm.text_completion(
        model=f"text-completion-openai/{MODEL}", api_base=f"{server.address}/v1", api_key="none", temperature=0, **more
    )
    answer = ask(prompt="abc", max_tokens=4, echo=True, logprobs=2)
    check(answer.choices[0].text.startswith("abc"), "the prompt is echoed")
    check(answer.choices[0].logprobs.token_logprobs[0] is None, "with log-probabilities from the second token on")
    several = ask(prompt=["abc", "abd"], max_tokens=5)
    alone = [ask(prompt=prompt, max_tokens=5).choices[0].text for prompt in ("abc", "abd")]
    check([c.text for c in several.choices] == alone, "several prompts")
    pieces = ask(prompt="abc", max_tokens=5, stream=True)
    check("".join(p.choices[0].text or "" for p in pieces) == alone[0], "a stream")


def embeddings(server):
    """Vectors."""
    ask = lambda **more: litellm.embedding(
        model=f"openai/{MODEL}", input=["abc", "xyz"], api_base=f"{server.address}/v1", api_key="none", **more
    )
    first, second = (entry["embedding"] for entry in ask(encoding_format="float").data)
    check(abs(sum(x * x for x in first) - 1) < 1e-5, "of length 1")
    check(first != second, "of their own")


async def leaving(server):
    """Clients that leave in the middle, and others beside them."""
    options = dict(model=f"openai/{MODEL}", messages=MESSAGES, api_base=f"{server.address}/v1", api_key="none")
    ask = lambda **more: litellm.acompletion(**options, temperature=0, **more)
    alone = text(await ask(max_tokens=16))
    for _ in range(3):
        pieces = await ask(max_tokens=1500, stream=True, extra_body={"ignore_eos": True})
        async for _ in pieces:
            break
        await pieces.aclose()
    answers = await asyncio.gather(*(ask(max_tokens=16) for _ in range(8)))
    check([text(answer) for answer in answers] == [alone] * 8, "others get their answers")


def errors(server):
    """Errors are litellm's own."""
    options = dict(model=f"openai/{MODEL}", messages=MESSAGES, api_base=f"{server.address}/v1", api_key="none")
    ask = lambda **more: litellm.completion(**{**options, "max_tokens": 4, **more})
    raises(litellm.BadRequestError, lambda: ask(temperature=-1), "a parameter out of range")
    long = [{"role": "user", "content": "1 " * 5000}]
    raises(litellm.ContextWindowExceededError, lambda: ask(messages=long), "a prompt that is too long")


def main():
    litellm.suppress_debug_info = True  # lines about where to ask for help, on standard output
    subprocess.run([STAND_INS, str(WORK)], check=True)
    folder = WORK / "HuggingFaceTB"
    with Server(SMOLLM, "-m", folder / MODEL).ready() as server:
        answers = [text(chat(provider, server)) for provider in ("openai", "hosted_vllm", "custom_openai")]
        check(len(set(answers)) == 1, "the same answer by every way")
        completions(server)
        embeddings(server)
        asyncio.run(leaving(server))
        errors(server)

    keys = WORK / "keys"
    keys.write_text("2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683  me\n")  # sha256 of `key`
    with Server(SMOLLM, "-m", folder, "--key-file", keys) as server:
        options = dict(messages=MESSAGES, api_base=f"{server.address}/v1")
        ask = lambda model, key: litellm.completion(model=f"openai/{model}", api_key=key, max_tokens=4, **options)
        check(text(ask(MODEL, "key")) is not None, "one model of several")
        raises(litellm.AuthenticationError, lambda: ask(MODEL, "wrong"), "a wrong key")
        raises(litellm.NotFoundError, lambda: ask("none", "key"), "an unknown name")
    version = importlib.metadata.version("litellm")
    print(f"litellm_check: {served.passed} checks passed with litellm {version}")


main()
