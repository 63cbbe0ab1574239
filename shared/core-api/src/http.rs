//! The core over HTTP. Every answer that is not clear, and none in time, is *unknown*: it never means no
//! (docs/core.md).

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    FailureReason, PaidDetails, PaymentAnswer, Refund, RefundAnswer, RefundId, RejectionReason,
    Transaction, TransactionId,
};
use json_fields::Fields;
use serde::Serialize;
use signed_http::{Answer, CallError, SignedClient};

use crate::{Core, FoundRefund};

/// How long the core may take to answer while Tiki waits: less than API Gateway does, because Tiki's natural retry
/// after no answer is a new refund.
pub const CORE_TIMEOUT_IN_REQUEST: Duration = Duration::from_secs(20);
/// The same while the core has just failed to answer in time.
pub const CORE_TIMEOUT_WHILE_FAILING: Duration = Duration::from_secs(3);
/// How long the core may take to answer a worker.
pub const CORE_TIMEOUT_IN_WORKER: Duration = Duration::from_secs(10);

/// The partner's core behind a signed client.
#[derive(Clone)]
pub struct CoreClient {
    client: SignedClient,
    timeout: Duration,
}

impl CoreClient {
    /// A client that waits no longer than `timeout` for each answer, but for a refund as long as its caller says.
    #[must_use]
    pub fn new(client: SignedClient, timeout: Duration) -> Self {
        Self { client, timeout }
    }
}

#[async_trait]
impl Core for CoreClient {
    async fn refund(
        &self,
        transaction: &Transaction,
        refund: &Refund,
        within: Duration,
    ) -> RefundAnswer {
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
            transaction_id: transaction.id().to_string(),
            tiki_transaction_id: transaction.tiki_id().as_str(),
            amount: refund.amount.get(),
            reason: refund.reason.as_str(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let key = Some(("Idempotency-Key", refund_id));
        let answer = self.client.post("/refunds", body, key, within).await;
        let meaning = match &answer {
            Ok(answer) => refund_answer(answer, refund.id),
            Err(_) => RefundAnswer::Unknown,
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
            Err(_) => FoundRefund::Known(RefundAnswer::Unknown),
        };
        let word = match &meaning {
            FoundRefund::Known(refund) => refund.as_str(),
            FoundRefund::NeverSeen => "never_seen",
        };
        log("find_refund", &id, &answer, word);
        meaning
    }

    async fn payment(&self, id: TransactionId) -> PaymentAnswer {
        let answer = self
            .client
            .get(&format!("/payments/{id}"), self.timeout)
            .await;
        let meaning = match &answer {
            Ok(Answer { status: 404, .. }) => PaymentAnswer::NotPaid,
            Ok(answer) => payment_answer(answer, id),
            Err(_) => PaymentAnswer::Unknown,
        };
        log("payment", &id, &answer, meaning.as_str());
        meaning
    }
}

fn refund_answer(answer: &Answer, id: RefundId) -> RefundAnswer {
    let read = || {
        let fields = readable(answer)?;
        names(&fields, "refund_id", &id.to_string())?;
        Some(match fields.text::<String>("status").ok()?.as_str() {
            "succeeded" => RefundAnswer::Succeeded,
            "rejected" => RefundAnswer::Rejected {
                reason: fields
                    .optional_reason("reason", RejectionReason::truncated)
                    .ok()
                    .flatten(),
            },
            "pending" => RefundAnswer::Pending,
            _ => return None,
        })
    };
    read().unwrap_or(RefundAnswer::Unknown)
}

fn payment_answer(answer: &Answer, id: TransactionId) -> PaymentAnswer {
    let read = || {
        let fields = readable(answer)?;
        names(&fields, "transaction_id", &id.to_string())?;
        Some(match fields.text::<String>("status").ok()?.as_str() {
            "paid" => PaymentAnswer::Paid {
                amount: fields.amount("amount").ok()?,
                details: paid_details(&fields),
            },
            "failed" => PaymentAnswer::Failed {
                reason: fields
                    .optional_reason("reason", FailureReason::truncated)
                    .ok()
                    .flatten(),
            },
            "not_paid" => PaymentAnswer::NotPaid,
            "pending" => PaymentAnswer::Pending,
            _ => return None,
        })
    };
    read().unwrap_or(PaymentAnswer::Unknown)
}

/// The details of a payment that was made. A malformed one is left out, since the money was taken.
fn paid_details(fields: &Fields) -> PaidDetails {
    PaidDetails {
        paid_at: fields.optional_time("paid_at").ok().flatten(),
        banking_method: fields
            .optional_text("partner_banking_method")
            .ok()
            .flatten(),
        core_reference: fields.optional_text("rail_reference").ok().flatten(),
    }
}

fn readable(answer: &Answer) -> Option<Fields> {
    (answer.status == 200).then(|| Fields::read(&answer.body).ok())?
}

/// The answer must name what was asked about, because money moves on it.
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
            let error = signed_http::error_chain(error);
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
    fn only_a_clear_answer_about_this_refund_counts() {
        let rejected = RefundAnswer::Rejected {
            reason: "no".parse().ok(),
        };
        for (status, body, meaning) in [
            (
                200,
                r#"{"refund_id":"ID","status":"succeeded"}"#,
                RefundAnswer::Succeeded,
            ),
            (
                200,
                r#"{"refund_id":"ID","status":"pending"}"#,
                RefundAnswer::Pending,
            ),
            (
                200,
                r#"{"refund_id":"ID","status":"rejected","reason":"no"}"#,
                rejected,
            ),
            (
                200,
                r#"{"refund_id":"ID","status":"rejected","reason":7}"#,
                RefundAnswer::Rejected { reason: None },
            ),
            (
                200,
                r#"{"refund_id":"ID","status":"SUCCEEDED"}"#,
                RefundAnswer::Unknown,
            ),
            (200, r#"{"refund_id":"ID"}"#, RefundAnswer::Unknown),
            (200, r#"{"status":"succeeded"}"#, RefundAnswer::Unknown),
            (
                200,
                r#"{"refund_id":"other","status":"succeeded"}"#,
                RefundAnswer::Unknown,
            ),
            (200, "", RefundAnswer::Unknown),
            (
                201,
                r#"{"refund_id":"ID","status":"succeeded"}"#,
                RefundAnswer::Unknown,
            ),
            (
                400,
                r#"{"refund_id":"ID","status":"rejected"}"#,
                RefundAnswer::Unknown,
            ),
            (
                500,
                r#"{"refund_id":"ID","status":"rejected"}"#,
                RefundAnswer::Unknown,
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
    fn only_a_clear_answer_about_this_payment_counts() {
        for (status, body, meaning) in [
            (
                200,
                r#"{"transaction_id":"ID","status":"not_paid"}"#,
                Some(PaymentAnswer::NotPaid),
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"pending"}"#,
                Some(PaymentAnswer::Pending),
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"failed"}"#,
                Some(PaymentAnswer::Failed { reason: None }),
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"paid","amount":5}"#,
                None,
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"paid"}"#,
                Some(PaymentAnswer::Unknown),
            ),
            (
                200,
                r#"{"transaction_id":"ID","status":"paid","amount":0.5}"#,
                Some(PaymentAnswer::Unknown),
            ),
            (
                200,
                r#"{"transaction_id":"other","status":"not_paid"}"#,
                Some(PaymentAnswer::Unknown),
            ),
            (200, "<html>", Some(PaymentAnswer::Unknown)),
            (
                500,
                r#"{"transaction_id":"ID","status":"not_paid"}"#,
                Some(PaymentAnswer::Unknown),
            ),
        ] {
            let found = payment_answer(
                &answer(status, &body.replace("ID", ID)),
                ID.parse().unwrap(),
            );
            match meaning {
                Some(meaning) => assert_eq!(found, meaning, "{status} {body}"),
                None => {
                    assert!(
                        matches!(found, PaymentAnswer::Paid { amount, .. } if amount.get() == 5)
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(status in any::<u16>(), body in prop::collection::vec(any::<u8>(), 0..200)) {
            let answer = Answer { status, body };
            prop_assert_eq!(refund_answer(&answer, ID.parse().unwrap()), RefundAnswer::Unknown);
            prop_assert_eq!(payment_answer(&answer, ID.parse().unwrap()), PaymentAnswer::Unknown);
        }
    }
}
