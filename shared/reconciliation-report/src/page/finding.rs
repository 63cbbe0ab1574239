//! The findings on the page, in groups.

use domain::{LookUpAnswer, Status, Timestamp, Vnd};
use reconciliation::classify::Kind;
use reconciliation::record::{Claim, Finding, LastWord};
use reconciliation::statement::InStatement;

use crate::commands::commands_for;
use crate::day::{DayReport, MAX_FINDINGS_ON_PAGE};
use crate::phrases::{
    CLOSED, Explanation, Phrase, core_label, explain, kind_label, look_up_label, look_up_status,
    phrase, statement_label,
};
use crate::text::vnd;

const NO_VALUE: &str = "—";

/// The findings of one kind that are not closed, or all closed findings.
pub(super) struct Group<'r> {
    pub(super) anchor: &'static str,
    /// The CSS class that gives the group its colour.
    pub(super) class: &'static str,
    pub(super) label: Phrase,
    /// The number of findings, also of those that the page does not show.
    pub(super) count: u64,
    pub(super) cards: Vec<Card<'r>>,
}

impl<'r> Group<'r> {
    /// Every group that is not empty: the most urgent kind first, then the matched, and last the closed.
    pub(super) fn all(report: &'r DayReport) -> Vec<Self> {
        let kinds = Kind::ALL.iter().copied().map(|kind| Self {
            anchor: kind.as_str(),
            class: match kind {
                Kind::OrderWithoutMoney | Kind::NeedsReview => "bad",
                Kind::Reverse | Kind::Resent | Kind::Undecided => "wait",
                Kind::Matched => "good",
            },
            label: kind_label(kind),
            count: report.count(kind),
            cards: cards(report, |f| f.closed.is_none() && f.kind == kind),
        });
        let closed = Self {
            anchor: "closed",
            class: "good",
            label: CLOSED,
            count: report.closed,
            cards: cards(report, |f| f.closed.is_some()),
        };
        let groups = kinds.chain([closed]);
        groups.filter(|group| !group.is_empty()).collect()
    }

    fn is_empty(&self) -> bool {
        self.count == 0 && self.cards.is_empty()
    }
}

fn cards(report: &DayReport, belongs: impl Fn(&Finding) -> bool) -> Vec<Card<'_>> {
    let on_page = report.findings.iter().take(MAX_FINDINGS_ON_PAGE);
    let of_group = on_page.filter(|finding| belongs(finding));
    of_group.map(Card::new).collect()
}

/// The values of one side, beside the others'.
pub(super) struct Side {
    pub(super) name: Phrase,
    /// The status and the amount.
    pub(super) cells: [Cell; 2],
}

/// A value of one side.
pub(super) struct Cell {
    /// May come from outside.
    pub(super) text: String,
    pub(super) en: Option<&'static str>,
    /// Whether it is not our value. The page marks it, also for readers who see no colours.
    pub(super) differs: bool,
}

impl Cell {
    fn text(text: Option<&str>, differs: bool) -> Self {
        let text = text.filter(|text| !text.is_empty()).unwrap_or(NO_VALUE);
        Self {
            text: text.to_owned(),
            en: None,
            differs,
        }
    }

    fn phrase(Phrase { vi, en }: Phrase, differs: bool) -> Self {
        Self {
            text: vi.to_owned(),
            en: Some(en),
            differs,
        }
    }
}

/// Our values, and those of the other sides as far as they were heard: the look-up at Tiki, Tiki's file, the core's
/// statement and the core's answer.
fn sides(finding: &Finding) -> Vec<Side> {
    let ours = finding.ours;
    let our_amount = ours.and_then(|ours| ours.amount);
    let amount = |of_side: Option<Vnd>| {
        let both = of_side.zip(our_amount);
        let differs = both.is_some_and(|(theirs, ours)| theirs != ours);
        let text = of_side.map(|amount| vnd(amount.get()));
        Cell::text(text.as_deref(), differs)
    };
    let our_status = ours.map(|ours| ours.status.as_str());
    let differs = |theirs: &str| our_status.is_some_and(|ours| ours != theirs);
    let our_status_cell = match our_status {
        None => Cell::phrase(phrase("không có", "none"), false),
        status => Cell::text(status, false),
    };
    let status_at_tiki = match finding.tiki {
        Some(answer) => {
            let status = look_up_status(answer).map(Status::as_str);
            Cell::phrase(look_up_label(answer), status.is_some_and(differs))
        }
        None => Cell::text(None, false),
    };
    let amount_at_tiki = match finding.tiki {
        Some(LookUpAnswer::Found(_, amount)) => amount,
        _ => None,
    };
    let mut sides = vec![Side {
        name: phrase("Phía chúng tôi", "ours"),
        cells: [our_status_cell, amount(our_amount)],
    }];
    if finding.tiki.is_some() || finding.statement.is_none() {
        sides.push(Side {
            name: phrase("Tra cứu ở Tiki", "look-up"),
            cells: [status_at_tiki, amount(amount_at_tiki)],
        });
    }
    if let Some((_, Claim { values, .. })) = finding.last_word() {
        let status_in_file = values.status.as_deref();
        sides.push(Side {
            name: phrase("Tệp của Tiki", "Tiki's file"),
            cells: [
                Cell::text(status_in_file, status_in_file.is_some_and(differs)),
                amount(values.amount),
            ],
        });
    }
    if let Some(word) = finding.statement {
        let in_statement = match word.has {
            InStatement::Never => Cell::text(None, false),
            InStatement::Once(in_statement) => amount(Some(in_statement)),
            InStatement::Often { times, total_vnd } => {
                Cell::text(Some(&format!("{times} × = {}", vnd(total_vnd))), true)
            }
        };
        sides.push(Side {
            name: phrase("Sao kê của hệ thống lõi", "core's statement"),
            cells: [Cell::phrase(statement_label(word.has), false), in_statement],
        });
    }
    if let Some(word) = finding.core {
        sides.push(Side {
            name: phrase("Hệ thống lõi trả lời", "core's answer"),
            cells: [
                Cell::phrase(core_label(word), false),
                Cell::text(None, false),
            ],
        });
    }
    sides
}

/// Whether it has values to compare: a line that cannot be read has none.
fn is_about_money(finding: &Finding) -> bool {
    finding.subject.tiki_id().is_some() || finding.subject.at_core().is_some()
}

/// A finding, with everything that its part of the page shows.
pub(super) struct Card<'r> {
    pub(super) finding: &'r Finding,
    pub(super) explanation: Explanation,
    pub(super) commands: Vec<String>,
    /// `None` for a line that cannot be read: it has no values to compare.
    pub(super) sides: Option<Vec<Side>>,
    /// The file that was last heard of it, and what it said.
    pub(super) last_word: Option<LastWord<'r>>,
    /// Our id of the transaction in the file, if it is another one.
    pub(super) other_id: Option<&'r str>,
    pub(super) history: Vec<HistoryStep>,
}

/// The state of a finding from a point in time on.
pub(super) struct HistoryStep {
    pub(super) at: Timestamp,
    pub(super) kind: Phrase,
    pub(super) meaning: Phrase,
}

impl<'r> Card<'r> {
    fn new(finding: &'r Finding) -> Self {
        let history = finding.history.iter().map(|step| HistoryStep {
            at: step.at,
            kind: kind_label(step.kind),
            meaning: explain(step.mismatch).meaning,
        });
        Self {
            finding,
            explanation: explain(finding.mismatch),
            commands: commands_for(finding),
            sides: is_about_money(finding).then(|| sides(finding)),
            last_word: finding.last_word(),
            other_id: finding
                .last_word()
                .and_then(|(_, claim)| claim.id.as_deref())
                .filter(|id| id.parse().ok() != finding.transaction_id),
            history: history.collect(),
        }
    }
}
