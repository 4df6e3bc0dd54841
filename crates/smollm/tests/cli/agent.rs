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
    // a second question sees the first one, with its calls
    let done = run(&world, "x\ny\n/stats\n", &["--quiet"]);
    let figures = done.out.lines().last().expect("figures").to_owned();
    assert!(done.code == Some(0) && figures.contains("tokens of the context in use"), "{done:?}");
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
    assert!(none["text"].as_str().expect("a text").contains("<tool_call>"), "{none}");
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
            "error: --tool: there is no tool read_file; there are get_current_time, get_random_number_between, calculate",
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
