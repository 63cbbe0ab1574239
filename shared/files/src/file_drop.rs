//! The seam to a file drop: folders at another company, where one side puts files and the other takes them.
//! Simulations put another one below it.
//!
//! The operations are those that every server has. How they make a safe delivery is the caller's part.

use std::error::Error;
use std::io::{self, Read, Write};

use async_trait::async_trait;

/// A file of a folder, as a listing has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteFile {
    /// Its name within its folder.
    pub name: String,
    /// The size in bytes, if the server says so: an entry without it hides no other.
    pub bytes: Option<u64>,
    /// The time of the last write in Unix seconds, if the server gives it.
    pub modified: Option<u32>,
}

/// What a server says of a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The size in bytes, if the server says so.
    pub bytes: Option<u64>,
}

/// A file that was written and closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The bytes that were written.
    pub bytes: u64,
    /// Whether the server has said that they are on its disk. Some cannot say so.
    pub synced: bool,
}

/// An operation on a file drop failed. No message contains a part of a key or of a file.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// The server refused this operation on this file. The connection is whole, and other operations may succeed.
    #[error("the server refused to {doing}")]
    Refused {
        doing: &'static str,
        /// The server's answer.
        #[source]
        answer: Box<dyn Error + Send + Sync>,
    },
    /// There is no such file.
    #[error("there is no such file to {doing}")]
    Missing { doing: &'static str },
    /// The file is larger than the caller allows.
    #[error("the file has more than {at_most} bytes")]
    TooLarge { at_most: u64 },
    /// Reading or writing on this machine failed.
    #[error("the file on our side cannot be read or written")]
    Local(#[source] io::Error),
    /// There is no connection, or it broke, or no answer came in time.
    #[error(transparent)]
    Broken(Box<dyn Error + Send + Sync>),
}

/// A server with a file drop.
#[async_trait]
pub trait FileServer: Send + Sync {
    /// Opens a session.
    async fn connect(&self) -> Result<Box<dyn FileDrop>, DropError>;
}

/// A session with a server.
#[async_trait]
pub trait FileDrop: Send + Sync {
    /// The files of a folder by name, with hidden ones and without folders.
    async fn list(&self, folder: &str) -> Result<Vec<RemoteFile>, DropError>;

    /// What the server says of a file; `None` if there is none.
    async fn stat(&self, path: &str) -> Result<Option<Stat>, DropError>;

    /// Reads a file into `into`; `false` if it does not exist. Refuses one with more than `at_most` bytes.
    async fn read(
        &self,
        path: &str,
        into: &mut (dyn Write + Send),
        at_most: u64,
    ) -> Result<bool, DropError>;

    /// Writes a file and closes it. A file of this name is replaced.
    async fn write(
        &self,
        path: &str,
        content: &mut (dyn Read + Send),
    ) -> Result<Written, DropError>;

    /// Gives a file another name. Servers refuse a name that is taken, but not all of them.
    async fn rename(&self, from: &str, to: &str) -> Result<(), DropError>;

    /// Removes a file.
    async fn remove(&self, path: &str) -> Result<(), DropError>;

    /// Ends the session. Files that were written stay, so errors are ignored.
    async fn close(&self);
}
