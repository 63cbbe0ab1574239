//! The commands, one module each.

mod act;
mod bulk;
mod collections;
mod doctor;
mod find;
mod handover;
mod kits;
mod list;
mod lookup;
mod man;
mod reconciliation;
mod report;
mod show;
mod signatures;

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use self::bulk::{Act, Run};
use crate::cli::{Cli, Command, Form, State};
use crate::client::Client;
use crate::output::Outcome;

/// Runs the command.
pub(crate) async fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    let form = cli.output;
    match &cli.command {
        Command::Completions { shell } => completions(*shell),
        Command::Man { out } => man::man(form, out),
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
        Command::Find { .. } => run_find(client, form, command).await,
        Command::Lookup { id } => lookup::lookup(client, form, id).await,
        Command::ResendIpn { .. }
        | Command::Resolve { .. }
        | Command::Approve { .. }
        | Command::Decline { .. }
        | Command::Forget { .. } => run_act(client, form, command).await,
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
        | Command::Man { .. }
        | Command::Completions { .. } => Ok(Outcome::Done),
    }
}

async fn run_find(client: &Client, form: Form, command: &Command) -> anyhow::Result<Outcome> {
    let Command::Find {
        reference,
        order,
        customer,
        day,
        days,
    } = command
    else {
        return Ok(Outcome::Done);
    };
    let wanted = [
        ("reference", reference),
        ("order", order),
        ("customer", customer),
    ];
    let mut wanted = wanted
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    match wanted.next() {
        Some(wanted) => find::find(client, form, wanted, (*day, *days)).await,
        None => Ok(Outcome::Done),
    }
}

/// Runs a command that changes a transaction.
async fn run_act(client: &Client, form: Form, command: &Command) -> anyhow::Result<Outcome> {
    match command {
        Command::ResendIpn {
            ids,
            state,
            all_exhausted,
            bulk,
            reason,
        } => {
            let state = state.or_else(|| all_exhausted.then_some(State::Exhausted));
            let many = || Run::new(client, form, Act::Resend, (bulk, reason));
            match (ids.as_slice(), state) {
                ([id], None) => act::resend(client, form, id, reason).await,
                (_, Some(state)) => many()?.all_of(state).await,
                (ids, None) => many()?.of_ids(ids).await,
            }
        }
        Command::Resolve {
            id,
            verdict,
            amount,
            review,
            yes,
            dry_run,
            reason,
        } => {
            let decision = act::Decision {
                id,
                verdict: *verdict,
                amount: *amount,
                review,
                reason,
            };
            let asking = act::Asking {
                yes: *yes,
                dry_run: *dry_run,
            };
            act::resolve(client, form, &decision, asking).await
        }
        Command::Forget { id, reason } => act::forget(client, form, id, reason).await,
        _ => run_answer(client, form, command).await,
    }
}

/// Runs a command that answers a proposal, or all that are about resends.
async fn run_answer(client: &Client, form: Form, command: &Command) -> anyhow::Result<Outcome> {
    let (act, rest, (id, proposal), (bulk, reason)) = match command {
        Command::Approve {
            id,
            proposal,
            bulk,
            reason,
            ..
        } => (
            Act::ApproveResend,
            "/approve",
            (id, proposal),
            (bulk, reason),
        ),
        Command::Decline {
            id,
            proposal,
            bulk,
            reason,
            ..
        } => (
            Act::DeclineResend,
            "/decline",
            (id, proposal),
            (bulk, reason),
        ),
        _ => return Ok(Outcome::Done),
    };
    if let (Some(id), Some(proposal)) = (id, proposal) {
        return act::decide(client, form, (rest, id), *proposal, reason).await;
    }
    let run = Run::new(client, form, act, (bulk, reason))?;
    run.all_of(State::Proposed).await
}
