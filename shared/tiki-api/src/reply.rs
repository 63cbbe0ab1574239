//! Our answers to Tiki.

use api::{Code, envelope, to_json};
use domain::{
    BankingMethod, FailureCause, FailureReason, PaymentState, Refund, RefundState, RequestId,
    Status, Timestamp, Transaction,
};
use serde::Serialize;

/// The answer to a create request. A repeat gets the same answer.
#[must_use]
pub fn created(transaction: &Transaction, payment_url: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Data<'t> {
        transaction_id: String,
        tiki_transaction_id: &'t str,
        transaction_amount: u64,
        status: &'static str,
        payment_url: &'t str,
        created_at: String,
        expires_at: String,
    }
    let data = Data {
        transaction_id: transaction.id().to_string(),
        tiki_transaction_id: transaction.tiki_id().as_str(),
        transaction_amount: transaction.order().amount.get(),
        // The status of the creation, so that a repeat gets the first answer. A look-up returns the status of today.
        status: Status::Pending.as_str(),
        payment_url,
        created_at: transaction.created_at().to_rfc3339(),
        expires_at: transaction.expires_at().to_rfc3339(),
    };
    envelope(Code::Success, "success", Some(data))
}

/// The answer to a look-up. It is flat, like Tiki's own (protocol §4).
#[must_use]
pub fn checked(transaction: &Transaction) -> Vec<u8> {
    #[derive(Serialize)]
    struct Checked<'t> {
        code: u8,
        message: &'static str,
        tiki_transaction_id: &'t str,
        transaction_id: &'t str,
        partner_transaction_id: &'t str,
        status: &'static str,
        amount: u64,
        transaction_amount: u64,
        failure_reason: Option<&'t str>,
        partner_banking_method: Option<&'t str>,
        created_at: String,
        expires_at: String,
        paid_at: Option<String>,
        refunded_amount: u64,
        refunds: Vec<CheckedRefund<'t>>,
    }
    let id = transaction.id().to_string();
    let payment = transaction.money_taken();
    to_json(&Checked {
        code: Code::Success.number(),
        message: "success",
        tiki_transaction_id: transaction.tiki_id().as_str(),
        transaction_id: &id,
        partner_transaction_id: &id,
        status: transaction.status().as_str(),
        amount: transaction.order().amount.get(),
        transaction_amount: transaction.order().amount.get(),
        failure_reason: failure_reason(transaction),
        partner_banking_method: payment
            .and_then(|p| p.banking_method.as_ref())
            .map(BankingMethod::as_str),
        created_at: transaction.created_at().to_rfc3339(),
        expires_at: transaction.expires_at().to_rfc3339(),
        paid_at: payment.map(|p| p.paid_at).map(Timestamp::to_rfc3339),
        refunded_amount: transaction.refunded_amount().get(),
        refunds: transaction
            .refunds()
            .iter()
            .map(CheckedRefund::of)
            .collect(),
    })
}

/// The answer to a refund, final or in progress. A repeat of a final one gets the same answer.
#[must_use]
pub fn refunded(code: Code, message: &str, transaction: &Transaction, refund: &Refund) -> Vec<u8> {
    #[derive(Serialize)]
    struct Data {
        request_id: Option<String>,
        refund_id: String,
        refund_amount: u64,
        refunded_amount: u64,
        remaining_amount: u64,
        status: &'static str,
    }
    let balance = match refund.state {
        RefundState::Succeeded { balance, .. } | RefundState::Rejected { balance, .. } => balance,
        RefundState::Reserved(_) | RefundState::Unknown(_) => transaction.balance(),
    };
    let data = Data {
        request_id: refund.origin.request_id().map(ToString::to_string),
        refund_id: refund.id.to_string(),
        refund_amount: refund.amount.get(),
        refunded_amount: balance.refunded.get(),
        remaining_amount: balance.remaining.get(),
        status: refund.status().as_str(),
    };
    envelope(code, message, Some(data))
}

/// A refund in the answer to a look-up. A refund that we started ourselves has no `request_id` of Tiki.
#[derive(Serialize)]
struct CheckedRefund<'t> {
    request_id: Option<&'t str>,
    refund_id: String,
    amount: u64,
    status: &'static str,
    origin: &'static str,
    created_at: String,
}

impl<'t> CheckedRefund<'t> {
    fn of(refund: &'t Refund) -> Self {
        Self {
            request_id: refund.origin.request_id().map(RequestId::as_str),
            refund_id: refund.id.to_string(),
            amount: refund.amount.get(),
            status: refund.status().as_str(),
            origin: refund.origin.as_str(),
            created_at: refund.created_at.to_rfc3339(),
        }
    }
}

fn failure_reason(transaction: &Transaction) -> Option<&str> {
    match transaction.payment() {
        PaymentState::Pending { .. } | PaymentState::Paid { .. } => None,
        PaymentState::Reversed { .. } => Some("reversed"),
        PaymentState::Failed { failure, .. } => Some(match &failure.cause {
            FailureCause::Declined { reason } => {
                reason.as_ref().map_or("declined", FailureReason::as_str)
            }
            FailureCause::Expired => "expired",
        }),
    }
}
