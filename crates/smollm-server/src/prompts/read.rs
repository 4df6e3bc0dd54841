//! Prompts from JSON. By hand: what serde calls untagged is read twice, and the first reading forgets the places of unknown fields.

use super::{Element, PromptObject, PromptPiece, Prompts};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use std::fmt::{Formatter, Result as Written};

struct AnyPrompts;
struct AnyElement;

impl<'de> Deserialize<'de> for Prompts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyPrompts)
    }
}

impl<'de> Visitor<'de> for AnyPrompts {
    type Value = Prompts;

    fn expecting(&self, f: &mut Formatter<'_>) -> Written {
        f.write_str(
            "a string, a list of strings, a list of token ids, a list of such lists, or an object with prompt_string",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Prompts, E> {
        Ok(Prompts::Text(text.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, keys: A) -> Result<Prompts, A::Error> {
        PromptObject::deserialize(MapAccessDeserializer::new(keys)).map(Prompts::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Prompts, A::Error> {
        Ok(
            match ids_or(
                list,
                |element| if let Element::Id(id) = element { Ok(id) } else { Err(element) },
                Element::Id,
            )? {
                Ok(ids) => Prompts::Ids(ids),
                Err(list) => Prompts::List(list),
            },
        )
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyElement)
    }
}

impl<'de> Visitor<'de> for AnyElement {
    type Value = Element;

    fn expecting(&self, f: &mut Formatter<'_>) -> Written {
        f.write_str("a string, a token id, a list of both, or an object with prompt_string")
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<Element, E> {
        let id = u32::try_from(id).map_err(|_| E::invalid_value(Unexpected::Unsigned(id), &self))?;
        Ok(Element::Id(id))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Element, E> {
        Ok(Element::Text(text.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, keys: A) -> Result<Element, A::Error> {
        PromptObject::deserialize(MapAccessDeserializer::new(keys)).map(Element::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Element, A::Error> {
        Ok(
            match ids_or(
                list,
                |piece| if let PromptPiece::Id(id) = piece { Ok(id) } else { Err(piece) },
                PromptPiece::Id,
            )? {
                Ok(ids) => Element::Ids(ids),
                Err(list) => Element::Mixed(list),
            },
        )
    }
}

/// A list of ids as such, for the sake of long prompts; else as a list of what its elements are.
fn ids_or<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    mut list: A,
    id: fn(T) -> Result<u32, T>,
    element: fn(u32) -> T,
) -> Result<Result<Vec<u32>, Vec<T>>, A::Error> {
    let mut ids = Vec::new();
    while let Some(next) = list.next_element()? {
        match id(next) {
            Ok(id) => ids.push(id),
            Err(other) => {
                let mut elements: Vec<T> = ids.into_iter().map(element).collect();
                elements.push(other);
                while let Some(next) = list.next_element()? {
                    elements.push(next);
                }
                return Ok(Err(elements));
            }
        }
    }
    Ok(Ok(ids))
}
