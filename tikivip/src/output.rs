//! The output and the exit codes.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::cli::Form;

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// What does not exist: `transaction T-1`.
    NotFound(String),
    /// Why the rules refuse it.
    Refused(String),
    /// The check found a problem.
    Wrong,
}

impl Outcome {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::NotFound(_) => 3,
            Self::Refused(_) => 4,
            Self::Wrong => 5,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::NotFound(what) => write!(f, "{what} does not exist. Check the id."),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Wrong => f.write_str("a problem was found"),
        }
    }
}

impl std::error::Error for Outcome {}

/// Prints a value in the chosen format.
pub(crate) fn print<T: Serialize>(form: Form, value: &T, table: impl FnOnce(&T) -> String) {
    let text = match form {
        Form::Table => table(value),
        Form::Json => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    // A closed pipe is not an error.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

/// Rows under a heading.
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
        table.add_row(row);
    }
    let lines = table.to_string();
    let lines = lines.lines().map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}

/// Prints a message to standard error.
pub(crate) fn print_error(text: &str) {
    let _ = writeln!(std::io::stderr(), "tikivip: {text}");
}

/// Prints an internal error with its causes.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    print_error(&format!("{error:#}"));
    ExitCode::FAILURE
}
