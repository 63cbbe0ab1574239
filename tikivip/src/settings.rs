//! The settings: environment variables, or a file of variables.
//!
//! A file comes from outside, perhaps by mail, and its variables become the environment of a process. So it may have
//! only the names that are listed here: `LD_PRELOAD` would run foreign code, and `HTTPS_PROXY` would see every call.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;
use signed_http::{is_confidential, web_url};

use crate::cli::Cli;

/// Set in the second process to the file that has been read.
const SETTINGS_LOADED: &str = "TIKIVIP_SETTINGS_LOADED";

/// What a file of settings may have: the stack's output `OperatorSettings`.
const OURS: [&str; 29] = [
    "API_URL",
    "AWS_REGION",
    "CORE_CLIENT_ID",
    "MAX_AMOUNT_VND",
    "MIN_AMOUNT_VND",
    "PARTNER_NAME",
    "PREVIOUS_SECRET_DAYS",
    "PUBLIC_BASE_URL",
    "RECONCILE_SUBNET_IDS",
    "RECONCILIATION_REFUND_ROWS",
    "REDIRECT_HOSTS",
    "REFUND_CONCURRENCY",
    "RESULT_URL_APPEND",
    "RESULT_URL_PARAMETER",
    "REVERSAL_CONFIRM_AFTER_S",
    "SFTP_FOLDER",
    "SFTP_HOST",
    "SFTP_PORT",
    "SFTP_USER",
    "SIGNATURE_MAX_AGE_S",
    "SIGNATURE_MAX_AHEAD_S",
    "TIKI_API_URL",
    "TIKI_CLIENT_ID",
    "TIKI_ENVIRONMENT",
    "TIKI_FORMER_CLIENT_IDS",
    "TIKI_GET_SIGNING",
    "TIKI_PHONE_FORMAT",
    "TIKI_THROTTLE_BURST",
    "TIKI_THROTTLE_RATE",
];

/// What the file of a sandbox has beside it: a played person's credentials, and where the played services are. They are
/// only read if the API is on this machine, so that nobody's calls to AWS are made with the credentials of a file.
const SANDBOX: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "SANDBOX_TIKI_URL",
];

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
    let status = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .envs(read(file)?)
        .env(SETTINGS_LOADED, file)
        .status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Some(code.map_or(ExitCode::FAILURE, ExitCode::from)))
}

/// Reads a file of settings, and refuses it as a whole if one of its names is not ours.
pub(crate) fn read(file: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let name = file.display();
    let text =
        std::fs::read(file).with_context(|| format!("cannot read the settings file {name}"))?;
    let settings: BTreeMap<String, String> = serde_json::from_slice(&text).with_context(|| {
        format!("the settings file {name} is not a JSON object with text values")
    })?;
    let is_sandbox = is_here(&settings, "API_URL");
    let is_allowed = |name: &str| OURS.contains(&name) || (is_sandbox && SANDBOX.contains(&name));
    let refused = settings.keys().find(|name| !is_allowed(name));
    if let Some(refused) = refused {
        // A name may be as long and as odd as its writer likes.
        let shown: String = refused.escape_debug().take(64).collect();
        anyhow::bail!(
            "the settings file {name} has {shown}, which is no setting of tikivip: nothing of the file is used. Take the stack's output OperatorSettings as it is"
        );
    }
    Ok(settings)
}

/// Whether this setting is the address of a service on this machine.
fn is_here(settings: &BTreeMap<String, String>, name: &str) -> bool {
    let url = settings.get(name).and_then(|text| web_url(text));
    url.is_some_and(|url| url.scheme() == "http" && is_confidential(&url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read_json(settings: &Value) -> Result<BTreeMap<String, String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        std::fs::write(&file, settings.to_string()).unwrap();
        read(&file).map_err(|error| format!("{error:#}"))
    }

    /// The names in the template's output `OperatorSettings`.
    fn in_the_template() -> Vec<String> {
        let template = include_str!("../../template.yaml");
        let (_, output) = template.split_once("  OperatorSettings:\n").unwrap();
        let quoted = output.split('"');
        let name = |text: &&str| {
            let of_a_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            text.contains('_') && text.bytes().all(of_a_name)
        };
        quoted.filter(name).map(str::to_owned).collect()
    }

    fn sandbox() -> Value {
        let mut settings = json!({ "API_URL": "http://127.0.0.1:3" });
        for name in SANDBOX {
            settings[name] = json!("what a sandbox says");
        }
        settings
    }

    #[test]
    fn the_names_are_those_of_the_stacks_output() {
        let mut names = in_the_template();
        names.sort();
        assert_eq!(names, OURS);
    }

    #[test]
    fn a_name_that_is_not_ours_is_refused() {
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "DYLD_INSERT_LIBRARIES",
            "PATH",
            "HTTPS_PROXY",
            "SSL_CERT_FILE",
            "AWS_CONFIG_FILE",
            "AWS_PROFILE",
            "AWS_ENDPOINT_URL",
            "AWS_CA_BUNDLE",
            "TIKIVIP_SETTINGS_LOADED",
            "tiki_client_id",
            "",
        ] {
            for mut settings in [json!({ "TIKI_CLIENT_ID": "client" }), sandbox()] {
                settings[name] = json!("what-it-says");
                let error = read_json(&settings).unwrap_err();
                assert!(error.contains(&format!("has {name}, ")), "{error}");
                assert!(!error.contains("what-it-says"), "{error}");
            }
        }
    }

    #[test]
    fn services_and_credentials_are_those_of_a_sandbox() {
        let settings = read_json(&sandbox()).unwrap();
        assert_eq!(settings["AWS_ACCESS_KEY_ID"], "what a sandbox says");
        // Credentials of a file would sign calls to AWS.
        for name in SANDBOX {
            let error = read_json(&json!({ (name): "text" })).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        for elsewhere in [
            "http://198.51.100.7",
            "https://127.0.0.1.example",
            "https://api.example.vn",
        ] {
            let mut settings = sandbox();
            settings["API_URL"] = json!(elsewhere);
            assert!(read_json(&settings).is_err(), "{elsewhere}");
        }
    }
}
