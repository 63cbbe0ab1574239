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

use std::io::Write;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::client::Client;
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
    let client = Client::open().await?;
    match &cli.command {
        Command::Show { id } => show::show(&client, form, id).await,
        Command::List { state, limit } => list::list(&client, form, *state, *limit).await,
        Command::ResendIpn { ids, state, reason } => {
            act::resend(&client, form, (ids, *state), reason).await
        }
        Command::Lookup { id } => lookup::lookup(&client, form, id).await,
        Command::Resolve {
            id,
            verdict,
            amount,
            review,
            reason,
        } => act::resolve(&client, form, id, (*verdict, *amount, review), reason).await,
        Command::Approve {
            id,
            proposal,
            reason,
            ..
        } => match (id, proposal) {
            (Some(id), Some(proposal)) => {
                act::decide(&client, form, ("/approve", id), *proposal, reason).await
            }
            _ => act::approve_resends(&client, form, reason).await,
        },
        Command::Decline {
            id,
            proposal,
            reason,
        } => act::decide(&client, form, ("/decline", id), *proposal, reason).await,
        Command::Forget { id, reason } => act::forget(&client, form, id, reason).await,
        Command::Reconciliation { day, limit } => {
            reconciliation::list(&client, form, *day, *limit).await
        }
        Command::Report { period, target } => report::report(&client, form, *period, target).await,
        Command::CloseFinding { id, day, reason } => {
            reconciliation::close(&client, form, id, *day, reason).await
        }
        Command::Sign { message } => signatures::sign(&client, form, message).await,
        Command::Verify {
            message,
            headers,
            explain,
        } => signatures::verify(&client, form, message, headers, *explain).await,
        Command::Doctor => doctor::doctor(&client, form).await,
        // They need no stack, and have run.
        Command::Handover { .. }
        | Command::Collections { .. }
        | Command::TestCore(_)
        | Command::TestPartner(_)
        | Command::Completions { .. } => Ok(Outcome::Done),
    }
}
