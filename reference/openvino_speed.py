"""Speed of OpenVINO on a local model directory: exports it with optimum-intel, then times the stateful model on raw OpenVINO.

Run: python reference/openvino_speed.py export MODELDIR OUT none|int8|int4
     python reference/openvino_speed.py run OUT [--precision default|f32|bf16] [--threads 2] [--repeats 5] [--cases prefill:512 decode:64@16]
Needs: openvino, optimum-intel, nncf, torch, transformers (requirements-peers-openvino.txt). `run` prints one JSON line.
int8 is symmetric per channel; int4 is symmetric in groups of 32 where 128 does not divide a row (135M, 360M), else of 128.
"""
import argparse
import json
import pathlib
import time

import numpy as np

import speed_cases


def export(args):
    from optimum.intel import OVModelForCausalLM, OVWeightQuantizationConfig

    config = json.loads((pathlib.Path(args.model) / "config.json").read_text())
    rows = (config["hidden_size"], config["intermediate_size"])
    group = 128 if all(row % 128 == 0 for row in rows) else 32
    weights = {"none": {"load_in_8bit": False},
               "int8": {"quantization_config": OVWeightQuantizationConfig(bits=8, sym=True)},
               "int4": {"quantization_config": OVWeightQuantizationConfig(bits=4, sym=True, group_size=group, ratio=1.0)}}
    model = OVModelForCausalLM.from_pretrained(args.model, export=True, compile=False, **weights[args.weights])
    model.save_pretrained(args.out)


class Runner:
    def __init__(self, compiled):
        self.request = compiled.create_infer_request()
        self.inputs = {name for tensor in compiled.inputs for name in tensor.get_names()}
        self.tokens = np.random.default_rng(0)

    def prepare(self, depth, batch):
        self.request.reset_state()
        self.past, self.next = 0, self.random(batch, 1)
        if depth:
            self.forward(self.random(batch, depth))

    def step(self, n):
        self.forward(self.next if n == 1 else self.random(self.next.shape[0], n))

    def random(self, batch, n):
        return self.tokens.integers(17, 49000, (batch, n))

    def forward(self, ids):
        batch, n = ids.shape
        feed = {"input_ids": ids, "attention_mask": np.ones((batch, self.past + n), np.int64)}
        if "position_ids" in self.inputs:
            feed["position_ids"] = np.tile(np.arange(self.past, self.past + n, dtype=np.int64), (batch, 1))
        if "beam_idx" in self.inputs:
            feed["beam_idx"] = np.arange(batch, dtype=np.int32)
        self.request.start_async(feed, share_inputs=True)
        self.request.wait()
        self.past += n
        self.next = self.request.get_output_tensor(0).data[:, -1].argmax(-1)[:, None]


def run(args):
    import openvino

    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": args.threads, "NUM_STREAMS": 1}
    if args.precision != "default":
        options["INFERENCE_PRECISION_HINT"] = args.precision
    start = time.perf_counter()
    compiled = openvino.Core().compile_model(pathlib.Path(args.out) / "openvino_model.xml", "CPU", options)
    load_s = time.perf_counter() - start
    runner = Runner(compiled)
    results = [speed_cases.measure(case, args.threads, args.repeats, runner.prepare, runner.step) for case in args.cases]
    print(json.dumps({"engine": f"OpenVINO {openvino.__version__}", "load_s": round(load_s, 2),
                      "precision": str(compiled.get_property("INFERENCE_PRECISION_HINT")),
                      "kv_precision": str(compiled.get_property("KV_CACHE_PRECISION")), "results": results}))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    exporter = commands.add_parser("export")
    exporter.add_argument("model")
    exporter.add_argument("out")
    exporter.add_argument("weights", choices=["none", "int8", "int4"])
    exporter.set_defaults(call=export)
    runner = commands.add_parser("run")
    runner.add_argument("out")
    runner.add_argument("--precision", choices=["default", "f32", "bf16"], default="default")
    speed_cases.add_arguments(runner)
    runner.set_defaults(call=run)
    args = parser.parse_args()
    args.call(args)


if __name__ == "__main__":
    main()
