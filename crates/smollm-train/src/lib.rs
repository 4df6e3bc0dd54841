//! Losses, the backward pass by hand, the optimiser and the loop.
//!
//! Every objective is a function of the log-probabilities of tokens, so one way back serves all of them: an objective says how the loss
//! hangs on each ([`RowWeight`]), and [`Learner`] does the rest. Letters used for shapes are those of `smollm-model`.

#![forbid(unsafe_code)]

mod backward;
mod head;
mod learner;
mod lora;
mod tensors;
mod turned;

pub use head::Target;
pub use learner::{Keep, Learner};
pub use lora::{Draw, Lora, LoraError};
pub use smollm_kernels::ops::{LogProb, RowWeight};
pub use tensors::{Learnt, Place, Tensors};
