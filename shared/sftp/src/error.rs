//! What can go wrong with a server.

use std::io;

use russh_sftp::client::error::Error as ServerError;

/// Why it could not be done. No error has a part of a key or of a file in it.
#[derive(Debug, thiserror::Error)]
pub enum SftpError {
    /// Our own key cannot be read.
    #[error("the private key is no OpenSSH or PKCS#8 key without a passphrase")]
    PrivateKey,
    /// The server is not who it must be.
    #[error("the server shows another host key than is pinned: {shown}")]
    HostKey {
        /// The fingerprint of the key that it shows.
        shown: String,
    },
    /// It does not take our key.
    #[error("the server does not let us in with this user and key")]
    NotLetIn,
    /// It did not answer in time.
    #[error("the server did not answer in time: {0}")]
    Timeout(&'static str),
    /// The connection failed or broke.
    #[error("the connection failed")]
    Connection(#[from] russh::Error),
    /// The server said no.
    #[error("the server did not {doing}")]
    Server {
        /// What was asked of it.
        doing: &'static str,
        /// What it said.
        #[source]
        source: ServerError,
    },
    /// A file could not be written: the server's word, or a broken line.
    #[error("the file could not be written to the server")]
    Write(#[source] io::Error),
    /// A file could not be read.
    #[error("the file could not be read from the server")]
    Read(#[source] io::Error),
    /// Our own side of a copy failed.
    #[error("the file on our side cannot be read or written")]
    Local(#[source] io::Error),
    /// Not all of it has arrived.
    #[error("{written} bytes were written, and {there} are there")]
    SizeDiffers {
        /// Bytes that were written.
        written: u64,
        /// Bytes that the server has.
        there: u64,
    },
    /// The server does not tell sizes.
    #[error("the server does not say how large a file is")]
    NoSize,
    /// There is a file of that name.
    #[error("there is already a file {0}")]
    Taken(String),
    /// More than is read.
    #[error("the file has more than {at_most} bytes")]
    TooLarge {
        /// The most that is read.
        at_most: u64,
    },
}

impl SftpError {
    pub(crate) fn server(doing: &'static str, source: ServerError) -> Self {
        match source {
            ServerError::Timeout => Self::Timeout(doing),
            source => Self::Server { doing, source },
        }
    }
}
