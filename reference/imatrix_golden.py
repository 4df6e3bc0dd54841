"""Makes testdata/quant/imatrix.gguf: llama.cpp's importance matrix of the tiny model `gqa-9-3` on TEXT, three pieces of 64 tokens.

    python reference/imatrix_golden.py LLAMA_IMATRIX

LLAMA_IMATRIX is the program of that name of a build of llama.cpp. Needs: numpy, gguf. crates/smollm/tests/exact/quantized.rs has the
same text.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = "The quick brown fox jumps over the lazy dog; it barks 7 times. " * 4


def main():
    program, out = sys.argv[1], ROOT / "testdata" / "quant" / "imatrix.gguf"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "text.txt").write_text(TEXT)
        make = [sys.executable, ROOT / "reference/gguf_files.py", ROOT / "testdata/logits/gqa-9-3.json", "f32", "model.gguf"]
        subprocess.run(make, cwd=folder, check=True)
        # Relative paths: the name of the text stands in the file.
        options = "-m model.gguf -f text.txt -o imatrix.gguf -c 64 --chunks 3 -t 1 --no-ppl".split()
        subprocess.run([program, *options], cwd=folder, check=True, capture_output=True)
        out.write_bytes(Path(folder, "imatrix.gguf").read_bytes())
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
