"""`smollm serve` as a child of a script that tours it with somebody else's client, and the checks that the script counts."""

import os
import subprocess
import time
import urllib.error
import urllib.request

passed = 0


def check(condition, what):
    global passed
    assert condition, what
    passed += 1


def raises(error, call, what):
    """What `call` raises, which must be an `error`."""
    try:
        call()
    except error as raised:
        check(True, what)
        return raised
    raise AssertionError(f"{what}: nothing was raised")


def environment():
    """The environment without what configures smollm, Hugging Face's libraries or a proxy."""
    foreign = ("SMOLLM_", "HF_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {k: v for k, v in os.environ.items() if not k.upper().startswith(foreign)}


class Server:
    """A server on a free port, which ends with the block: `with Server(SMOLLM, "-m", model).ready() as server`."""

    def __init__(self, smollm, *arguments):
        command = [smollm, "serve", "--port", "0", *map(str, arguments)]
        self.child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
        line = self.child.stderr.readline()
        assert " at http://" in line, line + self.child.stderr.read()
        self.address = line.strip().rsplit(" ", 1)[1]

    def ready(self):
        """Waits until the model is loaded; clients that try again on 503 need not."""
        for _ in range(6000):
            try:
                urllib.request.urlopen(f"{self.address}/health").close()
                return self
            except urllib.error.HTTPError as error:
                assert error.code == 503, error
                time.sleep(0.01)
        raise AssertionError("the model is not loaded in a minute")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.stop()

    def stop(self):
        """Tells it to stop, and gives its exit code."""
        self.child.terminate()
        return self.child.wait(60)
