//! `tikivip reconciliation` and `tikivip close-finding`: the findings of the reconciliation.

use anyhow::anyhow;
use domain::{Day, OperatorName, OperatorReason, Timestamp, Vnd};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::record::{Closed, Finding, Values};
use serde::Serialize;
use store::{ReconciliationRecords, Record, Versioned, Written, day_partition};

use crate::cli::{Form, OperatorArgs};
use crate::context::CommandContext;
use crate::output::{self, Outcome};

#[derive(Serialize)]
struct List {
    findings: Vec<ShownFinding>,
    /// Whether there may be more than the list shows.
    more: bool,
}

/// A finding, with the id by which a person names it.
#[derive(Serialize)]
struct ShownFinding {
    id: String,
    #[serde(flatten)]
    finding: Finding,
}

impl From<Finding> for ShownFinding {
    fn from(finding: Finding) -> Self {
        let id = finding.subject.to_string();
        Self { id, finding }
    }
}

/// Lists the open findings of one day or of all days, findings that need review first.
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
    for kind in Kind::ALL
        .iter()
        .copied()
        .filter(|kind| *kind != Kind::Matched)
    {
        let wanted = day.map(day_partition);
        // The index holds all days, so for one day all entries are read.
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
            // The index can be outdated, so the finding itself is checked.
            let found = records.get::<Finding>(&partition, &sort).await?;
            let open = found.filter(|found| found.record.is_open());
            list.findings.extend(open.map(|found| found.record.into()));
        }
    }
    output::print(form, &list, table);
    Ok(Outcome::Done)
}

/// Closes a finding that both companies have resolved. Moves no money.
pub(super) async fn close(
    context: &CommandContext,
    form: Form,
    id: &str,
    day: Day,
    operator: &OperatorArgs,
) -> anyhow::Result<Outcome> {
    let by: OperatorName = operator.by.parse().map_err(|e| anyhow!("--by {e}"))?;
    let reason: OperatorReason = operator
        .reason
        .parse()
        .map_err(|e| anyhow!("--reason {e}"))?;
    let records = context.records()?;
    let closed = Closed {
        at: context.clock().now().unix_ms(),
        by: by.to_string(),
        reason: reason.to_string(),
        by_run: false,
    };
    let mut found = find(&records, id, day).await?;
    // The reconciliation may change the finding at the same time.
    for _ in 0..10 {
        let Versioned { record, version } = found;
        if let Some(closed) = &record.closed {
            let refused = format!(
                "{} has closed this finding already: {}",
                closed.by, closed.reason
            );
            return Err(Outcome::Refused(refused).into());
        }
        if record.kind != Kind::NeedsReview {
            let refused = format!(
                "the finding is {}, and only a finding that needs review can be closed",
                record.kind.as_str()
            );
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
                    findings: vec![stored.record.into()],
                    more: false,
                };
                output::print(form, &list, table);
                return Ok(Outcome::Done);
            }
            Written::Conflict(newer) => found = newer,
        }
    }
    Err(anyhow!(
        "the finding changed ten times during this command. Try again."
    ))
}

async fn find(
    records: &ReconciliationRecords,
    id: &str,
    day: Day,
) -> anyhow::Result<Versioned<Finding>> {
    let sort = format!("{}{id}", Finding::PREFIX);
    let found = records.get::<Finding>(&day_partition(day), &sort).await?;
    found.ok_or_else(|| Outcome::NotFound(format!("finding {id} of {day}")).into())
}

fn table(list: &List) -> String {
    if list.findings.is_empty() {
        return "  No open findings.".to_owned();
    }
    let rows = list.findings.iter().map(|ShownFinding { id, finding: f }| {
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
            id.clone(),
            state,
            f.mismatch.as_str().to_owned(),
            values(&f.ours),
            values(&tiki),
            file_result(f),
            since(f),
        ]
    });
    let heading = [
        "Day",
        "Tiki's id",
        "State",
        "Reason",
        "Ours",
        "Tiki's look-up",
        "Tiki's file",
        "Since (GMT+7)",
    ];
    let more = if list.more {
        "\n\n  There are more. Use a higher --limit."
    } else {
        ""
    };
    format!("{}{more}", output::table(heading, rows))
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

fn file_result(f: &Finding) -> String {
    let other_id = f
        .id_in_file
        .as_ref()
        .filter(|_| f.mismatch == MismatchReason::OtherTransactionId);
    let other_id = other_id.map(|id| format!("has {id}")).unwrap_or_default();
    let parts = [f.code.as_str(), f.reason.as_str(), &other_id];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

fn since(f: &Finding) -> String {
    let at = f.history.last().map_or(f.found_at, |step| step.at);
    Timestamp::from_unix_ms(at)
        .map(Timestamp::on_vietnams_clock)
        .unwrap_or_default()
}
