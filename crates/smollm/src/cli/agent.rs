//! `smollm agent`: a chat whose model calls tools that need no network.

use super::args::{ChatArgs, whole};
use super::failure::usage;
use super::output::output;
use serde_json::{Map, Value, json};
use smollm::agent::{Agent, AgentCall, AgentOptions, AgentRun, AgentTool, ToolChoice, offline};
use smollm::terminal;
use std::io::Write;
use std::path::PathBuf;

/// Talk to a model that calls tools; with QUESTION, ask once.
#[derive(Debug, clap::Args)]
pub(crate) struct AgentCommand {
    /// Let the model list, read and write the files in this folder
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Only this tool (repeatable; default: all)
    #[arg(long = "tool", value_name = "NAME")]
    tools: Vec<String>,
    /// The most answers of the model to one question, calls among them
    #[arg(long, value_name = "N", default_value_t = AgentOptions::default().max_steps, value_parser = whole::<usize>)]
    max_steps: usize,
    /// What the first answer calls: auto, required, none, or the name of a tool
    #[arg(long, value_name = "CHOICE", default_value = "auto")]
    tool_choice: String,
    /// One call in an answer at most
    #[arg(long)]
    no_parallel: bool,
    /// The answer and the way to it as one JSON object (with QUESTION; see docs/json.md)
    #[arg(long, requires = "question")]
    json: bool,
    // last: the headings of its help would be those of what follows
    #[command(flatten)]
    chat: ChatArgs,
}

impl AgentCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.max_steps == 0 {
            return usage("--max-steps must be at least 1");
        }
        if self.chat.sampling.ignore_eos {
            return usage("--ignore-eos: an answer that may have calls ends where the model ends it");
        }
        let generate = self.chat.sampling.options(None)?;
        let tools = self.tools()?;
        let options = AgentOptions {
            generate,
            system: self.chat.system.clone(),
            thinking: self.chat.thinking(),
            max_steps: self.max_steps,
            tool_choice: self.choice(&tools)?,
            parallel_tool_calls: !self.no_parallel,
        };
        let model = self.chat.model.open_or_built_in()?;
        let mut agent = Agent::new(&model, tools, options)?;
        if let (true, Some(question)) = (self.json, &self.chat.question) {
            let mut out = output();
            writeln!(out, "{}", run_json(&agent.ask(question)?))?;
            return Ok(());
        }
        agent.show_calls(!self.chat.model.name.quiet);
        Ok(terminal::run(&mut agent, &self.chat.options(None))?)
    }

    /// All tools there are, or the chosen ones.
    fn tools(&self) -> anyhow::Result<Vec<AgentTool<'static>>> {
        let mut all = offline::tools(self.chat.sampling.seed)?;
        if let Some(folder) = &self.folder {
            all.extend(offline::folder(folder)?);
        }
        if self.tools.is_empty() {
            return Ok(all);
        }
        if let Some(name) = self.tools.iter().find(|name| !all.iter().any(|tool| tool.name() == name.as_str())) {
            let more = if self.folder.is_none() { " (--folder adds tools for files)" } else { "" };
            return usage(format!("--tool: {}{more}", no_tool(name, &all)));
        }
        all.retain(|tool| self.tools.iter().any(|name| name == tool.name()));
        Ok(all)
    }

    fn choice(&self, tools: &[AgentTool<'_>]) -> anyhow::Result<ToolChoice> {
        Ok(match self.tool_choice.as_str() {
            "auto" => ToolChoice::Auto,
            "required" => ToolChoice::Required,
            "none" => ToolChoice::None,
            name if tools.iter().any(|tool| tool.name() == name) => ToolChoice::Named(name.to_owned()),
            name => return usage(format!("--tool-choice: {}", no_tool(name, tools))),
        })
    }
}

fn no_tool(name: &str, tools: &[AgentTool<'_>]) -> String {
    let names: Vec<&str> = tools.iter().map(AgentTool::name).collect();
    format!("there is no tool {name}; there are {}", names.join(", "))
}

/// `{"text":"...","finish_reason":"stop|length|step_limit","steps":[{"text":"...","calls":[...],"prompt_tokens":N,"tokens":N}]}`.
fn run_json(run: &AgentRun) -> Value {
    let call = |call: &AgentCall| {
        let mut object = Map::new();
        object.insert("name".into(), call.name.as_str().into());
        object.insert("arguments".into(), call.arguments.clone().into());
        match &call.result {
            Ok(value) => object.insert("result".into(), value.clone()),
            Err(problem) => object.insert("error".into(), problem.as_str().into()),
        };
        Value::Object(object)
    };
    let steps: Vec<Value> = run
        .steps
        .iter()
        .map(|step| {
            json!({
                "text": step.text,
                "calls": step.calls.iter().map(call).collect::<Vec<_>>(),
                "prompt_tokens": step.answer.prompt_ids.len(),
                "tokens": step.answer.tokens.len(),
            })
        })
        .collect();
    json!({ "text": run.text, "finish_reason": run.end.name(), "steps": steps })
}
