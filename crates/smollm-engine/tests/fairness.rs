//! Nobody starves: short prompts overtake a long one, and the long one gets on under any number of short ones.

mod tiny_model;

use smollm_engine::{Engine, EngineOptions, Event, Request, RequestId, Submission};
use smollm_kernels::Cpu;
use smollm_testkit::tiny::prompt_ids;
use std::collections::HashMap;
use std::sync::Arc;

struct Load {
    engine: Engine,
    steps: usize,
    submitted: usize,
    /// Prompt tokens read of each request, and the step in which it ended.
    read: HashMap<RequestId, usize>,
    ended: HashMap<RequestId, usize>,
}

impl Load {
    fn new(options: EngineOptions) -> Self {
        // Time decides nothing here.
        let options = EngineOptions { max_waiting: 10_000, max_stall: None, ..options };
        let engine = Engine::new(tiny_model::tiny(), Arc::new(Cpu::new(1).unwrap()), &options).unwrap();
        Self { engine, steps: 0, submitted: 0, read: HashMap::new(), ended: HashMap::new() }
    }

    /// A prompt like no other.
    fn submit(&mut self, len: usize, max_tokens: usize) -> RequestId {
        self.submitted += 1;
        let prompt = prompt_ids(&format!("fairness {}", self.submitted), len, 256);
        let request = Request { max_tokens: Some(max_tokens), ..Request::default() };
        self.engine.submit(Submission::new(prompt, request)).unwrap()
    }

    fn step(&mut self) {
        self.steps += 1;
        self.engine.step(&mut || None, &mut |id, event| match event {
            Event::Prefill { done, .. } => drop(self.read.insert(id, done)),
            Event::Finished { .. } => drop(self.ended.insert(id, self.steps)),
            _ => {}
        });
    }
}

#[test]
fn a_short_prompt_is_not_stuck_behind_a_long_one() {
    let mut load = Load::new(EngineOptions { token_budget: 64, ..EngineOptions::default() });
    let long = load.submit(1600, 5);
    load.step();
    assert_eq!(load.read[&long], 64, "alone it gets the whole budget");
    let short = load.submit(20, 5);
    while !load.ended.contains_key(&short) {
        load.step();
    }
    assert!(load.steps <= 7, "{} steps", load.steps);
    assert!(load.read[&long] < 500);
}

#[test]
fn of_prompts_behind_a_long_one_the_shortest_is_read_first() {
    let mut load = Load::new(EngineOptions { token_budget: 64, ..EngineOptions::default() });
    let [long, medium, short] = [1600, 800, 20].map(|len| load.submit(len, 5));
    load.step();
    assert_eq!([long, medium, short].map(|id| load.read[&id]), [16, 28, 20]);
}

#[test]
fn prompts_are_read_in_whole_blocks_which_others_can_share() {
    let mut load = Load::new(EngineOptions { token_budget: 50, ..EngineOptions::default() });
    let id = load.submit(100, 1);
    for done in [32, 64, 100] {
        load.step();
        assert_eq!(load.read[&id], done);
    }
}

#[test]
fn a_long_prompt_gets_on_under_a_flood_of_short_ones() {
    let mut load = Load::new(EngineOptions { token_budget: 64, ..EngineOptions::default() });
    let long = load.submit(1600, 5);
    while !load.ended.contains_key(&long) {
        for _ in 0..3 {
            load.submit(40, 1);
        }
        load.step();
        assert!(load.steps < 120, "{:?}", load.read.get(&long));
    }
}

#[test]
fn a_request_that_needs_most_of_the_cache_is_admitted_under_a_flood_of_small_ones() {
    let mut load = Load::new(EngineOptions { kv_tokens: Some(640), max_running: 8, ..EngineOptions::default() });
    for _ in 0..8 {
        load.submit(40, 30);
    }
    load.step();
    let large = load.submit(560, 5);
    while !load.ended.contains_key(&large) {
        load.submit(40, 30);
        load.step();
        assert!(load.steps < 300, "{:?}", load.engine.stats());
    }
    assert!(load.ended.len() > 16, "small ones got by meanwhile: {}", load.ended.len());
}
