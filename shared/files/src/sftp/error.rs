//! The errors of the file drop.

use russh_sftp::client::error::Error as ServerError;

use super::private_key::BadPrivateKey;
use crate::file_drop::DropError;

/// There is no session, or it broke. No message contains a part of a key or of a file.
#[derive(Debug, thiserror::Error)]
pub enum SftpError {
    /// The secret is not a key that can be used.
    #[error("{0}")]
    PrivateKey(BadPrivateKey),
    /// The server's host key is not one of those that are pinned.
    #[error("the server shows another host key than is pinned: {shown}")]
    HostKey {
        /// The fingerprint of the key that it shows.
        shown: String,
    },
    /// The server refused our user or key.
    #[error("the server does not accept this user and key")]
    NotLetIn,
    /// No answer in time.
    #[error("the server did not answer in time: {0}")]
    Timeout(&'static str),
    /// There is no connection, or it broke.
    #[error("the connection failed")]
    Connection(#[from] russh::Error),
    /// An operation failed, and not by an answer of the server that refuses it.
    #[error("the server did not {doing}")]
    Server {
        doing: &'static str,
        #[source]
        source: ServerError,
    },
}

impl From<SftpError> for DropError {
    fn from(error: SftpError) -> Self {
        Self::Broken(Box::new(error))
    }
}
