//! Runs of tiny models: what is in their folders, and that they come to the same bits however often they are broken off.
