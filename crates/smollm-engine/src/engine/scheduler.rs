//! Who runs in the next step, with how many tokens: decisions only, no arithmetic.
//!
//! Every generating sequence gets its one token. Prompts share what is left of the token budget: a quarter of it goes to the
//! oldest, so that none starves; the rest to those that have least left, so that a short one is not stuck behind a long one.
//! When blocks run out, the youngest sequence gives its own back and starts over later, so the oldest always gets on.

use super::blocks::BlockPool;
use super::prefix::BlockKey;
use super::sequence::Sequence;
use smollm_model::BLOCK_TOKENS;
use std::collections::HashSet;

/// How often younger sequences may be admitted before an older one that does not fit yet, and how many of those at once.
const MAX_PASSED_OVER: usize = 16;
/// The oldest prompt's share of the budget: one part of so many.
const OLDEST_SHARE: usize = 4;

/// The sequences of an engine, each list from oldest to youngest.
#[derive(Debug)]
pub(crate) struct Scheduler {
    pub(crate) running: Vec<Sequence>,
    pub(crate) waiting: Vec<Sequence>,
    /// Sequences that run at once.
    max_running: usize,
    /// How many ran when others found no memory in the last step.
    fit: Option<usize>,
    /// How often a running sequence gave its blocks back.
    pub(crate) preemptions: u64,
}

/// Some tokens of a running sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// Which of the running.
    pub(crate) index: usize,
    /// Its own tokens, and what is guessed to follow them.
    pub(crate) count: usize,
    /// Whether it generates; all others read prompts.
    pub(crate) decodes: bool,
}

impl Scheduler {
    pub(crate) fn new(max_running: usize) -> Self {
        Self { running: Vec::new(), waiting: Vec::new(), max_running, fit: None, preemptions: 0 }
    }

    /// How many can run at once, as things are: where sequences found no memory in the last step, as many as ran then.
    pub(crate) fn places(&self) -> usize {
        self.fit.map_or(self.max_running, |fit| fit.max(self.running.len()))
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    pub(crate) fn wait(&mut self, sequence: Sequence) {
        let at = self.waiting.partition_point(|other| other.seniority() < sequence.seniority());
        self.waiting.insert(at, sequence);
    }

    /// Takes out the sequences that `which` chooses and gives back what they held.
    pub(crate) fn remove(&mut self, pool: &mut BlockPool, which: impl Fn(&Sequence) -> bool) -> Vec<Sequence> {
        let mut removed: Vec<Sequence> = self.running.extract_if(.., |s| which(s)).collect();
        removed.iter_mut().for_each(|sequence| sequence.release(pool));
        removed.extend(self.waiting.extract_if(.., |s| which(s)));
        removed
    }

    /// The shares of the next step of about `token_budget` tokens, those with the same adapter side by side, their blocks claimed.
    /// Not empty while anything runs or waits.
    pub(crate) fn schedule(&mut self, pool: &mut BlockPool, token_budget: usize) -> Vec<Share> {
        self.admit(pool);
        let mut shares = self.schedule_decodes(pool);
        let left = token_budget.saturating_sub(shares.len()).max(BLOCK_TOKENS);
        self.schedule_prompts(pool, left, &mut shares);
        shares.sort_unstable_by_key(|share| (self.running[share.index].adapter_id(), share.index));
        shares
    }

    /// Lets waiting sequences run while there is room for all that they are known to need.
    fn admit(&mut self, pool: &mut BlockPool) {
        let mut promised: usize = self.running.iter().map(Sequence::missing_blocks).sum();
        let (mut next, mut unfit) = (0, 0);
        while self.running.len() < self.max_running && next < self.waiting.len() {
            if self.waiting[next].follows {
                next += 1;
                continue;
            }
            let sequence = &mut self.waiting[next];
            sequence.adopt(pool);
            // One block for each that runs already, so that it is not preempted at its next border.
            let needed = promised + sequence.missing_blocks() + self.running.len();
            if needed <= pool.available() || self.running.is_empty() {
                promised += sequence.missing_blocks();
                self.waiting[..next].iter_mut().filter(|older| !older.follows).for_each(|older| older.passed_over += 1);
                let mut sequence = self.waiting.remove(next);
                sequence.clock.admitted();
                let at = self.running.partition_point(|other| other.seniority() < sequence.seniority());
                self.running.insert(at, sequence);
                continue;
            }
            sequence.unadopt(pool);
            unfit += 1;
            if sequence.passed_over >= MAX_PASSED_OVER || unfit == MAX_PASSED_OVER {
                break;
            }
            next += 1;
        }
        self.fit = (unfit > 0).then_some(self.running.len());
    }

    /// Lets the other choices of a request run whose first choice, running at `first`, has just read the prompt, as far as there is
    /// room, and returns the blocks to copy. The rest wait like everybody else.
    pub(crate) fn fork(&mut self, first: usize, pool: &mut BlockPool) -> Vec<(u32, u32)> {
        let request = self.running[first].request;
        let mut copies = Vec::new();
        let mut at = first;
        let mut next = 0;
        while next < self.waiting.len() {
            let follower = &mut self.waiting[next];
            if follower.request == request
                && std::mem::take(&mut follower.follows)
                && self.running.len() < self.max_running
                && let Some(copy) = follower.fork(&self.running[first], pool)
            {
                copies.extend(copy);
                at += 1;
                let follower = self.waiting.remove(next);
                self.running.insert(at, follower);
                continue;
            }
            next += 1;
        }
        copies
    }

    fn schedule_decodes(&mut self, pool: &mut BlockPool) -> Vec<Share> {
        let mut shares = Vec::new();
        let mut index = 0;
        while index < self.running.len() {
            if self.running[index].decodes() && self.claim(pool, index, 1) == 1 {
                shares.push(Share { index, count: 1, decodes: true });
            }
            index += 1;
        }
        shares
    }

    fn schedule_prompts(&mut self, pool: &mut BlockPool, budget: usize, shares: &mut Vec<Share>) {
        let mut left = budget;
        let Some(oldest) = self.running.iter().position(|s| !s.decodes()) else { return };
        self.running[oldest].adopt(pool);
        let first = self.running[oldest].pending().min((budget / OLDEST_SHARE).max(1));
        let mut oldest_share = self.claim(pool, oldest, first);
        left -= oldest_share;
        let mut others: Vec<usize> = (oldest + 1..self.running.len()).filter(|&i| !self.running[i].decodes()).collect();
        others.iter().for_each(|&index| self.running[index].adopt(pool));
        others.sort_by_key(|&index| self.running[index].pending());
        // Blocks that are being filled in this step: who needs the same waits for it and takes it over.
        let mut filling: HashSet<BlockKey> = self.running[oldest].next_key().into_iter().collect();
        for index in others {
            // Claiming for one may have preempted the youngest; those are at the end.
            if left == 0 || index >= self.running.len() {
                continue;
            }
            let sequence = &self.running[index];
            if let Some(key) = sequence.next_key()
                && !filling.insert(key)
                && sequence.may_adopt()
            {
                continue;
            }
            let count = self.claim(pool, index, sequence.whole_blocks(sequence.pending().min(left)));
            if count > 0 {
                shares.push(Share { index, count, decodes: false });
                left -= count;
            }
        }
        let rest = (self.running[oldest].pending() - oldest_share).min(left);
        let whole = self.running[oldest].whole_blocks(oldest_share + rest);
        oldest_share = self.claim(pool, oldest, whole);
        if oldest_share > 0 {
            shares.push(Share { index: oldest, count: oldest_share, decodes: false });
        }
        shares.retain(|share| share.index < self.running.len());
    }

    /// Claims the blocks for `count` more tokens of a running sequence, of younger ones where none are free, and returns for how
    /// many tokens there are blocks.
    fn claim(&mut self, pool: &mut BlockPool, index: usize, count: usize) -> usize {
        let mut missing = self.running[index].blocks_for(count);
        while missing > 0 {
            if let Some(block) = pool.take() {
                self.running[index].blocks.push(block);
                missing -= 1;
            } else if self.running.len() > index + 1 {
                self.preempt_youngest(pool);
            } else {
                break;
            }
        }
        let sequence = &self.running[index];
        count.min(sequence.blocks.len() * BLOCK_TOKENS - sequence.computed)
    }

    /// [`Scheduler::claim`] of blocks that nobody has.
    pub(crate) fn claim_free(&mut self, pool: &mut BlockPool, index: usize, count: usize) -> usize {
        let sequence = &mut self.running[index];
        for _ in 0..sequence.blocks_for(count) {
            sequence.blocks.extend(pool.take());
        }
        count.min(sequence.blocks.len() * BLOCK_TOKENS - sequence.computed)
    }

    fn preempt_youngest(&mut self, pool: &mut BlockPool) {
        if let Some(mut youngest) = self.running.pop() {
            youngest.preempt(pool);
            self.preemptions += 1;
            self.wait(youngest);
        }
    }
}

#[cfg(test)]
mod tests;
