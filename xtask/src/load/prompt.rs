//! Chats of exact lengths: token ids, so that no tokenizer has a say.

use serde_json::{Value, json};

/// Ids from here on are ordinary tokens of a vocabulary of [`VOCABULARY`].
const FIRST_ID: u64 = 1000;
const VOCABULARY: u64 = 49_152;

/// How long the parts of a chat are, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The system prompt, which all chats have in common.
    pub(crate) shared: usize,
    /// The question, which no two have.
    pub(crate) own: usize,
    pub(crate) answer: usize,
}

impl Shape {
    /// Tokens that a chat has in the end.
    pub(crate) fn context(self) -> usize {
        self.shared + self.own + self.answer
    }

    /// The prompt of a chat.
    pub(crate) fn prompt(self, chat: u64) -> Vec<u32> {
        let system = (0..self.shared as u64).map(mixed);
        system.chain((0..self.own as u64).map(|place| mixed((chat + 1) << 32 | place))).collect()
    }

    /// A chat as the body of a request to `/v1/completions`: drawn as llama-server draws where nobody says how, each with its own seed,
    /// so that answers of random weights do not repeat themselves (which would make guessing easy).
    pub(crate) fn body(self, chat: u64) -> Value {
        json!({
            "model": "any", "prompt": self.prompt(chat), "max_tokens": self.answer, "ignore_eos": true, "seed": chat, "temperature": 0.8,
            "top_k": 40, "top_p": 0.95, "min_p": 0.05, "stream": true, "stream_options": {"include_usage": true},
        })
    }
}

/// A token id that looks like any other (the finaliser of splitmix64).
fn mixed(seed: u64) -> u32 {
    let mut x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    (FIRST_ID + (x ^ x >> 31) % (VOCABULARY - FIRST_ID)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_share_their_beginning_and_nothing_else() {
        let shape = Shape { shared: 512, own: 128, answer: 5 };
        let (one, other) = (shape.prompt(0), shape.prompt(1));
        assert_eq!((one.len(), shape.context()), (640, 645));
        assert_eq!(one[..512], other[..512]);
        assert!(one[512..].iter().zip(&other[512..]).filter(|(a, b)| a == b).count() < 4);
        assert!(one.iter().all(|&id| (1000..49_152).contains(&id)));
        assert_eq!(shape.body(3)["prompt"].as_array().unwrap().len(), 640);
    }
}
