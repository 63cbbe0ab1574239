//! What a kit found, and the three forms in which it is written down.

mod html;
mod text;

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::clock;

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed {
        expected: String,
        found: String,
    },
    /// It could not be looked at, and why.
    Skipped {
        why: String,
    },
}

/// A check, and what it found.
#[derive(Clone, Debug, Serialize)]
pub struct CheckResult {
    pub id: String,
    pub title: String,
    pub title_vi: String,
    /// The rule that it is about: a heading of a page of docs/.
    pub cites: String,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The calls that it made, signatures shortened.
    pub calls: Vec<String>,
}

/// All results of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `test-core` or `test-partner`.
    pub kit: &'static str,
    /// The address of the system under test.
    pub target: String,
    pub started_at: String,
    pub finished_at: String,
    pub results: Vec<CheckResult>,
}

/// What a kit says while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'r> {
    /// A sentence for the person who runs it.
    Says(&'r str),
    /// A check has ended.
    Ended(&'r CheckResult),
}

/// The form of a report, by the ending of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
    Html,
}

impl Form {
    /// The form that a file's name asks for: `.txt`, `.json` or `.html`.
    #[must_use]
    pub fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "txt" => Some(Self::Text),
            "json" => Some(Self::Json),
            "html" => Some(Self::Html),
            _ => None,
        }
    }
}

impl Report {
    pub(crate) fn started(kit: &'static str, target: &str) -> Self {
        Self {
            kit,
            target: target.to_owned(),
            started_at: clock::rfc3339(clock::now_ms()),
            finished_at: String::new(),
            results: Vec::new(),
        }
    }

    pub(crate) fn finished(mut self) -> Self {
        self.finished_at = clock::rfc3339(clock::now_ms());
        self
    }

    /// Whether no check failed. Checks that were skipped do not count, and are named.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CheckResult> {
        let failed = |result: &&CheckResult| matches!(result.outcome, Outcome::Failed { .. });
        self.results.iter().filter(failed)
    }

    /// How many checks passed, failed and were skipped.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |is: fn(&Outcome) -> bool| {
            let results = self.results.iter();
            results.filter(|result| is(&result.outcome)).count()
        };
        (
            count(|outcome| *outcome == Outcome::Passed),
            count(|outcome| matches!(outcome, Outcome::Failed { .. })),
            count(|outcome| matches!(outcome, Outcome::Skipped { .. })),
        )
    }

    /// The report as a text of 80 columns.
    #[must_use]
    pub fn text(&self) -> String {
        text::whole(self)
    }

    /// What a person sees when the run has ended, after the lines of the checks.
    #[must_use]
    pub fn summary(&self) -> String {
        text::summary(self)
    }

    /// Writes the report in the form that the file's ending asks for.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = match Form::of(file).context("a report's name ends with .txt, .json or .html")? {
            Form::Text => self.text(),
            Form::Json => format!("{}\n", serde_json::to_string_pretty(self)?),
            Form::Html => html::page(self)?,
        };
        std::fs::write(file, text).with_context(|| file.display().to_string())
    }
}

impl CheckResult {
    /// The line of the check: sign, id, title; below it what was wrong, or why it was skipped.
    #[must_use]
    pub fn text(&self) -> String {
        text::check(self)
    }
}
