//! The concrete next steps: the commands that a person types, with the ids that they are about.

use reconciliation::classify::Kind;
use reconciliation::record::Finding;

use crate::text::shell_word;
use crate::words::{self, Command};

/// The commands for a finding that waits for a person; none for any other, which `tikivip close-finding` refuses.
pub(crate) fn of(finding: &Finding) -> Vec<String> {
    if finding.closed.is_some() || finding.kind != Kind::NeedsReview {
        return Vec::new();
    }
    let (id, day) = (shell_word(&finding.id), shell_word(&finding.day));
    // All but `settle` are about a transaction that we have.
    let possible =
        |command: &&Command| **command == Command::CloseFinding || finding.transaction_id.is_some();
    let line = |command: &Command| match command {
        Command::Show => format!("tikivip show {id}"),
        Command::LookUp => format!("tikivip lookup {id}"),
        Command::ResendIpn => format!("tikivip resend-ipn {id} --by … --reason …"),
        Command::Resolve => format!("tikivip resolve {id} --as … --by … --reason …"),
        Command::CloseFinding => {
            format!("tikivip close-finding {id} --day {day} --by … --reason …")
        }
    };
    let said = words::ground(finding.ground);
    said.commands.iter().filter(possible).map(line).collect()
}
