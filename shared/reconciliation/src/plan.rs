//! Plans: what a run does next, as data. A plan knows what is recorded and what was seen, and nothing else; the
//! function `reconcile` carries it out, and asks again. So a run that dies between any two steps is followed by one
//! that plans from the same records.
//!
//! | module | what it plans |
//! |---|---|
//! | [`export`] | the next step until a day is at Tiki |
//! | [`import`] | what happens to a file of Tiki's folder, before and after it is fetched |
//! | [`mod@line`] | what a line of it means, and what its finding then says |
//! | [`check`] | what a look-up at Tiki means for a finding |
//! | [`core_check`] | what the core's statement and answer mean for a finding |
//! | [`forget`] | which day's personal data are forgotten next |
//! | [`watch`] | which payments are looked up again because their money went back |

pub mod check;
pub mod core_check;
pub mod export;
pub mod forget;
pub mod import;
pub mod line;
pub mod watch;
