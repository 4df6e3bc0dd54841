//! `smollm tools schema`.

use crate::world::World;
use serde_json::{Value, json};

const PYTHON: &str = r#"
def now() -> str:
    """Tells the time."""

def add(a: int, b: int = 0):
    """
    Adds.

    Args:
        a: One number.
        b: Another (choices: [0, 1]).
    """
"#;

#[test]
fn python_and_json_become_the_tools_of_a_request() {
    let world = World::new();
    world.write("tools.py", PYTHON);
    world.write("tools.json", r#"{"name": "a.b", "parameters": {"type": "dict", "properties": {}}}"#);
    let printed = world.run(&["tools", "schema", "tools.py"]).text();
    let now = json!({"type": "function", "function": {
        "name": "now", "description": "Tells the time.", "parameters": {"type": "object", "properties": {}}, "return": {"type": "string"},
    }});
    let add = json!({"type": "function", "function": {
        "name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {
            "a": {"type": "integer", "description": "One number."},
            "b": {"type": "integer", "description": "Another (choices: [0, 1])."},
        }, "required": ["a"]},
    }});
    assert_eq!(printed, serde_json::to_string_pretty(&[&now, &add]).unwrap() + "\n");
    let of = |input: &str, arguments: &[&str]| -> Value {
        let text = world.run_on(input, &[&["tools", "schema"], arguments].concat()).text();
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(of(PYTHON, &["--function", "add"]), json!([add]));
    assert_eq!(of("", &["tools.py", "--function", "add", "--function", "now"]), json!([add, now]));
    // what it prints it reads
    assert_eq!(of(&printed, &["-"]), json!([now, add]));
    assert_eq!(of(&printed, &["--function", "now"]), json!([now]));
    let done = world.run(&["tools", "schema", "tools.json"]);
    assert_eq!(done.err, "note: name: a.b is called a_b\n");
    assert!(done.text().contains("\"type\": \"object\""));
    assert_eq!(world.run(&["tools", "schema", "tools.json", "--quiet"]).err, "");
}

#[test]
fn what_is_wrong_is_one_line_that_names_the_file() {
    let world = World::new();
    world.write("a.py", "def f(x): 'Does it.'\n");
    world.write("b.py", "def f(:\n");
    world.write("c.txt", "[3]");
    let error = |arguments: &[&str]| world.run(&[&["tools", "schema"], arguments].concat()).error(1).to_owned();
    assert_eq!(error(&["a.py"]), "error: a.py: function f: the argument `x` has no type hint");
    assert_eq!(error(&["a.py", "--function", "g"]), "error: a.py: there is no function g; there are f");
    assert!(error(&["b.py"]).starts_with("error: b.py: line 1, column 7: "), "{}", error(&["b.py"]));
    assert_eq!(error(&["c.txt"]), "error: c.txt: [0]: is no tool: it must be an object, or a list of such");
    assert!(error(&["none.py"]).starts_with("error: none.py: "));
    assert_eq!(
        world.run_on("x = 1", &["tools", "schema"]).error(1).split_once(": there").unwrap().0,
        "error: standard input"
    );
}
