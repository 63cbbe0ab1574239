//! `sam build`: the function binaries, from this very tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::process::Command;

/// The workspace that the sandbox was built from.
pub(crate) fn workspace() -> &'static Path {
    let sandbox = Path::new(env!("CARGO_MANIFEST_DIR"));
    sandbox.ancestors().nth(2).unwrap_or(sandbox)
}

/// Builds the workspace's binaries and says where each is. Built already, it takes a moment. All are built
/// in one call, so that cargo settles on one set of features for what they share. Dropped, it stops building.
pub async fn binaries(release: bool) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--workspace",
            "--bins",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    if release {
        command.arg("--release");
    } else {
        command.arg("--quiet");
    }
    let output = command.output().await.context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the functions do not build");
    }
    let artifacts = output.stdout.split(|&b| b == b'\n').filter_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        let executable = message["executable"].as_str()?;
        Some((
            message["target"]["name"].as_str()?.to_owned(),
            executable.into(),
        ))
    });
    Ok(artifacts.collect())
}
