//! Our answers to the partner's app and core.

use api::{Code, envelope};
use domain::Transaction;
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
