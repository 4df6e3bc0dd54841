//! Work of no particular kind, shared out to the threads, or done by one of them beside the ops that follow.

use crate::cpu::Cpu;
use crate::disjoint::Disjoint;

/// Calls `work` with each of `items`, several at a time; each should be worth some microseconds. It must not use `cpu` itself.
///
/// # Panics
/// With the panic of `work`.
pub fn for_each<T: Send>(cpu: &Cpu, items: &mut [T], work: impl Fn(&mut T) + Sync) {
    let count = items.len();
    let items = Disjoint::new(items);
    cpu.pool.run(count, 1, |_, range| {
        for index in range {
            // SAFETY: each index is handed out once.
            unsafe { items.piece(index, 1) }.iter_mut().for_each(&work);
        }
    });
}

/// Has a thread of `cpu` other than the caller do `work` soon, beside the ops that follow: those go on without it, so they need its result no
/// sooner than another thread can work it out. It must not use `cpu` itself. Nothing is done where the caller is the only thread, nor once `cpu`
/// is dropped; a panic of `work` ends it, and nobody hears of it.
pub fn beside(cpu: &Cpu, work: impl FnOnce() + Send + 'static) {
    cpu.pool.send(Box::new(work));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_done_once() {
        for threads in [1, 3] {
            let cpu = Cpu::with_isa("scalar", threads).expect("always there");
            let mut items: Vec<(u64, Vec<u64>)> = (0..1000).map(|i| (i, Vec::new())).collect();
            for_each(&cpu, &mut items, |(i, seen)| seen.push(*i * 2));
            assert!(items.iter().all(|(i, seen)| *seen == [i * 2]));
            for_each(&cpu, &mut [0_u8; 0], |_| panic!("there is none"));
        }
    }

    #[test]
    fn what_is_done_beside_is_done_by_another_thread() {
        let cpu = Cpu::with_isa("scalar", 2).expect("always there");
        let (sender, done) = std::sync::mpsc::channel();
        beside(&cpu, move || sender.send(std::thread::current().id()).expect("somebody waits"));
        assert_ne!(done.recv().expect("it is done"), std::thread::current().id());
    }
}
