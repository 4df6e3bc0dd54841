//! The thread pool: one fork/join costs about a microsecond while its threads are awake.
//!
//! A job is a closure over item indices. Each thread has a share of them, of which it takes ranges, and when its own is used up,
//! ranges of the others' shares: so the same rows of successive jobs come to the same thread, whose caches hold them, and a thread
//! that the system holds up delays nobody for more than the range it has in hand; a thread that is still asleep when the last
//! item is taken is not waited for at all. The calling thread works too. Between jobs the threads spin for some tens
//! of microseconds (the layers of a decode step follow each other faster than that), then park.
//!
//! Jobs of several calling threads take turns. A job must not start another on the same pool.
//!
//! An errand is work that nobody waits for at once. A thread that is between two jobs does it before it looks for the next one; to the jobs
//! that follow meanwhile it is a thread that is asleep.

use std::any::Any;
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::hint::spin_loop;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Spins before a thread without work parks: 50 to 100 microseconds, a pause being 40 to 140 cycles.
const SPINS_BEFORE_PARKING: u32 = 2_000;
/// Spins before the caller, waiting for the last ranges, offers its core to others.
const SPINS_BEFORE_YIELDING: u32 = 1_000;

/// Set in the state word while a job may be entered.
const OPEN: u64 = 1 << 31;
/// Below it: how many threads are inside the job. Above it: the job's number.
const INSIDE: u64 = OPEN - 1;

type Work = dyn Fn(usize, Range<usize>) + Sync;
type Errand = Box<dyn FnOnce() + Send>;

pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    turn: Mutex<()>,
}

struct Shared {
    state: Line<AtomicU64>,
    /// The next item of each thread's share.
    next_items: Vec<Line<AtomicUsize>>,
    job: UnsafeCell<Option<Job>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    errands: Mutex<VecDeque<Errand>>,
    /// How many those are, for threads that only look.
    errand_count: Line<AtomicUsize>,
    parked: Mutex<()>,
    parked_count: AtomicUsize,
    wake: Condvar,
    stop: AtomicBool,
}

/// A cache line of its own (two, as the hardware fetches pairs), so that counters do not slow each other down.
#[repr(align(128))]
struct Line<T>(T);

#[derive(Clone, Copy)]
struct Job {
    /// Borrowed from the caller's stack with its lifetime erased; see the safety comments in `run`.
    work: *const Work,
    items: usize,
    grain: usize,
}

/// What a thread of the pool does next.
enum Next {
    /// Enters the job of this state, if it is still open.
    Job(u64),
    Errands,
    Nothing,
}

// SAFETY: `job` is the only field that is not `Sync`. It is written by the thread that holds `turn` while the job is
// closed and nobody is inside, and read only between entering an open job and leaving it; `state` orders the two.
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer inside refers to a `Sync` closure.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of `threads` threads, of which the caller of `run` is one.
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Line(AtomicU64::new(0)),
            next_items: (0..threads).map(|_| Line(AtomicUsize::new(0))).collect(),
            job: UnsafeCell::new(None),
            panic: Mutex::new(None),
            errands: Mutex::default(),
            errand_count: Line(AtomicUsize::new(0)),
            parked: Mutex::new(()),
            parked_count: AtomicUsize::new(0),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let mut pool = Self { shared, threads: Vec::new(), turn: Mutex::new(()) };
        for index in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let builder = thread::Builder::new().name(format!("smollm-{index}"));
            pool.threads.push(builder.spawn(move || shared.serve(index))?);
        }
        Ok(pool)
    }

    /// The number of threads that may work on a job, the caller included.
    pub(crate) fn threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Calls `work(thread, range)` for ranges of at most `grain` items that together make `0..items`, each item once.
    /// `thread` is below `threads()`, and no two calls at the same time have the same one. Returns when all are done.
    ///
    /// # Panics
    /// With the panic of `work`, if it panics on any thread; items not yet begun are then skipped.
    pub(crate) fn run(&self, items: usize, grain: usize, work: impl Fn(usize, Range<usize>) + Sync) {
        let grain = grain.max(1);
        if items == 0 {
            return;
        }
        let turn = lock(&self.turn);
        if self.threads.is_empty() || items <= grain {
            for start in (0..items).step_by(grain) {
                work(0, start..items.min(start + grain));
            }
            return;
        }
        let shared = &*self.shared;
        let work: &(dyn Fn(usize, Range<usize>) + Sync) = &work;
        // SAFETY: only the lifetime is erased. The pointer is used by threads inside the job, and this function
        // returns (or unwinds: nothing below panics before that point) only when the job is closed and nobody is inside.
        let work: *const Work =
            unsafe { std::mem::transmute::<*const (dyn Fn(usize, Range<usize>) + Sync + '_), *const Work>(work) };
        let job = Job { work, items, grain };
        // SAFETY: we hold `turn` and the previous job was closed and empty before its caller released `turn`, so no
        // other thread reads or writes `job` now.
        unsafe { *shared.job.get() = Some(job) };
        for (share, next) in shared.next_items.iter().enumerate() {
            next.0.store(shared.share(&job, share).start, Ordering::Relaxed);
        }
        let number = (shared.state.0.load(Ordering::Relaxed) >> 32).wrapping_add(1);
        // Sequentially consistent against `parked_count`: either we see a parked thread, or it sees the open job.
        shared.state.0.store(number << 32 | OPEN, Ordering::SeqCst);
        if shared.parked_count.load(Ordering::SeqCst) > 0 {
            drop(lock(&shared.parked));
            shared.wake.notify_all();
        }

        shared.work_on(job, 0);
        shared.state.0.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0;
        while shared.state.0.load(Ordering::Acquire) & INSIDE != 0 {
            spins += 1;
            if spins < SPINS_BEFORE_YIELDING { spin_loop() } else { thread::yield_now() }
        }
        let panic = lock(&shared.panic).take();
        drop(turn);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Has another thread do `errand` soon, once it has left the job that it may be in. Not where there is no other thread; nor are errands
    /// that are left over done when the pool is dropped.
    pub(crate) fn send(&self, errand: Errand) {
        if self.threads.is_empty() {
            return;
        }
        let shared = &*self.shared;
        {
            let mut errands = lock(&shared.errands);
            errands.push_back(errand);
            shared.errand_count.0.store(errands.len(), Ordering::SeqCst); // as the state in `run`, against `parked_count`
        }
        if shared.parked_count.load(Ordering::SeqCst) > 0 {
            drop(lock(&shared.parked));
            shared.wake.notify_one();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(lock(&self.shared.parked));
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A thread catches the panics of its work, so it ends in order.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// The life of one pool thread.
    fn serve(&self, thread: usize) {
        let mut last = 0;
        loop {
            let state = match self.next(last) {
                Next::Job(state) => state,
                Next::Errands => {
                    self.run_errands();
                    continue;
                }
                Next::Nothing => return,
            };
            last = state >> 32;
            let entered = self.state.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
                (now >> 32 == last && now & OPEN != 0).then_some(now + 1)
            });
            if entered.is_err() {
                continue;
            }
            // SAFETY: we are inside an open job, so nobody writes `job` before we leave, and the acquiring update above
            // saw the store that opened it, which came after `job` was written.
            let job = unsafe { *self.job.get() };
            if let Some(job) = job {
                self.work_on(job, thread);
            }
            self.state.0.fetch_sub(1, Ordering::Release);
        }
    }

    /// Waits for errands, or an open job other than number `last`, or for the pool to be dropped.
    fn next(&self, last: u64) -> Next {
        for _ in 0..SPINS_BEFORE_PARKING {
            if let Some(next) = self.ready(last, Ordering::Acquire) {
                return next;
            }
            spin_loop();
        }
        let mut guard = lock(&self.parked);
        self.parked_count.fetch_add(1, Ordering::SeqCst);
        let next = loop {
            if let Some(next) = self.ready(last, Ordering::SeqCst) {
                break next;
            }
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        };
        self.parked_count.fetch_sub(1, Ordering::SeqCst);
        next
    }

    /// What there is to do for a thread that was in job number `last`, if anything.
    fn ready(&self, last: u64, order: Ordering) -> Option<Next> {
        if self.stop.load(order) {
            return Some(Next::Nothing);
        }
        if self.errand_count.0.load(order) > 0 {
            return Some(Next::Errands);
        }
        let state = self.state.0.load(order);
        (state & OPEN != 0 && state >> 32 != last).then_some(Next::Job(state))
    }

    /// Does an errand, and more while there are any. Never unwinds: what an errand comes to is the affair of whoever sent it.
    fn run_errands(&self) {
        let take = || {
            let mut errands = lock(&self.errands);
            let errand = errands.pop_front();
            self.errand_count.0.store(errands.len(), Ordering::SeqCst);
            errand
        };
        while !self.stop.load(Ordering::Acquire)
            && let Some(errand) = take()
        {
            drop(catch_unwind(AssertUnwindSafe(errand)));
        }
    }

    /// The items of a thread's share.
    fn share(&self, job: &Job, thread: usize) -> Range<usize> {
        let threads = self.next_items.len();
        let start = |thread: usize| thread * (job.items / threads) + thread.min(job.items % threads);
        start(thread)..start(thread + 1)
    }

    /// Takes ranges until none is left, of the own share first. Never unwinds.
    fn work_on(&self, job: Job, thread: usize) {
        // SAFETY: the caller is inside the job (or is the thread in `run`), so the closure is alive.
        let work = unsafe { &*job.work };
        let threads = self.next_items.len();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            for share in (thread..threads).chain(0..thread) {
                let (next, end) = (&self.next_items[share].0, self.share(&job, share).end);
                // (Looking costs less than taking, where there is nothing left.)
                while next.load(Ordering::Relaxed) < end {
                    let start = next.fetch_add(job.grain, Ordering::Relaxed);
                    if start >= end {
                        break;
                    }
                    work(thread, start..end.min(start + job.grain));
                }
            }
        }));
        if let Err(panic) = outcome {
            for next in &self.next_items {
                next.0.store(job.items, Ordering::Relaxed);
            }
            lock(&self.panic).get_or_insert(panic);
        }
    }
}

/// Locks; a lock that a panicking thread left behind is as good as any, since each use starts afresh.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
