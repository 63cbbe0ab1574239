//! The sandbox's command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use signed_http::BaseUrl;
use signing::ClientSecret;

/// Runs the Tiki VIP payment partner on this machine: builds and runs the functions, and plays everything around them.
#[derive(Clone, Debug, Parser)]
#[command(name = "sandbox", version)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct Options {
    #[command(subcommand)]
    #[expect(
        missing_docs,
        reason = "clap would show the text as the first line of --help"
    )]
    pub command: Option<Command>,

    /// Show one payment step by step and exit; the exit code is 0 if every step succeeds
    #[arg(long)]
    pub once: bool,

    /// Measure a few payments, print what a million of them cost on AWS, and exit
    #[arg(long, conflicts_with = "once")]
    pub costs: bool,

    /// The address of the API, or its port on this machine; port 0 means any free port
    #[arg(long, global = true, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub listen: SocketAddr,

    /// Print each call as it happens: who called whom, what was signed and whether it holds, body and answer
    #[arg(long)]
    pub follow: bool,

    /// Keep database, stream position, files and SFTP keys in this folder; without it they are lost at exit
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Use this Tiki; without it the sandbox plays Tiki
    #[arg(long, value_name = "URL")]
    pub tiki_url: Option<BaseUrl>,

    /// Use this core; without it the sandbox plays the core
    #[arg(long, value_name = "URL")]
    pub core_url: Option<BaseUrl>,

    /// Use this DynamoDB; without it the sandbox starts an embedded one
    #[arg(long, value_name = "URL")]
    pub dynamodb_url: Option<String>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would show the text as the first line of --help"
    )]
    pub credentials: Credentials,

    /// Seconds between two sweeps of what is due; on AWS it is a minute
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub sweep_every: Duration,

    /// Fire the hourly and daily schedules only when the clock is moved, not when their time comes by itself
    #[arg(long)]
    pub no_cron: bool,

    /// Seconds after a payment's expiry at which the core is asked about it
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub expiry_grace: Duration,

    /// Write a JSON object with all addresses and the development credentials to this file when everything answers
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,

    /// Write the address of the API to this file, for a core that reads it there
    #[arg(long, value_name = "FILE")]
    pub api_url_file: Option<PathBuf>,

    /// Write the operator's settings to this file, for `tikivip --settings FILE`; those of the approver, the reader and
    /// break-glass get `-approver.json`, `-reader.json` and `-break-glass.json` beside it
    #[arg(long, value_name = "PATH")]
    pub operator_file: Option<PathBuf>,

    /// Write the functions' environment to this file, one NAME=VALUE per line, for `cargo lambda watch --env-file`
    #[arg(long, value_name = "PATH")]
    pub env_file: Option<PathBuf>,

    /// Write the functions' logs to this file, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Maximum number of instances of each function
    #[arg(long, value_name = "N", default_value = "16")]
    pub instances: usize,

    /// Set a parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,

    /// Run release builds of the functions
    #[arg(long)]
    pub release: bool,
}

impl Options {
    /// The options by which others play Tiki or the core.
    #[must_use]
    pub fn foreign(&self) -> Vec<&'static str> {
        let given = [
            ("--tiki-url", self.tiki_url.is_some()),
            ("--core-url", self.core_url.is_some()),
        ];
        let given = given.into_iter().filter(|(_, given)| *given);
        given.map(|(name, _)| name).collect()
    }
}

/// What else the program does.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Play a scenario in the sandbox that runs at --listen, or start one and play it there; without a name list all
    Scenario(ScenarioCommand),
}

/// `scenario NAME`.
#[derive(Clone, Debug, Args)]
pub struct ScenarioCommand {
    /// `paid`, `declined`, `tiki-down` …
    pub name: Option<String>,

    /// Take back what the scenario has changed at Tiki or at the core
    #[arg(long)]
    pub end: bool,
}

/// Development credentials, which are valid only in a sandbox.
#[derive(Clone, Debug, Parser)]
pub struct Credentials {
    /// Client id that Tiki and the partner share
    #[arg(
        long,
        value_name = "ID",
        default_value = "5a9db0c5-0000-4000-8000-7469746b6976"
    )]
    pub client_id: String,

    /// File with the secret that Tiki and the partner share; without it the sandbox's own
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,

    /// Secret that Tiki and the partner share
    #[arg(skip = "sandbox-secret-between-tiki-and-partner")]
    pub client_secret: String,

    /// Client id that the partner's core and the functions share
    #[arg(long, value_name = "ID", default_value = "sandbox-core")]
    pub core_client_id: String,

    /// File with the secret that the partner's core and the functions share; without it the sandbox's own
    #[arg(long, value_name = "FILE")]
    pub core_secret_file: Option<PathBuf>,

    /// Secret that the partner's core and the functions share
    #[arg(skip = "sandbox-secret-between-core-and-functions")]
    pub core_secret: String,
}

impl Credentials {
    /// Reads the secrets that are in files. None is on the command line: everybody on the machine can see that.
    pub fn read_files(&mut self) -> anyhow::Result<()> {
        for (file, secret) in [
            (&self.client_secret_file, &mut self.client_secret),
            (&self.core_secret_file, &mut self.core_secret),
        ] {
            if let Some(file) = file {
                let name = || file.display().to_string();
                let text = std::fs::read_to_string(file).with_context(name)?;
                ClientSecret::stored(&text).with_context(name)?;
                text.trim().clone_into(secret);
            }
        }
        Ok(())
    }
}

impl Default for Options {
    /// The defaults of the command line, but on a free port.
    fn default() -> Self {
        Self::parse_from(["sandbox", "--listen", "127.0.0.1:0"])
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let address = text.replacen("localhost:", "127.0.0.1:", 1);
    address
        .parse()
        .map_err(|_| "expected an address such as 127.0.0.1:8080, or a port".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds, such as 5 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "expected a number of seconds, such as 5 or 0.5".to_owned())
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_from_a_file_and_is_long_enough() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret-file");
        let name = file.to_str().unwrap();
        for option in ["--client-secret-file", "--core-secret-file"] {
            let mut options = Options::parse_from(["sandbox", option, name]);
            std::fs::write(&file, "fifteen bytes!!\n").unwrap();
            let error = options.credentials.read_files().unwrap_err();
            let error = format!("{error:#}");
            let says = error.contains("secret-file") && error.contains("at least 16");
            assert!(says && !error.contains("fifteen"), "{error}");

            std::fs::write(&file, "sixteen bytes ok\n").unwrap();
            options.credentials.read_files().unwrap();
            let Credentials {
                client_secret,
                core_secret,
                ..
            } = options.credentials;
            assert!([client_secret, core_secret].contains(&"sixteen bytes ok".to_owned()));
        }
        for option in ["--client-secret", "--core-secret"] {
            let read = Options::try_parse_from(["sandbox", option, "a secret for all to see"]);
            assert!(read.is_err(), "{option}: everybody on the machine sees it");
        }
    }

    #[test]
    fn a_port_alone_is_on_this_machine() {
        for (text, address) in [
            ("8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            ("localhost:81", "127.0.0.1:81"),
            ("0.0.0.0:8080", "0.0.0.0:8080"),
            ("[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(listen(text), Ok(address.parse().unwrap()), "{text}");
        }
        for bad in ["", "x", "80800", "127.0.0.1"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_sandboxs_own_secrets_are_long_enough() {
        let credentials = Options::default().credentials;
        for secret in [credentials.client_secret, credentials.core_secret] {
            assert!(ClientSecret::stored(&secret).is_ok());
        }
    }
}
