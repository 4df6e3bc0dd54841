//! Let a model call functions of yours until it has an answer: `tool_loop [MODEL] [QUESTION]`.
#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use serde_json::json;
use smollm::agent::{Agent, AgentEvent, AgentOptions, AgentTool};
use smollm::{GenerateOptions, Model};
use std::ops::ControlFlow;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or("nano".to_owned());
    let question = arguments.next().unwrap_or("Give me a number between 1 and 300".to_owned());

    // A tool is a name, what the model is told of it, a JSON schema for its arguments, and a closure. Arguments always fit the schema:
    // a grammar holds the model to it. An error goes back to the model, which may try again.
    let parameters = json!({
        "type": "object",
        "properties": { "min": { "type": "integer" }, "max": { "type": "integer" } },
        "required": ["min", "max"],
    });
    let mut drawn = 0;
    let random = AgentTool::new(
        "get_random_number_between",
        "Gets a random number between min and max.",
        parameters,
        |arguments| {
            let (min, max): (i64, i64) = (arguments.get("min")?, arguments.get("max")?);
            if min > max {
                return Err("min is larger than max".to_owned());
            }
            drawn += 1;
            Ok(json!(fastrand::i64(min..=max)))
        },
    )?;

    let model = Model::open(&name)?;
    let generate = GenerateOptions { temperature: Some(0.0), max_tokens: Some(256), ..GenerateOptions::default() };
    let mut agent =
        Agent::new(&model, vec![random], AgentOptions { generate, max_steps: 3, ..AgentOptions::default() })?;

    // The loop: the model answers or calls, what it calls is run, what comes of it is told to the model, and so on.
    let run = agent.ask_with(&question, &mut |event| {
        match event {
            AgentEvent::Call { name, arguments } => println!("calls    {name}({arguments})"),
            AgentEvent::Result(call) => match &call.result {
                Ok(value) => println!("returns  {value}"),
                Err(problem) => println!("fails    {problem}"),
            },
            AgentEvent::Text(_) => {} // pieces of text, as they come
        }
        ControlFlow::Continue(())
    })?;
    println!("says     {}", run.text);
    drop(agent); // it lent `drawn` to the tool
    println!("(numbers drawn: {drawn}; answers of the model: {}, ended by: {})", run.steps.len(), run.end.name());
    Ok(())
}
