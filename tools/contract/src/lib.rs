//! The contract: the two API documents as data, and what is made of them.
//!
//! | module | contents |
//! |---|---|
//! | [`document`] | the operations, fields, examples and codes of `docs/openapi.yaml` and `docs/openapi-core.yaml` |
//! | [`handover`] | the hand-over to Tiki: a page to send, and the pages in `docs/` |
//! | [`collections`] | collections of calls that sign themselves, for Postman and Bruno |
//!
//! Everything here is text that is made of text: no I/O, no clock, no randomness. So what is committed
//! (`docs/handover.md`, `examples/collections`) is compared with what this crate makes.

pub mod collections;
pub mod document;
pub mod handover;
mod settings;
mod text;

pub use self::document::Document;
pub use self::settings::SettingError;
pub use self::text::{Lang, Text};

/// `docs/openapi.yaml`: what Tiki, the partner's systems and customers call at us.
pub const OPENAPI: &str = include_str!("../../../docs/openapi.yaml");

/// `docs/openapi-core.yaml`: what we call at the partner's core.
pub const OPENAPI_CORE: &str = include_str!("../../../docs/openapi-core.yaml");
