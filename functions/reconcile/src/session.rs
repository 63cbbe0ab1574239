//! The session with Tiki's file server: one for a run.

use std::sync::Arc;

use anyhow::{Context, bail};
use async_trait::async_trait;
use files::file_drop::DropError;
use files::sftp::Server;
use files::{FileDrop, FileServer};
use lambda::secrets::{SecretSource, Stage, secret};

use crate::{Reconcile, Run};

/// The sessions that a run opens, because one before it broke. A server that is away must not take the run's time.
const MAX_SESSIONS: u32 = 2;

/// The session of a run, if it has needed one.
#[derive(Default)]
pub(crate) struct Session {
    open: Option<Arc<dyn FileDrop>>,
    begun: u32,
}

/// Tiki's SFTP server, and our key to it.
pub struct SftpServer {
    /// The address and the pinned host keys.
    pub server: Server,
    /// The secret with our private key. It is read for each session: runs are rare, and a new key is used at once.
    pub key: Arc<dyn SecretSource>,
}

#[async_trait]
impl FileServer for SftpServer {
    async fn connect(&self) -> Result<Box<dyn FileDrop>, DropError> {
        let broken = |problem: &'static str| DropError::Broken(problem.into());
        let key = secret(self.key.as_ref(), Stage::Current).await;
        let key = key.map_err(DropError::Broken)?;
        let key = key.ok_or_else(|| broken("the SFTP key's secret has no AWSCURRENT version"))?;
        Ok(Box::new(self.server.connect(&key.text).await?))
    }
}

impl Reconcile {
    /// The run's session; `None` if there is no file server, and Tiki fetches the files.
    pub(crate) async fn session(&self, run: &mut Run) -> anyhow::Result<Option<Arc<dyn FileDrop>>> {
        let Some(drop) = &self.file_drop else {
            return Ok(None);
        };
        if let Some(open) = &run.session.open {
            return Ok(Some(Arc::clone(open)));
        }
        if run.session.begun >= MAX_SESSIONS {
            bail!("Tiki's file server cannot be reached in this run");
        }
        run.session.begun = run.session.begun.saturating_add(1);
        let connected = drop.server.connect().await;
        let open: Arc<dyn FileDrop> = connected.context("Tiki's file server")?.into();
        run.session.open = Some(Arc::clone(&open));
        Ok(Some(open))
    }
}

impl Session {
    /// Ends the session, also one that broke.
    pub(crate) async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }
}
