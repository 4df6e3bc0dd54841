"""Requests that schemathesis makes from `/openapi.json`, valid ones and others, to `smollm serve`.

    python schemathesis_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Needs schemathesis. It must find no 5xx, no status, type or body that the document does not declare; and many
of its requests must have been answered by the model, else they were all refused and nothing was tried.
"""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import served
from served import Server, check

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
EXAMPLES = "200"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def let_it_think(model):
    """Gives the template of a model a variable for thinking, without which all fields about thinking are refused."""
    path = model / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["chat_template"] += "{% if enable_thinking %}{% endif %}"
    path.write_text(json.dumps(config))


def answers(address):
    """Completions and chats that ended."""
    with urllib.request.urlopen(f"{address}/metrics") as metrics:
        found = re.findall(r"^vllm:request_success_total\{.*\} (\d+)", metrics.read().decode(), re.MULTILINE)
    return sum(map(int, found))


def main():
    subprocess.run([STAND_INS, str(WORK)], check=True)
    model = WORK / "HuggingFaceTB/SmolLM2-135M-Instruct"
    let_it_think(model)
    # answers of up to 128 choices that nobody bounds are to end on a busy machine, too
    with Server(SMOLLM, "-m", model, "--ctx", "256", "--max-tokens", "32").ready() as server:
        program = Path(sys.executable).absolute().with_name("schemathesis")
        run = [program, "run", f"{server.address}/openapi.json", "--checks", CHECKS, "--max-examples", EXAMPLES]
        run += ["--seed", "1", "--request-timeout", "300"]
        code = subprocess.run([*map(str, run)], stderr=subprocess.STDOUT, cwd=WORK).returncode
        check(server.child.poll() is None, "the server has ended")
        check(code == 0, "schemathesis found something")
        count = answers(server.address)
        check(count > int(EXAMPLES), f"only {count} requests were answered by the model")
    print(f"{count} requests were answered by the model")
    print(f"schemathesis_check: {served.passed} checks passed")


main()
