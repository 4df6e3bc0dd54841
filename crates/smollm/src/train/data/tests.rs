//! Data of recipes: made once, mixed as it says, and refused where they do not go together.

use super::*;
use smollm_testkit::byte_level;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const CHAT: &str = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;

struct World {
    folder: TempDir,
    tokenizer: Tokenizer,
    template: ChatTemplate,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        byte_level::write_tokenizer(&folder.path().join("model"), 320, true).unwrap();
        let text = TextParts::read(&ModelFiles::Directory(folder.path().join("model"))).unwrap();
        Self { folder, tokenizer: text.tokenizer.unwrap(), template: text.template.unwrap() }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn recipe(&self, kind: &str, data: &str) -> Recipe {
        let text = format!(
            "kind: {kind}\nmodel: ./model\noutput: run\noptimizer: {{learning_rate: 1}}\nbatch: {{rows: 2}}\n\
             duration: {{epochs: 1}}\ndata: {data}\n"
        );
        Recipe::read(&text, "r.yaml", self.folder.path(), &[], &|_| false).unwrap_or_else(|error| panic!("{error}"))
    }

    fn prepare(&self, recipe: &Recipe) -> Result<Prepared, Error> {
        prepare(recipe, &self.tokenizer, Some(&self.template), &mut |_, _| ControlFlow::Continue(()))
    }

    fn made(&self) -> Vec<PathBuf> {
        let mut made: Vec<PathBuf> =
            fs::read_dir(self.folder.path().join("run/data")).unwrap().map(|entry| entry.unwrap().path()).collect();
        made.sort();
        made
    }
}

#[test]
fn files_are_tokenised_once() {
    let world = World::new();
    world.write("chats/a.jsonl", &[CHAT; 6].join("\n"));
    world.write("chats/deeper/b.jsonl", CHAT);
    world.write("chats/readme.rst", "no data");
    let recipe = world.recipe("sft", "{sources: [{path: chats}], packing: none, sequence_length: 64}");
    let prepared = world.prepare(&recipe).unwrap();
    assert_eq!((prepared.training.rows(), prepared.counts.epoch_rows), (vec![7], 7));
    let counts = &prepared.counts.training[0];
    assert_eq!((counts.name.as_str(), counts.documents, counts.tally.examples), ("chats", 7, 7));
    // What the assistant says and the end of its turn.
    assert_eq!(prepared.training.batch(0..1).unwrap().supervised(), 2);
    let made = world.made();
    let time = |path: &PathBuf| fs::metadata(path.join("dataset.json")).unwrap().modified().unwrap();
    let before = time(&made[0]);
    world.prepare(&recipe).unwrap();
    assert_eq!(time(&made[0]), before);
    // What a process that died left behind is not in the way, and what one that is at work has is left alone.
    let data = world.folder.path().join("run/data");
    fs::create_dir_all(data.join("partial-1/00000.shard")).unwrap();
    fs::create_dir_all(data.join("partial-0")).unwrap();
    let at_work = fs::File::create(data.join("partial-0.lock")).unwrap();
    at_work.lock().unwrap();
    let other = world.recipe("sft", "{sources: [{path: chats}], packing: none, sequence_length: 64, loss: all}");
    assert!(world.prepare(&other).unwrap().training.batch(0..1).unwrap().supervised() > 2);
    assert!(data.join("partial-0").exists() && !data.join("partial-1").exists());
    assert_eq!(world.made().iter().filter(|path| path.join("dataset.json").exists()).count(), 2);
    world.write("chats/a.jsonl", &[CHAT; 5].join("\n"));
    assert_eq!(world.prepare(&recipe).unwrap().training.rows(), [6]);
}

#[test]
fn a_data_set_that_is_there_by_then_is_used() {
    let world = World::new();
    world.write("chats.jsonl", CHAT);
    let recipe = world.recipe("sft", "{sources: [{path: chats.jsonl}]}");
    let mut inner = 0;
    // While one process tokenises, another comes and is done before.
    let both = prepare(&recipe, &world.tokenizer, Some(&world.template), &mut |_, _| {
        inner += world.prepare(&recipe).unwrap().training.rows()[0];
        ControlFlow::Continue(())
    });
    assert_eq!((both.unwrap().training.rows(), inner), (vec![1], 1));
    let left: Vec<_> = world.made().into_iter().filter(|path| path.is_dir()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_template_that_tells_the_day_gives_other_data_each_day() {
    let world = World::new();
    world.write("chats.jsonl", CHAT);
    let source = format!("{{% set day = strftime_now('%d') %}}{}", world.template.source());
    let template = ChatTemplate::new(&source, &crate::special_tokens(Some(&world.tokenizer))).unwrap();
    let recipe = world.recipe("sft", "{sources: [{path: chats.jsonl}]}");
    let made = || {
        prepare(&recipe, &world.tokenizer, Some(&template), &mut |_, _| ControlFlow::Continue(())).unwrap();
        world.made().into_iter().filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let today = made().remove(0);
    let (hash, _) = today.file_name().unwrap().to_str().unwrap().split_once('-').unwrap();
    let before = today.with_file_name(format!("{hash}-2020-01-01"));
    fs::rename(&today, &before).unwrap();
    // A run that has begun goes on with the day of its data.
    world.write("run/recipe.yaml", "");
    assert_eq!(made(), std::slice::from_ref(&before));
    fs::remove_file(world.folder.path().join("run/recipe.yaml")).unwrap();
    assert_eq!(made().len(), 2);
}

#[test]
fn keys_that_a_ready_data_set_does_not_have_are_refused() {
    let world = World::new();
    world.write("chats.jsonl", CHAT);
    world.prepare(&world.recipe("sft", "{sources: [{path: chats.jsonl}], variables: {a: 1}}")).unwrap();
    let made = world.made()[0].display().to_string();
    let of = |source: &str, more: &str| {
        let data = format!("{{sources: [{{name: made, path: {made}{source}}}]{more}}}");
        world.prepare(&world.recipe("sft", &data)).map_err(|error| error.to_string())
    };
    of("", "").unwrap();
    of("", ", variables: {a: 1}, on_lost: skip").unwrap();
    for (source, more, expected) in [
        (", text_column: a", "", "made: is a data set, of which `text_column`"),
        (", documents: lines", "", "made: is a data set, of which `documents`"),
        (", separator: x", "", "made: is a data set, of which `separator`"),
        ("", ", max_tokens: 9", "made: was made with max_tokens 2048, but `data.max_tokens` is `9`"),
        ("", ", max_tokens: none", "made: was made with max_tokens 2048, but `data.max_tokens` is `none`"),
        ("", ", end_token: false", "but `data.end_token` is `false`"),
        ("", ", parse_special: false", "made: was made with parse_special true"),
        ("", ", variables: {a: 2}", "made: was made with variables {\"a\":1}"),
    ] {
        let error = of(source, more).unwrap_err();
        assert!(error.contains(expected), "{error}\n{expected}");
    }
    let with_template =
        Recipe { template: Some("t".into()), ..world.recipe("sft", &format!("{{sources: [{{path: {made}}}]}}")) };
    world.prepare(&with_template).unwrap();
    let other = ChatTemplate::new("{{ messages }}", &[]).unwrap();
    let error = prepare(&with_template, &world.tokenizer, Some(&other), &mut |_, _| ControlFlow::Continue(()));
    assert!(error.unwrap_err().to_string().contains("another template"));
}

#[test]
fn a_tokenizer_that_is_not_there_is_told_by_its_key() {
    let world = World::new();
    let text = "kind: pretrain\ninit: {shape: smollm2-135m}\ntokenizer: ./none\noutput: run\noptimizer: {learning_rate: 1}\n\
                batch: {rows: 2}\nduration: {steps: 1}\ndata: {sources: [{path: a.txt}]}\n";
    let recipe = Recipe::read(text, "r.yaml", world.folder.path(), &[], &|_| false).unwrap();
    let error = text_parts(&recipe, &smollm_hub::Silent).unwrap_err().to_string();
    assert!(error.starts_with("`tokenizer` of the recipe: "), "{error}");
}

#[test]
fn a_mix_is_what_the_recipe_says() {
    let world = World::new();
    let text = |count: usize, word: &str| {
        (0..count).map(|number| format!("{{\"text\": \"{word} {number}\"}}\n")).collect::<String>()
    };
    world.write("a.jsonl", &text(30, "one"));
    world.write("b.jsonl", &text(10, "two"));
    let sources = |a: &str, b: &str| {
        format!("{{packing: none, sequence_length: 64, sources: [{{path: a.jsonl{a}}}, {{path: b.jsonl{b}}}]}}")
    };
    let given = |data: &str| {
        let prepared = world.prepare(&world.recipe("pretrain", data)).unwrap();
        (prepared.counts.epoch_rows, prepared.training.given(40))
    };
    assert_eq!(given(&sources("", "")), (40, vec![30, 10]));
    assert_eq!(given(&sources("", ", repeat: 3")), (60, vec![20, 20]));
    assert_eq!(given(&sources(", weight: 1", ", weight: 3")), (40, vec![10, 30]));
    let held = sources("", "").replace("packing", "validation: {fraction: 0.3}, packing");
    let prepared = world.prepare(&world.recipe("pretrain", &held)).unwrap();
    let validation = prepared.validation.unwrap();
    let (learnt, held) = (prepared.training.rows(), validation.rows());
    assert_eq!(learnt[0] + held[0], 30);
    assert_eq!(held.iter().sum::<u64>(), prepared.counts.validation.iter().map(|counts| counts.rows).sum::<u64>());
    // In its order, each row once.
    let mut documents: Vec<_> =
        validation.batch(0..held.iter().sum()).unwrap().spans.iter().map(|span| (span.source, span.document)).collect();
    documents.sort_unstable();
    documents.dedup();
    assert_eq!(documents.len() as u64, held.iter().sum::<u64>());
}

#[test]
fn what_does_not_go_together_is_refused() {
    let world = World::new();
    world.write("chats.jsonl", CHAT);
    world.write("pairs.jsonl", r#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#);
    world.write("other.csv", "");
    world.write("empty/readme", "");
    let all = world.recipe("sft", "{sources: [{path: chats.jsonl}], loss: all}");
    world.prepare(&all).unwrap();
    let made = world.made()[0].display().to_string();
    let fault = |kind: &str, data: &str| world.prepare(&world.recipe(kind, data)).unwrap_err().to_string();
    let cases = [
        ("dpo", "{sources: [{path: chats.jsonl}]}".to_owned(), "chats.jsonl: has no preference pairs"),
        ("sft", "{sources: [{path: pairs.jsonl}]}".to_owned(), "pairs.jsonl: has preference pairs"),
        ("sft", "{sources: [{path: none.jsonl}]}".to_owned(), "none.jsonl: No such file"),
        ("sft", "{sources: [{path: other.csv}]}".to_owned(), "other.csv: the name tells of no known form"),
        ("sft", "{sources: [{path: empty}]}".to_owned(), "empty has no file of a known form"),
        ("sft", "{sources: [{path: none-*.jsonl}]}".to_owned(), "none-*.jsonl has no file of a known form"),
        (
            "sft",
            format!("{{sources: [{{name: made, path: {made}}}]}}"),
            "made: was made with --loss all, but `data.loss` is `answers`",
        ),
        (
            "sft",
            format!("{{sources: [{{name: two, path: [chats.jsonl, {made}]}}]}}"),
            "is a data set, which is a source by itself",
        ),
        (
            "sft",
            "{sources: [{path: chats.jsonl}], validation: {fraction: 1e-9}}".to_owned(),
            "data.validation: holds nothing out",
        ),
    ];
    for (kind, data, expected) in cases {
        let message = fault(kind, &data);
        let missing = ["No such file", "no file of a known form"].iter().any(|words| expected.contains(words));
        assert_ne!(are_at_hand(&world.recipe(kind, &data)), missing || expected.contains("by itself"), "{data}");
        assert!(message.contains(expected), "{message}\n{expected}");
    }
    // A data set of another tokenizer.
    let other = Tokenizer::from_json(byte_level::tokenizer_json(300).to_string().as_bytes(), "other").unwrap();
    let recipe = world.recipe("sft", &format!("{{loss: all, sources: [{{path: {made}}}]}}"));
    let error = prepare(&recipe, &other, None, &mut |_, _| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.contains("was made with another tokenizer"), "{error}");
    world.prepare(&recipe).unwrap();
}

#[test]
fn it_stops_where_it_is_told_to_and_leaves_nothing_that_is_taken_for_data() {
    let world = World::new();
    world.write("chats.jsonl", CHAT);
    let recipe = world.recipe("sft", "{sources: [{path: chats.jsonl}]}");
    let stop: &mut Watch<'_> = &mut |_, _| ControlFlow::Break(());
    let stopped = prepare(&recipe, &world.tokenizer, Some(&world.template), stop).unwrap_err();
    assert!(matches!(stopped, Error::Interrupted), "{stopped}");
    world.prepare(&recipe).unwrap();
}
