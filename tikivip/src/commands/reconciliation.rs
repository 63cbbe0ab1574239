//! `tikivip reconciliation` and `tikivip close-finding`: the findings of the reconciliation.

use anyhow::anyhow;
use domain::{Day, LookUpAnswer, OperatorName, OperatorReason, Vnd};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::record::{Closed, ClosedBy, Finding};
use reconciliation::statement::InStatement;
use serde::Serialize;
use store::{Key, ReconciliationRecords, day_partition};

use crate::cli::{Form, OperatorArgs};
use crate::context::CommandContext;
use crate::output::{self, Entry, Outcome};
use crate::text;

#[derive(Serialize)]
struct List {
    findings: Vec<ShownFinding>,
    /// Whether there may be more than the list shows.
    more: bool,
}

/// A finding as it is printed.
#[derive(Serialize)]
struct ShownFinding {
    /// The id by which a person names it.
    id: String,
    day: String,
    /// Whether it is open or closed.
    open: bool,
    kind: &'static str,
    mismatch: &'static str,
    /// Our id of the transaction.
    transaction_id: Option<String>,
    ours: Option<ShownValues>,
    /// Tiki's answer to the last look-up.
    tiki: Option<ShownValues>,
    /// What the core's statement has, if it is about that.
    statement: Option<ShownStatement>,
    /// The core's answer, if it was asked.
    core: Option<String>,
    /// The last file that has it, and what that file says.
    file: Option<ShownClaim>,
    found_at: String,
    looked_at: String,
    /// When its state began.
    since: String,
    closed: Option<ShownClosing>,
}

#[derive(Serialize)]
struct ShownValues {
    status: String,
    amount: Option<u64>,
}

#[derive(Serialize)]
struct ShownStatement {
    entries: u32,
    total: u64,
}

impl From<InStatement> for ShownStatement {
    fn from(has: InStatement) -> Self {
        let (entries, total) = match has {
            InStatement::Never => (0, 0),
            InStatement::Once(amount) => (1, amount.get()),
            InStatement::Often { times, total_vnd } => (times, total_vnd),
        };
        Self { entries, total }
    }
}

#[derive(Serialize)]
struct ShownClaim {
    name: String,
    line: u64,
    code: String,
    reason: String,
    status: Option<String>,
    amount: Option<u64>,
    transaction_id: Option<String>,
    /// Whether the file has come again without it.
    withdrawn: bool,
}

#[derive(Serialize)]
struct ShownClosing {
    by: String,
    at: String,
    reason: String,
}

impl From<&Finding> for ShownFinding {
    fn from(finding: &Finding) -> Self {
        let since = finding
            .history
            .last()
            .map_or(finding.found_at, |step| step.at);
        Self {
            id: finding.subject.to_string(),
            day: finding.day.to_string(),
            open: finding.is_open(),
            kind: finding.kind.as_str(),
            mismatch: finding.mismatch.as_str(),
            transaction_id: finding.transaction_id.map(|id| id.to_string()),
            ours: finding.ours.map(|ours| ShownValues {
                status: ours.status.to_string(),
                amount: ours.amount.map(Vnd::get),
            }),
            tiki: finding.tiki.map(|answer| ShownValues {
                status: answer.as_str().to_owned(),
                amount: match answer {
                    LookUpAnswer::Found(_, amount) => amount.map(Vnd::get),
                    _ => None,
                },
            }),
            statement: finding.statement.map(|word| word.has.into()),
            core: finding.core.map(|word| word.to_string()),
            file: finding.last_word().map(|(name, claim)| ShownClaim {
                name: name.to_owned(),
                line: claim.line,
                code: claim.code.clone(),
                reason: claim.reason.clone(),
                status: claim.values.status.clone(),
                amount: claim.values.amount.map(Vnd::get),
                transaction_id: claim.id.clone(),
                withdrawn: claim.withdrawn,
            }),
            found_at: finding.found_at.to_rfc3339(),
            looked_at: finding.looked_at.to_rfc3339(),
            since: since.to_rfc3339(),
            closed: finding.closed.as_ref().map(|closed| ShownClosing {
                by: closed.by.name().to_owned(),
                at: closed.at.to_rfc3339(),
                reason: closed.by.reason().to_owned(),
            }),
        }
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
    if let Some(day) = day {
        let mut open = open_on(&records, day).await?;
        list.more = open.len() > usize::from(limit);
        open.truncate(limit.into());
        list.findings = open.iter().map(ShownFinding::from).collect();
        output::print(form, &list, table);
        return Ok(Outcome::Done);
    }
    for kind in Kind::ALL
        .iter()
        .copied()
        .filter(|kind| *kind != Kind::Matched)
    {
        let asked = limit.saturating_add(1);
        for key in records.with_status::<Finding>(kind.as_str(), asked).await? {
            if list.findings.len() >= usize::from(limit) {
                list.more = true;
                break;
            }
            // The index can be outdated, so the finding itself is checked.
            let found = records.get(&key).await?.map(|found| found.record);
            let open = found.filter(Finding::is_open);
            list.findings.extend(open.iter().map(ShownFinding::from));
        }
    }
    output::print(form, &list, table);
    Ok(Outcome::Done)
}

/// All open findings of a day, those that need review first.
async fn open_on(records: &ReconciliationRecords, day: Day) -> anyhow::Result<Vec<Finding>> {
    let mut pages = records.pages::<Finding>(day_partition(day));
    let mut open = Vec::new();
    while let Some(page) = pages.next().await? {
        let page = page.into_iter().map(|known| known.record);
        open.extend(page.filter(Finding::is_open));
    }
    open.sort_by_key(|finding| finding.kind);
    Ok(open)
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
    let now = context.clock().now();
    let key = Key::finding_id(day, id);
    let closed = records
        .update::<Finding, anyhow::Error>(&key, |known| {
            let not_found = || Outcome::NotFound(format!("finding {id} of {day}"));
            let finding = known.ok_or_else(not_found)?;
            may_close(&finding)?;
            Ok(Some(Finding {
                closed: Some(Closed {
                    at: now,
                    by: ClosedBy::Person(by.clone(), reason.clone()),
                }),
                reported: false,
                ..finding
            }))
        })
        .await?;
    let list = List {
        findings: closed.iter().map(ShownFinding::from).collect(),
        more: false,
    };
    output::print(form, &list, table);
    Ok(Outcome::Done)
}

fn may_close(finding: &Finding) -> Result<(), Outcome> {
    if let Some(Closed { by, .. }) = &finding.closed {
        return Err(Outcome::Refused(format!(
            "{} has closed this finding already: {}",
            by.name(),
            by.reason()
        )));
    }
    if !finding.kind.is_for_review() {
        return Err(Outcome::Refused(format!(
            "the finding is {}, and only a finding that needs review can be closed",
            finding.kind.as_str()
        )));
    }
    Ok(())
}

fn table(list: &List) -> String {
    if list.findings.is_empty() {
        return "  No open findings.".to_owned();
    }
    let entries = list.findings.iter().map(ShownFinding::entry);
    output::list(entries, list.more)
}

impl ShownFinding {
    /// The id and the state of a finding; then why, and what each side says.
    fn entry(&self) -> Entry {
        let state = match &self.closed {
            Some(closed) => format!("closed by {}", closed.by),
            None => self.kind.to_owned(),
        };
        let since = text::clock_of(&self.since);
        let mut lines = vec![format!("{}, since {since}", self.mismatch)];
        // The id of a finding about the core's books has ours in it.
        let ours = self.transaction_id.as_ref();
        if let Some(ours) = ours.filter(|ours| !self.id.contains(ours.as_str())) {
            lines.push(format!("our id {ours}"));
        }
        lines.extend(self.sides());
        if let Some(file) = &self.file {
            lines.push(file.in_words());
            let of_file = file.transaction_id.as_ref();
            let is_other = self.mismatch == MismatchReason::OtherTransactionId.as_str();
            lines.extend(of_file.filter(|_| is_other).map(|id| format!("has {id}")));
        }
        Entry {
            head: format!("{}  {}  {state}", self.id, self.day),
            lines,
        }
    }

    /// What we have, what Tiki answered, and what the core says. Who was not asked is not there; of a line that cannot
    /// be read nobody was.
    fn sides(&self) -> Option<String> {
        if self.ours.is_none() && self.tiki.is_none() && self.statement.is_none() {
            return None;
        }
        let ours = self.ours.as_ref().map_or("nothing".to_owned(), values);
        let tiki = self.tiki.as_ref().map(values);
        let statement = self.statement.as_ref().map(ShownStatement::in_words);
        let sides = [
            ("ours", Some(ours)),
            ("Tiki", tiki),
            ("statement", statement),
            ("core", self.core.clone()),
        ];
        let said = sides.into_iter();
        let said = said.filter_map(|(who, says)| Some(format!("{who}: {}", says?)));
        Some(said.collect::<Vec<_>>().join(" → "))
    }
}

impl ShownClaim {
    fn in_words(&self) -> String {
        let withdrawn = self.withdrawn.then(|| "not any more".to_owned());
        let said = [
            self.status.clone(),
            self.amount.map(grouped),
            Some(self.code.clone()),
            Some(self.reason.clone()),
            withdrawn,
        ];
        let said = said.into_iter().flatten();
        let said: Vec<String> = said.filter(|part| !part.is_empty()).collect();
        format!("{}, line {}: {}", self.name, self.line, said.join(", "))
    }
}

impl ShownStatement {
    fn in_words(&self) -> String {
        let total = grouped(self.total);
        match self.entries {
            0 => "nothing".to_owned(),
            1 => format!("1 entry of {total}"),
            many => format!("{many} entries, {total} in all"),
        }
    }
}

fn values(values: &ShownValues) -> String {
    match values.amount {
        Some(amount) => format!("{}, {}", values.status, grouped(amount)),
        None => values.status.clone(),
    }
}

/// An amount, or a sum that is larger than any amount.
fn grouped(vnd: u64) -> String {
    Vnd::new(vnd).map_or_else(|_| format!("{vnd} ₫"), Vnd::grouped)
}
