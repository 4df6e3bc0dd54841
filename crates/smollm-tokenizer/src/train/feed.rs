//! Texts that come in parts, put together in batches that can be cut into words each by itself.

use std::sync::mpsc::SyncSender;

use crate::pretokenize::PreTokenizer;

/// Bytes of a batch: enough that handing it over costs nothing, and few beside the counts.
pub(super) const BATCH: usize = 1 << 20;

/// Texts, or parts of one that begin and end where words do.
#[derive(Default)]
pub(super) struct Batch {
    text: String,
    /// Where each ends; the next begins there.
    ends: Vec<usize>,
}

impl Batch {
    /// The texts and parts.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }
}

/// Takes the texts to train on, one after the other, each in as many parts as the caller likes.
pub struct Feed<'a> {
    sender: SyncSender<Batch>,
    pretokenizer: &'a PreTokenizer,
    batch: Batch,
    /// Where the text that has not ended begins in the batch.
    open: usize,
    /// The batch goes when it has so many bytes.
    full: usize,
    size: usize,
    pub(super) texts: u64,
    pub(super) bytes: u64,
}

impl<'a> Feed<'a> {
    /// Batches of some `size` bytes go to `sender`.
    pub(super) fn new(sender: SyncSender<Batch>, pretokenizer: &'a PreTokenizer, size: usize) -> Self {
        Self { sender, pretokenizer, batch: Batch::default(), open: 0, full: size, size, texts: 0, bytes: 0 }
    }

    /// A whole text.
    pub fn text(&mut self, text: &str) {
        self.part(text);
        self.end();
    }

    /// A part of a text: words may go on in the next one. Memory holds what has come since a letter was followed by something else.
    pub fn part(&mut self, mut part: &str) {
        self.bytes += part.len() as u64;
        while !part.is_empty() {
            let (now, later) = part.split_at(part.ceil_char_boundary(self.size));
            self.batch.text.push_str(now);
            self.send_if_full();
            part = later;
        }
    }

    /// The text ends here.
    pub fn end(&mut self) {
        self.texts += 1;
        let end = self.batch.text.len();
        if end > self.open {
            self.batch.ends.push(end);
            self.open = end;
        }
        self.send_if_full();
    }

    /// All has come.
    pub(super) fn finish(mut self) -> (u64, u64) {
        if self.batch.text.len() > self.open {
            self.texts += 1;
            self.batch.ends.push(self.batch.text.len());
        }
        self.send();
        (self.texts, self.bytes)
    }

    fn send_if_full(&mut self) {
        let length = self.batch.text.len();
        if length < self.full {
            return;
        }
        match self.pretokenizer.last_cut(&self.batch.text[self.open..]) {
            Some(cut) => self.batch.ends.push(self.open + cut),
            // one word longer than a batch; twice as much of it is looked through next time, or there would be no end of looking
            None if self.open == 0 => {
                self.full = 2 * length;
                return;
            }
            None => (),
        }
        let sent = self.batch.ends.last().copied().unwrap_or(0);
        let rest = self.batch.text.split_off(sent);
        self.send();
        self.batch.text.push_str(&rest);
        self.open = 0;
        self.full = self.size.max(2 * rest.len());
    }

    fn send(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if !batch.ends.is_empty() {
            // where nobody counts any more, a thread has panicked, which whoever joins it hears of
            let _ = self.sender.send(batch);
        }
    }
}
