//! Agents over models with random weights, under a vocabulary of bytes and, where the fixtures are there, SmolLM2's.

use super::*;
use serde_json::json;
use smollm_testkit::stored::{Stored, write_model};
use smollm_testkit::{byte_level, fixtures, golden, tiny};
use std::cell::RefCell;
use tempfile::TempDir;

const SEEDS: u64 = 6;
/// What the model is told of calls that nothing came of.
const NOT_RUN_CUT: &str = r#"{"error":"this was not called: the answer was cut"}"#;
const NOT_RUN_STOPPED: &str = r#"{"error":"this was not called: it was stopped before"}"#;

/// A model with random weights; `real` has the tokenizer and the template of SmolLM2.
fn model(real: bool) -> Option<(TempDir, Model)> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = golden::logits_golden("gqa-9-3").config;
    config["max_position_embeddings"] = 8192.into();
    config["vocab_size"] = if real { 49152 } else { 320 }.into();
    if real {
        let from = fixtures()?.join("models/SmolLM2-135M-Instruct");
        for file in ["tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(from.join(file), folder.path().join(file)).expect("a file of the fixtures");
        }
    } else {
        byte_level::write_tokenizer(folder.path(), 320, true).expect("a tokenizer");
    }
    write_model(folder.path(), &config, &tiny::weights(&config), Stored::F32).expect("a model");
    let model = Model::open(folder.path().to_str().expect("a path that is text")).expect("a model");
    Some((folder, model))
}

fn models() -> Vec<(TempDir, Model)> {
    [false, true].into_iter().filter_map(model).collect()
}

fn options(seed: u64, tool_choice: ToolChoice) -> AgentOptions {
    let generate = GenerateOptions {
        max_tokens: Some(120),
        temperature: Some(1.0),
        seed: Some(seed),
        ..GenerateOptions::default()
    };
    AgentOptions { generate, tool_choice, max_steps: 3, ..AgentOptions::default() }
}

/// What was called, in order.
type Log = RefCell<Vec<(String, Map<String, Value>)>>;

/// Two tools that write down how they are called; the second fails.
fn tools(log: &Log) -> Vec<AgentTool<'_>> {
    let colour = json!({"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}, "on": {"type": "boolean"}}, "required": ["colour"]});
    let paint = move |arguments: &Arguments| {
        log.borrow_mut().push(("paint".into(), arguments.as_map().clone()));
        let colour: String = arguments.get("colour")?;
        let on: Option<bool> = arguments.get("on")?;
        Ok(json!({ "painted": colour, "on": on }))
    };
    let fail = move |arguments: &Arguments| {
        log.borrow_mut().push(("fail".into(), arguments.as_map().clone()));
        Err("no luck".to_owned())
    };
    vec![
        AgentTool::new("paint", "Paints.", colour, paint).expect("a tool"),
        AgentTool::new("fail", "Fails.", json!({"type": "object", "properties": {}}), fail).expect("a tool"),
    ]
}

#[test]
fn calls_are_run_by_name_and_their_results_go_back() {
    let (mut called, mut followed) = (0, 0);
    for (_folder, model) in &models() {
        for seed in 0..SEEDS {
            let log = Log::default();
            let mut agent = Agent::new(model, tools(&log), options(seed, ToolChoice::Required)).expect("an agent");
            let run = agent.ask("Paint it.").expect("a run");
            assert!(!run.steps.is_empty() && run.steps.len() <= 3, "{run:?}");
            let calls: Vec<&AgentCall> = run.steps.iter().flat_map(|step| &step.calls).collect();
            let first_is_whole = run.steps.len() > 1 || run.end != AgentEnd::Length;
            assert_eq!(!run.steps[0].calls.is_empty(), first_is_whole, "{run:?}");
            let seen: Vec<_> = calls.iter().map(|call| (call.name.clone(), call.arguments.clone())).collect();
            assert_eq!(seen, *log.borrow());
            for call in &calls {
                match (call.name.as_str(), &call.result) {
                    ("paint", Ok(value)) => assert_eq!(value["painted"], call.arguments["colour"]),
                    ("fail", Err(problem)) => assert_eq!(problem, "no luck"),
                    _ => panic!("{call:?}"),
                }
            }
            // question, then each answer as the model gave it, followed by what came of its calls, or that they were not run
            let mut expected = vec![Message::new(Role::User, "Paint it.")];
            for step in &run.steps {
                expected.push(Message::new(Role::Assistant, step.answer.text.clone()));
                expected.extend(step.calls.iter().map(|call| {
                    let told = match &call.result {
                        Ok(value) => value.to_string(),
                        Err(problem) => json!({ "error": problem }).to_string(),
                    };
                    Message::new(Role::Tool, told)
                }));
            }
            let (known, further) = agent.messages().split_at(expected.len());
            assert_eq!(known, expected);
            let not_run = Message::new(Role::Tool, NOT_RUN_CUT);
            assert!(further.iter().all(|told| *told == not_run) && (run.end == AgentEnd::Length || further.is_empty()));
            let prompt = |step: &AgentStep| {
                assert_eq!(step.dropped_messages, 0);
                model.tokenizer().expect("a tokenizer").decode(&step.answer.prompt_ids, false)
            };
            for pair in run.steps.windows(2) {
                let turn = |role: &str, text: &str| format!("<|im_start|>{role}\n{text}<|im_end|>\n");
                let response =
                    |call: &AgentCall| turn("user", &format!("<tool_response>\n{}\n</tool_response>", call.told()));
                let results: String = pair[0].calls.iter().map(response).collect();
                let added = format!("{}<|im_end|>\n{results}<|im_start|>assistant\n", pair[0].answer.text);
                assert_eq!(prompt(&pair[1]).strip_prefix(&prompt(&pair[0])), Some(added.as_str()));
                followed += 1;
            }
            called += calls.len();
        }
    }
    assert!(called > 10 && followed > 10, "{called} calls, {followed} steps after the first");
}

#[test]
fn a_result_that_is_too_long_is_told_as_an_error_and_ends_nothing() {
    for (_folder, model) in &models() {
        let mut called = 0;
        for seed in 0..SEEDS {
            let long = "x y ".repeat(50_000);
            let everything =
                |_: &Arguments| if seed % 2 == 0 { Ok(Value::from(long.as_str())) } else { Err(long.clone()) };
            let tool = AgentTool::new("read", "Reads it.", json!({"type": "object", "properties": {}}), everything);
            let options = options(seed, ToolChoice::Required);
            let mut agent = Agent::new(model, vec![tool.expect("a tool")], options).expect("an agent");
            let run = agent.ask("x").expect("a run");
            for call in run.steps.iter().flat_map(|step| &step.calls) {
                let what = if seed % 2 == 0 { "result" } else { "error" };
                let told = format!("the {what} is too long for what is left of the context");
                assert_eq!(call.result, Err(told));
                called += 1;
            }
            assert!(run.end != AgentEnd::Length || run.steps.last().is_some_and(|step| step.answer.end == End::Length));
        }
        assert!(called > 0);
    }
}

#[test]
fn what_a_stop_string_cuts_is_not_called() {
    for (_folder, model) in &models() {
        for seed in 0..SEEDS {
            let log = Log::default();
            let mut options = options(seed, ToolChoice::Named("paint".into()));
            options.generate.stop = vec!["colour".into()];
            let mut agent = Agent::new(model, tools(&log), options).expect("an agent");
            let run = agent.ask("x").expect("a run");
            assert!(log.borrow().is_empty() && run.steps.iter().all(|step| step.calls.is_empty()), "{run:?}");
        }
    }
}

#[test]
fn the_choice_holds_for_the_first_answer() {
    for (_folder, model) in &models() {
        for seed in 0..SEEDS {
            let log = Log::default();
            let first = |choice: ToolChoice, parallel: bool| {
                let options = AgentOptions { max_steps: 1, parallel_tool_calls: parallel, ..options(seed, choice) };
                let mut agent = Agent::new(model, tools(&log), options).expect("an agent");
                let run = agent.ask("x").expect("a run");
                let names = run.steps[0].calls.iter().map(|call| call.name.clone()).collect::<Vec<_>>();
                (names, run)
            };
            let (names, run) = first(ToolChoice::Named("paint".into()), true);
            assert!(run.end == AgentEnd::Length || names == ["paint"], "{run:?}");
            let (names, run) = first(ToolChoice::Required, false);
            assert!(run.end == AgentEnd::Length || names.len() == 1, "{run:?}");
            let (names, run) = first(ToolChoice::Allowed { names: vec!["fail".into()], required: true }, true);
            assert!(
                run.end == AgentEnd::Length || !names.is_empty() && names.iter().all(|name| name == "fail"),
                "{run:?}"
            );
            let (names, told) = first(ToolChoice::None, true);
            assert!(names.is_empty() && matches!(told.end, AgentEnd::Answered | AgentEnd::Length), "{told:?}");
            assert!(told.steps[0].answer.prompt_ids.len() < run.steps[0].answer.prompt_ids.len());
        }
    }
}

#[test]
fn whoever_listens_can_stop_it() {
    let (_folder, model) = model(false).expect("a model");
    let log = Log::default();
    let mut stopped = 0;
    for seed in 0..SEEDS {
        let mut agent = Agent::new(&model, tools(&log), options(seed, ToolChoice::Required)).expect("an agent");
        let mut events = Vec::new();
        let run = agent.ask_with("x", &mut |event| {
            events.push(format!("{event:?}"));
            if matches!(event, AgentEvent::Call { .. }) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let run = run.expect("a run");
        assert_eq!(run.steps.len(), 1);
        if run.end == AgentEnd::Interrupted {
            stopped += 1;
            assert!(run.steps[0].calls.is_empty() && events.last().is_some_and(|event| event.starts_with("Call")));
        }
        let run = agent.ask_with("y", &mut |_| ControlFlow::Break(())).expect("a run");
        assert_eq!((run.end, run.steps.len()), (AgentEnd::Interrupted, 1));
    }
    assert!(stopped > 0 && log.borrow().is_empty());
}

/// Whoever goes on finds a result of every call, of which none was run that was not told.
#[test]
fn calls_that_are_stopped_have_results_that_say_so() {
    let (mut several, mut some) = (0, 0);
    for (_folder, model) in &models() {
        // at the first call, at its result, and while the answer comes
        for stop_at in ["Call", "Result", "Text"] {
            for seed in 0..SEEDS {
                let log = Log::default();
                let options = AgentOptions { max_steps: 1, ..options(seed, ToolChoice::Required) };
                let mut agent = Agent::new(model, tools(&log), options).expect("an agent");
                let mut texts = 0;
                let run = agent.ask_with("x", &mut |event| {
                    let event = format!("{event:?}");
                    texts += usize::from(event.starts_with("Text"));
                    let stops = event.starts_with(stop_at) && (stop_at != "Text" || texts > 60);
                    if stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                let run = run.expect("a run");
                if run.end != AgentEnd::Interrupted {
                    continue;
                }
                let step = &run.steps[0];
                let ran = usize::from(stop_at == "Result");
                assert_eq!((run.steps.len(), step.calls.len(), log.borrow().len()), (1, ran, ran));
                let (question, told) = agent.messages().split_at(2);
                assert_eq!(question[1], Message::new(Role::Assistant, step.answer.text.clone()));
                let cut = matches!(step.answer.end, End::Cancelled | End::Length);
                let not_run = if cut { NOT_RUN_CUT } else { NOT_RUN_STOPPED };
                let expected = |(at, told): (usize, &Message)| match step.calls.get(at) {
                    Some(call) => *told == Message::new(Role::Tool, call.told()),
                    None => *told == Message::new(Role::Tool, not_run),
                };
                assert!(told.iter().enumerate().all(expected), "{told:?}");
                if !cut {
                    let calls = smollm_tokenizer::tools::calls_in(&step.answer.text).expect("calls");
                    assert_eq!(told.len(), calls.len());
                    several += usize::from(calls.len() > 1);
                }
                some += 1;
            }
        }
    }
    assert!(several > 2 && some > 20, "{several} with several calls, {some} in all");
}

#[test]
fn what_fails_leaves_the_conversation_as_it_was() {
    let (_folder, model) = model(false).expect("a model");
    let log = Log::default();
    let mut agent = Agent::new(&model, tools(&log), options(1, ToolChoice::Auto)).expect("an agent");
    assert!(agent.ask(&"x".repeat(9000)).is_err());
    assert!(agent.messages().is_empty());
    assert!(agent.answer(Some("Well"), &mut |_| true).is_err());
    let bad = json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}});
    let bad = AgentTool::new("bad", "", bad, |_| Ok(Value::Null)).expect("a tool");
    let mut agent = Agent::new(&model, vec![bad], options(1, ToolChoice::Auto)).expect("an agent");
    let error = agent.ask("x").expect_err("no such pattern").to_string();
    assert!(error.starts_with("tool bad: ") && error.contains("properties.a.pattern"), "{error}");
    assert!(agent.messages().is_empty());
}

#[test]
fn a_panic_of_a_tool_is_the_callers_and_leaves_the_conversation_as_it_was() {
    let (_folder, model) = model(false).expect("a model");
    let none = || json!({"type": "object", "properties": {}});
    let mut panicked = 0;
    for seed in 0..2 * SEEDS {
        let ok = AgentTool::new("ok", "", none(), |_| Ok(Value::Null)).expect("a tool");
        let broken = AgentTool::new("broken", "", none(), |_| panic!("out of order")).expect("a tool");
        let mut agent = Agent::new(&model, vec![ok, broken], options(seed, ToolChoice::Required)).expect("an agent");
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| agent.ask("x"))) else { continue };
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of order"));
        assert!(agent.messages().is_empty());
        panicked += 1;
        let run = agent.ask_with("y", &mut |_| ControlFlow::Break(())).expect("a run");
        assert_eq!((run.end, agent.messages().len()), (AgentEnd::Interrupted, 2));
    }
    assert!(panicked > 0);
}

#[track_caller]
fn refused(options: AgentOptions, message: &str) {
    let (_folder, model) = model(false).expect("a model");
    let log = Log::default();
    let error = Agent::new(&model, tools(&log), options).expect_err("refused");
    assert_eq!(error.to_string(), message);
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let generate = |options: GenerateOptions| AgentOptions { generate: options, ..AgentOptions::default() };
    refused(AgentOptions { max_steps: 0, ..AgentOptions::default() }, "an agent needs at least one step");
    refused(
        generate(GenerateOptions { ignore_eos: true, ..GenerateOptions::default() }),
        "an answer that may have calls ends where the model ends it (ignore_eos)",
    );
    let grammar = Some(smollm_tokenizer::constrain::GrammarSource::Regex("a".into()));
    refused(
        generate(GenerateOptions { grammar, ..GenerateOptions::default() }),
        "answers that may have calls follow the grammar of the tools, and no other beside it",
    );
    refused(options(1, ToolChoice::Named("add".into())), "tool choice: there is no tool add; there are paint, fail");
    refused(
        options(1, ToolChoice::Allowed { names: Vec::new(), required: true }),
        "tool choice: no tool is allowed, which the choice of none would say",
    );
    let (_folder, model) = model(false).expect("a model");
    let none = Agent::new(&model, Vec::new(), options(1, ToolChoice::Required)).expect_err("refused");
    assert_eq!(none.to_string(), "tool choice: a call is required, but there is no tool to call");
    let log = Log::default();
    let twice = tools(&log).into_iter().chain(tools(&log)).collect();
    let error = Agent::new(&model, twice, AgentOptions::default()).expect_err("refused");
    assert_eq!(error.to_string(), "two tools are called paint");
    let wrong = AgentTool::new("a b", "", json!({"type": "object"}), |_| Ok(Value::Null)).expect_err("a name");
    assert!(wrong.to_string().starts_with("tool a b: name: "), "{wrong}");
}

#[test]
fn arguments_are_read_by_name_and_type() {
    let arguments = Arguments::new(json!({"a": 3, "b": "x"}).as_object().expect("an object").clone());
    assert_eq!(arguments.get::<i64>("a"), Ok(3));
    assert_eq!(arguments.get::<Option<i64>>("c"), Ok(None));
    assert_eq!(arguments.get::<i64>("c"), Err("the argument `c` is missing".into()));
    let error = arguments.get::<i64>("b").expect_err("a text");
    assert!(error.starts_with("the argument `b`: "), "{error}");
}
