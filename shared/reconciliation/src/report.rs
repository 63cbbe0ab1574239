//! The page and the table that a person reads.
