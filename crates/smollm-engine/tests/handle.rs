//! An engine on a thread of its own: requests that nobody wants any more end, whether or not the engine has seen them.

mod load;
mod tiny_model;

use load::{engine, request};
use smollm_engine::{EngineHandle, EngineOptions, Event, FinishReason, RequestId, Submission};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

fn submit(handle: &EngineHandle) -> (RequestId, Receiver<Event>) {
    let (events, heard) = channel();
    let sink = Box::new(move |event| match events.send(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    (handle.submit(Submission::new(vec![5, 6, 7], request(2000, 0.0, 0)), sink).unwrap(), heard)
}

#[test]
fn who_comes_and_leaves_while_a_pass_runs_is_not_answered() {
    let handle = EngineHandle::spawn(engine(&tiny_model::tiny(), &EngineOptions::default())).unwrap();
    let _busy = submit(&handle);
    for round in 0..50 {
        let (id, heard) = submit(&handle);
        handle.cancel(id);
        let last = heard.iter().last();
        assert!(
            matches!(last, Some(Event::Finished { reason: FinishReason::Cancelled, .. })),
            "round {round}: {last:?}"
        );
    }
}

#[test]
fn who_does_not_listen_any_more_is_not_answered_further() {
    let handle = EngineHandle::spawn(engine(&tiny_model::tiny(), &EngineOptions::default())).unwrap();
    let (_, heard) = submit(&handle);
    heard.recv().unwrap();
    drop(heard);
    let ended = loop {
        let stats = handle.stats();
        if stats.cancelled + stats.length > 0 {
            break (stats.cancelled, stats.length);
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(ended, (1, 0));
}
