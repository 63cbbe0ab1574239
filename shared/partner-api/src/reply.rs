//! Our answers to the partner's app and core.

use api::{Code, envelope};
use domain::{Description, IdentifyCode, OrderCode, Refund, RequestId, Status, Transaction};
use serde::Serialize;

/// The answer to a payment result. A repeat of the same result gets the same answer.
#[must_use]
pub fn payment_result_recorded(transaction: &Transaction) -> Vec<u8> {
    #[derive(Serialize)]
    struct Data<'t> {
        transaction_id: String,
        tiki_transaction_id: &'t str,
        transaction_amount: u64,
        status: &'static str,
    }
    let data = Data {
        transaction_id: transaction.id().to_string(),
        tiki_transaction_id: transaction.tiki_id().as_str(),
        transaction_amount: transaction.order().amount.get(),
        status: transaction.status().as_str(),
    };
    envelope(Code::Success, "success", Some(data))
}

/// The answer to an order that the app handed over. A repeat gets the same answer.
#[must_use]
pub fn transaction_created(transaction: &Transaction) -> Vec<u8> {
    #[derive(Serialize)]
    struct Data<'t> {
        transaction_id: String,
        tiki_transaction_id: &'t str,
        transaction_amount: u64,
        status: &'static str,
        created_at: String,
        expires_at: String,
    }
    let data = Data {
        transaction_id: transaction.id().to_string(),
        tiki_transaction_id: transaction.tiki_id().as_str(),
        transaction_amount: transaction.order().amount.get(),
        // The status of the creation, so that a repeat gets the first answer. The details have the status of today.
        status: Status::Pending.as_str(),
        created_at: transaction.created_at().to_rfc3339(),
        expires_at: transaction.expires_at().to_rfc3339(),
    };
    envelope(Code::Success, "success", Some(data))
}

/// The answer to the payment screen. Its status is the one that Tiki gets.
#[must_use]
pub fn payment_details(transaction: &Transaction) -> Vec<u8> {
    #[derive(Serialize)]
    struct Data<'t> {
        transaction_id: String,
        tiki_transaction_id: &'t str,
        transaction_amount: u64,
        status: &'static str,
        created_at: String,
        expires_at: String,
        identify_code: Option<&'t str>,
        order_code: Option<&'t str>,
        description: Option<&'t str>,
        refunded_amount: u64,
        refunds: Vec<RefundDetails<'t>>,
    }
    let order = transaction.order();
    let data = Data {
        transaction_id: transaction.id().to_string(),
        tiki_transaction_id: transaction.tiki_id().as_str(),
        transaction_amount: order.amount.get(),
        status: transaction.status().as_str(),
        created_at: transaction.created_at().to_rfc3339(),
        expires_at: transaction.expires_at().to_rfc3339(),
        identify_code: order.identify_code.as_ref().map(IdentifyCode::as_str),
        order_code: order.order_code.as_ref().map(OrderCode::as_str),
        description: order.description.as_ref().map(Description::as_str),
        refunded_amount: transaction.refunded_amount().get(),
        refunds: transaction
            .refunds()
            .iter()
            .map(RefundDetails::of)
            .collect(),
    };
    envelope(Code::Success, "success", Some(data))
}

/// A refund on the payment screen. A refund that we started ourselves has no `request_id` of Tiki.
#[derive(Serialize)]
struct RefundDetails<'t> {
    refund_id: String,
    request_id: Option<&'t str>,
    amount: u64,
    status: &'static str,
    origin: &'static str,
    created_at: String,
}

impl<'t> RefundDetails<'t> {
    fn of(refund: &'t Refund) -> Self {
        Self {
            refund_id: refund.id.to_string(),
            request_id: refund.origin.request_id().map(RequestId::as_str),
            amount: refund.amount.get(),
            status: refund.status().as_str(),
            origin: refund.origin.as_str(),
            created_at: refund.created_at.to_rfc3339(),
        }
    }
}
