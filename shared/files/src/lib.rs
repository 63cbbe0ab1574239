//! Whole files outside the database: an [`ObjectStore`] with a copy of everything that was sent, received and
//! reported, and a [`FileDrop`] at Tiki. `reconcile` uses both; `check-reconciliation` uses the object store, for
//! links. The crate must not depend on reconciliation, on the domain or on Lambda: it knows names, bytes and hashes,
//! and no file's meaning.
//!
//! | module | what it is |
//! |---|---|
//! | [`object_store`] | the seam to the object store |
//! | [`file_drop`] | the seam to a file drop |
//! | [`trial`] | which rights we have at a file drop |
//! | `s3` | the object store in S3 |
//! | `sftp` | the file drop on an SFTP server |
//!
//! The last two are features, off by default, so that a function links only the client that it uses.

pub mod file_drop;
pub mod object_store;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sftp")]
pub mod sftp;
pub mod trial;

pub use self::file_drop::{FileDrop, FileServer};
pub use self::object_store::ObjectStore;
