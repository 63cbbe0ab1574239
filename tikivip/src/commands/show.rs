//! `tikivip show`: a transaction with its refunds and its audit trail.

use domain::{AuditEntry, Refund, Timestamp, Transaction, Verdict, Vnd};
use serde::Serialize;

use crate::cli::Form;
use crate::context::CommandContext;
use crate::output::{self, Outcome};
use crate::text;

#[derive(Serialize)]
struct TransactionView {
    transaction_id: String,
    tiki_transaction_id: String,
    amount_vnd: u64,
    status: &'static str,
    payment: String,
    ipn: String,
    created_at: String,
    expires_at: String,
    refunded_vnd: u64,
    remaining_vnd: u64,
    /// The reason why it needs review.
    needs_review: Option<&'static str>,
    /// What a person does about it.
    next_step: Option<&'static str>,
    /// What `tikivip resolve --as` takes now.
    verdicts: Vec<String>,
    next_at_tiki: Option<String>,
    next_at_core: Option<String>,
    refunds: Vec<ShownRefund>,
    trail: Vec<ShownEntry>,
}

#[derive(Serialize)]
struct ShownRefund {
    refund_id: String,
    origin: &'static str,
    request_id: Option<String>,
    amount_vnd: u64,
    state: String,
}

#[derive(Serialize)]
struct ShownEntry {
    at: String,
    last_at: String,
    times: u32,
    event: &'static str,
    actor: String,
    what: String,
}

/// Shows a transaction.
pub(super) async fn show(
    context: &CommandContext,
    form: Form,
    id: &str,
) -> anyhow::Result<Outcome> {
    let (_, transaction) = context.find(id).await?;
    print(form, &transaction);
    Ok(Outcome::Done)
}

/// Prints a transaction.
pub(super) fn print(form: Form, transaction: &Transaction) {
    output::print(form, &TransactionView::of(transaction), |view| {
        view.table(transaction)
    });
}

impl TransactionView {
    fn of(t: &Transaction) -> Self {
        let time = |at: Timestamp| at.to_rfc3339();
        Self {
            transaction_id: t.id().to_string(),
            tiki_transaction_id: t.tiki_id().to_string(),
            amount_vnd: t.order().amount.get(),
            status: t.status().as_str(),
            payment: text::payment(t),
            ipn: text::ipn(t),
            created_at: time(t.created_at()),
            expires_at: time(t.expires_at()),
            refunded_vnd: t.refunded_amount().get(),
            remaining_vnd: t.remaining_amount().get(),
            needs_review: t.needs_review().map(|(reason, _)| reason.as_str()),
            next_step: t.needs_review().map(|(reason, _)| text::next_step(reason)),
            verdicts: choices(t).map(|(typed, _)| typed).collect(),
            next_at_tiki: t.ipn_due_at().map(time),
            next_at_core: t.refund_due_at().or(t.expiry_due_at()).map(time),
            refunds: t.refunds().iter().map(ShownRefund::of).collect(),
            trail: t
                .audit_trail()
                .iter()
                .map(|e| ShownEntry::of(t, e))
                .collect(),
        }
    }

    fn table(&self, t: &Transaction) -> String {
        let needs_review = match (self.needs_review, self.next_step) {
            (Some(reason), Some(step)) => format!(
                "\n  Needs review: {reason}\n  {step}\n\n{}\n",
                output::table(["Resolve as", "What follows"], choices(t).flat_map(rows))
            ),
            _ => String::new(),
        };
        let trail = self
            .trail
            .iter()
            .zip(t.audit_trail())
            .map(|(shown, entry)| {
                let when = text::clock(entry.at);
                let what = match entry.times {
                    1 => shown.what.clone(),
                    times => format!(
                        "{} ({times} times, last at {})",
                        shown.what,
                        text::clock(entry.last_at)
                    ),
                };
                [when, shown.actor.clone(), what]
            });
        format!(
            "  {id}\n  {tiki}\n\n  Amount    {amount}, {back} refunded, {left} refundable\n  \
             Payment   {payment}\n  IPN       {ipn}\n{needs_review}\n{trail}",
            id = self.transaction_id,
            tiki = self.tiki_transaction_id,
            amount = t.order().amount.grouped(),
            back = t.refunded_amount().grouped(),
            left = t.remaining_amount().grouped(),
            payment = self.payment,
            ipn = self.ipn,
            trail = output::table(["Time (GMT+7)", "Actor", "Event"], trail),
        )
    }
}

/// The verdicts as they are typed, each with what follows from it. If nothing is left to give back, `reverse` says all.
fn choices(t: &Transaction) -> impl Iterator<Item = (String, String)> {
    let nothing_left = t.remaining_amount() == Vnd::ZERO;
    let fitting = t.fitting_verdicts().into_iter();
    fitting
        .filter(move |verdict| !(nothing_left && *verdict == Verdict::Returned))
        .map(|verdict| (typed(t, verdict), text::verdict(t, verdict)))
}

/// A row for each line of what follows from a verdict.
fn rows((typed, what): (String, String)) -> Vec<[String; 2]> {
    let lines = what.lines().enumerate();
    let row = |(number, line): (usize, &str)| {
        let typed = if number == 0 { typed.as_str() } else { "" };
        [typed.to_owned(), line.to_owned()]
    };
    lines.map(row).collect()
}

fn typed(t: &Transaction, verdict: Verdict) -> String {
    match verdict {
        Verdict::Returned => format!("returned --amount {}", t.remaining_amount()),
        Verdict::Confirmed | Verdict::Reverse | Verdict::Handled => verdict.as_str().to_owned(),
        Verdict::NotPaid => "not-paid".to_owned(),
    }
}

impl ShownRefund {
    fn of(refund: &Refund) -> Self {
        Self {
            refund_id: refund.id.to_string(),
            origin: refund.origin.as_str(),
            request_id: refund.origin.request_id().map(ToString::to_string),
            amount_vnd: refund.amount.get(),
            state: text::refund(&refund.state),
        }
    }
}

impl ShownEntry {
    fn of(t: &Transaction, entry: &AuditEntry) -> Self {
        Self {
            at: entry.at.to_rfc3339(),
            last_at: entry.last_at.to_rfc3339(),
            times: entry.times,
            event: entry.event.as_str(),
            actor: text::who(t, &entry.event),
            what: text::what(t, &entry.event),
        }
    }
}
