//! Reconciliation (đối soát, protocol §7), pure: no clock, no network, no table.
//!
//! | room | what is there |
//! |---|---|
//! | [`mod@file`] | the file of a day: its name, its lines, its parts |
//! | [`result`] | Tiki's answer, line by line, in whatever format was agreed |
//! | [`judge`] | what follows from our record and Tiki's word |
//! | [`record`] | what is kept of files and findings |
//! | [`report`] | the page and the table that a person reads |

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod classify;
pub mod file;
pub mod hash;
pub mod record;
pub mod result;
