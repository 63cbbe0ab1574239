//! The report as a text that fits into a terminal of 80 columns.

use super::{CheckResult, Outcome, Report};

const COLUMNS: usize = 80;
/// The width of an id, with the blanks after it.
const ID_WIDTH: usize = 27;

pub(super) fn check(result: &CheckResult) -> String {
    let sign = match result.outcome {
        Outcome::Passed => '✔',
        Outcome::Failed { .. } => '✘',
        Outcome::Skipped { .. } => '–',
    };
    let head = format!("  {sign} {:<ID_WIDTH$}", result.id);
    let mut lines = vec![folded(&head, &" ".repeat(4 + ID_WIDTH), &result.title)];
    let mut detail = |name: &str, text: &str| {
        lines.push(folded(&format!("      {name:<9} "), &" ".repeat(16), text));
    };
    match &result.outcome {
        Outcome::Passed => {}
        Outcome::Skipped { why } => detail("skipped", why),
        Outcome::Failed { expected, found } => {
            detail("expected", expected);
            detail("found", found);
            detail("see", &result.cites);
            for call in &result.calls {
                detail("call", call);
            }
        }
    }
    lines.join("\n")
}

pub(super) fn summary(report: &Report) -> String {
    let (passed, failed, skipped) = report.counts();
    let sum = format!("{passed} passed, {failed} failed, {skipped} skipped.");
    let mut lines = vec![format!("  {sum}")];
    let names = |is: fn(&Outcome) -> bool| {
        let results = report.results.iter();
        let named = results.filter(|result| is(&result.outcome));
        named.map(|result| result.id.as_str()).collect::<Vec<_>>()
    };
    let failed = names(|outcome| matches!(outcome, Outcome::Failed { .. }));
    let skipped = names(|outcome| matches!(outcome, Outcome::Skipped { .. }));
    for (name, ids) in [("failed", failed), ("skipped", skipped)] {
        if !ids.is_empty() {
            let indent = " ".repeat(11);
            lines.push(folded(&format!("  {name:<8} "), &indent, &ids.join(" ")));
        }
    }
    lines.join("\n")
}

pub(super) fn whole(report: &Report) -> String {
    let Report {
        kit,
        target,
        started_at,
        finished_at,
        results,
    } = report;
    let checks: Vec<String> = results.iter().map(check).collect();
    format!(
        "tikivip {kit}\n  target    {target}\n  started   {started_at}\n  finished  {finished_at}\n\n{}\n\n{}\n",
        checks.join("\n"),
        summary(report)
    )
}

/// A text in lines that fit. A word longer than a line is cut: it is JSON, and nobody copies a part of it.
fn folded(first: &str, next: &str, text: &str) -> String {
    let mut lines = Vec::new();
    let (mut line, mut is_empty) = (first.to_owned(), true);
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        loop {
            let used = line.chars().count() + usize::from(!is_empty);
            let room = COLUMNS.saturating_sub(used);
            if rest.len() <= room {
                break;
            }
            if is_empty {
                let after = rest.split_off(room.max(1));
                line.extend(rest);
                rest = after;
            }
            lines.push(std::mem::replace(&mut line, next.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.extend(rest);
        is_empty = false;
    }
    lines.push(line.trim_end().to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_a_terminal() {
        let long = format!("một hai {} ba", "x".repeat(200));
        for text in ["", "a", &long, &"từ ".repeat(100)] {
            let lines = folded("  expected ", "     ", text);
            assert!(
                lines.lines().all(|line| line.chars().count() <= COLUMNS),
                "{lines}"
            );
            let joined: String = lines.split_whitespace().skip(1).collect();
            assert_eq!(joined, text.split_whitespace().collect::<String>());
        }
    }
}
