//! See tests/train for the oracle.
