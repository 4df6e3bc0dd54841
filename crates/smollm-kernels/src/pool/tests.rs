//! The pool: every item once, many tiny joins, several callers, panics, errands.

use super::*;

fn pools() -> Vec<Pool> {
    (1..=4).map(|threads| Pool::new(threads).expect("threads can be started")).collect()
}

#[test]
fn every_item_is_done_exactly_once() {
    for pool in pools() {
        for (items, grain) in [(0, 1), (1, 1), (7, 3), (100, 1), (1000, 7), (5, 100), (64, 0)] {
            let counts: Vec<AtomicUsize> = (0..items).map(|_| AtomicUsize::new(0)).collect();
            pool.run(items, grain, |thread, range| {
                assert!(thread < pool.threads() && range.len() <= grain.max(1));
                range.for_each(|item| _ = counts[item].fetch_add(1, Ordering::Relaxed));
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{items} items by {grain}");
        }
    }
}

#[test]
fn many_tiny_joins_see_each_others_writes() {
    for pool in pools() {
        let mut values = vec![0u64; 8];
        for round in 0..5_000u64 {
            let cells: Vec<AtomicU64> = values.iter().map(|&v| AtomicU64::new(v)).collect();
            pool.run(8, 1, |_, range| {
                range
                    .for_each(|item| cells[item].store(cells[item].load(Ordering::Relaxed) + round, Ordering::Relaxed));
            });
            values = cells.into_iter().map(AtomicU64::into_inner).collect();
        }
        assert_eq!(values, vec![5_000 * 4_999 / 2; 8]);
    }
}

#[test]
fn threads_wake_again_after_parking() {
    for pool in pools() {
        for _ in 0..5 {
            thread::sleep(std::time::Duration::from_millis(2));
            let sum = AtomicUsize::new(0);
            pool.run(100, 1, |_, range| _ = sum.fetch_add(range.start, Ordering::Relaxed));
            assert_eq!(sum.into_inner(), 4_950);
        }
    }
}

#[test]
fn no_two_calls_at_once_share_a_thread_index() {
    for pool in pools() {
        let busy: Vec<AtomicBool> = (0..pool.threads()).map(|_| AtomicBool::new(false)).collect();
        pool.run(500, 1, |thread, _| {
            assert!(!busy[thread].swap(true, Ordering::SeqCst));
            spin_loop();
            busy[thread].store(false, Ordering::SeqCst);
        });
    }
}

#[test]
fn several_callers_take_turns() {
    let pool = Pool::new(3).expect("threads can be started");
    let total = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    pool.run(10, 1, |_, range| _ = total.fetch_add(range.len(), Ordering::Relaxed));
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 4 * 500 * 10);
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
    for pool in pools() {
        for bad in [0, 50, 99] {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(100, 1, |_, range| assert!(range.start != bad, "item {bad} is bad"));
            }));
            let panic = outcome.expect_err("the panic is passed on");
            assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some(format!("item {bad} is bad").as_str()));
            let sum = AtomicUsize::new(0);
            pool.run(100, 3, |_, range| _ = sum.fetch_add(range.sum(), Ordering::Relaxed));
            assert_eq!(sum.into_inner(), 4_950);
        }
    }
}

/// Waits for what is sure to come.
fn until(what: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !what() {
        assert!(started.elapsed().as_secs() < 60, "it does not come");
        thread::yield_now();
    }
}

#[test]
fn errands_are_done_once_each_by_others_whether_they_sleep_or_not() {
    for pool in pools() {
        let (done, by_caller) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let own = thread::current().id();
        for round in 0..20 {
            for _ in 0..10 {
                let (done, by_caller) = (done.clone(), by_caller.clone());
                pool.send(Box::new(move || {
                    by_caller.fetch_add(usize::from(thread::current().id() == own), Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                }));
            }
            let sum = AtomicUsize::new(0);
            pool.run(100, 1, |_, range| _ = sum.fetch_add(range.start, Ordering::Relaxed));
            assert_eq!(sum.into_inner(), 4_950);
            if round % 5 == 0 {
                thread::sleep(std::time::Duration::from_millis(2)); // they park
            }
        }
        let expected = if pool.threads() == 1 { 0 } else { 200 };
        until(|| done.load(Ordering::SeqCst) >= expected);
        drop(pool); // nothing comes after that
        assert_eq!((done.load(Ordering::SeqCst), by_caller.load(Ordering::SeqCst)), (expected, 0));
    }
}

/// Sends a thread away, and gives what it waits for once it has begun.
fn on_a_long_errand(pool: &Pool) -> Arc<AtomicBool> {
    let (begun, goes_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (says, waits) = (begun.clone(), goes_on.clone());
    pool.send(Box::new(move || {
        says.store(true, Ordering::SeqCst);
        until(|| waits.load(Ordering::SeqCst));
    }));
    until(|| begun.load(Ordering::SeqCst));
    goes_on
}

#[test]
fn jobs_go_on_without_a_thread_that_is_on_an_errand() {
    let pool = Pool::new(2).expect("threads can be started");
    let goes_on = on_a_long_errand(&pool);
    for _ in 0..100 {
        pool.run(100, 1, |thread, _| assert_eq!(thread, 0, "the other is away"));
    }
    goes_on.store(true, Ordering::SeqCst);
}

#[test]
fn an_errand_that_panics_takes_nobody_with_it() {
    let pool = Pool::new(2).expect("threads can be started");
    let done = Arc::new(AtomicBool::new(false));
    pool.send(Box::new(|| panic!("an errand")));
    let says = done.clone();
    pool.send(Box::new(move || says.store(true, Ordering::SeqCst)));
    until(|| done.load(Ordering::SeqCst));
    let sum = AtomicUsize::new(0);
    pool.run(100, 3, |_, range| _ = sum.fetch_add(range.sum(), Ordering::Relaxed));
    assert_eq!(sum.into_inner(), 4_950);
}

#[test]
fn a_pool_that_is_dropped_waits_for_no_errand_that_was_not_begun() {
    let pool = Pool::new(2).expect("threads can be started");
    let goes_on = on_a_long_errand(&pool);
    let done = Arc::new(AtomicBool::new(false));
    let left = done.clone();
    pool.send(Box::new(move || left.store(true, Ordering::SeqCst)));
    let shared = pool.shared.clone();
    let dropping = thread::spawn(move || drop(pool));
    until(|| shared.stop.load(Ordering::SeqCst));
    goes_on.store(true, Ordering::SeqCst);
    dropping.join().expect("it ends");
    assert!(!done.load(Ordering::SeqCst), "it was not begun when the pool was dropped");
}
