//! Training: what a recipe says, the data it names, what it will take, and what a run tells.

pub mod data;
pub mod estimate;
pub mod recipe;
pub mod run;
pub mod show;
pub mod telemetry;
