"""Takes llama-server's command line and becomes a server: llama-server itself, or `smollm serve` with the same options in its own words.

llama_server_suite.py puts a script that runs this behind LLAMA_SERVER_BIN_PATH, and sets:
  SUITE_SERVER  the program to become
  SUITE_KIND    llama or smollm
  SUITE_MODEL   the model to serve where no model is named (llama-server then lists a folder)
  SUITE_FOLDER  a folder for key files and templates

An option that smollm has no counterpart of ends it with a message: the case then fails, and nobody believes that the option was honoured.
"""
import hashlib
import os
import sys
import tempfile

# f32 keys and values, so that llama-server's texts are the model's own and not those of a rounded cache
EXACT = ["-ctk", "f32", "-ctv", "f32", "-fa", "off"]

# what needs no counterpart: always so, or only a matter of speed or of the log
FLAGS = {"--verbose", "--offline", "--cont-batching", "--embedding", "--jinja", "--no-jinja", "--no-ui", "--swa-full"}
SPEED = {"--ubatch-size", "-fa", "--n-gpu-layers", "--cache-ram"}
SAME = {
    "--host": "--host", "--port": "--port", "--model": "--model", "--threads": "--threads", "--ctx-size": "--ctx", "--parallel": "--parallel",
    "-ctk": "--kv-type", "--batch-size": "--batch-tokens", "--temp": "--temperature", "--seed": "--seed", "--alias": "--alias",
    "--pooling": "--pooling", "--cors-origins": "--cors", "--sleep-idle-seconds": "--idle-unload", "--models-dir": "--model",
}
# templates that llama-server has built in, in Jinja
TEMPLATES = {
    "llama3": "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
              "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
    "command-r": "{% for m in messages %}<|START_OF_TURN_TOKEN|><|{{ {'assistant': 'chatbot'}.get(m.role, m.role) | upper }}_TOKEN|>"
                 "{{ m.content | trim }}<|END_OF_TURN_TOKEN|>{% endfor %}"
                 "{% if add_generation_prompt %}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{% endif %}",
}


def own_file(suffix, text):
    """A file with this text, which stays for as long as the server may read it."""
    with tempfile.NamedTemporaryFile("w", suffix=suffix, dir=os.environ["SUITE_FOLDER"], delete=False, encoding="utf-8") as file:
        file.write(text)
    return file.name


def translate(arguments):
    """The options of `smollm serve` that mean the same."""
    out, words, asked, unified = {}, iter(arguments), set(), False
    for word in words:
        if word in FLAGS:
            continue
        if word == "--kv-unified":
            unified = True
        elif word in ("--slots", "--metrics"):
            asked.add(word)
        elif word == "--no-slots":
            out[word] = None
        elif word in SPEED:
            next(words)
        elif word == "-ctv":
            next(words)  # as -ctk: smollm has one type for both
        elif word in SAME:
            out[SAME[word]] = next(words)
        elif word == "--api-key":
            digest = hashlib.sha256(next(words).encode()).hexdigest()
            out["--key-file"] = own_file(".keys", f"{digest} suite\n")
        elif word == "--chat-template":
            name = next(words)
            if name != "chatml":  # the model's own
                out["--chat-template"] = own_file(".jinja", TEMPLATES.get(name, name))
        elif word == "--reasoning":
            # `auto` is on for templates that know the switch, which is what smollm's `on` means
            out["--thinking"] = "off" if next(words) == "off" else "on"
        elif word == "--n-predict":
            limit = int(next(words))
            if limit >= 0:
                out["--max-tokens"] = str(limit)
        elif word == "--chat-template-file":
            out["--chat-template"] = next(words)
        else:
            sys.exit(f"llama_server_wrapper: smollm has no counterpart of {word}")
    if "--model" not in out:
        out["--model"] = os.environ["SUITE_MODEL"]
    if "--ctx" in out:
        tokens, slots = int(out["--ctx"]), int(out.get("--parallel", 1))
        out["--kv-tokens"] = str(tokens)
        out["--ctx"] = str(tokens if unified else tokens // slots)
    out.setdefault("--cors", "*")  # llama-server's default
    if "--metrics" not in asked:
        out["--no-metrics"] = None
    return [word for pair in out.items() for word in pair if word is not None]


def main():
    server, arguments = os.environ["SUITE_SERVER"], sys.argv[1:]
    if os.environ["SUITE_KIND"] == "llama":
        command = [server, *arguments, *EXACT]
    else:
        command = [server, "serve", *translate(arguments)]
    print("becoming", *command, flush=True)
    os.execv(server, command)


if __name__ == "__main__":
    main()
