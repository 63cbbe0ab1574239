//! A partner's side of an SFTP server: whole files, under their name only once they are complete.
//!
//! The host key is pinned: a server that shows another one is refused before anything is said to it. A file is
//! written under a temporary name, its size is read back, and then it is renamed, which fails if there is one
//! of that name already. So a run that dies at any moment leaves nothing half done under a name that somebody
//! reads (protocol §7).

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

/// To be connected and let in.
const TO_CONNECT: Duration = Duration::from_secs(20);
/// For one answer of the server's; a file is many.
const TO_ANSWER_S: u64 = 30;
/// A server that says nothing is asked whether it is there, and given up after three times.
const ALIVE: Duration = Duration::from_secs(15);
/// How much is read and written at a time.
const CHUNK: usize = 32 * 1024;

/// Where the server is, who we are there, and who it must be.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Our name there.
    pub user: String,
    /// The keys that it may show.
    pub host_keys: HostKeys,
}

/// A file on the server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteFile {
    /// Its name within its folder.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// When it was last written, Unix seconds, if the server says.
    pub modified: Option<u32>,
}

/// A session with the server.
pub struct Sftp {
    files: SftpSession,
    connection: Handle<Pinned>,
}

impl Server {
    /// Connects, if the server is who it must be and takes our key: an OpenSSH or PKCS#8 private key.
    pub async fn connect(&self, private_key: &str) -> Result<Sftp, SftpError> {
        // What is wrong with a key says nothing of the key.
        let key = decode_secret_key(private_key, None).map_err(|_| SftpError::PrivateKey)?;
        let connected = tokio::time::timeout(TO_CONNECT, self.session(key)).await;
        connected.map_err(|_| SftpError::Timeout("connect"))?
    }

    async fn session(&self, key: PrivateKey) -> Result<Sftp, SftpError> {
        let config = client::Config {
            keepalive_interval: Some(ALIVE),
            nodelay: true,
            preferred: Preferred {
                // Else the server may show a key that it has, too, and that nobody has pinned.
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
            request_timeout_secs: TO_ANSWER_S,
            ..Default::default()
        };
        let stream = channel.into_stream();
        let files = SftpSession::new_with_config(stream, config).await;
        let files = files.map_err(|error| SftpError::server("open SFTP", error))?;
        Ok(Sftp { files, connection })
    }
}

impl Sftp {
    /// Writes a file under a temporary name, reads its size back, and renames it. Refused if there is a file of
    /// that name; what is left under the temporary name then, or after a failure, is removed if that is possible.
    pub async fn put(
        &self,
        content: &mut (dyn Read + Send),
        temporary: &str,
        name: &str,
    ) -> Result<(), SftpError> {
        let done = self.put_whole(content, temporary, name).await;
        if done.is_err() {
            // It may never have been there, and the line may be cut.
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
        // By the protocol a rename replaces nothing, but not every server keeps to that.
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
        let mut chunk = vec![0; CHUNK];
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

    /// The size of a file in bytes, or `None` if there is none.
    pub async fn size(&self, path: &str) -> Result<Option<u64>, SftpError> {
        match self.files.metadata(path).await {
            Ok(found) => Ok(Some(size(&found)?)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(SftpError::server("stat", error)),
        }
    }

    /// Reads a file into `into`; `false` if there is none. One that has more bytes than `at_most` is refused.
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
        let mut chunk = vec![0; CHUNK];
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

    /// The files of a folder, by name, without its folders and hidden ones.
    pub async fn list(&self, folder: &str) -> Result<Vec<RemoteFile>, SftpError> {
        let entries = self.names(folder, |entry| !entry.starts_with('.')).await?;
        Ok(entries)
    }

    /// Removes what runs before this one have left under temporary names that begin so.
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

    /// Takes leave. What was written is written, whatever comes of it.
    pub async fn close(self) {
        let _ = self.files.close().await;
        let bye = self
            .connection
            .disconnect(Disconnect::ByApplication, "", "");
        let _ = bye.await;
    }
}

fn size(metadata: &Metadata) -> Result<u64, SftpError> {
    metadata.size.ok_or(SftpError::NoSize)
}

fn is_missing(error: &ServerError) -> bool {
    matches!(error, ServerError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}
