"""The hub client and the cache side by side with the Python huggingface_hub and transformers.

    python hub_check.py ENDPOINT WORK_FOLDER FETCH

ENDPOINT is a loopback hub with the stand-in repositories (the example loopback_hub of smollm-testkit), WORK_FOLDER an
empty folder for caches, FETCH the example fetch of smollm-hub. Needs huggingface_hub >= 1.0 and transformers. Exit
code 0 and a last line "hub_check: N checks passed", or a traceback.
"""

import http.server
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ENDPOINT, WORK, FETCH = sys.argv[1].rstrip("/"), Path(sys.argv[2]).resolve(), sys.argv[3]
WORK.mkdir(parents=True, exist_ok=True)
# huggingface_hub reads its environment when it is imported.
for name in list(os.environ):
    if name.startswith(("HF_", "HUGGING", "TRANSFORMERS_")) or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ.update(
    HF_ENDPOINT=ENDPOINT,
    HF_HOME=str(WORK / "home"),
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_UPDATE_CHECK="1",
)

import huggingface_hub
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
from huggingface_hub import errors as hub_errors

MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
SHARDED = "HuggingFaceTB/SmolLM3-3B"
GGUF_REPO = "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF"
GGUF = "smollm2-1.7b-instruct-q4_k_m.gguf"
LARGE_REPO, LARGE = "stand-in/large", "large.gguf"
GATED = "stand-in/gated"
GRANTED, PLAIN = "hf_granted", "hf_plain"

passed = 0


def check(condition, what):
    global passed
    assert condition, what
    passed += 1


def raises(error, call, what):
    try:
        call()
    except error:
        return check(True, what)
    raise AssertionError(f"{what}: no {error.__name__}")


def control(route, body=None):
    request = urllib.request.Request(f"{ENDPOINT}/_loopback/{route}", data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def environment(cache, **more):
    return {**os.environ, "HF_HUB_CACHE": str(cache), **more}


def fetch(cache, *arguments, **more):
    """Runs our client; (exit code, lines of output, error)."""
    run = subprocess.run([FETCH, *arguments], env=environment(cache, **more), capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout.splitlines(), run.stderr.strip()


def fetched(cache, *arguments, **more):
    code, lines, error = fetch(cache, *arguments, **more)
    assert code == 0, f"{arguments}: {error}"
    return Path(lines[-1].removeprefix("PATH "))


def python(cache, code, **more):
    """Runs Python code with this cache; its output."""
    run = subprocess.run([sys.executable, "-c", code], env=environment(cache, **more), capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout


def raw(repo, path, revision="main"):
    with urllib.request.urlopen(f"{ENDPOINT}/{repo}/resolve/{revision}/{path}") as answer:
        return answer.read()


def layout(folder):
    """Every file and link below a cache's repository, without our records of how it came there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def python_accepts_the_loopback_hub():
    cache = WORK / "python"
    folder = Path(snapshot_download(MODEL, cache_dir=cache))
    for name in ("config.json", "model.safetensors", "onnx/model.onnx", "tokenizer.json"):
        check((folder / name).read_bytes() == raw(MODEL, name), f"snapshot_download: {name}")
    check(Path(hf_hub_download(GGUF_REPO, GGUF, cache_dir=cache)).read_bytes() == raw(GGUF_REPO, GGUF), "hf_hub_download")
    tag = snapshot_download(MODEL, revision="v0.1", cache_dir=cache)
    check(Path(tag) != folder, "a tag is another snapshot")
    info = huggingface_hub.HfApi().model_info(MODEL)
    check(info.sha == folder.name and not info.gated, "model_info")
    absent = {"local_files_only": False, "cache_dir": cache}
    raises(hub_errors.RepositoryNotFoundError, lambda: hf_hub_download("no/such", "x", **absent), "no repository")
    raises(hub_errors.RevisionNotFoundError, lambda: hf_hub_download(MODEL, "config.json", revision="v9", **absent), "no revision")
    raises(hub_errors.RemoteEntryNotFoundError, lambda: hf_hub_download(MODEL, "no.json", **absent), "no file")


def python_resumes_from_the_loopback_hub():
    cache = WORK / "python-cut"
    control("clear", {})
    # The Python client counts what arrived in pieces of 10 MiB.
    piece = huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE
    control("fault", {"port": "cdn", "target": LARGE, "effect": "cut", "bytes": piece + 5000})
    got = Path(hf_hub_download(LARGE_REPO, LARGE, cache_dir=cache)).read_bytes()
    ranges = [r["range"] for r in control("requests") if r["port"] == "cdn" and r["range"]]
    check(ranges == [f"bytes={piece}-"], f"resumed: {ranges}")
    check(got == raw(LARGE_REPO, LARGE), "hf_hub_download with a cut")
    control("fault", {"port": "cdn", "target": "model.safetensors", "effect": "cut", "bytes": 5000})
    folder = Path(snapshot_download(MODEL, cache_dir=cache))
    check((folder / "model.safetensors").read_bytes() == raw(MODEL, "model.safetensors"), "snapshot_download with a cut")


def gates_open_for_both():
    for token, error in ((False, hub_errors.GatedRepoError), (PLAIN, hub_errors.GatedRepoError)):
        raises(error, lambda: hf_hub_download(GATED, "config.json", cache_dir=WORK / "gated", token=token), f"gated, token {token}")
    control("clear", {})
    hf_hub_download(GATED, "model.safetensors", cache_dir=WORK / "gated", token=GRANTED)
    code, _, error = fetch(WORK / "gated-rust", GATED)
    check(code == 1 and "gated" in error and "HF_TOKEN" in error, error)
    fetched(WORK / "gated-rust", GATED, HF_TOKEN=GRANTED)
    (WORK / "home").mkdir(exist_ok=True)
    (WORK / "home/token").write_text(GRANTED + "\n")
    fetched(WORK / "gated-rust-file", GATED)
    (WORK / "home/token").unlink()
    leaked = [r for r in control("requests") if r["port"] == "cdn" and r["authorization"]]
    check(not leaked, "no token reached the second port")


def python_opens_what_we_filled():
    cache = WORK / "rust"
    folder = fetched(cache, MODEL)
    names = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "model.safetensors", "README.md"]
    local = {"cache_dir": cache, "local_files_only": True}
    check(Path(snapshot_download(MODEL, allow_patterns=names, **local)) == folder, "snapshot_download, local_files_only")
    for name in names:
        check(Path(hf_hub_download(MODEL, name, **local)) == folder / name, f"hf_hub_download, local_files_only: {name}")
    sharded = fetched(cache, SHARDED)
    check(Path(hf_hub_download(SHARDED, "model-00002-of-00002.safetensors", **local)).parent == sharded, "a shard")
    fetched(cache, GGUF_REPO)
    hf_hub_download(GGUF_REPO, GGUF, **local)
    scan = scan_cache_dir(cache)
    check(not scan.warnings, f"scan_cache_dir: {scan.warnings}")
    check({repo.repo_id for repo in scan.repos} == {MODEL, SHARDED, GGUF_REPO}, "scan_cache_dir: repositories")
    control("clear", {})
    check(Path(snapshot_download(MODEL, allow_patterns=names, cache_dir=cache)) == folder, "snapshot_download, online")
    check(not [r for r in control("requests") if "resolve" in r["target"]], "nothing is downloaded again")
    shown = python(
        cache,
        "from transformers import AutoConfig, AutoTokenizer, GenerationConfig\n"
        f"name = {MODEL!r}\n"
        "config = AutoConfig.from_pretrained(name, local_files_only=True)\n"
        "tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True)\n"
        "generation = GenerationConfig.from_pretrained(name, local_files_only=True)\n"
        "ids = tokenizer('Hello')['input_ids']\n"
        "chat = tokenizer.apply_chat_template([{'role': 'user', 'content': 'Hi'}], tokenize=False)\n"
        "print(config.hidden_size, generation.temperature, tokenizer.decode(ids), chat.count('im_start'))\n",
        HF_HUB_OFFLINE="1",
    )
    check(shown.split() == ["32", "0.6", "Hello", "1"], f"from_pretrained, offline: {shown!r}")


def we_open_what_python_filled():
    for name, fill in {
        "python-all": lambda cache: snapshot_download(MODEL, cache_dir=cache),
        "python-files": lambda cache: [
            hf_hub_download(MODEL, name, cache_dir=cache)
            for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
        ],
    }.items():
        cache = WORK / name
        fill(cache)
        folder = fetched(cache, MODEL, HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
        check((folder / "model.safetensors").read_bytes() == raw(MODEL, "model.safetensors"), f"{name}: offline")
        check(folder == fetched(cache, MODEL, HF_ENDPOINT="http://127.0.0.1:9"), f"{name}: unreachable hub")
        control("clear", {})
        check(folder == fetched(cache, MODEL), f"{name}: online")
        gets = [r["target"] for r in control("requests") if "/cdn/" in r["target"] or "/files/" in r["target"]]
        check(not gets, f"{name}: the weights are not downloaded again: {gets}")
        code, lines, error = fetch(cache, "--list")
        check(code == 0 and lines and lines[0].startswith(MODEL), f"{name}: list: {error}")
    code, _, error = fetch(WORK / "nothing", MODEL, HF_HUB_OFFLINE="1")
    check(code == 1 and "HF_HUB_OFFLINE" in error, error)


def both_leave_the_same_cache():
    ours, theirs = WORK / "same-rust", WORK / "same-python"
    fetched(ours, GGUF_REPO)
    snapshot_download(GGUF_REPO, allow_patterns=["*.gguf"], cache_dir=theirs)
    name = "models--" + GGUF_REPO.replace("/", "--")
    a, b = layout(ours / name), layout(theirs / name)
    trees = [key for key in a if key.startswith("trees/")]
    check(trees and [json.loads(a[key]) for key in trees] == [json.loads(b[key]) for key in trees], "the listing")
    for key in trees:
        del a[key], b[key]
    check(a == b, f"the layout: {sorted(a)} and {sorted(b)}")


def a_killed_process_is_resumed_by_the_next():
    cache = WORK / "killed"
    control("clear", {})
    control("fault", {"port": "cdn", "target": GGUF, "effect": "slow", "bytes": 5000, "pause_ms": 100})
    process = subprocess.Popen([FETCH, GGUF_REPO], env=environment(cache), stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("EVENT at") and int(line.split()[3]) >= 10000:
            break
    process.kill()
    process.wait()
    path = fetched(cache, GGUF_REPO)
    check(path.read_bytes() == raw(GGUF_REPO, GGUF), "the content after a kill")
    starts = [int(r["range"][6:-1]) for r in control("requests") if r["port"] == "cdn" and r["range"]]
    check(starts and starts[0] >= 10000, f"resumed by the next process: {starts}")


def both_at_once_download_once():
    cache = WORK / "both"
    control("clear", {})
    control("fault", {"port": "cdn", "target": GGUF, "effect": "slow", "bytes": 2000, "pause_ms": 40})
    # Whoever comes first holds huggingface_hub's lock on the blob; the other waits and finds it done.
    results = {}
    thread = threading.Thread(target=lambda: results.update(python=hf_hub_download(GGUF_REPO, GGUF, cache_dir=cache)))
    thread.start()
    time.sleep(0.4)
    code, lines, error = fetch(cache, GGUF_REPO)
    thread.join()
    check(code == 0, error)
    check(any(line.startswith("EVENT locked") for line in lines), f"waited for Python's lock: {lines}")
    check(Path(results["python"]) == Path(lines[-1].removeprefix("PATH ")), "one file")
    bodies = [r for r in control("requests") if r["port"] == "cdn" and r["method"] == "GET"]
    check(len(bodies) == 1, f"one download: {bodies}")


def the_shared_store_of_python():
    try:
        from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store
    except ImportError:
        return print("SKIP: this huggingface_hub has no shared blob store")
    cache = WORK / "shared"
    path = Path(hf_hub_download(GGUF_REPO, GGUF, cache_dir=cache))
    blob, xet_hash = path.resolve(), "ab" * 32
    size = blob.stat().st_size
    done = publish_blob_to_shared_store(blob_path=str(blob), xet_hash=xet_hash, cache_dir=cache, expected_size=size)
    store = cache / "blobs" / "ab" / xet_hash
    check(done and store.is_file(), "published")
    check(fetched(cache, GGUF_REPO, HF_HUB_OFFLINE="1").read_bytes() == raw(GGUF_REPO, GGUF), "read through the store")
    code, lines, error = fetch(cache, "--remove", GGUF_REPO)
    check(code == 0 and int(lines[-1].split()[1]) >= size, error)
    check(not store.exists(), "swept")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class TlsFront(http.server.BaseHTTPRequestHandler):
    """Hands GET requests on to the loopback hub's two ports; `rewrite` decides whether redirects stay on TLS."""

    protocol_version = "HTTP/1.1"
    rewrite, cdn = True, ""

    def do_GET(self):
        base = TlsFront.cdn if self.path.startswith("/files/") else ENDPOINT
        try:
            answer = urllib.request.build_opener(NoRedirect).open(base + self.path)
        except urllib.error.HTTPError as error:
            answer = error
        body = answer.read()
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            if key == "Location" and value.startswith("http://") and TlsFront.rewrite:
                TlsFront.cdn = value.split("/files/")[0]
                value = value[len(TlsFront.cdn) :]
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def tls_works_and_stays():
    if shutil.which("openssl") is None:
        return print("SKIP: no openssl to make a certificate with")
    folder = WORK / "tls"
    folder.mkdir()
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    # Not marked as an authority: rustls does not take an authority's certificate for a server's.
    make += ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TlsFront)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = {"HF_ENDPOINT": f"https://localhost:{server.server_port}", "SSL_CERT_FILE": str(certificate)}
    path = fetched(folder / "cache", GGUF_REPO, **own)
    check(path.read_bytes() == raw(GGUF_REPO, GGUF), "over TLS")
    code, _, error = fetch(folder / "stranger", GGUF_REPO, HF_ENDPOINT=own["HF_ENDPOINT"])
    check(code == 1 and "certificate" in error.lower() and "\n" not in error, f"an unknown certificate: {error}")
    TlsFront.rewrite = False
    code, _, error = fetch(folder / "open", GGUF_REPO, **own)
    check(code == 1 and "from https to an open connection" in error, f"a redirect off TLS: {error}")
    server.shutdown()


python_accepts_the_loopback_hub()
python_resumes_from_the_loopback_hub()
gates_open_for_both()
python_opens_what_we_filled()
we_open_what_python_filled()
both_leave_the_same_cache()
a_killed_process_is_resumed_by_the_next()
both_at_once_download_once()
the_shared_store_of_python()
tls_works_and_stays()
print(f"hub_check: {passed} checks passed with huggingface_hub {huggingface_hub.__version__}")
