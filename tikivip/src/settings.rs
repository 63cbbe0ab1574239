//! The settings: environment variables, as for the functions, or a file of variables.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::cli::Cli;

/// Set in the second process to the file that has been read.
const SETTINGS_LOADED: &str = "TIKIVIP_SETTINGS_LOADED";

/// Runs a second process with the variables of the settings file, and returns its exit code. The AWS SDK and the
/// functions' code read the process's environment, so the variables must be set before the start. `None` means that
/// this process has its settings already.
pub(crate) fn run_with_file(cli: &Cli) -> anyhow::Result<Option<ExitCode>> {
    let file = match &cli.settings {
        Some(file) if std::env::var_os(SETTINGS_LOADED).as_deref() != Some(file.as_os_str()) => {
            file
        }
        Some(_) | None => return Ok(None),
    };
    let name = file.display();
    let text =
        std::fs::read(file).with_context(|| format!("cannot read the settings file {name}"))?;
    let variables: BTreeMap<String, String> = serde_json::from_slice(&text).with_context(|| {
        format!("the settings file {name} is not a JSON object with text values")
    })?;
    let status = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .envs(variables)
        .env(SETTINGS_LOADED, file)
        .status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Some(code.map_or(ExitCode::FAILURE, ExitCode::from)))
}
