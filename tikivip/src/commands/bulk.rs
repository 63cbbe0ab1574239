//! The same act for many transactions, after an outage: page by page, with a limit of calls in a second, and so that an
//! interrupted run can be repeated. Nothing of it grows with their number.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use domain::{Clock, ReviewReason, Timestamp};
use futures::{StreamExt, stream};
use lambda::SystemClock;
use operator_api::request::{ProposalBody, ReasonBody};
use operator_api::transaction::{
    ListedTransaction, ProposalView, TransactionList, TransactionView,
};
use serde::Serialize;

use super::list::Pages;
use crate::cli::{BulkArgs, Form, ReasonArg, State};
use crate::client::{Client, OnTransaction};
use crate::output::{self, Outcome};

/// So many calls may wait for their answers at the same time.
const CALLS_AT_ONCE: usize = 8;

/// So many refusals, and so many proposals to look at, are kept for the JSON of a run. A person sees each as it comes.
const MAX_KEPT_IN_JSON: usize = 100;

/// What is done for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Resend,
    ApproveResend,
    DeclineResend,
}

/// What became of many.
#[derive(Default, Serialize)]
pub(super) struct Summary {
    /// When the run began: `--since` of a run that goes on with it.
    began_at: String,
    /// Queued to be sent to Tiki at once.
    queued: u64,
    /// What waits for another person.
    proposed: u64,
    declined: u64,
    /// What was left out: it was sent again already, waits for another person already, or is sent by itself in a moment.
    left_out: u64,
    /// What another person must look at, one by one: it ends a dispute.
    to_look_at: u64,
    refused: u64,
    /// The first of those to look at.
    proposals: Vec<ToLookAt>,
    /// The first of those that were refused.
    refusals: Vec<Refused>,
}

/// A proposed resend that ends a dispute.
#[derive(Serialize)]
struct ToLookAt {
    id: String,
    /// The number of the proposal.
    number: u32,
}

#[derive(Serialize)]
struct Refused {
    id: String,
    why: String,
}

/// A run through many transactions.
pub(super) struct Run<'c> {
    client: &'c Client,
    form: Form,
    act: Act,
    reason: &'c str,
    since: Timestamp,
    every: Duration,
    began: Timestamp,
    total: Option<(u64, bool)>,
    seen: u64,
    done: Summary,
}

/// What to do about one transaction.
enum Plan {
    Call { id: String, proposal: Option<u32> },
    LeaveOut,
    LookAt { id: String, number: u32 },
}

impl<'c> Run<'c> {
    pub(super) fn new(
        client: &'c Client,
        form: Form,
        act: Act,
        (bulk, reason): (&BulkArgs, &'c ReasonArg),
    ) -> anyhow::Result<Self> {
        let now = SystemClock.now();
        // As the function shows times, so that what is sent in this very second counts as sent since then.
        let shown = now.to_rfc3339();
        let since = Timestamp::parse_rfc3339(bulk.since.as_ref().unwrap_or(&shown))?;
        Ok(Self {
            client,
            form,
            act,
            reason: &reason.reason,
            since,
            every: Duration::from_secs(1) / bulk.per_second,
            began: now,
            total: None,
            seen: 0,
            done: Summary {
                began_at: shown,
                ..Summary::default()
            },
        })
    }

    /// Acts on all of a state.
    pub(super) async fn all_of(mut self, state: State) -> anyhow::Result<Outcome> {
        let mut pages = Pages::new(self.client, state);
        while let Some(page) = pages.next(u32::MAX).await? {
            if let Some(count) = page.count {
                self.total = Some((count.entries, count.at_least));
            }
            self.page(page).await?;
        }
        Ok(self.ended())
    }

    /// Has the notifications of these sent again.
    pub(super) async fn of_ids(mut self, ids: &[String]) -> anyhow::Result<Outcome> {
        self.total = Some((u64::try_from(ids.len())?, false));
        let calls = ids.iter().map(|id| (id.clone(), None));
        self.call_all(calls.collect()).await?;
        Ok(self.ended())
    }

    async fn page(&mut self, page: TransactionList) -> anyhow::Result<()> {
        let mut calls = Vec::new();
        for id in page.unreadable {
            self.refused(id, "it cannot be read".to_owned());
        }
        for listed in page.transactions {
            match plan(self.act, self.since, listed) {
                Plan::Call { id, proposal } => calls.push((id, proposal)),
                Plan::LeaveOut => {
                    self.seen = self.seen.saturating_add(1);
                    self.done.left_out = self.done.left_out.saturating_add(1);
                }
                Plan::LookAt { id, number } => {
                    self.seen = self.seen.saturating_add(1);
                    self.note_to_look_at(id, number);
                }
            }
        }
        self.call_all(calls).await
    }

    /// Makes the calls, some at the same time, and no more in a second than the limit. One that is refused stops no other.
    async fn call_all(&mut self, calls: Vec<(String, Option<u32>)>) -> anyhow::Result<()> {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (client, act, reason) = (self.client, self.act, self.reason);
        let paced = stream::unfold(
            (ticks, calls.into_iter()),
            async |(mut ticks, mut calls)| {
                let call = calls.next()?;
                ticks.tick().await;
                Some((call, (ticks, calls)))
            },
        );
        let answers = paced
            .map(async |(id, proposal)| {
                let answer = call(client, act, (&id, proposal), reason).await;
                (id, answer)
            })
            .buffer_unordered(CALLS_AT_ONCE);
        let mut answers = std::pin::pin!(answers);
        while let Some((id, answer)) = answers.next().await {
            self.seen = self.seen.saturating_add(1);
            match answer {
                Ok(view) => self.note(&view),
                Err(error) => match error.downcast::<Outcome>() {
                    Ok(outcome) => self.refused(id, outcome.to_string()),
                    // What is broken for one is broken for all.
                    Err(error) => return Err(error.context(self.how_to_go_on())),
                },
            }
            self.progress();
        }
        Ok(())
    }

    fn note(&mut self, view: &TransactionView) {
        let open = view
            .proposal
            .as_ref()
            .filter(|proposal| proposal.is_open_resend());
        let more = |count: &mut u64| *count = count.saturating_add(1);
        match (self.act, open) {
            (Act::DeclineResend, _) => more(&mut self.done.declined),
            (_, None) => more(&mut self.done.queued),
            (_, Some(open)) if ends_a_dispute(view.needs_review.as_deref()) => {
                self.note_to_look_at(view.transaction_id.clone(), open.number);
            }
            (_, Some(_)) => more(&mut self.done.proposed),
        }
    }

    fn note_to_look_at(&mut self, id: String, number: u32) {
        self.say(&format!("  look at it: tikivip show {id}"));
        self.done.to_look_at = self.done.to_look_at.saturating_add(1);
        if self.done.proposals.len() < MAX_KEPT_IN_JSON {
            self.done.proposals.push(ToLookAt { id, number });
        }
    }

    fn refused(&mut self, id: String, why: String) {
        self.say(&output::folded("  ", "    ", &format!("✘ {id}: {why}")));
        self.done.refused = self.done.refused.saturating_add(1);
        if self.done.refusals.len() < MAX_KEPT_IN_JSON {
            self.done.refusals.push(Refused { id, why });
        }
    }

    /// A line for a person, at once: a list of all of them would grow.
    fn say(&self, line: &str) {
        if self.form == Form::Table {
            output::print_lines(line);
        }
    }

    fn how_to_go_on(&self) -> String {
        format!(
            "stopped after {}: to go on, the same command with --since {}",
            self.seen,
            self.since.on_vietnams_clock().replace(' ', "T")
        )
    }

    fn ended(self) -> Outcome {
        output::print(self.form, &self.done, Summary::table);
        if self.done.refused == 0 && self.done.to_look_at == 0 {
            Outcome::Done
        } else {
            Outcome::Wrong
        }
    }

    /// A line on standard error that is written over, for a person who waits.
    fn progress(&self) {
        let mut error = std::io::stderr();
        if self.form == Form::Table && error.is_terminal() {
            let bar = bar(self.seen, self.total, SystemClock.now().since(self.began));
            let _ = write!(error, "\r{bar:<79}\r");
        }
    }
}

/// What is done about a transaction of a list. What an earlier run has done, and what happens by itself, is left out.
fn plan(act: Act, since: Timestamp, listed: ListedTransaction) -> Plan {
    let id = listed.transaction_id;
    let open = listed.proposal.filter(ProposalView::is_open_resend);
    match (act, open) {
        (Act::Resend, Some(_)) | (Act::ApproveResend | Act::DeclineResend, None) => Plan::LeaveOut,
        (Act::Resend, None) => {
            let resent_at = listed.ipn.resent_at.as_deref();
            let resent_at = resent_at.and_then(|at| Timestamp::parse_rfc3339(at).ok());
            let is_done = resent_at.is_some_and(|at| at >= since);
            if is_done || listed.ipn.state == "queued" {
                Plan::LeaveOut
            } else {
                Plan::Call { id, proposal: None }
            }
        }
        (Act::ApproveResend, Some(open)) if ends_a_dispute(listed.needs_review.as_deref()) => {
            Plan::LookAt {
                id,
                number: open.number,
            }
        }
        (Act::ApproveResend | Act::DeclineResend, Some(open)) => Plan::Call {
            id,
            proposal: Some(open.number),
        },
    }
}

/// Whether a resend is more than one more try, by what the payment waits for.
fn ends_a_dispute(needs_review: Option<&str>) -> bool {
    needs_review.is_some_and(|reason| reason != ReviewReason::IpnExhausted.as_str())
}

async fn call(
    client: &Client,
    act: Act,
    (id, proposal): (&str, Option<u32>),
    reason: &str,
) -> anyhow::Result<TransactionView> {
    let rest = match act {
        Act::Resend => "/resend",
        Act::ApproveResend => "/approve",
        Act::DeclineResend => "/decline",
    };
    let on = OnTransaction { id, rest };
    match proposal {
        Some(proposal) => client.post_of(on, &ProposalBody { proposal, reason }).await,
        None => client.post_of(on, &ReasonBody { reason }).await,
    }
}

impl Summary {
    fn table(&self) -> String {
        let mut lines = Vec::new();
        let mut line = |count: u64, text: &str| {
            if count > 0 {
                let text = text.replace("{}", &count.to_string());
                lines.push(output::folded("  ", "    ", &text));
            }
        };
        line(self.queued, "queued to be sent again: {}");
        line(
            self.proposed,
            "proposed: {}; another person approves: tikivip approve --resends --reason \"…\"",
        );
        line(self.declined, "declined: {}");
        line(
            self.to_look_at,
            "proposed, and each is to be looked at by the one who approves: {}",
        );
        line(
            self.left_out,
            "left out, because it was sent again already, waits for a person or is sent by itself: {}",
        );
        line(self.refused, "refused: {}");
        if lines.is_empty() {
            lines.push("  None.".to_owned());
        }
        lines.join("\n")
    }
}

/// How far a run is: a bar if it is known how many there are, how many in a second, and how long it takes yet.
fn bar(seen: u64, total: Option<(u64, bool)>, took: Duration) -> String {
    const WIDTH: u64 = 20;
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let per_second = seen.saturating_mul(1000) / ms;
    match total {
        Some((total, false)) if total >= seen && total > 0 => {
            let full = usize::try_from(seen.saturating_mul(WIDTH) / total).unwrap_or_default();
            let empty = usize::try_from(WIDTH)
                .unwrap_or_default()
                .saturating_sub(full);
            let left = total.saturating_sub(seen).saturating_mul(ms) / seen.max(1) / 1000;
            format!(
                "  [{}{}] {seen} of {total}, {per_second} a second, {} left",
                "█".repeat(full),
                "░".repeat(empty),
                span(left)
            )
        }
        Some((total, true)) => format!("  {seen} of more than {total}, {per_second} a second"),
        _ => format!("  {seen}, {per_second} a second"),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use operator_api::payment::IpnView;

    use super::*;

    #[test]
    fn the_bar_says_how_far_how_fast_and_how_long() {
        let ten = Duration::from_secs(10);
        for (seen, total, expected) in [
            (
                250,
                Some((1000, false)),
                "  [█████░░░░░░░░░░░░░░░] 250 of 1000, 25 a second, 30 s left",
            ),
            (
                0,
                Some((1000, false)),
                "  [░░░░░░░░░░░░░░░░░░░░] 0 of 1000, 0 a second, 9 s left",
            ),
            // More came than were counted.
            (1001, Some((1000, false)), "  1001, 100 a second"),
            (
                50,
                Some((160_000, true)),
                "  50 of more than 160000, 5 a second",
            ),
            (50, None, "  50, 5 a second"),
        ] {
            if seen > 0 {
                assert_eq!(bar(seen, total, ten), expected);
            }
        }
        assert!(bar(0, Some((10, false)), Duration::ZERO).contains("0 of 10"));
        assert_eq!([span(99), span(100), span(7200)], ["99 s", "1 min", "2 h"]);
    }

    fn listed(state: &str, resent_at: Option<&str>, proposal: Option<&str>) -> ListedTransaction {
        ListedTransaction {
            transaction_id: "id".to_owned(),
            needs_review: (state == "disputed").then(|| "amount_differs".to_owned()),
            ipn: IpnView {
                state: state.to_owned(),
                resent_at: resent_at.map(str::to_owned),
                ..IpnView::default()
            },
            proposal: proposal.map(|act| ProposalView {
                number: 3,
                act: act.to_owned(),
                ..ProposalView::default()
            }),
            ..ListedTransaction::default()
        }
    }

    #[test]
    fn a_repeated_run_leaves_out_what_was_done() {
        let since = Timestamp::parse_rfc3339("2026-11-29T01:00:00+07:00").unwrap();
        let (before, after) = ("2026-11-29T00:59:59+07:00", "2026-11-29T01:00:00+07:00");
        for (act, listed, called) in [
            (Act::Resend, listed("exhausted", None, None), true),
            (Act::Resend, listed("exhausted", Some(before), None), true),
            (Act::Resend, listed("retrying", Some(after), None), false),
            (Act::Resend, listed("queued", None, None), false),
            (
                Act::Resend,
                listed("exhausted", None, Some("resend")),
                false,
            ),
            (Act::Resend, listed("disputed", None, Some("reverse")), true),
            (
                Act::ApproveResend,
                listed("exhausted", None, Some("resend")),
                true,
            ),
            (
                Act::ApproveResend,
                listed("exhausted", None, Some("reverse")),
                false,
            ),
            (
                Act::ApproveResend,
                listed("disputed", None, Some("resend")),
                false,
            ),
            (
                Act::DeclineResend,
                listed("disputed", None, Some("resend")),
                true,
            ),
            (Act::DeclineResend, listed("exhausted", None, None), false),
        ] {
            let case = format!("{act:?} {listed:?}");
            assert_eq!(
                matches!(plan(act, since, listed), Plan::Call { .. }),
                called,
                "{case}"
            );
        }
        let look = plan(
            Act::ApproveResend,
            since,
            listed("disputed", None, Some("resend")),
        );
        assert!(matches!(look, Plan::LookAt { number: 3, .. }));
    }
}
