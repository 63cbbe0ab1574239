//! What `tikivip doctor` finds out: each check looks at one thing that the functions need.

use serde::{Deserialize, Serialize};

/// The checks that change nothing anywhere, in the order in which they are shown: `GET /operator/v1/checks/{check}`.
pub const CHECKS: [&str; 4] = ["setup", "tiki", "core", "statement"];

/// The check that comes last. It writes a small file at Tiki and removes it, so whoever makes it may act:
/// `POST /operator/v1/checks/file-server`.
pub const FILE_SERVER: &str = "file-server";

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckFinding {
    pub what: String,
    pub state: Health,
    pub text: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Good,
    /// Works, but a person should check it.
    Doubtful,
    Wrong,
}

/// What one check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings(pub Vec<CheckFinding>);

impl Findings {
    /// Adds what is well.
    pub fn good(&mut self, what: &str, text: impl Into<String>) {
        self.add(what, Health::Good, text, None);
    }

    /// Adds what a person should look at.
    pub fn doubtful(&mut self, what: &str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(what, Health::Doubtful, text, Some(advice.into()));
    }

    /// Adds what is wrong.
    pub fn wrong(&mut self, what: &str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(what, Health::Wrong, text, Some(advice.into()));
    }

    fn add(&mut self, what: &str, state: Health, text: impl Into<String>, advice: Option<String>) {
        self.0.push(CheckFinding {
            what: what.to_owned(),
            state,
            text: text.into(),
            advice,
        });
    }
}
