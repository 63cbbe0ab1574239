//! Builds the function binaries from this source tree, like `sam build`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::process::Command;

/// The root folder of the workspace: that in which this program stands. If it stands in none, that in which it was
/// compiled: a copy of a checkout would run the code of the first one.
pub(crate) fn workspace() -> &'static Path {
    static FOUND: LazyLock<PathBuf> = LazyLock::new(|| {
        let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
        let compiled = compiled.ancestors().nth(2).unwrap_or(compiled);
        let stands = std::env::current_exe().unwrap_or_default();
        let is_root = |folder: &&Path| {
            let has = |name: &str| folder.join(name).exists();
            has("template.yaml") && has("tools/sandbox/Cargo.toml")
        };
        let found = stands.ancestors().find(is_root);
        found.unwrap_or(compiled).to_owned()
    });
    FOUND.as_path()
}

/// Builds the workspace's binaries and returns their paths by name. One call builds all of them, so that cargo chooses
/// one set of features for shared crates. Dropping the future stops the build. On Linux `sandbox_clock` is among them: the
/// library of tools/clock, which is built because this crate depends on it.
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
    let output = command
        .output()
        .await
        .context("cannot run cargo; is Rust installed?")?;
    if !output.status.success() {
        bail!("the functions do not compile; see the messages of cargo above");
    }
    let artifacts = output.stdout.split(|&b| b == b'\n').filter_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        let name = message["target"]["name"].as_str()?;
        let file = if name == "sandbox_clock" {
            let files = message["filenames"].as_array()?.iter();
            files
                .filter_map(Value::as_str)
                .find(|file| Path::new(file).extension().is_some_and(|kind| kind == "so"))
        } else {
            message["executable"].as_str()
        };
        Some((name.to_owned(), file?.into()))
    });
    Ok(artifacts.collect())
}
