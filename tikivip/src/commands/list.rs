//! `tikivip list`: transactions that need review or wait for a counterparty.

use std::collections::HashSet;

use domain::{
    DisputeReason, Ipn, PaymentState, RaisedReason, RefundState, ReviewReason, Timestamp,
    Transaction, Vnd,
};
use serde::Serialize;
use store::{DueIndex, Indexed, SHARDS, StoreError, Transactions};

use crate::cli::{Form, State};
use crate::context::CommandContext;
use crate::output::{self, Entry, Outcome};
use crate::text;

#[derive(Serialize)]
struct Listed {
    transaction_id: String,
    tiki_transaction_id: String,
    amount_vnd: u64,
    created_at: String,
    payment: String,
    ipn: String,
    needs_review: Option<&'static str>,
}

#[derive(Serialize)]
struct List {
    transactions: Vec<Listed>,
    /// Items that no function can read. docs/operations.md says what to do.
    unreadable: Vec<String>,
    /// Whether there may be more than the list shows.
    more: bool,
}

/// Lists the transactions of a state, the oldest first.
pub(super) async fn list(
    context: &CommandContext,
    form: Form,
    state: State,
    limit: u16,
) -> anyhow::Result<Outcome> {
    let transactions = context.transactions()?;
    let mut entries = entries(&transactions, state, limit).await?;
    entries.sort_by_key(|entry| (entry.at, entry.id.to_bytes()));
    // A transaction can need review for two reasons. It is listed once.
    let mut seen = HashSet::new();
    entries.retain(|entry| seen.insert(entry.id));
    let mut list = List {
        transactions: Vec::new(),
        unreadable: Vec::new(),
        more: false,
    };
    for entry in entries {
        if list.transactions.len() >= usize::from(limit) {
            list.more = true;
            break;
        }
        // The index can be outdated, so the transaction itself is checked.
        match transactions.load(entry.id).await {
            Ok(Some(found)) if is_in(state, &found) => list.transactions.push(Listed::of(&found)),
            Ok(_) => {}
            Err(StoreError::Unreadable { .. }) => list.unreadable.push(entry.id.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    output::print(form, &list, table);
    Ok(if list.unreadable.is_empty() {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
}

/// The entries of the index for a state.
async fn entries(
    transactions: &Transactions,
    state: State,
    limit: u16,
) -> anyhow::Result<Vec<Indexed>> {
    let index = match state {
        State::Review
        | State::Disputed
        | State::Exhausted
        | State::RefundRejected
        | State::Contradicted
        | State::Undecided
        | State::RefundsRejected => {
            let mut all = Vec::new();
            for reason in review_reasons(state) {
                // One more than the limit shows whether there are more.
                let one_more = limit.saturating_add(1);
                all.extend(transactions.needs_review(reason, one_more).await?);
            }
            return Ok(all);
        }
        State::Unconfirmed => DueIndex::Ipn,
        State::Unknown | State::Reversing => DueIndex::Refund,
        State::Pending => DueIndex::Expiry,
    };
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        all.extend(
            transactions
                .due(index, shard, Timestamp::MAX, u16::MAX)
                .await?,
        );
    }
    Ok(all)
}

fn review_reasons(state: State) -> Vec<ReviewReason> {
    let wanted = |reason: &ReviewReason| match reason {
        ReviewReason::Disputed(
            DisputeReason::AmountDiffers
            | DisputeReason::InvalidRequest
            | DisputeReason::NotOfThisPartner
            | DisputeReason::ReversalRejected
            | DisputeReason::ReversalHeld
            | DisputeReason::TooManyReversals
            | DisputeReason::KnownAsPaid,
        ) => matches!(state, State::Review | State::Disputed),
        ReviewReason::IpnExhausted => matches!(state, State::Review | State::Exhausted),
        ReviewReason::SystemRefundRejected => {
            matches!(state, State::Review | State::RefundRejected)
        }
        ReviewReason::Raised(raised) => {
            let own = match raised {
                RaisedReason::Undecided => State::Undecided,
                RaisedReason::RefundsRejected => State::RefundsRejected,
                RaisedReason::PaidAmountDiffers
                | RaisedReason::SecondDebit
                | RaisedReason::FailedAfterPaid => State::Contradicted,
            };
            state == State::Review || state == own
        }
    };
    ReviewReason::all().filter(wanted).collect()
}

fn is_in(state: State, t: &Transaction) -> bool {
    let open = t.refunds().iter().any(|refund| refund.due().is_some());
    match state {
        State::Review
        | State::Disputed
        | State::Exhausted
        | State::RefundRejected
        | State::Contradicted
        | State::Undecided
        | State::RefundsRejected => t
            .needs_review()
            .is_some_and(|(reason, _)| review_reasons(state).contains(&reason)),
        State::Unknown => t
            .refunds()
            .iter()
            .any(|refund| matches!(refund.state, RefundState::Unknown(_))),
        State::Reversing => matches!(t.ipn(), Ipn::Reversing { .. }) && open,
        State::Unconfirmed => t.ipn_due_at().is_some(),
        State::Pending => matches!(t.payment(), PaymentState::Pending { .. }),
    }
}

impl Listed {
    fn of(t: &Transaction) -> Self {
        Self {
            transaction_id: t.id().to_string(),
            tiki_transaction_id: t.tiki_id().to_string(),
            amount_vnd: t.order().amount.get(),
            created_at: t.created_at().to_rfc3339(),
            payment: text::payment(t),
            ipn: text::ipn(t),
            needs_review: t.needs_review().map(|(alarm, _)| alarm.as_str()),
        }
    }

    fn entry(&self) -> Entry {
        let amount = Vnd::new(self.amount_vnd).map(Vnd::grouped);
        Entry {
            head: format!(
                "{}  {}",
                self.transaction_id,
                self.needs_review.unwrap_or(&self.ipn)
            ),
            lines: vec![
                format!("Tiki's id {}", self.tiki_transaction_id),
                format!(
                    "{}, created at {}, {}",
                    amount.unwrap_or_default(),
                    text::clock_of(&self.created_at),
                    self.payment
                ),
            ],
        }
    }
}

fn table(list: &List) -> String {
    let unreadable = list.unreadable.iter();
    let unreadable: Vec<_> = unreadable
        .map(|id| format!("\n\n  ✘ {id} cannot be read. See docs/operations.md#review-queue"))
        .collect();
    if list.transactions.is_empty() {
        return format!("  None.{}", unreadable.concat());
    }
    let entries = list.transactions.iter().map(Listed::entry);
    let shown = output::list(entries, list.more);
    format!("{shown}{}", unreadable.concat())
}
