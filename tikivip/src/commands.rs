//! The commands, one module each.

mod act;
mod collections;
mod doctor;
mod handover;
mod kits;
mod list;
mod lookup;
mod reconciliation;
mod report;
mod show;
mod signatures;
mod variants;

use std::io::Write;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::context::CommandContext;
use crate::output::Outcome;

/// Runs the command.
pub(crate) async fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    if let Command::Completions { shell } = &cli.command {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "tikivip", &mut script);
        std::io::stdout().write_all(&script)?;
        return Ok(Outcome::Done);
    }
    let form = cli.output;
    match &cli.command {
        Command::Handover { arguments } => return handover::handover(form, arguments),
        Command::Collections { out } => return collections::collections(cli, out),
        Command::TestCore(given) => return kits::test_core(form, given).await,
        Command::TestPartner(given) => return kits::test_partner(form, given).await,
        _ => {}
    }
    let context = CommandContext::open().await;
    match &cli.command {
        Command::Show { id } => show::show(&context, form, id).await,
        Command::List { state, limit } => list::list(&context, form, *state, *limit).await,
        Command::ResendIpn { id, operator } => act::resend(&context, form, id, operator).await,
        Command::Lookup { id } => lookup::lookup(&context, form, id).await,
        Command::Resolve {
            id,
            verdict,
            amount,
            operator,
        } => act::resolve(&context, form, id, (*verdict, *amount), operator).await,
        Command::Reconciliation { day, limit } => {
            reconciliation::list(&context, form, *day, *limit).await
        }
        Command::Report { period, target } => report::report(&context, form, *period, target).await,
        Command::CloseFinding { id, day, operator } => {
            reconciliation::close(&context, form, id, *day, operator).await
        }
        Command::Sign { message } => signatures::sign(&context, form, message).await,
        Command::Verify {
            message,
            headers,
            explain,
        } => signatures::verify(&context, form, message, headers, *explain).await,
        Command::Doctor => doctor::doctor(&context, form).await,
        // They need no context, and have run.
        Command::Handover { .. }
        | Command::Collections { .. }
        | Command::TestCore(_)
        | Command::TestPartner(_)
        | Command::Completions { .. } => Ok(Outcome::Done),
    }
}
