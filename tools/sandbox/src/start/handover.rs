//! Writes the files that describe the running sandbox to other programs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::Sandbox;
use crate::iam_proxy::OPERATOR;
use crate::options::Options;
use crate::settings::aws_environment;

impl Sandbox {
    /// The settings with which the operator's command works on this sandbox.
    #[must_use]
    pub fn operator_settings(&self) -> BTreeMap<String, String> {
        let mut settings = self.plan.operator_settings.clone();
        settings.extend(self.aws());
        settings.insert("AWS_ACCESS_KEY_ID".to_owned(), OPERATOR.to_owned());
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

    fn write_operator_settings(&self, file: &Path) -> anyhow::Result<()> {
        let settings = serde_json::to_string_pretty(&self.operator_settings())?;
        std::fs::write(file, settings).with_context(|| file.display().to_string())
    }
}
