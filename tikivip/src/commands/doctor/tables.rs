//! The tables: can this role read what the commands read?

use domain::{ReviewReason, Timestamp, TransactionId, WebviewRequestId};
use lambda::config::TableName;
use reconciliation::classify::Kind;
use reconciliation::record::Finding;
use store::{Key, SessionStore, StoreError};

use super::UNKNOWN_ID;
use super::findings::Findings;
use crate::context::CommandContext;

const ADVICE: &str = "check the name, the region and the account, and whether this role may read it (output OperatorPolicyArn)";

/// Reads from each table and from its indexes. A name that is not set is a finding about the configuration.
pub(super) async fn check(context: &CommandContext, findings: &mut Findings) {
    if let Ok(transactions) = context.transactions() {
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
    }
    if let Ok(table) = context.aws().env.load(TableName::sessions)
        && let Some(session) = WebviewRequestId::truncated(UNKNOWN_ID)
    {
        let sessions = context.aws().sessions(&table);
        let read = sessions.result_url(&session, Timestamp::MAX).await;
        let well = "the table is readable";
        note("table of sessions", well, read.map(drop), findings);
    }
    if let Ok(records) = context.records() {
        let read = async {
            records.get(&Key::began()).await?;
            let for_review = Kind::NeedsReview.as_str();
            let open = records.with_status::<Finding>(for_review, 1);
            open.await.map(drop)
        };
        let read: Result<(), StoreError> = read.await;
        let well = "the table and its index are readable";
        note("table of reconciliation", well, read, findings);
    }
}

fn note(
    what: &'static str,
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
