"""The Python lines of README.md, run as they stand against `smollm serve`.

    python readme_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Needs openai. They are run twice: against a stand-in, which must print what the server answers to the same question by
another way, and against the built-in model, which must print what the comment in the last line says. Exit code 0 and a last line
"readme_check: N checks passed", 77 if the binary has no built-in model, or a traceback.
"""

import contextlib
import io
import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import served
from served import Server, check

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
README = Path(__file__).resolve().parent.parent / "README.md"
ADDRESS = "http://127.0.0.1:8080"


def printed(lines, address):
    """What the lines print, the server of the page being at `address`."""
    check(ADDRESS in lines, "they name the server's address")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(lines.replace(ADDRESS, address), str(README), "exec"), {})
    return out.getvalue()


def answered(address):
    """What the server answers to the question of the page, asked without a client."""
    question = {"messages": [{"role": "user", "content": "What is the capital of France?"}], "temperature": 0}
    request = urllib.request.Request(f"{address}/v1/chat/completions", json.dumps(question).encode())
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


def main():
    blocks = [block for block in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.S) if "openai" in block]
    check(len(blocks) == 1 and len(blocks[0].splitlines()) == 5, "one block of five lines")
    lines = blocks[0]
    check("What is the capital of France?" in lines, "they ask what is asked below")
    subprocess.run([STAND_INS, WORK], check=True)
    model = WORK / "HuggingFaceTB/SmolLM2-135M-Instruct"
    with Server(SMOLLM, "-m", model, "--alias", "nano", "--ctx", 256).ready() as server:
        text = printed(lines, server.address)
        check(len(text) > 1 and text == answered(server.address) + "\n", "a stand-in's answer is printed")
    if subprocess.run([SMOLLM, "info", "-m", "nano"], capture_output=True, env=served.environment()).returncode != 0:
        print("SKIP: this build has no built-in model")
        sys.exit(77)
    with Server(SMOLLM, "-m", "nano").ready() as server:
        expected = lines.rstrip().rsplit("# ", 1)[1]
        check(printed(lines, server.address) == expected + "\n", f"the built-in model says: {expected}")
    print(f"readme_check: {served.passed} checks passed")


main()
