//! Delivers each file to Tiki once.
//!
//! A file is recorded before it is sent. So a run that follows a crashed one knows what was planned: if Tiki has a
//! file with this name and these bytes, it was delivered; if not, it is sent.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use files::sftp::{Server, SftpError, SftpFileDrop};
use lambda::secrets::{SecretSource, Stage, secret};
use reconciliation::hash::HashingWriter;
use reconciliation::record::Sent;
use store::{Versioned, Written};

use crate::{Reconcile, Run};

/// Tiki's file drop, and our key to it.
pub struct SftpServer {
    /// The address and the pinned host keys.
    pub server: Server,
    /// The secret with our private key.
    pub key: Arc<dyn SecretSource>,
    /// The folder that contains the three folders of protocol §7.
    pub folder: String,
}

impl SftpServer {
    /// Connects. The key is read each time: runs are rare, and a new key is used at once.
    pub(crate) async fn connect(&self) -> anyhow::Result<SftpFileDrop> {
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
    /// Copies a planned file to the object store, once.
    pub(crate) async fn copy(
        &self,
        sent: Versioned<Sent>,
        file: &Path,
    ) -> anyhow::Result<Versioned<Sent>> {
        if sent.record.archived_at.is_some() {
            return Ok(sent);
        }
        let key = format!("{}/sent/{}", sent.record.day, sent.record.name);
        let kind = "text/csv; charset=utf-8";
        self.objects
            .put(&key, file, &sent.record.sha256, kind)
            .await?;
        let archived = Sent {
            archived_at: Some(self.clock.now().unix_ms()),
            ..sent.record
        };
        match self.records.put(archived, Some(sent.version)).await? {
            Written::Stored(archived) => Ok(archived),
            Written::Conflict(there) => bail!("another run is sending {}", there.record.name),
        }
    }

    /// Delivers a planned file under its name.
    pub(crate) async fn deliver(
        &self,
        run: &mut Run,
        sent: Versioned<Sent>,
        file: &Path,
    ) -> anyhow::Result<()> {
        let name = sent.record.name.clone();
        if let Some(server) = &self.sftp {
            let sftp = server.connect().await?;
            let sent_once = send_once(&sftp, server, &sent.record, file, &run.name).await;
            sftp.close().await;
            sent_once.with_context(|| name.clone())?;
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

    pub(crate) async fn record_delivery(&self, sent: Versioned<Sent>) -> anyhow::Result<()> {
        let delivered = Sent {
            delivered_at: Some(self.clock.now().unix_ms()),
            ..sent.record
        };
        match self.records.put(delivered, Some(sent.version)).await? {
            Written::Stored(_) => Ok(()),
            Written::Conflict(there) if there.record.delivered_at.is_some() => Ok(()),
            Written::Conflict(there) => bail!("another run is sending {}", there.record.name),
        }
    }
}

async fn send_once(
    sftp: &SftpFileDrop,
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
            "removed temporary files of crashed runs"
        );
    }
    let temporary = format!("{folder}/.{name}.{run}.part");
    let mut content = File::open(file)?;
    let name = format!("{folder}/{name}");
    Ok(sftp.put(&mut content, &temporary, &name).await?)
}

/// Whether the file is in `INBOUND` or, after Tiki has taken it, in `ARCHIVED`. A file with this name and other bytes
/// is an error: we did not write it, and must not replace it.
async fn has_arrived(
    sftp: &SftpFileDrop,
    server: &SftpServer,
    sent: &Sent,
) -> anyhow::Result<bool> {
    let waiting = has_bytes(sftp, &server.inbound(), sent).await?;
    // Not every server shows `ARCHIVED`. If it does not, a file that Tiki has taken is sent again under the same name.
    let taken = has_bytes(sftp, &server.archived(), sent).await;
    match waiting.or_else(|| taken.unwrap_or_default()) {
        Some(false) => bail!("at Tiki there is another file of this name"),
        Some(true) => Ok(true),
        None => Ok(false),
    }
}

/// Whether the file with this name has these bytes; `None` if there is no such file.
async fn has_bytes(
    sftp: &SftpFileDrop,
    folder: &str,
    sent: &Sent,
) -> Result<Option<bool>, SftpError> {
    let path = format!("{folder}/{}", sent.name);
    let Some(bytes) = sftp.size(&path).await? else {
        return Ok(None);
    };
    if bytes != sent.bytes {
        return Ok(Some(false));
    }
    let mut hash = HashingWriter::new(io::sink());
    let read = sftp.get(&path, &mut hash, bytes).await?;
    let hashed = hash.finish().map_err(SftpError::Local)?;
    Ok(read.then(|| hashed.sha256 == sent.sha256))
}
