//! A file goes to Tiki, once.
//!
//! A file is recorded before it is sent. So a run that follows one that died can find out: if Tiki has a file of this
//! name and with these bytes, it has arrived. If not, it is sent, under a temporary name first.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use lambda::secrets::{SecretSource, Stage, secret};
use ledger::{Entry, Written};
use reconciliation::record::Sent;
use sftp::{Server, Sftp, SftpError};
use sha2::{Digest, Sha256};

use crate::{Reconcile, Run};

/// Tiki's file server, and the key that opens it.
pub struct SftpServer {
    /// The address and host keys of the server.
    pub server: Server,
    /// The secret with our private key.
    pub key: Arc<dyn SecretSource>,
    /// The folder that holds the three folders of protocol §7.
    pub folder: String,
}

impl SftpServer {
    /// Connects. The key is read each time: runs are rare, and a changed key is then used at once.
    pub(crate) async fn connect(&self) -> anyhow::Result<Sftp> {
        let key = secret(self.key.as_ref(), Stage::Current).await;
        let key = key
            .map_err(|error| anyhow::anyhow!(error))
            .context("the SFTP key")?;
        let key = key.context("the SFTP key's secret has no AWSCURRENT version")?;
        let connected = self.server.connect(&key).await;
        connected.context("Tiki's SFTP server")
    }

    fn inbound(&self) -> String {
        format!("{}/INBOUND", self.folder)
    }

    pub(crate) fn outbound(&self) -> String {
        format!("{}/OUTBOUND", self.folder)
    }

    fn archived(&self) -> String {
        format!("{}/ARCHIVED", self.folder)
    }
}

impl Reconcile {
    /// Copies a planned file to the archive, once.
    pub(crate) async fn copy(&self, sent: Entry<Sent>, file: &Path) -> anyhow::Result<Entry<Sent>> {
        if sent.record.archived_at.is_some() {
            return Ok(sent);
        }
        let key = format!("{}/sent/{}", sent.record.day, sent.record.name);
        let kind = "text/csv; charset=utf-8";
        self.archive
            .put(&key, file, &sent.record.sha256, kind)
            .await?;
        let archived = Sent {
            archived_at: Some(self.clock.now().unix_ms()),
            ..sent.record
        };
        match self.ledger.put(archived, Some(sent.version)).await? {
            Written::Stored(archived) => Ok(archived),
            Written::Refused(there) => bail!("another run sends {}", there.record.name),
        }
    }

    /// Brings a planned file to Tiki, under its name.
    pub(crate) async fn deliver(
        &self,
        run: &mut Run,
        sent: Entry<Sent>,
        file: &Path,
    ) -> anyhow::Result<()> {
        let name = sent.record.name.clone();
        if let Some(server) = &self.sftp {
            let sftp = server.connect().await?;
            let arrived = arrive(&sftp, server, &sent.record, file, &run.name).await;
            sftp.close().await;
            arrived.with_context(|| name.clone())?;
        }
        self.record_delivery(sent).await?;
        tracing::info!(file = name, "delivered");
        run.outcome.delivered.push(name);
        Ok(())
    }

    /// Whether a planned file is at Tiki, under its name and with its bytes.
    pub(crate) async fn has_arrived(&self, sent: &Sent) -> anyhow::Result<bool> {
        let Some(server) = &self.sftp else {
            return Ok(false);
        };
        let sftp = server.connect().await?;
        let arrived = has_arrived(&sftp, server, sent).await;
        sftp.close().await;
        arrived.with_context(|| sent.name.clone())
    }

    pub(crate) async fn record_delivery(&self, sent: Entry<Sent>) -> anyhow::Result<()> {
        let delivered = Sent {
            delivered_at: Some(self.clock.now().unix_ms()),
            ..sent.record
        };
        match self.ledger.put(delivered, Some(sent.version)).await? {
            Written::Stored(_) => Ok(()),
            Written::Refused(there) if there.record.delivered_at.is_some() => Ok(()),
            Written::Refused(there) => bail!("another run sends {}", there.record.name),
        }
    }
}

async fn arrive(
    sftp: &Sftp,
    server: &SftpServer,
    sent: &Sent,
    file: &Path,
    run: &str,
) -> anyhow::Result<()> {
    if has_arrived(sftp, server, sent).await? {
        return Ok(());
    }
    let (folder, name) = (server.inbound(), &sent.name);
    let cleared = sftp.clear(&folder, &format!(".{name}.")).await?;
    if cleared > 0 {
        tracing::info!(
            file = name,
            cleared,
            "temporary files of dead runs are removed"
        );
    }
    let temporary = format!("{folder}/.{name}.{run}.part");
    let mut content = File::open(file)?;
    let name = format!("{folder}/{name}");
    Ok(sftp.put(&mut content, &temporary, &name).await?)
}

/// Tiki may have moved the file already. A file of this name with other bytes is not ours, and must not be replaced.
async fn has_arrived(sftp: &Sftp, server: &SftpServer, sent: &Sent) -> anyhow::Result<bool> {
    let waiting = is_there(sftp, &server.inbound(), sent).await?;
    // Not every server shows the files that Tiki has moved. Then the file is sent again, under the same name.
    let taken = is_there(sftp, &server.archived(), sent).await;
    match waiting.or_else(|| taken.unwrap_or_default()) {
        Some(false) => bail!("at Tiki there is another file of this name"),
        Some(true) => Ok(true),
        None => Ok(false),
    }
}

/// Whether a file of this name has these bytes; `None` if there is none.
async fn is_there(sftp: &Sftp, folder: &str, sent: &Sent) -> Result<Option<bool>, SftpError> {
    let path = format!("{folder}/{}", sent.name);
    let Some(bytes) = sftp.size(&path).await? else {
        return Ok(None);
    };
    if bytes != sent.bytes {
        return Ok(Some(false));
    }
    let mut hash = Hash(Sha256::new());
    let whole = sftp.get(&path, &mut hash, bytes).await?;
    Ok(whole.then(|| hex::encode(hash.0.finalize()) == sent.sha256))
}

struct Hash(Sha256);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
