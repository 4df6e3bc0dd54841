//! Work of no particular kind, shared out to the threads.

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
}
