//! What the finance people ask Tiki, and the core's operators, about a day: letters that are ready to send.

use std::fmt::Write as _;

use domain::{LookUpAnswer, Status, Vnd};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::record::{Finding, Subject};
use reconciliation::statement::InStatement;

use crate::day::DayReport;
use crate::phrases::{Phrase, core_label, explain, look_up_label, phrase};
use crate::text::{date, vnd};

/// A letter names at most this many findings; the table has all.
const MAX_LINES: usize = 50;

/// Who gets a letter.
#[derive(Clone, Copy)]
enum Addressee {
    Tiki,
    CoreOperators,
}

impl Addressee {
    fn title(self) -> Phrase {
        match self {
            Self::Tiki => phrase("Thư gửi Tiki", "Letter to Tiki"),
            Self::CoreOperators => phrase(
                "Thư gửi bộ phận vận hành hệ thống lõi",
                "Letter to the core's operators",
            ),
        }
    }

    /// How the letter addresses them.
    fn name(self) -> Phrase {
        match self {
            Self::Tiki => phrase("Quý Công ty", "colleagues at Tiki"),
            Self::CoreOperators => phrase(
                "bộ phận vận hành hệ thống lõi",
                "colleagues who operate the core",
            ),
        }
    }
}

/// A letter in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) to: Phrase,
    pub(crate) vi: String,
    pub(crate) en: String,
}

/// The letters of a day: one to each company that must be asked something.
pub(crate) fn letters(report: &DayReport) -> Vec<Letter> {
    let for_review = report.findings.iter();
    let for_review = for_review.filter(|f| f.is_open() && f.kind.is_for_review());
    let for_review: Vec<&Finding> = for_review.collect();
    let of = |wanted: fn(&Finding) -> bool| {
        let all = for_review.iter().copied();
        all.filter(|finding| wanted(finding)).collect::<Vec<_>>()
    };
    let at_core = of(|finding| finding.subject.is_of_core());
    // Whoever found it: only Tiki can stop the delivery of an order without money.
    let at_tiki =
        of(|finding| !finding.subject.is_of_core() || finding.kind == Kind::OrderWithoutMoney);
    [
        (Addressee::Tiki, at_tiki),
        (Addressee::CoreOperators, at_core),
    ]
    .into_iter()
    .filter(|(_, findings)| !findings.is_empty())
    .map(|(to, findings)| letter(report, to, &findings))
    .collect()
}

/// How much the sides are apart about a finding: the whole amount, if only one has it.
pub(crate) fn difference(finding: &Finding) -> u64 {
    let amount = finding.ours.and_then(|ours| ours.amount);
    let amount = amount.map_or(0, Vnd::get);
    let is_held = finding
        .ours
        .is_some_and(|ours| ours.status == Status::Success);
    let once_more = matches!(
        finding.statement.map(|word| word.has),
        Some(InStatement::Once(_))
    );
    match (&finding.subject, finding.mismatch) {
        // It was booked on an earlier day already: all of it is too much.
        (_, MismatchReason::TakenTwice | MismatchReason::GivenBackTwice) if once_more => {
            theirs(finding)
        }
        (_, MismatchReason::GivenBackThoughRejected) => theirs(finding),
        // Of a refund its own amount counts, whatever became of the payment.
        (Subject::RefundAtCore { .. }, _) => amount.abs_diff(theirs(finding)),
        // Tiki keeps the order, and may not say of how much.
        (_, _) if finding.kind == Kind::OrderWithoutMoney && theirs(finding) == 0 => amount,
        _ if is_held => amount.abs_diff(theirs(finding)),
        _ => theirs(finding),
    }
}

/// The other side's amount: the statement's, else that of Tiki's look-up, else the file's.
fn theirs(finding: &Finding) -> u64 {
    if let Some(word) = finding.statement {
        return match word.has {
            InStatement::Never => 0,
            InStatement::Once(amount) => amount.get(),
            InStatement::Often { total_vnd, .. } => total_vnd,
        };
    }
    let in_file = || {
        let claim = finding.last_word().map(|(_, claim)| &claim.values);
        claim.and_then(|values| values.amount).map_or(0, Vnd::get)
    };
    match finding.tiki {
        Some(LookUpAnswer::Found(Status::Success, Some(amount))) => amount.get(),
        Some(LookUpAnswer::Found(Status::Success, None)) | None => in_file(),
        Some(_) => 0,
    }
}

fn letter(report: &DayReport, to: Addressee, findings: &[&Finding]) -> Letter {
    let name = to.name();
    let day = date(report.day);
    let count = findings.len();
    let items = items(count);
    let mut vi = format!(
        "Kính gửi {},\n\nKhi đối soát Tiki VIP ngày {day}, có {count} khoản cần hai bên làm rõ:\n\n",
        name.vi
    );
    let mut en = format!(
        "Dear {},\n\nIn the reconciliation of Tiki VIP of {day}, {items} to be clarified by both sides:\n\n",
        name.en
    );
    for (number, finding) in (1_usize..).zip(findings.iter().take(MAX_LINES)) {
        let lines = lines(number, finding);
        vi.push_str(&lines.0);
        en.push_str(&lines.1);
    }
    if count > MAX_LINES {
        vi.push_str("(Các khoản còn lại có trong tệp report.xlsx đính kèm.)\n\n");
        en.push_str("(The others are in the file report.xlsx.)\n\n");
    }
    let _ = write!(
        vi,
        "Kính đề nghị {} kiểm tra và phản hồi từng khoản.\n\nTrân trọng,",
        name.vi
    );
    en.push_str("Please check each of them, and reply.\n\nKind regards,");
    Letter {
        to: to.title(),
        vi,
        en,
    }
}

/// How many items there are, as the subject of an English sentence.
fn items(count: usize) -> String {
    match count {
        1 => "1 item is".to_owned(),
        many => format!("{many} items are"),
    }
}

/// The lines of one finding, in both languages.
fn lines(number: usize, finding: &Finding) -> (String, String) {
    let meaning = explain(finding.mismatch).meaning;
    let subject = finding.subject.to_string();
    let id = finding.transaction_id;
    let id = id.map_or_else(|| "—".to_owned(), |id| id.to_string());
    let ours = finding.ours.map_or_else(
        || "—".to_owned(),
        |ours| side(ours.status.as_str(), ours.amount),
    );
    let (theirs_vi, theirs_en) = other_side(finding);
    // What the core has found can be in a letter to Tiki.
    let of_core = finding.statement.is_some() || finding.subject.is_of_core();
    let other = if of_core {
        phrase("hệ thống lõi", "The core")
    } else {
        phrase("Tiki", "Tiki")
    };
    (
        format!(
            "{number}. {subject}\n   Mã giao dịch nội bộ: {id}\n   Phía chúng tôi: {ours}\n   Phía {}: {theirs_vi}\n   {}\n\n",
            other.vi, meaning.vi
        ),
        format!(
            "{number}. {subject}\n   Our id: {id}\n   Ours: {ours}\n   {}: {theirs_en}\n   {}\n\n",
            other.en, meaning.en
        ),
    )
}

fn other_side(finding: &Finding) -> (String, String) {
    if let Some(word) = finding.statement {
        let amount = vnd(theirs(finding));
        let core = finding.core.map(core_label);
        let (vi, en) = core.map_or(("—", "—"), |label| (label.vi, label.en));
        return (
            format!("sao kê {}; trả lời: {vi}", entries(word.has, &amount).vi),
            format!("statement: {}; answer: {en}", entries(word.has, &amount).en),
        );
    }
    if let Some(answer) = finding.tiki {
        let label = look_up_label(answer);
        let amount = match answer {
            LookUpAnswer::Found(_, amount) => amount,
            _ => None,
        };
        return (side(label.vi, amount), side(label.en, amount));
    }
    let claim = finding.last_word().map(|(_, claim)| claim);
    let text = claim.map_or_else(
        || "—".to_owned(),
        |claim| {
            let status = claim.values.status.as_deref().unwrap_or(&claim.reason);
            side(status, claim.values.amount)
        },
    );
    (text.clone(), text)
}

struct Entries {
    vi: String,
    en: String,
}

fn entries(has: InStatement, amount: &str) -> Entries {
    match has {
        InStatement::Never => Entries {
            vi: "không có".to_owned(),
            en: "nothing".to_owned(),
        },
        InStatement::Once(_) => Entries {
            vi: format!("ghi {amount}"),
            en: format!("one entry, {amount}"),
        },
        InStatement::Often { times, .. } => Entries {
            vi: format!("ghi {times} lần, tổng {amount}"),
            en: format!("{times} entries, {amount} in all"),
        },
    }
}

fn side(status: &str, amount: Option<Vnd>) -> String {
    match amount {
        Some(amount) => format!("{status}, {}", vnd(amount.get())),
        None => status.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_is_and_two_items_are() {
        assert_eq!(
            [1, 2, 51].map(items),
            ["1 item is", "2 items are", "51 items are"]
        );
    }
}
