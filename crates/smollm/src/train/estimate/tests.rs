//! Estimates beside what is known of the released models.

use super::*;
use crate::train::data::Counts;
use smollm_corpus::examples::Tally;
use std::path::Path;

fn recipe(more: &str) -> Recipe {
    let text = format!(
        "kind: pretrain\ninit: {{shape: smollm2-135m}}\ntokenizer: t\noutput: o\noptimizer: {{learning_rate: 1}}\n\
         batch: {{rows: 512, micro_rows: 4}}\nduration: {{steps: 2_000_000}}\n{more}"
    );
    let data = "data: {sources: [{path: a}], packing: wrapped, sequence_length: 2048}\n";
    Recipe::read(&format!("{text}{data}"), "r", Path::new("/"), &[], &|_| false).unwrap_or_else(|e| panic!("{e}"))
}

fn counts(rows: u64, row_tokens: u64) -> FeedCounts {
    let tokens = rows * row_tokens;
    let tally = Tally { tokens, supervised: tokens, ..Tally::default() };
    let training = vec![Counts { name: "a".into(), documents: rows, tokens, rows, tally }];
    FeedCounts { training, validation: Vec::new(), epoch_rows: rows }
}

fn estimate(recipe: &Recipe, config: &ModelConfig, counts: &FeedCounts, basis: Basis) -> Estimate {
    super::estimate(recipe, config, counts, basis).expect("the adapters fit")
}

fn model() -> ModelConfig {
    smollm_model::preset("smollm2-135m").expect("a released shape")
}

#[test]
fn the_released_model_takes_what_is_known_of_it() {
    let estimate = estimate(&recipe(""), &model(), &counts(1_000_000, 2048), Basis::MeasuredFlops(1e12));
    assert_eq!((estimate.parameters, estimate.learnt), (134_515_008, 134_515_008));
    // 2 M steps of 1,048,576 tokens: 2.097 T (section 4.1 of the system's reference).
    assert_eq!((estimate.steps, estimate.tokens_per_step, estimate.tokens), (2_000_000, 1_048_576.0, 2.097152e12));
    assert_eq!(estimate.epochs, Some(1024.0));
    // Six operations for each weight and token, and attention to 1,024 tokens on average.
    let expected = 6.0 * 134_479_872.0 + 3.0 * 4.0 * 30.0 * 576.0 * 1024.5;
    assert!((estimate.work.per_token / expected - 1.0).abs() < 1e-3, "{:e} {expected:e}", estimate.work.per_token);
    // f32 weights, gradients and two moments: 16 bytes a weight; two bf16 copies: 4.
    let memory = estimate.memory;
    assert_eq!(memory.weights + memory.gradients + memory.moments, 16 * 134_515_008);
    assert_eq!(memory.compute_weights + memory.turned_weights, 4 * 134_479_872);
    assert_eq!(estimate.seconds, estimate.work.total() / 1e12);
    insta::assert_snapshot!(estimate.to_string());
    insta::assert_snapshot!("as_json", format!("{:#}", estimate.to_json()));
}

#[test]
fn data_that_are_not_at_hand_are_full_rows() {
    let recipe = recipe("");
    let counts = FeedCounts::of_full_rows(&recipe).unwrap();
    let of_full = estimate(&recipe, &model(), &counts, Basis::MeasuredFlops(1e12));
    let known = estimate(&recipe, &model(), &self::counts(1_000_000, 2048), Basis::MeasuredFlops(1e12));
    assert_eq!(Estimate { epochs: known.epochs, epoch_rows: known.epoch_rows, ..of_full.clone() }, known);
    assert!(of_full.to_string().contains("the data were not looked at"));
    let epochs = Recipe { duration: crate::train::recipe::Duration::Epochs(1.0), ..recipe };
    assert_eq!(FeedCounts::of_full_rows(&epochs), None);
}

#[test]
fn recomputing_trades_memory_for_work() {
    let all = estimate(&recipe(""), &model(), &counts(1000, 2048), Basis::MeasuredFlops(1e12));
    let again = recipe("compute: {activations: recompute, dtype: f32}\n");
    let less = estimate(&again, &model(), &counts(1000, 2048), Basis::MeasuredFlops(1e12));
    assert!(less.memory.activations * 9 < all.memory.activations);
    assert!(less.work.per_token > all.work.per_token * 1.2);
    assert_eq!(less.memory.turned_weights, 2 * all.memory.turned_weights);
}

#[test]
fn adapters_are_as_many_as_the_reference_says() {
    for (shape, learnt) in [("smollm2-135m", 921_600), ("smollm2-360m", 1_638_400), ("smollm2-1.7b", 3_145_728)] {
        let text = "kind: sft\nmodel: m\noutput: o\noptimizer: {learning_rate: 1}\nbatch: {rows: 4}\nduration: {steps: 10}\n\
                    data: {sources: [{path: a}]}\nlora: {rank: 16, alpha: 32}\n";
        let recipe = Recipe::read(text, "r", Path::new("/"), &[], &|_| false).unwrap();
        let config = smollm_model::preset(shape).unwrap();
        let estimate = estimate(&recipe, &config, &counts(1000, 2048), Basis::MeasuredTokensPerSecond(100.0));
        assert_eq!(estimate.learnt, learnt);
        assert_eq!(estimate.memory.moments, 8 * learnt);
        assert_eq!(estimate.seconds, estimate.tokens / 100.0);
    }
}

#[test]
fn pairs_have_a_reference_and_held_out_rows_are_counted() {
    let text = |reference: &str| {
        format!(
            "kind: dpo\nmodel: m\noutput: o\noptimizer: {{learning_rate: 1}}\nbatch: {{rows: 10}}\nduration: {{epochs: 3}}\n\
             objective: {{reference: {reference}}}\ndata: {{sources: [{{path: a}}], validation: {{fraction: 0.5}}}}\n\
             evaluation: {{every_steps: 10, rows: 5}}\n"
        )
    };
    let counts = FeedCounts { validation: counts(10, 100).training, ..counts(1000, 100) };
    let of = |reference: &str| {
        let recipe = Recipe::read(&text(reference), "r", Path::new("/"), &[], &|_| false).unwrap();
        estimate(&recipe, &model(), &counts, Basis::MeasuredFlops(1e12))
    };
    let (before, live) = (of("precomputed"), of("live"));
    assert_eq!(before.steps, 300);
    assert_eq!(live.work.reference, 3.0 * before.work.reference);
    // 30 evaluations of half of 10 rows: the tokens of 150 rows, and the reference those of 1,000.
    assert!((before.work.evaluations / before.work.reference - 0.15).abs() < 1e-9);
    // Two bf16 copies of the matrices, for as long as it is asked.
    assert_eq!([before, live].map(|estimate| estimate.memory.reference), [4 * 134_479_872; 2]);
}

#[test]
fn the_base_of_adapters_is_asked_in_each_step() {
    let text = "kind: dpo\nmodel: m\noutput: o\noptimizer: {learning_rate: 1}\nbatch: {rows: 10}\nduration: {epochs: 3}\n\
                data: {sources: [{path: a}]}\nlora: {rank: 4, alpha: 8}\n";
    let of = |set: &[String]| {
        let recipe = Recipe::read(text, "r", Path::new("/"), set, &|_| false).unwrap();
        estimate(&recipe, &model(), &counts(1000, 100), Basis::MeasuredFlops(1e12))
    };
    let (said_before, live) = (of(&[]), of(&["objective.reference=live".into()]));
    assert_eq!(said_before, live);
    assert_eq!(live.memory.reference, 0);
}

#[test]
fn what_is_learnt_is_what_the_trainer_learns() {
    let text = "kind: sft\nmodel: m\noutput: o\noptimizer: {learning_rate: 1}\nbatch: {rows: 4}\nduration: {steps: 10}\n\
                data: {sources: [{path: a}]}\nlora: {rank: 2, alpha: 4, target_modules: [self_attn.q_proj], modules_to_save: [norm]}\n";
    let read = |set: &[String]| Recipe::read(text, "r", Path::new("/"), set, &|_| false).unwrap();
    let estimate = estimate(&read(&[]), &model(), &counts(1000, 2048), Basis::MeasuredFlops(1e12));
    // By the ends of names `norm` is each of the 61 norms.
    assert_eq!(estimate.learnt, 30 * 2 * (576 + 576) + 61 * 576);
    // Only one layer has a pair, and one that the model has not is refused.
    let one = ["lora.target_modules=[layers.3.mlp.up_proj]".into(), "lora.modules_to_save=[]".into()];
    let of = |recipe: &Recipe| super::estimate(recipe, &model(), &counts(1000, 2048), Basis::MeasuredFlops(1e12));
    assert_eq!(of(&read(&one)).unwrap().learnt, 2 * (576 + 1536));
    let none = read(&["lora.target_modules=[layers.30.mlp.up_proj]".into()]);
    assert!(of(&none).unwrap_err().to_string().contains("layers.30.mlp.up_proj"));
}

#[test]
fn what_is_not_learnt_is_told() {
    let mut counts = counts(1000, 2048);
    let all = estimate(&recipe(""), &model(), &counts, Basis::MeasuredFlops(1e12));
    assert!(!all.to_string().contains("skipped"));
    let tally = &mut counts.training[0].tally;
    (tally.truncated, tally.cut_tokens, tally.answers_cut, tally.skipped) = (1200, 34_000, 5, 6);
    let some = estimate(&recipe(""), &model(), &counts, Basis::MeasuredFlops(1e12));
    for (name, value) in
        [("truncated", "1,200 documents (34,000 tokens cut away)"), ("answers lost", "5"), ("skipped", "6")]
    {
        assert!(some.to_string().contains(&format!("{name:<24} {value}\n")), "{some}");
        let of_report = crate::train::telemetry::data_results(&counts);
        assert!(of_report.contains(&(name.to_owned(), value.to_owned())), "{of_report:?}");
    }
    assert_eq!(some.to_json()["lost"]["skipped"], 6);
}

#[test]
fn numbers_are_for_people() {
    use super::table::{bytes, duration, grouped};
    assert_eq!([0.0, 999.0, 1000.0, 1234567.8].map(grouped), ["0", "999", "1,000", "1,234,568"]);
    assert_eq!([512, 3 << 20, 5 << 30].map(bytes), ["0.5 KiB", "3.0 MiB", "5.00 GiB"]);
    let times = [0.5, 59.96, 61.0, 3600.0, 90_000.0, 4e8].map(duration);
    assert_eq!(times, ["0.50 s", "60.0 s", "1 min 1 s", "1 h 0 min", "1 d 1 h", "12 years 246 d"]);
}
