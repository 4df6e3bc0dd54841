"""`lm_eval --model local-completions` against `smollm serve`: its answers beside those of `smollm score` and of transformers in f32.

    python lm_eval_check.py WORK_FOLDER SMOLLM STORIES260K FIXTURES [--model DIR] [--questions N]

WORK_FOLDER is an empty folder, SMOLLM the binary, STORIES260K the example of smollm-testkit that writes that model as GGUF, FIXTURES the
folder with the questions of benchmarks (eval/hf). The model is stories260K unless another directory in Hugging Face's layout is
named; N questions of each task are asked (40). Needs lm_eval, torch and transformers. Nothing is fetched: questions and tokenizer are local.

Every log-likelihood must be that of `smollm score` within 1e-4 and that of transformers within 1e-3; an answer that lm_eval takes to be
the model's choice must be the choice of transformers unless its two best are within 1e-3; what is generated must begin with transformers'
greedy tokens, up to the first whose two best are within 1e-3. Last line "lm_eval_check: N checks passed", or a traceback.
"""

import argparse
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import torch
import transformers

import served
from served import Server, check, environment

OURS, THEIRS = 1e-4, 1e-3
QUESTIONS = {
    "arc_easy": ("Question: {{question}}\nAnswer:", "{{choices.text}}", "{{choices.label.index(answerKey)}}"),
    "openbookqa": ("{{question_stem}}", "{{choices.text}}", "{{choices.label.index(answerKey)}}"),
    "piqa": ("Question: {{goal}}\nAnswer:", "{{[sol1, sol2]}}", "label"),
    "copa": ("{{premise}}", "{{[choice1, choice2]}}", "label"),
}
GENERATED = 16


def write_tasks(folder, fixtures):
    """Task files over the fixtures' questions; JSON is YAML."""
    folder.mkdir()

    def write(name, **task):
        (folder / f"{name}.yaml").write_text(json.dumps({"task": name, "test_split": "test", **task}))

    def questions(name):
        path = fixtures / f"eval/hf/{name}.validation.jsonl"
        return {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(path)}}}

    for name, (text, choices, target) in QUESTIONS.items():
        form = {"doc_to_text": text, "doc_to_choice": choices, "doc_to_target": target}
        write(f"local_{name}", output_type="multiple_choice", metric_list=[{"metric": "acc"}], **form, **questions(name))
    write("local_three_shots", output_type="multiple_choice", metric_list=[{"metric": "acc"}], num_fewshot=3,
          fewshot_split="test", doc_to_text="{{premise}}", doc_to_choice="{{[choice1, choice2]}}", doc_to_target="label",
          **questions("copa"))  # fmt: skip
    write("local_whole", output_type="loglikelihood_rolling", metric_list=[{"metric": "word_perplexity"}],
          doc_to_text="", doc_to_target="{{question}} {{choices.text[0]}}.", **questions("arc_easy"))  # fmt: skip
    until = {"until": ["\n", "."], "max_gen_toks": GENERATED, "do_sample": False}
    write("local_free", output_type="generate_until", metric_list=[{"metric": "bypass"}], generation_kwargs=until,
          doc_to_text="{{question}}\n", doc_to_target="{{answer[0]}}", **questions("nq_open"))  # fmt: skip


def run_lm_eval(work, name, address, questions, arguments, batch=1):
    """Runs all tasks, `batch` prompts to a request, and gives their samples: task to a list."""
    tasks = [path.stem for path in sorted((work / "tasks").glob("*.yaml"))]
    options = {"model": "served", "base_url": f"{address}/v1/completions", **arguments}
    command = [sys.executable, "-m", "lm_eval", "run", "--model", "local-completions", "--tasks", *tasks]
    command += ["--model_args", *(f"{key}={value}" for key, value in options.items())]
    command += ["--include_path", str(work / "tasks"), "--output_path", str(work / name), "--log_samples"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(work / "cache")}
    finished = subprocess.run(
        [*command, "--limit", str(questions), "--batch_size", str(batch)],
        env=environment() | offline, capture_output=True, text=True,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    samples = {}
    for task in tasks:
        (path,) = (work / name).rglob(f"samples_{task}_*.jsonl")
        samples[task] = [json.loads(line) for line in path.read_text().splitlines()]
        check(len(samples[task]) == questions, f"{task} has {len(samples[task])} questions")
    return samples


def asked(sample):
    """The arguments of each request of a question."""
    requests = sorted(sample["arguments"].items())
    return [[value for _, value in sorted(arguments.items())] for _, arguments in requests]


class Models:
    """The same model in transformers (f32) and under `smollm score`."""

    def __init__(self, folder, smollm):
        self.folder, self.smollm = str(folder), smollm
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.first = self.tokenizer.bos_token_id if self.tokenizer.bos_token_id is not None else self.tokenizer.eos_token_id
        self.positions = self.model.config.max_position_embeddings
        self.farthest = [0.0, 0.0]

    def encode(self, text):
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def split(self, context, continuation):
        """As lm_eval does: spaces that end a context belong to what continues it."""
        if not context:
            return [self.first], self.encode(continuation)
        spaces = len(context) - len(context.rstrip())
        if spaces:
            context, continuation = context[:-spaces], context[-spaces:] + continuation
        whole, before = self.encode(context + continuation), self.encode(context)
        return before, whole[len(before) :]

    def score(self, ids):
        command = [self.smollm, "score", "-m", self.folder, "--dtype", "f32", "--ids", ",".join(map(str, ids)), "--json", "-q"]
        said = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
        return json.loads(said.stdout)["logprobs"]

    @torch.inference_mode()
    def logits(self, ids):
        return self.model(torch.tensor([ids])).logits[0].double()

    def likelihood(self, context, continuation):
        """Under `smollm score`; under transformers; and whether each token is the likeliest there, None where that is close."""
        before, after = self.split(context, continuation)
        ids = before + after
        assert len(ids) < self.positions, f"{len(ids)} tokens"  # else lm_eval would cut
        ours = sum(self.score(ids)[len(before) :])
        rows = torch.log_softmax(self.logits(ids)[len(before) - 1 : -1], dim=-1)
        theirs = rows.gather(1, torch.tensor(after)[:, None]).sum().item()
        best, second = rows.topk(2, dim=-1).values.T
        greedy = rows.argmax(dim=-1) == torch.tensor(after)
        close = bool(((best - second) < THEIRS).any())
        return ours, theirs, None if close else bool(greedy.all())

    def judge(self, told, context, continuation, what):
        """Checks one log-likelihood and gives that of transformers."""
        ours, theirs, greedy = self.likelihood(context, continuation)
        self.farthest = [max(a, abs(told[0] - b)) for a, b in zip(self.farthest, (ours, theirs), strict=True)]
        check(abs(told[0] - ours) < OURS, f"{what}: {told[0]}, but smollm score says {ours}")
        check(abs(told[0] - theirs) < THEIRS, f"{what}: {told[0]}, but transformers says {theirs}")
        if greedy is not None and len(told) > 1:
            check(told[1] == greedy, f"{what}: whether it is greedy")
        return theirs

    def beginning(self, context):
        """The greedy continuation in transformers, up to where two tokens are close."""
        ids = self.encode(context)
        count = len(ids)
        while len(ids) < count + GENERATED:
            best = self.logits(ids)[-1].topk(2)
            if best.values[0] - best.values[1] < THEIRS or best.indices[0] == self.tokenizer.eos_token_id:
                break
            ids.append(int(best.indices[0]))
        return self.tokenizer.decode(ids)[len(self.tokenizer.decode(ids[:count])) :]


def number(value):
    """lm_eval writes the numbers and truths of an answer as text."""
    return json.loads(str(value).lower())


def judge_all(models, samples):
    for task, questions in samples.items():
        for index, sample in enumerate(questions):
            what = f"{task} {index}"
            if task == "local_free":
                text = sample["resps"][0][0]
                beginning = models.beginning(asked(sample)[0][0])
                ends = [beginning.index(stop) for stop in ("\n", ".") if stop in beginning]
                expected = beginning[: min(ends)] if ends else beginning
                check(text == expected if ends else text.startswith(expected), f"{what}: {text!r} and {expected!r}")
                continue
            told = [[number(part) for part in answer] if isinstance(answer, list) else [number(answer)]
                    for answer in sample["filtered_resps"]]  # fmt: skip
            if task == "local_whole":
                models.judge(told[0], "", asked(sample)[0][0], what)
                continue
            theirs = [models.judge(a, *b, f"{what} {b[1]!r}") for a, b in zip(told, asked(sample), strict=True)]
            ours = [answer[0] for answer in told]
            second, best = sorted(theirs)[-2:]
            if best - second > THEIRS:
                check(ours.index(max(ours)) == theirs.index(best), f"{what}: the choice")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("smollm")
    parser.add_argument("stories")
    parser.add_argument("fixtures", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--questions", type=int, default=40)
    options = parser.parse_args()
    if not options.fixtures.is_dir():
        print(f"SKIP: there is no {options.fixtures}")
        sys.exit(77)
    work, folder = options.work.resolve(), options.model
    if folder is None:
        folder = work / "stories260K"
        subprocess.run([options.stories, str(work / "stories260k.gguf")], check=True)
        subprocess.run([options.smollm, "convert", str(work / "stories260k.gguf"), str(folder), "--quiet"], check=True)
    write_tasks(work / "tasks", options.fixtures.resolve())
    models = Models(folder, options.smollm)
    with Server(options.smollm, "-m", folder, "--dtype", "f32").ready() as server:
        length = {"max_length": models.positions}
        local = {"tokenizer_backend": "huggingface", "tokenizer": folder, **length}
        one = run_lm_eval(work, "one", server.address, options.questions, local)
        beside = {"num_concurrent": 8, **local}
        several = run_lm_eval(work, "several", server.address, options.questions, beside, batch=4)
        remote = run_lm_eval(work, "remote", server.address, options.questions, {"tokenizer_backend": "auto", **length})
    answers = lambda samples: {task: [q["filtered_resps"] for q in questions] for task, questions in samples.items()}
    check(answers(several) == answers(one), "batches and requests side by side change nothing")
    check(answers(remote) == answers(one), "neither does the server's own tokenizer")
    judge_all(models, one)
    ours, theirs = models.farthest
    version = importlib.metadata.version("lm_eval")
    print(f"farthest from smollm score {ours:.1e}, from transformers {theirs:.1e}")
    print(f"lm_eval_check: {served.passed} checks passed with lm_eval {version}")


main()
