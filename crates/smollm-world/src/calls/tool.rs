//! Tools: what is offered, how it is asked for, and how tables write them.

use super::values::{Kind, Said};
use crate::{Draw, Split};
use serde_json::{Map, Value, json};
use smollm_verify::Call;
use std::sync::LazyLock;

/// A function that may be offered, with ways to ask for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tool {
    /// What it is about; no other tool of another section could do its work.
    pub(super) section: String,
    /// What a call names.
    pub(super) name: String,
    /// Its description.
    pub(super) about: String,
    /// All of them required.
    pub(super) params: Vec<Param>,
    /// Requests, some of which lack an argument.
    pub(super) asks: Vec<Ask>,
    /// A request for several calls: what comes before, the part that is repeated, and what comes behind.
    pub(super) many: Option<[String; 3]>,
    /// What it gives back as JSON, and the sentence that says so; `<x:kind>` and `<x>` are values in both.
    pub(super) result: Option<[String; 2]>,
    /// `return` of the definition, as transformers' schemas have it.
    pub(super) returns: Option<Value>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Param {
    /// How requests mark its place.
    pub(super) key: String,
    /// What a call names.
    pub(super) name: String,
    /// Its description.
    pub(super) about: String,
    /// What it may be.
    pub(super) kind: Kind,
}

/// A way to ask for a call; `{key}` stands for an argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ask {
    /// "tell me the time", or "What is the time?"
    pub(super) text: String,
    /// Whether it is a sentence with a question mark.
    pub(super) question: bool,
}

/// The arguments of a call in the order of the parameters.
pub(super) type Arguments = Vec<Said>;

impl Tool {
    /// Where a name belongs.
    pub(super) fn split(name: &str) -> Split {
        Split::of_text(&format!("function {name}"))
    }

    /// The definition in OpenAI's form. Without `described` the parameters have no descriptions.
    pub(super) fn definition(&self, described: bool) -> Value {
        let properties: Map<String, Value> = self
            .params
            .iter()
            .map(|param| {
                let mut schema = param.kind.schema();
                if described {
                    schema["description"] = param.about.clone().into();
                }
                (param.name.clone(), schema)
            })
            .collect();
        let required: Vec<&String> = properties.keys().collect();
        let mut parameters = json!({"type": "object", "properties": properties});
        if !self.params.is_empty() {
            parameters["required"] = json!(required);
        }
        let mut function = json!({"name": self.name, "description": self.about, "parameters": parameters});
        if let Some(returns) = &self.returns {
            function["return"] = returns.clone();
        }
        json!({"type": "function", "function": function})
    }

    /// Values for all parameters.
    pub(super) fn arguments(&self, draw: &mut Draw) -> Arguments {
        let mut said: Arguments = Vec::new();
        for param in &self.params {
            said.push(param.kind.draw(draw, &said));
        }
        said
    }

    /// The call with these values.
    pub(super) fn call(&self, said: &[Said]) -> Call {
        let arguments = self.params.iter().zip(said).map(|(param, said)| (param.name.clone(), said.json.clone()));
        Call { name: self.name.clone(), arguments: arguments.collect() }
    }

    /// A text with these values in their places.
    pub(super) fn filled(&self, text: &str, said: &[Said]) -> String {
        let mut text = text.to_owned();
        for (param, said) in self.params.iter().zip(said) {
            text = text.replace(&format!("{{{}}}", param.key), &said.shown);
        }
        text
    }

    /// The parameters whose value the request does not say.
    pub(super) fn lacking(&self, ask: &Ask) -> Vec<&Param> {
        self.params.iter().filter(|param| !ask.text.contains(&format!("{{{}}}", param.key))).collect()
    }

    /// The requests that say everything; with `clauses` only those that can be joined to others.
    pub(super) fn complete(&self, clauses: bool) -> Vec<&Ask> {
        let wanted = |ask: &&Ask| self.lacking(ask).is_empty() && !(clauses && ask.question);
        self.asks.iter().filter(wanted).collect()
    }

    /// The requests that lack something.
    pub(super) fn incomplete(&self) -> Vec<&Ask> {
        self.asks.iter().filter(|ask| !self.lacking(ask).is_empty()).collect()
    }

    /// What the tool gave back, the sentence that says so, and the values in it.
    pub(super) fn outcome(&self, draw: &mut Draw, said: &[Said]) -> Option<(String, String, Vec<String>)> {
        let [mut given, mut answer] = self.result.clone()?;
        let mut values = Vec::new();
        while let Some((start, end)) = given.find('<').zip(given.find('>')) {
            let place = given[start..=end].to_owned();
            let (key, kind) = place[1..place.len() - 1].split_once(':')?;
            let value = match kind {
                "value" => said.iter().find_map(|said| said.value)?.to_string(),
                kind => Kind::of(kind)?.draw(draw, &[]).shown,
            };
            given = given.replace(&place, &value);
            answer = answer.replace(&format!("<{key}>"), &value);
            values.push(value);
        }
        Some((given, self.filled(&answer, said), values))
    }
}

/// All tools of the tables.
pub(super) static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let tables = [include_str!("tools/home.txt"), include_str!("tools/office.txt"), include_str!("tools/world.txt")];
    tables
        .iter()
        .flat_map(|table| parse(table).unwrap_or_else(|line| panic!("not a line of a table: {line}")))
        .collect()
});

/// The two tools of SmolLM2's card, as transformers' `get_json_schema` describes them.
pub(super) static CARD: LazyLock<[Tool; 2]> = LazyLock::new(|| {
    let mut tools =
        parse(include_str!("tools/card.txt")).unwrap_or_else(|line| panic!("not a line of a table: {line}"));
    tools[0].returns = Some(json!({"type": "integer", "description": "A random number between min and max."}));
    tools[1].returns = Some(json!({"type": "string", "description": "str: Current time in HH:MM:SS format."}));
    [tools.remove(0), tools.remove(0)]
});

/// The tools that our own agent has without network: time, random numbers, a calculator, and three for the files of a folder.
pub(super) static AGENT: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    parse(include_str!("tools/agent.txt")).unwrap_or_else(|line| panic!("not a line of a table: {line}"))
});

/// Reads a table: `# section`, `@ name | description`, two spaces and `key kind description`, `- clause`, `? question`,
/// `* before|repeated|behind`, `> result > sentence`.
fn parse(table: &str) -> Result<Vec<Tool>, String> {
    let mut section = String::new();
    let mut tools: Vec<Tool> = Vec::new();
    for line in table.lines() {
        let wrong = || line.to_owned();
        let (mark, rest) = line.split_at_checked(2).ok_or_else(wrong)?;
        if mark == "# " {
            section = rest.to_owned();
            continue;
        }
        if mark == "@ " {
            let (name, about) = rest.split_once(" | ").ok_or_else(wrong)?;
            tools.push(Tool {
                section: section.clone(),
                name: name.to_owned(),
                about: about.to_owned(),
                params: Vec::new(),
                asks: Vec::new(),
                many: None,
                result: None,
                returns: None,
            });
            continue;
        }
        let tool = tools.last_mut().ok_or_else(wrong)?;
        match mark {
            "  " => {
                let [key, kind, about] = &rest.splitn(3, ' ').collect::<Vec<_>>()[..] else { return Err(wrong()) };
                let kind = Kind::of(kind).ok_or_else(wrong)?;
                tool.params.push(Param { key: (*key).into(), name: (*key).into(), about: (*about).into(), kind });
            }
            "- " => tool.asks.push(Ask { text: rest.to_owned(), question: false }),
            "? " => tool.asks.push(Ask { text: rest.to_owned(), question: true }),
            "* " => {
                let (before, part) = rest.split_once('|').ok_or_else(wrong)?;
                let (part, behind) = part.split_once('|').unwrap_or((part, ""));
                tool.many = Some([before, part, behind].map(str::to_owned));
            }
            "> " => {
                let (given, answer) = rest.split_once(" > ").ok_or_else(wrong)?;
                tool.result = Some([given, answer].map(str::to_owned));
            }
            _ => return Err(wrong()),
        }
    }
    Ok(tools)
}
