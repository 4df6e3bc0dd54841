//! Counting the words of texts: several threads, each with a table of its own that goes to a scratch file when it is full.

use std::fs::File;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::feed::{BATCH, Batch, Feed};
use super::table::WordTable;
use super::words::Counts;
use super::{TrainError, TrainOptions, runs};
use crate::pretokenize::PreTokenizer;

/// Counts and what they were counted in.
pub(super) struct Counted {
    pub(super) words: Counts,
    pub(super) texts: u64,
    pub(super) bytes: u64,
}

/// What one thread counted.
#[derive(Default)]
struct Share {
    table: WordTable,
    full: Vec<File>,
}

type Scratch<'a> = &'a (dyn Fn() -> std::io::Result<File> + Sync);

/// Counts the words of what `texts` feeds.
pub(super) fn count<E: From<TrainError>>(
    pretokenizer: &PreTokenizer,
    options: &TrainOptions,
    scratch: Scratch<'_>,
    texts: impl FnOnce(&mut Feed<'_>) -> Result<(), E>,
) -> Result<Counted, E> {
    count_in_batches(BATCH, pretokenizer, options, scratch, texts)
}

/// As [`count`]; the size of batches leaves no trace.
pub(super) fn count_in_batches<E: From<TrainError>>(
    size: usize,
    pretokenizer: &PreTokenizer,
    options: &TrainOptions,
    scratch: Scratch<'_>,
    texts: impl FnOnce(&mut Feed<'_>) -> Result<(), E>,
) -> Result<Counted, E> {
    let threads = options.threads.max(1);
    // a table that grows is there twice for a moment
    let limit = options.memory / threads / 2;
    let (sender, receiver) = sync_channel(threads);
    let receiver = Arc::new(Mutex::new(receiver));
    let (fed, shares) = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let receiver = receiver.clone();
                scope.spawn(move || share(pretokenizer, &receiver, limit, scratch))
            })
            .collect();
        drop(receiver); // it is gone with the last worker, so that nobody waits for one that panicked
        let mut feed = Feed::new(sender, pretokenizer, size);
        let fed = texts(&mut feed).map(|()| feed.finish());
        let joined = |worker: thread::ScopedJoinHandle<'_, _>| match worker.join() {
            Ok(share) => share,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        (fed, workers.into_iter().map(joined).collect::<Result<Vec<Share>, TrainError>>())
    });
    let ((texts, bytes), shares) = (fed?, shares?);
    Ok(Counted { words: together(shares, scratch)?, texts, bytes })
}

/// What one thread does until there is nothing more to count.
fn share(
    pretokenizer: &PreTokenizer,
    batches: &Mutex<Receiver<Batch>>,
    limit: usize,
    scratch: Scratch<'_>,
) -> Result<Share, TrainError> {
    let (mut share, mut problem) = (Share::default(), None);
    loop {
        let received = batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = received else { break };
        if problem.is_some() {
            continue; // whoever feeds must not wait for ever
        }
        for text in batch.texts() {
            pretokenizer.pieces(text, |start, end| share.table.add(&text.as_bytes()[start..end], 1));
        }
        if share.table.memory() > limit {
            problem = share.put_away(scratch).err();
        }
    }
    problem.map_or(Ok(share), |problem| Err(TrainError::Scratch(problem)))
}

impl Share {
    /// The table goes to a file.
    fn put_away(&mut self, scratch: Scratch<'_>) -> std::io::Result<()> {
        self.full.push(runs::write(&std::mem::take(&mut self.table), scratch()?)?);
        Ok(())
    }
}

/// What all threads counted, in memory if none of it had to leave it.
fn together(mut shares: Vec<Share>, scratch: Scratch<'_>) -> Result<Counts, TrainError> {
    if shares.iter().any(|share| !share.full.is_empty()) {
        shares.iter_mut().try_for_each(|share| share.put_away(scratch)).map_err(TrainError::Scratch)?;
        return Ok(Counts::Runs(shares.into_iter().flat_map(|share| share.full).collect()));
    }
    let tables = shares.into_iter().map(|share| share.table);
    let all = tables.reduce(|mut all, table| {
        all.absorb(&table);
        all
    });
    Ok(Counts::Table(all.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
