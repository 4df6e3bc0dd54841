//! Losses, the backward pass by hand, the optimiser and the loop.
//!
//! Every objective is a function of the log-probabilities of tokens, so one way back serves all of them: an objective says how the loss
//! hangs on each ([`RowWeight`]), and [`Learner`] does the rest. Letters used for shapes are those of `smollm-model`.

#![forbid(unsafe_code)]

mod backward;
pub mod checkpoints;
mod head;
mod learner;
mod lora;
pub mod objective;
mod optimizer;
mod reference;
pub mod run;
pub mod schedule;
mod tensors;
mod trainer;
mod turned;

pub use head::Target;
pub use learner::{Keep, Learner};
pub use lora::{Draw, Lora, LoraError};
pub use optimizer::{MomentTensors, NotFinite, Optimizer};
pub use reference::{KeptReference, Reference};
pub use smollm_kernels::ops::{LogProb, RowWeight};
pub use tensors::{Learnt, Place, Tensors};
pub use trainer::{Evaluation, State, StepError, StepReport, TrainOptions, Trainer};
