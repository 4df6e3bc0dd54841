"""A pytest plugin that lets llama.cpp's own server suite (tools/server/tests) run without a network, against either server.

Loaded by llama_server_suite.py (`-p llama_server_plugin`), which sets:
  SUITE_MODEL     the GGUF file that takes the place of every model the suite would download
  SUITE_EXCLUDED  the table of cases that are not run: lines `PATTERN<tab>REASON`
  SUITE_TEXTS     a JSON file of generated texts; written if SUITE_RECORD is 1, else what they must equal
  SUITE_OUTCOMES  a file that receives a JSON object a line: case, outcome, reason

Where the suite holds a text against a regular expression made for its own model and llama.cpp's random numbers, sampling is greedy here and
the text must be, letter for letter, the one that llama-server answers. Where a grammar rules, the suite's expression holds for any model.
"""
import fnmatch
import json
import os
import signal
import sys

import pytest

sys.path.insert(0, os.getcwd())
import utils  # noqa: E402  the suite's

RECORDS = os.environ["SUITE_RECORD"] == "1"
CASE_SECONDS = 120  # none takes a tenth of it
RULED = ("test_completion_with_response_format[", "test_completion_with_json_schema[", "test_completion_with_grammar[")

current = None
calls = 0
texts = {}


def read_excluded(path):
    """Pattern and reason of each line."""
    with open(path, encoding="utf-8") as lines:
        rows = [line.rstrip("\n") for line in lines]
    return [tuple(row.split("\t", 1)) for row in rows if row and not row.startswith("#")]


def short(nodeid):
    """FILE::CASE."""
    return nodeid.removeprefix("unit/")


def same_text(pattern, text, matches=utils.match_regex):
    """In place of the suite's match_regex: the n-th text of this case is llama-server's."""
    global calls
    if current.split("::")[1].startswith(RULED):
        return matches(pattern, text)
    calls += 1
    key = f"{current} {calls}"
    if RECORDS:
        texts[key] = text
        return len(text) > 0
    expected = texts.get(key)
    if text != expected:
        print(f"llama-server answered {expected!r}\nthis server answered {text!r}")
    return text == expected


def ours(preset):
    """A preset that draws no random numbers."""
    def make():
        server = preset()
        server.temperature = 0.0
        if server.server_embeddings:
            server.pooling = "mean"  # the file of the suite's own model says how it pools; ours does not
        return server
    return staticmethod(make)


def start(server, *arguments, start_as_it_is=utils.ServerProcess.start, **more):
    """Our model in the place of the one to download, which some cases name only after the preset."""
    if server.model_hf_repo:
        server.model_file = os.environ["SUITE_MODEL"]
        server.model_hf_repo = server.model_hf_file = None
    return start_as_it_is(server, *arguments, **more)


def with_variables(server, method, path, data=None, *arguments, make=utils.ServerProcess.make_any_request, **more):
    """What the model card of firefunction tells clients to give to its template, and llama-server adds by itself."""
    if "firefunction" in (server.chat_template_file or ""):
        tools = json.dumps(data.get("tools") or [], indent=4)
        data = {**data, "chat_template_kwargs": {"functions": tools, "datetime": "2026-01-01"}}
    return make(server, method, path, data, *arguments, **more)


utils.ServerProcess.start = start
utils.ServerProcess.make_any_request = with_variables
for name, preset in list(vars(utils.ServerPreset).items()):
    if isinstance(preset, staticmethod) and name != "load_all":
        setattr(utils.ServerPreset, name, ours(preset.__func__))
utils.ServerPreset.load_all = staticmethod(lambda: None)
utils.match_regex = same_text


def pytest_collection_modifyitems(config, items):
    """Leaves out what the table excludes, and says so."""
    excluded = read_excluded(os.environ["SUITE_EXCLUDED"])
    kept = []
    for item in items:
        reason = next((why for pattern, why in excluded if fnmatch.fnmatchcase(short(item.nodeid), pattern)), None)
        if reason is None:
            kept.append(item)
        else:
            write({"case": short(item.nodeid), "outcome": "excluded", "reason": reason})
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def give_up(signum, frame):
    raise TimeoutError(f"the case took longer than {CASE_SECONDS} s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """A case that hangs ends by an error."""
    global current, calls
    current, calls = short(item.nodeid), 0
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(CASE_SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)


def pytest_runtest_logreport(report):
    """Notes what became of a case."""
    if report.when == "call" or report.outcome != "passed":
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = crash.message.split("\n")[0] if crash else ""
        if report.outcome == "skipped":
            reason = str(report.longrepr[2])
        write({"case": short(report.nodeid), "outcome": report.outcome, "reason": reason})


def write(outcome):
    """Adds a line to the outcomes."""
    with open(os.environ["SUITE_OUTCOMES"], "a", encoding="utf-8") as file:
        file.write(json.dumps(outcome, ensure_ascii=False) + "\n")


def pytest_configure():
    """Loads what llama-server answered."""
    if not RECORDS:
        with open(os.environ["SUITE_TEXTS"], encoding="utf-8") as file:
            texts.update(json.load(file))


def pytest_sessionfinish():
    """Keeps what llama-server answered."""
    if RECORDS:
        with open(os.environ["SUITE_TEXTS"], "w", encoding="utf-8") as file:
            json.dump(texts, file, ensure_ascii=False, indent=1)
