//! Does this answer satisfy that instruction: constraints that can be checked, matches of text, numbers and calls.
#![forbid(unsafe_code)]

mod call;
mod check;
mod instruction;
pub mod rouge;
pub mod text;

pub use call::Call;
pub use check::{Check, refuses};
pub use instruction::{Bound, Instruction, InstructionError, Pattern};
