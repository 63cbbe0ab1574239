//! `tikivip collections`: calls that sign themselves, for Postman and Bruno.

use std::path::{Path, PathBuf};

use anyhow::Context;
use contract::collections::{Target, files};
use contract::{Document, OPENAPI};

use crate::cli::Form;
use crate::output::{self, Outcome};

/// Writes both collections into a folder.
pub(super) fn collections(form: Form, folder: &Path) -> anyhow::Result<Outcome> {
    let document = Document::read(OPENAPI)?;
    let files = files(&document, &target())?;
    for (name, content) in &files {
        let file = folder.join(name);
        let parent = file.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&file, content))
            .with_context(|| format!("--out {}", file.display()))?;
    }
    let folder = folder.to_owned();
    output::print(form, &folder, |folder: &PathBuf| {
        format!("{} files in {}", files.len(), folder.display())
    });
    Ok(Outcome::Done)
}

/// The stack of the settings; without settings a sandbox.
fn target() -> Target {
    let setting = |name: &str| std::env::var(name).unwrap_or_default();
    let url = setting("API_URL");
    if url.is_empty() {
        return Target::sandbox();
    }
    let (tiki_client_id, partner_client_id) =
        (setting("TIKI_CLIENT_ID"), setting("CORE_CLIENT_ID"));
    let tiki_url = setting("SANDBOX_TIKI_URL");
    let secrets = if tiki_url.is_empty() {
        Target {
            name: setting("TIKI_ENVIRONMENT"),
            tiki_secret: String::new(),
            partner_secret: String::new(),
            ..Target::sandbox()
        }
    } else {
        Target::sandbox()
    };
    Target {
        base_url: url.trim_end_matches('/').to_owned(),
        tiki_url,
        tiki_client_id,
        partner_client_id,
        ..secrets
    }
}
