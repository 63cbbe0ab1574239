//! A check while it runs, and what is reported of it.

use futures::future::BoxFuture;
use tokio::sync::mpsc;

use crate::call::{Journal, short_signature};
use crate::report::{CheckResult, Outcome, Progress};
use crate::verdict::Verdict;

/// What a check is called in a report.
pub(crate) struct CheckHeading {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) title_vi: &'static str,
    pub(crate) cites: String,
}

/// Runs a check to its end, and passes on what the person must know meanwhile.
pub(crate) async fn run_check(
    heading: CheckHeading,
    mut running: BoxFuture<'_, Verdict>,
    journal: &Journal,
    said: &mut mpsc::UnboundedReceiver<String>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> CheckResult {
    let start = journal.len();
    let verdict = loop {
        tokio::select! {
            verdict = &mut running => break verdict,
            Some(text) = said.recv() => progress(Progress::Says(&text)),
        }
    };
    let calls = journal.since(start);
    let result = CheckResult {
        id: heading.id.to_owned(),
        title: heading.title.to_owned(),
        title_vi: heading.title_vi.to_owned(),
        cites: heading.cites,
        outcome: Outcome::from(verdict).visible(),
        calls: calls.iter().map(|call| visible(&call.shown())).collect(),
    };
    progress(Progress::Ended(&result));
    result
}

impl Outcome {
    /// What the other side sent stands in it, and is shown in a terminal and on a page.
    fn visible(self) -> Self {
        match self {
            Self::Passed => Self::Passed,
            Self::Failed { expected, found } => Self::Failed {
                expected: visible(&expected),
                found: visible(&found),
            },
            Self::Skipped { why } => Self::Skipped { why: visible(&why) },
        }
    }
}

/// A link in which the signature is shortened: nobody can use what a report shows.
fn without_signature(text: &str) -> String {
    const NAME: &str = "signature=";
    let mut parts = text.split(NAME);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_hexdigit());
        let (value, rest) = part.split_at(end.unwrap_or(part.len()));
        out.push_str(NAME);
        out.push_str(&short_signature(value));
        out.push_str(rest);
    }
    out
}

/// A text in which nothing moves the cursor, hides or turns the text around it: each such character is written as its
/// number, `\u{1b}`.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::new();
    for c in without_signature(text).chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            _ if c.is_control() || is_invisible(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    out
}

/// Unicode's marks, embeddings, overrides and isolates for the direction, and what has no width.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_the_other_side_acts_on_a_terminal() {
        let title = visible("\u{1b}]0;title\u{7}a\nb\u{202e}c\u{9b}31m");
        assert_eq!(title, r"\u{1b}]0;title\u{7}a b\u{202e}c\u{9b}31m");
        assert_eq!(
            visible("Đơn hàng “100.000 ₫” 😀"),
            "Đơn hàng “100.000 ₫” 😀"
        );
        let link = format!("303 to http://a/pay?signature={}&x=1", "0a".repeat(32));
        assert_eq!(
            visible(&link),
            "303 to http://a/pay?signature=0a0a0a0a…&x=1"
        );
        for c in '\0'..=char::MAX {
            let shown = visible(&c.to_string());
            assert!(!shown.contains(|c: char| c.is_control() || is_invisible(c)));
        }
    }
}
