//! `smollm generate`: prompts from everywhere, and every option that shapes the answer.

use crate::world::{Done, SCRIPT, VOCAB, World, finished, ids, list, numbers, tokenizer};
use serde_json::json;
use smollm_testkit::golden::logits_golden;
use std::io::Read;

/// Runs `generate` on the scripted model.
fn scripted(world: &World, input: &str, arguments: &[&str]) -> Done {
    world.run_on(input, &[&["generate", "-m", "scripted", "--temperature", "0", "--threads", "1"], arguments].concat())
}

#[test]
fn the_prompt_comes_from_argument_file_or_standard_input() {
    let world = World::new().with_scripted();
    world.write("prompt.txt", "\n");
    let newline = list(&ids("\n"));
    let rows: [(&[&str], &str); 9] = [
        (&["\n"], ""),
        (&[], "\n"),
        (&["-"], "\n"),
        (&["--file", "prompt.txt"], ""),
        (&["-f", "-"], "\n"),
        (&["--ids", &newline], ""),
        (&["--ids", &format!("[7, {newline}]")], ""),
        (&["--chat", "x"], ""),
        (&["--chat"], "x\n"),
    ];
    for (arguments, input) in rows {
        assert_eq!(scripted(&world, input, arguments).text(), format!("{SCRIPT}\n"), "{arguments:?}");
    }
}

#[test]
fn what_ends_an_answer() {
    let world = World::new().with_scripted();
    let i = format!("{}=-100", ids("i")[0]);
    // arguments, text, finish_reason
    let rows: [(&[&str], &str, &str); 11] = [
        (&[], SCRIPT, "stop"),
        (&["--stop", "i €"], "H", "stop"),
        (&["--stop", "zzz", "--stop", "😀"], "Hi €é", "stop"),
        (&["--stop", "!zzz"], SCRIPT, "stop"),
        (&["--stop", "!"], "Hi €é😀", "stop"),
        (&["-n", "2"], "Hi", "length"),
        (&["--max-tokens", "13"], SCRIPT, "length"),
        (&["-n", "4"], "Hi \u{FFFD}", "length"),
        (&["-n", "0"], "", "length"),
        (&["--logit-bias", &i], "H", "stop"),
        (&["--ctx", "3"], "Hi ", "length"),
    ];
    for (arguments, text, reason) in rows {
        let answer = scripted(&world, "\n", &[arguments, &["--json"]].concat()).json();
        assert_eq!((&answer["text"], &answer["finish_reason"]), (&json!(text), &json!(reason)), "{arguments:?}");
        assert_eq!(scripted(&world, "\n", arguments).text(), format!("{text}\n"), "{arguments:?}");
    }
}

#[test]
fn after_its_end_token_the_model_goes_on_if_asked() {
    let world = World::new().with_scripted();
    let answer = scripted(&world, "\n", &["--ignore-eos", "-n", "17", "--json"]).json();
    assert_eq!(numbers(&answer["ids"]), ids(&format!("{SCRIPT}<|im_end|>\nHi")));
    assert_eq!(answer["finish_reason"], "length");
    let text = answer["text"].as_str().unwrap();
    assert!(text.starts_with(SCRIPT) && text.ends_with("\nHi"), "{text:?}");
}

/// `<|im_start|>` in an answer is the model going on for the user; in a plain continuation it is a token like others.
#[test]
fn an_answer_ends_where_the_next_turn_begins() {
    let world = World::new().with_scripted();
    let start = ids("<|im_start|>")[0];
    let bias = format!("{start}=1000");
    let run = |arguments: &[&str]| {
        let answer = scripted(&world, "x", &[arguments, &["--json", "-n", "3", "--logit-bias", &bias]].concat()).json();
        (numbers(&answer["ids"]), answer["finish_reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(run(&["--chat"]), (vec![], "stop".into()));
    assert_eq!(run(&["--chat", "--ignore-eos"]), (vec![start; 3], "length".into()));
    assert_eq!(run(&[]), (vec![start; 3], "length".into()));
    let chat = ["chat", "-m", "scripted", "x", "-q", "-n", "3", "--logit-bias", &bias];
    assert_eq!(world.run(&chat).text(), "\n", "an empty answer is a line too");
}

#[test]
fn a_chat_prompt_has_system_message_prefill_and_variables() {
    let world = World::new().with_scripted();
    let (turn, answer) = ("<|im_start|>user\nx<|im_end|>\n", "<|im_start|>assistant\n");
    let rows: [(&[&str], String, &str); 4] = [
        (&[], format!("{turn}{answer}"), SCRIPT),
        (&["--system", "Be."], format!("<|im_start|>system\nBe.<|im_end|>\n{turn}{answer}"), SCRIPT),
        (&["--prefill", "Hi"], format!("{turn}{answer}Hi"), &SCRIPT[2..]),
        (&["--set", "mood=gay"], format!("[gay]{turn}{answer}"), SCRIPT),
    ];
    for (arguments, prompt, text) in rows {
        let answer = scripted(&world, "x", &[&["--chat", "--json"], arguments].concat()).json();
        let ids = numbers(&answer["prompt_ids"]);
        assert_eq!((tokenizer().decode(&ids, false), answer["text"].as_str()), (prompt, Some(text)), "{arguments:?}");
    }
}

#[test]
fn greedy_is_that_of_transformers() {
    let world = World::new().with_golden("gqa-9-3");
    for prompt in logits_golden("gqa-9-3").prompts.iter().filter(|p| p.greedy.is_some()) {
        let greedy = &prompt.greedy.as_ref().unwrap().ids;
        let (ids, count) = (list(&prompt.ids), greedy.len().to_string());
        let run =
            ["generate", "-m", "gqa-9-3", "--ids", &ids, "-n", &count, "--ignore-eos", "--json", "--threads", "2"];
        assert_eq!(&numbers(&world.run(&run).json()["ids"]), greedy, "{}", prompt.name);
    }
}

#[test]
fn a_seed_gives_the_same_answer_at_any_thread_count() {
    let world = World::new().with_random();
    let run = |arguments: &[&str]| {
        let base = ["generate", "-m", "random", "abc", "-n", "24", "--ignore-eos", "--json"];
        numbers(&world.run(&[&base, arguments].concat()).json()["ids"])
    };
    let sampled = |seed, threads| run(&["--temperature", "1", "--seed", seed, "--threads", threads]);
    let seven = sampled("7", "1");
    assert_eq!(seven, sampled("7", "2"));
    assert_eq!(seven, sampled("7", "3"));
    assert_ne!(seven, sampled("8", "1"));
    // without a seed every run has its own: 24 tokens of 320 do not come twice
    assert_ne!(run(&["-t", "1"]), run(&["-t", "1"]));
    // a base model is greedy where nothing is asked, and sampling among one is greedy
    let greedy = run(&[]);
    assert_eq!(greedy, run(&["-t", "0"]));
    for among_one in [["--top-k", "1"], ["--top-p", "1e-9"], ["--min-p", "1"]] {
        assert_eq!(greedy, run(&[&["-t", "1"][..], &among_one].concat()), "{among_one:?}");
    }
    for penalty in ["--repetition-penalty", "--frequency-penalty", "--presence-penalty"] {
        assert_ne!(greedy, run(&[penalty, "1.8"]), "{penalty}");
    }
}

/// The model's own settings apply where the command is silent, and the command beats them.
#[test]
fn what_is_not_asked_comes_from_generation_config() {
    let world = World::new().with_scripted();
    let length = |arguments: &[&str]| {
        let run = ["generate", "-m", "scripted", "\n", "--json", "--ignore-eos"];
        numbers(&world.run(&[&run, arguments].concat()).json()["ids"]).len()
    };
    assert_eq!(length(&[]), 256);
    world.write("scripted/generation_config.json", r#"{"max_new_tokens": 5, "eos_token_id": 2}"#);
    assert_eq!((length(&[]), length(&["-n", "7"])), (5, 7));
    // several tokens end an answer, whichever comes first
    let ends = json!({ "eos_token_id": [2, ids("!")[0], ids("€")[0]] });
    world.write("scripted/generation_config.json", ends.to_string());
    let answer = scripted(&world, "\n", &["--json"]).json();
    assert_eq!((&answer["text"], &answer["finish_reason"]), (&json!("Hi "), &json!("stop")));
    world.write("scripted/generation_config.json", r#"{"max_new_tokens": 5, "eos_token_id": 2}"#);
    let chat = |input: &str| world.run_on(input, &["chat", "-m", "scripted", "--temperature", "0", "-q"]).text();
    assert_eq!(chat("x\n"), "Hi \u{FFFD}\n");
    assert_eq!(chat("/set max_tokens=none\nx\n"), format!("{SCRIPT}\n"));
    let info = world.run(&["info", "scripted", "--json"]).json();
    assert_eq!(info["defaults"], "temperature 0.2, top_p 0.9, top_k 50, at most 5 tokens (model card)");
    world.write("scripted/generation_config.json", r#"{"do_sample": true, "temperature": -1}"#);
    let done = world.run(&["generate", "-m", "scripted", "x"]);
    let place = "error: scripted/generation_config.json: temperature is -1; ";
    assert!(done.error(1).starts_with(place), "{done:?}");
}

#[test]
fn log_probabilities_have_their_alternatives() {
    let world = World::new().with_random();
    let run = ["generate", "-m", "random", "abc", "-n", "3", "--ignore-eos", "--json", "--logprobs", "4"];
    let answer = world.run(&run).json();
    let (ids, tokens) = (numbers(&answer["ids"]), answer["logprobs"].as_array().unwrap());
    assert_eq!((ids.len(), tokens.len()), (3, 3));
    for (id, token) in ids.iter().zip(tokens) {
        let top: Vec<f64> = token["top"].as_array().unwrap().iter().map(|t| t["logprob"].as_f64().unwrap()).collect();
        assert_eq!((token["id"].as_u64(), top.len()), (Some(u64::from(*id)), 4));
        assert!(top.is_sorted_by(|a, b| a >= b) && top[0] < 0.0, "{token}");
        // greedy took the likeliest
        assert_eq!((&token["id"], &token["logprob"]), (&token["top"][0]["id"], &token["top"][0]["logprob"]));
    }
    // they are those that `score` gives
    let all = [numbers(&answer["prompt_ids"]), ids].concat();
    let score = world.run(&["score", "-m", "random", "--json", "--ids", &list(&all)]).json();
    let scored = score["logprobs"].as_array().unwrap();
    for (token, scored) in tokens.iter().zip(&scored[scored.len() - 3..]) {
        assert_eq!(&token["logprob"], scored);
    }
}

/// Every token of the script's middle is a piece of a character, and every write must be whole characters.
#[test]
fn a_stream_never_splits_a_character() {
    let world = World::new().with_scripted();
    let mut child = world.command(&["generate", "-m", "scripted", "\n", "--ignore-eos", "-n", "120"]).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut buffer, mut pieces) = ([0; 4096], Vec::new());
    loop {
        match stdout.read(&mut buffer).unwrap() {
            0 => break,
            n => pieces.push(std::str::from_utf8(&buffer[..n]).expect("whole characters").to_owned()),
        }
    }
    assert_eq!(finished(child, b"").code, Some(0));
    assert!(pieces.concat().matches(SCRIPT).count() >= 8, "{pieces:?}");
}

#[test]
fn lines_override_the_options_of_the_command() {
    let world = World::new().with_scripted();
    let rows = [
        (r#"{"prompt":"\n"}"#, "Hi €", "length"),
        (r#"{"prompt":"\n","max_tokens":1}"#, "H", "length"),
        (r#"{"prompt":"\n","stop":["i"]}"#, "H", "stop"),
        (r#"{"prompt":"\n","max_tokens":99,"stop":"é"}"#, "Hi €", "stop"),
        (r#""\n""#, "Hi €", "length"),
    ];
    let lines: Vec<_> = rows.iter().map(|(line, ..)| *line).collect();
    world.write("lines.jsonl", lines.join("\n"));
    for (input, arguments) in [("", &["--file", "lines.jsonl"][..]), (&lines.join("\r\n"), &[])] {
        let done = scripted(&world, input, &[&["--jsonl", "-n", "6"], arguments].concat());
        let out = done.text();
        assert_eq!(out.lines().count(), rows.len());
        for (line, (given, text, reason)) in out.lines().zip(rows) {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((&answer["text"], &answer["finish_reason"]), (&json!(text), &json!(reason)), "{given}");
        }
    }
    // --chat makes messages of texts
    let out = scripted(&world, "\"x\"", &["--jsonl", "--chat", "--system", "Be."]).json();
    assert!(tokenizer().decode(&numbers(&out["prompt_ids"]), false).starts_with("<|im_start|>system\nBe.<|im_end|>"));
}

#[test]
fn a_model_without_tokenizer_works_with_ids() {
    let world = World::new().with_random();
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::remove_file(world.path("random").join(file)).unwrap();
    }
    let run = ["generate", "-m", "random", "--ids", "5,6", "-n", "3", "--ignore-eos"];
    let answer = world.run(&[&run[..], &["--json"]].concat()).json();
    let ids = numbers(&answer["ids"]);
    assert_eq!((ids.len(), &answer["text"]), (3, &json!("")));
    assert_eq!(world.run(&run).text(), format!("{}\n", list(&ids)));
    assert!(ids.iter().all(|&id| (id as usize) < VOCAB));
    let done = world.run(&["generate", "-m", "random", "text"]);
    assert!(done.error(1).contains("--ids"), "{done:?}");
}

#[test]
fn an_answer_may_be_held_to_a_grammar() {
    let world = World::new().with_random();
    let schema = r#"{"type": "object", "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}}, "required": ["a", "b"],
                     "additionalProperties": false}"#;
    world.write("schema.json", schema);
    world.write("words.lark", "start: \"one\" | \"two\"\n");
    world.write("words.gbnf", "root ::= \"three\" | \"four\"\n");
    let run = |arguments: &[&str]| {
        world.run(&[&["generate", "-m", "random", "--temperature", "1", "--seed", "7", "a"], arguments].concat())
    };
    for limit in ["30", "200"] {
        let answer = run(&["--json-schema", "schema.json", "-n", limit, "--json"]).json();
        assert_eq!(answer["finish_reason"], "stop");
        let value: serde_json::Value = serde_json::from_str(answer["text"].as_str().unwrap()).unwrap();
        assert!(value["a"].is_i64() && (value["b"] == "x" || value["b"] == "y"), "{value}");
    }
    assert!(["one\n", "two\n"].contains(&run(&["--grammar", "words.lark"]).text().as_str()));
    assert!(["three\n", "four\n"].contains(&run(&["--grammar", "words.gbnf"]).text().as_str()));
    let digits = run(&["--regex", "[0-9]{4}"]).text();
    assert!(digits.len() == 5 && digits.trim().parse::<u32>().is_ok(), "{digits}");

    world.write("not.json", "{\"not\": {}}");
    world.write("broken.json", "{");
    let error = |arguments: &[&str]| run(arguments).error(1).to_owned();
    assert_eq!(
        error(&["--json-schema", "not.json"]),
        "error: $.not: `not` is not supported: output cannot be held to it"
    );
    assert!(error(&["--json-schema", "broken.json"]).starts_with("error: broken.json: "));
    assert!(error(&["--json-schema", "none.json"]).starts_with("error: none.json: "));
    let short = error(&["--json-schema", "schema.json", "-n", "3"]);
    assert!(
        short.starts_with("error: at most 3 tokens may be written, and the shortest text that is allowed takes "),
        "{short}"
    );
    run(&["--regex", "a", "--grammar", "words.lark"]).error(2);
}

/// Thoughts that the template opens are no part of an answer that is to be JSON, and neither are those that a prefill has left behind.
#[test]
fn json_comes_after_thoughts() {
    let world = World::new().with_caller(&["Hm, {", "</think>", "\n\n{\"a\"", ": 7}"]);
    world.edit("caller/tokenizer_config.json", |config| {
        let template = config["chat_template"].as_str().expect("a template");
        config["chat_template"] = format!("{template}{{{{ '<think>\n' }}}}").into();
    });
    // The integer is the model's to choose, and off its script its scores are equal but for rounding: no digit is asked for.
    let schema = r#"{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false}"#;
    world.write("a.json", schema);
    let held = world.run(&["generate", "x", "--chat", "-m", "caller", "--json-schema", "a.json"]).text();
    let value: serde_json::Value = serde_json::from_str(&held).unwrap_or_else(|error| panic!("{error}: {held}"));
    assert!(value["a"].is_i64(), "{held}");
    let free = world.run(&["generate", "x", "--chat", "-m", "caller"]).text();
    assert!(free.starts_with("Hm, {</think>"), "{free}");
}
