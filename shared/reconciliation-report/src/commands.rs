//! The commands of `tikivip` that the report proposes, with the ids of the finding.

use reconciliation::record::Finding;

use crate::phrases::{Command, explain};
use crate::text::shell_word;

/// The commands for a finding that needs review. There are none for any other: `tikivip close-finding` refuses
/// those.
pub(crate) fn commands_for(finding: &Finding) -> Vec<String> {
    if finding.closed.is_some() || !finding.kind.is_for_review() {
        return Vec::new();
    }
    let tiki_id = finding.subject.tiki_id().map(ToString::to_string);
    let at_core = finding.subject.at_core().map(|id| id.to_string());
    let id = shell_word(&tiki_id.or(at_core).unwrap_or_default());
    let subject = shell_word(&finding.subject.to_string());
    let day = shell_word(&finding.day.to_string());
    // Every command but `close-finding` is about a transaction that we have.
    let possible =
        |command: &&Command| **command == Command::CloseFinding || finding.transaction_id.is_some();
    let line = |command: &Command| match command {
        Command::Show => format!("tikivip show {id}"),
        Command::LookUp => format!("tikivip lookup {id}"),
        Command::ResendIpn => format!("tikivip resend-ipn {id} --reason …"),
        Command::Resolve => format!("tikivip resolve {id} --review … --as … --reason …"),
        Command::CloseFinding => {
            let since = finding.since().to_rfc3339();
            format!("tikivip close-finding {subject} --day {day} --since {since} --reason …")
        }
    };
    let commands = explain(finding.mismatch).commands;
    commands.iter().filter(possible).map(line).collect()
}
