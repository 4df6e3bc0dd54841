//! Threads, parts and scratch files leave no trace.
