//! Tools that need no network: the time, random numbers, a calculator, and the files of a folder.

mod calculator;
mod files;

pub use files::folder;

use super::tool::AgentTool;
use crate::error::Error;
use serde_json::{Value, json};
use smollm_engine::random_seed;
use smollm_tokenizer::template::local_time;

/// The time, random numbers (of a generator of its own, with this seed), and a calculator.
///
/// # Errors
/// None that can come up: the schemas are ours.
pub fn tools(seed: Option<u64>) -> Result<Vec<AgentTool<'static>>, Error> {
    let mut random = fastrand::Rng::with_seed(seed.unwrap_or_else(random_seed));
    Ok(vec![
        AgentTool::new("get_current_time", "Gets the current local date and time.", arguments(json!({}), &[]), |_| {
            Ok(local_time().strftime("%Y-%m-%d %H:%M:%S").to_string().into())
        })?,
        AgentTool::new(
            "get_random_number_between",
            "Gets a random whole number between min and max.",
            arguments(
                json!({
                    "min": { "type": "integer", "description": "The smallest number." },
                    "max": { "type": "integer", "description": "The largest number." },
                }),
                &["min", "max"],
            ),
            move |arguments| {
                let (min, max): (i64, i64) = (arguments.get("min")?, arguments.get("max")?);
                if min > max {
                    return Err(format!("min ({min}) is larger than max ({max})"));
                }
                Ok(random.i64(min..=max).into())
            },
        )?,
        AgentTool::new(
            "calculate",
            "Calculates the exact value of an expression of numbers, + - * / ^, % (the remainder) and parentheses.",
            arguments(
                json!({ "expression": { "type": "string", "description": "As in (1 + 2) * 3 / 4 or 2^10." } }),
                &["expression"],
            ),
            |arguments| calculator::value(&arguments.get::<String>("expression")?).map(Value::from),
        )?,
    ])
}

/// The schema of arguments with these properties.
fn arguments(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

#[cfg(test)]
mod tests;
