//! The payment and its notification to Tiki, in fields, and how a person reads them.

use domain::{
    AuditEvent, BankingMethod, CoreReference, Decision, FailureCause, FailureReason, Ipn,
    IpnAnswer, PaymentState, Refund, RefundState, ReviewReason, Timestamp, Transaction,
};
use serde::{Deserialize, Serialize};

use crate::text::clock_of;

/// Whether the customer has paid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentView {
    /// `pending`, `paid`, `reversed` or `failed`.
    pub state: String,
    /// When the customer has paid, in time or late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<String>,
    /// The core's reference of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banking_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversal_reason: Option<String>,
    /// `declined` or `expired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Why, in the core's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
}

/// The notification (IPN) to Tiki.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpnView {
    /// `not_due`, `queued`, `retrying`, `confirmed` by Tiki, `not_accepted` (Tiki refused that a payment has failed, and
    /// does not have it as paid), `decided` by a person, `abandoned`, `reversing`, `disputed` or `exhausted`.
    pub state: String,
    /// How often it was sent, in all.
    pub attempts: u32,
    /// After how many of them it had to be sent once more, in all.
    pub failures: u32,
    /// The same since it was last queued: after ten the attempts end.
    pub failures_since_queued: u32,
    /// When it is sent next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// Why it is disputed, or what Tiki answered to what it did not accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When a person last had it sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent_at: Option<String>,
}

/// A refund of a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundView {
    /// Our id, under which the core has it.
    pub refund_id: String,
    /// `tiki`, `reversal` or `late_payment`.
    pub origin: String,
    /// Tiki's id of its request.
    pub request_id: Option<String>,
    pub amount_vnd: u64,
    /// `reserved`, `unknown`, `succeeded` or `rejected`.
    pub state: String,
    /// When the core is asked next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// How often the core was asked without a final answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// When it became final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_at: Option<String>,
    /// Why the core rejected it, in its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl PaymentView {
    /// The payment of this transaction.
    #[must_use]
    pub fn of(t: &Transaction) -> Self {
        let taken = t.money_taken();
        let mut view = Self {
            state: state_of(t.payment()).to_owned(),
            paid_at: taken.map(|payment| payment.paid_at.to_rfc3339()),
            core_reference: taken
                .and_then(|p| p.core_reference.as_ref().map(CoreReference::to_string)),
            banking_method: taken
                .and_then(|p| p.banking_method.as_ref().map(BankingMethod::to_string)),
            ..Self::default()
        };
        match t.payment() {
            PaymentState::Reversed { reversal, .. } => {
                view.reversed_at = Some(reversal.at.to_rfc3339());
                view.reversal_reason = Some(reversal.reason.as_str().to_owned());
            }
            PaymentState::Failed { failure, .. } => match &failure.cause {
                FailureCause::Declined { reason } => {
                    view.failure = Some("declined".to_owned());
                    view.failure_reason = reason.as_ref().map(FailureReason::to_string);
                }
                FailureCause::Expired => view.failure = Some("expired".to_owned()),
            },
            PaymentState::Pending { .. } | PaymentState::Paid { .. } => {}
        }
        view
    }

    /// How a person reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let paid = self.paid_at.as_deref().map(clock_of);
        match (self.state.as_str(), paid, &self.reversed_at) {
            ("paid", Some(paid), _) => format!("paid at {paid}"),
            ("reversed", Some(paid), Some(reversed)) => format!(
                "paid at {paid}, reversed at {} ({})",
                clock_of(reversed),
                self.reversal_reason.as_deref().unwrap_or("?")
            ),
            ("failed", Some(_), _) => "failed, then paid late".to_owned(),
            ("failed", None, _) => match (self.failure.as_deref(), &self.failure_reason) {
                (Some("declined"), Some(reason)) => format!("failed: declined ({reason})"),
                (Some(cause), _) => format!("failed: {cause}"),
                (None, _) => "failed".to_owned(),
            },
            (state, ..) => state.to_owned(),
        }
    }
}

fn state_of(payment: &PaymentState) -> &'static str {
    match payment {
        PaymentState::Pending { .. } => "pending",
        PaymentState::Paid { .. } => "paid",
        PaymentState::Reversed { .. } => "reversed",
        PaymentState::Failed { .. } => "failed",
    }
}

impl IpnView {
    /// The notification of this transaction.
    #[must_use]
    pub fn of(t: &Transaction) -> Self {
        let mut view = Self {
            resent_at: resent_at(t),
            next_at: t
                .ipn()
                .sending()
                .and(t.ipn_due_at())
                .map(Timestamp::to_rfc3339),
            ..Self::default()
        };
        for entry in t.audit_trail() {
            if let AuditEvent::NotificationAttempt { outcome, .. } = &entry.event {
                view.attempts = view.attempts.saturating_add(1);
                let again = matches!(
                    outcome.decision,
                    Decision::Retry | Decision::RetryUnauthorized | Decision::LookAgain
                );
                view.failures = view.failures.saturating_add(u32::from(again));
            }
        }
        let state = match t.ipn() {
            Ipn::NotDue => "not_due",
            Ipn::Queued { .. } => "queued",
            Ipn::Retrying { failures, .. } => {
                view.failures_since_queued = failures;
                if failures == 0 { "queued" } else { "retrying" }
            }
            Ipn::Confirmed { .. } => match ended_by(t) {
                Ending::Accepted => "confirmed",
                Ending::NotAccepted(answer) => {
                    view.reason = Some(answer.as_str().to_owned());
                    "not_accepted"
                }
                Ending::Person => "decided",
            },
            Ipn::Abandoned { .. } => "abandoned",
            Ipn::Reversing { .. } => "reversing",
            Ipn::Disputed { reason, .. } => {
                view.reason = Some(reason.as_str().to_owned());
                "disputed"
            }
            Ipn::Exhausted { .. } => "exhausted",
        };
        state.clone_into(&mut view.state);
        view
    }

    /// How a person reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let next = self.next_at.as_deref().map(clock_of).unwrap_or_default();
        let reason = self.reason.as_deref().unwrap_or("?");
        match self.state.as_str() {
            "not_due" => "no notification due".to_owned(),
            "queued" if self.failures == 0 => format!("queued, due at {next}"),
            "queued" => format!(
                "queued again, due at {next}; failed attempts before: {}",
                self.failures
            ),
            "retrying" if self.failures_since_queued < self.failures => format!(
                "failed attempts: {}, {} of them since it was queued again; next at {next}",
                self.failures, self.failures_since_queued
            ),
            "retrying" => format!("failed attempts: {}, next at {next}", self.failures),
            "confirmed" => "confirmed".to_owned(),
            "not_accepted" => format!(
                "not accepted by Tiki ({reason}), which does not have it as paid: nothing more is sent"
            ),
            "decided" => "ended by a person's decision: nothing more is sent".to_owned(),
            "abandoned" => "abandoned: no further attempts".to_owned(),
            "reversing" => "follows when the money is back".to_owned(),
            "disputed" => format!("disputed: {reason}"),
            "exhausted" => format!("exhausted: all attempts failed ({})", self.failures),
            state => state.to_owned(),
        }
    }
}

/// How a notification ended that is not sent any more.
enum Ending {
    Accepted,
    /// Tiki refused it, and a look-up says that it does not have the payment as paid.
    NotAccepted(IpnAnswer),
    /// A person has decided that Tiki has it, or that it does not matter.
    Person,
}

fn ended_by(t: &Transaction) -> Ending {
    let reversed = matches!(t.payment(), PaymentState::Reversed { .. });
    let events = t.audit_trail().iter().rev().map(|entry| &entry.event);
    let mut endings = events.filter_map(|event| match event {
        // A decision on money of the core leaves the notification as it is.
        AuditEvent::Resolved { review, .. } => {
            let about_money = matches!(review, Some(ReviewReason::Raised(_)));
            (!about_money).then_some(Ending::Person)
        }
        AuditEvent::NotificationAttempt { outcome, .. } => match outcome.answer {
            IpnAnswer::Accepted | IpnAnswer::AcceptedUnnamed => Some(Ending::Accepted),
            answer if reversed => Some(Ending::NotAccepted(answer)),
            // It refused the message, and has the payment all the same: the look-up says so.
            _ => Some(Ending::Accepted),
        },
        _ => None,
    });
    endings.next().unwrap_or(Ending::Accepted)
}

fn resent_at(t: &Transaction) -> Option<String> {
    let resent = |event: &AuditEvent| matches!(event, AuditEvent::Resent(_));
    let last = t.audit_trail().iter().rfind(|entry| resent(&entry.event));
    last.map(|entry| entry.last_at.to_rfc3339())
}

impl RefundView {
    /// A refund in fields.
    #[must_use]
    pub fn of(refund: &Refund) -> Self {
        let mut view = Self {
            refund_id: refund.id.to_string(),
            origin: refund.origin.as_str().to_owned(),
            request_id: refund.origin.request_id().map(ToString::to_string),
            amount_vnd: refund.amount.get(),
            ..Self::default()
        };
        let state = match &refund.state {
            RefundState::Reserved(due) => {
                view.next_at = Some(due.due_at.to_rfc3339());
                "reserved"
            }
            RefundState::Unknown(due) => {
                view.next_at = Some(due.due_at.to_rfc3339());
                view.attempts = Some(due.attempts);
                "unknown"
            }
            RefundState::Succeeded { at, .. } => {
                view.final_at = Some(at.to_rfc3339());
                "succeeded"
            }
            RefundState::Rejected { at, reason, .. } => {
                view.final_at = Some(at.to_rfc3339());
                view.reason = reason.as_ref().map(ToString::to_string);
                "rejected"
            }
        };
        state.clone_into(&mut view.state);
        view
    }

    /// The refunds that the core has not decided yet.
    #[must_use]
    pub fn open(t: &Transaction) -> Vec<Self> {
        let open = t.refunds().iter().filter(|refund| refund.due().is_some());
        open.map(Self::of).collect()
    }

    /// Whether the core has not decided it yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.final_at.is_none()
    }

    /// How a person reads its state.
    #[must_use]
    pub fn text(&self) -> String {
        let at = |time: &Option<String>| time.as_deref().map(clock_of).unwrap_or_default();
        match self.state.as_str() {
            "unknown" => format!(
                "no outcome known, asked {} times, next at {}",
                self.attempts.unwrap_or_default(),
                at(&self.next_at)
            ),
            "succeeded" => format!("refunded at {}", at(&self.final_at)),
            "rejected" => match &self.reason {
                Some(reason) => format!("rejected: {reason}"),
                None => "rejected".to_owned(),
            },
            state => state.to_owned(),
        }
    }
}
