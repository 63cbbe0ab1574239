//! What stands before anything runs: the addresses, the folders, and the plan.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use tempfile::TempDir;

use super::parts::{Listeners, address, data_dir, listen, scratch};
use crate::build;
use crate::options::Options;
use crate::settings::parameters;
use crate::sftp::Sftp;
use crate::template::Plan;

/// What stands before anything runs.
pub(super) struct Base {
    pub(super) listeners: Listeners,
    pub(super) addresses: Addresses,
    pub(super) scratch: TempDir,
    pub(super) data_dir: PathBuf,
    pub(super) lock: File,
    pub(super) sftp: Sftp,
    pub(super) plan: Plan,
}

/// Where everything is reached. Tiki and the core may be others'.
pub(super) struct Addresses {
    pub(super) api: String,
    pub(super) tiki: String,
    pub(super) core: String,
    pub(super) secrets: String,
    pub(super) s3: String,
    pub(super) sns: String,
    pub(super) iam_proxy: String,
    pub(super) sftp: SocketAddr,
}

impl Base {
    pub(super) async fn prepare(options: &Options) -> anyhow::Result<Self> {
        let listeners = listen(options.listen).await?;
        let addresses = Addresses::of(&listeners, options)?;
        let scratch = scratch()?;
        let (data_dir, lock) = data_dir(options, scratch.path())?;
        let sftp = Sftp::open(&data_dir)?;
        let yaml = std::fs::read_to_string(build::workspace().join("template.yaml"))?;
        let Addresses {
            api, tiki, core, ..
        } = &addresses;
        let parameters = parameters(options, api, tiki, core, (addresses.sftp, &sftp))?;
        let plan = Plan::read(&yaml, &parameters).context("template.yaml")?;
        Ok(Self {
            listeners,
            addresses,
            scratch,
            data_dir,
            lock,
            sftp,
            plan,
        })
    }
}

impl Addresses {
    fn of(listeners: &Listeners, options: &Options) -> anyhow::Result<Self> {
        let others = |url: &Option<signed_http::BaseUrl>| url.as_ref().map(ToString::to_string);
        Ok(Self {
            api: address(&listeners.api)?,
            tiki: others(&options.tiki_url).map_or_else(|| address(&listeners.tiki), Ok)?,
            core: others(&options.core_url).map_or_else(|| address(&listeners.core), Ok)?,
            secrets: address(&listeners.secrets)?,
            s3: address(&listeners.s3)?,
            sns: address(&listeners.sns)?,
            iam_proxy: address(&listeners.iam_proxy)?,
            sftp: listeners.sftp.local_addr()?,
        })
    }
}
