//! How the sandbox is started.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use signed_http::BaseUrl;

/// Tiki VIP's payment partner on one machine: builds the functions, runs them, plays everything around them.
#[derive(Clone, Debug, Parser)]
#[command(name = "sandbox", version)]
pub struct Options {
    /// Walk one payment through and exit: 0 if it ended confirmed at Tiki, its partial refund included
    #[arg(long)]
    pub once: bool,

    /// Measure what payments use of AWS, say what a million of them cost, and exit
    #[arg(long, conflicts_with = "once")]
    pub costs: bool,

    /// Where the API listens; port 0 picks one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Keep the database, the stream's position, files and SFTP keys here between runs; default: gone at exit
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Talk to this Tiki instead of playing it
    #[arg(long, value_name = "URL")]
    pub tiki_url: Option<BaseUrl>,

    /// Talk to this core instead of playing it
    #[arg(long, value_name = "URL")]
    pub core_url: Option<BaseUrl>,

    /// Use this DynamoDB instead of the embedded one
    #[arg(long, value_name = "URL")]
    pub dynamodb_url: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the help's first line")]
    pub credentials: Credentials,

    /// How often the sweeps fire, in seconds; what is due once an hour or a day does not fire by itself
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub sweep_every: Duration,

    /// How long after a payment's expiry the core is asked about it
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub expiry_grace: Duration,

    /// Write one JSON object with the addresses here when everything answers
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,

    /// Write what the operator's command `tikivip --settings FILE` needs here
    #[arg(long, value_name = "PATH")]
    pub operator_file: Option<PathBuf>,

    /// Write the functions' environment here, a NAME=VALUE a line, for `cargo lambda watch --env-file`
    #[arg(long, value_name = "PATH")]
    pub env_file: Option<PathBuf>,

    /// Write what the functions log here, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// The most instances of a function
    #[arg(long, value_name = "N", default_value = "16")]
    pub instances: usize,

    /// Another value for a parameter of the template
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,

    /// Run release builds of the functions
    #[arg(long)]
    pub release: bool,
}

/// The development credentials. They open nothing but a sandbox.
#[derive(Clone, Debug, Parser)]
pub struct Credentials {
    /// The client id between Tiki and the partner
    #[arg(
        long,
        value_name = "ID",
        default_value = "5a9db0c5-0000-4000-8000-7469746b6976"
    )]
    pub client_id: String,

    /// The secret between Tiki and the partner
    #[arg(
        long,
        value_name = "SECRET",
        default_value = "sandbox-secret-between-tiki-and-partner"
    )]
    pub client_secret: String,

    /// The client id between the partner's core and these functions
    #[arg(long, value_name = "ID", default_value = "sandbox-core")]
    pub core_client_id: String,

    /// The secret between the partner's core and these functions
    #[arg(
        long,
        value_name = "SECRET",
        default_value = "sandbox-secret-between-core-and-functions"
    )]
    pub core_secret: String,
}

impl Default for Options {
    /// As without arguments, but on a free port.
    fn default() -> Self {
        Self::parse_from(["sandbox", "--listen", "127.0.0.1:0"])
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "not a number of seconds".to_owned())
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not of the form NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
