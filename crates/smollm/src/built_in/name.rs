//! What the built-in model is called, apart from it: whoever reads recipes alone needs no model.

/// The name by which `-m`, `SMOLLM_MODEL`, recipes and `Model::open` ask for it. A folder or file that is called so is `./nano`.
pub const BUILT_IN: &str = "nano";
