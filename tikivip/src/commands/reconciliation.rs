//! `tikivip reconciliation` and `tikivip close-finding`: what the two sides' books do not agree in.

use anyhow::anyhow;
use domain::{Day, OperatorName, Reason, Timestamp, Vnd};
use reconciliation::classify::Kind;
use reconciliation::record::{Closed, Finding, Values};
use serde::Serialize;
use store::{ReconciliationRecords, Record, Versioned, Written, day_partition};

use crate::cli::{Form, Word};
use crate::context::CommandContext;
use crate::output::{self, Outcome};

#[derive(Serialize)]
struct List {
    findings: Vec<Finding>,
    /// Whether there may be more than are listed.
    more: bool,
}

/// Lists what is open, of one day or of all, what needs a person first.
pub(super) async fn list(
    context: &CommandContext,
    form: Form,
    day: Option<Day>,
    limit: u16,
) -> anyhow::Result<Outcome> {
    let records = context.records()?;
    let mut list = List {
        findings: Vec::new(),
        more: false,
    };
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Matched) {
        let wanted = day.map(day_partition);
        // Of one day the others are passed over, so all are asked for.
        let asked = if day.is_some() {
            u16::MAX
        } else {
            limit.saturating_add(1)
        };
        for (partition, sort) in records.with_status(kind.as_str(), asked).await? {
            if wanted.as_ref().is_some_and(|wanted| *wanted != partition) {
                continue;
            }
            if list.findings.len() >= usize::from(limit) {
                list.more = true;
                break;
            }
            // The index lags behind; what it names is looked at again.
            let found = records.get::<Finding>(&partition, &sort).await?;
            let open = found.filter(|found| found.record.is_open());
            list.findings.extend(open.map(|found| found.record));
        }
    }
    output::print(form, &list, table);
    Ok(Outcome::Done)
}

/// Closes a finding that the two companies have settled between them. No money moves by it.
pub(super) async fn settle(
    context: &CommandContext,
    form: Form,
    id: &str,
    day: Day,
    word: &Word,
) -> anyhow::Result<Outcome> {
    let by: OperatorName = word.by.parse().map_err(|e| anyhow!("--by {e}"))?;
    let reason: Reason = word.reason.parse().map_err(|e| anyhow!("--reason {e}"))?;
    let records = context.records()?;
    let closed = Closed {
        at: context.clock().now().unix_ms(),
        by: by.to_string(),
        reason: reason.to_string(),
    };
    let mut found = find(&records, id, day).await?;
    // Reconciliation may look at it at the same moment.
    for _ in 0..10 {
        let Versioned { record, version } = found;
        if let Some(closed) = &record.closed {
            let refused = format!("{} has closed it: {}", closed.by, closed.reason);
            return Err(Outcome::Refused(refused).into());
        }
        if record.kind != Kind::NeedsReview {
            let refused = format!("it is {}: it needs no person", record.kind.as_str());
            return Err(Outcome::Refused(refused).into());
        }
        let closing = Finding {
            closed: Some(closed.clone()),
            reported: false,
            ..record
        };
        match records.put(closing, Some(version)).await? {
            Written::Stored(stored) => {
                let list = List {
                    findings: vec![stored.record],
                    more: false,
                };
                output::print(form, &list, table);
                return Ok(Outcome::Done);
            }
            Written::Refused(newer) => found = newer,
        }
    }
    Err(anyhow!("the finding is being changed by others"))
}

async fn find(
    records: &ReconciliationRecords,
    id: &str,
    day: Day,
) -> anyhow::Result<Versioned<Finding>> {
    let sort = format!("{}{id}", Finding::PREFIX);
    let found = records.get::<Finding>(&day_partition(day), &sort).await?;
    found.ok_or_else(|| Outcome::NotFound(format!("{id} on {day}")).into())
}

fn table(list: &List) -> String {
    if list.findings.is_empty() {
        return "  The books agree.".to_owned();
    }
    let rows = list.findings.iter().map(|f| {
        let tiki = Values {
            status: Some(f.tiki.clone()),
            amount_vnd: f.tiki_amount_vnd,
        };
        let state = match &f.closed {
            Some(closed) => format!("closed by {}", closed.by),
            None => f.kind.as_str().to_owned(),
        };
        [
            f.day.clone(),
            f.id.clone(),
            state,
            f.ground.as_str().to_owned(),
            values(&f.ours),
            values(&tiki),
            said(f),
            since(f),
        ]
    });
    let headline = [
        "Day",
        "Tiki's id",
        "Stands",
        "Because",
        "Ours",
        "Tiki, asked",
        "Tiki's file",
        "Since (GMT+7)",
    ];
    let more = if list.more {
        "\n\n  There are more: --limit shows them."
    } else {
        ""
    };
    format!("{}{more}", output::table(headline, rows))
}

fn values(values: &Values) -> String {
    let amount = values.amount_vnd.and_then(|vnd| Vnd::new(vnd).ok());
    let amount = amount.map(Vnd::grouped);
    let parts = [
        values.status.clone().filter(|status| !status.is_empty()),
        amount,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}

fn said(f: &Finding) -> String {
    let parts = [f.code.as_str(), f.reason.as_str()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

fn since(f: &Finding) -> String {
    let at = f.history.last().map_or(f.found_at, |step| step.at);
    Timestamp::from_unix_ms(at)
        .map(Timestamp::on_vietnams_clock)
        .unwrap_or_default()
}
