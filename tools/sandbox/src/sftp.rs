//! Tiki's SFTP server. It accepts one partner by its key, and shows it one folder.

mod files;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Server, Session};
use russh::server::{PublicKeyOffer, VerifiedPublicKey};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use self::files::Files;
use crate::faults::Faults;

/// The partner's user name.
pub(crate) const USER: &str = "partner";

/// Tiki's folder for its partners' files (protocol §7).
const FOLDER: &str = "IF_TIKI_VIP";
const FOLDERS: [&str; 3] = ["INBOUND", "OUTBOUND", "ARCHIVED"];

/// What the partner needs a right for, as calls that can have faults.
const CALLS: [&str; 6] = [
    "sftp_list",
    "sftp_stat",
    "sftp_read",
    "sftp_write",
    "sftp_rename",
    "sftp_remove",
];

/// What goes wrong with a request to the file server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SftpFault {
    /// The partner does not have the right to it.
    Denied,
}

/// The server's folder and keys, before it starts.
pub(crate) struct Sftp {
    root: PathBuf,
    faults: Faults<SftpFault>,
    host_key: PrivateKey,
    partner_key: PrivateKey,
    partner_key_file: PathBuf,
}

impl Sftp {
    /// Opens the server's folder and keys inside `within`, or creates what is missing.
    pub(crate) fn open(within: &Path) -> anyhow::Result<Self> {
        let root = within.join("sftp");
        for folder in FOLDERS {
            let folder = root.join(FOLDER).join(folder);
            std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        let partner_key_file = within.join("sftp-partner.key");
        Ok(Self {
            root,
            faults: Faults::of(&CALLS),
            host_key: key(&within.join("sftp-host.key"))?,
            partner_key: key(&partner_key_file)?,
            partner_key_file,
        })
    }

    /// The folder that holds Tiki's three folders.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join(FOLDER)
    }

    /// The faults of its requests.
    pub(crate) fn faults(&self) -> Faults<SftpFault> {
        self.faults.clone()
    }

    /// The server's public key.
    pub(crate) fn host_key(&self) -> anyhow::Result<String> {
        Ok(self.host_key.public_key().to_openssh()?)
    }

    /// The partner's private key in OpenSSH's format.
    pub(crate) fn partner_key(&self) -> anyhow::Result<String> {
        let pem = self.partner_key.to_openssh(LineEnding::LF)?;
        Ok(pem.to_string())
    }

    /// The file with the partner's private key.
    pub(crate) fn partner_key_file(&self) -> PathBuf {
        self.partner_key_file.clone()
    }

    /// Serves until it is aborted, which also ends its connections.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let config = Config {
            methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
            // Short, so that a refused test does not wait. Nobody guesses keys here.
            auth_rejection_time: Duration::from_millis(50),
            keys: vec![self.host_key],
            nodelay: true,
            ..Config::default()
        };
        let mut server = SftpServer {
            root: self.root,
            faults: self.faults,
            partner: self.partner_key.public_key().clone(),
        };
        let _ = server.run_on_socket(Arc::new(config), &listener).await;
    }
}

/// Reads a key from a file, or creates it.
fn key(file: &Path) -> anyhow::Result<PrivateKey> {
    let name = || file.display().to_string();
    if file.exists() {
        return PrivateKey::read_openssh_file(file).with_context(name);
    }
    let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519)?;
    // Readable only by its owner, as the command `sftp` requires.
    key.write_openssh_file(file, LineEnding::LF)
        .with_context(name)?;
    Ok(key)
}

#[derive(Clone)]
struct SftpServer {
    root: PathBuf,
    faults: Faults<SftpFault>,
    partner: PublicKey,
}

impl SftpServer {
    fn authenticate(&self, user: &str, key: &PublicKey) -> Auth {
        if user == USER && key.key_data() == self.partner.key_data() {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }
}

impl Server for SftpServer {
    type Handler = Connection;

    fn new_client(&mut self, _: Option<SocketAddr>) -> Connection {
        Connection {
            server: self.clone(),
            channels: HashMap::new(),
        }
    }
}

struct Connection {
    server: SftpServer,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(self.server.authenticate(user, offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(self.server.authenticate(user, key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.close(id)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.channels.remove(&id) {
            Some(channel) if name == "sftp" => {
                session.channel_success(id)?;
                let files = Files::new(self.server.root.clone(), self.server.faults.clone());
                russh_sftp::server::run(channel.into_stream(), files).await;
                Ok(())
            }
            _ => session.channel_failure(id),
        }
    }

    /// Refuses a shell.
    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }
}
