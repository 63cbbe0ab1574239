//! Tiki's file server: does it let us in, and which rights do we have there?

use files::FileDrop;
use files::sftp::Server;
use files::trial::{Right, TrialFolders, Tried, try_rights};
use lambda::secrets::{SecretsManager, Stage, secret};
use operator_api::check::Findings;
use reconciliation::place::Folders;
use store::{RandomWriteIds, WriteIds};

const WHAT: &str = "file server";

/// What follows when the trial does not come to its end.
pub(super) const MAY_BE_LEFT: &str = "the connection broke or is slow: try again. A file `.tikivip-trial-…` may be left in Tiki's folder for our files; Tiki can remove it";

/// Tiki's file server.
pub struct FileServer {
    /// Its address, our user there, and its host keys.
    pub server: Server,
    /// The folders of protocol §7.
    pub folders: Folders,
    /// Where our private key is kept.
    pub private_key: SecretsManager,
}

/// Logs in and tries each right.
pub(super) async fn check(file_server: Option<&FileServer>, findings: &mut Findings) {
    let Some(settings) = file_server else {
        return findings.good(WHAT, "not configured: Tiki fetches the files by API");
    };
    let key = match secret(&settings.private_key, Stage::Current).await {
        Ok(Some(key)) => key,
        Ok(None) => {
            return findings.wrong(
                WHAT,
                "there is no private key yet",
                "store it as docs/operations.md#set-up says (output SftpSecretId)",
            );
        }
        Err(error) => {
            let text = format!("the private key cannot be read: {error}");
            return findings.wrong(WHAT, text, "look at the log of the function operator");
        }
    };
    let session = match settings.server.connect(&key.text).await {
        Ok(session) => session,
        Err(error) => {
            let advice = "check SftpHost, SftpUser, SftpHostKey and the key. Does Tiki's firewall let in the addresses of reconcile's subnets? This check comes from there, too";
            return findings.wrong(WHAT, format!("{:#}", anyhow::Error::from(error)), advice);
        }
    };
    try_each(&session, &settings.folders, findings).await;
    session.close().await;
}

async fn try_each(session: &dyn FileDrop, folders: &Folders, findings: &mut Findings) {
    let (inbound, outbound) = (folders.inbound(), folders.outbound());
    // Another check may run at the same time, in a process of the same number.
    let word = RandomWriteIds.next().to_string();
    let folders = TrialFolders {
        inbound: &inbound,
        outbound: &outbound,
    };
    let tried = match try_rights(session, folders, &word).await {
        Ok(tried) => tried,
        Err(error) => {
            let text = format!("{:#}", anyhow::Error::from(error));
            return findings.wrong(WHAT, text, MAY_BE_LEFT);
        }
    };
    let mut works = true;
    for (right, tried) in tried {
        let (name, needed, folder) = about(right, &inbound, &outbound);
        let (text, refused) = match tried {
            Tried::Works => continue,
            Tried::Odd(text) => (text, false),
            Tried::Refused(answer) => (format!("we may not {name} in {folder}: {answer}"), true),
        };
        works = false;
        let advice = format!(
            "ask Tiki for the right to {name} in {folder}; docs/operations.md#what-tikis-server-must-allow"
        );
        if needed && refused {
            findings.wrong(WHAT, text, advice);
        } else {
            findings.doubtful(WHAT, text, advice);
        }
    }
    if works {
        findings.good(WHAT, "lets us in, and gives us every right that we need");
    }
}

/// The name of a right, whether nothing works without it, and where it is needed.
fn about<'f>(right: Right, inbound: &'f str, outbound: &'f str) -> (&'static str, bool, &'f str) {
    match right {
        Right::ListOutbound => ("list files", true, outbound),
        Right::ListInbound => ("list files", false, inbound),
        Right::LookForMissing => ("look for a missing file", false, inbound),
        Right::Write => ("create and write a file", true, inbound),
        Right::Look => ("look at a file", false, inbound),
        Right::Read => ("read a file", false, inbound),
        Right::Rename => ("rename a file", true, inbound),
        Right::Remove => ("remove a file", false, inbound),
    }
}
