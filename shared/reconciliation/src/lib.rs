//! Reconciliation (đối soát, protocol §7): what goes into the file for Tiki, how Tiki's answer is read, and
//! what follows when the two sides differ. The crate is pure: no clock, no network, no table and no HTML. The
//! function `reconcile` calls it and does the I/O; the day's report is in `reconciliation-report`.
//!
//! | module | contents |
//! |---|---|
//! | [`hash`] | the size and hash of bytes, taken while they are written |
//! | [`mod@file`] | the file of a day: its name, its lines, its parts |
//! | [`result`] | Tiki's result file, line by line, in the format that was agreed |
//! | [`mod@classify`] | the decision table: our record and an answer of Tiki give a kind and a reason |
//! | [`mod@compare`] | a line of a result file beside our record |
//! | [`statement`] | the core's statement of a day, beside our records |
//! | [`record`] | the records of files and findings |
//! | [`plan`] | what a run does next, from the records and from what it has seen |
//! | [`period`] | the days that a report is about |
//! | [`place`] | the names of things outside: objects in the bucket, folders at Tiki |

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod classify;
pub mod compare;
mod csv_line;
pub mod file;
pub mod hash;
pub mod period;
pub mod place;
pub mod plan;
pub mod record;
pub mod result;
pub mod statement;
