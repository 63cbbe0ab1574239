//! What is printed, and what the exit code says.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::cli::Form;

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done.
    Done,
    /// There is no such transaction.
    NotFound(String),
    /// The rules do not allow it.
    Refused(String),
    /// It was looked at, and something is wrong.
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
            Self::NotFound(id) => write!(f, "there is no transaction {id}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Wrong => f.write_str("something is wrong"),
        }
    }
}

impl std::error::Error for Outcome {}

/// Prints one thing in the form that was asked for.
pub(crate) fn print<T: Serialize>(form: Form, value: &T, table: impl FnOnce(&T) -> String) {
    let text = match form {
        Form::Table => table(value),
        Form::Json => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    // Whoever reads along may stop reading.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

/// Rows under a headline, as wide as the terminal lets them be.
pub(crate) fn table<const N: usize>(
    headline: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_preset("     ──            ")
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headline);
    for row in rows {
        table.add_row(row);
    }
    let lines = table.to_string();
    let lines = lines.lines().map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}

/// Says what stands in the way of an answer.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "tikivip: {text}");
}

/// Says what broke, with its causes.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    complain(&format!("{error:#}"));
    ExitCode::FAILURE
}
