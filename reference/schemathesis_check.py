"""Requests that schemathesis makes from `/openapi.json`, valid ones and others, to `smollm serve`.

    python schemathesis_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Needs schemathesis. It must find no 5xx, no status, type or body that the document does not declare.
"""

import subprocess
import sys
from pathlib import Path

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
EXAMPLES = "200"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main():
    subprocess.run([STAND_INS, str(WORK)], check=True)
    model = str(WORK / "HuggingFaceTB/SmolLM2-135M-Instruct")
    command = [SMOLLM, "serve", "--port", "0", "-m", model, "--ctx", "256"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        address = server.stderr.readline().strip().rsplit(" ", 1)[1]
        program = Path(sys.executable).absolute().with_name("schemathesis")
        run = [program, "run", f"{address}/openapi.json", "--checks", CHECKS, "--max-examples", EXAMPLES]
        run += ["--wait-for-schema", "60", "--seed", "1"]
        code = subprocess.run([*map(str, run)], stderr=subprocess.STDOUT, cwd=WORK).returncode
        assert server.poll() is None, "the server has ended"
    finally:
        server.terminate()
        server.wait(60)
    assert code == 0, "schemathesis found something"
    print("schemathesis_check: 1 checks passed")


main()
