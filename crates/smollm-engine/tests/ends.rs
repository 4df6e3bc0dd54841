//! How requests end before their time: refused, failed, cancelled, on the engine's own thread or not.

mod load;
mod tiny_model;

use load::{Log, alone, cpu, engine, mixture, request, run};
use smollm_engine::{Engine, EngineError, EngineHandle, EngineOptions, Event, FinishReason, Request, Submission};
use smollm_kernels::Matrix;
use smollm_testkit::tiny::prompt_ids;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::channel;
use tiny_model::tiny;

#[test]
fn a_bad_request_is_refused_with_the_numbers_and_a_full_queue_says_so() {
    let model = tiny();
    let options = EngineOptions { max_waiting: 3, max_running: 1, context: Some(100), ..EngineOptions::default() };
    let mut engine = engine(&model, &options);
    let refuse = |engine: &mut Engine, prompt: Vec<u32>, request: Request, choices| {
        engine.submit(Submission { choices, ..Submission::new(prompt, request) }).unwrap_err().to_string()
    };
    assert!(refuse(&mut engine, vec![], request(1, 0.0, 0), 1).contains("the prompt is empty"));
    assert!(refuse(&mut engine, vec![5, 256], request(1, 0.0, 0), 1).contains("token id 256 at position 1"));
    assert!(
        refuse(&mut engine, vec![5; 101], request(1, 0.0, 0), 1)
            .contains("101 tokens, which exceeds the available context size of 100")
    );
    assert!(refuse(&mut engine, vec![5], request(1, -1.0, 0), 1).contains("temperature is -1"));
    assert!(refuse(&mut engine, vec![5], request(1, 0.0, 0), 0).contains("0 choices"));
    for _ in 0..3 {
        engine.submit(Submission::new(vec![5], request(2, 0.0, 0))).unwrap();
    }
    let full = refuse(&mut engine, vec![5], request(1, 0.0, 0), 1);
    assert_eq!(full, "3 requests are waiting already, and the limit is 3; try again later");
    engine.step(&mut || None, &mut |_, _| {});
    engine.submit(Submission::new(vec![5], request(2, 0.0, 0))).unwrap();
    let none = EngineOptions { kv_tokens: Some(31), ..EngineOptions::default() };
    let error = Engine::new(model.clone(), cpu(), &none).unwrap_err().to_string();
    assert_eq!(error, "a key/value cache of 31 tokens is less than one block of 32");
}

#[test]
fn whoever_hears_of_an_end_finds_it_counted() {
    let handle = EngineHandle::spawn(engine(&tiny(), &EngineOptions::default())).unwrap();
    let (sender, ends) = channel();
    let watched = handle.clone();
    let sink = move |event| {
        if let Event::Finished { .. } = event {
            let stats = watched.stats();
            sender.send((stats.running, stats.length, stats.generated_tokens)).unwrap();
        }
        ControlFlow::Continue(())
    };
    handle.submit(Submission::new(vec![5], request(3, 0.0, 0)), Box::new(sink)).unwrap();
    assert_eq!(ends.recv().unwrap(), (0, 1, 3));
}

#[test]
fn a_model_that_gives_nan_fails_its_requests() {
    let mut broken = (*tiny()).clone();
    broken.weights.norm[3] = f32::NAN;
    let mut engine = engine(&Arc::new(broken), &EngineOptions::default());
    let id = engine.submit(Submission { choices: 2, ..Submission::new(vec![1, 2], request(3, 0.0, 0)) }).unwrap();
    let mut log = Log::default();
    run(&mut engine, &mut log);
    assert!(matches!(log.failed[&id], EngineError::NotFinite { position: 1 }), "{:?}", log.failed);
    assert_eq!(engine.stats().blocks_free, engine.stats().blocks);
}

#[test]
fn nothing_is_said_after_the_first_prompt_token_that_fails() {
    let mut broken = (*tiny()).clone();
    let (rows, cols) = (broken.weights.embed_tokens.rows(), broken.weights.embed_tokens.cols());
    broken.weights.lm_head.get_or_insert(broken.weights.embed_tokens.clone());
    let mut values = vec![0.0; rows * cols];
    values.chunks_mut(cols).enumerate().for_each(|(i, row)| broken.weights.embed_tokens.row_to_f32(i, row));
    values[9 * cols] = f32::NAN;
    broken.weights.embed_tokens = Matrix::from_f32(rows, cols, values);
    let mut engine = engine(&Arc::new(broken), &EngineOptions::default());
    let submission = Submission::new(vec![1, 2, 9, 4, 5], request(3, 0.0, 0));
    let id = engine.submit(Submission { prompt_logprobs: Some(0), choices: 2, ..submission }).unwrap();
    let mut log = Log::default();
    run(&mut engine, &mut log);
    assert_eq!(log.prompt_tokens[&id].iter().map(|token| token.id).collect::<Vec<_>>(), [2, 9]);
    assert!(matches!(log.failed[&id], EngineError::NotFinite { position: 2 }), "{:?}", log.failed);
    assert!(log.choices.is_empty());
}

#[test]
fn a_cancelled_request_ends_inside_its_prompt_and_the_others_go_on() {
    let model = tiny();
    let mut engine = engine(&model, &EngineOptions { token_budget: 2048, ..EngineOptions::default() });
    let prompt = prompt_ids("beside", 20, model.config.vocab_size);
    let expected = alone(&model, &prompt, &request(10, 1.0, 3)).0;
    let other = engine.submit(Submission::new(prompt, request(10, 1.0, 3))).unwrap();
    let mut log = Log::default();
    engine.step(&mut || None, &mut |id, event| log.hear(id, event));
    let long = engine.submit(Submission::new(vec![9; 1500], request(10, 0.0, 0))).unwrap();
    let mut layers = 0;
    let mut cancelled = || {
        layers += 1;
        (layers == 2).then_some(long)
    };
    engine.step(&mut cancelled, &mut |id, event| log.hear(id, event));
    assert_eq!(layers, 3, "asked until nothing more was said, and not again");
    assert_eq!(engine.stats().abandoned_steps, 1);
    assert_eq!(log.choices[&(long, 0)].reason, Some(FinishReason::Cancelled));
    // Generated tokens alone are not worth giving up a pass.
    let short = engine.submit(Submission::new(vec![9], request(10, 0.0, 0))).unwrap();
    engine.step(&mut || None, &mut |id, event| log.hear(id, event));
    let mut once = Some(short);
    engine.step(&mut || once.take(), &mut |id, event| log.hear(id, event));
    assert_eq!((engine.stats().abandoned_steps, log.choices[&(short, 0)].reason), (1, Some(FinishReason::Cancelled)));
    run(&mut engine, &mut log);
    assert_eq!(log.choices[&(other, 0)].tokens, expected);
    assert_eq!(engine.stats().blocks_free, engine.stats().blocks);
}

#[test]
fn the_thread_serves_everybody_and_hears_cancels_at_any_time() {
    let model = tiny();
    let handle = EngineHandle::spawn(engine(&model, &EngineOptions::default())).unwrap();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = mixture(&model)
            .into_iter()
            .map(|(prompt, request)| {
                let (handle, model) = (handle.clone(), &model);
                scope.spawn(move || {
                    let (events, inbox) = channel();
                    let sink = Box::new(move |event| {
                        // A client that is gone ends its request.
                        if events.send(event).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                    });
                    let id = handle.submit(Submission::new(prompt.clone(), request.clone()), sink).unwrap();
                    let mut log = Log::default();
                    inbox.iter().for_each(|event| log.hear(id, event)); // ends when the engine drops the sink
                    let heard = log.choices.remove(&(id, 0)).unwrap();
                    ((heard.tokens, heard.reason.unwrap()), alone(model, &prompt, &request))
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|(heard, expected)| heard == expected));

    let (events, inbox) = channel();
    let sink = Box::new(move |event| {
        events.send(event).unwrap();
        ControlFlow::Continue(())
    });
    let id = handle.submit(Submission::new(vec![3; 1000], request(1000, 0.0, 0)), sink).unwrap();
    handle.cancel(id);
    let last = inbox.iter().last().unwrap();
    assert!(matches!(last, Event::Finished { reason: FinishReason::Cancelled, .. }), "{last:?}");

    let (events, inbox) = channel();
    let sink = Box::new(move |event| match event {
        Event::Token { .. } => {
            events.send(event).unwrap();
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    handle.submit(Submission::new(vec![3], request(1000, 0.0, 0)), sink).unwrap();
    assert_eq!(inbox.iter().count(), 1, "after Break nothing more is heard");
    assert!(matches!(
        handle.submit(Submission::new(vec![], Request::default()), Box::new(|_| ControlFlow::Continue(()))),
        Err(EngineError::EmptyPrompt)
    ));
}

#[test]
fn one_choice_may_end_before_the_others() {
    let model = tiny();
    let submission = || Submission { choices: 3, ..Submission::new(vec![9; 100], request(40, 1.0, 7)) };
    let answers = |cancel: Option<(usize, usize)>| {
        let mut engine = engine(&model, &EngineOptions::default());
        let id = engine.submit(submission()).unwrap();
        let mut log = Log::default();
        if let Some((choice, steps)) = cancel {
            (0..steps).for_each(|_| engine.step(&mut || None, &mut |id, event| log.hear(id, event)));
            engine.cancel_choice(id, choice, &mut |id, event| log.hear(id, event));
        }
        run(&mut engine, &mut log);
        assert_eq!(engine.stats().blocks_free, engine.stats().blocks);
        log.choices.into_values().collect::<Vec<_>>()
    };
    let whole = answers(None);
    // the first may go before it has read the prompt for the others
    for (choice, steps) in [(1, 5), (0, 5), (0, 0), (2, 0)] {
        let cut = answers(Some((choice, steps)));
        for (index, (cut, whole)) in cut.iter().zip(&whole).enumerate() {
            let (reason, tokens) =
                if index == choice { (FinishReason::Cancelled, steps) } else { (FinishReason::Length, 40) };
            assert_eq!(cut.reason, Some(reason), "choice {index} with {choice} cancelled after {steps} steps");
            assert_eq!(cut.tokens, whole.tokens[..tokens]);
        }
    }
}

#[test]
fn a_thread_that_is_gone_is_told_and_nobody_waits_for_it() {
    let handle = EngineHandle::spawn(engine(&tiny(), &EngineOptions::default())).unwrap();
    assert!(handle.is_running());
    handle.submit(Submission::new(vec![5], request(2, 0.0, 0)), Box::new(|_| panic!("a sink that breaks"))).unwrap();
    while handle.is_running() {
        std::thread::yield_now();
    }
    let refused = handle.submit(Submission::new(vec![5], request(2, 0.0, 0)), Box::new(|_| ControlFlow::Continue(())));
    assert!(matches!(refused, Err(EngineError::Stopped)), "{refused:?}");
    assert_eq!(handle.stats().waiting, 0);
    handle.end();
}
