//! The core over HTTP. Every answer that is not clear, and none in time, is *unknown*: it never means no
//! (docs/core.md).

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    BankingMethod, CoreReference, FailureReason, PaidDetails, PaymentAnswer, Refund, RefundAnswer,
    RejectionReason, Transaction, TransactionId,
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

    pub(crate) fn client(&self) -> &SignedClient {
        &self.client
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
            refunded_so_far: u64,
            reason: &'r str,
        }
        let refund_id = refund.id.to_string();
        let body = Body {
            refund_id: &refund_id,
            transaction_id: transaction.id().to_string(),
            tiki_transaction_id: transaction.tiki_id().as_str(),
            amount: refund.amount.get(),
            refunded_so_far: transaction.refunded_without(refund.id).get(),
            reason: refund.reason.as_str(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let key = Some(("Idempotency-Key", refund_id));
        let read = |answer: &Answer| refund_answer(answer, refund);
        let readable = |answer: &Answer| read(answer).is_clear();
        let answer = self
            .client
            .post("/refunds", body, key, within, readable)
            .await;
        let meaning = heard("refund", &refund.id, &answer, read, RefundAnswer::as_str);
        meaning.clear().unwrap_or(RefundAnswer::Unknown)
    }

    async fn find_refund(&self, refund: &Refund) -> FoundRefund {
        let relative = format!("/refunds/{}", refund.id);
        let read = |answer: &Answer| found_refund(answer, refund);
        let readable = |answer: &Answer| read(answer).is_clear();
        let answer = self.client.get(&relative, self.timeout, readable).await;
        let word = |found: &FoundRefund| match found {
            FoundRefund::Known(answer) => answer.as_str(),
            FoundRefund::NeverSeen => NEVER_SEEN,
        };
        let meaning = heard("find_refund", &refund.id, &answer, read, word);
        let unknown = FoundRefund::Known(RefundAnswer::Unknown);
        meaning.clear().unwrap_or(unknown)
    }

    async fn payment(&self, id: TransactionId) -> PaymentAnswer {
        let relative = format!("/payments/{id}");
        let read = |answer: &Answer| payment_answer(answer, id);
        let readable = |answer: &Answer| read(answer).is_clear();
        let answer = self.client.get(&relative, self.timeout, readable).await;
        let meaning = heard("payment", &id, &answer, read, PaymentAnswer::as_str);
        if let (Ok(answer), Reading::Clear(PaymentAnswer::Paid { .. })) = (&answer, &meaning) {
            warn_of_left_out_details(answer, id);
        }
        match meaning {
            Reading::Clear(meaning) => meaning,
            Reading::Mismatched | Reading::Unreadable => PaymentAnswer::Unreadable,
            Reading::Error | Reading::Silent => PaymentAnswer::Unknown,
        }
    }
}

/// What an answer of the core says. Only a clear one has a meaning; everything else is *unknown*, and is asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reading<T> {
    /// It names what was asked about, and says something that we know.
    Clear(T),
    /// It can be read, and it is not about what was asked: it names another refund, another amount, another payment,
    /// or none. Such a core mixes its answers up, so a person must see it.
    Mismatched,
    /// It is not JSON, or has a word that we do not know.
    Unreadable,
    /// An HTTP error.
    Error,
    /// There was no answer.
    Silent,
}

impl<T> Reading<T> {
    fn map<U>(self, of: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Clear(meaning) => Reading::Clear(of(meaning)),
            Self::Mismatched => Reading::Mismatched,
            Self::Unreadable => Reading::Unreadable,
            Self::Error => Reading::Error,
            Self::Silent => Reading::Silent,
        }
    }

    /// A clear answer, if it is about what was asked.
    fn about(asked: bool, meaning: T) -> Self {
        if asked {
            Self::Clear(meaning)
        } else {
            Self::Mismatched
        }
    }

    fn is_clear(&self) -> bool {
        matches!(self, Self::Clear(_))
    }

    fn clear(self) -> Option<T> {
        match self {
            Self::Clear(meaning) => Some(meaning),
            Self::Mismatched | Self::Unreadable | Self::Error | Self::Silent => None,
        }
    }
}

/// The word for "never seen" under HTTP 404. A bare 404 can come from a proxy that does not reach the core.
const NEVER_SEEN: &str = "never_seen";

fn refund_answer(answer: &Answer, refund: &Refund) -> Reading<RefundAnswer> {
    if answer.status != 200 {
        return Reading::Error;
    }
    let Some(fields) = fields(answer) else {
        return Reading::Unreadable;
    };
    let meaning = match status(&fields).as_deref() {
        Some("succeeded") => RefundAnswer::Succeeded,
        Some("rejected") => RefundAnswer::Rejected {
            reason: fields
                .optional_reason("reason", RejectionReason::truncated)
                .ok()
                .flatten(),
        },
        Some("pending") => RefundAnswer::Pending,
        _ => return Reading::Unreadable,
    };
    let asked = names(&fields, "refund_id", &refund.id.to_string())
        && fields.amount("amount") == Ok(refund.amount);
    Reading::about(asked, meaning)
}

fn found_refund(answer: &Answer, refund: &Refund) -> Reading<FoundRefund> {
    if answer.status == 404 {
        return never_seen(
            answer,
            "refund_id",
            &refund.id.to_string(),
            FoundRefund::NeverSeen,
        );
    }
    refund_answer(answer, refund).map(FoundRefund::Known)
}

fn payment_answer(answer: &Answer, id: TransactionId) -> Reading<PaymentAnswer> {
    let id = id.to_string();
    match answer.status {
        200 => {}
        404 => return never_seen(answer, "transaction_id", &id, PaymentAnswer::NotPaid),
        _ => return Reading::Error,
    }
    let Some(fields) = fields(answer) else {
        return Reading::Unreadable;
    };
    let meaning = match status(&fields).as_deref() {
        Some("paid") => match fields.amount("amount") {
            Ok(amount) => PaymentAnswer::Paid {
                amount,
                details: paid_details(&fields),
            },
            Err(_) => return Reading::Unreadable,
        },
        Some("failed") => PaymentAnswer::Failed {
            reason: fields
                .optional_reason("reason", FailureReason::truncated)
                .ok()
                .flatten(),
        },
        Some("not_paid") => PaymentAnswer::NotPaid,
        Some("pending") => PaymentAnswer::Pending,
        _ => return Reading::Unreadable,
    };
    Reading::about(names(&fields, "transaction_id", &id), meaning)
}

/// A 404 counts only if the core itself says with it that it has never seen this id.
fn never_seen<T>(answer: &Answer, field: &'static str, id: &str, meaning: T) -> Reading<T> {
    let Some(fields) = fields(answer) else {
        return Reading::Unreadable;
    };
    match status(&fields).as_deref() {
        Some(NEVER_SEEN) => Reading::about(names(&fields, field, id), meaning),
        _ => Reading::Unreadable,
    }
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

/// Money was taken, so no detail refuses the answer. But the core must correct what we cannot read.
fn warn_of_left_out_details(answer: &Answer, id: TransactionId) {
    let Some(fields) = fields(answer) else {
        return;
    };
    let problems = [
        fields.optional_time("paid_at").err(),
        fields
            .optional_text::<BankingMethod>("partner_banking_method")
            .err(),
        fields
            .optional_text::<CoreReference>("rail_reference")
            .err(),
    ];
    for problem in problems.into_iter().flatten() {
        tracing::warn!(%id, %problem, "the payment is recorded without this field: ask the core to correct it");
    }
}

fn fields(answer: &Answer) -> Option<Fields> {
    Fields::read(&answer.body).ok()
}

fn status(fields: &Fields) -> Option<String> {
    fields.text("status").ok()
}

/// The answer must name what was asked about, because money moves on it.
fn names(fields: &Fields, field: &'static str, id: &str) -> bool {
    let named: Result<String, _> = fields.text(field);
    named.is_ok_and(|named| named.eq_ignore_ascii_case(id))
}

/// Reads an answer, logs it by its word, and counts what a person must see.
fn heard<T>(
    call: &'static str,
    id: &dyn std::fmt::Display,
    answer: &Result<Answer, CallError>,
    read: impl FnOnce(&Answer) -> Reading<T>,
    word: impl FnOnce(&T) -> &'static str,
) -> Reading<T> {
    let id = id.to_string();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let error = signed_http::error_chain(error);
            tracing::warn!(call, id, error, "the core did not answer");
            return Reading::Silent;
        }
    };
    let http_status = answer.status;
    let reading = read(answer);
    match &reading {
        Reading::Clear(meaning) => {
            let meaning = word(meaning);
            tracing::info!(call, id, http_status, meaning, "the core answered");
        }
        Reading::Mismatched => {
            metrics::CORE_ANSWERS_MISMATCHED.count(&[]);
            tracing::warn!(
                call,
                id,
                http_status,
                "the core's answer does not name what was asked, or names another amount: it counts as unknown"
            );
        }
        Reading::Unreadable => {
            metrics::CORE_ANSWERS_UNREADABLE.count(&[]);
            tracing::warn!(
                call,
                id,
                http_status,
                "the core's answer cannot be read: it counts as unknown"
            );
        }
        Reading::Error | Reading::Silent => {
            tracing::warn!(call, id, http_status, "the core answered with an error");
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Balance, Origin, RefundState, Timestamp, Vnd};
    use proptest::prelude::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
        }
    }

    const ID: &str = "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";

    fn refund() -> Refund {
        let zero = Balance {
            refunded: Vnd::ZERO,
            remaining: Vnd::ZERO,
        };
        Refund {
            id: ID.parse().unwrap(),
            origin: Origin::Reversal,
            amount: Vnd::new(40_000).unwrap(),
            reason: "reversal".parse().unwrap(),
            created_at: Timestamp::MIN,
            state: RefundState::Succeeded {
                at: Timestamp::MIN,
                balance: zero,
            },
        }
    }

    #[test]
    fn only_a_clear_answer_about_this_refund_counts() {
        use Reading::{Clear, Error, Unreadable};
        let rejected = |reason: &str| {
            let reason = reason.parse().ok();
            Clear(RefundAnswer::Rejected { reason })
        };
        let this = |rest: &str| format!(r#"{{"refund_id":"{ID}","amount":40000,{rest}}}"#);
        for (status, body, reading) in [
            (
                200,
                this(r#""status":"succeeded""#),
                Clear(RefundAnswer::Succeeded),
            ),
            (
                200,
                this(r#""status":"pending""#),
                Clear(RefundAnswer::Pending),
            ),
            (
                200,
                this(r#""status":"rejected","reason":"no""#),
                rejected("no"),
            ),
            (200, this(r#""status":"rejected","reason":7"#), rejected("")),
            (
                200,
                this(r#""status":"rejected","reason":"""#),
                rejected(""),
            ),
            (200, this(r#""status":"SUCCEEDED""#), Unreadable),
            (200, this(r#""status":"never_seen""#), Unreadable),
            (200, this(r#""other":1"#), Unreadable),
            (200, String::new(), Unreadable),
            (200, "<html>".to_owned(), Unreadable),
            (201, this(r#""status":"succeeded""#), Error),
            (400, this(r#""status":"rejected""#), Error),
            (404, this(r#""status":"rejected""#), Error),
            (500, this(r#""status":"rejected""#), Error),
        ] {
            assert_eq!(
                refund_answer(&answer(status, &body), &refund()),
                reading,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_refunds_answer_names_its_id_and_its_amount() {
        for status in ["succeeded", "rejected", "pending"] {
            for named in [
                r#""refund_id":"ID""#,
                r#""amount":40000"#,
                r#""refund_id":"ID","amount":null"#,
                r#""refund_id":"","amount":40000"#,
                r#""refund_id":"other","amount":40000"#,
                r#""refund_id":"ID","amount":1"#,
                r#""refund_id":"ID","amount":40001"#,
                r#""refund_id":"ID","amount":"40.000""#,
                r#""refund_id":"ID","amount":-40000"#,
            ] {
                let named = named.replace("ID", ID);
                let body = format!(r#"{{{named},"status":"{status}"}}"#);
                assert_eq!(
                    refund_answer(&answer(200, &body), &refund()),
                    Reading::Mismatched,
                    "{body}"
                );
            }
            let text = format!(
                r#"{{"refund_id":"{}","amount":"40000","status":"{status}"}}"#,
                ID.to_uppercase()
            );
            assert!(
                refund_answer(&answer(200, &text), &refund()).is_clear(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_404_counts_only_if_the_core_names_what_it_never_saw() {
        use Reading::{Clear, Mismatched, Unreadable};
        let other = "5a9db0c5-0000-4000-8000-7469746b6976";
        for (id, status, refund_reading, payment_reading) in [
            (
                ID,
                "never_seen",
                Clear(FoundRefund::NeverSeen),
                Clear(PaymentAnswer::NotPaid),
            ),
            (other, "never_seen", Mismatched, Mismatched),
            ("", "never_seen", Mismatched, Mismatched),
            (ID, "not_paid", Unreadable, Unreadable),
            (ID, "not found", Unreadable, Unreadable),
        ] {
            let body = |field| format!(r#"{{"{field}":"{id}","status":"{status}"}}"#);
            let found = found_refund(&answer(404, &body("refund_id")), &refund());
            assert_eq!(found, refund_reading, "{id} {status}");
            let found = payment_answer(&answer(404, &body("transaction_id")), ID.parse().unwrap());
            assert_eq!(found, payment_reading, "{id} {status}");
        }
        for proxy in [
            "",
            "not found",
            "<html>404</html>",
            "{}",
            r#"{"message":"no route"}"#,
        ] {
            let found = found_refund(&answer(404, proxy), &refund());
            assert_eq!(found, Unreadable, "{proxy}");
            let found = payment_answer(&answer(404, proxy), ID.parse().unwrap());
            assert_eq!(found, Unreadable, "{proxy}");
        }
        // A refund is no payment.
        let body = format!(r#"{{"refund_id":"{ID}","status":"never_seen"}}"#);
        let found = payment_answer(&answer(404, &body), ID.parse().unwrap());
        assert_eq!(found, Mismatched);
    }

    #[test]
    fn only_a_clear_answer_about_this_payment_counts() {
        use Reading::{Clear, Error, Mismatched, Unreadable};
        let paid = |details| PaymentAnswer::Paid {
            amount: Vnd::new(5).unwrap(),
            details,
        };
        let at = Timestamp::parse_rfc3339("2026-11-23T10:00:00+07:00").ok();
        let timed = PaidDetails {
            paid_at: at,
            ..PaidDetails::default()
        };
        let failed = PaymentAnswer::Failed { reason: None };
        for (status, id, rest, reading) in [
            (
                200,
                ID,
                r#""status":"not_paid""#,
                Clear(PaymentAnswer::NotPaid),
            ),
            (
                200,
                ID,
                r#""status":"pending""#,
                Clear(PaymentAnswer::Pending),
            ),
            (200, ID, r#""status":"failed","reason":"""#, Clear(failed)),
            (
                200,
                ID,
                r#""status":"paid","amount":5"#,
                Clear(paid(PaidDetails::default())),
            ),
            (
                200,
                ID,
                r#""status":"paid","amount":5,"paid_at":"2026-11-23T10:00:00+0700""#,
                Clear(paid(timed)),
            ),
            (
                200,
                ID,
                r#""status":"paid","amount":5,"paid_at":7,"rail_reference":7"#,
                Clear(paid(PaidDetails::default())),
            ),
            (200, ID, r#""status":"paid""#, Unreadable),
            (200, ID, r#""status":"paid","amount":0.5"#, Unreadable),
            (200, ID, r#""status":"paid","amount":"5.000""#, Unreadable),
            (200, ID, r#""status":"PAID","amount":5"#, Unreadable),
            (200, ID, r#""status":"expired""#, Unreadable),
            (200, "other", r#""status":"not_paid""#, Mismatched),
            (200, "", r#""status":"paid","amount":5"#, Mismatched),
            (500, ID, r#""status":"not_paid""#, Error),
            (202, ID, r#""status":"pending""#, Error),
        ] {
            let body = format!(r#"{{"transaction_id":"{id}",{rest}}}"#);
            let found = payment_answer(&answer(status, &body), ID.parse().unwrap());
            assert_eq!(found, reading, "{status} {body}");
        }
        for body in ["<html>", "", r#"{"status":"not_paid"}"#] {
            let found = payment_answer(&answer(200, body), ID.parse().unwrap());
            assert!(!found.is_clear(), "{body}");
        }
    }

    /// An operation of docs/openapi-core.yaml, a status, and a good answer.
    const GOOD_ANSWERS: [(&str, u16, &str); 6] = [
        (
            "postRefund",
            200,
            r#"{"refund_id":"ID","amount":40000,"status":"succeeded"}"#,
        ),
        (
            "findRefund",
            200,
            r#"{"refund_id":"ID","amount":40000,"status":"rejected","reason":"no"}"#,
        ),
        (
            "findRefund",
            404,
            r#"{"refund_id":"ID","status":"never_seen"}"#,
        ),
        (
            "findPayment",
            200,
            r#"{"transaction_id":"ID","status":"paid","amount":5}"#,
        ),
        (
            "findPayment",
            200,
            r#"{"transaction_id":"ID","status":"failed","reason":"no"}"#,
        ),
        (
            "findPayment",
            404,
            r#"{"transaction_id":"ID","status":"never_seen"}"#,
        ),
    ];

    /// What docs/openapi-core.yaml allows is read, and nothing else. An answer about something else may be as the document
    /// says; it counts as unknown.
    #[test]
    fn what_is_read_is_what_the_document_has() {
        use openapi::{Answer as Sent, Api, probes};
        let api = Api::parse(include_str!("../../../docs/openapi-core.yaml")).unwrap();
        let payment: TransactionId = ID.parse().unwrap();
        let details = [
            "paid_at",
            "partner_banking_method",
            "rail_reference",
            "reason",
            "amount",
        ];
        let mut differences = Vec::new();
        for (operation, status, good) in GOOD_ANSWERS {
            let described = api.operation(operation).unwrap();
            let good = serde_json::from_str(&good.replace("ID", ID)).unwrap();
            for body in probes::variants(&good, &details) {
                let bytes = body.to_string();
                let answer = answer(status, &bytes);
                let (clear, unreadable) = match operation {
                    "postRefund" => of(&refund_answer(&answer, &refund())),
                    "findRefund" => of(&found_refund(&answer, &refund())),
                    _ => of(&payment_answer(&answer, payment)),
                };
                let sent = Sent {
                    status,
                    headers: &[("content-type".to_owned(), "application/json".to_owned())],
                    body: bytes.as_bytes(),
                };
                // A detail that cannot be read is left out; nobody loses money by it.
                let mut problems = api.answer_problems(described, &sent);
                let detail = |problem: &String| {
                    details
                        .iter()
                        .any(|d| problem.starts_with(&format!("/{d}: ")))
                };
                let only_details = clear && problems.iter().all(detail);
                if only_details {
                    problems.clear();
                }
                if (clear && !problems.is_empty()) || (unreadable && problems.is_empty()) {
                    differences.push(format!(
                        "{operation} {status} {bytes}: clear {clear}, {problems:?}"
                    ));
                }
            }
        }
        assert_eq!(differences, Vec::<String>::new());
    }

    /// Whether it is clear, and whether it cannot be read.
    fn of<T>(reading: &Reading<T>) -> (bool, bool) {
        let unreadable = matches!(reading, Reading::Unreadable | Reading::Error);
        (reading.is_clear(), unreadable)
    }

    proptest! {
        #[test]
        fn no_answer_panics(status in any::<u16>(), body in prop::collection::vec(any::<u8>(), 0..200)) {
            let answer = Answer { status, body };
            prop_assert!(!refund_answer(&answer, &refund()).is_clear());
            prop_assert!(!found_refund(&answer, &refund()).is_clear());
            prop_assert!(!payment_answer(&answer, ID.parse().unwrap()).is_clear());
        }
    }
}
