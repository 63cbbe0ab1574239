//! The doctor's findings, and their output.

use serde::Serialize;

use crate::output::folded;

/// Where the text of a finding begins, after its mark and what it is about.
const UNDER_TEXT: &str = "                             ";
const UNDER_ADVICE: &str = "                               ";

/// The result of a check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) what: &'static str,
    pub(super) state: Health,
    pub(super) text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Health {
    Good,
    /// Works, but a person should check it.
    Doubtful,
    Wrong,
}

#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn good(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(what, Health::Good, text, None);
    }

    pub(super) fn doubtful(
        &mut self,
        what: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(what, Health::Doubtful, text, Some(advice.into()));
    }

    pub(super) fn wrong(
        &mut self,
        what: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(what, Health::Wrong, text, Some(advice.into()));
    }

    fn add(
        &mut self,
        what: &'static str,
        state: Health,
        text: impl Into<String>,
        advice: Option<String>,
    ) {
        let text = text.into();
        self.0.push(Finding {
            what,
            state,
            text,
            advice,
        });
    }
}

/// The findings and their advice, in lines that fit into a terminal.
pub(super) fn table(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let mark = match finding.state {
            Health::Good => '✔',
            Health::Doubtful => '?',
            Health::Wrong => '✘',
        };
        let text = format!("{mark} {:<24} {}", finding.what, finding.text);
        let mut lines = vec![folded("  ", UNDER_TEXT, &text)];
        if let Some(advice) = &finding.advice {
            lines.push(folded(UNDER_TEXT, UNDER_ADVICE, &format!("→ {advice}")));
        }
        lines.join("\n")
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}
