//! The core over HTTP. Any answer but a clear one, and none in time, is *unknown*, never a no (design §7).

use std::time::Duration;

use async_trait::async_trait;
use domain::{PaidDetails, RailPayment, RailRefund, Refund, RefundId, Transaction, TransactionId};
use outbound::{Answer, CallError, SignedClient};
use serde::Serialize;
use wire::Fields;

use crate::report::reason;
use crate::{FoundRefund, PaymentRail};

/// How long the core may take while Tiki waits (design §7).
pub const TIMEOUT_IN_REQUEST: Duration = Duration::from_secs(3);
/// How long the core may take while nobody waits (design §7).
pub const TIMEOUT_IN_WORKER: Duration = Duration::from_secs(10);

/// The partner's core behind a signed client.
#[derive(Clone)]
pub struct HttpRail {
    client: SignedClient,
    timeout: Duration,
}

impl HttpRail {
    /// The core behind this client, given so long for each answer.
    #[must_use]
    pub fn new(client: SignedClient, timeout: Duration) -> Self {
        Self { client, timeout }
    }
}

#[async_trait]
impl PaymentRail for HttpRail {
    async fn refund(&self, transaction: &Transaction, refund: &Refund) -> RailRefund {
        #[derive(Serialize)]
        struct Body<'r> {
            refund_id: &'r str,
            transaction_id: String,
            tiki_transaction_id: &'r str,
            amount: u64,
            reason: &'r str,
        }
        let refund_id = refund.id.to_string();
        let body = Body {
            refund_id: &refund_id,
            transaction_id: transaction.id.to_string(),
            tiki_transaction_id: transaction.tiki_id.as_str(),
            amount: refund.amount.get(),
            reason: refund.reason.as_str(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let key = Some(("Idempotency-Key", refund_id));
        let answer = self.client.post("/refunds", body, key, self.timeout).await;
        let meaning = match &answer {
            Ok(answer) => refund_answer(answer, refund.id),
            Err(_) => RailRefund::Unknown,
        };
        log("refund", &refund.id, &answer, meaning.as_str());
        meaning
    }

    async fn find_refund(&self, id: RefundId) -> FoundRefund {
        let answer = self
            .client
            .get(&format!("/refunds/{id}"), self.timeout)
            .await;
        let meaning = match &answer {
            Ok(Answer { status: 404, .. }) => FoundRefund::NeverSeen,
            Ok(answer) => FoundRefund::Known(refund_answer(answer, id)),
            Err(_) => FoundRefund::Known(RailRefund::Unknown),
        };
        let word = match &meaning {
            FoundRefund::Known(refund) => refund.as_str(),
            FoundRefund::NeverSeen => "never_seen",
        };
        log("find_refund", &id, &answer, word);
        meaning
    }

    async fn payment(&self, id: TransactionId) -> RailPayment {
        let answer = self
            .client
            .get(&format!("/payments/{id}"), self.timeout)
            .await;
        let meaning = match &answer {
            Ok(Answer { status: 404, .. }) => RailPayment::NotPaid,
            Ok(answer) => payment_answer(answer, id),
            Err(_) => RailPayment::Unknown,
        };
        log("payment", &id, &answer, meaning.as_str());
        meaning
    }
}

fn refund_answer(answer: &Answer, id: RefundId) -> RailRefund {
    let read = || {
        let fields = readable(answer)?;
        names(&fields, "refund_id", &id.to_string())?;
        Some(match fields.text::<String>("status").ok()?.as_str() {
            "succeeded" => RailRefund::Succeeded,
            "rejected" => RailRefund::Rejected {
                reason: reason(&fields).ok().flatten(),
            },
            "pending" => RailRefund::Pending,
            _ => return None,
        })
    };
    read().unwrap_or(RailRefund::Unknown)
}

fn payment_answer(answer: &Answer, id: TransactionId) -> RailPayment {
    let read = || {
        let fields = readable(answer)?;
        names(&fields, "transaction_id", &id.to_string())?;
        Some(match fields.text::<String>("status").ok()?.as_str() {
            "paid" => RailPayment::Paid {
                amount: fields.amount("amount").ok()?,
                details: paid_details(&fields),
            },
            "failed" => RailPayment::Failed {
                reason: reason(&fields).ok().flatten(),
            },
            "not_paid" => RailPayment::NotPaid,
            "pending" => RailPayment::Pending,
            _ => return None,
        })
    };
    read().unwrap_or(RailPayment::Unknown)
}

/// The details of a payment that was made: one that cannot be read is left out, for the money was taken.
fn paid_details(fields: &Fields) -> PaidDetails {
    PaidDetails {
        paid_at: fields.optional_time("paid_at").ok().flatten(),
        banking_method: fields
            .optional_text("partner_banking_method")
            .ok()
            .flatten(),
        rail_reference: fields.optional_text("rail_reference").ok().flatten(),
    }
}

fn readable(answer: &Answer) -> Option<Fields> {
    (answer.status == 200).then(|| Fields::read(&answer.body).ok())?
}

/// The answer must speak of what was asked: money moves on it.
fn names(fields: &Fields, field: &'static str, id: &str) -> Option<()> {
    let named: String = fields.text(field).ok()?;
    named.eq_ignore_ascii_case(id).then_some(())
}

fn log(
    call: &'static str,
    id: &dyn std::fmt::Display,
    answer: &Result<Answer, CallError>,
    meaning: &str,
) {
    let id = id.to_string();
    match answer {
        Ok(answer) => {
            let http_status = answer.status;
            tracing::info!(call, id, http_status, meaning, "the core answered");
        }
        Err(error) => {
            let error = outbound::causes(error);
            tracing::warn!(call, id, error, "the core did not answer");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
        }
    }

    const ID: &str = "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";

    #[test]
    fn only_a_clear_word_about_this_refund_is_an_answer() {
        let rejected = RailRefund::Rejected {
            reason: "no".parse().ok(),
        };
        for (status, body, meaning) in [
            (
                200,
                r#"{"refund_id":"ID","status":"succeeded"}"#,
                RailRefund::Succeeded,
            ),
            (
                200,
                r#"{"refund_id":"ID","status":"pending"}"#,
                RailRefund::Pending,
            ),
            (
                200,
                r#"{"refund_id":"ID","status":"rejected","reason":"no"}"#,
                rejected,
            ),
            (
                200,
                r#"{"refund_id":"ID","status":"rejected","reason":7}"#,
                RailRefund::Rejected { reason: None },
            ),
            (
                200,
                r#"{"refund_id":"ID","status":"SUCCEEDED"}"#,
                RailRefund::Unknown,
            ),
            (200, r#"{"refund_id":"ID"}"#, RailRefund::Unknown),
            (200, r#"{"status":"succeeded"}"#, RailRefund::Unknown),
            (
                200,
                r#"{"refund_id":"other","status":"succeeded"}"#,
                RailRefund::Unknown,
            ),
            (200, "", RailRefund::Unknown),
            (
                201,
                r#"{"refund_id":"ID","status":"succeeded"}"#,
                RailRefund::Unknown,
            ),
            (
                400,
                r#"{"refund_id":"ID","status":"rejected"}"#,
                RailRefund::Unknown,
            ),
            (
                500,
                r#"{"refund_id":"ID","status":"rejected"}"#,
                RailRefund::Unknown,
            ),
        ] {
            let found = refund_answer(
                &answer(status, &body.replace("ID", ID)),
                ID.parse().unwrap(),
            );
            assert_eq!(found, meaning, "{status} {body}");
        }
    }

    #[test]
    fn only_a_clear_word_about_this_payment_is_an_answer() {
        for (status, body, meaning) in [
            (
                200,
                r#"{"transaction_id":"ID","status":"not_paid"}"#,
                Some(RailPayment::NotPaid),
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"pending"}"#,
                Some(RailPayment::Pending),
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"failed"}"#,
                Some(RailPayment::Failed { reason: None }),
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"paid","amount":5}"#,
                None,
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"paid"}"#,
                Some(RailPayment::Unknown),
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"paid","amount":0.5}"#,
                Some(RailPayment::Unknown),
            ),
            (
                200,
                r#"{"transaction_id":"other","status":"not_paid"}"#,
                Some(RailPayment::Unknown),
            ),
            (200, "<html>", Some(RailPayment::Unknown)),
            (
                500,
                r#"{"transaction_id":"ID","status":"not_paid"}"#,
                Some(RailPayment::Unknown),
            ),
        ] {
            let found = payment_answer(
                &answer(status, &body.replace("ID", ID)),
                ID.parse().unwrap(),
            );
            match meaning {
                Some(meaning) => assert_eq!(found, meaning, "{status} {body}"),
                None => {
                    assert!(matches!(found, RailPayment::Paid { amount, .. } if amount.get() == 5));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(status in any::<u16>(), body in prop::collection::vec(any::<u8>(), 0..200)) {
            let answer = Answer { status, body };
            prop_assert_eq!(refund_answer(&answer, ID.parse().unwrap()), RailRefund::Unknown);
            prop_assert_eq!(payment_answer(&answer, ID.parse().unwrap()), RailPayment::Unknown);
        }
    }
}
