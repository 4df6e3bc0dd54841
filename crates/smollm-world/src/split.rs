//! What is learnt and what is held out.

use crate::draw::hash_of;

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// What is learnt.
    Train,
    /// What is withheld from it.
    HeldOut,
}

impl Split {
    /// Where the `i`-th of numbered things belongs: every fifth is held out.
    pub fn of_index(i: usize) -> Self {
        if i % 5 == 3 { Self::HeldOut } else { Self::Train }
    }

    /// Where a thing belongs that a text names: a fifth of all texts are held out.
    pub fn of_text(text: &str) -> Self {
        let mut x = hash_of(text);
        x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd); // FNV alone leaves the low digits poor
        x ^= x >> 33;
        if x % 5 == 3 { Self::HeldOut } else { Self::Train }
    }

    /// Those of numbered things that belong here.
    pub fn of<T>(self, all: &[T]) -> Vec<&T> {
        all.iter().enumerate().filter(|&(i, _)| Self::of_index(i) == self).map(|(_, item)| item).collect()
    }
}
