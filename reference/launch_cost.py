"""What it costs to start a program: seconds to its first byte of output and peak resident memory, one JSON line.

Run: python reference/launch_cost.py PROGRAM [ARGUMENT...]
Needs: nothing but a Unix. Standard error of the program goes through. The clock starts before the process exists; memory is what the
operating system counted for the process (ru_maxrss), pages of mapped files included.
"""
import json
import os
import subprocess
import sys
import time


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: launch_cost.py PROGRAM [ARGUMENT...]")
    start = time.perf_counter()
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)
    first = child.stdout.read(1)
    first_output_s = time.perf_counter() - start
    while child.stdout.read(1 << 16):
        pass
    _, status, usage = os.wait4(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        sys.exit(f"{sys.argv[1]} ended with {code}")
    if not first:
        sys.exit(f"{sys.argv[1]} printed nothing")
    unit = 1 if sys.platform == "darwin" else 1024
    print()  # the program may have left a line of standard error unfinished
    print(json.dumps({"first_output_s": first_output_s, "wall_s": time.perf_counter() - start,
                      "peak_rss_bytes": usage.ru_maxrss * unit}))


if __name__ == "__main__":
    main()
