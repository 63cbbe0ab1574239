//! Where the settings come from: the environment, as for the functions, or a file of variables.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::cli::Cli;

/// Tells the second process which file has been read.
const TAKEN_UP: &str = "TIKIVIP_SETTINGS_TAKEN_UP";

/// The AWS SDK and the functions' own code read the process's environment, so a file of settings becomes the
/// environment of a second process, whose exit code is returned. `None` says that this is the one to work.
pub(crate) fn taken_up(cli: &Cli) -> anyhow::Result<Option<ExitCode>> {
    let file = match &cli.settings {
        Some(file) if std::env::var_os(TAKEN_UP).as_deref() != Some(file.as_os_str()) => file,
        Some(_) | None => return Ok(None),
    };
    let name = file.display();
    let text = std::fs::read(file).with_context(|| format!("{name} cannot be read"))?;
    let variables: BTreeMap<String, String> = serde_json::from_slice(&text)
        .with_context(|| format!("{name} is not a JSON object of texts"))?;
    let status = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .envs(variables)
        .env(TAKEN_UP, file)
        .status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Some(code.map_or(ExitCode::FAILURE, ExitCode::from)))
}
