//! To be written.
use crate::*; pub(crate) fn item(draw: &mut Draw, split: Split) -> Item { questions::item(draw, split) }
