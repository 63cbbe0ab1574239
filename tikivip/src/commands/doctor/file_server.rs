//! Tiki's file server: does it let us in, and which rights do we have there?

use files::FileDrop;
use files::sftp::{HostKeys, Server};
use files::trial::{Right, TrialFolders, Tried, try_rights};
use lambda::config::{Env, Setting};
use lambda::secrets::{SecretsManager, Stage, secret};
use reconciliation::place::Folders;

use super::findings::Findings;
use crate::context::CommandContext;

const WHAT: &str = "file server";

/// Tiki's file server, as the functions' settings have it.
struct Settings {
    server: Server,
    folders: Folders,
    secret_id: String,
}

/// Logs in and tries each right.
pub(super) async fn check(context: &CommandContext, findings: &mut Findings) {
    let settings = match context.aws().env.load(read) {
        Ok(None) => return findings.good(WHAT, "not configured: Tiki fetches the files by API"),
        Ok(Some(settings)) => settings,
        Err(error) => {
            for problem in error.0 {
                findings.wrong(WHAT, problem, "see docs/operations.md#set-up");
            }
            return;
        }
    };
    let source = SecretsManager::new(context.aws().sdk(), &settings.secret_id);
    let key = match secret(&source, Stage::Current).await {
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
            let advice = "may this role read the secret (output OperatorPolicyArn)?";
            return findings.wrong(WHAT, text, advice);
        }
    };
    let session = match settings.server.connect(&key.text).await {
        Ok(session) => session,
        Err(error) => {
            let advice = "check SftpHost, SftpUser, SftpHostKey and the key. From this machine Tiki's firewall may block you although it lets reconcile in";
            return findings.wrong(WHAT, format!("{:#}", anyhow::Error::from(error)), advice);
        }
    };
    try_each(&session, &settings.folders, findings).await;
    session.close().await;
}

async fn try_each(session: &dyn FileDrop, folders: &Folders, findings: &mut Findings) {
    let (inbound, outbound) = (folders.inbound(), folders.outbound());
    let word = std::process::id().to_string();
    let folders = TrialFolders {
        inbound: &inbound,
        outbound: &outbound,
    };
    let tried = match try_rights(session, folders, &word).await {
        Ok(tried) => tried,
        Err(error) => {
            let text = format!("{:#}", anyhow::Error::from(error));
            return findings.wrong(WHAT, text, "try again; the connection broke");
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

fn read(env: &Env) -> Setting<Option<Settings>> {
    let Some(host) = env.optional("SFTP_HOST")? else {
        return Ok(None);
    };
    let port = env.or("SFTP_PORT", 22);
    let user = env.required("SFTP_USER");
    let host_keys = env.required::<HostKeys>("SFTP_HOST_KEY");
    let root = env.or("SFTP_FOLDER", "/IF_TIKI_VIP".to_owned());
    let secret_id = env.required("SFTP_SECRET_ID");
    let server = Server {
        host,
        port: port?,
        user: user?,
        host_keys: host_keys?,
    };
    Ok(Some(Settings {
        server,
        folders: Folders { root: root? },
        secret_id: secret_id?,
    }))
}
