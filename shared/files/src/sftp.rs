//! The file drop, on an SFTP server. The host key is pinned: a server that shows another one is refused before
//! anything is sent to it.

mod error;
mod pinned;
mod private_key;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use russh::client::{self, Handle};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg};
use russh::{Disconnect, Preferred};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as ServerError;
use russh_sftp::protocol::{OpenFlags, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub use self::error::SftpError;
use self::pinned::Pinned;
pub use self::pinned::{BadHostKeys, HostKeys};
pub use self::private_key::BadPrivateKey;
use crate::file_drop::{DropError, FileDrop, RemoteFile, Stat, Written};

/// The time to connect and to authenticate.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// The time for one answer of the server. The transfer of a file has many.
const ANSWER_TIMEOUT_S: u64 = 30;
/// The connection is checked after this much silence, and closed after three checks without an answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// The bytes of one read or write.
const CHUNK_BYTES: usize = 32 * 1024;
/// The largest answer that is read. Some servers put a long listing, or more of a file than is usual, into one.
const MAX_ANSWER_BYTES: u32 = 8 * 1024 * 1024;
/// The reads that are under way at once: each may be as large as the server's largest answer.
const MAX_CONCURRENT_READS: usize = 2;

/// The server's address, our user there, and its host keys.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its host name or IP address.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// Our user name.
    pub user: String,
    /// The pinned host keys.
    pub host_keys: HostKeys,
}

/// A session with the server.
pub struct SftpFileDrop {
    files: SftpSession,
    connection: Handle<Pinned>,
}

impl Server {
    /// Connects to the server, if it shows a pinned host key and accepts our private key.
    pub async fn connect(&self, private_key: &str) -> Result<SftpFileDrop, SftpError> {
        let key = private_key::read(private_key).map_err(SftpError::PrivateKey)?;
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, self.session(key)).await;
        connected.map_err(|_| SftpError::Timeout("connect"))?
    }

    async fn session(&self, key: PrivateKey) -> Result<SftpFileDrop, SftpError> {
        let config = client::Config {
            keepalive_interval: Some(KEEPALIVE_INTERVAL),
            nodelay: true,
            preferred: Preferred {
                // A server with several keys then shows one of an algorithm that is pinned.
                key: self.host_keys.algorithms().into(),
                ..Preferred::default()
            },
            ..client::Config::default()
        };
        let pinned = Pinned(self.host_keys.clone());
        let address = (self.host.as_str(), self.port);
        let mut connection = client::connect(Arc::new(config), address, pinned).await?;
        // The choice of a hash is for RSA, which our key is not.
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        let let_in = connection.authenticate_publickey(&self.user, key).await?;
        if !let_in.success() {
            return Err(SftpError::NotLetIn);
        }
        let channel = connection.channel_open_session().await?;
        channel.request_subsystem(true, "sftp").await?;
        let config = russh_sftp::client::Config {
            request_timeout_secs: ANSWER_TIMEOUT_S,
            max_packet_len: MAX_ANSWER_BYTES,
            max_concurrent_reads: MAX_CONCURRENT_READS,
            ..Default::default()
        };
        let stream = channel.into_stream();
        let files = SftpSession::new_with_config(stream, config).await;
        let files = files.map_err(|source| SftpError::Server {
            doing: "open SFTP",
            source,
        })?;
        Ok(SftpFileDrop { files, connection })
    }
}

#[async_trait]
impl FileDrop for SftpFileDrop {
    async fn list(&self, folder: &str) -> Result<Vec<RemoteFile>, DropError> {
        let entries = self.files.read_dir(folder).await;
        let entries = entries.map_err(|error| failed("list", error))?;
        let files = entries.filter(|entry| !entry.file_type().is_dir());
        let files = files.map(|entry| {
            let metadata = entry.metadata();
            RemoteFile {
                name: entry.file_name(),
                bytes: metadata.size,
                modified: metadata.mtime,
            }
        });
        let mut files: Vec<_> = files.collect();
        files.sort();
        Ok(files)
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, DropError> {
        match self.files.metadata(path).await {
            Ok(found) => Ok(Some(Stat { bytes: found.size })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failed("look at", error)),
        }
    }

    async fn read(
        &self,
        path: &str,
        into: &mut (dyn Write + Send),
        at_most: u64,
    ) -> Result<bool, DropError> {
        let mut file = match self.files.open(path).await {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(failed("open", error)),
        };
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut read = 0_u64;
        loop {
            let length = file.read(&mut chunk).await;
            let length = length.map_err(|error| in_transfer("read", error))?;
            let Some(piece) = chunk.get(..length).filter(|piece| !piece.is_empty()) else {
                break;
            };
            read = read.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            if read > at_most {
                return Err(DropError::TooLarge { at_most });
            }
            into.write_all(piece).map_err(DropError::Local)?;
        }
        into.flush().map_err(DropError::Local)?;
        Ok(true)
    }

    async fn write(
        &self,
        path: &str,
        content: &mut (dyn Read + Send),
    ) -> Result<Written, DropError> {
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let opened = self.files.open_with_flags(path, flags).await;
        let mut file = opened.map_err(|error| failed("create", error))?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut bytes = 0_u64;
        loop {
            let length = content.read(&mut chunk).map_err(DropError::Local)?;
            let Some(piece) = chunk.get(..length).filter(|piece| !piece.is_empty()) else {
                break;
            };
            let written = file.write_all(piece).await;
            written.map_err(|error| in_transfer("write", error))?;
            bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        let flushed = file.flush().await;
        flushed.map_err(|error| in_transfer("write", error))?;
        // A server may say that it can, and then refuse: its close is then the last word.
        let synced = file.sync_all().await.is_ok();
        let closed = file.close().await;
        closed.map_err(|error| in_transfer("close", error))?;
        Ok(Written { bytes, synced })
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DropError> {
        let renamed = self.files.rename(from, to).await;
        renamed.map_err(|error| failed("rename", error))
    }

    async fn remove(&self, path: &str) -> Result<(), DropError> {
        let removed = self.files.remove_file(path).await;
        removed.map_err(|error| failed("remove", error))
    }

    async fn close(&self) {
        let _ = self.files.close().await;
        let closed = self
            .connection
            .disconnect(Disconnect::ByApplication, "", "");
        let _ = closed.await;
    }
}

fn is_missing(error: &ServerError) -> bool {
    matches!(error, ServerError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

fn failed(doing: &'static str, error: ServerError) -> DropError {
    match error {
        error if is_missing(&error) => DropError::Missing { doing },
        ServerError::Timeout => SftpError::Timeout(doing).into(),
        ServerError::Status(status) => DropError::Refused {
            doing,
            answer: Box::new(ServerError::Status(status)),
        },
        error => SftpError::Server {
            doing,
            source: error,
        }
        .into(),
    }
}

/// Why bytes did not come through: the client gives the server's answer as a bare text here, and anything else as an
/// error of its own.
fn in_transfer(doing: &'static str, error: std::io::Error) -> DropError {
    let of_client = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<ServerError>());
    if let Some(of_client) = of_client {
        return failed(doing, of_client.clone());
    }
    DropError::Refused {
        doing,
        answer: Box::new(error),
    }
}
