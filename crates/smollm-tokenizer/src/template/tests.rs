//! Helpers of the template engine against Python's own results; whole templates are in `tests/golden_templates.rs`.

use super::*;
use serde_json::json;

fn render(template: &str, messages: serde_json::Value) -> Result<String, TemplateError> {
    ChatTemplate::new(template, &[("bos_token".into(), "<s>".into())])?.render(&messages, &RenderOptions::default())
}

/// The text a template gives without messages.
fn text(template: &str) -> String {
    render(template, json!([])).unwrap()
}

#[test]
fn python_things_come_out_as_in_python() {
    let cases = [
        ("{{ bos_token ~ 1 ~ 2.0 ~ none ~ true }}", "<s>12.0NoneTrue"),
        ("{{ [1, 'a', 1.5, none, true, {'k': 'v'}] | string }}", "[1, 'a', 1.5, None, True, {'k': 'v'}]"),
        ("{{ [3, 1, 2][::-1] | string }}{{ 'abc'[::-1] }}{{ [][::-1] | string }}", "[2, 1, 3]cba[]"),
        ("{{ [1, 2, 3][1:] | string }}{{ [1, 2, 3][:-1] | string }}{{ [1][:] | string }}", "[2, 3][1, 2][1]"),
        ("{{ ' a b '.strip() ~ '|' ~ '\n\nx'.lstrip('\n') ~ '|' ~ 'ab'.startswith('a') }}", "a b|x|True"),
        ("{{ 'a,b'.split(',') | join('-') }}{{ {'a': 1}.items() | list | length }}", "a-b1"),
        ("{{ undefined_thing | length }}{{ 'x' in undefined_thing }}{{ undefined_thing }}", "0False"),
        ("{%- set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "3"),
        ("{% for i in range(9) %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "012"),
        ("  {% if true %}\nx\n  {% endif %}\ny\n", "x\ny"),
        ("{{ messages is defined and tools is none and 'a' is string and {} is mapping }}", "True"),
        (r#"{{ ["it's", 'a"', '\u200b\n', 1e21, 0.00001, 2.0] }}"#, r#"["it's", 'a"', '\u200b\n', 1e+21, 1e-05, 2.0]"#),
        ("{% raw %}{% generation %}[::-1]{% endraw %}{# [::-1] #}{{ '[::-1]' }}", "{% generation %}[::-1][::-1]"),
    ];
    for (template, expected) in cases {
        assert_eq!(text(template), expected, "{template}");
    }
}

#[test]
fn tojson_is_json_dumps() {
    let value = r#"{"b": [1, 2.0, 1e16, 1e-5, true, null], "a": "é\n\"<\u0001"}"#;
    let json = |arguments: &str| {
        let options = RenderOptions {
            extra: [("x".to_owned(), serde_json::from_str(value).unwrap())].into_iter().collect(),
            ..RenderOptions::default()
        };
        let template = format!("{{{{ x | tojson{arguments} }}}}");
        ChatTemplate::new(&template, &[]).unwrap().render(&json!([]), &options).unwrap()
    };
    // json.dumps of Python 3.11
    assert_eq!(json(""), r#"{"b": [1, 2.0, 1e+16, 1e-05, true, null], "a": "é\n\"<\u0001"}"#);
    assert_eq!(json("(ensure_ascii=true)"), r#"{"b": [1, 2.0, 1e+16, 1e-05, true, null], "a": "\u00e9\n\"<\u0001"}"#);
    assert_eq!(json("(separators=(',', ':'))"), r#"{"b":[1,2.0,1e+16,1e-05,true,null],"a":"é\n\"<\u0001"}"#);
    assert!(json("(sort_keys=true)").starts_with(r#"{"a": "#));
    assert!(json("(indent=2)").starts_with("{\n  \"b\": [\n    1,\n    2.0,\n"));
    assert_eq!(text("{{ {} | tojson(indent=4) }}{{ [] | tojson(indent=4) }}"), "{}[]");
}

#[test]
fn generation_blocks_give_spans_and_leave_no_trace() {
    let source = "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}{% generation %}{{ m.content }}!\n\
                  {%- endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}";
    let template = ChatTemplate::new(source, &[]).unwrap();
    let messages = json!([
        {"role": "user", "content": "hi"}, {"role": "assistant", "content": "é ok"},
        {"role": "user", "content": "\u{f0000}0["}, {"role": "assistant", "content": ""},
    ]);
    let (text, spans) = template.render_with_spans(&messages, &RenderOptions::default()).unwrap();
    assert_eq!(text, "[user]hi[assistant]é ok![user]\u{f0000}0[[assistant]!");
    assert_eq!(spans.iter().map(|s| &text[s.clone()]).collect::<Vec<_>>(), ["é ok!", "!"]);
}

#[test]
fn a_message_that_is_only_begun_ends_the_prompt() {
    let begun = |source: &str, messages: serde_json::Value| {
        ChatTemplate::new(source, &[]).unwrap().render_begun(&messages, &RenderOptions::default())
    };
    let source =
        |text: &str| format!("{{% for m in messages %}}[{{{{ m.role }}}}]{{{{ {text} }}}}<end>\n{{% endfor %}}");
    let messages = |text: &str| json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": text}]);
    let whole = source("m.content");
    assert_eq!(begun(&whole, messages(" Of ")).unwrap(), "[user]hi<end>\n[assistant] Of ");
    assert_eq!(begun(&whole, messages("hi")).unwrap(), "[user]hi<end>\n[assistant]hi");
    assert_eq!(begun(&whole, messages("")).unwrap(), "[user]hi<end>\n[assistant]");
    assert_eq!(begun(&source("m.content | trim"), messages(" Of ")).unwrap(), "[user]hi<end>\n[assistant]Of");
    let tag = "CONTINUE_FINAL_MESSAGE_TAG ";
    assert_eq!(begun(&whole, messages(tag)).unwrap(), format!("[user]hi<end>\n[assistant]{tag}"));
    let lost = begun(&source("m.content | upper"), messages("Of")).unwrap_err().to_string();
    assert_eq!(lost, "the chat template does not show the last message as it is, so it cannot be continued");
    let none = begun(&whole, json!([{"role": "assistant"}])).unwrap_err().to_string();
    assert_eq!(none, "the last message has no text to continue");
    assert!(begun(&whole, json!([])).is_err());
}

#[test]
fn turns_are_what_follows_the_prompt_for_them() {
    let source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}.{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
    let template = ChatTemplate::new(source, &[]).unwrap();
    let messages = json!([
        {"role": "user", "content": "q"}, {"role": "assistant", "content": "é"},
        {"role": "assistant", "content": ""}, {"role": "user", "content": "r"},
    ]);
    let prompted = RenderOptions { add_generation_prompt: true, ..RenderOptions::default() };
    for options in [RenderOptions::default(), prompted] {
        let turns = template.render_turns(&messages, &options).unwrap();
        assert_eq!(turns.text, "[user]q.[assistant]é.[assistant].[user]r.");
        let spans: Vec<(usize, &str)> = turns.turns.iter().map(|t| (t.message, &turns.text[t.span.clone()])).collect();
        assert_eq!((spans, turns.marked), (vec![(1, "é."), (2, ".")], false));
    }
    let nested = "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}<{% generation %}{{ m.content }}{% endgeneration %}>\
                  {% endgeneration %}{% endif %}{% endfor %}";
    let turns = ChatTemplate::new(nested, &[]).unwrap().render_turns(&messages, &RenderOptions::default()).unwrap();
    let spans: Vec<&str> = turns.turns.iter().map(|t| &turns.text[t.span.clone()]).collect();
    assert_eq!((spans, turns.marked), (vec!["<é>", "<>"], true));
}

#[test]
fn tools_choose_the_template_made_for_them() {
    let template = ChatTemplate::new("plain", &[]).unwrap().with_tool_use("tools").unwrap();
    let tools = RenderOptions { tools: Some(json!([])), ..RenderOptions::default() };
    assert_eq!(template.render(&json!([]), &RenderOptions::default()).unwrap(), "plain");
    assert_eq!(template.render(&json!([]), &tools).unwrap(), "tools");
}

#[test]
fn a_namespace_that_would_contain_itself_is_refused() {
    let fault = render("a\n{% set ns = namespace() %}\n{% set ns.me = ns %}{{ ns ~ '' }}", json!([])).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "chat template, line 3: the namespace `ns` is used as a value; only its attributes can be"
    );
}

#[test]
fn the_clock_is_the_callers() {
    let template = ChatTemplate::new("{{ strftime_now('%d %B %Y') }} {{ strftime_now('%A %H:%M') }}", &[]).unwrap();
    let now = DateTime::constant(2025, 7, 4, 9, 5, 0, 0);
    let options = RenderOptions { now, ..RenderOptions::default() };
    assert_eq!(template.render(&json!([]), &options).unwrap(), "04 July 2025 Friday 09:05");
}

#[test]
fn faults_name_the_line() {
    let fault = |template: &str| render(template, json!([])).unwrap_err().to_string();
    assert!(fault("a\nb\n{% if %}").starts_with("chat template, line 3: syntax error"), "{}", fault("a\nb\n{% if %}"));
    assert!(fault("a\n{{ x.y.z }}").starts_with("chat template, line 2: undefined value"));
    assert!(fault("\n\n{{ 'a' | nosuch }}").contains("line 3"));
    let raised = fault("\n{{ raise_exception('roles must alternate') }}");
    assert_eq!(raised, "the chat template refuses these messages: roles must alternate (line 2)");
    let raised = fault("{{ raise_exception('roles\\nmust\\x1b[2J alternate') }}");
    assert_eq!(raised, "the chat template refuses these messages: roles must [2J alternate (line 1)");
    assert!(fault("{{ strftime_now('%') }}").contains("strftime_now"));
    assert!(
        fault("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}").contains("line 1")
    );
}

/// One step must not ask for more memory than there is: that would end the program.
#[test]
fn steps_without_bounds_are_refused() {
    let doubled = format!("{{% set l = [0] %}}{}", "{% set l = [l, l] %}".repeat(60));
    for (template, expected) in [
        ("{{ 'x' | indent(1000000000000) }}", "indent: 1000000000000 is more than 100000"),
        ("{{ 'x' | indent(width=1000000000000) }}", "indent: 1000000000000 is more than 100000"),
        ("{{ [1] | batch(1000000000000, 0) | list }}", "batch: 1000000000000 is more than 100000"),
        ("{{ [1] | slice(1000000000000, 0) | list }}", "slice: 1000000000000 is more than 100000"),
        ("{{ '%1000000000000d' | format(1) }}", "format: 1000000000000 is more than 100000"),
        ("{{ '{:>00100001}'.format(1) }}", "format: 100001 is more than 100000"),
        ("{{ 'x' * 1000000000000 }}", "repeated string is too large"),
        (&format!("{doubled}{{{{ l }}}}"), "print: the text grows beyond all bounds"),
        (&format!("{doubled}{{{{ l | tojson }}}}"), "tojson: the text grows beyond all bounds"),
    ] {
        let fault = render(template, json!([])).unwrap_err().to_string();
        assert!(fault.contains(expected), "{template}: {fault}");
    }
    let within = "{{ 'a\nb' | indent(2) }}|{{ 'a\nb' | indent(width=1, first=true) }}|{{ [1, 2, 3] | batch(2, 0) | list }}|\
                  {{ '%05.1f' | format(2.25) }}|{{ '{:>4}'.format(7) }}";
    assert_eq!(text(within), "a\n  b| a\n b|[[1, 2], [3, 0]]|002.2|   7");
}

/// A template cut at any byte is a shorter template or an error that names its line.
#[test]
fn a_template_cut_anywhere_is_read_or_refused() {
    let whole = "{%- set ns = namespace(n=0) -%}{# é #}\n{% for m in messages[::-1] %}{% if m.role == \"user\" %}\n{% generation %}\
                 {{ m['content'].strip() | tojson(indent=2) ~ '\\n' }}{% endgeneration %}{% set ns.n = ns.n + 1 %}{% endif %}\n\
                 {% raw %}{{{% endraw %}{% endfor %}{{ raise_exception('x') if ns.n > 3 else strftime_now('%d %B') }}";
    let messages = json!([{"role": "user", "content": " a\"b "}, {"role": "tool", "content": ""}]);
    assert_eq!(render(whole, messages.clone()).unwrap(), "{{\"a\\\"b\"\n{{01 January");
    let mut refused = 0;
    for end in (0..whole.len()).filter(|&end| whole.is_char_boundary(end)) {
        if let Err(error) = render(&whole[..end], messages.clone()) {
            let error = error.to_string();
            assert!(error.starts_with("chat template, line ") && !error.contains('\n'), "{end}: {error}");
            refused += 1;
        }
    }
    assert!(refused > whole.len() / 2, "{refused}");
}

#[test]
fn messages_are_checked_at_the_door() {
    let fault = |messages: serde_json::Value| render("x", messages).unwrap_err().to_string();
    assert_eq!(fault(json!({})), "messages must be a list of objects with `role` and `content`");
    assert_eq!(fault(json!([{"role": "user"}, 3])), "messages[1] must be an object with `role` and `content`");
    assert_eq!(fault(json!([{"content": "x"}])), "messages[0] has no `role`");
    assert_eq!(fault(json!([{"role": 3}])), "messages[0].role must be a string");
    assert_eq!(
        fault(json!([{"role": "user", "content": 3}])),
        "messages[0].content must be a string or a list of parts"
    );
}

#[test]
fn sources_are_read_as_transformers_reads_them() {
    let source = |config: serde_json::Value, jinja: Option<&str>| {
        let bytes = config.to_string();
        TemplateSource::new(Some((bytes.as_bytes(), "tokenizer_config.json")), jinja.map(str::to_owned))
    };
    let template = |config, jinja| source(config, jinja).unwrap().template;
    assert_eq!(template(json!({"chat_template": "a"}), None).as_deref(), Some("a"));
    assert_eq!(template(json!({"chat_template": "a"}), Some("b")).as_deref(), Some("b"));
    assert_eq!(template(json!({}), None), None);
    let named = json!({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]});
    assert_eq!(template(named.clone(), None).as_deref(), Some("d"));
    assert_eq!(source(named, None).unwrap().tool_use.as_deref(), Some("t"));
    let tokens =
        json!({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": null, "add_bos_token": true});
    let expected = [("bos_token", "<s>"), ("eos_token", "</s>")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(source(tokens, None).unwrap().special_tokens, expected);
    assert!(source(json!({"chat_template": [{"name": "x"}]}), None).is_err());
    assert!(source(json!({"chat_template": 3}), None).is_err());
}
