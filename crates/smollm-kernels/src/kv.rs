//! Memory for the keys or values of one layer, in blocks that sequences claim through block tables.

use std::ops::Range;

use crate::dtype::Dtype;
use crate::half;
use crate::lanes::LANES;
use crate::matrix::Rows;

/// How keys and values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KvDtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// 32 signed bytes and their f16 scale; only for heads of whole blocks.
    Q8_0,
}

impl KvDtype {
    /// The type of weights that is stored alike.
    pub const fn stored(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::BF16 => Dtype::BF16,
            Self::Q8_0 => Dtype::Q8_0,
        }
    }

    /// Bytes of `elements` elements; `None` where that is not a whole number of blocks or overflows.
    pub const fn bytes_for(self, elements: usize) -> Option<usize> {
        self.stored().bytes_for(elements)
    }

    /// The name as the weight types are named.
    pub const fn name(self) -> &'static str {
        self.stored().name()
    }
}

/// What a buffer holds: it decides how BF16 lies (see [`KvBuffer`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvRole {
    /// Keys, which are multiplied along D.
    Keys,
    /// Values, which are added up over tokens.
    Values,
}

/// Where one token's keys or values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvSlot {
    /// Block of the buffer.
    pub block: u32,
    /// Token within the block.
    pub offset: u32,
}

/// Keys or values of one layer, laid out `[block][kv_head][token][D]`, so that what one head reads of a block is one run.
///
/// BF16 is woven as attention reads it, so that nothing is turned or sorted each time: D is filled up to a multiple of 16, and
/// keys lie in sixteens of tokens, `[D / 2][16 tokens][2]`, values in pairs of tokens, `[D][2 tokens]`.
///
/// Memory is asked for zeroed and not touched until written, so the system hands out pages as sequences grow.
#[derive(Clone, Debug)]
pub struct KvBuffer {
    pub(crate) data: KvData,
    pub(crate) shape: KvShape,
    dtype: KvDtype,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct KvShape {
    pub(crate) blocks: usize,
    pub(crate) block_tokens: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    /// Elements that a token takes per head: D, filled up where it is woven.
    pub(crate) row: usize,
    pub(crate) role: KvRole,
}

#[derive(Clone, Debug)]
pub(crate) enum KvData {
    F32(Vec<f32>),
    F16(Vec<u16>),
    Bf16(Vec<u16>),
    Q8_0(Vec<u8>),
}

impl KvBuffer {
    /// Bytes such a buffer takes; `None` where a head is not whole blocks of its type, where a block of BF16 is not whole
    /// sixteens of tokens, or where that overflows.
    pub fn bytes_for(
        dtype: KvDtype,
        blocks: usize,
        block_tokens: usize,
        kv_heads: usize,
        head_dim: usize,
    ) -> Option<usize> {
        if dtype == KvDtype::BF16 && !block_tokens.is_multiple_of(LANES) {
            return None;
        }
        let head = dtype.bytes_for(Self::row(dtype, head_dim)?)?;
        [block_tokens, kv_heads, head].into_iter().try_fold(blocks, usize::checked_mul)
    }

    fn row(dtype: KvDtype, head_dim: usize) -> Option<usize> {
        if dtype == KvDtype::BF16 { head_dim.checked_next_multiple_of(LANES) } else { Some(head_dim) }
    }

    /// A buffer of zeros.
    ///
    /// # Panics
    /// If there is no such buffer; see [`KvBuffer::bytes_for`].
    pub fn new(
        role: KvRole,
        dtype: KvDtype,
        blocks: usize,
        block_tokens: usize,
        kv_heads: usize,
        head_dim: usize,
    ) -> Self {
        let bytes = Self::bytes_for(dtype, blocks, block_tokens, kv_heads, head_dim);
        let (Some(bytes), Some(row)) = (bytes, Self::row(dtype, head_dim)) else {
            panic!("no KV buffer of {blocks} blocks of {block_tokens} tokens and heads of {head_dim} {}", dtype.name());
        };
        let data = match dtype {
            KvDtype::F32 => KvData::F32(vec![0.0; bytes / 4]),
            KvDtype::F16 => KvData::F16(vec![0; bytes / 2]),
            KvDtype::BF16 => KvData::Bf16(vec![0; bytes / 2]),
            KvDtype::Q8_0 => KvData::Q8_0(vec![0; bytes]),
        };
        Self { data, shape: KvShape { blocks, block_tokens, kv_heads, head_dim, row, role }, dtype }
    }

    /// Element type.
    pub fn dtype(&self) -> KvDtype {
        self.dtype
    }

    /// Blocks.
    pub fn blocks(&self) -> usize {
        self.shape.blocks
    }

    /// Tokens per block.
    pub fn block_tokens(&self) -> usize {
        self.shape.block_tokens
    }

    /// Key/value heads, G.
    pub fn kv_heads(&self) -> usize {
        self.shape.kv_heads
    }

    /// Elements per head, D.
    pub fn head_dim(&self) -> usize {
        self.shape.head_dim
    }

    /// Bytes of address space; what is resident grows as tokens are written.
    pub fn bytes_len(&self) -> usize {
        match &self.data {
            KvData::F32(data) => size_of_val(&data[..]),
            KvData::F16(data) | KvData::Bf16(data) => size_of_val(&data[..]),
            KvData::Q8_0(data) => data.len(),
        }
    }

    /// Some elements, which are whole heads (woven, whole sixteens or pairs of them), as they lie in memory.
    pub(crate) fn rows(&self, elements: Range<usize>) -> Rows<'_> {
        match &self.data {
            KvData::F32(data) => Rows::F32(&data[elements]),
            KvData::F16(data) => Rows::F16(&data[elements]),
            KvData::Bf16(data) => Rows::Bf16(&data[elements]),
            KvData::Q8_0(data) => Rows::Blocks(Dtype::Q8_0, data).part(elements),
        }
    }

    /// Makes block `to` hold what block `from` does.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn copy_block(&mut self, from: u32, to: u32) {
        let KvShape { blocks, block_tokens, kv_heads, row, .. } = self.shape;
        let len = block_tokens * kv_heads * row;
        assert!((from as usize) < blocks && (to as usize) < blocks, "KV blocks {from} and {to} of {blocks}");
        let (from, to) = (from as usize * len, to as usize * len);
        match &mut self.data {
            KvData::F32(data) => data.copy_within(from..from + len, to),
            KvData::F16(data) | KvData::Bf16(data) => data.copy_within(from..from + len, to),
            KvData::Q8_0(data) => {
                let bytes = |elements: usize| elements / Dtype::Q8_0.block_len() * Dtype::Q8_0.block_bytes();
                data.copy_within(bytes(from)..bytes(from + len), bytes(to));
            }
        }
    }

    /// Writes the D elements of one token and head, widened to f32.
    ///
    /// # Panics
    /// If there is no such slot or head, or `out` does not have D elements.
    pub fn read(&self, slot: KvSlot, kv_head: usize, out: &mut [f32]) {
        let token = self.shape.run(slot.block, kv_head, slot.offset as usize, 1);
        let KvData::Bf16(data) = &self.data else { return self.rows(token).to_f32(out) };
        assert_eq!(out.len(), self.shape.head_dim, "elements of a head");
        let (start, step) = self.shape.woven(slot, kv_head);
        for (pair, out) in out.chunks_mut(2).enumerate() {
            for (i, out) in out.iter_mut().enumerate() {
                *out = half::bf16_to_f32(data[start + pair * step + i * self.shape.within_pair()]);
            }
        }
    }
}

impl KvShape {
    /// The elements of `tokens` consecutive tokens of one block and head.
    pub(crate) fn run(self, block: u32, kv_head: usize, token: usize, tokens: usize) -> Range<usize> {
        let block = block as usize;
        assert!(block < self.blocks && kv_head < self.kv_heads, "KV block {block}, head {kv_head} of {self:?}");
        let fits = token <= self.block_tokens && tokens <= self.block_tokens - token;
        assert!(fits, "tokens {token}+{tokens} of a KV block of {}", self.block_tokens);
        let start = ((block * self.kv_heads + kv_head) * self.block_tokens + token) * self.row;
        start..start + tokens * self.row
    }

    /// Where the first element of a woven token lies, and how far each pair of its elements is from the last.
    pub(crate) fn woven(self, slot: KvSlot, kv_head: usize) -> (usize, usize) {
        let offset = slot.offset as usize;
        match self.role {
            KvRole::Keys => {
                let sixteen = self.run(slot.block, kv_head, offset / LANES * LANES, LANES).start;
                (sixteen + offset % LANES * 2, 2 * LANES)
            }
            KvRole::Values => (self.run(slot.block, kv_head, offset / 2 * 2, 2).start + offset % 2, 4),
        }
    }

    /// How far the second element of a pair of a woven token is from the first.
    pub(crate) fn within_pair(self) -> usize {
        match self.role {
            KvRole::Keys => 1,
            KvRole::Values => 2,
        }
    }
}
