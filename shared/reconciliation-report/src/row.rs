//! A finding as a row of a table, for a spreadsheet.

use domain::{LookUpAnswer, Vnd};
use reconciliation::record::Finding;
use reconciliation::statement::InStatement;

use crate::commands::commands_for;
use crate::phrases::{CLOSED, Phrase, core_label, explain, kind_label, look_up_label};
use crate::text::{date, vietnam_time};

/// The headings, Vietnamese first.
pub(crate) const HEADER: [&str; 23] = [
    "Ngày / Day",
    "Mã Tiki / Tiki's id",
    "Mã giao dịch nội bộ / Our id",
    "Tình trạng / State",
    "Nội dung / Finding",
    "Đề xuất / Proposal",
    "Trạng thái phía chúng tôi / Our status",
    "Số tiền phía chúng tôi / Our amount",
    "Tiki trả lời / Look-up at Tiki",
    "Số tiền Tiki trả lời / Tiki's amount",
    "Trạng thái trong tệp / Status in the file",
    "Số tiền trong tệp / Amount in the file",
    "Sao kê hệ thống lõi / Core's statement",
    "Hệ thống lõi trả lời / Core's answer",
    "Mã kết quả / Code",
    "Lý do / Reason",
    "Tệp / File",
    "Dòng / Line",
    "Phát hiện lúc / Found at",
    "Lịch sử / History",
    "Người đóng / Closed by",
    "Đóng lúc / Closed at",
    "Lý do đóng / Reason for closing",
];

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Also an id that looks like a number.
    Text(String),
    /// An amount in VND, or a number of a line.
    Number(u64),
    Empty,
}

/// The cells of a finding, under [`HEADER`].
pub(crate) fn of(finding: &Finding) -> [Cell; 23] {
    let closed = finding.closed.as_ref();
    let state = closed.map_or(kind_label(finding.kind), |_| CLOSED);
    let ours = finding.ours;
    let amount_at_tiki = match finding.tiki {
        Some(LookUpAnswer::Found(_, amount)) => amount,
        _ => None,
    };
    let (file, claim) = finding.last_word().unzip();
    [
        text(date(finding.day)),
        text(finding.subject.to_string()),
        maybe(finding.transaction_id),
        text(both(state)),
        text(explain(finding.mismatch).meaning.vi),
        text(proposal(finding)),
        maybe(ours.map(|ours| ours.status)),
        amount(ours.and_then(|ours| ours.amount)),
        maybe(finding.tiki.map(|answer| both(look_up_label(answer)))),
        amount(amount_at_tiki),
        maybe(claim.and_then(|claim| claim.values.status.as_ref())),
        amount(claim.and_then(|claim| claim.values.amount)),
        maybe(finding.statement.map(|word| in_statement(word.has))),
        maybe(finding.core.map(|word| both(core_label(word)))),
        maybe(claim.map(|claim| &claim.code)),
        maybe(claim.map(|claim| &claim.reason)),
        maybe(file),
        claim.map_or(Cell::Empty, |claim| Cell::Number(claim.line)),
        text(vietnam_time(finding.found_at)),
        text(history(finding)),
        maybe(closed.map(|closed| closed.by.name())),
        maybe(closed.map(|closed| vietnam_time(closed.at))),
        maybe(closed.map(|closed| closed.by.reason())),
    ]
}

fn text(text: impl Into<String>) -> Cell {
    let text = text.into();
    if text.is_empty() {
        Cell::Empty
    } else {
        Cell::Text(text)
    }
}

fn maybe(value: Option<impl ToString>) -> Cell {
    value.map_or(Cell::Empty, |value| text(value.to_string()))
}

fn amount(vnd: Option<Vnd>) -> Cell {
    vnd.map_or(Cell::Empty, |vnd| Cell::Number(vnd.get()))
}

/// The entries of the core's statement: their number, and their sum if there are any.
fn in_statement(has: InStatement) -> String {
    match has {
        InStatement::Never => "0".to_owned(),
        InStatement::Once(amount) => format!("1: {}", amount.get()),
        InStatement::Often { times, total_vnd } => format!("{times}: {total_vnd}"),
    }
}

fn both(Phrase { vi, en }: Phrase) -> String {
    format!("{vi} / {en}")
}

/// What to do, and the commands for it; empty if a person closed the finding.
fn proposal(finding: &Finding) -> String {
    if finding.closed.is_some() {
        return String::new();
    }
    let proposal = explain(finding.mismatch).proposal.vi.to_owned();
    let commands = commands_for(finding);
    if commands.is_empty() {
        proposal
    } else {
        format!("{proposal} | {}", commands.join(" | "))
    }
}

fn history(finding: &Finding) -> String {
    let steps = finding.history.iter().map(|step| {
        let (kind, meaning) = (kind_label(step.kind), explain(step.mismatch).meaning);
        format!("{} {}: {}", vietnam_time(step.at), kind.vi, meaning.vi)
    });
    steps.collect::<Vec<_>>().join(" | ")
}
