//! Who holds which block of the key/value cache.

/// Reference counts over the blocks of a cache. A block with one holder may be written by it; a shared one is only read.
#[derive(Debug)]
pub(crate) struct BlockPool {
    holders: Vec<u32>,
    /// Blocks without a holder; the last is given out next.
    free: Vec<u32>,
}

impl BlockPool {
    pub(crate) fn new(blocks: usize) -> Self {
        // Low numbers first, so that little memory is touched while little is needed.
        Self { holders: vec![0; blocks], free: (0..blocks as u32).rev().collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.holders.len()
    }

    /// Blocks that [`BlockPool::take`] could give.
    pub(crate) fn available(&self) -> usize {
        self.free.len()
    }

    /// A block for one holder.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let block = self.free.pop()?;
        self.holders[block as usize] = 1;
        Some(block)
    }

    /// One holder of `block` less.
    pub(crate) fn release(&mut self, block: u32) {
        let holders = &mut self.holders[block as usize];
        *holders -= 1;
        if *holders == 0 {
            self.free.push(block);
        }
    }
}
