//! `smollm chat` over pipes: one question, or a conversation with commands.

use crate::world::{Done, SCRIPT, World};

fn chat(world: &World, input: &str, arguments: &[&str]) -> Done {
    let common = ["chat", "-m", "scripted", "--save-folder", "saved", "--temperature", "0", "--threads", "1"];
    let done = world.run_on(input, &[&common[..], arguments].concat());
    assert!(!(done.out.clone() + &done.err).contains(|c: char| c.is_control() && c != '\n'), "{done:?}");
    done
}

#[test]
fn one_question_one_answer() {
    let world = World::new().with_scripted();
    assert_eq!(chat(&world, "", &["x"]).text(), format!("{SCRIPT}\n"));
    assert_eq!(chat(&world, "", &["x", "--prefill", "Hi"]).text(), format!("{SCRIPT}\n"));
    assert_eq!(chat(&world, "", &["/help"]).text(), format!("{SCRIPT}\n"), "a question is never a command");
    assert_eq!(chat(&world, "", &["x", "--stop", "€"]).text(), "Hi \n");
    let done = chat(&world, "", &["x", "-n", "2"]);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("Hi\n", "stopped at the limit of 2 tokens\n"));
    assert_eq!(chat(&world, "", &["x", "-n", "2", "--quiet"]).err, "");
}

#[test]
fn a_conversation_over_a_pipe() {
    let world = World::new().with_scripted();
    let two = format!("{SCRIPT}\n{SCRIPT}\n");
    assert_eq!(chat(&world, "x\ny\n", &[]).text(), two);
    assert_eq!(chat(&world, "x\n/exit\ny\n", &[]).text(), format!("{SCRIPT}\n"));
    assert_eq!(chat(&world, "", &[]).text(), "");
    let input = "x\n/set max_tokens=2\ny\n/save NAME\n/undo\n/regenerate\n/clear\n/load NAME\n/history\n/stats\n";
    let out = chat(&world, input, &["--system", "Be."]).text();
    assert!(out.starts_with(&format!("{SCRIPT}\nHi\nHi\n")), "{out}");
    assert!(out.contains("Be.") && out.contains("tokens of the context in use"), "{out}");
    let saved: serde_json::Value = serde_json::from_slice(&world.read("saved/NAME.json")).unwrap();
    assert_eq!(saved["messages"].as_array().unwrap().len(), 5, "{saved}");
    // the saved chat goes on in another process
    let done = chat(&world, "/load NAME\n/history\n/reset\n/history\n/example\n/help\n/think\n", &[]);
    assert!(done.error_after_notices().contains("line 7") && done.err.contains("thinking"), "{done:?}");
    assert!(done.out.contains(SCRIPT) && done.out.contains("/regenerate"), "{done:?}");
}

impl Done {
    /// The last line on standard error, which is an error; notices stand before it.
    fn error_after_notices(&self) -> &str {
        assert_eq!(self.code, Some(1), "{self:?}");
        self.err.lines().last().filter(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{self:?}"))
    }
}

#[test]
fn a_full_context_drops_the_oldest_turns_and_says_so() {
    let world = World::new().with_scripted();
    let questions = ["first", "second", "third", "fourth", "fifth", "sixth"].join("\n");
    let done = chat(&world, &questions, &["--ctx", "128", "--system", "Be."]);
    // every answer is whole: the model never saw a prompt cut in the middle
    assert_eq!(done.out, format!("{SCRIPT}\n").repeat(6), "{done:?}");
    let notices: Vec<_> = done.err.lines().collect();
    assert!(!notices.is_empty() && notices.len() < 6, "{done:?}");
    for notice in notices {
        assert!(notice.contains("context of 128 tokens full") && notice.contains("oldest message"), "{notice}");
    }
    // an answer that meets the end is cut there
    let done = chat(&world, "x\n/stats\n", &["--ctx", "24", "--ignore-eos"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.err.contains("context of 24 tokens full"), "{done:?}");
    assert!(done.out.ends_with("\n24 of 24 tokens of the context in use\n"), "{done:?}");
}

/// A saved chat of an agent goes on without its tools, and what they returned is told as it was then.
#[test]
fn results_of_tools_stay_in_a_conversation() {
    let world = World::new().with_scripted();
    let said = |role: &str, content: &str| serde_json::json!({"role": role, "content": content});
    let prompt = |messages: serde_json::Value| {
        world.write("saved/S.json", serde_json::json!({"chat_history": messages, "settings": {}}).to_string());
        let out = chat(&world, "/load S\nx\n/stats\n", &[]).text();
        out.lines().find_map(|line| line.split_once(" prompt tokens")?.0.parse::<usize>().ok()).expect("figures")
    };
    let (asked, answered) = (said("user", "q"), said("assistant", "a"));
    let result = said("tool", "42");
    let told = said("user", "<tool_response>\n42\n</tool_response>");
    let expected = prompt(serde_json::json!([asked, answered, told, answered]));
    assert_eq!(prompt(serde_json::json!([asked, answered, result, answered])), expected);
}

/// A template that is longer when it shall not think, and the figures of the prompts that come of it.
#[test]
fn a_model_that_thinks_can_be_told_not_to() {
    let world = World::new().with_golden("smollm3-nope");
    world.write("smollm3-nope/chat_template.jinja", "{% if enable_thinking %}T{% else %}NNNN{% endif %}");
    let stats = |input: &str, arguments: &[&str]| {
        let run = [&["chat", "-m", "smollm3-nope", "-n", "1", "--quiet"], arguments].concat();
        let out = world.run_on(input, &run).text();
        out.lines()
            .find_map(|line| Some(line.split_once(" prompt tokens")?.0.to_owned()))
            .unwrap_or_else(|| panic!("{out}"))
    };
    assert_eq!(stats("x\n/stats\n", &[]), "1");
    assert_eq!(stats("x\n/stats\n", &["--think", "on"]), "1");
    assert_eq!(stats("x\n/stats\n", &["--think", "off"]), "4");
    assert_eq!(stats("/think off\nx\n/stats\n", &[]), "4");
    assert_eq!(stats("/no_think\nx\n/stats\n", &[]), "4");
    assert_eq!(stats("/set think=on\nx\n/stats\n", &["--think", "off"]), "1");
}

#[test]
fn what_cannot_be_answered_is_one_line() {
    let world = World::new().with_scripted().with_random();
    let done = chat(&world, "", &[&"x".repeat(200), "--ctx", "64"]);
    assert!(done.error(1).contains("64"), "{done:?}");
    let done = chat(&world, &"x".repeat(200), &["--ctx", "64"]);
    assert!(done.error(1).contains("line 1"), "{done:?}");
    let done = chat(&world, "/nonsense\n", &[]);
    assert!(done.error(1).contains("/nonsense"), "{done:?}");
    let done = chat(&world, "", &["x", "--think", "on"]);
    assert!(done.error(1).contains("no thinking mode"), "{done:?}");
    let done = world.run(&["chat", "-m", "random", "x"]);
    assert!(done.error(1).contains("no chat template"), "{done:?}");
}
