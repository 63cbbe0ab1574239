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
use clap_complete::Shell;

use crate::cli::{Cli, Command, Form};
use crate::client::Client;
use crate::output::Outcome;

/// Runs the command.
pub(crate) async fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    let form = cli.output;
    match &cli.command {
        Command::Completions { shell } => completions(*shell),
        Command::Handover { arguments } => handover::handover(form, arguments),
        Command::Collections { out } => collections::collections(cli, out),
        Command::TestCore(given) => kits::test_core(form, given).await,
        Command::TestPartner(given) => kits::test_partner(form, given).await,
        at_a_stack => run_at_a_stack(&Client::open().await?, form, at_a_stack).await,
    }
}

fn completions(shell: Shell) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tikivip", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Outcome::Done)
}

/// Runs a command that asks the function operator.
async fn run_at_a_stack(client: &Client, form: Form, command: &Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Show { id } => show::show(client, form, id).await,
        Command::List { state, limit } => list::list(client, form, *state, *limit).await,
        Command::ResendIpn { ids, state, reason } => {
            act::resend(client, form, (ids, *state), reason).await
        }
        Command::Lookup { id } => lookup::lookup(client, form, id).await,
        Command::Resolve {
            id,
            verdict,
            amount,
            review,
            reason,
        } => act::resolve(client, form, id, (*verdict, *amount, review), reason).await,
        Command::Approve {
            id,
            proposal,
            reason,
            ..
        } => match (id, proposal) {
            (Some(id), Some(proposal)) => {
                act::decide(client, form, ("/approve", id), *proposal, reason).await
            }
            _ => act::approve_resends(client, form, reason).await,
        },
        Command::Decline {
            id,
            proposal,
            reason,
        } => act::decide(client, form, ("/decline", id), *proposal, reason).await,
        Command::Forget { id, reason } => act::forget(client, form, id, reason).await,
        Command::Reconciliation { day, limit } => {
            reconciliation::list(client, form, *day, *limit).await
        }
        Command::Report { period, target } => report::report(client, form, *period, target).await,
        Command::CloseFinding {
            id,
            day,
            since,
            reason,
        } => reconciliation::close(client, form, (id, *day, since), reason).await,
        Command::Sign { message } => signatures::sign(client, form, message).await,
        Command::Verify {
            message,
            headers,
            explain,
        } => signatures::verify(client, form, message, headers, *explain).await,
        Command::Doctor => doctor::doctor(client, form).await,
        // They need no stack.
        Command::Handover { .. }
        | Command::Collections { .. }
        | Command::TestCore(_)
        | Command::TestPartner(_)
        | Command::Completions { .. } => Ok(Outcome::Done),
    }
}
