//! The tables: can this function read what it shows?

use domain::{ReviewReason, Timestamp, TransactionId, WebviewRequestId};
use operator_api::check::Findings;
use reconciliation::classify::Kind;
use reconciliation::record::Finding;
use store::{Key, SessionStore, StoreError};

use super::UNKNOWN_ID;
use crate::Operator;

const ADVICE: &str = "look at the log of the function operator, and whether the table is there";

/// Reads from each table and from its indexes.
pub(super) async fn check(operator: &Operator, findings: &mut Findings) {
    let transactions = &operator.transactions;
    let read = async {
        transactions
            .load(TransactionId::from_bytes([0; 16]))
            .await?;
        let waiting = transactions.needs_review(ReviewReason::IpnExhausted, 1);
        waiting.await.map(drop)
    };
    let read: Result<(), StoreError> = read.await;
    let well = "the table and its indexes are readable";
    note("table of transactions", well, read, findings);
    if let Some(session) = WebviewRequestId::truncated(UNKNOWN_ID) {
        let read = operator.sessions.result_url(&session, Timestamp::MAX).await;
        let well = "the table is readable";
        note("table of sessions", well, read.map(drop), findings);
    }
    let read = async {
        operator.records.get(&Key::began()).await?;
        let for_review = Kind::NeedsReview.as_str();
        let open = operator.records.with_status::<Finding>(for_review, 1);
        open.await.map(drop)
    };
    let read: Result<(), StoreError> = read.await;
    let well = "the table and its index are readable";
    note("table of reconciliation", well, read, findings);
}

fn note(
    what: &str,
    well: &str,
    read: Result<(), impl Into<anyhow::Error>>,
    findings: &mut Findings,
) {
    match read {
        Ok(()) => findings.good(what, well),
        Err(error) => {
            let text = format!("{:#}", error.into());
            findings.wrong(what, text, ADVICE);
        }
    }
}
