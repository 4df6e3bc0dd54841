//! New keys or values into the blocks of their sequences.

use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::dtype::Dtype;
use crate::kv::{KvBuffer, KvData, KvSlot};
use crate::quant;

/// Tokens below which a fork is not worth it.
const MIN_TOKENS: usize = 32;

/// Where the numbers go, by type.
enum Target<'a> {
    F32(Disjoint<'a, f32>),
    F16(Disjoint<'a, u16>),
    Bf16(Disjoint<'a, u16>),
    Q8_0(Disjoint<'a, u8>),
}

/// Elements and bytes of a block of Q8_0.
const BLOCK: usize = Dtype::Q8_0.block_len();
const BLOCK_BYTES: usize = Dtype::Q8_0.block_bytes();

/// Writes row i of `rows` (N x G*D), rounded to the type of `dst` (to nearest even; for Q8_0 by the scale that takes the largest
/// of 32 to 127), to `slots[i]`. Where a slot stands twice the later row wins.
///
/// # Panics
/// If `rows` is not N x G*D or a slot is outside of `dst`.
pub fn kv_write(cpu: &Cpu, rows: &[f32], slots: &[KvSlot], dst: &mut KvBuffer) {
    let shape = dst.shape;
    let (heads, dim) = (shape.kv_heads, shape.head_dim);
    assert_eq!(rows.len(), slots.len() * heads * dim, "kv_write: rows is not N x G*D");
    let target = match &mut dst.data {
        KvData::F32(data) => Target::F32(Disjoint::new(data)),
        KvData::F16(data) => Target::F16(Disjoint::new(data)),
        KvData::Bf16(data) => Target::Bf16(Disjoint::new(data)),
        KvData::Q8_0(data) => Target::Q8_0(Disjoint::new(data)),
    };
    // Split by head, not by token: two heads never share elements, whatever the slots are.
    let grain = if slots.len() < MIN_TOKENS { heads } else { 1 };
    cpu.pool.run(heads, grain, |_, range| {
        let mut narrowed = vec![0; if matches!(target, Target::Bf16(_)) { dim } else { 0 }];
        for head in range {
            for (token, slot) in slots.iter().enumerate() {
                let from = &rows[(token * heads + head) * dim..][..dim];
                let place = shape.run(slot.block, head, slot.offset as usize, 1).start;
                // SAFETY (of all pieces): `place` lies in this head's part of a block, which only this item touches.
                match &target {
                    // SAFETY: as above.
                    Target::F32(data) => unsafe { data.piece(place, dim) }.copy_from_slice(from),
                    // SAFETY: as above; and `Cpu` holds only rows that are available.
                    Target::F16(data) => unsafe { (cpu.kernels.narrow_f16)(from, data.piece(place, dim)) },
                    Target::Bf16(data) => {
                        // SAFETY: `Cpu` holds only rows that are available.
                        unsafe { (cpu.kernels.narrow_bf16)(from, &mut narrowed) };
                        let ((start, step), within) = (shape.woven(*slot, head), shape.within_pair());
                        for (pair, numbers) in narrowed.chunks(2).enumerate() {
                            for (i, number) in numbers.iter().enumerate() {
                                // SAFETY: as above, of one element.
                                let place = unsafe { data.piece(start + pair * step + i * within, 1) };
                                place[0] = *number;
                            }
                        }
                    }
                    Target::Q8_0(data) => {
                        let (place, len) = (place / BLOCK * BLOCK_BYTES, dim / BLOCK * BLOCK_BYTES);
                        // SAFETY: as above.
                        quant::round_q8_0(from, unsafe { data.piece(place, len) });
                    }
                }
            }
        }
    });
}
