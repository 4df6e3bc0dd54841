//! Who holds which block of the key/value cache.

use super::prefix::{BlockKey, Place, PrefixTree};

/// Reference counts over the blocks of a cache. A block with one holder may be written by it; a shared one is only read.
#[derive(Debug)]
pub(crate) struct BlockPool {
    holders: Vec<u32>,
    /// Blocks that hold nothing; the last is given out next.
    free: Vec<u32>,
    /// What full blocks hold.
    tree: PrefixTree,
    /// Blocks that may rest in the tree without a holder.
    max_idle: usize,
}

impl BlockPool {
    pub(crate) fn new(blocks: usize, max_idle: usize) -> Self {
        // Low numbers first, so that little memory is touched while little is needed.
        let free = (0..blocks as u32).rev().collect();
        Self { holders: vec![0; blocks], free, tree: PrefixTree::default(), max_idle }
    }

    pub(crate) fn len(&self) -> usize {
        self.holders.len()
    }

    /// Blocks that [`BlockPool::take`] could give.
    pub(crate) fn available(&self) -> usize {
        self.free.len() + self.tree.idle()
    }

    /// Blocks without a holder whose content may be used again.
    pub(crate) fn idle(&self) -> usize {
        self.tree.idle()
    }

    /// A block for one holder.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let block = self.free.pop().or_else(|| self.tree.evict())?;
        self.holders[block as usize] = 1;
        Some(block)
    }

    /// One holder of `block` less.
    pub(crate) fn release(&mut self, block: u32) {
        let holders = &mut self.holders[block as usize];
        *holders -= 1;
        if *holders > 0 {
            return;
        }
        if !self.tree.knows(block) {
            self.free.push(block);
            return;
        }
        self.tree.rest(block);
        if self.tree.idle() > self.max_idle {
            self.free.extend(self.tree.evict());
        }
    }

    /// One holder more for a block that has one.
    pub(crate) fn hold(&mut self, block: u32) {
        self.holders[block as usize] += 1;
    }

    /// One holder more for the block that holds `key`, if there is one, and the place after it.
    pub(crate) fn share(&mut self, key: &BlockKey) -> Option<(Place, u32)> {
        let (place, block) = self.tree.find(key)?;
        self.tree.wake(block);
        self.holders[block as usize] += 1;
        Some((place, block))
    }

    /// Makes it known that `block` holds `key`, for good. If another does already, that one is given to the holder in its place,
    /// since equal tokens of one class after equal beginnings have equal bits. Returns the block to use and the place after it.
    pub(crate) fn publish(&mut self, key: BlockKey, block: u32) -> (Place, u32) {
        match self.share(&key) {
            Some(known) => {
                self.release(block);
                known
            }
            None => (self.tree.insert(key, block), block),
        }
    }

    /// Panics unless each block has as many holders as given, and those without are free or idle, each once.
    #[cfg(test)]
    pub(super) fn assert_in_order(&self, holders: &[u32]) {
        assert_eq!(self.holders, holders);
        let idle = self.tree.idle_blocks();
        assert!(idle.len() <= self.max_idle);
        let mut unheld = [idle, self.free.clone()].concat();
        unheld.sort_unstable();
        assert!(
            (0..self.len() as u32).filter(|&block| holders[block as usize] == 0).eq(unheld),
            "lost or doubled blocks"
        );
        assert!(self.free.iter().all(|&block| !self.tree.knows(block)), "a free block is in the tree");
    }

    #[cfg(test)]
    pub(super) fn knows(&self, block: u32) -> bool {
        self.tree.knows(block)
    }
}
