//! Writes the files that describe the running sandbox to other programs.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::json;

use super::Sandbox;
use crate::options::{Credentials, Options};
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
            self.write_ready(file, &options.credentials)?;
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

    fn write_ready(&self, file: &Path, credentials: &Credentials) -> anyhow::Result<()> {
        let ready = json!({
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "core_client_id": credentials.core_client_id,
            "core_secret": credentials.core_secret,
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
        let mut own = OpenOptions::new();
        own.write(true).create(true).truncate(true).mode(0o600);
        own.open(&fresh)?.write_all(ready.to_string().as_bytes())?;
        std::fs::rename(fresh, file).with_context(|| file.display().to_string())
    }

    /// Writes the environment of all functions in one file. A variable has the same value in each function.
    fn write_environment(&self, file: &Path) -> anyhow::Result<()> {
        let own = self.plan.functions.values();
        let own = own.flat_map(|function| function.environment.clone());
        let aws = self.aws();
        let all: BTreeMap<String, String> = own.chain(aws).collect();
        let lines = all.into_iter().map(|(name, value)| {
            Ok(format!(
                "{name}={}\n",
                quoted(&value).with_context(|| name.clone())?
            ))
        });
        let lines: String = lines.collect::<anyhow::Result<_>>()?;
        std::fs::write(file, lines).with_context(|| file.display().to_string())
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

/// A value as both `cargo lambda` and a shell read it: neither takes blanks, quotes, `#` or `=` as they are.
fn quoted(value: &str) -> anyhow::Result<String> {
    ensure!(
        !value.contains(['\'', '\n', '\r']),
        "a value with a quote or a line end cannot be written so that cargo lambda and a shell read the same"
    );
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@,+".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return Ok(value.to_owned());
    }
    Ok(format!("'{value}'"))
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
    fn a_shell_reads_what_was_written() {
        let values = [
            "plain",
            "",
            "ssh-ed25519 AAAAC3Nz== host",
            r#"{"a": "b", "n": [1]}"#,
            "$HOME `id` \\ # = \"x\" !",
            "Ấm đun nước",
        ];
        let lines = values.iter().enumerate();
        let lines = lines.map(|(n, value)| format!("V{n}={}", quoted(value).unwrap()));
        let lines: Vec<String> = lines.collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        std::fs::write(&file, lines.join("\n")).unwrap();
        for (n, value) in values.iter().enumerate() {
            let script = format!("set -a; . {}; printenv V{n}", file.display());
            let read = std::process::Command::new("sh")
                .args(["-c", &script])
                .output();
            let read = String::from_utf8(read.unwrap().stdout).unwrap();
            assert_eq!(read, format!("{value}\n"));
        }
        for bad in ["it's", "two\nlines"] {
            assert!(quoted(bad).is_err(), "{bad}");
        }
    }

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
