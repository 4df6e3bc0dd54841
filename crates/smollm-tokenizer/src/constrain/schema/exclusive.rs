//! Whether two schemas can hold for one value: branches of `oneOf` that exclude each other are alternatives like any others.

use serde_json::{Map, Value};

use super::{TYPES, unescaped};

/// References that are followed from one schema to the next.
const MOST_STEPS: usize = 8;
/// The bits of all types.
const ALL: u32 = (1 << TYPES.len()) - 1;

/// Whether no value is valid under both `a` and `b`, as far as that can be told: they allow different types or values, or objects of which
/// one must have a property whose values differ.
pub(super) fn exclude_each_other(root: &Value, a: &Value, b: &Value) -> bool {
    let (a, b) = (Conditions::of(root, a), Conditions::of(root, b));
    let both = a.types() & b.types();
    if both == 0 || disjoint(a.values(), b.values()) {
        return true;
    }
    let (Some(of_a), Some(of_b)) = (a.properties(), b.properties()) else { return false };
    let values = |schema| Conditions::of(root, schema).values();
    both == bit("object")
        && of_a.iter().any(|(name, in_a)| {
            (a.requires(name) || b.requires(name))
                && of_b.get(name).is_some_and(|in_b| disjoint(values(in_a), values(in_b)))
        })
}

/// The property that would tell these schemas of objects apart if each required it: all have it, each with other values. None where one
/// of them is referred to from elsewhere, too, and would require it there as well.
pub(super) fn tag<'a>(root: &'a Value, branches: &'a [Value]) -> Option<&'a str> {
    if branches.iter().any(|branch| is_shared(root, branch)) {
        return None;
    }
    let branches: Vec<_> = branches.iter().map(|branch| Conditions::of(root, branch)).collect();
    let objects: Option<Vec<_>> =
        branches.iter().map(|branch| branch.properties().filter(|_| branch.types() == bit("object"))).collect();
    let objects = objects?;
    let values = |object: &'a Map<String, Value>, name: &str| Conditions::of(root, object.get(name)?).values();
    let tells_apart = |name: &&'a String| {
        let values: Vec<_> = objects.iter().map(|object| values(object, name)).collect();
        values.iter().enumerate().all(|(i, a)| values[..i].iter().all(|b| disjoint(*a, *b)))
    };
    objects.first()?.keys().find(tells_apart).map(String::as_str)
}

/// Whether a schema that this one leads to is referred to more than once.
fn is_shared(root: &Value, schema: &Value) -> bool {
    let mut schema = schema;
    for _ in 0..MOST_STEPS {
        let Some(pointer) = pointer_of(schema) else { return false };
        let Some(target) = root.pointer(&pointer).filter(|_| references_to(root, &pointer) == 1) else { return true };
        schema = target;
    }
    true
}

/// Where a reference leads.
fn pointer_of(schema: &Value) -> Option<String> {
    unescaped(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// How often anything refers there.
fn references_to(value: &Value, pointer: &str) -> usize {
    let own = usize::from(pointer_of(value).is_some_and(|own| own == pointer));
    own + match value {
        Value::Array(list) => list.iter().map(|part| references_to(part, pointer)).sum(),
        Value::Object(members) => members.values().map(|part| references_to(part, pointer)).sum(),
        _ => 0,
    }
}

/// Makes the schema at this place, or the one that it refers to, require the property `name`.
pub(super) fn require(root: &mut Value, place: &str, name: &str) {
    let mut place = place.to_owned();
    for _ in 0..MOST_STEPS {
        let reference = root.pointer(&place).and_then(|schema| schema.get("$ref")?.as_str()?.strip_prefix('#'));
        match reference {
            Some(next) => place = next.to_owned(),
            None => break,
        }
    }
    let Some(Value::Object(schema)) = root.pointer_mut(&place) else { return };
    if let Value::Array(names) = schema.entry("required").or_insert_with(|| Value::Array(Vec::new()))
        && !names.iter().any(|required| required == name)
    {
        names.push(name.into());
    }
}

/// What a schema asks for by itself, or the one that it refers to.
struct Conditions<'a>(Option<&'a Map<String, Value>>);

impl<'a> Conditions<'a> {
    /// What stands beside a reference is left aside: in old drafts it does not count.
    fn of(root: &'a Value, schema: &'a Value) -> Self {
        let mut schema = schema;
        for _ in 0..MOST_STEPS {
            let Some(reference) = schema.get("$ref") else { return Self(schema.as_object()) };
            let pointer = reference.as_str().and_then(|name| unescaped(name.strip_prefix('#')?));
            match pointer.and_then(|pointer| root.pointer(&pointer)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        Self(None)
    }

    /// The types that are allowed, as bits of their places; `integer` is a part of `number`.
    fn types(&self) -> u32 {
        let of_type = match self.0.and_then(|schema| schema.get("type")) {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).fold(0, |all, name| all | bit(name)),
            Some(Value::String(name)) => bit(name),
            _ => ALL,
        };
        let of_values =
            self.values().map_or(ALL, |values| values.iter().fold(0, |all, value| all | bit(type_of(value))));
        of_type & of_values
    }

    /// The values that are allowed, if they are told one by one.
    fn values(&self) -> Option<&'a [Value]> {
        match self.0?.get("const") {
            Some(value) => Some(std::slice::from_ref(value)),
            None => self.0?.get("enum")?.as_array().map(Vec::as_slice),
        }
    }

    fn requires(&self, name: &str) -> bool {
        let names = self.0.and_then(|schema| schema.get("required")?.as_array());
        names.into_iter().flatten().any(|required| required == name)
    }

    fn properties(&self) -> Option<&'a Map<String, Value>> {
        self.0?.get("properties")?.as_object()
    }
}

/// Whether both are told, and nothing is in both.
fn disjoint(a: Option<&[Value]>, b: Option<&[Value]>) -> bool {
    let same = |a: &Value, b: &Value| a == b || (a.is_number() && a.as_f64() == b.as_f64());
    // inside of lists and objects 1 and 1.0 are the same, too
    let plain = |values: &[Value]| values.iter().all(|value| !value.is_array() && !value.is_object());
    match (a, b) {
        (Some(a), Some(b)) => plain(a) && plain(b) && a.iter().all(|a| b.iter().all(|b| !same(a, b))),
        _ => false,
    }
}

fn bit(name: &str) -> u32 {
    let name = if name == "integer" { "number" } else { name };
    TYPES.iter().position(|known| *known == name).map_or(0, |place| 1 << place)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tag_that_has_a_default_tells_schemas_apart_once_it_is_required() {
        let kind = |kind: &str| json!({"type": "object", "properties": {"name": {}, "kind": {"const": kind, "default": kind}}});
        let mut root = json!({"$defs": {"cat": kind("cat"), "dog": {"$ref": "#/$defs/hound"}, "hound": kind("dog")},
            "anyOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}]});
        let to = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
        let dog = to("dog");
        assert_eq!(tag(&root, &[to("cat"), dog.clone(), kind("cow")]), Some("kind"));
        assert_eq!(tag(&root, &[to("cat"), dog.clone(), kind("cat")]), None);
        assert_eq!(tag(&root, &[to("cat"), json!({"properties": {"kind": {"const": "cow"}}})]), None, "or a number");
        let mut made = json!({"anyOf": [to("cat"), dog], "$defs": root["$defs"]});
        require(&mut made, "/anyOf/1", "kind");
        require(&mut made, "/anyOf/1", "kind");
        assert_eq!(made["$defs"]["hound"]["required"], json!(["kind"]));
        root["not"] = to("hound");
        assert_eq!(tag(&root, &[to("cat"), to("dog")]), None, "it would be required elsewhere, too");
    }

    #[test]
    fn types_values_and_tags_tell_schemas_apart() {
        let root = json!({"$defs": {
            "cat": {"type": "object", "properties": {"kind": {"const": "cat"}}, "required": ["kind"]},
            "dog": {"type": "object", "properties": {"kind": {"$ref": "#/$defs/dogs"}}, "required": ["kind"]},
            "dogs": {"enum": ["dog", "puppy"]},
            "loop": {"$ref": "#/$defs/loop"},
        }});
        let to = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
        let open = json!({"properties": {"kind": {"const": "cat"}}, "required": ["kind"]});
        let untagged = json!({"type": "object", "properties": {"kind": {"const": "cow"}}});
        for (a, b, apart) in [
            (json!({"type": "string"}), json!({"type": ["null", "number"]}), true),
            (json!({"type": "integer"}), json!({"type": "number"}), false),
            (json!({"const": "a"}), json!({"enum": ["b", 1]}), true),
            (json!({"const": 1}), json!({"enum": ["b", 1.0]}), false),
            (json!({"const": [1]}), json!({"const": [1.0]}), false),
            (json!({"const": "a"}), json!({"type": "number"}), true),
            (to("cat"), to("dog"), true),
            (to("cat"), to("cat"), false),
            (to("cat"), untagged.clone(), true),
            (untagged, json!({"type": "object", "properties": {"kind": {"const": "ox"}}}), false),
            // a number has no properties, and is valid under both
            (open, json!({"properties": {"kind": {"const": "dog"}}, "required": ["kind"]}), false),
            (to("loop"), to("cat"), false),
            (json!(true), json!({"type": "null"}), false),
        ] {
            assert_eq!(exclude_each_other(&root, &a, &b), apart, "{a} {b}");
            assert_eq!(exclude_each_other(&root, &b, &a), apart, "{b} {a}");
        }
    }
}
