//! Whole files outside the database: [`s3`] is the object store with a copy of everything that was sent, received
//! and reported, and [`sftp`] is the file drop at Tiki. `reconcile` uses both; `check-reconciliation` uses the object
//! store, for links. The crate must not depend on reconciliation, on the domain or on Lambda: it knows names, bytes
//! and hashes, and no file's meaning.
//!
//! Each module is a feature of its own, off by default, so that a function links only the client that it uses.

#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sftp")]
pub mod sftp;
