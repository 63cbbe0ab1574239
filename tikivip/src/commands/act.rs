//! `tikivip resolve`, `approve`, `decline` and `forget`: acts of a person on one transaction, recorded in the audit trail.

use std::io::{IsTerminal, Write};

use operator_api::request::{ProposalBody, ReasonBody, ResolveBody};
use operator_api::trail::TrailEntry;
use operator_api::transaction::TransactionView;
use serde::Serialize;
use serde_json::json;

use super::show;
use crate::cli::{Form, ReasonArg, Verdict};
use crate::client::{Client, OnTransaction};
use crate::output::{self, Outcome, grouped};

/// Has one notification sent again.
pub(super) async fn resend(
    client: &Client,
    form: Form,
    id: &str,
    reason: &ReasonArg,
) -> anyhow::Result<Outcome> {
    one(client, form, (id, "/resend"), &reason_body(reason)).await
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

/// A decision as it is typed.
pub(super) struct Decision<'a> {
    pub(super) id: &'a str,
    pub(super) verdict: Verdict,
    pub(super) amount: Option<u64>,
    pub(super) review: &'a str,
    pub(super) reason: &'a ReasonArg,
}

/// Whether a person is asked before it is done.
#[derive(Clone, Copy)]
pub(super) struct Asking {
    pub(super) yes: bool,
    pub(super) dry_run: bool,
}

/// Resolves what is in the review queue, or proposes it. On a terminal it says first what will happen, and asks. A script
/// names the review that it has seen, and is not asked.
pub(super) async fn resolve(
    client: &Client,
    form: Form,
    decision: &Decision<'_>,
    asking: Asking,
) -> anyhow::Result<Outcome> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if asking.dry_run || (is_terminal && !asking.yes) {
        let id = decision.id;
        let view: TransactionView = client.get_of(OnTransaction { id, rest: "" }).await?;
        let effect = Effect::of(&view, decision)?;
        if asking.dry_run {
            output::print(form, &json!({ "would": effect }), |_| effect.table());
            return Ok(Outcome::Done);
        }
        if !confirmed(&effect.table())? {
            return Err(
                Outcome::Refused("you have not said yes: nothing was done".to_owned()).into(),
            );
        }
    }
    let body = ResolveBody {
        verdict: decision.verdict.word(),
        amount: decision.amount,
        review: decision.review,
        reason: &decision.reason.reason,
    };
    one(client, form, (decision.id, "/resolve"), &body).await
}

/// What a decision would do, as it is now.
#[derive(Serialize)]
struct Effect {
    transaction_id: String,
    review: String,
    verdict: String,
    remaining_vnd: u64,
    consequence: String,
    needs_approval: bool,
}

impl Effect {
    /// What the function would refuse is refused here in the same words.
    fn of(view: &TransactionView, decision: &Decision<'_>) -> anyhow::Result<Self> {
        let refused = |why: String| anyhow::Error::from(Outcome::Refused(why));
        let Some(review) = &view.review else {
            return Err(refused("nothing of it waits for a decision".to_owned()));
        };
        // `second-debit` is the same word.
        if *review != decision.review.replace('-', "_") {
            return Err(refused(format!(
                "it waits for another decision than --review {}: {review}. Look at it again with `tikivip show`",
                decision.review
            )));
        }
        if let Some(open) = view.open_proposal() {
            return Err(refused(format!(
                "proposal {} of {} waits: approve or decline it first",
                open.number, open.by
            )));
        }
        let word = decision.verdict.word().replace('_', "-");
        let Some(choice) = view.choices.iter().find(|choice| choice.verdict == word) else {
            let fitting: Vec<String> = view.choices.iter().map(|c| c.verdict.clone()).collect();
            return Err(refused(format!(
                "--as {word} does not fit; these do: {}",
                fitting.join(", ")
            )));
        };
        if choice.amount_vnd != decision.amount {
            let right = choice.amount_vnd.map_or_else(
                || "leave it out".to_owned(),
                |amount| format!("it must be all that remains, {amount}"),
            );
            return Err(refused(format!("--amount is wrong: {right}")));
        }
        Ok(Self {
            transaction_id: view.transaction_id.clone(),
            review: review.clone(),
            verdict: word,
            remaining_vnd: view.remaining_vnd,
            consequence: choice.consequence.clone(),
            needs_approval: choice.needs_approval,
        })
    }

    fn table(&self) -> String {
        let then = if self.needs_approval {
            "It is a proposal: nothing happens until another person has approved it."
        } else {
            "It is done at once."
        };
        let lines = [
            format!("{}: {}", self.transaction_id, self.review),
            format!("{}: {}", self.verdict, self.consequence),
            format!(
                "{} can still go back to the customer.",
                grouped(self.remaining_vnd)
            ),
            then.to_owned(),
        ];
        let lines = lines.iter().map(|line| output::folded("  ", "    ", line));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Asks on the terminal.
fn confirmed(effect: &str) -> std::io::Result<bool> {
    output::print_notice(&format!("{effect}\n  Type yes to go on: "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
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

#[cfg(test)]
mod tests {
    use operator_api::next::Choice;

    use super::*;

    fn view() -> TransactionView {
        let choice = |verdict: &str, amount_vnd| Choice {
            verdict: verdict.to_owned(),
            amount_vnd,
            consequence: "The core returns it.".to_owned(),
            needs_approval: true,
        };
        TransactionView {
            review: Some("second_debit:2".to_owned()),
            choices: vec![choice("reverse", None), choice("returned", Some(90_000))],
            remaining_vnd: 90_000,
            ..TransactionView::default()
        }
    }

    #[test]
    fn what_would_be_refused_is_said_before() {
        let reason = ReasonArg {
            reason: "x".to_owned(),
        };
        let decision = |verdict, amount, review| Decision {
            id: "id",
            verdict,
            amount,
            review,
            reason: &reason,
        };
        let effect = Effect::of(&view(), &decision(Verdict::Reverse, None, "second-debit:2"));
        assert!(effect.unwrap().table().contains("It is a proposal"));
        let returned = decision(Verdict::Returned, Some(90_000), "second_debit:2");
        assert!(Effect::of(&view(), &returned).is_ok());
        let nothing = TransactionView::default();
        for (view, decision, says) in [
            (
                view(),
                decision(Verdict::Reverse, None, "second_debit"),
                "another decision",
            ),
            (
                view(),
                decision(Verdict::Confirmed, None, "second_debit:2"),
                "reverse, returned",
            ),
            (
                view(),
                decision(Verdict::Returned, Some(1), "second_debit:2"),
                "remains, 90000",
            ),
            (
                nothing,
                decision(Verdict::Reverse, None, "undecided"),
                "nothing of it waits",
            ),
        ] {
            let refused = Effect::of(&view, &decision).err().unwrap().to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }
}
