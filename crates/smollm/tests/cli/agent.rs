//! `smollm agent`: what is called, what is shown of it, and what is refused.

use crate::world::{Done, World};
use serde_json::{Value, json};

/// A model that calculates and draws, every time it is asked.
pub(crate) const CALLS: [&str; 6] = [
    "Well. ",
    "\n<tool_",
    "call>[\n{\"name\": \"calculate\", \"arguments\": {\"expression\"",
    ": \"6 * 7\"}},\n{\"name\": ",
    "\"get_random_number_between\", \"arguments\": {\"min\": 5, \"max\": 4}}\n]</tool_call>",
    " Done.",
];

fn run(world: &World, input: &str, arguments: &[&str]) -> Done {
    world.run_on(input, &[&["agent", "-m", "caller", "--temperature", "0", "--max-steps", "2"], arguments].concat())
}

#[test]
fn calls_are_run_and_shown_until_the_step_limit() {
    let world = World::new().with_caller(&CALLS);
    let step = "Well.\n\n> `calculate({\"expression\": \"6 * 7\"})`\n\n> `42`\n\n\
                > `get_random_number_between({\"min\": 5, \"max\": 4})`\n\n> error: `min (5) is larger than max (4)`\n\n";
    let expected = format!("{step}{step}> ended after 2 steps\n\n");
    assert_eq!(run(&world, "", &["x"]).text(), expected);
    assert_eq!(run(&world, "x\n", &[]).text(), expected, "a line of standard input is a question too");
    assert_eq!(run(&world, "", &["x", "--quiet"]).text(), "Well.\n\nWell.\n");
}

#[test]
fn a_second_question_sees_the_first_one_with_its_calls() {
    let world = World::new().with_caller(&CALLS);
    let out = run(&world, "x\ny\n/history\n/stats\n", &["--quiet"]).text();
    let answer = "assistant\nWell. \n<tool_call>[\n{\"name\": \"calculate\", \"arguments\": {\"expression\": \"6 * 7\"}},\n\
                  {\"name\": \"get_random_number_between\", \"arguments\": {\"min\": 5, \"max\": 4}}\n]</tool_call>\n\n";
    let step = format!("{answer}tool\n42\n\ntool\n{{\"error\":\"min (5) is larger than max (4)\"}}\n\n");
    let history = format!("user\nx\n\n{step}{step}user\ny\n\n{step}{step}");
    let (shown, figures) = out.split_once(history.trim_end()).unwrap_or_else(|| panic!("{out}\n---\n{history}"));
    assert_eq!(shown, "Well.\n\nWell.\n".repeat(2));
    // the model is told of all of it: what one step adds to the next prompt comes three times, and one question more
    let first = run(&world, "", &["x", "--json"]).json();
    let prompt = |step: usize| first["steps"][step]["prompt_tokens"].as_u64().expect("a count");
    let turn = world.run(&["tokenize", "-m", "caller", "--json", "<|im_start|>user\ny<|im_end|>\n"]).json();
    let turn = turn["ids"].as_array().expect("ids").len() as u64;
    let expected = prompt(0) + 3 * (prompt(1) - prompt(0)) + turn;
    assert!(figures.starts_with(&format!("\n{expected} prompt tokens (")), "{expected}: {figures}");
}

#[test]
fn what_is_only_thought_of_is_not_called() {
    const THINKS: [&str; 4] = [
        "Or <tool_call>[{\"name\": \"calculate\", \"arguments\": {\"expression\": ",
        "7}}]</tool_call>?",
        "</think>",
        "No.",
    ];
    let world = World::new().with_caller(&THINKS);
    world.edit("caller/tokenizer_config.json", |config| {
        let template = config["chat_template"].as_str().expect("a template");
        config["chat_template"] = format!("{template}{{{{ '<think>\n' }}}}").into();
    });
    let answer = run(&world, "", &["x", "--json"]).json();
    assert_eq!((&answer["text"], &answer["finish_reason"]), (&THINKS.concat().into(), &"stop".into()));
    assert_eq!((answer["steps"].as_array().map(Vec::len), &answer["steps"][0]["calls"]), (Some(1), &json!([])));
}

/// Nor where the model opens its thoughts itself, whether it may call or must.
#[test]
fn what_a_model_thinks_of_by_itself_is_not_called() {
    const THINKS: [&str; 6] = [
        "<think>",
        "Or <tool_call>[{\"name\": \"calculate\", \"arguments\": {\"expression\": \"7\"}}]</tool_call>",
        " Hm.",
        "</think>",
        "<tool_call>[{\"name\": \"calculate\", \"arguments\": {\"expression\"",
        ": \"6 * 7\"}}]</tool_call>",
    ];
    let world = World::new().with_caller(&THINKS);
    let may_think = |may: bool| {
        world.edit("caller/tokenizer_config.json", |config| {
            let template = config["chat_template"].as_str().expect("a template");
            let switch = "{%- if enable_thinking %}{%- endif %}";
            config["chat_template"] =
                if may { format!("{switch}{template}") } else { template.replace(switch, "") }.into();
        });
    };
    may_think(true);
    for choice in [&[][..], &["--tool-choice", "required"], &["--tool-choice", "calculate"]] {
        let answer = run(&world, "", &[&["x", "--json"], choice].concat()).json();
        assert_eq!((&answer["text"], &answer["finish_reason"]), (&THINKS[..4].concat().into(), &"step_limit".into()));
        for step in answer["steps"].as_array().expect("steps") {
            let call = json!({"name": "calculate", "arguments": {"expression": "6 * 7"}, "result": "42"});
            assert_eq!(step["calls"], json!([call]), "{choice:?}: {step}");
        }
    }
    let none = run(&world, "", &["x", "--json", "--tool-choice", "none"]).json();
    assert!(
        none["text"].as_str().is_some_and(|text| text.starts_with(&THINKS[..4].concat())),
        "thoughts are free: {none}"
    );
    // of a model whose template knows nothing of thinking they are text, and a call is a call
    may_think(false);
    let call = &run(&world, "", &["x", "--json"]).json()["steps"][0]["calls"][0];
    assert_eq!(call["arguments"], json!({"expression": "7"}));
}

#[test]
fn an_answer_says_what_ended_it() {
    let world = World::new().with_caller(&CALLS);
    let answer = run(&world, "", &["x", "--json", "-n", "1"]).json();
    assert_eq!((&answer["text"], &answer["finish_reason"]), (&"Well. ".into(), &"length".into()));
    let done = run(&world, "x\n", &["-n", "1"]);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("Well. \n", "stopped at the limit of 1 tokens\n"));
    // the results of the first step leave no room for a second answer
    let prompt = run(&world, "", &["x", "--json"]).json()["steps"][0]["prompt_tokens"].as_u64().expect("a count");
    let context = (prompt + 512 + 20).to_string();
    let answer = run(&world, "", &["x", "--json", "--ctx", &context]).json();
    assert_eq!((answer["steps"].as_array().map(Vec::len), &answer["finish_reason"]), (Some(1), &"length".into()));
    assert_eq!(answer["steps"][0]["calls"][0]["result"], "42", "{answer}");
    let done = run(&world, "", &["x", "--ctx", &context]);
    assert_eq!(done.err, format!("context of {context} tokens full: the answer ends here\n"));
}

#[test]
fn that_no_tool_fits_is_shown() {
    let world = World::new().with_caller(&["<tool_call>[", "]</tool_call>"]);
    assert_eq!(run(&world, "", &["x"]).text(), "> no tool fits\n\n");
    assert_eq!(run(&world, "", &["x", "--quiet"]).text(), "\n");
}

#[test]
fn an_answer_is_not_begun_by_others() {
    let world = World::new().with_caller(&CALLS);
    for command in ["/continue", "/prefill Well", "/prefill"] {
        let done = run(&world, &format!("{command}\n"), &[]);
        let name = command.split(' ').next().expect("a name");
        let expected = format!(
            "error: standard input, line 1: {name}: an answer that may have calls of tools is not begun by others"
        );
        assert_eq!(done.error(1), expected);
    }
    let help = run(&world, "/help\n", &[]).text();
    assert!(help.contains("/regenerate") && !help.contains("/continue") && !help.contains("/prefill"), "{help}");
}

#[test]
fn the_whole_run_as_json() {
    let world = World::new().with_caller(&CALLS);
    let mut answer = run(&world, "", &["x", "--json"]).json();
    for step in answer["steps"].as_array_mut().expect("steps") {
        assert!(step["prompt_tokens"].as_u64() > Some(500) && step["tokens"].as_u64() == Some(5), "{step}");
        step["prompt_tokens"] = 0.into();
        step["tokens"] = 0.into();
    }
    let calls = json!([
        {"name": "calculate", "arguments": {"expression": "6 * 7"}, "result": "42"},
        {"name": "get_random_number_between", "arguments": {"min": 5, "max": 4}, "error": "min (5) is larger than max (4)"},
    ]);
    let step = json!({"text": "Well.", "calls": calls, "prompt_tokens": 0, "tokens": 0});
    let expected = json!({"text": "Well.", "finish_reason": "step_limit", "steps": [step, step]});
    assert_eq!(answer.to_string(), expected.to_string());
}

#[test]
fn only_the_chosen_tools_are_there() {
    let world = World::new().with_caller(&CALLS);
    let json = |arguments: &[&str]| run(&world, "", &[&["x", "--json", "-n", "40"], arguments].concat()).json();
    let prompt = |answer: &Value| answer["steps"][0]["prompt_tokens"].as_u64().expect("a count");
    let none = json(&["--tool-choice", "none"]);
    assert_eq!(none["steps"][0]["calls"], json!([]));
    // the model would, as it does where it may
    let said = none["text"].as_str().expect("a text");
    assert!(said.starts_with("Well. \n<tool_") && !said.contains("<tool_call>"), "{none}");
    let (one, all) = (json(&["--tool", "get_current_time"]), json(&[]));
    assert!(prompt(&none) < prompt(&one) && prompt(&one) < prompt(&all));
    let folder = json(&["--folder", "."]);
    assert!(prompt(&all) < prompt(&folder));
}

#[test]
fn files_of_the_folder_are_in_reach() {
    const READS: [&str; 4] = [
        "Well. ",
        "\n<tool_",
        "call>[\n{\"name\": \"read_file\", \"arguments\": {\"path\"",
        ": \"a.txt\"}}\n]</tool_call>",
    ];
    let world = World::new().with_caller(&READS);
    world.write("notes/a.txt", "hello");
    let answer = run(&world, "", &["x", "--json", "--folder", "notes"]).json();
    assert_eq!(answer["steps"][0]["calls"][0]["result"], "hello", "{answer}");
}

#[test]
fn what_makes_no_sense_is_refused_before_a_model_is_opened() {
    let world = World::new();
    for (arguments, message) in [
        (&["--max-steps", "0"][..], "error: --max-steps must be at least 1"),
        (&["--ignore-eos"], "error: --ignore-eos: an answer that may have calls ends where the model ends it"),
        (
            &["--tool", "read_file"],
            "error: --tool: there is no tool read_file; there are get_current_time, get_random_number_between, \
             calculate (--folder adds tools for files)",
        ),
        (
            &["--tool-choice", "some", "--tool", "calculate"],
            "error: --tool-choice: there is no tool some; there are calculate",
        ),
    ] {
        let done = world.run(&[&["agent", "-m", "none"], arguments].concat());
        assert_eq!(done.error(2), message);
    }
    let done = world.run(&["agent", "-m", "none", "--folder", "none", "x"]);
    assert!(done.error(1).starts_with("error: none: "), "{done:?}");
    let done = world.run(&["agent", "-m", "none", "--json"]);
    assert!(done.error(2).contains("QUESTION"), "{done:?}");
}
