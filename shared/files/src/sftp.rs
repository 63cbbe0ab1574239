//! The file drop, on an SFTP server: a file has its name only when it is complete.
//!
//! The host key is pinned: a server that shows another one is refused before anything is sent to it. A file is
//! written under a temporary name, its size is read back, and then it is renamed, which fails if there is already a
//! file with that name. So a run that crashes at any moment leaves no incomplete file under a name that Tiki reads
//! (protocol §7).

mod error;
mod pinned;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use russh::{Disconnect, Preferred};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as ServerError;
use russh_sftp::client::fs::Metadata;
use russh_sftp::protocol::{OpenFlags, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub use self::error::SftpError;
use self::pinned::Pinned;
pub use self::pinned::{BadHostKeys, HostKeys};

/// The time to connect and to authenticate.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// The time for one answer of the server. The transfer of a file has many.
const ANSWER_TIMEOUT_S: u64 = 30;
/// The connection is checked after this much silence, and closed after three checks without an answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// The bytes of one read or write.
const CHUNK_BYTES: usize = 32 * 1024;

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

/// A file on the server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteFile {
    /// Its name within its folder.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// The time of the last write in Unix seconds, if the server gives it.
    pub modified: Option<u32>,
}

/// A session with the server.
pub struct SftpFileDrop {
    files: SftpSession,
    connection: Handle<Pinned>,
}

impl Server {
    /// Connects to the server, if it shows a pinned host key and accepts our private key (OpenSSH or PKCS#8).
    pub async fn connect(&self, private_key: &str) -> Result<SftpFileDrop, SftpError> {
        // The cause is dropped, because it might quote a part of the key.
        let key = decode_secret_key(private_key, None).map_err(|_| SftpError::PrivateKey)?;
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
        let hash = connection.best_supported_rsa_hash().await?.flatten();
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let let_in = connection.authenticate_publickey(&self.user, key).await?;
        if !let_in.success() {
            return Err(SftpError::NotLetIn);
        }
        let channel = connection.channel_open_session().await?;
        channel.request_subsystem(true, "sftp").await?;
        let config = russh_sftp::client::Config {
            request_timeout_secs: ANSWER_TIMEOUT_S,
            ..Default::default()
        };
        let stream = channel.into_stream();
        let files = SftpSession::new_with_config(stream, config).await;
        let files = files.map_err(|error| SftpError::server("open SFTP", error))?;
        Ok(SftpFileDrop { files, connection })
    }
}

impl SftpFileDrop {
    /// Writes a file under a temporary name, reads its size back, and renames it. Refuses if a file with that name
    /// exists. After an error it tries to remove the temporary file.
    pub async fn put(
        &self,
        content: &mut (dyn Read + Send),
        temporary: &str,
        name: &str,
    ) -> Result<(), SftpError> {
        let done = self.put_whole(content, temporary, name).await;
        if done.is_err() {
            // Best effort: the file may not exist, and the connection may be broken.
            let _ = self.files.remove_file(temporary).await;
        }
        done
    }

    async fn put_whole(
        &self,
        content: &mut (dyn Read + Send),
        temporary: &str,
        name: &str,
    ) -> Result<(), SftpError> {
        let written = self.write(content, temporary).await?;
        let there = self.size(temporary).await?;
        if there != Some(written) {
            return Err(SftpError::SizeDiffers {
                written,
                there: there.unwrap_or(0),
            });
        }
        // SFTP's rename replaces nothing, but not every server follows that.
        if self.size(name).await?.is_some() {
            return Err(SftpError::Taken(name.to_owned()));
        }
        let renamed = self.files.rename(temporary, name).await;
        renamed.map_err(|error| SftpError::server("rename", error))
    }

    async fn write(
        &self,
        content: &mut (dyn Read + Send),
        temporary: &str,
    ) -> Result<u64, SftpError> {
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let opened = self.files.open_with_flags(temporary, flags).await;
        let mut file = opened.map_err(|error| SftpError::server("create", error))?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut written = 0_u64;
        loop {
            let length = content.read(&mut chunk).map_err(SftpError::Local)?;
            let Some(piece) = chunk.get(..length).filter(|piece| !piece.is_empty()) else {
                break;
            };
            file.write_all(piece).await.map_err(SftpError::Write)?;
            written = written.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        file.flush().await.map_err(SftpError::Write)?;
        let synced = file.sync_all().await;
        synced.map_err(|error| SftpError::server("sync", error))?;
        file.close().await.map_err(SftpError::Write)?;
        Ok(written)
    }

    /// The size of a file in bytes; `None` if it does not exist.
    pub async fn size(&self, path: &str) -> Result<Option<u64>, SftpError> {
        match self.files.metadata(path).await {
            Ok(found) => Ok(Some(size(&found)?)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(SftpError::server("stat", error)),
        }
    }

    /// Reads a file into `into`; `false` if it does not exist. Refuses one with more than `at_most` bytes.
    pub async fn get(
        &self,
        path: &str,
        into: &mut (dyn Write + Send),
        at_most: u64,
    ) -> Result<bool, SftpError> {
        let mut file = match self.files.open(path).await {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(SftpError::server("open", error)),
        };
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut read = 0_u64;
        loop {
            let length = file.read(&mut chunk).await.map_err(SftpError::Read)?;
            let Some(piece) = chunk.get(..length).filter(|piece| !piece.is_empty()) else {
                break;
            };
            read = read.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            if read > at_most {
                return Err(SftpError::TooLarge { at_most });
            }
            into.write_all(piece).map_err(SftpError::Local)?;
        }
        into.flush().map_err(SftpError::Local)?;
        Ok(true)
    }

    /// The files of a folder by name, without its folders and hidden files.
    pub async fn list(&self, folder: &str) -> Result<Vec<RemoteFile>, SftpError> {
        let entries = self.names(folder, |entry| !entry.starts_with('.')).await?;
        Ok(entries)
    }

    /// Removes the files whose names start with `begins`: temporary files that crashed runs have left.
    pub async fn clear(&self, folder: &str, begins: &str) -> Result<usize, SftpError> {
        let left = self.names(folder, |name| name.starts_with(begins)).await?;
        for file in &left {
            let removed = self.files.remove_file(format!("{folder}/{}", file.name));
            match removed.await {
                Err(error) if !is_missing(&error) => {
                    return Err(SftpError::server("remove", error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(left.len())
    }

    async fn names(
        &self,
        folder: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<RemoteFile>, SftpError> {
        let entries = self.files.read_dir(folder).await;
        let entries = entries.map_err(|error| SftpError::server("list", error))?;
        let files =
            entries.filter(|entry| !entry.file_type().is_dir() && wanted(&entry.file_name()));
        let mut files = files
            .map(|entry| {
                let metadata = entry.metadata();
                Ok(RemoteFile {
                    name: entry.file_name(),
                    size: size(&metadata)?,
                    modified: metadata.mtime,
                })
            })
            .collect::<Result<Vec<_>, SftpError>>()?;
        files.sort();
        Ok(files)
    }

    /// Closes the session. Files that were written stay, so errors are ignored.
    pub async fn close(self) {
        let _ = self.files.close().await;
        let closed = self
            .connection
            .disconnect(Disconnect::ByApplication, "", "");
        let _ = closed.await;
    }
}

fn size(metadata: &Metadata) -> Result<u64, SftpError> {
    metadata.size.ok_or(SftpError::NoSize)
}

fn is_missing(error: &ServerError) -> bool {
    matches!(error, ServerError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}
