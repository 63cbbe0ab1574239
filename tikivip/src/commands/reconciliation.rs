//! `tikivip reconciliation` and `tikivip close-finding`: the findings of the reconciliation.

use domain::Day;
use operator_api::finding::{Claim, FindingList, FindingView, StatementView, Values};
use operator_api::request::CloseFindingBody;
use operator_api::text;
use reconciliation::classify::MismatchReason;

use crate::cli::{Form, ReasonArg};
use crate::client::Client;
use crate::output::{self, Entry, Outcome, grouped};

/// Lists the open findings of one day or of all days, findings that need review first.
pub(super) async fn list(
    client: &Client,
    form: Form,
    day: Option<Day>,
    limit: u16,
) -> anyhow::Result<Outcome> {
    let (limit, day) = (limit.to_string(), day.map(|day| day.to_string()));
    let mut query = vec![("limit", limit.as_str())];
    query.extend(day.as_deref().map(|day| ("day", day)));
    let list: FindingList = client.get("findings", &query).await?;
    output::print(form, &list, table);
    Ok(Outcome::Done)
}

/// Closes a finding that both companies have resolved. Moves no money.
pub(super) async fn close(
    client: &Client,
    form: Form,
    (id, day, since): (&str, Day, &str),
    reason: &ReasonArg,
) -> anyhow::Result<Outcome> {
    let body = CloseFindingBody {
        day: day.to_string(),
        id,
        since,
        reason: &reason.reason,
    };
    let list: FindingList = client.post("findings/close", &body).await?;
    output::print(form, &list, table);
    Ok(Outcome::Done)
}

fn table(list: &FindingList) -> String {
    if list.findings.is_empty() {
        return "  No open findings.".to_owned();
    }
    let entries = list.findings.iter().map(entry);
    output::list(entries, list.more)
}

/// The id and the state of a finding; then why, and what each side says.
fn entry(finding: &FindingView) -> Entry {
    let state = match &finding.closed {
        Some(closed) => format!("closed by {}", closed.by),
        None => finding.kind.clone(),
    };
    let since = text::clock_of(&finding.since);
    let mut lines = vec![format!("{}, since {since}", finding.mismatch)];
    // The id of a finding about the core's books has ours in it.
    let ours = finding.transaction_id.as_ref();
    if let Some(ours) = ours.filter(|ours| !finding.id.contains(ours.as_str())) {
        lines.push(format!("our id {ours}"));
    }
    lines.extend(sides(finding));
    if let Some(file) = &finding.file {
        lines.push(of_claim(file));
        let of_file = file.transaction_id.as_ref();
        let is_other = finding.mismatch == MismatchReason::OtherTransactionId.as_str();
        lines.extend(of_file.filter(|_| is_other).map(|id| format!("has {id}")));
    }
    Entry {
        head: format!("{}  {}  {state}", finding.id, finding.day),
        lines,
    }
}

/// What we have, what Tiki answered, and what the core says. Who was not asked is not there; of a line that cannot
/// be read nobody was.
fn sides(finding: &FindingView) -> Option<String> {
    if finding.ours.is_none() && finding.tiki.is_none() && finding.statement.is_none() {
        return None;
    }
    let ours = finding.ours.as_ref().map_or("nothing".to_owned(), values);
    let tiki = finding.tiki.as_ref().map(values);
    let statement = finding.statement.as_ref().map(of_statement);
    let sides = [
        ("ours", Some(ours)),
        ("Tiki", tiki),
        ("statement", statement),
        ("core", finding.core.clone()),
    ];
    let said = sides.into_iter();
    let said = said.filter_map(|(who, says)| Some(format!("{who}: {}", says?)));
    Some(said.collect::<Vec<_>>().join(" → "))
}

fn of_claim(claim: &Claim) -> String {
    let withdrawn = claim.withdrawn.then(|| "not any more".to_owned());
    let said = [
        claim.status.clone(),
        claim.amount.map(grouped),
        Some(claim.code.clone()),
        Some(claim.reason.clone()),
        withdrawn,
    ];
    let said = said.into_iter().flatten();
    let said: Vec<String> = said.filter(|part| !part.is_empty()).collect();
    format!("{}, line {}: {}", claim.name, claim.line, said.join(", "))
}

fn of_statement(statement: &StatementView) -> String {
    let total = grouped(statement.total);
    match statement.entries {
        0 => "nothing".to_owned(),
        1 => format!("1 entry of {total}"),
        many => format!("{many} entries, {total} in all"),
    }
}

fn values(values: &Values) -> String {
    match values.amount {
        Some(amount) => format!("{}, {}", values.status, grouped(amount)),
        None => values.status.clone(),
    }
}
