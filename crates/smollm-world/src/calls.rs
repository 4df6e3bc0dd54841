//! Calls of functions as SmolLM2 makes them: one, several, none for want of a parameter or of a function, and what is said of results.

mod made;
mod requests;
mod tool;
mod values;
mod words;

use crate::english::listed;
use crate::item::{Item, assistant, user};
use crate::{Draw, Split};
use requests::{joined, spoken};
use serde_json::{Map, Value, json};
use smollm_verify::{Call, Check};
use tool::{AGENT, Arguments, CARD, TOOLS, Tool};

/// An exercise with one to four functions.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    let item = match draw.below(100) {
        0..8 if split == Split::Train => return known(draw),
        // what is learnt from is what is answered, and a prompt with functions is long: it pays to ask more than once
        8..60 if split == Split::Train => return conversation(draw),
        0..46 => one(draw, split),
        46..57 => several(draw, split),
        57..70 => parallel(draw, split),
        70..81 => missing(draw, split),
        81..92 => none(draw, split),
        _ => result(draw, split),
    };
    // some follow an exchange that is done
    if draw.chance(0.1) { after_another(draw, item, split) } else { item }
}

/// A tool of the split, of a table or made up.
///
/// What is held out is whole names. Nothing that is learnt has such a name, nor is a tool of a table whose own name is held out learnt
/// under another one.
fn tool(draw: &mut Draw, split: Split) -> Tool {
    loop {
        let tool = match draw.below(20) {
            0..7 => draw.pick(&TOOLS).clone(),
            7..12 => {
                let base = draw.pick(&TOOLS);
                if split == Split::Train && Tool::split(&base.name) == Split::HeldOut {
                    continue;
                }
                made::renamed(draw, base)
            }
            _ => made::made(draw),
        };
        if Tool::split(&tool.name) == split {
            return tool;
        }
    }
}

/// `least` to four tools in random order, with the places of `wanted` of them that requests are about. Some of the others are near: they
/// are about the same things.
fn offered(draw: &mut Draw, wanted: Vec<Tool>, split: Split) -> Vec<Tool> {
    let count = (wanted.len() + [0, 1, 2, 3][draw.below(4)]).min(4);
    let mut tools = wanted;
    let mut tries = 0;
    while tools.len() < count {
        let other = tool(draw, split);
        tries += 1;
        let near = tools.iter().any(|tool| tool.section == other.section);
        // looking for one that is near takes some tries; after them anything does that is not
        if is_other(&tools, &other) && (near == (tries < 20 && draw.chance(0.2))) {
            tools.push(other);
        }
    }
    draw.shuffle(&mut tools);
    tools
}

/// Does it neither have the name nor do the work of one of these?
fn is_other(tools: &[Tool], other: &Tool) -> bool {
    tools
        .iter()
        .all(|tool| tool.name != other.name && tool.about != other.about && tool.asks[0].text != other.asks[0].text)
}

fn definitions(draw: &mut Draw, tools: &[Tool]) -> Vec<Value> {
    let described = draw.chance(0.85);
    tools.iter().map(|tool| tool.definition(described)).collect()
}

/// The message of the assistant that makes these calls.
fn calling(calls: &[Call]) -> Value {
    let calls: Vec<Value> = calls
        .iter()
        .map(|call| json!({"type": "function", "function": {"name": call.name, "arguments": call.arguments}}))
        .collect();
    json!({"role": "assistant", "content": "", "tool_calls": calls})
}

fn exercise(tools: Vec<Value>, request: String, calls: Vec<Call>) -> Item {
    Item { messages: vec![user(request)], tools, answer: calling(&calls), check: Check::Calls { calls } }
}

/// A request that one call answers.
fn asked(draw: &mut Draw, tool: &Tool) -> (String, Arguments) {
    let arguments = tool.arguments(draw);
    let asks = tool.complete(false);
    let ask = *draw.pick(&asks);
    let text = tool.filled(&ask.text, &arguments);
    (if ask.question { requests::question(draw, &text) } else { spoken(draw, &text) }, arguments)
}

/// Two to six requests to the same two to four functions, of which the last is the exercise.
fn conversation(draw: &mut Draw) -> Item {
    let mut tools = vec![tool(draw, Split::Train)];
    let count = [2, 2, 3, 4][draw.below(4)];
    while tools.len() < count {
        let other = tool(draw, Split::Train);
        if is_other(&tools, &other) {
            tools.push(other);
        }
    }
    let definitions = definitions(draw, &tools);
    let mut turns: Vec<Item> = (0..draw.between(2, 6)).map(|_| turn(draw, &tools, &definitions)).collect();
    let mut item = turns.pop().unwrap_or_else(|| turn(draw, &tools, &definitions));
    let before: Vec<Value> =
        turns.into_iter().flat_map(|turn| turn.messages.into_iter().chain([turn.answer])).collect();
    item.messages.splice(0..0, before);
    item
}

/// An exercise with these functions, whatever it is that one can ask of them.
fn turn(draw: &mut Draw, tools: &[Tool], definitions: &[Value]) -> Item {
    let first = draw.pick(tools).clone();
    let definitions = definitions.to_vec();
    match draw.below(20) {
        0..2 if first.many.is_some() => {
            let (request, calls) = repeated(draw, &first);
            exercise(definitions, request, calls)
        }
        2..5 => {
            let both: Vec<Tool> = draw.sample(tools, 2).into_iter().cloned().collect();
            let (request, calls) = together(draw, &both);
            exercise(definitions, request, calls)
        }
        5..8 if !first.incomplete().is_empty() => {
            let (request, answer, check) = unsaid(draw, &first);
            Item { messages: vec![user(request)], tools: definitions, answer, check }
        }
        // what can be looked up on the web is almost anything
        8..10 if tools.iter().all(|tool| tool.section != "search") => {
            let outside = loop {
                let other = tool(draw, Split::Train);
                if other.section != "search" && tools.iter().all(|tool| tool.section != other.section) {
                    break other;
                }
            };
            let (request, _) = asked(draw, &outside);
            refused(definitions, request)
        }
        10 if first.result.is_some() => said_of_result(draw, first.clone(), definitions.clone())
            .unwrap_or_else(|| one_of(draw, &first, definitions)),
        _ => one_of(draw, &first, definitions),
    }
}

fn one_of(draw: &mut Draw, wanted: &Tool, definitions: Vec<Value>) -> Item {
    let (request, arguments) = asked(draw, wanted);
    exercise(definitions, request, vec![wanted.call(&arguments)])
}

fn one(draw: &mut Draw, split: Split) -> Item {
    let wanted = tool(draw, split);
    let (request, arguments) = asked(draw, &wanted);
    let call = wanted.call(&arguments);
    let tools = offered(draw, vec![wanted], split);
    exercise(definitions(draw, &tools), request, vec![call])
}

/// Two to four calls of one tool.
fn several(draw: &mut Draw, split: Split) -> Item {
    let wanted = loop {
        let tool = tool(draw, split);
        if tool.many.is_some() {
            break tool;
        }
    };
    let (request, calls) = repeated(draw, &wanted);
    let tools = offered(draw, vec![wanted], split);
    exercise(definitions(draw, &tools), request, calls)
}

fn repeated(draw: &mut Draw, wanted: &Tool) -> (String, Vec<Call>) {
    let count = [2, 2, 3, 3, 4][draw.below(5)];
    let mut arguments: Vec<Arguments> = Vec::new();
    for _ in 0..20 {
        let said = wanted.arguments(draw);
        if arguments.len() < count && !arguments.contains(&said) {
            arguments.push(said);
        }
    }
    let [before, part, behind] = wanted.many.clone().unwrap_or_default();
    let parts: Vec<String> = arguments.iter().map(|said| wanted.filled(&part, said)).collect();
    let request = spoken(draw, &format!("{before}{}{behind}", listed(&parts)));
    (request, arguments.iter().map(|said| wanted.call(said)).collect())
}

/// Calls of two tools, rarely of three.
fn parallel(draw: &mut Draw, split: Split) -> Item {
    let count = if draw.chance(0.15) { 3 } else { 2 };
    let mut wanted: Vec<Tool> = Vec::new();
    while wanted.len() < count {
        let other = tool(draw, split);
        if is_other(&wanted, &other) {
            wanted.push(other);
        }
    }
    let (request, calls) = together(draw, &wanted);
    let tools = offered(draw, wanted, split);
    exercise(definitions(draw, &tools), request, calls)
}

fn together(draw: &mut Draw, wanted: &[Tool]) -> (String, Vec<Call>) {
    let mut calls = Vec::new();
    let mut clauses = Vec::new();
    for tool in wanted {
        let arguments = tool.arguments(draw);
        let asks = tool.complete(true);
        clauses.push(tool.filled(&draw.pick(&asks).text, &arguments));
        calls.push(tool.call(&arguments));
    }
    (joined(draw, &clauses), calls)
}

/// The request does not say everything that is required.
fn missing(draw: &mut Draw, split: Split) -> Item {
    let wanted = loop {
        let tool = tool(draw, split);
        if !tool.incomplete().is_empty() {
            break tool;
        }
    };
    let (request, answer, check) = unsaid(draw, &wanted);
    let tools = offered(draw, vec![wanted], split);
    Item { messages: vec![user(request)], tools: definitions(draw, &tools), answer, check }
}

/// A request that lacks something, and the answer that says what.
fn unsaid(draw: &mut Draw, wanted: &Tool) -> (String, Value, Check) {
    let ask = (*draw.pick(&wanted.incomplete())).clone();
    let arguments = wanted.arguments(draw);
    let text = wanted.filled(&ask.text, &arguments);
    let request = if ask.question { requests::question(draw, &text) } else { spoken(draw, &text) };
    let names: Vec<String> = wanted.lacking(&ask).iter().map(|param| param.name.clone()).collect();
    let answer = match &names[..] {
        [one] => format!("The function {} needs the parameter {one}, which is missing.", wanted.name),
        more => format!("The function {} needs the parameters {}, which are missing.", wanted.name, listed(more)),
    };
    let mut checks = vec![Check::Calls { calls: Vec::new() }];
    checks.extend(names.into_iter().map(|name| Check::Mentions { any: vec![name], none: Vec::new() }));
    (request, assistant(answer), Check::All { checks })
}

/// What is said if no function fits.
const NONE_FITS: &str = "None of the functions can be used for that.";

/// A request that none of the functions can answer. Some offer what is near: another fact of the same thing.
fn none(draw: &mut Draw, split: Split) -> Item {
    let wanted = loop {
        let tool = tool(draw, split);
        // what can be looked up on the web is almost anything
        if tool.section != "search" {
            break tool;
        }
    };
    let (request, _) = asked(draw, &wanted);
    let is_made = !TOOLS.iter().any(|tool| tool.section == wanted.section);
    let near = is_made && draw.chance(0.3);
    let count = draw.between(1, 4) as usize;
    let mut tools: Vec<Tool> = Vec::new();
    let mut tries = 0;
    while tools.len() < count {
        let other = tool(draw, split);
        tries += 1;
        let fits = other.section != "search"
            && (other.section != wanted.section
                || (near && tries < 200 && is_other(std::slice::from_ref(&wanted), &other)));
        if fits
            && is_other(&tools, &other)
            && (!near || tries > 200 || !tools.is_empty() || other.section == wanted.section)
        {
            tools.push(other);
        }
    }
    draw.shuffle(&mut tools);
    let tools = definitions(draw, &tools);
    refused(tools, request)
}

fn refused(tools: Vec<Value>, request: String) -> Item {
    let said = Check::Mentions { any: vec!["none of the functions".to_owned()], none: Vec::new() };
    let checks = vec![Check::Calls { calls: Vec::new() }, said];
    Item { messages: vec![user(request)], tools, answer: assistant(NONE_FITS), check: Check::All { checks } }
}

/// The call is made and has given its result: an answer that says it.
fn result(draw: &mut Draw, split: Split) -> Item {
    let wanted = loop {
        let tool = tool(draw, split);
        if tool.result.is_some() {
            break tool;
        }
    };
    let tools = offered(draw, vec![wanted.clone()], split);
    let tools = definitions(draw, &tools);
    said_of_result(draw, wanted, tools).unwrap_or_else(|| one(draw, split))
}

fn said_of_result(draw: &mut Draw, wanted: Tool, tools: Vec<Value>) -> Option<Item> {
    let (request, arguments) = asked(draw, &wanted);
    let (given, answer, values) = wanted.outcome(draw, &arguments)?;
    let mut checks = vec![Check::Calls { calls: Vec::new() }];
    checks.extend(values.into_iter().map(|value| Check::Mentions { any: vec![value], none: Vec::new() }));
    let messages = vec![user(request), calling(&[wanted.call(&arguments)]), json!({"role": "tool", "content": given})];
    Some(Item { messages, tools, answer: assistant(answer), check: Check::All { checks } })
}

/// Tools that people will offer: those of SmolLM2's card and those of our own agent, alone or with others.
fn known(draw: &mut Draw) -> Item {
    let wanted = match draw.below(10) {
        0..5 => CARD.to_vec(),
        5..8 => AGENT[..3].to_vec(),
        _ => AGENT.clone(),
    };
    let tools = if wanted.len() == 2 && draw.chance(0.3) {
        offered(draw, wanted.clone(), Split::Train)
    } else {
        wanted.clone()
    };
    let definitions: Vec<Value> = tools.iter().map(|tool| tool.definition(true)).collect();
    let first = draw.pick(&wanted).clone();
    match draw.below(20) {
        0..9 => {
            let (request, arguments) = asked(draw, &first);
            exercise(definitions, request, vec![first.call(&arguments)])
        }
        9 | 10 if first.many.is_some() => {
            let (request, calls) = repeated(draw, &first);
            exercise(definitions, request, calls)
        }
        9..12 => {
            let both: Vec<Tool> = draw.sample(&wanted, 2).into_iter().cloned().collect();
            let (request, calls) = together(draw, &both);
            exercise(definitions, request, calls)
        }
        12 | 13 => {
            let outside = loop {
                let tool = tool(draw, Split::Train);
                if !NEAR_KNOWN.contains(&tool.section.as_str()) {
                    break tool;
                }
            };
            let (request, _) = asked(draw, &outside);
            refused(definitions, request)
        }
        14 | 15 if !first.incomplete().is_empty() => {
            let (request, answer, check) = unsaid(draw, &first);
            Item { messages: vec![user(request)], tools: definitions, answer, check }
        }
        16 | 17 if first.result.is_some() => {
            said_of_result(draw, first, definitions).unwrap_or_else(|| one(draw, Split::Train))
        }
        _ => {
            // the second request of a conversation, as in the card
            let (request, arguments) = asked(draw, &first);
            let second = draw.pick(&wanted).clone();
            let (next, others) = asked(draw, &second);
            let mut item = exercise(definitions, next, vec![second.call(&others)]);
            item.messages.splice(0..0, [user(request), calling(&[first.call(&arguments)])]);
            item
        }
    }
}

/// Sections of which the known tools could do some of the work.
const NEAR_KNOWN: [&str; 7] = ["search", "time", "random", "maths", "files", "money", "units"];

/// The exercise after a request that was answered by a call, with a tool that is offered too.
fn after_another(draw: &mut Draw, mut item: Item, split: Split) -> Item {
    let before = tool(draw, split);
    let taken =
        |tool: &Value| tool["function"]["name"] == *before.name || tool["function"]["description"] == *before.about;
    if item.tools.len() >= 4 || item.tools.iter().any(taken) {
        return item;
    }
    if let Check::All { .. } = &item.check {
        return item; // what none fits must not fit by chance
    }
    let (request, arguments) = asked(draw, &before);
    item.messages.splice(0..0, [user(request), calling(&[before.call(&arguments)])]);
    let at = draw.below(item.tools.len() + 1);
    item.tools.insert(at, before.definition(true));
    item
}

/// An answer with a wrong value, a wrong tool, a call too few, or a call where nothing should be called.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    match &item.check {
        Check::Calls { calls } => wrong(draw, calls.clone(), &item.tools),
        _ if item.messages.iter().any(|message| message["role"] == "tool") => {
            // calls again, rather than says what came
            let called = item.messages.iter().rev().find(|message| message.get("tool_calls").is_some())?;
            Some(called.clone())
        }
        _ => Some(calling(&[invented(draw.pick(&item.tools))?])),
    }
}

fn wrong(draw: &mut Draw, mut calls: Vec<Call>, tools: &[Value]) -> Option<Value> {
    let at = draw.below(calls.len());
    let others: Vec<&str> = tools
        .iter()
        .filter_map(|tool| tool["function"]["name"].as_str())
        .filter(|name| *name != calls[at].name)
        .collect();
    match draw.below(10) {
        0..5 if !calls[at].arguments.is_empty() => {
            let place = draw.below(calls[at].arguments.len());
            let value = calls[at].arguments.iter_mut().nth(place)?.1;
            *value = wrong_value(draw, value);
        }
        5..7 if calls.len() > 1 => {
            calls.remove(at);
        }
        5..9 if !others.is_empty() => calls[at].name = (*draw.pick(&others)).to_owned(),
        _ => return Some(assistant(NONE_FITS)),
    }
    Some(calling(&calls))
}

fn wrong_value(draw: &mut Draw, value: &Value) -> Value {
    match value {
        Value::Bool(value) => (!value).into(),
        Value::Number(number) if draw.chance(0.5) => number.to_string().into(), // of the wrong type
        Value::Number(number) => {
            number.as_i64().map_or(Value::from(1), |value| (value + *draw.pick(&[-1, 1, 10, 100])).into())
        }
        Value::String(text) => match text.rsplit_once(' ') {
            Some((start, _)) => start.into(),
            None => values::text_of("word", draw).filter(|word| word != text).unwrap_or_default().into(),
        },
        _ => Value::Null,
    }
}

/// A call with values that nobody gave.
fn invented(tool: &Value) -> Option<Call> {
    let function = &tool["function"];
    let mut arguments = Map::new();
    for (name, schema) in function["parameters"]["properties"].as_object()? {
        let value = match schema["type"].as_str()? {
            "integer" | "number" => 1.into(),
            "boolean" => true.into(),
            _ => schema["enum"].get(0).cloned().unwrap_or_else(|| "unknown".into()),
        };
        arguments.insert(name.clone(), value);
    }
    Some(Call { name: function["name"].as_str()?.to_owned(), arguments })
}

#[cfg(test)]
mod tests;
