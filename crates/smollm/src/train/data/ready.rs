//! Whether a data set that somebody made goes with a recipe.

use super::Text;
use crate::train::recipe::{Documents, Kind, Recipe, Source, default_max_tokens};
use serde_json::{Map, Value, json};
use smollm_corpus::prepare::template_hash;

/// What the recipe says of how tokens are made, beside how these were made. A key that the recipe leaves at its default asks for nothing: a
/// data set that was cut elsewhere is no fault. `on_lost` asks for nothing either, for what is lost was decided when the tokens were made.
///
/// # Errors
/// What differs.
pub(super) fn goes_with(
    made_with: &Map<String, Value>,
    recipe: &Recipe,
    source: &Source,
    text: &Text<'_>,
) -> Result<(), String> {
    let data = &recipe.data;
    for (key, is_given) in [
        ("text_column", source.text_column.is_some()),
        ("documents", source.documents == Documents::Lines),
        ("separator", matches!(source.documents, Documents::Separator(_))),
    ] {
        if is_given {
            return Err(format!("is a data set, of which `{key}` can say nothing any more; it is for files"));
        }
    }
    let made = |key: &str| made_with.get(key);
    if made("tokenizer").and_then(Value::as_str).is_some_and(|hash| hash != text.hash) {
        return Err("was made with another tokenizer; make it anew with that of the recipe".into());
    }
    if let Some(loss) = made("loss").and_then(Value::as_str).filter(|_| recipe.kind != Kind::Dpo)
        && loss != data.loss.name()
    {
        return Err(format!("was made with --loss {loss}, but `data.loss` is `{}`", data.loss.name()));
    }
    let template = text.template.filter(|_| recipe.template.is_some()).map(template_hash);
    if let (Some(template), Some(hash)) = (template, made("template"))
        && *hash != json!(template)
    {
        return Err("was made with another template than the recipe's `template`; make it anew with that".into());
    }
    if let Some(end) = made("end_token").filter(|end| !data.end_token && !end.is_null()) {
        return Err(format!("was made with the end token {end}, but `data.end_token` is `false`"));
    }
    let default = default_max_tokens(recipe.kind, data.packing, u64::from(data.sequence_length));
    for (key, given, wanted) in [
        ("max_tokens", data.max_tokens != default, json!(data.max_tokens)),
        ("max_prompt", data.max_prompt.is_some(), json!(data.max_prompt)),
        ("parse_special", !data.parse_special, json!(data.parse_special)),
        ("variables", !data.variables.is_empty(), json!(data.variables)),
    ] {
        if let Some(was) = made(key).filter(|was| given && **was != wanted) {
            let none = |value: &Value| if value.is_null() { "none".to_owned() } else { value.to_string() };
            return Err(format!("was made with {key} {}, but `data.{key}` is `{}`", none(was), none(&wanted)));
        }
    }
    Ok(())
}
