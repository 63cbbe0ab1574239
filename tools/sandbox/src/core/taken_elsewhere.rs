//! Payments that the core did not take itself, and books all the same.
//!
//! A person, a test or a collection may send a payment result in the core's place. It is signed as the core, so the core's
//! books must have the payment: for a refund, and for the statement of the day. Most results come by the gateway, which
//! shows each accepted one. One that was sent past it, as by `sam local invoke`, is found when its refund comes.

use serde_json::Value;

use super::Core;

impl Core {
    /// Books what a payment result says, if the functions have accepted it.
    pub(crate) fn book_accepted(&self, transaction_id: &str, result: &[u8], answer: &[u8]) {
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        if read(answer)["code"] == 0 {
            self.book_result(transaction_id, &read(result));
        }
    }

    /// Books what a payment result says.
    pub(super) fn book_result(&self, transaction_id: &str, result: &Value) {
        let amount = &result["amount"];
        let digits = || amount.as_str()?.parse().ok();
        let amount = amount.as_u64().or_else(digits);
        let Some(amount) = amount.filter(|_| result["status"] == "SUCCESS") else {
            return;
        };
        let is_paid = self.state.read(|state| {
            let known = state.payments.get(transaction_id);
            known.is_some_and(|payment| payment.status == "paid")
        });
        if !is_paid {
            self.take_money(transaction_id, amount);
        }
    }

    /// Books a payment that the core has never seen, and that the functions have as paid.
    pub(super) async fn book_recorded(&self, transaction_id: &str) {
        let is_known = self
            .state
            .read(|state| state.payments.contains_key(transaction_id));
        if is_known {
            return;
        }
        let Ok(recorded) = self.details(transaction_id).await else {
            return;
        };
        let data = &recorded.json["data"];
        let is_refunded = data["refunds"].as_array().is_some_and(|r| !r.is_empty());
        if let Some(amount) = data["transaction_amount"].as_u64()
            && (data["status"] == "SUCCESS" || is_refunded)
        {
            self.take_money(transaction_id, amount);
        }
    }
}
