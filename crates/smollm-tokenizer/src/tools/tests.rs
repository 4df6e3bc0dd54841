//! Tools, their prompt, and calls in any text.

use super::prompt::{BEFORE, BEHIND};
use super::*;
use crate::template::{ChatTemplate, RenderOptions, TemplateError};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn call(name: &str, arguments: &str) -> Call {
    Call { name: name.into(), arguments: arguments.into() }
}

fn time() -> Tool {
    Tool::new(&json!({"type": "function", "function": {
        "name": "get_current_time", "description": "Gets the current time.", "strict": true,
        "parameters": {"type": "object", "properties": {}}, "return": {"type": "string", "description": "Zeit, wörtlich"}
    }}))
    .unwrap()
}

#[test]
fn the_prompt_is_that_of_the_card() {
    let card = format!("{BEFORE}{{{{ tools }}}}{BEHIND}");
    let digest: String = Sha256::digest(&card).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((card.len(), card.lines().count()), (832, 14));
    assert_eq!(digest, "f003ca80327da7fd5f919170255aa830ea6a32de035c940abf9178791cda9598");
    assert!(system_prompt(&[]).unwrap().contains("<tools>[]</tools>"));
    let shown = "<tools>[{\"type\": \"function\", \"function\": {\"name\": \"get_current_time\", \"description\": \"Gets the current \
                 time.\", \"parameters\": {\"type\": \"object\", \"properties\": {}}, \"return\": {\"type\": \"string\", \
                 \"description\": \"Zeit, w\\u00f6rtlich\"}}}]</tools>";
    assert!(system_prompt(&[time()]).unwrap().contains(shown));
}

#[test]
fn calls_are_found_as_the_card_finds_them() {
    let number = call("get_random_number_between", r#"{"min": 1, "max": 300}"#);
    let clock = call("get_current_time", "{}");
    let cases: [(&str, Option<&[&Call]>); 20] = [
        (
            r#"<tool_call>[{"name": "get_random_number_between", "arguments": {"min": 1, "max": 300}}]</tool_call>"#,
            Some(&[&number]),
        ),
        (
            "<tool_call>[\n{\"name\": \"get_current_time\", \"arguments\": {}},\n{\"name\": \"get_random_number_between\", \"arguments\": {\"min\": 1, \"max\": 300}}\n]</tool_call>",
            Some(&[&clock, &number]),
        ),
        ("The query cannot be answered.<tool_call>[]</tool_call>", Some(&[])),
        // the first of two lists, whatever the second says
        (
            r#"<tool_call>[{"name": "get_current_time"}]</tool_call><tool_call>[{"name": "f"}]</tool_call>"#,
            Some(&[&clock]),
        ),
        (
            "a<tool_call>\n{\"name\": \"get_current_time\", \"arguments\": {}}\n</tool_call>\n<tool_call>{\"name\": \"get_random_number_between\", \"arguments\": {\"min\": 1, \"max\": 300}}</tool_call> b",
            Some(&[&clock, &number]),
        ),
        // the closing tag is missing
        (r#"<tool_call>[{"name": "get_current_time", "arguments": {}}]"#, Some(&[&clock])),
        (r#"<tool_call>{"name": "get_current_time", "arguments": {}}"#, Some(&[&clock])),
        // keys in another order, and further ones
        (r#"<tool_call>[{"arguments": {}, "id": 7, "name": "get_current_time"}]</tool_call>"#, Some(&[&clock])),
        ("plain text", None),
        ("", None),
        ("<tool_call>", None),
        ("<tool_call></tool_call>", None),
        (r#"<tool_call>["get_current_time", {}]</tool_call>"#, None),
        (r#"<tool_call>["get_current_time"]</tool_call>"#, None),
        (r#"<tool_call>[{"name": "get_current_time", "arguments": [1, 2]}]</tool_call>"#, None),
        (r#"<tool_call>[{"name": 3, "arguments": {}}]</tool_call>"#, None),
        (r#"<tool_call>[{"name": "get_current_time", "arguments": {}]</tool_call>"#, None),
        ("<tool_call>[{'name': 'get_current_time', 'arguments': {}}]</tool_call>", None),
        (r#"</tool_call>[{"name": "get_current_time", "arguments": {}}]<tool_call>"#, None),
        (r#"<tool_call>7</tool_call><tool_call>[{"name": "get_current_time"}]</tool_call>"#, None),
    ];
    for (text, expected) in cases {
        let expected = expected.map(|calls| calls.iter().map(|call| (*call).clone()).collect::<Vec<_>>());
        assert_eq!(calls_in(text), expected, "{text}");
        let (said, calls) = read(CallReader::free(), &[text]);
        assert_eq!(calls, expected.clone().unwrap_or_default(), "{text}");
        match expected {
            Some(_) => assert!(text.starts_with(&said) && !said.contains(OPEN), "{text}: {said}"),
            None => assert_eq!(said, text),
        }
    }
}

/// Text and calls of pieces.
fn read(mut reader: CallReader, pieces: &[&str]) -> (String, Vec<Call>) {
    let mut said: Vec<Said> = pieces.iter().flat_map(|piece| reader.push(piece)).collect();
    said.extend(reader.finish());
    let (mut text, mut calls) = (String::new(), Vec::<Call>::new());
    for said in said {
        match said {
            Said::Text(more) => text.push_str(&more),
            Said::Call(name) => calls.push(call(&name, "")),
            Said::Arguments(more) => calls.last_mut().expect("arguments belong to a call").arguments.push_str(&more),
        }
    }
    assert_eq!(reader.called(), !calls.is_empty());
    (text, calls)
}

/// A text letter by letter.
fn letters(text: &str) -> Vec<&str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect()
}

#[test]
fn what_a_form_writes_is_read_again_however_it_is_cut() {
    let calls = [
        call("f", r#"{"a": "}\"]</tool_call> {", "b": {"c": [{}, {"ü\\": 1}]}}"#),
        call("g", "{}"),
        call("h.\u{e9}", r#"{"x": []}"#),
    ];
    let tame = [call("f", r#"{"a": "}\"] {", "b": {"c": [{}, {"ü\\": 1}]}}"#), call("g", "{}")];
    for form in [CallForm::List, CallForm::Blocks] {
        for (reader, calls) in [(CallReader::bound(), &calls[..]), (CallReader::free(), &tame[..])] {
            let text = format!("Let me see. \n{}", form.written(calls));
            for at in (0..=text.len()).filter(|&at| text.is_char_boundary(at)) {
                let expected = ("Let me see.".to_owned(), calls.to_vec());
                assert_eq!(read(reader.clone(), &[&text[..at], &text[at..]]), expected, "{form:?} {at}");
            }
            assert_eq!(read(reader, &letters(&text)), ("Let me see.".to_owned(), calls.to_vec()));
        }
    }
    assert_eq!(read(CallReader::bound(), &["No. <tool_call>[]</tool_call>"]), ("No.".to_owned(), Vec::new()));
}

#[test]
fn a_bound_call_is_told_before_it_ends() {
    let mut reader = CallReader::bound();
    assert_eq!(reader.push("<tool_call>[{\"name\": \"f\", \"argum"), []);
    assert_eq!(reader.push("ents\": {\"a\""), [Said::Call("f".into()), Said::Arguments("{\"a\"".into())]);
    assert_eq!(reader.push(": 1"), [Said::Arguments(": 1".into())]);
    assert_eq!(reader.push("}}]</tool"), [Said::Arguments("}".into())]);
    assert_eq!(reader.push("_call>"), []);
    assert_eq!(reader.finish(), []);
}

#[test]
fn tools_are_checked_and_their_parameters_made_explicit() {
    let named = |more: Value| {
        let mut function = json!({"name": "f"});
        more.as_object().unwrap().iter().for_each(|(key, value)| function[key] = value.clone());
        json!({"type": "function", "function": function})
    };
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    assert_eq!(Tool::new(&named(json!({}))).unwrap().parameters(), &closed);
    assert_eq!(Tool::new(&named(json!({"parameters": null}))).unwrap().parameters(), &closed);
    let open = json!({"properties": {"a": {}}, "additionalProperties": true, "type": "object"});
    assert_eq!(Tool::new(&named(json!({"parameters": open}))).unwrap().parameters(), &open);
    let bare = json!({"name": "f", "type": "function", "parameters": {}});
    assert_eq!(
        Tool::new(&bare).unwrap().shown(),
        &json!({"type": "function", "function": {"name": "f", "parameters": {}}})
    );
    assert_eq!(Tool::of("f", "d", json!({})).unwrap().shown()["function"]["description"], "d");
    let cases = [
        (json!(7), ""),
        (json!({"type": "web_search"}), "type"),
        (json!({"type": "function"}), "function"),
        (json!({"type": "function", "function": 7}), "function"),
        (json!({"type": "function", "function": {}}), "function.name"),
        (json!({"function": {"name": ""}}), "function.name"),
        (json!({"name": "a b"}), "name"),
        (json!({"name": 7}), "name"),
        (named(json!({"description": 7})), "function.description"),
        (named(json!({"parameters": []})), "function.parameters"),
        (named(json!({"parameters": {"type": "string"}})), "function.parameters.type"),
        (named(json!({"parameters": {"properties": []}})), "function.parameters.properties"),
        (json!({"name": "n".repeat(100_000)}), "name"),
        (named(json!({"parameters": {"type": vec!["string"; 10_000]}})), "function.parameters.type"),
    ];
    for (given, path) in cases {
        let error = Tool::new(&given).unwrap_err();
        assert_eq!(error.path, path);
        assert!(error.problem.len() < 400, "what was given is not told again at length");
    }
}

/// SmolLM2's template without its default system message, and one that has a place for everything.
const PLAIN: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}";
const KNOWING: &str = "{{ tools | length }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls %}\
                       ({{ c.function.name }} {{ c.function.arguments | tojson }}){% endfor %}{% if m.role == 'tool' %}!{% endif %}\n{% endfor %}";

fn shown(source: &str, messages: Value, tools: &[Tool]) -> Result<String, TemplateError> {
    let template = ChatTemplate::new(source, &[]).unwrap();
    let Conversation { messages, tools } = conversation(&template, &messages, tools)?;
    template.render(&messages, &RenderOptions { tools, ..RenderOptions::default() })
}

#[test]
fn a_template_without_tools_gets_them_in_words() {
    let messages = json!([
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{\"a\":1}"}}, {"function": {"name": "g", "arguments": {"b": "ü"}}}]},
        {"role": "tool", "content": "noon", "tool_call_id": "1"},
        {"role": "assistant", "content": "Once more.", "tool_calls": [{"function": {"name": "h", "arguments": ""}}]},
    ]);
    let expected = "[user]When?\n[assistant]<tool_call>[\n{\"name\": \"f\", \"arguments\": {\"a\":1}},\n{\"name\": \"g\", \"arguments\": \
                    {\"b\": \"\\u00fc\"}}\n]</tool_call>\n[user]<tool_response>\nnoon\n</tool_response>\n[assistant]Once more.\n\
                    <tool_call>[\n{\"name\": \"h\", \"arguments\": {}}\n]</tool_call>\n";
    assert_eq!(shown(PLAIN, messages.clone(), &[]).unwrap(), expected);
    let prompt = system_prompt(&[time()]).unwrap();
    assert_eq!(shown(PLAIN, messages, &[time()]).unwrap(), format!("[system]{prompt}\n{expected}"));
    let system = json!([{"role": "system", "content": "Be brief."}]);
    assert_eq!(shown(PLAIN, system, &[time()]).unwrap(), format!("[system]Be brief.\n\n{prompt}\n"));
}

#[test]
fn a_template_with_tools_is_left_to_itself() {
    let messages = json!([
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "{\"a\": 1}"}}, {"function": {"name": "g", "arguments": ""}}]},
        {"role": "tool", "content": "noon"},
    ]);
    let expected = "1[assistant](f {\"a\": 1})(g {})[tool]noon!";
    assert_eq!(shown(KNOWING, messages, &[time()]).unwrap(), expected);
    assert_eq!(ChatTemplate::new(KNOWING, &[]).unwrap().call_form(), CallForm::Blocks);
    assert_eq!(ChatTemplate::new(PLAIN, &[]).unwrap().call_form(), CallForm::List);
    let with_use = ChatTemplate::new(PLAIN, &[]).unwrap().with_tool_use(KNOWING).unwrap();
    assert!(with_use.reads_tools() && with_use.writes_calls(true) && with_use.writes_results(true));
    assert!(!with_use.writes_calls(false) && !with_use.writes_results(false));
}

#[test]
fn a_history_of_calls_stays_whichever_of_two_templates_is_rendered() {
    let shown = |tools: &[Tool]| {
        let template = ChatTemplate::new(PLAIN, &[]).unwrap().with_tool_use(KNOWING).unwrap();
        let messages = json!([
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
            {"role": "tool", "content": "noon"},
        ]);
        let Conversation { messages, tools } = conversation(&template, &messages, tools).unwrap();
        template.render(&messages, &RenderOptions { tools, ..RenderOptions::default() }).unwrap()
    };
    assert_eq!(shown(&[time()]), "1[assistant](f {\"a\": 1})[tool]noon!");
    let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";
    assert_eq!(shown(&[]), format!("[assistant]{call}\n[user]<tool_response>\nnoon\n</tool_response>\n"));
}

/// Its template tells the model of tools and has turns for results, and knows nothing of calls.
#[test]
fn smollm3_is_told_by_its_own_template() {
    let Some(fixtures) = smollm_testkit::fixtures() else { return };
    let source = std::fs::read_to_string(fixtures.join("models/SmolLM3-3B/chat_template.jinja")).unwrap();
    let template = ChatTemplate::new(&source, &[]).unwrap();
    assert!(template.reads_tools() && template.writes_results(true) && !template.writes_calls(true));
    assert_eq!(template.call_form(), CallForm::Blocks);
    let call = json!({"function": {"name": "get_current_time", "arguments": "{\"zone\":\"UTC\"}"}});
    let messages = json!([
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "noon", "tool_call_id": "1"},
    ]);
    let Conversation { messages, tools } = conversation(&template, &messages, &[time()]).unwrap();
    let options = RenderOptions { tools, add_generation_prompt: true, ..RenderOptions::default() };
    let prompt = template.render(&messages, &options).unwrap();
    let told = "<tools>\n{'type': 'function', 'function': {'name': 'get_current_time', 'description': 'Gets the current time.', ";
    assert!(prompt.contains(told), "{prompt}");
    let turns = "<|im_start|>user\nWhen?<|im_end|>\n<|im_start|>assistant\n<tool_call>\n{\"name\": \"get_current_time\", \"arguments\": \
                 {\"zone\":\"UTC\"}}\n</tool_call><|im_end|>\n<|im_start|>user\nnoon<|im_end|>\n<|im_start|>assistant\n<think>\n";
    assert!(prompt.ends_with(turns), "{prompt}");
}

/// A question that lacks what a function needs is answered in words that point it out, and so is one that no function is for; as in the
/// card, the history has them as they were said.
#[test]
fn what_is_asked_back_is_text_and_stays_in_the_history() {
    let weather = Tool::new(&json!({"type": "function", "function": {
        "name": "get_weather", "description": "Gets the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    }}))
    .unwrap();
    let asked_back = "The question lacks the parameter `city`: of which city?";
    let refused = "The query cannot be answered with the provided tools.\n<tool_call>[]</tool_call>";
    let called = "<tool_call>[\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Bern\"}}\n]</tool_call>";
    assert_eq!(calls_in(asked_back), None);
    assert_eq!(read(CallReader::bound(), &letters(asked_back)), (asked_back.to_owned(), Vec::new()));
    assert_eq!(calls_in(refused), Some(Vec::new()));
    assert_eq!(calls_in(called), Some(vec![call("get_weather", "{\"city\": \"Bern\"}")]));
    let source = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ 'a system message of its own' }}\
                  {% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
                  {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    let template = ChatTemplate::new(source, &[]).unwrap();
    let messages = json!([
        {"role": "user", "content": "How is the weather?"},
        {"role": "assistant", "content": asked_back},
        {"role": "user", "content": "Bern."},
        {"role": "assistant", "content": called},
        {"role": "user", "content": "Open a page."},
        {"role": "assistant", "content": refused},
        {"role": "user", "content": "Well."},
    ]);
    let Conversation { messages, tools } = conversation(&template, &messages, std::slice::from_ref(&weather)).unwrap();
    let options = RenderOptions { tools, add_generation_prompt: true, ..RenderOptions::default() };
    let turn = |role: &str, text: &str| format!("<|im_start|>{role}\n{text}<|im_end|>\n");
    let expected = [
        turn("system", &system_prompt(&[weather]).unwrap()),
        turn("user", "How is the weather?"),
        turn("assistant", asked_back),
        turn("user", "Bern."),
        turn("assistant", called),
        turn("user", "Open a page."),
        turn("assistant", refused),
        turn("user", "Well."),
    ];
    let expected = format!("{}<|im_start|>assistant\n", expected.concat());
    assert_eq!(template.render(&messages, &options).unwrap(), expected);
}

#[test]
fn contents_are_kept_as_they_are_or_refused() {
    let result = json!([{"role": "tool", "content": {"t": [1, "ü"]}}]);
    assert!(
        shown(PLAIN, result, &[]).unwrap().contains("<tool_response>\n{\"t\": [1, \"\\u00fc\"]}\n</tool_response>")
    );
    let parts = json!([{"type": "text", "text": "a"}]);
    let call = json!({"function": {"name": "f", "arguments": {}}});
    let refused =
        shown(PLAIN, json!([{"role": "assistant", "content": parts, "tool_calls": [call]}]), &[]).unwrap_err();
    assert_eq!(refused.to_string(), "messages[0].content must be a string here");
    assert!(shown(PLAIN, json!([{"role": "system", "content": parts}]), &[time()]).is_err());
    let indented = json!([{"role": "system", "content": "  Be brief."}]);
    assert!(shown(PLAIN, indented, &[time()]).unwrap().starts_with("[system]  Be brief.\n\nYou are"));
    assert!(
        shown(PLAIN, json!([{"role": "system", "content": null}]), &[time()]).unwrap().starts_with("[system]You are")
    );
}

#[test]
fn a_call_that_no_reader_takes_is_none() {
    for arguments in ["{\"a\": 1e999}", &format!("{{\"a\": {}{}}}", "[".repeat(200), "]".repeat(200))] {
        let text = format!("<tool_call>[{{\"name\": \"f\", \"arguments\": {arguments}}}]</tool_call>");
        assert_eq!(calls_in(&text), None, "{arguments}");
    }
}

#[test]
fn a_bound_call_without_arguments_is_one_with_none() {
    let text = "<tool_call>[{\"name\": \"f\"}, {\"name\": \"g\", \"arguments\": {}}]</tool_call>";
    let expected = (String::new(), vec![call("f", "{}"), call("g", "{}")]);
    assert_eq!(read(CallReader::bound(), &[text]), expected);
    assert_eq!(read(CallReader::bound(), &letters(text)), expected);
}

#[test]
fn a_reference_holds_beside_the_type_in_every_draft() {
    let draft = "http://json-schema.org/draft-07/schema#";
    let definition = json!({"properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let schema = json!({"$schema": draft, "$ref": "#/definitions/d", "definitions": {"d": definition}});
    let tool = Tool::of("f", "", schema).unwrap();
    assert_eq!(tool.parameters()["allOf"], json!([{"$ref": "#/definitions/d"}]));
    assert_eq!((&tool.parameters()["type"], tool.parameters().get("$ref")), (&json!("object"), None));
    let odd = json!({"name": "f", "parameters": {"$ref": "#", "allOf": 7}});
    assert_eq!(Tool::new(&odd).unwrap_err().path, "parameters.allOf");
}

#[test]
fn calls_of_the_history_must_be_calls() {
    let calls = [
        json!({}),
        json!(7),
        json!({"function": 7}),
        json!({"function": {"name": "f"}}),
        json!({"function": {"name": "f", "arguments": "[1]"}}),
        json!({"function": {"name": "f", "arguments": "{"}}),
        json!({"function": {"name": "f", "arguments": 7}}),
    ];
    for call in calls {
        for source in [PLAIN, KNOWING] {
            let messages = json!([{"role": "assistant", "content": "", "tool_calls": [call]}]);
            let problem = shown(source, messages, &[]).unwrap_err().to_string();
            assert!(problem.starts_with("messages[0].tool_calls[0].function."), "{call}: {problem}");
        }
    }
}

proptest! {
    /// Pieces of tags, JSON and rubbish, cut anywhere: the same is said as of the whole, free text is what `calls_in` makes of it, and
    /// nothing panics.
    #[test]
    fn any_text_is_read_the_same_however_it_is_cut(
        pieces in prop::collection::vec(prop_oneof![
            Just("<tool_call>"), Just("</tool_call>"), Just("["), Just("]"), Just("{\"name\": \"f\", \"arguments\": {}}"), Just("{"), Just("}"),
            Just("\""), Just("\\"), Just(" \n"), Just(","), Just("é"), Just("<tool"), Just("{\"name\": \"g\", \"arguments\": {\"a\": \"}\"}}"),
            Just("<tool_call>[{\"name\": \"f\"}]"), Just("text"),
        ], 0..16),
        cut in 0_usize..200,
    ) {
        let text = pieces.concat();
        let cut = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).nth(cut % (text.chars().count() + 1)).unwrap();
        for reader in [CallReader::free(), CallReader::bound()] {
            let whole = read(reader.clone(), &[&text]);
            prop_assert_eq!(&read(reader.clone(), &[&text[..cut], &text[cut..]]), &whole);
            prop_assert_eq!(&read(reader, &letters(&text)), &whole);
        }
        let (said, calls) = read(CallReader::free(), &[&text]);
        match calls_in(&text) {
            Some(expected) => prop_assert_eq!(calls, expected),
            None => prop_assert_eq!((said, calls), (text, Vec::new())),
        }
    }
}
