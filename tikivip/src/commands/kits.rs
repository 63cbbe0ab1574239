//! `tikivip test-core` and `tikivip test-partner`: the conformance kits.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use conformance::core_kit::{CoreKit, CoreOptions};
use conformance::partner_kit::{PartnerKit, PartnerOptions, Pay};
use conformance::{Progress, Report, core_kit, partner_kit};
use signing::ClientSecret;

use crate::cli::{Form, PayArg, Reports, TestCore, TestPartner};
use crate::output::{self, Outcome};

/// What the sandbox and the example cores use.
const SANDBOX_CORE_SECRET: &str = "sandbox-secret-between-core-and-functions";
const SANDBOX_TIKI_SECRET: &str = "sandbox-secret-between-tiki-and-partner";

/// Plays this backend against a core.
pub(super) async fn test_core(form: Form, given: &TestCore) -> anyhow::Result<Outcome> {
    let report = run_core(form, given).await.map_err(could_not_run)?;
    ended(form, &report, &given.reports)
}

async fn run_core(form: Form, given: &TestCore) -> anyhow::Result<Report> {
    let file = given.secret_file.as_deref();
    let options = CoreOptions {
        core_url: given.core_url.clone(),
        screen_url: given.screen_url.clone(),
        client_id: given.client_id.clone(),
        secret: secret(file, "CORE_SECRET", SANDBOX_CORE_SECRET)?,
        by_hand: given.by_hand,
        amount: given.amount,
        slow: given.slow,
        statements: !given.without_statements,
        statement_day: given.statement_day.map(|day| day.to_string()),
        listen: given.listen,
        public_url: given.public_url.clone(),
        only: given.only.clone(),
        limits: core_kit::Limits::default(),
    };
    let kit = CoreKit::start(options).await?;
    let api_url = kit.api_url();
    if let Some(file) = &given.api_url_file {
        std::fs::write(file, api_url).with_context(|| file.display().to_string())?;
    }
    let says = format!("The core's setting for our API must be {api_url}");
    show(form, Progress::Says(&says));
    kit.run(&mut |progress| show(form, progress)).await
}

/// Plays Tiki against the partner's side.
pub(super) async fn test_partner(form: Form, given: &TestPartner) -> anyhow::Result<Outcome> {
    let report = run_partner(form, given).await.map_err(could_not_run)?;
    ended(form, &report, &given.reports)
}

async fn run_partner(form: Form, given: &TestPartner) -> anyhow::Result<Report> {
    let file = given.secret_file.as_deref();
    let options = PartnerOptions {
        url: given.url.clone(),
        base_path: given.base_path.clone(),
        client_id: given.client_id.clone(),
        secret: secret(file, "TIKI_SECRET", SANDBOX_TIKI_SECRET)?,
        slow: given.slow,
        test_environment: given.test_environment,
        pay: match given.pay {
            PayArg::Form => Pay::Form,
            PayArg::Hand => Pay::Hand,
            PayArg::None => Pay::Nothing,
        },
        amount: given.amount,
        listen: given.listen,
        public_url: given.public_url.clone(),
        only: given.only.clone(),
        limits: partner_kit::Limits::default(),
    };
    let kit = PartnerKit::start(options).await?;
    if let Some(url) = kit.tiki_url() {
        let says = format!("The address of Tiki's API must be {url}");
        show(form, Progress::Says(&says));
    }
    kit.run(&mut |progress| show(form, progress)).await
}

fn secret(file: Option<&Path>, variable: &str, sandbox: &str) -> anyhow::Result<String> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file).with_context(|| file.display().to_string())?,
        None => std::env::var(variable).unwrap_or_else(|_| sandbox.to_owned()),
    };
    let place = || file.map_or(variable.into(), |file| file.display().to_string());
    if text.trim().is_empty() {
        bail!("the secret is empty: {}", place());
    }
    // As the functions read it: what they refuse would only be found in their logs.
    ClientSecret::stored(&text).with_context(|| format!("the secret: {}", place()))?;
    Ok(text.trim().to_owned())
}

/// A line for each check as it ends. With JSON only the whole report is printed.
fn show(form: Form, progress: Progress<'_>) {
    if form == Form::Json {
        return;
    }
    let line = match progress {
        Progress::Says(text) => format!("  {text}"),
        Progress::Ended(result) => result.text(),
    };
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn ended(form: Form, report: &Report, reports: &Reports) -> anyhow::Result<Outcome> {
    output::print(form, report, |report| format!("\n{}", report.summary()));
    for file in &reports.files {
        report.write(file).map_err(could_not_run)?;
    }
    match report.counts() {
        (_, failed, _) if failed > 0 => Ok(Outcome::CheckFailed),
        // What was skipped for want of a payment is no success.
        (0, _, skipped) if skipped > 0 => {
            let why = "no check could be made: see why each was skipped";
            Err(Outcome::CouldNotRun(why.to_owned()).into())
        }
        _ => Ok(Outcome::Done),
    }
}

fn could_not_run(error: impl Into<anyhow::Error>) -> anyhow::Error {
    Outcome::CouldNotRun(format!("{:#}", error.into())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_secret_is_refused_by_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret.txt");
        std::fs::write(&file, "fifteen bytes!!\n").unwrap();
        let error = secret(Some(&file), "CORE_SECRET", SANDBOX_CORE_SECRET).unwrap_err();
        let error = format!("{error:#}");
        let says = error.contains("secret.txt") && error.contains("at least 16");
        assert!(says && !error.contains("fifteen"), "{error}");
        std::fs::write(&file, "sixteen bytes ok\r\n").unwrap();
        let read = secret(Some(&file), "CORE_SECRET", SANDBOX_CORE_SECRET).unwrap();
        assert_eq!(read, "sixteen bytes ok");
        for own in [SANDBOX_CORE_SECRET, SANDBOX_TIKI_SECRET] {
            assert!(ClientSecret::stored(own).is_ok());
        }
    }
}
