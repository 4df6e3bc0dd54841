//! Recipes of training runs, one of each kind, and changes to one behind NUL bytes.

use super::Seed;

pub(super) const WORDS: &[&str] = &[
    "kind:",
    "pretrain",
    "sft",
    "dpo",
    "model:",
    "init:",
    "shape:",
    "tokenizer:",
    "data:",
    "sources:",
    "path:",
    "weight:",
    "repeat:",
    "stages:",
    "from_tokens:",
    "weights:",
    "packing:",
    "wrapped",
    "validation:",
    "fraction:",
    "optimizer:",
    "learning_rate:",
    "betas:",
    "schedule:",
    "type:",
    "wsd",
    "decay_ratio:",
    "batch:",
    "rows:",
    "duration:",
    "epochs:",
    "steps:",
    "tokens:",
    "lora:",
    "target_modules:",
    "all-linear",
    "variables:",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "\n  ",
    "\u{0}",
    "=",
    "none",
    "null",
    "1e9",
    "0.5",
    "&a ",
    "*a",
    "!x ",
    "--- ",
    "'",
    "\\\"",
    "? ",
    "|\n",
    ">-\n",
];

pub(super) fn seeds() -> Vec<Seed> {
    let rest = "output: run\noptimizer: {learning_rate: 1e-3}\nbatch: {rows: 4}\nduration: {steps: 9}\n";
    let pretrain = format!(
        "kind: pretrain\ninit: {{shape: smollm2-135m, std: 0.02, set: {{rope_theta: 1e4}}}}\ntokenizer: t\n{rest}\
         schedule: {{type: wsd, warmup_steps: 1, decay_ratio: 0.2, decay: 1-sqrt}}\ndata:\n  packing: wrapped\n  sources:\n\
         \x20 - {{name: a, path: [a.jsonl, b.parquet]}}\n  - {{name: b, path: c, separator: \"---\"}}\n  stages:\n\
         \x20 - {{from_tokens: 0, weights: {{a: 1}}}}\n  - {{from_tokens: 1_000, weights: {{a: 1, b: 0.5}}}}\n"
    );
    let sft = format!(
        "kind: sft\nmodel: smollm2:135m\n{rest}data:\n  sources:\n    - path: chats.jsonl\n      repeat: 0.5\n  validation: {{fraction: 0.05}}\n\
         \x20 variables: {{enable_thinking: false, deep: [1, {{a: null}}]}}\nlora: {{rank: 8, alpha: 16, target_modules: all-linear}}\n\
         evaluation: {{every_steps: 5, rows: all, patience: 3}}\n"
    );
    let dpo = format!(
        "kind: dpo\nmodel: ./m\n{rest}objective: {{loss: apo-zero, beta: 0.05, reference: live}}\ndata: {{sources: [{{path: p}}], \
         max_tokens: 64, max_prompt: 32, sequence_length: 128}}\n"
    );
    let changed = format!("{sft}\0batch.rows=8\0data.sources.0.path=x\0lora=\0optimizer.betas=[0.9, 0.95]");
    let seeds = [("pretrain", pretrain), ("sft", sft), ("dpo", dpo), ("changed", changed)];
    seeds.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}
