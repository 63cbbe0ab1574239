//! `tikivip doctor`: has the function check the settings and the connections, and says what to do about each problem.

use std::io::{IsTerminal, Write};

use operator_api::check::{CHECKS, CheckFinding, FILE_SERVER, Findings, Health};
use serde_json::json;

use crate::cli::Form;
use crate::client::Client;
use crate::output::{self, Outcome, folded};

/// Where the text of a finding begins, after its mark and what it is about.
const UNDER_TEXT: &str = "                             ";
const UNDER_ADVICE: &str = "                               ";

/// Makes all checks, one after the other: each may wait for a counterparty.
pub(super) async fn doctor(client: &Client, form: Form) -> anyhow::Result<Outcome> {
    let mut findings = Findings::default();
    for check in CHECKS.into_iter().chain([FILE_SERVER]) {
        progress(form, check);
        let path = format!("checks/{check}");
        let found = match check {
            FILE_SERVER => client.post::<Findings>(&path, &json!({})).await,
            _ => client.get::<Findings>(&path, &[]).await,
        };
        match found {
            Ok(found) => findings.0.extend(found.0),
            Err(error) if check == FILE_SERVER && is_refused(&error) => findings.doubtful(
                "file server",
                format!("not tried: {error}"),
                "this check writes a file there: let somebody with ActPolicy try it",
            ),
            // One that hangs must not hide what the others find. If the first is refused, all are.
            Err(error) if !findings.0.is_empty() => {
                findings.wrong(
                    check,
                    format!("{error:#}"),
                    "see the log of the function operator",
                );
            }
            Err(error) => return Err(error),
        }
    }
    output::print(form, &findings, |findings| table(&findings.0));
    let wrong = |finding: &CheckFinding| finding.state == Health::Wrong;
    Ok(if findings.0.iter().any(wrong) {
        Outcome::Wrong
    } else {
        Outcome::Done
    })
}

fn is_refused(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Outcome::Refused(_)))
}

/// A line on standard error that is written over, for a person who waits.
fn progress(form: Form, check: &str) {
    let mut error = std::io::stderr();
    if form == Form::Table && error.is_terminal() {
        let _ = write!(error, "\r  checking: {check:<12}\r");
    }
}

/// The findings and their advice, in lines that fit into a terminal.
fn table(findings: &[CheckFinding]) -> String {
    let line = |finding: &CheckFinding| {
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
