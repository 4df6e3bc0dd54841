//! Examples as tables: which tokens of a record are learnt, and what is lost.

use super::*;
use crate::records::{Chat, Pair, Unit};
use serde_json::json;
use smollm_tokenizer::template::ChatTemplate;
use std::path::Path;

const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
                      {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

fn tokenizer() -> Tokenizer {
    let json = smollm_testkit::byte_level::tokenizer_json(400);
    Tokenizer::from_json(json.to_string().as_bytes(), "tokenizer.json").unwrap()
}

fn options(loss: Loss) -> ExampleOptions {
    ExampleOptions {
        loss,
        max_tokens: None,
        max_prompt: None,
        end_token: None,
        specials: Specials::Parse,
        on_lost: OnLost::Stop,
        variables: Map::new(),
        now: DateTime::constant(2025, 1, 1, 0, 0, 0, 0),
    }
}

fn place() -> Place {
    Place { file: Path::new("a.jsonl").into(), number: 3, unit: Unit::Line }
}

fn chat(messages: &[(&str, &str, bool)]) -> Chat {
    let mut chat = Chat::default();
    for &(role, content, trained) in messages {
        chat.push(json!({ "role": role, "content": content }), trained);
    }
    chat
}

/// The text of a document with brackets around what is learnt.
fn shown(tokenizer: &Tokenizer, document: &Document) -> String {
    let mut text = String::new();
    let tokens: Vec<(u32, bool)> = document.ids.iter().copied().zip(document.mask.iter().copied()).collect();
    for run in tokens.chunk_by(|a, b| a.1 == b.1) {
        let ids: Vec<u32> = run.iter().map(|(id, _)| *id).collect();
        let part = tokenizer.decode(&ids, false);
        text += &if run[0].1 { format!("[{part}]") } else { part };
    }
    text
}

/// The only place where these tests touch the interface: the documents of a record, or what is said of it.
fn made(template: &str, options: ExampleOptions, record: &Record) -> Result<Vec<String>, String> {
    let tokenizer = tokenizer();
    let template = ChatTemplate::new(template, &[]).unwrap();
    let example = Examples::new(&tokenizer, Some(&template), options).example(&place(), record);
    Ok(match example.map_err(|error| error.to_string())? {
        None => Vec::new(),
        Some(Example::One(document)) => vec![shown(&tokenizer, &document)],
        Some(Example::Pair { chosen, rejected, .. }) => vec![shown(&tokenizer, &chosen), shown(&tokenizer, &rejected)],
    })
}

#[test]
fn what_is_learnt_of_a_conversation() {
    let record = Record::Chat(chat(&[
        ("user", "q", false),
        ("assistant", "one", true),
        ("user", "r", false),
        ("assistant", "two", false),
        ("assistant", "<|im_end|>\nthree \n", true),
    ]));
    let of = |loss| made(CHATML, options(loss), &record).unwrap().remove(0);
    let begin = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n";
    let middle = "\n<|im_start|>user\nr<|im_end|>\n<|im_start|>assistant\ntwo<|im_end|>\n<|im_start|>assistant\n";
    let last = "<|im_end|>\nthree \n<|im_end|>";
    assert_eq!(of(Loss::Answers), format!("{begin}[one<|im_end|>]{middle}[{last}]\n"));
    assert_eq!(of(Loss::LastAnswer), format!("{begin}one<|im_end|>{middle}[{last}]\n"));
    assert_eq!(of(Loss::All), format!("[{begin}one<|im_end|>{middle}{last}\n]"));
}

#[test]
fn turns_end_where_the_template_ends_them() {
    let record = Record::Chat(chat(&[
        ("user", "q", false),
        ("assistant", "a", true),
        ("user", "r", false),
        ("assistant", "b", true),
    ]));
    let cases = [
        // No special token ends the turn, so the line breaks do.
        (
            "{% for m in messages %}{{ m.role }}: {{ m.content }}\n\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
            "user: q\n\nassistant: [a\n\n]user: r\n\nassistant: [b\n\n]",
        ),
        // Without a generation prompt the model says the header too.
        (
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
            "<|im_start|>user\nq<|im_end|>\n[<|im_start|>assistant\na<|im_end|>]\n<|im_start|>user\nr<|im_end|>\n[<|im_start|>assistant\nb<|im_end|>]\n",
        ),
        // Its own marks hold to the letter.
        (
            "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>\n{% endgeneration %}{% else %}{{ m.content }}\n{% endif %}{% endfor %}",
            "q\n[a<|im_end|>\n]r\n[b<|im_end|>\n]",
        ),
    ];
    for (template, expected) in cases {
        assert_eq!(made(template, options(Loss::Answers), &record), Ok(vec![expected.to_owned()]), "{template}");
    }
}

#[test]
fn templates_that_cannot_be_tracked_are_refused_with_the_reason() {
    let record = Record::Chat(chat(&[
        ("user", "q", false),
        ("assistant", "a", true),
        ("user", "r", false),
        ("assistant", "b", true),
    ]));
    let prefix = "a.jsonl: line 3: what the assistant says cannot be told exactly under this chat template: ";
    let cases = [
        (
            "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' and loop.last %}!{% endif %}{% endfor %}",
            "messages[1]: it is written otherwise when more messages follow",
        ),
        (
            "{% for m in messages %}{{ m.role }}{{ m.content }}{% endfor %}{% if add_generation_prompt %}assistant<think>{% endif %}",
            "messages[1]: the prompt for it is not how the conversation begins",
        ),
        (
            "{% if messages | length < 3 %}{{ raise_exception('too short') }}{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}",
            "messages[1]: the prompt for it is not how the conversation begins: the chat template refuses these messages: too short (line 1)",
        ),
        (
            "{% generation %}{% for m in messages %}{{ m.content }}{% endfor %}{% endgeneration %}",
            "it marks 1 parts for 2 messages of the assistant",
        ),
    ];
    for (template, expected) in cases {
        assert_eq!(made(template, options(Loss::Answers), &record), Err(format!("{prefix}{expected}")), "{template}");
        assert!(made(template, options(Loss::All), &record).is_ok(), "{template}");
    }
}

#[test]
fn texts_completions_and_pairs() {
    let text = |s: &str| s.to_owned();
    let ended = |loss| ExampleOptions { end_token: Some(0), ..options(loss) };
    let completion = Record::Completion { prompt: text("1+1="), completion: text("2") };
    let answers = |loss| made(CHATML, ended(loss), &completion).unwrap();
    assert_eq!(made(CHATML, ended(Loss::All), &Record::Text(text("ab"))), Ok(vec![text("[ab<|endoftext|>]")]));
    assert_eq!(answers(Loss::Answers), ["1+1=[2<|endoftext|>]"]);
    assert_eq!(answers(Loss::All), ["[1+1=2<|endoftext|>]"]);
    let pair = Record::TextPair { prompt: text("p "), chosen: text("good"), rejected: text("bad") };
    assert_eq!(
        made(CHATML, ended(Loss::All), &pair),
        Ok(vec![text("p [good<|endoftext|>]"), text("p [bad<|endoftext|>]")])
    );
    let answer = |content: &str| vec![json!({ "role": "assistant", "content": content })];
    let prompt = chat(&[("user", "q", false), ("assistant", "a", true), ("user", "r", false)]);
    let pair = Record::Pair(Pair { prompt, chosen: answer("good"), rejected: answer("bad") });
    let given = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n<|im_start|>user\nr<|im_end|>\n<|im_start|>assistant\n";
    let expected = ["good", "bad"].map(|answer| format!("{given}[{answer}<|im_end|>]\n"));
    assert_eq!(made(CHATML, options(Loss::All), &pair), Ok(expected.to_vec()));
    // Of a prompt the end is kept, of an answer the beginning.
    let cut = ExampleOptions { max_prompt: Some(3), max_tokens: Some(5), ..options(Loss::All) };
    assert_eq!(made(CHATML, cut, &pair), Ok(vec!["nt\n[go]".to_owned(), "nt\n[ba]".to_owned()]));
}

#[test]
fn padding_is_a_role_not_an_id() {
    // The end token of a turn is SmolLM2's padding token; it is learnt all the same.
    let record = Record::Chat(chat(&[("user", "q", false), ("assistant", "", true)]));
    assert_eq!(
        made(CHATML, options(Loss::Answers), &record),
        Ok(vec!["<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n[<|im_end|>]\n".to_owned()])
    );
}

#[test]
fn what_is_lost_is_an_error_or_counted() {
    let tokenizer = tokenizer();
    let template = ChatTemplate::new(CHATML, &[]).unwrap();
    let two = Record::Chat(chat(&[
        ("user", "q", false),
        ("assistant", "a", true),
        ("user", "r", false),
        ("assistant", "b", true),
    ]));
    let none = Record::Chat(chat(&[("user", "q", false), ("assistant", "a", false)]));
    let of = |options: &ExampleOptions, record: &Record| {
        let mut examples = Examples::new(&tokenizer, Some(&template), options.clone());
        let made = examples.example(&place(), record).map(|made| made.is_some()).map_err(|error| error.to_string());
        (made, *examples.tally())
    };
    let whole = of(&options(Loss::Answers), &two).1;
    assert_eq!((whole.examples, whole.documents, whole.supervised, whole.truncated), (1, 1, 4, 0));
    let half = whole.tokens as usize / 2;
    let first_only = ExampleOptions { max_tokens: Some(half + 3), ..options(Loss::Answers) };
    assert_eq!(
        of(&first_only, &two).0,
        Err("a.jsonl: line 3: the limit on tokens cuts 1 of 2 answers away whole".into())
    );
    assert_eq!(of(&first_only, &none).0, Err("a.jsonl: line 3: no token of this example counts in the loss".into()));
    let counting = ExampleOptions { on_lost: OnLost::Count, ..first_only };
    let (made, tally) = of(&counting, &two);
    assert_eq!((made, tally.examples, tally.answers_cut, tally.truncated), (Ok(true), 1, 1, 1));
    assert_eq!(tally.cut_tokens + tally.tokens, whole.tokens);
    let nothing = Tally { skipped: 1, ..Tally::default() };
    assert_eq!(of(&counting, &none), (Ok(false), nothing));
    let header_only = ExampleOptions { max_tokens: Some(3), ..counting.clone() };
    assert_eq!(of(&header_only, &two), (Ok(false), nothing));
    let text = Record::Text("x".into());
    assert!(of(&counting, &text).0.unwrap_err().ends_with("the loss can only be of all its tokens"));
    let mut without = Examples::new(&tokenizer, None, counting);
    assert!(without.example(&place(), &two).unwrap_err().to_string().ends_with("there is none"));
}
