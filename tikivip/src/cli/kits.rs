//! The arguments of `tikivip test-core` and `tikivip test-partner`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `tikivip test-core` is asked to do.
#[derive(Debug, Args)]
pub(crate) struct TestCore {
    /// The core's API, as in the stack's `CoreUrl`
    #[arg(long, value_name = "URL")]
    pub(crate) core_url: String,
    /// The core's payment screen; without it `/pay` of the core's address
    #[arg(long, value_name = "URL")]
    pub(crate) screen_url: Option<String>,
    /// Client id that the core shares with this backend
    #[arg(
        long,
        value_name = "ID",
        env = "CORE_CLIENT_ID",
        default_value = "sandbox-core"
    )]
    pub(crate) client_id: String,
    /// File with the shared secret; without it the variable `CORE_SECRET`, or else the sandbox's secret
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Print each link to the payment screen, and wait until a person has paid
    #[arg(long)]
    pub(crate) by_hand: bool,
    /// Amount of each payment, in VND
    #[arg(long, value_name = "VND", default_value = "100000", value_parser = clap::value_parser!(u64).range(20_000..=100_000_000))]
    pub(crate) amount: u64,
    /// Also run the check that waits for more than a minute
    #[arg(long)]
    pub(crate) slow: bool,
    /// The core has no statements by API
    #[arg(long)]
    pub(crate) without_statements: bool,
    /// A day of which the core has bookings, for example 2026-11-22
    #[arg(long, value_name = "DAY", conflicts_with = "without_statements")]
    pub(crate) statement_day: Option<domain::Day>,
    /// Where the API that the core calls is served; port 0 means any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// How the core reaches that address, if by another one
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Write that address to this file, for a core that reads it there
    #[arg(long, value_name = "FILE")]
    pub(crate) api_url_file: Option<PathBuf>,
    /// Make this check only; may be repeated
    #[arg(long, value_name = "CHECK")]
    pub(crate) only: Vec<String>,
    #[command(flatten)]
    pub(crate) reports: Reports,
}

/// What `tikivip test-partner` is asked to do.
#[derive(Debug, Args)]
pub(crate) struct TestPartner {
    /// The address of the partner's side, without the path of Tiki's routes
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// The path of Tiki's routes
    #[arg(long, value_name = "PATH", default_value = "/tikivip/v1")]
    pub(crate) base_path: String,
    /// Client id that Tiki shares with the partner
    #[arg(
        long,
        value_name = "ID",
        env = "TIKI_CLIENT_ID",
        default_value = "5a9db0c5-0000-4000-8000-7469746b6976"
    )]
    pub(crate) client_id: String,
    /// File with the shared secret; without it the variable `TIKI_SECRET`, or else the sandbox's secret
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// It is a test environment: ask for refunds, too
    #[arg(long)]
    pub(crate) test_environment: bool,
    /// Also play TC-75, which waits more than five minutes for a payment to expire
    #[arg(long)]
    pub(crate) slow: bool,
    /// How a payment is paid
    #[arg(long, value_name = "HOW", default_value = "none")]
    pub(crate) pay: PayArg,
    /// Amount of each payment, in VND
    #[arg(long, value_name = "VND", default_value = "100000", value_parser = clap::value_parser!(u64).range(20_000..=100_000_000))]
    pub(crate) amount: u64,
    /// Play Tiki's API at this address, for a partner's side whose `TikiApiUrl` is it
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// How the partner's side reaches that address, if by another one
    #[arg(long, value_name = "URL", requires = "listen")]
    pub(crate) public_url: Option<String>,
    /// Make this check only; may be repeated
    #[arg(long, value_name = "CHECK")]
    pub(crate) only: Vec<String>,
    #[command(flatten)]
    pub(crate) reports: Reports,
}

/// How `tikivip test-partner` pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PayArg {
    /// Submit the form of the payment screen
    Form,
    /// Print the link, and wait until a person has paid
    Hand,
    /// Pay nothing, and skip the cases that need it
    None,
}

/// Where the report is written.
#[derive(Debug, Args)]
pub(crate) struct Reports {
    /// Write the report to this file, which ends with .txt, .json or .html; may be repeated
    #[arg(long = "report", value_name = "FILE", value_parser = report_file)]
    pub(crate) files: Vec<PathBuf>,
}

fn report_file(text: &str) -> Result<PathBuf, String> {
    let file = PathBuf::from(text);
    match conformance::Form::of(&file) {
        Some(_) => Ok(file),
        None => Err("must end with .txt, .json or .html".to_owned()),
    }
}
