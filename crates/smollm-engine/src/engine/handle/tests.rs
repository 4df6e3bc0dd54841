//! A thread that has ended, and those that do not know it yet.

use super::*;
use crate::engine::{EngineOptions, tests::tiny_model};
use crate::request::Request;
use smollm_kernels::Cpu;

#[test]
fn requests_that_reach_nobody_take_no_places() {
    let cpu = Arc::new(Cpu::new(1).expect("a thread"));
    let engine = Engine::new(tiny_model::tiny(), cpu, &EngineOptions::default()).expect("an engine");
    let (commands, _) = channel();
    let (alive, ended) = channel::<()>();
    // a thread that still does something, and listens no more
    let thread = std::thread::spawn(move || {
        let _ = ended.recv();
    });
    let stats = Arc::new(Mutex::new(engine.stats()));
    let handle = EngineHandle { commands, limits: engine.limits().clone(), stats, thread: Arc::new(thread) };
    let nobody = || -> EventSink { Box::new(|_| ControlFlow::Continue(())) };
    let two =
        [3, 5].map(|len| (Submission { choices: 2, ..Submission::new(vec![1; len], Request::default()) }, nobody()));
    assert!(matches!(handle.submit_all(two.into()), Err(EngineError::Stopped)));
    assert_eq!(handle.limits.arriving(), (0, 0));
    drop(alive);
    handle.end();
}
