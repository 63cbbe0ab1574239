//! `tikivip handover`: the page for Tiki's engineers, with the addresses and limits of the stack.

use std::path::{Path, PathBuf};

use anyhow::Context;
use contract::handover::{Environment, Handover};
use contract::{Document, OPENAPI};

use crate::cli::{Form, HandoverArgs};
use crate::output::{self, Outcome};

/// Writes the page.
pub(super) fn handover(form: Form, arguments: &HandoverArgs) -> anyhow::Result<Outcome> {
    let mut known = vec![Environment::of_settings(|name| std::env::var(name).ok())?];
    if let Some(file) = &arguments.other_settings {
        let other = of_file(file)?;
        if known.iter().any(|one| one.kind == other.kind) {
            let file = file.display();
            let why = format!("{file} is of the same environment of Tiki as --settings");
            return Err(Outcome::Refused(why).into());
        }
        known.push(other);
    }
    let document = Document::read(OPENAPI)?;
    let handover = Handover {
        document: &document,
        environments: &Environment::both(known),
    };
    let file = &arguments.out;
    let page = match file.extension() {
        Some(ending) if ending == "md" => handover.markdown_of(&arguments.lang)?,
        _ => handover.html(&arguments.lang)?,
    };
    std::fs::write(file, page).with_context(|| format!("--out {}", file.display()))?;
    output::print(form, file, |file: &PathBuf| file.display().to_string());
    Ok(Outcome::Done)
}

fn of_file(file: &Path) -> anyhow::Result<Environment> {
    let settings = crate::settings::read(file)?;
    let environment = Environment::of_settings(|name| settings.get(name).cloned());
    environment.with_context(|| file.display().to_string())
}
