"""Tiny safetensors, GGUF and PEFT files written by the Python packages, and what those packages read in them.

Run: python reference/checkpoint_golden.py write OUTDIR     (OUTDIR is testdata/checkpoint)
     python reference/checkpoint_golden.py read-adapter DIR (does PEFT read the golden weights and scalings in an adapter we wrote?)
Needs: numpy, torch, safetensors, gguf; for the adapter also transformers and peft.

`write` makes
  weights.safetensors    F32, BF16 and F16, a scalar, an empty tensor, a name that is not ASCII; our writer reproduces its bytes
  mixed.safetensors      types that are no weights beside one that is
  sharded/               two shards and their index
  values.gguf            every metadata type, tensors of every weight type; our writer reproduces its bytes
  mixed.gguf             types that are no weights beside some that are
  version2.gguf          the same with the version number 2 (the layout is that of 3)
  aligned64.gguf         general.alignment 64
  big-endian.gguf        to be refused
  parts-0000N-of-00003.gguf   a split model
  adapter/               a rank-stabilised LoRA with patterns for rank and alpha and one module saved whole
  golden.json            names, types, shapes (rows first), sha256 of the data; metadata; scalings
"""
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import safetensors
import torch
from safetensors.torch import save_file

VERSIONS = f"safetensors {safetensors.__version__}, gguf 0.19.0, torch {torch.__version__.split('+')[0]}, numpy {np.__version__}"
MADE_BY = f"reference/checkpoint_golden.py; {VERSIONS}"


def values(shape, start):
    """Numbers that every type used here holds exactly: eighths between -4 and 4."""
    count = int(np.prod(shape, dtype=np.int64))
    return torch.tensor([((start + 7 * i) % 65 - 32) / 8 for i in range(count)], dtype=torch.float32).reshape(shape)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def raw(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def described(tensors, names):
    kinds = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64", torch.bool: "BOOL",
             torch.float8_e4m3fn: "F8_E4M3", torch.float64: "F64", torch.uint8: "U8"}
    return [{"name": n, "dtype": kinds[tensors[n].dtype], "shape": list(tensors[n].shape), "sha256": sha256(raw(tensors[n]))} for n in names]


def write_safetensors(out, golden):
    weights = {
        "model.embed_tokens.weight": values((5, 4), 1).bfloat16(),
        "model.layers.0.mlp.down_proj.weight": values((4, 6), 2).half(),
        "model.layers.0.mlp.gate_proj.weight": values((3, 3), 3),
        "model.layers.10.input_layernorm.weight": values((4,), 4),
        "model.layers.2.input_layernorm.weight": values((4,), 5),
        "scalar": values((), 6),
        "empty": values((0, 7), 7).bfloat16(),
        "Gewürz \"日本\"": values((2,), 8).half(),
    }
    save_file(weights, out / "weights.safetensors", {"format": "pt"})
    with safetensors.safe_open(out / "weights.safetensors", "pt") as opened:
        order = list(opened.offset_keys())
    golden["weights.safetensors"] = {"metadata": {"format": "pt"}, "tensors": described(weights, order)}

    mixed = {
        "steps": torch.tensor([3, -4]), "mask": torch.tensor([True, False, True]), "double": torch.tensor([0.5], dtype=torch.float64),
        "eight": values((2, 4), 9).to(torch.float8_e4m3fn), "packed": torch.arange(5, dtype=torch.uint8), "weight": values((2, 2), 10),
    }
    save_file(mixed, out / "mixed.safetensors")
    golden["mixed.safetensors"] = {"tensors": described(mixed, sorted(mixed))}

    folder = out / "sharded"
    folder.mkdir()
    shards = [{"a": values((2, 3), 11), "b": values((4,), 12).bfloat16()}, {"c": values((3, 2), 13)}]
    placed = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05}-of-00002.safetensors"
        save_file(shard, folder / name, {"format": "pt"})
        placed |= {tensor: name for tensor in shard}
    index = {"metadata": {"total_size": 56}, "weight_map": placed}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    golden["sharded"] = {"tensors": described(shards[0] | shards[1], ["a", "b", "c"])}


def write_gguf(out, golden):
    def header(writer):
        writer.add_uint32("tiny.block_count", 2)

    def every_value(writer):
        writer.add_uint8("value.u8", 200)
        writer.add_int8("value.i8", -100)
        writer.add_uint16("value.u16", 60000)
        writer.add_int16("value.i16", -30000)
        writer.add_uint32("value.u32", 4000000000)
        writer.add_int32("value.i32", -2000000000)
        writer.add_float32("value.f32", 1e-5)
        writer.add_bool("value.bool", True)
        writer.add_string("value.string", "smollm: Gewürz, 日本, \n")
        writer.add_uint64("value.u64", 2**63 + 1)
        writer.add_int64("value.i64", -(2**62))
        writer.add_float64("value.f64", 0.1)
        kinds = gguf.GGUFValueType
        for name, kind, items in [
            ("u8", kinds.UINT8, [0, 255]), ("i8", kinds.INT8, [-128, 127]), ("u16", kinds.UINT16, [1, 65535]), ("i16", kinds.INT16, [-32768, 1]),
            ("u32", kinds.UINT32, [0, 4294967295]), ("i32", kinds.INT32, [-1, 1, 3]), ("f32", kinds.FLOAT32, [0.5, -1000.0]),
            ("bool", kinds.BOOL, [True, False, True]), ("string", kinds.STRING, ["a", "<|im_start|>", "Ġthe"]),
            ("u64", kinds.UINT64, [2**64 - 1]), ("i64", kinds.INT64, [-(2**63)]), ("f64", kinds.FLOAT64, [0.25]),
        ]:
            writer.add_key_value(f"array.{name}", items, kinds.ARRAY, sub_type=kind)
        writer.add_array("array.nested", [[1, 2], [3], [4, 5, 6]])

    def floats(writer):
        writer.add_tensor("token_embd.weight", values((3, 32), 1).numpy())
        writer.add_tensor("blk.0.attn_q.weight", values((2, 32), 2).half().numpy())

    quantised = ["BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]
    # Types that the package cannot quantise to: their blocks are counted bytes, which no test interprets.
    counted = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
    no_weights = ["IQ2_XXS", "TQ2_0", "Q8_K", "MXFP4", "I8"]

    def blocks(writer, names):
        for name in names:
            kind = gguf.GGMLQuantizationType[name]
            row = gguf.GGML_QUANT_SIZES[kind][1]
            writer.add_tensor(f"{name}.weight", (np.arange(2 * row) % 251).astype(np.uint8).reshape(2, row), raw_dtype=kind)

    def every_weight(writer):
        floats(writer)
        for name in quantised:
            kind = gguf.GGMLQuantizationType[name]
            writer.add_tensor(f"{name}.weight", gguf.quants.quantize(values((2, 64), 3).numpy(), kind), raw_dtype=kind)
        blocks(writer, counted)
        writer.add_tensor("output_norm.weight", values((5,), 4).numpy())

    def save(name, *steps, **options):
        # Arguments of GGUFWriter: an architecture writes the first key.
        writer = gguf.GGUFWriter(out / name, "llama", **options)
        for step in steps:
            step(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    save("values.gguf", header, every_value, every_weight)
    save("mixed.gguf", floats, lambda writer: blocks(writer, no_weights))
    save("aligned64.gguf", lambda writer: writer.add_custom_alignment(64), floats)
    save("big-endian.gguf", header, floats, endianess=gguf.GGUFEndian.BIG)
    save("parts.gguf", header, floats, lambda writer: writer.add_tensor("output_norm.weight", values((5,), 4).numpy()), split_max_tensors=1)
    version2 = bytearray((out / "aligned64.gguf").read_bytes())
    version2[4:8] = (2).to_bytes(4, "little")
    (out / "version2.gguf").write_bytes(version2)

    def opened(*names):
        tensors = []
        for name in names:
            reader = gguf.GGUFReader(out / name)
            # `shape` is the file's order, contiguous first.
            tensors += [{"name": t.name, "dtype": t.tensor_type.name, "shape": [int(n) for n in t.shape[::-1]],
                         "sha256": sha256(t.data.tobytes())} for t in reader.tensors]
        return tensors

    reader = gguf.GGUFReader(out / "values.gguf")
    metadata = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.") and name != "array.nested"}
    golden["values.gguf"] = {"metadata": metadata, "tensors": opened("values.gguf")}
    golden["mixed.gguf"] = {"tensors": opened("mixed.gguf")}
    golden["aligned64.gguf"] = {"tensors": opened("aligned64.gguf")}
    golden["parts"] = {"tensors": opened(*(f"parts-{n:05}-of-00003.gguf" for n in (1, 2, 3)))}


def write_adapter(out, golden):
    import peft
    import transformers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                                      vocab_size=12, tie_word_embeddings=False)
    lora = peft.LoraConfig(r=2, lora_alpha=5, use_rslora=True, target_modules=["q_proj", "down_proj"], modules_to_save=["lm_head"],
                           rank_pattern={"layers.1.self_attn.q_proj": 3, r"^model\.layers\.0.*down_proj": 1}, alpha_pattern={"down_proj": 7},
                           init_lora_weights=False, lora_dropout=0.05, task_type="CAUSAL_LM")
    model = peft.get_peft_model(transformers.LlamaForCausalLM(config), lora)
    model.save_pretrained(out / "adapter")
    (out / "adapter" / "README.md").unlink()
    # PEFT keeps the targets in a set, whose order changes from run to run.
    path = out / "adapter" / "adapter_config.json"
    saved = json.loads(path.read_text())
    saved["target_modules"].sort()
    path.write_text(json.dumps(saved, indent=2, sort_keys=True))
    golden["adapter"] = adapter_facts(model)
    golden["adapter"]["made_by"] = f"peft {peft.__version__}, transformers {transformers.__version__}"


def adapter_facts(model):
    """Scaling and rank of every adapted layer, and the sha256 of the weights' correction scaling * B A in f32."""
    facts = {}
    for name, module in model.base_model.model.named_modules():
        if hasattr(module, "lora_A"):
            a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            facts[name] = {"scaling": module.scaling["default"], "rank": a.shape[0], "a": sha256(raw(a.detach())), "b": sha256(raw(b.detach()))}
    return {"targets": facts}


def read_adapter(folder):
    import peft
    import transformers

    config = transformers.LlamaConfig(hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                                      vocab_size=12, tie_word_embeddings=False)
    model = peft.PeftModel.from_pretrained(transformers.LlamaForCausalLM(config), folder)
    print(json.dumps(adapter_facts(model), indent=1))
    print("adapter_config.json", sha256(Path(folder, "adapter_config.json").read_bytes()))
    golden = json.loads(Path(__file__).parent.parent.joinpath("testdata/checkpoint/golden.json").read_text())
    golden["adapter"].pop("made_by")
    print("equal to golden.json" if golden["adapter"] == adapter_facts(model) else "DIFFERENT from golden.json")


def main():
    match sys.argv[1:]:
        case ["write", folder]:
            out = Path(folder)
            out.mkdir(parents=True, exist_ok=True)
            for folder in ("sharded", "adapter"):
                shutil.rmtree(out / folder, ignore_errors=True)
            golden = {"made_by": MADE_BY}
            write_safetensors(out, golden)
            write_gguf(out, golden)
            write_adapter(out, golden)
            (out / "golden.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
            print(sum(os.path.getsize(file) for file in out.rglob("*") if file.is_file()), "bytes in", out)
        case ["read-adapter", folder]:
            read_adapter(folder)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
