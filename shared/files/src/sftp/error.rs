//! The errors of the file drop.

use std::io;

use russh_sftp::client::error::Error as ServerError;

/// An operation on the file drop failed. No message contains a part of a key or of a file.
#[derive(Debug, thiserror::Error)]
pub enum SftpError {
    /// The secret is not a key that can be used.
    #[error("the private key is not an OpenSSH or PKCS#8 key without a passphrase")]
    PrivateKey,
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
    /// The server refused an operation.
    #[error("the server did not {doing}")]
    Server {
        doing: &'static str,
        /// The server's answer.
        #[source]
        source: ServerError,
    },
    /// Writing to the server failed: by its answer, or because the connection broke.
    #[error("the file could not be written to the server")]
    Write(#[source] io::Error),
    /// Reading from the server failed.
    #[error("the file could not be read from the server")]
    Read(#[source] io::Error),
    /// Reading or writing on this machine failed.
    #[error("the file on our side cannot be read or written")]
    Local(#[source] io::Error),
    /// The server has another number of bytes than were written.
    #[error("{written} bytes were written, and {there} are on the server")]
    SizeDiffers {
        /// Bytes that were written.
        written: u64,
        /// Bytes that the server has.
        there: u64,
    },
    /// The server does not give the sizes of files.
    #[error("the server does not say how large a file is")]
    NoSize,
    /// A file with this name exists.
    #[error("there is already a file {0}")]
    Taken(String),
    /// The file is larger than the caller allows.
    #[error("the file has more than {at_most} bytes")]
    TooLarge { at_most: u64 },
}

impl SftpError {
    pub(crate) fn server(doing: &'static str, source: ServerError) -> Self {
        match source {
            ServerError::Timeout => Self::Timeout(doing),
            source => Self::Server { doing, source },
        }
    }
}
