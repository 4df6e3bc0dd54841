//! Memory for the keys or values of one layer, in blocks that sequences claim through block tables.

use std::ops::Range;

use crate::half;

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
}

impl KvDtype {
    /// Bytes of one element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// The name as the weight types are named.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
        }
    }
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
}

#[derive(Clone, Debug)]
pub(crate) enum KvData {
    F32(Vec<f32>),
    F16(Vec<u16>),
    Bf16(Vec<u16>),
}

impl KvBuffer {
    /// Bytes such a buffer takes; `None` where that overflows.
    pub fn bytes_for(
        dtype: KvDtype,
        blocks: usize,
        block_tokens: usize,
        kv_heads: usize,
        head_dim: usize,
    ) -> Option<usize> {
        [block_tokens, kv_heads, head_dim, dtype.bytes()].into_iter().try_fold(blocks, usize::checked_mul)
    }

    /// A buffer of zeros.
    ///
    /// # Panics
    /// If the size overflows; see [`KvBuffer::bytes_for`].
    pub fn new(dtype: KvDtype, blocks: usize, block_tokens: usize, kv_heads: usize, head_dim: usize) -> Self {
        let bytes = Self::bytes_for(dtype, blocks, block_tokens, kv_heads, head_dim);
        let elements = bytes.expect("the size of a KV buffer overflows") / dtype.bytes();
        let data = match dtype {
            KvDtype::F32 => KvData::F32(vec![0.0; elements]),
            KvDtype::F16 => KvData::F16(vec![0; elements]),
            KvDtype::BF16 => KvData::Bf16(vec![0; elements]),
        };
        Self { data, shape: KvShape { blocks, block_tokens, kv_heads, head_dim }, dtype }
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
        self.shape.elements() * self.dtype.bytes()
    }

    /// Writes the D elements of one token and head, widened to f32.
    ///
    /// # Panics
    /// If there is no such slot or head, or `out` does not have D elements.
    pub fn read(&self, slot: KvSlot, kv_head: usize, out: &mut [f32]) {
        let range = self.shape.run(slot.block, kv_head, slot.offset as usize, 1);
        match &self.data {
            KvData::F32(data) => out.copy_from_slice(&data[range]),
            KvData::F16(data) => half::f16s_to_f32s(&data[range], out),
            KvData::Bf16(data) => half::bf16s_to_f32s(&data[range], out),
        }
    }
}

impl KvShape {
    fn elements(self) -> usize {
        self.blocks * self.block_tokens * self.kv_heads * self.head_dim
    }

    /// The elements of `tokens` consecutive tokens of one block and head.
    pub(crate) fn run(self, block: u32, kv_head: usize, token: usize, tokens: usize) -> Range<usize> {
        let block = block as usize;
        assert!(block < self.blocks && kv_head < self.kv_heads, "KV block {block}, head {kv_head} of {self:?}");
        let fits = token <= self.block_tokens && tokens <= self.block_tokens - token;
        assert!(fits, "tokens {token}+{tokens} of a KV block of {}", self.block_tokens);
        let start = ((block * self.kv_heads + kv_head) * self.block_tokens + token) * self.head_dim;
        start..start + tokens * self.head_dim
    }
}
