//! What an engine expects a new request to wait, beside what it then waits.

mod load;
mod tiny_model;

use load::{engine, request};
use smollm_engine::{Engine, EngineOptions, Submission};
use std::time::Duration;
use tiny_model::tiny;

fn step(engine: &mut Engine) {
    engine.step(&mut || None, &mut |_, _| {});
}

/// Steps until nobody waits, and how many there were.
fn steps_until_admitted(engine: &mut Engine) -> f64 {
    let mut steps = 0.0;
    while engine.stats().waiting > 0 {
        step(engine);
        steps += 1.0;
    }
    steps
}

#[test]
fn a_place_is_expected_when_answers_end() {
    let options = EngineOptions { max_running: 2, draft_tokens: 0, ..EngineOptions::default() };
    let mut engine = engine(&tiny(), &options);
    let submit = |engine: &mut Engine, tokens| {
        engine.submit(Submission::new(vec![5, 6, 7], request(tokens, 0.0, 0))).unwrap();
    };
    assert_eq!(engine.stats().wait.place_s, 0.0);
    submit(&mut engine, 40);
    step(&mut engine);
    assert_eq!(engine.stats().wait.place_s, 0.0, "a place is free");
    submit(&mut engine, 100);
    step(&mut engine);
    // Both are taken, one for 38 tokens more, the other for 99. Who comes takes the first, and the next waits for it too.
    let next = engine.stats().wait;
    submit(&mut engine, 20);
    let after = engine.stats().wait;
    assert!((after.place_s / next.place_s - f64::from(38 + 20) / 38.0).abs() < 1e-9, "{after:?} after {next:?}");
    assert!(after.behind(3, 0) > after.behind(2, 0) && after.behind(2, 0) > Duration::ZERO);
    submit(&mut engine, 1);
    assert_eq!(steps_until_admitted(&mut engine), f64::from(38 + 20 + 1), "as it was expected");
    while !engine.is_idle() {
        step(&mut engine);
    }
    assert_eq!(engine.stats().wait.behind(0, 0), Duration::ZERO);
}

/// What is told between the step in which answers end and the one in which those that wait take their places.
#[test]
fn places_that_have_become_free_belong_to_those_who_wait() {
    let options = EngineOptions { max_running: 2, draft_tokens: 0, ..EngineOptions::default() };
    let mut engine = engine(&tiny(), &options);
    for tokens in [10, 10, 50, 50, 50] {
        engine.submit(Submission::new(vec![5, 6, 7], request(tokens, 0.0, 0))).unwrap();
    }
    while engine.stats().running > 0 || engine.stats().generated_tokens == 0 {
        step(&mut engine);
    }
    let between = engine.stats();
    assert_eq!((between.running, between.waiting), (0, 3), "both have ended in one step");
    step(&mut engine);
    let after = engine.stats();
    assert_eq!((after.running, after.waiting), (2, 1));
    assert!(between.wait.place_s > 0.0, "{:?}, and then {:?}", between.wait, after.wait);
}

/// The same where it is memory that they wait for: those that end leave as many places as they took.
#[test]
fn memory_that_has_become_free_belongs_to_those_who_wait() {
    let options =
        EngineOptions { kv_tokens: Some(6 * 32), context: Some(96), draft_tokens: 0, ..EngineOptions::default() };
    let mut engine = engine(&tiny(), &options);
    for tokens in [10, 10, 50, 50, 50] {
        engine.submit(Submission::new((0..40).collect(), request(tokens, 0.0, 0))).unwrap();
    }
    step(&mut engine);
    let blocked = engine.stats();
    assert!((1..5).contains(&blocked.running) && blocked.wait.place_s > 0.0, "{blocked:?}");
    while engine.stats().running == blocked.running {
        step(&mut engine);
    }
    let between = engine.stats();
    assert!(between.waiting > 0, "{between:?}");
    step(&mut engine);
    let after = engine.stats();
    assert!(between.wait.place_s > 0.0, "{:?}, and then {:?}", between.wait, after.wait);
}

#[test]
fn those_that_arrive_together_share_the_places_that_are_free() {
    let options = EngineOptions { max_running: 3, draft_tokens: 0, ..EngineOptions::default() };
    let mut engine = engine(&tiny(), &options);
    engine.submit(Submission::new(vec![5, 6, 7], request(40, 0.0, 0))).unwrap();
    step(&mut engine);
    let wait = engine.stats().wait;
    assert_eq!(wait.places_free, 2);
    assert_eq!((wait.behind(0, 0), wait.behind(2, 0)), (Duration::ZERO, Duration::ZERO));
    assert!(wait.behind(3, 0) > Duration::ZERO, "{wait:?}");
}

#[test]
fn prompts_before_it_are_counted_until_they_are_read() {
    let options = EngineOptions { token_budget: 64, max_stall: None, ..EngineOptions::default() };
    let mut engine = engine(&tiny(), &options);
    let submission = || Submission::new((0..200).collect(), request(1, 0.0, 0));
    engine.submit(submission()).unwrap();
    let before = engine.stats().wait;
    assert_eq!(
        (before.read_s, before.behind(0, 100)),
        (0.4, Duration::from_millis(600)),
        "2 ms each, as long as nothing is known"
    );
    step(&mut engine);
    let measured = engine.stats().wait;
    let cost = measured.read_s / f64::from(200 - 64);
    assert!(cost > 0.0 && cost < 2e-3, "{cost} s for a token of a tiny model");
    while !engine.is_idle() {
        step(&mut engine);
    }
    assert_eq!(engine.stats().wait.read_s, 0.0);
    // The same prompt is found in the cache, and so will be the next.
    (0..40).for_each(|_| {
        engine.submit(submission()).unwrap();
        while !engine.is_idle() {
            step(&mut engine);
        }
    });
    let (fresh, all) = (engine.stats().wait.read_more_s, measured.read_s / 136.0);
    assert!(fresh < all, "{fresh} s for a token of a prompt that is known, {all} s for one that is not");
}
