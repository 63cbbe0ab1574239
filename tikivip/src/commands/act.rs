//! `tikivip resend-ipn`, `resolve`, `approve` and `decline`: acts of a person, recorded in the audit trail.

use std::io::Write;

use domain::ReviewReason;
use operator_api::request::{ProposalBody, ReasonBody, ResolveBody};
use operator_api::transaction::{ProposalView, TrailEntry, TransactionView};
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
    let calls = ids.into_iter().map(|id| (id, reason_body(reason)));
    all(client, form, "/resend", calls.collect(), Resent::default()).await
}

/// Approves what others have proposed to send again. What would end a dispute, or is contradicted by the core, is looked
/// at one by one: the money may go back after it.
pub(super) async fn approve_resends(
    client: &Client,
    form: Form,
    reason: &ReasonArg,
) -> anyhow::Result<Outcome> {
    let listed = list::read(client, State::Proposed, MAX_AT_ONCE).await?;
    let (mut calls, mut left) = (Vec::new(), Vec::new());
    for t in listed.transactions {
        let Some(proposal) = t.proposal.filter(ProposalView::is_open_resend) else {
            continue;
        };
        let number = proposal.number;
        if ends_a_dispute(t.needs_review.as_deref()) {
            left.push(Left {
                id: t.transaction_id,
                number,
            });
        } else {
            let body = ProposalBody {
                proposal: number,
                reason: &reason.reason,
            };
            calls.push((t.transaction_id, body));
        }
    }
    let done = Resent {
        left,
        ..Resent::default()
    };
    all(client, form, "/approve", calls, done).await
}

/// Makes the same call for many transactions, one after the other. One that is refused stops no other.
async fn all<B: Serialize>(
    client: &Client,
    form: Form,
    rest: &str,
    calls: Vec<(String, B)>,
    mut done: Resent,
) -> anyhow::Result<Outcome> {
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
    Ok(if done.refused.is_empty() && done.left.is_empty() {
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
    let on = OnTransaction {
        id,
        rest: "/forget",
    };
    let view: TransactionView = client.post_of(on, &reason_body(reason)).await?;
    show::print(form, &view);
    let forgotten = |entry: &TrailEntry| entry.event == "personal_data_forgotten";
    if !view.trail.iter().any(forgotten) {
        let nothing = "nothing to forget: its create call said nothing of the customer";
        let _ = writeln!(std::io::stderr(), "tikivip: {nothing}");
    }
    Ok(Outcome::Done)
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
    /// What waits for another person, who must look at each.
    left: Vec<Left>,
    refused: Vec<Refused>,
}

/// A proposed resend that ends a dispute.
#[derive(Serialize)]
struct Left {
    id: String,
    /// The number of the proposal.
    number: u32,
}

/// Whether a resend is more than one more try, by what the payment waits for.
fn ends_a_dispute(needs_review: Option<&str>) -> bool {
    needs_review.is_some_and(|reason| reason != ReviewReason::IpnExhausted.as_str())
}

#[derive(Serialize)]
struct Refused {
    id: String,
    why: String,
}

impl Resent {
    fn note(&mut self, view: &TransactionView) {
        let id = view.transaction_id.clone();
        let open = view.proposal.as_ref();
        match open.filter(|proposal| proposal.is_open_resend()) {
            None => self.sent.push(id),
            Some(open) if ends_a_dispute(view.needs_review.as_deref()) => self.left.push(Left {
                id,
                number: open.number,
            }),
            Some(_) => self.proposed.push(id),
        }
    }

    fn table(&self) -> String {
        let mut lines = vec![format!("  sent again: {}", self.sent.len())];
        if !self.proposed.is_empty() {
            lines.push(format!(
                "  proposed: {}; another person approves: tikivip approve --resends --reason …",
                self.proposed.len()
            ));
        }
        if !self.left.is_empty() {
            let many = self.left.len();
            lines.push(format!(
                "  proposed, and each is to be looked at by the one who approves: {many}"
            ));
        }
        for Left { id, number } in &self.left {
            lines.push(format!("    tikivip show {id}"));
            lines.push(format!(
                "    tikivip approve {id} --proposal {number} --reason …"
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
    (verdict, amount, review): (Verdict, Option<u64>, &str),
    reason: &ReasonArg,
) -> anyhow::Result<Outcome> {
    let body = ResolveBody {
        verdict: verdict.word(),
        amount,
        review,
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
