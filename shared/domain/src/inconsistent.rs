//! The error of data that no command can have made.

/// Data that no command of ours can have made: damaged, or written by something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("inconsistent transaction: {0}")]
pub struct Inconsistent(pub &'static str);
