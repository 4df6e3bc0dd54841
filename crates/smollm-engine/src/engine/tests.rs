//! Random loads on tiny models and a tiny cache: after every step the blocks are in order, and every request ends as it would alone.

#[path = "../../tests/tiny_model/mod.rs"]
pub(super) mod tiny_model;

use super::sequence::Sequence;
use super::{Engine, EngineOptions};
use crate::request::{Event, FinishReason, Request, RequestId, Submission, choice_seed};
use crate::sampling::SamplingParams;
use crate::session::{Session, SessionOptions};
use proptest::prelude::*;
use smollm_kernels::{Cpu, Dtype};
use smollm_model::{BLOCK_TOKENS, Model};
use smollm_testkit::tiny::prompt_ids;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock, Mutex};

/// A model, where it runs, and the answers of sessions that are known.
struct World {
    model: Arc<Model>,
    cpu: Arc<Cpu>,
    known: Mutex<HashMap<Question, Vec<u32>>>,
}

impl World {
    fn new(model: Arc<Model>, cpu: Cpu) -> Self {
        Self { model, cpu: Arc::new(cpu), known: Mutex::default() }
    }
}

static PLAIN: LazyLock<World> = LazyLock::new(|| World::new(tiny_model::tiny(), Cpu::new(1).unwrap()));

/// Where there is AVX-512, tokens are of two classes.
static QUANTISED: LazyLock<World> = LazyLock::new(|| {
    let model = tiny_model::changed(tiny_model::WHOLE_BLOCKS, Dtype::Q4_0);
    World::new(model, Cpu::with_isa("amx-emulated", 1).or_else(|_| Cpu::new(1)).unwrap())
});

/// What happens to the engine.
#[derive(Debug, Clone)]
enum Action {
    Submit {
        family: usize,
        len: usize,
        max_tokens: usize,
        sampled: bool,
        choices: usize,
    },
    /// The n-th of all requests so far.
    Cancel(usize),
    Steps(usize),
    /// A step during which the n-th request is cancelled at this layer.
    CancelledStep(usize, usize),
}

fn action() -> impl Strategy<Value = Action> {
    let choices = prop_oneof![4 => Just(1usize), 1 => 2usize..5];
    let submit = (0usize..3, 1usize..150, 0usize..70, any::<bool>(), choices).prop_map(
        |(family, len, max_tokens, sampled, choices)| Action::Submit { family, len, max_tokens, sampled, choices },
    );
    prop_oneof![
        4 => submit,
        1 => any::<usize>().prop_map(Action::Cancel),
        4 => (1usize..20).prop_map(Action::Steps),
        1 => (any::<usize>(), 0usize..3).prop_map(|(which, layer)| Action::CancelledStep(which, layer)),
    ]
}

fn options() -> impl Strategy<Value = EngineOptions> {
    let cache = prop_oneof![Just(0), Just(100), Just(usize::MAX)];
    let budget = prop_oneof![Just(1usize), 8usize..200];
    let draft = prop_oneof![Just(0usize), 1usize..9];
    (7usize..24, 1usize..9, budget, cache, draft).prop_map(
        |(blocks, max_running, token_budget, cached, draft_tokens)| EngineOptions {
            max_running,
            token_budget,
            kv_tokens: Some(blocks * BLOCK_TOKENS),
            max_waiting: 10_000,
            prefix_cache_tokens: cached,
            draft_tokens,
            draft_gated: false,
            ..EngineOptions::default()
        },
    )
}

/// A prompt of its family is a beginning of every longer one.
fn prompt(family: usize, len: usize) -> Vec<u32> {
    prompt_ids(&format!("family {family}"), len, 256)
}

fn request(max_tokens: usize, sampled: bool, choice: usize) -> Request {
    let sampling = SamplingParams {
        temperature: if sampled { 1.0 } else { 0.0 },
        seed: choice_seed(5, choice),
        ..SamplingParams::default()
    };
    Request { max_tokens: Some(max_tokens), sampling, ..Request::default() }
}

/// Family, length of the prompt, whether sampled, which choice.
type Question = (usize, usize, bool, usize);

impl World {
    /// The first tokens of the answer that a session gives; asked once for each question, as long as any request wants it.
    fn alone(&self, question: Question) -> Vec<u32> {
        let (family, len, sampled, choice) = question;
        let answer = || {
            let mut session = Session::new(self.model.clone(), self.cpu.clone(), &SessionOptions::default());
            let request = request(70, sampled, choice);
            session.generate(&prompt(family, len), &request, &mut |_| ControlFlow::Continue(())).unwrap().ids()
        };
        self.known.lock().unwrap().entry(question).or_insert_with(answer).clone()
    }
}

/// What was asked, and what was heard of one choice.
struct Asked {
    question: Question,
    max_tokens: usize,
    ids: Vec<u32>,
    reason: Option<FinishReason>,
    may_be_cancelled: bool,
}

struct Load {
    engine: Engine,
    requests: Vec<RequestId>,
    asked: BTreeMap<(RequestId, usize), Asked>,
}

impl Load {
    fn act(&mut self, action: Action) {
        match action {
            Action::Submit { family, len, max_tokens, sampled, choices } => {
                let submission =
                    Submission { choices, ..Submission::new(prompt(family, len), request(max_tokens, sampled, 0)) };
                let id = self.engine.submit(submission).unwrap();
                self.requests.push(id);
                for choice in 0..choices {
                    let question = (family, len, sampled, choice);
                    let asked = Asked { question, max_tokens, ids: Vec::new(), reason: None, may_be_cancelled: false };
                    self.asked.insert((id, choice), asked);
                }
            }
            Action::Cancel(which) => {
                let Some(id) = self.named(which) else { return };
                let asked = &mut self.asked;
                self.engine.cancel(id, &mut |id, event| hear(asked, id, event));
            }
            Action::Steps(count) => (0..count).for_each(|_| self.step(None)),
            Action::CancelledStep(which, layer) => {
                let cancelled = self.named(which).map(|id| (id, layer));
                self.step(cancelled);
            }
        }
        in_order(&self.engine);
    }

    fn named(&mut self, which: usize) -> Option<RequestId> {
        let id = *self.requests.get(which.checked_rem(self.requests.len())?)?;
        self.asked.range_mut((id, 0)..=(id, usize::MAX)).for_each(|(_, asked)| asked.may_be_cancelled = true);
        Some(id)
    }

    fn step(&mut self, mut cancelled: Option<(RequestId, usize)>) {
        let asked = &mut self.asked;
        let mut layer = 0;
        let mut cancels = || {
            layer += 1;
            cancelled.take_if(|(_, at)| layer > *at).map(|(id, _)| id)
        };
        self.engine.step(&mut cancels, &mut |id, event| hear(asked, id, event));
        in_order(&self.engine);
    }
}

fn hear(asked: &mut BTreeMap<(RequestId, usize), Asked>, id: RequestId, event: Event) {
    match event {
        Event::Token { choice, token } => {
            let asked = asked.get_mut(&(id, choice)).unwrap();
            assert_eq!(asked.reason, None, "a token after the end");
            asked.ids.push(token.id);
        }
        Event::Finished { choice, reason, .. } => {
            let end = asked.get_mut(&(id, choice)).unwrap().reason.replace(reason);
            assert_eq!(end, None, "a second end");
        }
        Event::Failed(error) => panic!("{error}"),
        Event::Prefill { .. } | Event::PromptTokens(_) | Event::Embedding(_) => {}
    }
}

/// Every block has the holders that are counted, none is lost, and what will be written to has one. Older sequences stand before
/// younger ones, those that gave their blocks back among them.
fn in_order(engine: &Engine) {
    assert!(engine.scheduler.running.is_sorted_by_key(Sequence::seniority));
    assert!(engine.scheduler.waiting.is_sorted_by_key(Sequence::seniority));
    let mut holders = vec![0u32; engine.pool.len()];
    for sequence in &engine.scheduler.running {
        sequence.blocks.iter().for_each(|&block| holders[block as usize] += 1);
        assert!(
            sequence.computed <= sequence.tokens.len() && sequence.computed <= sequence.blocks.len() * BLOCK_TOKENS
        );
    }
    assert!(engine.scheduler.waiting.iter().all(|s| s.blocks.is_empty() && s.computed == 0));
    engine.pool.assert_in_order(&holders);
    for sequence in &engine.scheduler.running {
        for &block in &sequence.blocks[sequence.computed / BLOCK_TOKENS..] {
            assert_eq!(holders[block as usize], 1, "a block that will be written is shared");
            assert!(!engine.pool.knows(block), "a block that will be written is known to others");
        }
    }
}

/// Acts, runs the engine to its end, and compares what was heard.
fn every_request_ends_as_it_would_alone(
    world: &World,
    options: &EngineOptions,
    actions: Vec<Action>,
) -> Result<(), TestCaseError> {
    let engine = Engine::new(world.model.clone(), world.cpu.clone(), options).unwrap();
    let mut load = Load { engine, requests: Vec::new(), asked: BTreeMap::new() };
    actions.into_iter().for_each(|action| load.act(action));
    let mut steps = 0;
    while !load.engine.is_idle() {
        load.step(None);
        steps += 1;
        prop_assert!(steps < 100_000, "it never ends");
    }
    for asked in load.asked.values() {
        let expected = &world.alone(asked.question)[..asked.max_tokens];
        match asked.reason.unwrap() {
            FinishReason::Length => prop_assert_eq!(&asked.ids, expected),
            FinishReason::Cancelled if asked.may_be_cancelled => prop_assert!(expected.starts_with(&asked.ids)),
            FinishReason::ContextFull => {
                let room = options.kv_tokens.unwrap() - asked.question.1 + 1;
                prop_assert_eq!(&asked.ids, &expected[..room]);
            }
            reason => prop_assert!(false, "{:?}", reason),
        }
    }
    prop_assert_eq!(load.engine.stats().blocks_free, load.engine.stats().blocks);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn blocks_stay_in_order_and_every_request_ends_as_it_would_alone(
        options in options(),
        actions in prop::collection::vec(action(), 1..40),
    ) {
        every_request_ends_as_it_would_alone(&PLAIN, &options, actions)?;
    }
}

proptest! {
    // (The emulation takes its time.)
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn so_it_is_with_quantised_weights(options in options(), actions in prop::collection::vec(action(), 1..40)) {
        every_request_ends_as_it_would_alone(&QUANTISED, &options, actions)?;
    }
}
