//! `tikivip`, the operator's command. See `tikivip --help` and `docs/operations.md`.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON is indexed, which returns null and does not panic"
)]

mod cli;
mod client;
mod commands;
mod output;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use self::cli::Cli;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::not_parsed(&error),
    };
    let form = cli.output;
    match settings::run_with_file(&cli) {
        Ok(None) => {}
        Ok(Some(code)) => return code,
        Err(error) => return output::failed(form, error),
    }
    match commands::run(&cli).await {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => output::failed(form, error),
    }
}
