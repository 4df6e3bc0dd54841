//! The engine on a tiny random model: every answer is the one that a session alone gives, and requests end as they should.

mod load;
mod tiny_model;

use load::{Log, alone, cpu, engine, mixture, request, run};
use smollm_engine::{
    Engine, EngineOptions, FinishReason, MaskError, Pooling, Request, Session, SessionOptions, Submission, TokenMask,
    TokenSet, Windows, choice_seed,
};
use smollm_kernels::KvDtype;
use smollm_model::{Batch, KvPool, Runner};
use smollm_testkit::tiny::prompt_ids;
use std::ops::ControlFlow;
use tiny_model::tiny;

#[test]
fn answers_are_those_of_a_session_alone_whatever_runs_beside_them() {
    let model = tiny();
    let requests = mixture(&model);
    let expected: Vec<_> = requests.iter().map(|(prompt, request)| alone(&model, prompt, request)).collect();
    for (token_budget, max_running, kv_tokens) in [(256, 64, 8192), (1, 64, 8192), (40, 3, 8192), (64, 64, 352)] {
        let options = EngineOptions {
            token_budget,
            max_running,
            kv_tokens: Some(kv_tokens),
            // So that preemptions do not depend on the speed of this machine.
            max_stall: None,
            draft_gated: false,
            ..EngineOptions::default()
        };
        let mut engine = engine(&model, &options);
        let mut log = Log::default();
        for (prompt, request) in &requests {
            engine.submit(Submission::new(prompt.clone(), request.clone())).unwrap();
        }
        run(&mut engine, &mut log);
        let answers: Vec<_> = log.choices.into_values().map(|h| (h.tokens, h.reason.unwrap())).collect();
        assert_eq!(answers, expected, "budget {token_budget}, {max_running} running, {kv_tokens} tokens of cache");
        let stats = engine.stats();
        assert_eq!((stats.running, stats.waiting, stats.blocks_free), (0, 0, stats.blocks));
        assert_eq!(stats.preemptions > 0, kv_tokens == 352, "{stats:?}");
    }
}

#[test]
fn answers_end_at_stop_tokens_and_at_the_context() {
    let model = tiny();
    let prompt = prompt_ids("ends", 40, model.config.vocab_size);
    let free = alone(&model, &prompt, &request(30, 0.0, 0)).0;
    let stop = Request { stop_ids: vec![free[1].id], ..request(30, 0.0, 0) };
    let expected = alone(&model, &prompt, &stop);
    assert_eq!(expected.1, FinishReason::Stop(free[1].id));
    for (context, kv_tokens) in [(Some(43), None), (None, Some(64))] {
        let mut engine = engine(&model, &EngineOptions { context, kv_tokens, ..EngineOptions::default() });
        let mut log = Log::default();
        let submit = |engine: &mut Engine, request: &Request| {
            engine.submit(Submission::new(prompt.clone(), request.clone())).unwrap()
        };
        let stopped = submit(&mut engine, &stop);
        let endless = submit(&mut engine, &Request::default());
        let none = submit(&mut engine, &request(0, 0.0, 0));
        run(&mut engine, &mut log);
        let answer = |id| log.choices[&(id, 0)].reason.unwrap();
        assert_eq!((answer(stopped), answer(none)), (expected.1, FinishReason::Length));
        assert_eq!(answer(endless), FinishReason::ContextFull);
        let len = context.unwrap_or(64) - prompt.len() + 1;
        assert_eq!(log.choices[&(endless, 0)].tokens, free[..len].to_vec());
        assert!(log.choices[&(none, 0)].tokens.is_empty());
    }
}

#[test]
fn choices_are_the_answers_to_their_own_seeds() {
    let model = tiny();
    let prompt = prompt_ids("choices", 70, model.config.vocab_size);
    let base = request(20, 1.0, 11);
    for max_running in [64, 2] {
        let mut engine = engine(&model, &EngineOptions { max_running, ..EngineOptions::default() });
        engine.submit(Submission { choices: 5, ..Submission::new(prompt.clone(), base.clone()) }).unwrap();
        let mut log = Log::default();
        while !engine.is_idle() {
            engine.step(&mut || None, &mut |id, event| log.hear(id, event));
            assert!(engine.stats().running <= max_running);
        }
        assert!(max_running < 5 || engine.stats().prompt_tokens == 70, "the prompt is read once for all choices");
        let answers: Vec<_> = log.choices.into_values().map(|heard| heard.tokens).collect();
        assert_eq!(answers.len(), 5);
        for (choice, answer) in answers.iter().enumerate() {
            assert_eq!(
                *answer,
                alone(&model, &prompt, &request(20, 1.0, choice_seed(11, choice))).0,
                "choice {choice}"
            );
            assert!(answers[..choice].iter().all(|other| other != answer));
        }
        assert_eq!(answers[0], alone(&model, &prompt, &base).0);
    }
}

#[test]
fn prompt_logprobs_are_those_of_scoring() {
    let model = tiny();
    let prompt = prompt_ids("prompt logprobs", 90, model.config.vocab_size);
    let mut session = Session::new(model.clone(), cpu(), &SessionOptions::default());
    let windows = Windows { length: 1000, stride: 1000 };
    let score = session.score(&prompt, windows, &mut |_, _| ControlFlow::Continue(())).unwrap().unwrap();
    for token_budget in [256, 7] {
        let mut engine = engine(&model, &EngineOptions { token_budget, ..EngineOptions::default() });
        let submission = || Submission::new(prompt.clone(), request(1, 0.0, 0));
        let mut log = Log::default();
        // What another left in the cache does not make up for logits.
        engine.submit(submission()).unwrap();
        run(&mut engine, &mut log);
        let id = engine.submit(Submission { prompt_logprobs: Some(2), ..submission() }).unwrap();
        run(&mut engine, &mut log);
        let tokens = &log.prompt_tokens[&id];
        assert_eq!(tokens.iter().map(|t| t.id).collect::<Vec<_>>(), prompt[1..]);
        assert_eq!(tokens.iter().map(|t| t.logprob).collect::<Vec<_>>(), score.logprobs[1..]);
        assert!(tokens.iter().all(|t| t.top.len() == 2 && t.top[0].1 >= t.top[1].1));
        assert_eq!(log.choices[&(id, 0)].tokens, alone(&model, &prompt, &request(1, 0.0, 0)).0);
    }
}

#[test]
fn a_vector_of_a_prompt_is_its_hidden_states_together() {
    let model = tiny();
    let vocab_size = model.config.vocab_size;
    let prompts: Vec<_> = [1, 40, 100].map(|len| prompt_ids("vector", len, vocab_size)).into();
    let hidden = |prompt: &[u32]| {
        let mut kv = KvPool::new(&model.config, KvDtype::F32, 128);
        let batch = Batch::single(prompt.to_vec(), 0, vec![0, 1, 2, 3], model.prompt_end(&cpu(), prompt.len()));
        Runner::default().forward(&cpu(), &model, &batch, &mut kv).to_vec()
    };
    for (token_budget, pooling) in [(256, Pooling::Mean), (7, Pooling::Mean), (256, Pooling::Last), (7, Pooling::Last)]
    {
        let mut engine = engine(&model, &EngineOptions { token_budget, ..EngineOptions::default() });
        let submit = |prompt: &Vec<u32>| {
            let submission = Submission::new(prompt.clone(), Request::default());
            engine.submit(Submission { pooling: Some(pooling), ..submission }).unwrap()
        };
        let ids: Vec<_> = prompts.iter().map(submit).collect();
        let mut log = Log::default();
        run(&mut engine, &mut log);
        for (id, prompt) in ids.iter().zip(&prompts) {
            let hidden = hidden(prompt);
            let rows: Vec<&[f32]> = hidden.chunks(model.config.hidden_size).collect();
            let rows = if pooling == Pooling::Last { &rows[rows.len() - 1..] } else { &rows[..] };
            let sum = |i: usize| rows.iter().map(|row| f64::from(row[i])).sum::<f64>();
            let expected: Vec<f32> = (0..rows[0].len()).map(|i| (sum(i) / rows.len() as f64) as f32).collect();
            assert_eq!(log.vectors[id], expected);
            assert!(log.choices[&(*id, 0)].tokens.is_empty());
        }
    }
    let mut engine = engine(&model, &EngineOptions::default());
    let two = Submission { pooling: Some(Pooling::Mean), choices: 2, ..Submission::new(vec![1], Request::default()) };
    assert!(engine.submit(two).unwrap_err().to_string().contains("2 choices"));
}

#[test]
fn what_is_said_of_a_prompt_is_said_once_whatever_is_read_again_after_a_preemption() {
    let model = tiny();
    let prompt = prompt_ids("vector", 1200, model.config.vocab_size);
    let heard = |older: usize| {
        let options = EngineOptions { token_budget: 32, max_stall: None, ..EngineOptions::default() };
        let mut engine = engine(&model, &EngineOptions { kv_tokens: Some(50 * 32), draft_tokens: 0, ..options });
        let mut log = Log::default();
        let submission = || Submission::new(prompt.clone(), request(1, 0.0, 0));
        let vector = Submission { pooling: Some(Pooling::Mean), ..submission() };
        let scored = Submission { prompt_logprobs: Some(0), ..submission() };
        let asked = [vector, scored].map(|asked| {
            // They pass two borders of blocks while the prompt is read; there is room for one.
            for i in 0..older {
                let prompt = prompt_ids(&format!("older {i}"), 31, model.config.vocab_size);
                engine.submit(Submission { reuse: false, ..Submission::new(prompt, request(60, 0.0, 0)) }).unwrap();
            }
            let preemptions = engine.stats().preemptions;
            let id = engine.submit(asked).unwrap();
            run(&mut engine, &mut log);
            assert_eq!(engine.stats().preemptions > preemptions, older > 0);
            id
        });
        (log.vectors.remove(&asked[0]).unwrap(), log.prompt_tokens.remove(&asked[1]).unwrap())
    };
    let expected = heard(0);
    assert_eq!(expected.1.iter().map(|token| token.id).collect::<Vec<_>>(), prompt[1..]);
    assert_eq!(heard(6), expected);
}

/// Allows ids that go up by one, up to a last one.
#[derive(Debug, Clone)]
struct Counting {
    next: u32,
    last: u32,
}

impl TokenMask for Counting {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), MaskError> {
        if self.next > self.last {
            return Err(MaskError::Broken("counted too far".into()));
        }
        allowed.insert(self.next);
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, MaskError> {
        self.next = id + 1;
        Ok(Some(id))
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

#[test]
fn masks_decide_what_may_come() {
    let model = tiny();
    let submission = |max_tokens, temperature, last| Submission {
        choices: 2,
        mask: Some(Box::new(Counting { next: 7, last })),
        ..Submission::new(vec![1, 2, 3], request(max_tokens, temperature, 0))
    };
    let mut engine = engine(&model, &EngineOptions::default());
    let ids =
        [(4, 0.0, 100), (4, 1.0, 100), (10, 0.0, 9)].map(|(n, t, last)| engine.submit(submission(n, t, last)).unwrap());
    let mut log = Log::default();
    run(&mut engine, &mut log);
    for key in [(ids[0], 0), (ids[0], 1), (ids[1], 0), (ids[1], 1)] {
        assert_eq!(log.choices[&key].tokens.iter().map(|t| t.id).collect::<Vec<_>>(), [7, 8, 9, 10]);
    }
    assert_eq!(log.failed[&ids[2]].to_string(), "the constraint on the answer failed: counted too far");
    // What is said of a token is what the model thinks of it without the mask.
    let mut masked = submission(1, 0.0, 100);
    masked.request.logprobs = Some(0);
    let unmasked = Submission::new(vec![1, 2, 3, 7], request(0, 0.0, 0));
    let [masked, unmasked] =
        [masked, Submission { prompt_logprobs: Some(0), ..unmasked }].map(|asked| engine.submit(asked).unwrap());
    run(&mut engine, &mut log);
    assert_eq!(log.choices[&(masked, 0)].tokens[0], log.prompt_tokens[&unmasked][2]);
}
