//! Which full blocks hold what: a tree of token blocks, so that what two sequences begin with is computed and kept once.
//!
//! A block's content follows from its tokens and everything before them, so a block is known by its tokens and the place in the
//! tree where its predecessor ends. Places are compared exactly, never by a hash alone: another prompt's keys and values can
//! not be taken for one's own. Where prompts and answers are computed in two arithmetics, a block's class is part of its key: an answer
//! that returns as a prompt is computed anew.

use smollm_model::BLOCK_TOKENS;
use std::collections::{BTreeMap, HashMap};

/// A place in the tree: a beginning of whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place(u64);

impl Place {
    /// Before the first token of what is computed with an adapter of this id, or without.
    pub(crate) fn root(adapter: Option<u64>) -> Self {
        Self(Self::ROOTS | adapter.unwrap_or(0))
    }

    /// Ids of adapters and places are counted up from 1: neither gets here.
    const ROOTS: u64 = 1 << 63;
}

/// The tokens of a full block.
pub(crate) type BlockTokens = [u32; BLOCK_TOKENS];

/// A block by what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlockKey {
    /// Where it begins.
    pub(crate) place: Place,
    /// Whether its tokens are of the prompt class.
    pub(crate) of_prompt: bool,
    pub(crate) tokens: BlockTokens,
}

/// The tree, and which of its blocks nobody holds at the moment.
#[derive(Debug, Default)]
pub(crate) struct PrefixTree {
    /// What follows a place: the place after the block, and the block.
    known: HashMap<BlockKey, (Place, u32)>,
    keys: HashMap<u32, BlockKey>,
    /// Blocks without a holder by when they lost it, and that moment of each.
    idle: BTreeMap<u64, u32>,
    idle_since: HashMap<u32, u64>,
    last_place: u64,
    clock: u64,
}

impl PrefixTree {
    /// The block that holds `key`, and the place after it.
    pub(crate) fn find(&self, key: &BlockKey) -> Option<(Place, u32)> {
        self.known.get(key).copied()
    }

    /// Enters `block`, which holds `key` and is not known yet, and returns the place after it.
    pub(crate) fn insert(&mut self, key: BlockKey, block: u32) -> Place {
        self.last_place += 1;
        let place = Place(self.last_place);
        self.known.insert(key, (place, block));
        self.keys.insert(block, key);
        place
    }

    /// Whether the tree knows what `block` holds.
    pub(crate) fn knows(&self, block: u32) -> bool {
        self.keys.contains_key(&block)
    }

    /// Blocks that nobody holds.
    pub(crate) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Nobody holds `block` any more. Who gives up several blocks of a sequence begins with the last, so that a block never goes
    /// before those that follow it.
    pub(crate) fn rest(&mut self, block: u32) {
        self.clock += 1;
        self.idle.insert(self.clock, block);
        self.idle_since.insert(block, self.clock);
    }

    /// `block` has a holder again, if it had none.
    pub(crate) fn wake(&mut self, block: u32) {
        if let Some(since) = self.idle_since.remove(&block) {
            self.idle.remove(&since);
        }
    }

    /// Forgets the block that has been idle for longest.
    pub(crate) fn evict(&mut self) -> Option<u32> {
        let (_, block) = self.idle.pop_first()?;
        self.idle_since.remove(&block);
        if let Some(key) = self.keys.remove(&block) {
            self.known.remove(&key);
        }
        Some(block)
    }

    #[cfg(test)]
    pub(super) fn idle_blocks(&self) -> Vec<u32> {
        assert_eq!(self.idle.len(), self.idle_since.len());
        assert_eq!(self.known.len(), self.keys.len());
        assert!(self.idle.values().all(|block| self.knows(*block)));
        // No block is left whose beginning is gone: it could never be found.
        let places: std::collections::HashSet<Place> = self.known.values().map(|known| known.0).collect();
        assert!(self.known.keys().all(|key| key.place.0 >= Place::ROOTS || places.contains(&key.place)), "an orphan");
        self.idle.values().copied().collect()
    }
}
