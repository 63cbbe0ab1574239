//! The payment result that follows the customer's decision: one, or what a special amount wants.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Core, reference};
use crate::magic::{AtTheScreen, at_the_screen};

/// How late a result of a special amount is, and how soon a second one follows the first.
const LATE: Duration = Duration::from_secs(10);
const SOON_AFTER: Duration = Duration::from_secs(2);

impl Core {
    /// Reports the customer's decision to the functions, as the amount wants it. Returns whether a result was accepted.
    pub(super) async fn report(&self, id: &str, amount: u64, status: &str) -> bool {
        if status != "paid" {
            let reason = match at_the_screen(amount) {
                Some(AtTheScreen::Declined) => "not enough money",
                _ => "cancelled by the customer",
            };
            let failed = json!({ "transaction_id": id, "status": "FAILURE", "reason": reason });
            return self.send_result_until_accepted(id, &failed).await;
        }
        let paid = |amount: u64, reference: String| {
            json!({
                "transaction_id": id,
                "status": "SUCCESS",
                "amount": amount,
                "partner_banking_method": "ACCOUNT",
                "rail_reference": reference,
            })
        };
        let result = paid(amount, reference(id));
        match at_the_screen(amount) {
            None | Some(AtTheScreen::Declined) => {
                self.send_result_until_accepted(id, &result).await
            }
            Some(AtTheScreen::LateResult) => {
                let (core, id) = (self.clone(), id.to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(LATE).await;
                    core.send_result_until_accepted(&id, &result).await
                });
                false
            }
            Some(AtTheScreen::NoResult) => false,
            Some(AtTheScreen::OtherAmount) => {
                let other = paid(amount.saturating_sub(1000), reference(id));
                self.send_result_until_accepted(id, &other).await
            }
            Some(AtTheScreen::PaidTwice) => {
                let second = paid(amount, format!("{}-2", reference(id)));
                self.report_both(id, result, second).await
            }
            Some(AtTheScreen::TakenBack) => {
                let back =
                    json!({ "transaction_id": id, "status": "FAILURE", "reason": "taken back" });
                self.report_both(id, result, back).await
            }
        }
    }

    /// Sends a result, and soon after it a second one that contradicts it.
    async fn report_both(&self, id: &str, first: Value, second: Value) -> bool {
        let accepted = self.send_result_until_accepted(id, &first).await;
        let (core, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(SOON_AFTER).await;
            core.send_result_until_accepted(&id, &second).await
        });
        accepted
    }
}
