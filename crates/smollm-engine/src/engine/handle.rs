//! An engine on a thread of its own: requests go in from any thread, events come out through a callback, and nobody waits.

use super::{Engine, EngineStats, Limits};
use crate::error::EngineError;
use crate::request::{Event, RequestId, Submission};
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Hears the events of one request, on the engine's thread between two forward passes: it must not block. `Break` cancels the
/// request, and nothing more is heard of it. It is dropped when the request has ended, or with the engine.
pub type EventSink = Box<dyn FnMut(Event) -> ControlFlow<()> + Send>;

/// An engine that runs on its own thread. Clones speak to the same engine; when the last is gone, the requests under way are
/// answered and the thread ends.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    commands: Sender<Command>,
    limits: Arc<Limits>,
    stats: Arc<Mutex<EngineStats>>,
    thread: Arc<JoinHandle<()>>,
}

enum Command {
    Submit(RequestId, Box<Submission>, EventSink),
    Cancel(RequestId),
    CancelChoice(RequestId, usize),
}

impl EngineHandle {
    /// Gives `engine` a thread.
    ///
    /// # Errors
    /// The system gives none.
    pub fn spawn(engine: Engine) -> Result<Self, EngineError> {
        let (commands, inbox) = channel();
        let stats = Arc::new(Mutex::new(engine.stats()));
        let limits = engine.limits().clone();
        let desk = Desk { engine, inbox, pending: VecDeque::new(), open: HashMap::new(), stats: stats.clone() };
        let thread = std::thread::Builder::new().name("engine".into()).spawn(move || desk.run());
        Ok(Self { commands, limits, stats, thread: Arc::new(thread.map_err(EngineError::Thread)?) })
    }

    /// Checks a request and puts it in the queue. Never waits for a forward pass.
    ///
    /// # Errors
    /// It can never be answered, the queue is full, or the engine's thread is gone.
    pub fn submit(&self, submission: Submission, sink: EventSink) -> Result<RequestId, EngineError> {
        let ids = self.submit_all(vec![(submission, sink)])?;
        Ok(ids[0])
    }

    /// Checks several requests and puts all of them in the queue, or none. An empty queue takes them however many they are.
    ///
    /// # Errors
    /// As [`EngineHandle::submit`], for the first of them that is refused.
    pub fn submit_all(&self, requests: Vec<(Submission, EventSink)>) -> Result<Vec<RequestId>, EngineError> {
        if !self.is_running() {
            return Err(EngineError::Stopped); // and not that its queue is full
        }
        requests.iter().try_for_each(|(submission, _)| self.limits.check(submission))?;
        let sequences = requests.iter().map(|(submission, _)| submission.choices).sum();
        let tokens = requests.iter().map(|(submission, _)| submission.prompt.len()).sum();
        self.limits.admit(sequences, tokens)?;
        let (mut ids, mut left) = (Vec::new(), (sequences, tokens));
        for (submission, sink) in requests {
            let id = self.limits.next_id();
            let (choices, prompt) = (submission.choices, submission.prompt.len());
            let submit = Command::Submit(id, Box::new(submission), sink);
            if self.commands.send(submit).is_err() {
                self.limits.arrived(left.0, left.1); // their places are nobody's
                return Err(EngineError::Stopped);
            }
            left = (left.0 - choices, left.1 - prompt);
            ids.push(id);
        }
        Ok(ids)
    }

    /// Whether its thread is there: it ends with the last handle, or by a fault.
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Gives the handle up; if it is the last, waits until the requests under way are answered and the engine's memory is free.
    pub fn end(self) {
        let Self { commands, thread, .. } = self;
        drop(commands);
        if let Some(thread) = Arc::into_inner(thread) {
            // by a fault or not, it has ended
            drop(thread.join());
        }
    }

    /// Ends a request: its open choices are reported as cancelled. It gets no further token after the pass that runs now, and if
    /// that pass reads its prompt, it is given up at the next layer.
    pub fn cancel(&self, id: RequestId) {
        // Without a thread there is nothing left to cancel.
        let _ = self.commands.send(Command::Cancel(id));
    }

    /// Ends one choice of a request, which is reported as cancelled; the others go on. It gets no further token after the pass that
    /// runs now.
    pub fn cancel_choice(&self, id: RequestId, choice: usize) {
        // Without a thread there is nothing left to cancel.
        let _ = self.commands.send(Command::CancelChoice(id, choice));
    }

    /// What a request may be.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How long a request that comes now is expected to wait before its prompt is read.
    pub fn expected_wait(&self) -> Duration {
        let (sequences, tokens) = self.limits.arriving();
        lock(&self.stats).wait.behind(sequences, tokens)
    }

    /// The numbers as of the end of the last step.
    pub fn stats(&self) -> EngineStats {
        EngineStats { waiting: self.limits.waiting(), ..lock(&self.stats).clone() }
    }
}

/// What runs on the thread.
struct Desk {
    engine: Engine,
    inbox: Receiver<Command>,
    /// Commands that came while a pass ran.
    pending: VecDeque<Command>,
    /// Who hears of each request, and how many of its choices are open.
    open: HashMap<RequestId, (EventSink, usize)>,
    stats: Arc<Mutex<EngineStats>>,
}

impl Desk {
    fn run(mut self) {
        loop {
            let mut news = false;
            while let Some(command) = self.next_command() {
                self.carry_out(command);
                news = true;
            }
            if news {
                self.publish(); // who asks during the next step is told of those that wait for it
            }
            if self.engine.is_idle() {
                self.publish();
                match self.inbox.recv() {
                    Ok(command) => self.carry_out(command),
                    Err(_) => return, // every handle is gone
                }
            } else {
                self.step();
            }
        }
    }

    fn next_command(&mut self) -> Option<Command> {
        self.pending.pop_front().or_else(|| self.inbox.try_recv().ok())
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Submit(id, submission, sink) => {
                self.open.insert(id, (sink, submission.choices));
                self.engine.enqueue(id, *submission);
            }
            Command::Cancel(id) => self.cancel(|engine, sink| engine.cancel(id, sink)),
            Command::CancelChoice(id, choice) => self.cancel(|engine, sink| engine.cancel_choice(id, choice, sink)),
        }
    }

    fn cancel(&mut self, end: impl FnOnce(&mut Engine, &mut dyn FnMut(RequestId, Event))) {
        let Self { engine, open, .. } = self;
        end(engine, &mut |id, event| {
            // It has ended, so whether anybody still listens changes nothing.
            let _ = pass_on(open, id, event);
        });
    }

    fn step(&mut self) {
        let Self { engine, inbox, pending, open, .. } = self;
        let mut gone = Vec::new();
        let cancelled = &mut || loop {
            match inbox.try_recv() {
                // A request that has not arrived yet is cancelled after it has.
                Ok(Command::Cancel(id))
                    if !pending.iter().any(|c| matches!(c, Command::Submit(new, ..) if *new == id)) =>
                {
                    return Some(id);
                }
                Ok(command) => pending.push_back(command),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            }
        };
        let mut ends = Vec::new();
        engine.step(cancelled, &mut |id, event| match event {
            Event::Finished { .. } | Event::Failed(_) => ends.push((id, event)),
            event => {
                if pass_on(open, id, event).is_break() {
                    gone.push(id);
                }
            }
        });
        self.publish(); // whoever hears that an answer has ended finds it ended
        for (id, event) in ends {
            if pass_on(&mut self.open, id, event).is_break() {
                gone.push(id);
            }
        }
        if !gone.is_empty() {
            gone.into_iter().for_each(|id| self.engine.cancel(id, &mut |_, _| {}));
            self.publish();
        }
    }

    fn publish(&self) {
        *lock(&self.stats) = self.engine.stats();
    }
}

/// Gives an event to who hears of its request, who is forgotten with the last one.
fn pass_on(open: &mut HashMap<RequestId, (EventSink, usize)>, id: RequestId, event: Event) -> ControlFlow<()> {
    let Some((sink, choices)) = open.get_mut(&id) else { return ControlFlow::Continue(()) };
    match &event {
        Event::Finished { .. } => *choices -= 1,
        Event::Failed(_) => *choices = 0,
        _ => {}
    }
    let last = *choices == 0;
    let flow = sink(event);
    if last || flow.is_break() {
        open.remove(&id);
    }
    flow
}

/// The lock; a panic elsewhere leaves whole numbers behind.
fn lock(stats: &Mutex<EngineStats>) -> MutexGuard<'_, EngineStats> {
    stats.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Submit(id, ..) => write!(f, "Submit({id})"),
            Self::Cancel(id) => write!(f, "Cancel({id})"),
            Self::CancelChoice(id, choice) => write!(f, "CancelChoice({id}, {choice})"),
        }
    }
}

#[cfg(test)]
mod tests;
