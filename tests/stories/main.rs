//! The stories, told over the real binaries. Each has a sandbox of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test may panic, its time is real, and its tables are long"
)]

mod check;
mod create;
mod delivery;
mod durability;
mod events;
mod expiry;
mod face;
mod gateway;
mod ipn;
mod operator;
mod pretraffic;
mod purchase;
mod reconciliation;
mod redirect;
mod refund;
mod result;
mod rotation;
mod secrecy;
mod sftp;
mod signature;
mod template;
mod webview;
