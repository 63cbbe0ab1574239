//! The output and the exit codes.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use comfy_table::{ContentArrangement, Table};
use domain::{Vnd, escaped, escaped_json};
use serde::Serialize;
use serde_json::json;

use crate::cli::Form;

/// The columns that every terminal has: what is not a terminal gets lines of so many, too.
const COLUMNS: usize = 80;

/// Longer lines are hard to read.
const MOST_COLUMNS: usize = 120;

/// The columns of the lines: those of the terminal, or what the variable `COLUMNS` says.
fn columns() -> usize {
    static COLUMNS_HERE: OnceLock<usize> = OnceLock::new();
    *COLUMNS_HERE.get_or_init(|| {
        let said = std::env::var("COLUMNS").ok();
        let said = said.and_then(|columns| columns.parse().ok());
        let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let columns = said.or_else(terminal).unwrap_or(COLUMNS);
        columns.clamp(COLUMNS / 2, MOST_COLUMNS)
    })
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// What does not exist: `transaction T-1`.
    NotFound(String),
    /// There is nothing about what was asked for, and why.
    Empty(String),
    /// Why the rules refuse it.
    Refused(String),
    /// What the function cannot read in the call.
    WrongUsage(String),
    /// The check found a problem.
    Wrong,
    /// A check of a conformance kit failed.
    CheckFailed,
    /// Why a conformance kit could not run.
    CouldNotRun(String),
}

impl Outcome {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::CheckFailed => 1,
            Self::CouldNotRun(_) | Self::WrongUsage(_) => 2,
            Self::NotFound(_) | Self::Empty(_) => 3,
            Self::Refused(_) => 4,
            Self::Wrong => 5,
        }
    }

    /// The name of an error in JSON.
    fn kind(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::CheckFailed => "check_failed",
            Self::CouldNotRun(_) => "could_not_run",
            Self::WrongUsage(_) => "wrong_usage",
            Self::NotFound(_) | Self::Empty(_) => "not_found",
            Self::Refused(_) => "refused",
            Self::Wrong => "problem_found",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::NotFound(what) => write!(f, "{what} does not exist. Check the id."),
            Self::Empty(why) => f.write_str(why),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Wrong | Self::CheckFailed => f.write_str("a problem was found"),
            Self::CouldNotRun(why) | Self::WrongUsage(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Outcome {}

/// Prints a value in the chosen format.
pub(crate) fn print<T: Serialize>(form: Form, value: &T, table: impl FnOnce(&T) -> String) {
    let text = match form {
        Form::Table => visible(&table(value)),
        Form::Json => {
            let json = serde_json::to_string_pretty(value).unwrap_or_default();
            escaped_json(&json).into_owned()
        }
    };
    // A closed pipe is not an error.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

/// Prints lines to standard output, for people, before the end of a command.
pub(crate) fn print_lines(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", visible(text));
}

/// Prints a text to standard error as it is, and no line end.
pub(crate) fn print_notice(text: &str) {
    let mut error = std::io::stderr();
    let _ = write!(error, "{}", visible(text));
    let _ = error.flush();
}

/// Our lines, in which nothing that came from outside acts on the terminal.
fn visible(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(escaped).collect();
    lines.join("\n")
}

/// Rows under a heading. No cell has a line end that forges a row.
pub(crate) fn table<const N: usize>(
    heading: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_preset("     ──            ")
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(heading);
    for row in rows {
        table.add_row(row.map(|cell| escaped(&cell).into_owned()));
    }
    let lines = table.to_string();
    let lines = lines.lines().map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}

/// Something in a list: its id and its state, and below them what else there is to say of it. An id is too long to share
/// a line of a terminal with other columns, so each has lines of its own.
pub(crate) struct Entry {
    pub(crate) head: String,
    pub(crate) lines: Vec<String>,
}

/// A list of entries, in lines that fit into a terminal.
pub(crate) fn list(entries: impl IntoIterator<Item = Entry>, more: bool) -> String {
    let blocks = entries.into_iter().map(|entry| {
        let mut block = vec![folded("  ", "    ", &escaped(&entry.head))];
        let lines = entry.lines.iter();
        block.extend(lines.map(|line| folded("    ", "      ", &escaped(line))));
        block.join("\n")
    });
    let mut blocks: Vec<String> = blocks.collect();
    if more {
        blocks.push("  There are more. Use a higher --limit.".to_owned());
    }
    blocks.push("  Times are those of Vietnam (GMT+7).".to_owned());
    blocks.join("\n\n")
}

/// A text in lines that fit into a terminal, each with its indent. A word is never cut: an id can be copied whole.
pub(crate) fn folded(first: &str, next: &str, text: &str) -> String {
    folded_to(columns(), first, next, text)
}

fn folded_to(columns: usize, first: &str, next: &str, text: &str) -> String {
    let mut lines = Vec::new();
    let (mut line, mut is_empty) = (first.to_owned(), true);
    for word in text.split(' ') {
        let width = line.chars().count() + 1 + word.chars().count();
        if width > columns && !is_empty {
            lines.push(line.trim_end().to_owned());
            (line, is_empty) = (next.to_owned(), true);
        }
        // Of two blanks where a line ends, none begins the next.
        if is_empty && word.is_empty() {
            continue;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

/// An amount, or a sum that is larger than any amount.
pub(crate) fn grouped(vnd: u64) -> String {
    Vnd::new(vnd).map_or_else(|_| format!("{vnd} ₫"), Vnd::grouped)
}

/// Prints an error to standard error: for a person in lines that fit into a terminal, for a program in one, or as JSON.
pub(crate) fn print_error(form: Form, (kind, code): (&str, u8), text: &str) {
    let mut error = std::io::stderr();
    if form == Form::Json {
        let json = json!({ "error": { "kind": kind, "exit_code": code, "message": text } });
        let json = json.to_string();
        let _ = writeln!(error, "{}", escaped_json(&json));
        return;
    }
    let text = format!("tikivip: {text}");
    let text = if error.is_terminal() {
        let lines = text.lines().map(|line| folded("", "  ", line));
        lines.collect::<Vec<_>>().join("\n")
    } else {
        text
    };
    let _ = writeln!(error, "{}", visible(&text));
}

/// Prints what ended a command, and returns its exit code.
pub(crate) fn failed(form: Form, error: anyhow::Error) -> ExitCode {
    match error.downcast::<Outcome>() {
        Ok(outcome) => {
            let code = outcome.code();
            print_error(form, (outcome.kind(), code), &outcome.to_string());
            ExitCode::from(code)
        }
        Err(error) => {
            print_error(form, ("internal", 1), &format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::is_unprintable;
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "core:9e87ce51-4647-5d79-9155-19ee50d4d84e";

    #[test]
    fn a_long_line_is_folded_between_words() {
        let text = "Vậy ".repeat(40);
        let lines = folded("  ", "    ", text.trim_end());
        let widths: Vec<usize> = lines.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [77, 79, 11]);
        assert!(lines.lines().skip(1).all(|line| line.starts_with("    V")));
        let exact = format!("{ID} {}", "x".repeat(36));
        assert_eq!(folded("  ", "    ", &exact), format!("  {exact}"));
    }

    #[test]
    fn an_id_is_never_cut() {
        let refund = format!("{ID}/{}", "R".repeat(80));
        let entry = Entry {
            head: format!("{refund}  2026-11-22"),
            lines: vec!["why".to_owned()],
        };
        let shown = list([entry], true);
        assert!(
            shown.starts_with(&format!(
                "  {refund}\n    2026-11-22\n    why\n\n  There are more."
            )),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn no_text_from_outside_acts_on_a_terminal(one in any::<String>(), two in any::<String>()) {
            let rows = [[one.clone(), two.clone()], [two.clone(), one.clone()]];
            let entries = [Entry { head: one.clone(), lines: vec![two.clone()] }];
            let shown = [
                table(["Time", "Event"], rows),
                list(entries, false),
                visible(&format!("{one}{two}")),
            ];
            // Head, rule and two rows. An empty row is a line, too.
            prop_assert_eq!(shown[0].matches('\n').count(), 3, "{:?}", &shown[0]);
            for text in shown {
                let mut lines = text.split('\n');
                prop_assert!(lines.all(|line| !line.contains(is_unprintable)), "{:?}", text);
            }
        }
    }
}
