//! Documents for training and documents for validation, told apart by hash: which part one belongs to does not change when others are added,
//! and what occurs twice is in one part.

use super::FeedError;
use crate::dataset::Dataset;

/// Which documents of a data set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// All.
    All,
    /// Those that are not for validation, which takes this share (0 to 1).
    Train(f64),
    /// Those for validation, this share.
    Validation(f64),
}

impl Part {
    /// Whether a document with this hash belongs to it.
    pub fn has(self, hash: u64) -> bool {
        // The first 53 bits are a number exactly, and a power of two only moves the exponent of the share.
        let held_out = |share: f64| share * (1u64 << 53) as f64 > (hash >> 11) as f64;
        match self {
            Self::All => true,
            Self::Train(share) => !held_out(share),
            Self::Validation(share) => held_out(share),
        }
    }

    /// The number and length of its documents. A pair goes by its first.
    pub(super) fn documents(self, dataset: &Dataset) -> Result<Vec<(u32, u32)>, FeedError> {
        if let Self::Train(share) | Self::Validation(share) = self
            && !(0.0..=1.0).contains(&share)
        {
            return Err(FeedError::Share { share });
        }
        let too_large = || FeedError::TooLarge { folder: dataset.folder().into() };
        let count = u32::try_from(dataset.documents()).map_err(|_| too_large())?;
        let hashes = if self == Self::All { Vec::new() } else { dataset.hashes()? };
        let pairs = dataset.kind().pairs;
        let mut documents = Vec::with_capacity(count as usize);
        for document in 0..count {
            let first = if pairs { document & !1 } else { document };
            if hashes.get(first as usize).is_none_or(|&hash| self.has(hash)) {
                let length = u32::try_from(dataset.length(u64::from(document))).map_err(|_| too_large())?;
                documents.push((document, length));
            }
        }
        Ok(documents)
    }
}
