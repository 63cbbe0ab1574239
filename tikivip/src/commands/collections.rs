//! `tikivip collections`: calls that sign themselves, for Postman and Bruno.

use std::path::{Path, PathBuf};

use anyhow::Context;
use contract::collections::{Target, files};
use contract::{Document, OPENAPI};

use crate::cli::Cli;
use crate::output::{self, Outcome};

/// Writes both collections into a folder.
pub(super) fn collections(cli: &Cli, folder: &Path) -> anyhow::Result<Outcome> {
    if folder.is_file() {
        let why = format!("--out {} is a file: give a folder", folder.display());
        return Err(Outcome::Refused(why).into());
    }
    let document = Document::read(OPENAPI)?;
    let target = target(cli)?;
    let files = files(&document, &target)?;
    for (name, content) in &files {
        let file = folder.join(name);
        let parent = file.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&file, content))
            .with_context(|| format!("--out {}", file.display()))?;
    }
    let folder = folder.to_owned();
    output::print(cli.output, &folder, |folder: &PathBuf| {
        let written = format!("{} files in {}", files.len(), folder.display());
        match target.missing_secrets().as_slice() {
            [] => written,
            empty => format!("{written}; enter by hand: {}", empty.join(", ")),
        }
    });
    Ok(Outcome::Done)
}

/// The stack of the settings. Only without a file of settings, and without the name of an environment, it is the sandbox.
fn target(cli: &Cli) -> anyhow::Result<Target> {
    if cli.settings.is_none() && std::env::var_os("TIKI_ENVIRONMENT").is_none() {
        return Ok(Target::sandbox());
    }
    Ok(Target::of_settings(|name| std::env::var(name).ok())?)
}
