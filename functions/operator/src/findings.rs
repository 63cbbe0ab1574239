//! The findings of the reconciliation: lists the open ones, and closes one.

use api::{ApiError, Inbound, Reply};
use domain::{Day, Timestamp};
use operator_api::finding::{FindingList, FindingView};
use operator_api::{request, text};
use reconciliation::classify::Kind;
use reconciliation::record::{Closed, ClosedBy, Finding};
use store::{Key, ReconciliationRecords, StoreError, day_partition};

use crate::caller::Caller;
use crate::transactions::{limit, optional_of_query};
use crate::{Operator, answer, trail};

/// Lists the open findings of one day or of all days, findings that need review first.
pub(crate) async fn list(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let limit = limit(request)?;
    let list = match optional_of_query::<Day>(request, "day")? {
        Some(day) => of_day(&operator.records, day, limit).await?,
        None => of_all_days(&operator.records, limit).await?,
    };
    Ok(answer::shown(&list))
}

async fn of_day(
    records: &ReconciliationRecords,
    day: Day,
    limit: u16,
) -> Result<FindingList, StoreError> {
    let mut pages = records.pages::<Finding>(day_partition(day));
    let mut open = Vec::new();
    while let Some(page) = pages.next().await? {
        let page = page.into_iter().map(|known| known.record);
        open.extend(page.filter(Finding::is_open));
    }
    open.sort_by_key(|finding| finding.kind);
    let more = open.len() > usize::from(limit);
    open.truncate(limit.into());
    let findings = open.iter().map(FindingView::from).collect();
    Ok(FindingList { findings, more })
}

async fn of_all_days(
    records: &ReconciliationRecords,
    limit: u16,
) -> Result<FindingList, StoreError> {
    let mut list = FindingList {
        findings: Vec::new(),
        more: false,
    };
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Matched) {
        let asked = limit.saturating_add(1);
        for key in records.with_status::<Finding>(kind.as_str(), asked).await? {
            if list.findings.len() >= usize::from(limit) {
                list.more = true;
                break;
            }
            // The index can be outdated, so the finding itself is checked.
            let found = records.get(&key).await?.map(|found| found.record);
            let open = found.filter(Finding::is_open);
            list.findings.extend(open.iter().map(FindingView::from));
        }
    }
    Ok(list)
}

/// Why a finding is not closed.
enum NotClosed {
    NotFound,
    Refused(String),
    Store(StoreError),
}

impl From<StoreError> for NotClosed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Closes a finding that both companies have resolved. Moves no money.
pub(crate) async fn close(
    operator: &Operator,
    caller: &Caller,
    request: &Inbound,
) -> Result<Reply, ApiError> {
    let asked = request::close_finding(&request.body)?;
    let now = operator.clock.now();
    let key = Key::finding_id(asked.day, &asked.id);
    let closed = operator
        .records
        .update::<Finding, NotClosed>(&key, |known| {
            let finding = known.ok_or(NotClosed::NotFound)?;
            may_close(&finding, asked.since)?;
            Ok(Some(Finding {
                closed: Some(Closed {
                    at: now,
                    by: ClosedBy::Person(caller.name().clone(), asked.reason.clone()),
                }),
                reported: false,
                ..finding
            }))
        })
        .await;
    match closed {
        Ok(closed) => {
            trail::closed_finding(request, asked.day, &asked.id);
            Ok(answer::shown(&FindingList {
                findings: closed.iter().map(FindingView::from).collect(),
                more: false,
            }))
        }
        Err(NotClosed::NotFound) => {
            let what = format!("this finding of {}", asked.day);
            Ok(answer::not_found(&what))
        }
        Err(NotClosed::Refused(why)) => Ok(answer::against_the_rules(&why)),
        Err(NotClosed::Store(error)) => Err(error.into()),
    }
}

/// Whether it is open, for review, and still what the person has seen.
fn may_close(finding: &Finding, seen: Timestamp) -> Result<(), NotClosed> {
    if let Some(Closed { by, .. }) = &finding.closed {
        return Err(NotClosed::Refused(format!(
            "{} has closed this finding already: {}",
            by.name(),
            by.reason()
        )));
    }
    if !finding.kind.is_for_review() {
        return Err(NotClosed::Refused(format!(
            "the finding is {}, and only a finding that needs review can be closed",
            finding.kind.as_str()
        )));
    }
    // To the second, as it is shown.
    if finding.since().to_rfc3339() != seen.to_rfc3339() {
        return Err(NotClosed::Refused(format!(
            "the finding is {} since {}, and not since {}: look at `tikivip reconciliation` again",
            finding.mismatch.as_str(),
            text::clock(finding.since()),
            text::clock(seen)
        )));
    }
    Ok(())
}
