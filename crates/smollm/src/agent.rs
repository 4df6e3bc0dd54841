//! A model with tools: what it calls is run, and what comes of it goes back to it, until it answers.
//!
//! ```
//! use serde_json::json;
//! use smollm::agent::{Agent, AgentOptions, AgentTool, ToolChoice};
//! use smollm::Model;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let name = "smollm2:1.7b";
//! # let folder = tempfile::tempdir()?;
//! # smollm_testkit::byte_level::write_stand_ins(folder.path())?;
//! # let name = folder.path().join("HuggingFaceTB/SmolLM2-135M-Instruct");
//! # let name = name.to_str().ok_or("a path that is text")?;
//! let model = Model::open(name)?;
//! let parameters = json!({
//!     "type": "object",
//!     "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
//!     "required": ["a", "b"],
//! });
//! let add = AgentTool::new("add", "Adds two numbers.", parameters, |arguments| {
//!     let (a, b): (i64, i64) = (arguments.get("a")?, arguments.get("b")?);
//!     Ok(json!(a.checked_add(b).ok_or("the sum is too large")?))
//! })?;
//! let options = AgentOptions { tool_choice: ToolChoice::Required, max_steps: 2, ..AgentOptions::default() };
//! # let generate = smollm::GenerateOptions { max_tokens: Some(120), seed: Some(1), ..Default::default() };
//! # let options = AgentOptions { generate, ..options };
//! let mut agent = Agent::new(&model, vec![add], options)?;
//! let run = agent.ask("What is 2 plus 3?")?;
//! for call in run.steps.iter().flat_map(|step| &step.calls) {
//!     println!("{}({:?}) = {:?}", call.name, call.arguments, call.result);
//! }
//! println!("{}", run.text);
//! # assert!(!run.steps[0].calls.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Calls are held to the schemas of the tools by a grammar, as those of the server are: a model may call the wrong tool, but not one
//! that does not exist, nor with arguments of the wrong shape. What a tool returns as an error is told to the model, which may try again.

mod conversation;
mod heard;
pub mod offline;
mod tool;
mod trace;

pub use smollm_tokenizer::tools::ToolChoice;
pub use tool::{AgentTool, Arguments};
pub use trace::{AgentCall, AgentEnd, AgentEvent, AgentRun, AgentStep};

use crate::chat::{ChatSession, FittingPrompt};
use crate::error::Error;
use crate::model::Model;
use crate::terminal::{Conversation, Message, Role};
use crate::text::{Bound, End, GenerateOptions};
use heard::Heard;
use serde_json::{Map, Value, json};
use smollm_tokenizer::constrain::{Grammar, GrammarError};
use smollm_tokenizer::tools::{CallReader, CallRule, Callable, Calls, ChoiceError, Tool, no_calls};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// How an agent works.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// How each answer is generated. There is no `grammar`, since the tools have one, and no `ignore_eos`.
    pub generate: GenerateOptions,
    /// The first message.
    pub system: Option<String>,
    /// Whether a model that can think does; as it is used to where absent.
    pub thinking: Option<bool>,
    /// The most answers of the model to one question; at least 1.
    pub max_steps: usize,
    /// Which tools the first answer calls. No answer after it has to call any, and it may call what the model is told of, or what is allowed.
    pub tool_choice: ToolChoice,
    /// Whether one answer may have several calls.
    pub parallel_tool_calls: bool,
}

impl Default for AgentOptions {
    /// Eight steps; calls as the model wants, several at once.
    fn default() -> Self {
        Self {
            generate: GenerateOptions::default(),
            system: None,
            thinking: None,
            max_steps: 8,
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
        }
    }
}

/// A conversation with a model that calls tools. Questions follow each other as in a [`ChatSession`].
#[derive(Debug)]
pub struct Agent<'m> {
    chat: ChatSession<'m>,
    tools: Vec<AgentTool<'m>>,
    max_steps: usize,
    choice: ToolChoice,
    several: bool,
    /// The last grammar, and what it is of: steps mostly want the same.
    grammar: Option<(Callable, Grammar)>,
    /// Whether a conversation on the terminal shows calls and results.
    shows_calls: bool,
}

impl<'m> Agent<'m> {
    /// An agent that has said nothing.
    ///
    /// # Errors
    /// As [`ChatSession::new`]; two tools have one name, the choice names a tool that is not there, or options contradict each other.
    pub fn new(model: &'m Model, tools: Vec<AgentTool<'m>>, options: AgentOptions) -> Result<Self, Error> {
        let refused = |problem: &str| Err(Error::Agent { problem: problem.to_owned() });
        if options.max_steps == 0 {
            return refused("an agent needs at least one step");
        }
        if options.generate.grammar.is_some() {
            return refused("answers that may have calls follow the grammar of the tools, and no other beside it");
        }
        if options.generate.ignore_eos {
            return refused("an answer that may have calls ends where the model ends it (ignore_eos)");
        }
        for (index, tool) in tools.iter().enumerate() {
            if tools[..index].iter().any(|other| other.name() == tool.name()) {
                return Err(Error::Agent { problem: format!("two tools are called {}", tool.name()) });
            }
        }
        callable(&options.tool_choice, &tools)?;
        let shown = match options.tool_choice {
            ToolChoice::None => Vec::new(),
            _ => tools.iter().map(|tool| tool.tool.clone()).collect(),
        };
        let chat = ChatSession::new(model, options.generate, options.system, options.thinking)?.with_tools(shown);
        Ok(Self {
            chat,
            tools,
            max_steps: options.max_steps,
            choice: options.tool_choice,
            several: options.parallel_tool_calls,
            grammar: None,
            shows_calls: true,
        })
    }

    /// Whether calls and their results are shown where the agent talks on a terminal ([`crate::terminal::run`]); they are at first.
    pub fn show_calls(&mut self, shown: bool) {
        self.shows_calls = shown;
    }

    /// Answers `question`.
    ///
    /// # Errors
    /// As [`Agent::ask_with`].
    pub fn ask(&mut self, question: &str) -> Result<AgentRun, Error> {
        self.ask_with(question, &mut |_| ControlFlow::Continue(()))
    }

    /// Answers `question`; `on_event` hears of text, calls and results as they come, and stops it all by returning `Break`: of calls that were
    /// not run the model is told so. Between the chunks of a long prompt it hears of empty texts.
    ///
    /// # Errors
    /// The conversation does not fit, a tool's schema cannot be made sure of, or the model fails. The conversation then is as it was before,
    /// as it is where a tool or `on_event` panics, which the caller sees.
    pub fn ask_with(
        &mut self,
        question: &str,
        on_event: &mut dyn FnMut(AgentEvent<'_>) -> ControlFlow<()>,
    ) -> Result<AgentRun, Error> {
        let before = self.chat.messages().len();
        self.chat.push(Message::new(Role::User, question));
        self.run(before, on_event)
    }

    /// Answers the messages, whose last is a question; if that fails, only the first `before` of them are left.
    fn run(
        &mut self,
        before: usize,
        on_event: &mut dyn FnMut(AgentEvent<'_>) -> ControlFlow<()>,
    ) -> Result<AgentRun, Error> {
        // whoever goes on after a panic of a tool is not to find calls without results
        let run = catch_unwind(AssertUnwindSafe(|| self.steps(on_event)));
        if !matches!(run, Ok(Ok(_))) {
            self.chat.truncate(before);
        }
        run.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn steps(&mut self, on_event: &mut dyn FnMut(AgentEvent<'_>) -> ControlFlow<()>) -> Result<AgentRun, Error> {
        let mut callable_now = callable(&self.choice, &self.tools)?;
        let after = callable(&self.choice.after_first(), &self.tools)?;
        let mut steps: Vec<AgentStep> = Vec::new();
        let mut prompt = self.chat.fitting_prompt("")?;
        let end = loop {
            let (step, next) = self.step(prompt, &callable_now, on_event)?;
            let end = step.answer.end.clone();
            steps.push(step);
            prompt = match (end, next) {
                (End::Cancelled, _) | (_, ControlFlow::Break(())) => break AgentEnd::Interrupted,
                (End::Length | End::ContextFull, _) => break AgentEnd::Length,
                (_, ControlFlow::Continue(None)) => break AgentEnd::Answered,
                _ if steps.len() == self.max_steps => break AgentEnd::StepLimit,
                (_, ControlFlow::Continue(Some(next))) if !next.leaves_room => break AgentEnd::Length,
                (_, ControlFlow::Continue(Some(next))) => next,
            };
            callable_now = after.clone();
        };
        let text = steps.last().map(|step| step.text.clone()).unwrap_or_default();
        Ok(AgentRun { text, steps, end })
    }

    /// One answer of the model, and what it calls; if it calls anything, also the prompt of the next step, unless `on_event` stops it.
    fn step(
        &mut self,
        prompt: FittingPrompt,
        callable: &Callable,
        on_event: &mut dyn FnMut(AgentEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(AgentStep, ControlFlow<(), Option<FittingPrompt>>), Error> {
        let FittingPrompt { ids, dropped, .. } = prompt;
        let splitter = self.chat.model().splitter(&ids, "")?;
        let grammar = self.grammar(callable)?;
        let free = callable.calls != Calls::AtLeastOne;
        let thoughts = Some(&splitter);
        let bound = grammar.as_ref().map(|grammar| Bound { grammar, free, thoughts, with_thoughts: true });
        let reader = (callable.calls != Calls::None).then(CallReader::bound);
        let mut heard = Heard::new(splitter.clone(), reader);
        let answer = self.chat.continue_prompt(ids, bound, &mut |piece| heard.hear(piece, on_event))?;
        let mut flow = heard.finish(on_event);
        let cut = heard.is_cut();
        self.chat.push(Message::new(Role::Assistant, answer.text.clone()));
        let whole = !cut && !matches!(answer.end, End::Length | End::ContextFull | End::Cancelled);
        let mut step = AgentStep { text: heard.text, calls: Vec::new(), answer, dropped_messages: dropped };
        let mut calls = heard.calls;
        if !whole {
            // of an answer that was cut nobody knows what it would have been
            if cut {
                calls.pop();
            }
            self.not_run(calls.len(), "the answer was cut");
            let next = if flow.is_break() { ControlFlow::Break(()) } else { ControlFlow::Continue(None) };
            return Ok((step, next));
        }
        let mut next = None;
        let mut calls = calls.into_iter();
        while let Some((name, arguments)) = calls.next() {
            if flow.is_break() || on_event(AgentEvent::Call { name: &name, arguments: &arguments }).is_break() {
                self.not_run(1 + calls.len(), "it was stopped before");
                return Ok((step, ControlFlow::Break(())));
            }
            let call = self.call(name, &arguments);
            let (call, prompt) = self.told(call)?;
            next = Some(prompt);
            flow = on_event(AgentEvent::Result(&call));
            step.calls.push(call);
        }
        let next = if flow.is_break() { ControlFlow::Break(()) } else { ControlFlow::Continue(next) };
        Ok((step, next))
    }

    /// Tells the model of so many calls that they were not run: whoever goes on is not to find calls without results.
    fn not_run(&mut self, calls: usize, why: &str) {
        for _ in 0..calls {
            let told = json!({ "error": format!("this was not called: {why}") });
            self.chat.push(Message::new(Role::Tool, told.to_string()));
        }
    }

    /// Tells the model what came of a call, or that it is more than can be told; and the prompt with it.
    fn told(&mut self, mut call: AgentCall) -> Result<(AgentCall, FittingPrompt), Error> {
        let told = call.told();
        let len = told.len();
        self.chat.push(Message::new(Role::Tool, told));
        let prompt = self.chat.fitting_prompt("")?;
        if prompt.leaves_room {
            return Ok((call, prompt));
        }
        let what = if call.result.is_ok() { "result" } else { "error" };
        let problem = format!("the {what} is too long for what is left of the context");
        let result = std::mem::replace(&mut call.result, Err(problem));
        let instead = call.told();
        if len <= instead.len() {
            call.result = result;
            return Ok((call, prompt));
        }
        // what it did is done
        self.chat.truncate(self.chat.messages().len() - 1);
        self.chat.push(Message::new(Role::Tool, instead));
        Ok((call, self.chat.fitting_prompt("")?))
    }

    fn call(&mut self, name: String, arguments: &str) -> AgentCall {
        let tool = self.tools.iter_mut().find(|tool| tool.name() == name);
        let parsed: Result<Map<String, Value>, _> = serde_json::from_str(arguments);
        let (arguments, result) = match (tool, parsed) {
            (Some(tool), Ok(arguments)) => {
                let arguments = Arguments::new(arguments);
                let result = tool.call(&arguments);
                (arguments.into_inner(), result)
            }
            (_, Err(error)) => (Map::new(), Err(format!("the arguments are no JSON object: {error}"))),
            (None, Ok(arguments)) => (arguments, Err(format!("there is no tool {name}"))),
        };
        AgentCall { name, arguments, result }
    }

    /// The grammar of an answer that may call these, or may call nothing; none where there are no tools.
    fn grammar(&mut self, callable: &Callable) -> Result<Option<Grammar>, Error> {
        if self.tools.is_empty() {
            return Ok(None);
        }
        if let Some((of, grammar)) = &self.grammar
            && of == callable
        {
            return Ok(Some(grammar.clone()));
        }
        let tools: Vec<Tool> = callable.tools.iter().map(|&place| self.tools[place].tool.clone()).collect();
        let model = self.chat.model();
        let grammars = model.grammars()?;
        let refused = |tool: Option<usize>, error: GrammarError| Error::Tool {
            tool: tool.map_or("tools".to_owned(), |index| tools[index].name().to_owned()),
            problem: error.to_string(),
        };
        let grammar = if callable.calls == Calls::None {
            no_calls(grammars).map_err(|error| refused(None, error))?
        } else {
            let form = model.template()?.call_form();
            let must_call = callable.calls == Calls::AtLeastOne;
            let rule = CallRule { form, tools: &tools, must_call, several: self.several && !callable.once };
            rule.compile(grammars).map_err(|error| refused(error.tool, error.error))?
        };
        self.grammar = Some((callable.clone(), grammar.clone()));
        Ok(Some(grammar))
    }
}

/// What a choice means among these tools.
fn callable(choice: &ToolChoice, tools: &[AgentTool<'_>]) -> Result<Callable, Error> {
    let names: Vec<&str> = tools.iter().map(AgentTool::name).collect();
    choice.among(&names).map_err(|error| {
        let known = match &error {
            ChoiceError::NoSuchTool { .. } if names.is_empty() => "; there are none".to_owned(),
            ChoiceError::NoSuchTool { .. } => format!("; there are {}", names.join(", ")),
            ChoiceError::NothingAllowed | ChoiceError::NoTools => String::new(),
        };
        Error::Agent { problem: format!("tool choice: {error}{known}") }
    })
}

#[cfg(test)]
mod tests;
