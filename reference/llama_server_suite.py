"""llama.cpp's own server suite against llama-server and against `smollm serve`, for the same model: which cases both pass.

Run: python llama_server_suite.py LLAMA_CPP LLAMA_SERVER SMOLLM MODEL.gguf WORK_FOLDER
  LLAMA_CPP is the folder of llama.cpp's sources; the Python must have the requirements.txt of their tools/server/tests; WORK_FOLDER is an
  empty folder, which afterwards has a copy of the tests, the output of both runs and the whole table (table.md).

llama-server goes first, and what it answers is what smollm must answer (llama_server_plugin.py). Cases in llama_server_excluded.txt are not
run. In the copy the tests of tools have what is commented out in them. Exit code 0 if smollm passes 90 % of the cases that llama-server
passes under the same wrapper (llama_server_wrapper.py), and of the tests of tools every one, whatever llama-server does.
"""
import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXCLUDED = HERE / "llama_server_excluded.txt"
WANTED = 0.9
RUN_SECONDS = 45 * 60
TESTS = "tools/server/tests"
TEMPLATES = "models/templates"  # which tests name from where they run
TOOLS = "test_tool_call.py"
WIDTH = 96  # of a case in what is printed


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_python(text):
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def values(line):
    """How many values a line has that is a case of a list; 0 for any other."""
    text = line.strip()
    if not text.startswith("(") or not is_python(text):
        return 0
    value = ast.parse(text).body[0].value  # `(...),` is a tuple with a tuple in it
    return len(value.elts[0].elts) if isinstance(value, ast.Tuple) and isinstance(value.elts[0], ast.Tuple) else 0


def uncommented(source):
    """A test file with what is commented out: functions that begin with a mark, and single cases of lists."""
    out, function, width = [], False, 0
    for line in source.splitlines():
        function = (function or line.startswith("# @pytest.mark")) and (not line or line.startswith("#"))
        if function:
            line = re.sub("^# ?", "", line)
        case = re.match(r" +# (\(.*\),)", line)
        if case and width > 0 and values(case[1]) == width:
            line = case[1]
        width = values(line) or width  # of the cases that a list has
        out.append(line)
    return "\n".join(out) + "\n"


def copy_of_tests(llama_cpp, work):
    """The tests in a folder of their own, with the templates that they name, and those of tools uncommented."""
    tests = work / "llama.cpp" / TESTS
    for folder in (TESTS, TEMPLATES):
        shutil.copytree(llama_cpp / folder, work / "llama.cpp" / folder)
    path = tests / "unit" / TOOLS
    source = path.read_text(encoding="utf-8")
    text = uncommented(source)
    more = text.count("\ndef test_") - source.count("\ndef test_")
    if more < 1 or not is_python(text):
        sys.exit(f"llama_server_suite: {TOOLS} of these sources comments its tests out in another way")
    path.write_text(text, encoding="utf-8")
    return tests


def run(kind, server, tests, model, work):
    """Runs the suite against a server and gives the outcome of each case: (outcome, reason)."""
    wrapper = work / "server"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "llama_server_wrapper.py"}" "$@"\n')
    wrapper.chmod(0o755)
    outcomes = work / f"{kind}.jsonl"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMA_", "SMOLLM_", "HF_"))}
    environment.update({
        "LLAMA_SERVER_BIN_PATH": str(wrapper), "LLAMA_CACHE": str(work / "cache"), "PORT": str(free_port()),
        "PYTHONPATH": f"{HERE}{os.pathsep}{tests}", "PYTHONDONTWRITEBYTECODE": "1",
        "SUITE_KIND": kind, "SUITE_SERVER": str(server), "SUITE_MODEL": str(model), "SUITE_FOLDER": str(work),
        "SUITE_EXCLUDED": str(EXCLUDED), "SUITE_TEXTS": str(work / "texts.json"), "SUITE_RECORD": "1" if kind == "llama" else "0",
        "SUITE_OUTCOMES": str(outcomes),
    })
    command = [sys.executable, "-m", "pytest", "-p", "llama_server_plugin", "-p", "no:cacheprovider", "-q",
               "--basetemp", str(work / f"{kind}-tmp"), "unit"]
    with open(work / f"{kind}.log", "w", encoding="utf-8") as log:
        subprocess.run(command, cwd=tests, env=environment, stdout=log, stderr=log, timeout=RUN_SECONDS, check=False)
    if not outcomes.exists():
        sys.exit(f"llama_server_suite: no case was run; see {work / f'{kind}.log'}")
    lines = [json.loads(line) for line in outcomes.read_text(encoding="utf-8").splitlines()]
    return {line["case"]: (line["outcome"], line["reason"]) for line in lines}


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def write_table(path, llama, smollm):
    """Every case: what became of it, and why it is excluded."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("| case | llama-server | smollm | why |\n| --- | --- | --- | --- |\n")
        for case, (outcome, reason) in llama.items():
            if outcome == "excluded":
                file.write(f"| {cell(case)} | | | excluded: {cell(reason)} |\n")
            else:
                ours, why = smollm.get(case, ("not run", ""))
                why = why if ours != "passed" else reason
                file.write(f"| {cell(case)} | {outcome} | {ours} | {cell(why)} |\n")


def main(llama_cpp, llama_server, smollm, model, work):
    work = Path(work).resolve()
    tests = copy_of_tests(Path(llama_cpp).resolve(), work)
    paths = [Path(path).resolve() for path in (llama_server, smollm, model)]
    llama = run("llama", paths[0], tests, paths[2], work)
    ours = run("smollm", paths[1], tests, paths[2], work)
    write_table(work / "table.md", llama, ours)

    reasons = {}
    for outcome, reason in llama.values():
        if outcome == "excluded":
            reasons[reason] = reasons.get(reason, 0) + 1
    print("excluded")
    for reason, count in reasons.items():
        print(f"  {count:4}  {reason}")
    counted = [case for case, (outcome, _) in llama.items() if outcome == "passed"]
    others = {case: why for case, why in llama.items() if why[0] in ("failed", "skipped")}
    print("not passed by llama-server with this model, and so not counted")
    for case, (outcome, reason) in others.items():
        print(f"  {case[:WIDTH]:{WIDTH}}  {outcome}: {reason[:60]}")
    failed = [case for case in counted if ours.get(case, ("not run", ""))[0] != "passed"]
    print("passed by llama-server and not by smollm")
    for case in failed:
        print(f"  {case[:WIDTH]:{WIDTH}}  {ours.get(case, ('', 'not run'))[1][:60]}")

    passed = len(counted) - len(failed)
    ratio = passed / max(len(counted), 1)
    print(f"llama_server_suite: smollm passes {passed} of the {len(counted)} cases that llama-server passes, {100 * ratio:.1f} %; all in "
          f"{work / 'table.md'}")
    tools = [case for case, (outcome, _) in llama.items() if case.startswith(TOOLS) and outcome != "excluded"]
    met = [[case for case in tools if outcomes.get(case, ("", ""))[0] == "passed"] for outcomes in (ours, llama)]
    print(f"llama_server_suite: of the {len(tools)} cases of {TOOLS}, also those commented out, smollm passes {len(met[0])} and llama-server "
          f"{len(met[1])}")
    for case in tools:
        if case not in met[0]:
            print(f"  {case[:WIDTH]:{WIDTH}}  {ours.get(case, ('', 'not run'))[1][:60]}")
    with open(EXCLUDED, encoding="utf-8") as table:
        written = {line.rstrip("\n").split("\t")[1] for line in table if "\t" in line}
    stale = sorted(written - set(reasons))
    if stale:
        print(f"llama_server_suite: nothing is excluded for {'; '.join(stale)}")
    return 0 if counted and ratio >= WANTED and tools == met[0] != [] and not stale else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
