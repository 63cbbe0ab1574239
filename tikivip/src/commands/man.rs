//! `tikivip man`: the manual pages, made from the same words as `--help`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::{Cli, Form};
use crate::output::{self, Outcome};

/// Writes a page for the command, and one for each of its subcommands.
pub(super) fn man(form: Form, folder: &Path) -> anyhow::Result<Outcome> {
    let said = || format!("--out {}", folder.display());
    std::fs::create_dir_all(folder).with_context(said)?;
    clap_mangen::generate_to(Cli::command(), folder).with_context(said)?;
    output::print(form, &folder.to_owned(), |folder: &PathBuf| {
        format!(
            "the manual pages are in {}: man -l {}",
            folder.display(),
            folder.join("tikivip.1").display()
        )
    });
    Ok(Outcome::Done)
}
