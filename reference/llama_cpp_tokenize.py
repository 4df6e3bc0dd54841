"""llama.cpp's token ids of a mixed corpus under a GGUF vocabulary.

Run (environment as in llama_cpp_golden.py): python reference/llama_cpp_tokenize.py MODEL.gguf OUT.json
  OUT.json: {"made_by", "model", "cases": [{"text", "ids"}]}; ids with the model's own BOS rule, special tokens in the text parsed.
testdata/tokenizer/llama_cpp_stories260k.json is made from the stories260k-f32.gguf of stories260k.py.
"""
import json
import os
import sys

import llama_cpp

import llama_cpp_golden

TEXTS = [
    "", " ", "  ", "\n", "\t", "One day", " One day", "Once upon a time, there was a little girl named Lily.",
    "She said, \"I want to play with your ball, but I can't find it.\"\n\nThe end.", "hello    world", "trailing space ", "UPPER lower 1234567890",
    "def f(x):\n\treturn x ** 2  # comment\n", "a\r\nb", "caf\u00e9 na\u00efve \u00fcber", "\u00e2\u20ac\u2122", "\u2581already\u2581marked",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", "\u0645\u0631\u062d\u0628\u0627", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5",
    "\U0001f600 smile \U0001f468\u200d\U0001f469\u200d\U0001f467", "<s>", "</s>", "a<s>b", "x </s> y", "<unk>", "<0x41>", "\u0000nul", "\u00a0nbsp", "...!!!???",
    "the the the thethe", "He was very sad. " * 6,
]


def main(path, out):
    model = llama_cpp_golden.Model(path)
    vocab = llama_cpp.llama_model_get_vocab(model.model)
    cases = []
    for text in TEXTS:
        data = text.encode()
        room = (llama_cpp.llama_token * (len(data) + 16))()
        n = llama_cpp.llama_tokenize(vocab, data, len(data), room, len(room), True, True)
        assert n >= 0, text
        cases.append({"text": text, "ids": list(room[:n])})
    made_by = llama_cpp_golden.MADE_BY.split(",")[0].replace("llama_cpp_golden.py", "llama_cpp_tokenize.py")
    lines = [f" \"made_by\": {json.dumps(made_by)}", f" \"model\": {json.dumps(os.path.basename(path))}",
             " \"cases\": [\n" + ",\n".join("  " + json.dumps(c) for c in cases) + "\n ]"]
    with open(out, "w") as f:
        f.write("{\n" + ",\n".join(lines) + "\n}\n")
    print(len(cases), "texts")


if __name__ == "__main__":
    main(*sys.argv[1:3])
