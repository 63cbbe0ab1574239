//! The HTML page of one day: self-contained, Vietnamese first, readable on a phone and on paper.

mod finding;
mod period;

use std::io;

use askama::Template;
use reconciliation::record::{DayMoney, Sent};

use self::finding::Group;
pub use self::period::period_html;
use crate::day::{DayReport, MAX_FINDINGS_ON_PAGE};
use crate::letter::{Letter, letters};
use crate::phrases::{Phrase, doubt_label};
use crate::verdict::{self, Verdict};

/// Renders the page of one day. The templates escape all text from outside.
pub fn page_html(report: &DayReport) -> io::Result<String> {
    let shown = report.findings.len().min(MAX_FINDINGS_ON_PAGE);
    let summary = report.summary();
    let page = Page {
        report,
        verdicts: verdict::of_day(&summary),
        money: summary.money,
        letters: letters(report),
        differences: report.differences_vnd,
        open: report.open(),
        groups: Group::all(report),
        shown: u64::try_from(shown).unwrap_or(u64::MAX),
        all: report.all(),
    };
    Ok(page.render()?)
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'r> {
    report: &'r DayReport,
    verdicts: Vec<Verdict>,
    money: Option<DayMoney>,
    letters: Vec<Letter>,
    /// How much the sides are apart in the open findings, in VND.
    differences: u64,
    /// The number of open findings.
    open: u64,
    /// The groups that have findings, the most urgent first.
    groups: Vec<Group<'r>>,
    /// The number of findings on the page.
    shown: u64,
    all: u64,
}

impl Page<'_> {
    /// What could not be verified at the delivery of a file.
    #[expect(clippy::unused_self, reason = "a template calls methods of its page")]
    fn doubts(&self, sent: &Sent) -> Vec<Phrase> {
        sent.doubts.iter().copied().map(doubt_label).collect()
    }
}

/// How the templates print values. What a filter returns is escaped like any other text.
#[expect(
    unreachable_pub,
    clippy::inline_always,
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "`filter_fn` prescribes these signatures, and makes items of its own"
)]
mod filters {
    use std::convert::Infallible;

    use askama::{Values, filter_fn};
    use domain::{Day, Timestamp};

    use crate::text;

    /// Text from outside. The template escapes its markup; this shows characters that could hide or reorder
    /// the text around them.
    #[filter_fn]
    pub(super) fn visible(text: &str, _: &dyn Values) -> Result<String, Infallible> {
        Ok(text::visible(text))
    }

    /// The same of a text with lines of its own.
    #[filter_fn]
    pub(super) fn visible_lines(text: &str, _: &dyn Values) -> Result<String, Infallible> {
        let lines: Vec<String> = text.split('\n').map(text::visible).collect();
        Ok(lines.join("\n"))
    }

    #[filter_fn]
    pub(super) fn grouped(number: &u64, _: &dyn Values) -> Result<String, Infallible> {
        Ok(text::grouped(*number))
    }

    /// An amount that may be below zero.
    #[filter_fn]
    pub(super) fn signed_vnd(amount: &i128, _: &dyn Values) -> Result<String, Infallible> {
        Ok(text::signed_vnd(*amount))
    }

    #[filter_fn]
    pub(super) fn vnd(amount: &u64, _: &dyn Values) -> Result<String, Infallible> {
        Ok(text::vnd(*amount))
    }

    #[filter_fn]
    pub(super) fn time(at: &Timestamp, _: &dyn Values) -> Result<String, Infallible> {
        Ok(text::vietnam_time(*at))
    }

    #[filter_fn]
    pub(super) fn date(day: &Day, _: &dyn Values) -> Result<String, Infallible> {
        Ok(text::date(*day))
    }
}

#[cfg(test)]
mod tests {
    use askama::Template;
    use proptest::prelude::*;

    use super::filters;

    #[derive(Template)]
    #[template(source = "{{ text|visible }}", ext = "html")]
    struct Visible<'t> {
        text: &'t str,
    }

    proptest! {
        #[test]
        fn text_from_outside_is_never_markup(text in ".*") {
            let shown = Visible { text: &text }.render();
            prop_assert!(shown.is_ok());
            let shown = shown.unwrap_or_default();
            let special = |c: char| "<>\"'".contains(c) || c.is_control();
            prop_assert!(!shown.contains(special), "{}", shown);
            let entities = ["&#38;", "&#60;", "&#62;", "&#34;", "&#39;"];
            let known = shown.match_indices('&').all(|(n, _)| entities.iter().any(|e| shown[n..].starts_with(e)));
            prop_assert!(known, "{}", shown);
        }
    }
}
