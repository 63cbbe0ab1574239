//! Writes the files that describe the running sandbox to other programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::Sandbox;
use crate::options::Options;
use crate::principals::Principal;
use crate::settings::aws_environment;

impl Sandbox {
    /// The settings with which this person's command works on this sandbox.
    #[must_use]
    pub fn operator_settings(&self, principal: Principal) -> BTreeMap<String, String> {
        let mut settings = self.plan.operator_settings.clone();
        settings.extend(self.aws());
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", principal.access_key),
            ("AWS_SECRET_ACCESS_KEY", principal.secret_key),
            ("AWS_SESSION_TOKEN", principal.session_token),
        ] {
            settings.insert(name.to_owned(), value.to_owned());
        }
        // The template has the address that the API would have on AWS.
        settings.insert("API_URL".to_owned(), self.url.clone());
        settings.insert("SANDBOX_TIKI_URL".to_owned(), self.tiki_url.clone());
        settings
    }

    /// Writes the requested files; last the ready file, because it says that everything answers.
    pub(super) fn write_files(&self, options: &Options) -> anyhow::Result<()> {
        if let Some(file) = &options.operator_file {
            self.write_operator_settings(file)?;
        }
        if let Some(file) = &options.api_url_file {
            std::fs::write(file, &self.url).with_context(|| file.display().to_string())?;
        }
        if let Some(file) = &options.env_file {
            self.write_environment(file)?;
        }
        if let Some(file) = &options.ready_file {
            self.write_ready(file)?;
        }
        Ok(())
    }

    fn aws(&self) -> Vec<(String, String)> {
        aws_environment(
            &self.iam_proxy_url,
            &self.secrets_url,
            &self.s3_url,
            &self.sns_url,
        )
    }

    fn write_ready(&self, file: &Path) -> anyhow::Result<()> {
        let ready = json!({
            "url": self.url,
            "tiki_url": self.tiki_url,
            "core_url": self.core_url,
            "dynamodb_url": self.iam_proxy_url,
            "secrets_url": self.secrets_url,
            "s3_url": self.s3_url,
            "sns_url": self.sns_url,
            "sftp_address": self.sftp_address,
            "sftp_host_key": self.sftp_host_key,
            "pid": std::process::id(),
        });
        // A rename is atomic, so a reader never finds half a file.
        let fresh = file.with_extension("new");
        std::fs::write(&fresh, ready.to_string())?;
        std::fs::rename(fresh, file).with_context(|| file.display().to_string())
    }

    /// Writes the environment of all functions in one file. A variable has the same value in each function.
    fn write_environment(&self, file: &Path) -> anyhow::Result<()> {
        let own = self.plan.functions.values();
        let own = own.flat_map(|function| function.environment.clone());
        let aws = self.aws();
        let all: BTreeMap<String, String> = own.chain(aws).collect();
        let lines = all
            .into_iter()
            .map(|(name, value)| format!("{name}={value}\n"));
        std::fs::write(file, lines.collect::<String>()).with_context(|| file.display().to_string())
    }

    /// Writes the settings of the operator, and beside them those of the others.
    fn write_operator_settings(&self, file: &Path) -> anyhow::Result<()> {
        for principal in Principal::ALL {
            let file = settings_file(file, principal);
            let settings = serde_json::to_string_pretty(&self.operator_settings(principal))?;
            std::fs::write(&file, settings).with_context(|| file.display().to_string())?;
        }
        Ok(())
    }
}

/// `tikivip.json` for the operator, and `tikivip-approver.json` for the approver.
fn settings_file(operators: &Path, principal: Principal) -> PathBuf {
    if principal == Principal::LAN {
        return operators.to_owned();
    }
    let stem = operators.file_stem().unwrap_or_default();
    let role = principal.role.trim_start_matches("tikivip-");
    operators.with_file_name(format!("{}-{role}.json", stem.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_person_has_a_file_of_settings() {
        for (operators, principal, expected) in [
            ("a/tikivip.json", Principal::LAN, "a/tikivip.json"),
            ("a/tikivip.json", Principal::MINH, "a/tikivip-approver.json"),
            ("a/tikivip.json", Principal::HOA, "a/tikivip-reader.json"),
            (
                "a/tikivip.json",
                Principal::KHOA,
                "a/tikivip-break-glass.json",
            ),
            ("day", Principal::MINH, "day-approver.json"),
        ] {
            let file = settings_file(Path::new(operators), principal);
            assert_eq!(file, Path::new(expected), "{}", principal.name);
        }
    }
}
