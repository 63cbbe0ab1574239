//! `tikivip resend-ipn`, `resolve`, `approve` and `decline`: acts of a person, recorded in the audit trail.

use std::io::Write;

use operator_api::request::{ProposalBody, ReasonBody, ResolveBody};
use operator_api::transaction::{ProposalView, TransactionView};
use serde::Serialize;

use super::{list, show};
use crate::cli::{Form, ReasonArg, State, Verdict};
use crate::client::{Client, OnTransaction};
use crate::output::{self, Outcome};

/// The most transactions whose notifications one command sends again.
const MAX_AT_ONCE: u16 = 1000;

/// Has notifications sent again.
pub(super) async fn resend(
    client: &Client,
    form: Form,
    (ids, state): (&[String], Option<State>),
    reason: &ReasonArg,
) -> anyhow::Result<Outcome> {
    if let ([id], None) = (ids, state) {
        return one(client, form, (id, "/resend"), &reason_body(reason)).await;
    }
    let ids = match state {
        Some(state) => {
            let listed = list::read(client, state, MAX_AT_ONCE).await?.transactions;
            listed.into_iter().map(|t| t.transaction_id).collect()
        }
        None => ids.to_vec(),
    };
    let body = |id| (id, reason_body(reason));
    all(client, form, "/resend", ids.into_iter().map(body)).await
}

/// Approves what others have proposed to send again.
pub(super) async fn approve_resends(
    client: &Client,
    form: Form,
    reason: &ReasonArg,
) -> anyhow::Result<Outcome> {
    let listed = list::read(client, State::Proposed, MAX_AT_ONCE).await?;
    let listed = listed.transactions.into_iter();
    let calls = listed.filter_map(|t| {
        let proposal = t.proposal.filter(ProposalView::is_resend)?;
        let body = ProposalBody {
            proposal: proposal.number,
            reason: &reason.reason,
        };
        Some((t.transaction_id, body))
    });
    all(client, form, "/approve", calls).await
}

/// Makes the same call for many transactions, one after the other. One that is refused stops no other.
async fn all<B: Serialize>(
    client: &Client,
    form: Form,
    rest: &str,
    calls: impl Iterator<Item = (String, B)>,
) -> anyhow::Result<Outcome> {
    let calls: Vec<_> = calls.collect();
    let mut done = Resent::default();
    for (number, (id, body)) in calls.iter().enumerate() {
        progress(form, number, calls.len());
        match client.post_of(OnTransaction { id, rest }, body).await {
            Ok(view) => done.note(&view),
            Err(error) => match error.downcast::<Outcome>() {
                Ok(outcome) => done.refused.push(Refused {
                    id: id.clone(),
                    why: outcome.to_string(),
                }),
                // What is broken for one is broken for all.
                Err(error) => return Err(error),
            },
        }
    }
    output::print(form, &done, Resent::table);
    Ok(if done.refused.is_empty() {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
}

/// Forgets who the customer of a payment is and what was bought.
pub(super) async fn forget(
    client: &Client,
    form: Form,
    id: &str,
    reason: &ReasonArg,
) -> anyhow::Result<Outcome> {
    one(client, form, (id, "/forget"), &reason_body(reason)).await
}

fn reason_body(reason: &ReasonArg) -> ReasonBody<'_> {
    ReasonBody {
        reason: &reason.reason,
    }
}

/// What became of many.
#[derive(Default, Serialize)]
struct Resent {
    sent: Vec<String>,
    /// What waits for another person.
    proposed: Vec<String>,
    refused: Vec<Refused>,
}

#[derive(Serialize)]
struct Refused {
    id: String,
    why: String,
}

impl Resent {
    fn note(&mut self, view: &TransactionView) {
        let waits = view.proposal.as_ref().is_some_and(ProposalView::is_resend);
        let ids = if waits {
            &mut self.proposed
        } else {
            &mut self.sent
        };
        ids.push(view.transaction_id.clone());
    }

    fn table(&self) -> String {
        let mut lines = vec![format!("  sent again: {}", self.sent.len())];
        if !self.proposed.is_empty() {
            lines.push(format!(
                "  proposed: {}; another person approves with `tikivip approve --resends`",
                self.proposed.len()
            ));
        }
        let refused = self.refused.iter();
        lines.extend(
            refused.map(|one| output::folded("  ", "    ", &format!("✘ {}: {}", one.id, one.why))),
        );
        lines.join("\n")
    }
}

/// A line on standard error that is written over, for a person who waits.
fn progress(form: Form, done: usize, all: usize) {
    use std::io::IsTerminal;
    let mut error = std::io::stderr();
    if form == Form::Table && error.is_terminal() {
        let _ = write!(error, "\r  {done} of {all}\r");
    }
}

/// Resolves what is in the review queue, or proposes it.
pub(super) async fn resolve(
    client: &Client,
    form: Form,
    id: &str,
    (verdict, amount, review): (Verdict, Option<u64>, &Option<String>),
    reason: &ReasonArg,
) -> anyhow::Result<Outcome> {
    let body = ResolveBody {
        verdict: verdict.word(),
        amount,
        review: review.as_deref(),
        reason: &reason.reason,
    };
    one(client, form, (id, "/resolve"), &body).await
}

/// Approves or declines a proposal.
pub(super) async fn decide(
    client: &Client,
    form: Form,
    (rest, id): (&str, &str),
    proposal: u32,
    reason: &ReasonArg,
) -> anyhow::Result<Outcome> {
    let body = ProposalBody {
        proposal,
        reason: &reason.reason,
    };
    one(client, form, (id, rest), &body).await
}

/// Acts on one transaction, and shows it as it is then.
async fn one(
    client: &Client,
    form: Form,
    (id, rest): (&str, &str),
    body: &impl Serialize,
) -> anyhow::Result<Outcome> {
    let view: TransactionView = client.post_of(OnTransaction { id, rest }, body).await?;
    show::print(form, &view);
    Ok(Outcome::Done)
}
