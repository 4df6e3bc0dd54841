"""Does llama.cpp, reading our GGUF file of a tiny model, predict what the golden file says?

Run (environment as in llama_cpp_golden.py): python reference/llama_cpp_check.py OURS.gguf testdata/llama_cpp/NAME-TYPE.json [--record]
  OURS.gguf is `smollm convert` of the directory that smollm_testkit::stored::write_model makes of configuration NAME (tensor type TYPE).
Fails unless the top-1 is the golden one at every position whose gap exceeds twice max_delta_from_f32; prints one JSON line.
--record writes the file's sha256 into the golden file as convert_sha256, which ties our writer's bytes to llama.cpp's verdict.
"""
import json
import sys

import llama_cpp_golden
import tiny_weights as tiny


def main(ours, golden_path, record):
    golden = json.load(open(golden_path))
    model = llama_cpp_golden.Model(ours)
    named = [(s["name"], tiny.prompt(s["name"], s["tokens"], model.vocab)) for s in golden["sequences"]]
    judged, _ = llama_cpp_golden.judge(ours, named)
    certain = equal = wrong = 0
    for ours_s, golden_s in zip(judged["sequences"], golden["sequences"]):
        for a, b, gap in zip(ours_s["top1"], golden_s["top1"], golden_s["gap"]):
            equal += a == b
            if gap > 2 * golden["max_delta_from_f32"]:
                certain += 1
                wrong += a != b
    print(json.dumps({"file": ours, "sha256": judged["sha256"], "positions": sum(s["tokens"] for s in golden["sequences"]), "equal": equal,
                      "certain": certain, "wrong": wrong}))
    if wrong:
        sys.exit(1)
    if record:
        sequences = golden.pop("sequences")
        llama_cpp_golden.write(golden_path, golden | {"convert_sha256": judged["sha256"], "sequences": sequences})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--record" in sys.argv)
