//! `smollm world`, `verify`, `demo` and the small tools: what is made of a seed, and what a model that learnt from it knows.

use crate::world::{World, finished};
use serde_json::Value;
use smollm_testkit::repository;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_same_seed_makes_the_same_world() {
    let world = World::new();
    let make = |folder: &str, seed: &str| {
        world.run(&["world", folder, "--seed", seed, "--scale", "0.01", "--json", "-q"]).json()
    };
    let first = make("a", "7");
    make("b/", "7");
    make("c", "8");
    let files: Vec<&str> = first["files"].as_array().unwrap().iter().filter_map(|file| file["file"].as_str()).collect();
    assert!(files.len() > 25, "{files:?}");
    for file in &files {
        let read = |folder: &str| world.read(&format!("{folder}/{file}"));
        assert_eq!(read("a"), read("b"), "{file}");
        assert_ne!(read("a"), read("c"), "{file}");
    }
    let records = |file: &str| String::from_utf8(world.read(&format!("a/{file}"))).unwrap().lines().count();
    for file in files.iter().filter(|file| file.starts_with("held-out/")) {
        assert_eq!(records(file), 2_000, "{file}");
    }
    let again = world.run(&["world", "a"]);
    assert!(again.error(1).starts_with("error: a is there already"), "{again:?}");
    assert!(world.run(&["world", "d", "--scale", "0"]).error(2).contains("--scale must be more than 0"));
    assert!(!world.path("d").exists());
}

/// What another has under the name of a half-made world stays; what a process that was killed left behind is made anew.
#[test]
fn a_world_is_made_beside_its_place() {
    let world = World::new();
    world.write("a.partial/mine.txt", "mine");
    let refused = world.run(&["world", "a", "--scale", "0.01"]);
    assert!(
        refused.error(1).contains("a.partial is in use or has something that is not part of a world"),
        "{refused:?}"
    );
    assert_eq!(world.read("a.partial/mine.txt"), b"mine");
    world.write("b.partial/smollm-world.lock", "");
    world.write("b.partial/texts/half.jsonl", "{");
    world.run(&["world", "b", "--scale", "0.01", "-q"]).text();
    for gone in ["b.partial", "b/smollm-world.lock", "b/texts/half.jsonl"] {
        assert!(!world.path(gone).exists(), "{gone}");
    }
}

/// Nothing that is held out is asked in what is learnt, and the answer that stands beside each item passes its check.
#[test]
fn what_is_held_out_is_withheld() {
    let world = World::new();
    world.run(&["world", "w", "--scale", "0.5", "-q"]).text();
    let asked = |file: &str| -> Vec<String> {
        let lines = String::from_utf8(world.read(file)).unwrap();
        let of_line = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            let messages = record["messages"].as_array().unwrap().clone();
            let last = messages.iter().rposition(|message| message["role"] == "user").unwrap();
            Value::from(messages[..=last].to_vec()).to_string() + &record["tools"].to_string()
        };
        lines.lines().map(of_line).collect()
    };
    for kind in ["facts", "follow-ups", "refusals", "arithmetic", "instructions", "rewriting", "summaries", "calls"] {
        let learnt: std::collections::HashSet<String> = asked(&format!("w/chats/{kind}.jsonl")).into_iter().collect();
        let held_out = asked(&format!("w/held-out/{kind}.jsonl"));
        let leaks: Vec<&String> = held_out.iter().filter(|asked| learnt.contains(*asked)).collect();
        assert!(leaks.is_empty(), "{kind}: {} of {} are learnt, as {}", leaks.len(), held_out.len(), leaks[0]);
    }
    // of what was written by hand only that is learnt of which it says so
    let typed = |text: &Value| text.as_str().unwrap_or_default().trim_end_matches(['.', '?', '!']).to_lowercase();
    let said = |record: &Value| -> Vec<String> {
        let messages = record["messages"].as_array().unwrap().iter();
        messages.filter(|message| message["role"] == "user").map(|message| typed(&message["content"])).collect()
    };
    let mut learnt = std::collections::HashSet::new();
    for entry in std::fs::read_dir(world.path("w/chats")).unwrap() {
        for line in std::fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            let said = said(&serde_json::from_str(line).unwrap());
            learnt.extend((1..=said.len()).map(|turns| said[..turns].to_vec()));
        }
    }
    let by_hand = std::fs::read_to_string(repository().join("recipes/nano/hand-written.jsonl")).unwrap();
    for line in by_hand.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert!(record["learnt"] == true || !learnt.contains(&said(&record)), "{line}");
    }
    assert_eq!(by_hand.lines().count(), 100);
}

/// What the dirty web leaks are items that are held out, and the truth says which.
#[test]
fn leaks_are_of_what_is_held_out() {
    let world = World::new();
    world.run(&["world", "w", "--scale", "0.1", "-q"]).text();
    let lines = |file: &str| -> Vec<Value> {
        let text = String::from_utf8(world.read(file)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (items, pages) = (lines("w/held-out/facts.jsonl"), lines("w/web/pages.jsonl"));
    let truths = lines("w/web/truth.jsonl");
    let mut leaked = std::collections::HashSet::new();
    for (page, truth) in pages.iter().zip(&truths) {
        assert_eq!(page["id"], truth["id"]);
        let Some(number) = truth["item"].as_u64() else { continue };
        let item = &items[number as usize];
        for text in [&item["messages"][0]["content"], &item["answer"]["content"]] {
            assert!(page["text"].as_str().unwrap().contains(text.as_str().unwrap()), "{item} {page}");
        }
        leaked.insert(number);
    }
    assert!(leaked.len() > 10, "{leaked:?}");
}

#[test]
fn items_are_tried_and_counted() {
    let world = World::new().with_scripted().with_random();
    let item = |question: &str, check: &str| {
        format!("{{\"messages\": [{{\"role\": \"user\", \"content\": \"{question}\"}}], \"check\": {check}}}\n")
    };
    let says = |what: &str| item("a", &format!("{{\"check\": \"mentions\", \"any\": [\"{what}\"]}}"));
    world.write("right.jsonl", [says("hi"), says("nothing"), says("HI")].concat());
    world.write("texts.jsonl", "{\"prompt\": \"a\", \"completion\": \"bc\", \"nats\": 1.5}\n");
    let pair = "{\"prompt\": [{\"role\": \"user\", \"content\": \"a\"}], \"chosen\": [{\"role\": \"assistant\", \"content\": \"b\"}], \
                \"rejected\": [{\"role\": \"assistant\", \"content\": \"c\"}]}\n";
    world.write("pairs.jsonl", pair);
    let done = world.run(&[
        "verify",
        "-m",
        "scripted",
        "right.jsonl",
        "texts.jsonl",
        "pairs.jsonl",
        "--json",
        "--output",
        "o.jsonl",
        "-q",
    ]);
    let rows: Vec<Value> = done.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&rows[0]["kind"], &rows[0]["right"], &rows[0]["items"]), (&"right".into(), &2.into(), &3.into()));
    assert!(
        (rows[1]["loss"].as_f64().unwrap() - rows[1]["entropy"].as_f64().unwrap() - rows[1]["gap"].as_f64().unwrap())
            .abs()
            < 1e-9
    );
    assert_eq!((&rows[2]["kind"], &rows[2]["items"]), (&"pairs".into(), &1.into()));
    let outcomes = String::from_utf8(world.read("o.jsonl")).unwrap();
    assert_eq!(outcomes.lines().count(), 5);
    assert!(outcomes.lines().next().unwrap().contains("\"passed\":true"), "{outcomes}");
    let cases: [(&str, &str, &str); 7] = [
        ("\n \n", "scripted", "error: x.jsonl: holds no items"),
        (
            "{\"messages\": [], \"check\": {\"check\": \"exact\", \"answers\": []}}\n",
            "scripted",
            "error: x.jsonl: line 1: `exact` without `answers` is passed by nothing",
        ),
        (
            "{\"prompt\": [], \"completion\": \"a\", \"nats\": 1}\n",
            "scripted",
            "error: x.jsonl: line 1: `prompt` must be a string beside `completion`",
        ),
        ("{\"messages\": []}\n", "scripted", "error: x.jsonl: line 1: is no item"),
        (
            "{\"messages\": [], \"check\": {\"check\": \"guess\"}}\n",
            "scripted",
            "error: x.jsonl: line 1: unknown variant `guess`",
        ),
        ("\n{\n", "scripted", "error: x.jsonl: line 2: "),
        (
            "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"check\": {\"check\": \"refuses\"}}\n",
            "random",
            "error: random has no chat template",
        ),
    ];
    for (text, model, expected) in cases {
        world.write("x.jsonl", text);
        let done = world.run(&["verify", "-m", model, "x.jsonl", "-q"]);
        assert!(done.error(1).starts_with(expected), "{done:?}");
    }
}

/// What cannot be tried is wrong and said; what claims not to know is counted; texts keep to a row of their own.
#[test]
fn odd_items_are_told() {
    let world = World::new().with_caller(&["I do not know."]).with_scripted();
    let user = |text: &str| format!("[{{\"role\": \"user\", \"content\": \"{text}\"}}]");
    let exercise =
        |text: &str, check: &str| format!("{{\"messages\": {}, \"check\": {{\"check\": {check}}}}}\n", user(text));
    let rows = |arguments: &[&str]| -> Vec<Value> {
        let done = world.run(&[&["verify", "--json", "-q"], arguments].concat());
        done.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    world.write(
        "asked.jsonl",
        [
            exercise("a", "\"refuses\""),
            exercise("b", "\"mentions\", \"any\": [\"Oslo\"]"),
            exercise("c", "\"mentions\", \"any\": [\"know\"]"),
        ]
        .concat(),
    );
    let row = &rows(&["-m", "caller", "asked.jsonl"])[0];
    assert_eq!((&row["right"], &row["refused"], &row["failed"]), (&2.into(), &2.into(), &0.into()), "{row}");
    let first = &rows(&["-m", "caller", "asked.jsonl", "--first", "1"])[0];
    assert_eq!((&first["items"], &first["refused"]), (&1.into(), &0.into()), "{first}");
    assert!(world.run(&["verify", "-m", "caller", "asked.jsonl", "--first", "0"]).error(2).contains("at least 1"));

    // the context is 512 tokens
    let long = "ab ".repeat(600);
    let text = |prompt: &str, completion: &str| {
        format!("{{\"prompt\": \"{prompt}\", \"completion\": \"{completion}\", \"nats\": 2}}\n")
    };
    let pair = |prompt: &str, chosen: &str| {
        format!(
            "{{\"prompt\": {prompt}, \"chosen\": {{\"role\": \"assistant\", \"content\": \"{chosen}\"}}, \
             \"rejected\": {{\"role\": \"assistant\", \"content\": \"c\"}}}}\n"
        )
    };
    world.write(
        "mixed.jsonl",
        [
            exercise("a", "\"answers\""),
            text("a", "b"),
            exercise(&long, "\"answers\""),
            text("", "b"),
            text("", ""),
            text("a", &long),
            pair(&user("a"), &long),
            pair("[3]", "b"),
            exercise("a", "\"answers\""),
        ]
        .concat(),
    );
    let rows = rows(&["-m", "scripted", "mixed.jsonl", "-o", "o.jsonl"]);
    let counts: Vec<_> = rows.iter().map(|row| (row["items"].as_u64(), row["failed"].as_u64())).collect();
    assert_eq!(counts, [(Some(5), Some(3)), (Some(4), Some(3))], "{rows:?}");
    assert_eq!((&rows[0]["right"], &rows[1]["entropy"]), (&2.into(), &1.0.into()), "{rows:?}");
    let outcomes = String::from_utf8(world.read("o.jsonl")).unwrap();
    let failed: Vec<bool> = outcomes.lines().map(|line| line.contains("\"failed\":\"")).collect();
    assert_eq!(failed, [false, false, true, true, true, true, true, true, false], "{outcomes}");
}

/// An answer's calls are those that a chat would make of it: the list of SmolLM2, or the single calls of SmolLM3.
#[test]
fn calls_are_read_as_chats_read_them() {
    let one = "{\"name\": \"f\", \"arguments\": {\"a\": 1}}";
    for (said, right) in
        [(format!("[{one}]"), 1), (one.to_owned(), 1), ("[{\"name\": \"f\"}]".to_owned(), 0), ("f".to_owned(), 0)]
    {
        let world = World::new().with_caller(&[&format!("<tool_call>{said}</tool_call>")]);
        let item = format!(
            "{{\"messages\": [{{\"role\": \"user\", \"content\": \"a\"}}], \"check\": {{\"check\": \"calls\", \"calls\": [{one}]}}}}\n"
        );
        world.write("calls.jsonl", item);
        let row = world.run(&["verify", "-m", "caller", "calls.jsonl", "--json", "-q"]).json();
        assert_eq!(row["right"], right, "{said}: {row}");
    }
}

#[test]
fn small_tools_ask_in_the_words_of_the_card() {
    let world = World::new().with_caller(&["Done."]);
    for tool in ["summarize", "rewrite", "title"] {
        assert_eq!(world.run(&[tool, "-m", "caller", "Dear Ann, come at 5."]).text(), "Done.\n", "{tool}");
        assert!(world.run_on(" \n", &[tool, "-m", "caller"]).error(2).contains("the text is empty"));
    }
    let asked = world.run(&["summarize", "-m", "caller", "Ann comes.", "--ask", "Who?", "--ask", "When?"]).text();
    assert_eq!(asked, "Done.\nDone.\nDone.\n");
    assert!(world.run(&["summarize", "-m", "caller", "a", "--ask", " "]).error(2).contains("the question is empty"));
    assert_eq!(world.run(&["rewrite", "-m", "caller", "--tone", "professional", "a"]).text(), "Done.\n");
    world.write("letter.txt", b"Come at five.");
    let note = world.run(&["title", "-m", "caller", "letter.txt"]).err;
    assert_eq!(note, "note: \"letter.txt\" is taken for the text itself; --file letter.txt reads the file\n");
    assert_eq!(world.run(&["title", "-m", "caller", "--file", "letter.txt"]).err, "");
    assert!(world.run(&["rewrite", "-m", "caller", "--tone", "rude", "a"]).error(2).contains("rude"));
}

/// The demo in its shortest form: it trains, says something that it has learnt, and goes on where it was broken off.
#[test]
fn a_demo_learns() {
    let world = World::new();
    let demo = ["demo", "nano", "--size", "smoke", "-o", "nano"];
    let done = world.run(&demo);
    assert_eq!(done.code, Some(0), "{done:?}");
    let rows = |name: &str| -> Vec<Value> {
        let text = String::from_utf8(world.read(&format!("nano/{name}.jsonl"))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    for row in rows("results/pretrain") {
        // ln 4096 = 8.3 is what a model that has learnt nothing needs
        assert!(row["loss"].as_f64().unwrap() < 3.0, "{row}");
    }
    // what conversations say is learnt on top: after the texts alone an answer costs 3.1 nats per token (it came to 2.65)
    let of_run = rows("runs/sft/metrics");
    let (first, last) = (&of_run[0], of_run.last().unwrap());
    assert!(first["loss"].as_f64().unwrap() > 2.95, "{first}");
    assert!(last["eval_loss"].as_f64().unwrap() < 2.8, "{last}");
    // and in what form: every rewrite of the world begins with a greeting (20 of 20 did)
    let greets = |answer: &&Value| {
        let said = answer["answer"].as_str().unwrap_or_default();
        answer["kind"] == "rewriting" && ["Hi", "Hello"].iter().any(|greeting| said.starts_with(greeting))
    };
    let answers = rows("results/sft-answers");
    assert!(answers.iter().filter(greets).count() >= 14, "{answers:?}");
    let steps = rows("steps");
    assert_eq!(steps.len(), 13);
    assert!(steps.iter().all(|step| step["done"] == true && step["seconds"].as_f64().unwrap() > 0.0), "{steps:?}");
    let report = String::from_utf8(world.read("nano/report.html")).unwrap();
    assert!(report.contains("On what was held out") && report.contains("hand-written"), "{report}");

    let before = world.read("nano/nano-q8_0.gguf");
    std::fs::remove_file(world.path("nano/nano-q8_0.gguf")).unwrap();
    let again = world.run(&demo);
    assert_eq!(again.err.matches("done before").count(), 12, "{again:?}");
    assert_eq!(world.read("nano/nano-q8_0.gguf"), before);
}

/// A demo keeps to its folder: it goes on after an interrupt, is alone there, and is not mixed with another.
#[test]
fn a_demo_has_its_folder() {
    let world = World::new();
    let demo = |size: &str, seed: &str| {
        world.command(&["demo", "nano", "--size", size, "--seed", seed, "-o", "nano"]).spawn().unwrap()
    };
    let first = demo("smoke", "3");
    let started = Instant::now();
    while !world.path("nano/world").exists() {
        assert!(started.elapsed() < Duration::from_secs(300), "there is no world");
        std::thread::sleep(Duration::from_millis(5));
    }
    let beside = finished(demo("smoke", "3"), b"");
    assert_eq!(beside.error(1), "error: nano: another demo is at work in this folder");
    // it asks the step to end that it waits for
    assert!(Command::new("kill").args(["-TERM", &first.id().to_string()]).status().unwrap().success());
    let stopped = finished(first, b"");
    assert_eq!(stopped.code, Some(1), "{stopped:?}");
    let last = stopped.err.lines().last().unwrap();
    assert!(last.starts_with("error: interrupted at step "), "{stopped:?}");
    assert!(!stopped.err.contains("did not end by itself"), "{stopped:?}");
    assert!(world.path("nano/world/world.json").exists() && !world.path("nano/report.html").exists());

    for (size, seed) in [("nano", "3"), ("smoke", "4")] {
        let other = finished(demo(size, seed), b"");
        assert!(other.error(1).starts_with("error: nano: is the folder of another demo (demo.txt says which)"));
        assert!(other.error(1).contains("--size smoke --seed 3"), "{other:?}");
    }
    world.write("mine/world/notes.txt", "mine");
    let mine = world.run(&["demo", "nano", "-o", "mine"]);
    assert!(mine.error(1).starts_with("error: mine: has world already"), "{mine:?}");
    assert!(!world.path("mine/demo.txt").exists() && !world.path("mine/sft.yaml").exists());
}
