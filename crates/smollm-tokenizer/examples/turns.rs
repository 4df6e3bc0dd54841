//! Under which chat templates of a folder it can be told what the assistant says: `turns FOLDER` prints a line for each.
//!
//! Every message says a word that no other says. Where answers are told, each must hold its own word and no other, or the run fails.

use serde_json::{Value, json};
use smollm_tokenizer::template::{ChatTemplate, RenderOptions, TemplateError};
use smollm_tokenizer::tools::{Tool, conversation};
use std::io::Write;
use std::process::ExitCode;

/// A conversation, and whether tools are offered.
struct Case {
    name: &'static str,
    messages: Value,
    tools: bool,
}

fn cases() -> Vec<Case> {
    let user = |text: &str| json!({ "role": "user", "content": text });
    let said = |text: &str| json!({ "role": "assistant", "content": text });
    let system = json!({ "role": "system", "content": "wordsystem" });
    let call =
        json!({ "id": "abcdefghi", "type": "function", "function": { "name": "wordcall", "arguments": { "a": 1 } } });
    let result = json!({ "role": "tool", "tool_call_id": "abcdefghi", "name": "wordcall", "content": "wordresult" });
    let calls = json!({ "role": "assistant", "content": "", "tool_calls": [call] });
    let case = |name, messages, tools| Case { name, messages, tools };
    vec![
        case("one", json!([user("wordone"), said("wordtwo")]), false),
        case("two", json!([user("wordone"), said("wordtwo"), user("wordthree"), said("wordfour")]), false),
        case("system", json!([system, user("wordone"), said("wordtwo"), user("wordthree"), said("wordfour")]), false),
        case("thoughts", json!([user("wordone"), said("<think>\nwordhm\n</think>\n\nwordtwo")]), false),
        case("tools", json!([user("wordone"), calls, result, said("wordfour")]), true),
    ]
}

/// What each message says, to be found in it alone.
fn word(message: &Value) -> Option<&str> {
    let content = message["content"].as_str().filter(|text| !text.is_empty());
    let text = content.or_else(|| message["tool_calls"][0]["function"]["name"].as_str())?;
    text.rfind("word").map(|at| &text[at..])
}

/// `told`, why not, or what is wrong.
fn outcome(template: &ChatTemplate, case: &Case) -> Result<String, String> {
    let parameters = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
    let tools =
        if case.tools { vec![Tool::of("wordcall", "", parameters).map_err(|e| e.to_string())?] } else { Vec::new() };
    let worded = conversation(template, &case.messages, &tools).map_err(|e| e.to_string())?;
    let options = RenderOptions { tools: worded.tools, ..RenderOptions::default() };
    let turns = match template.render_turns(&worded.messages, &options) {
        Ok(turns) => turns,
        Err(error @ TemplateError::Turns { .. }) => {
            let error = error.to_string();
            return Ok(error.split(": ").skip(1).collect::<Vec<_>>().join(": "));
        }
        Err(error) => return Ok(format!("not rendered: {error}")),
    };
    let added = worded.messages.as_array().map_or(0, Vec::len) - case.messages.as_array().map_or(0, Vec::len);
    for turn in &turns.turns {
        let span = &turns.text[turn.span.clone()];
        for (index, message) in case.messages.as_array().into_iter().flatten().enumerate() {
            let Some(word) = word(message) else { continue };
            let own = index + added == turn.message;
            // The name of the tool stands where it is offered too, and with its result.
            if own != span.contains(word) {
                return Err(format!("message {index} is {}in the answer {span:?}", if own { "not " } else { "" }));
            }
        }
    }
    Ok("told".into())
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("turns FOLDER");
        return ExitCode::from(2);
    };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => {
            eprintln!("{folder}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jinja"));
    paths.sort();
    let special = ["bos", "eos", "unk", "pad"].map(|role| (format!("{role}_token"), format!("<{role}>")));
    let (mut wrong, mut told) = (0, vec![0; cases().len()]);
    for path in &paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let template = std::fs::read_to_string(path).map_err(|e| e.to_string());
        let template = template.and_then(|text| ChatTemplate::new(&text, &special).map_err(|e| e.to_string()));
        let template = match template {
            Ok(template) => template,
            Err(error) => {
                let _ = writeln!(out, "{name}: {error}");
                continue;
            }
        };
        for (index, case) in cases().iter().enumerate() {
            let line = match outcome(&template, case) {
                Ok(line) => line,
                Err(problem) => {
                    wrong += 1;
                    format!("WRONG: {problem}")
                }
            };
            told[index] += usize::from(line == "told");
            let _ = writeln!(out, "{name}, {}: {line}", case.name);
        }
    }
    for (case, told) in cases().iter().zip(told) {
        let _ = writeln!(out, "{}: told under {told} of {} templates", case.name, paths.len());
    }
    let _ = writeln!(out, "{wrong} wrong");
    if wrong == 0 && !paths.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
