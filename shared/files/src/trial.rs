//! Tries a file drop: which rights do we have there? It writes a small file under a name that nobody reads, and removes
//! it again.

use crate::file_drop::{DropError, FileDrop};

/// What we need a right for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To list the folder with the other side's files.
    ListOutbound,
    /// To list the folder for ours.
    ListInbound,
    /// To create and write a file.
    Write,
    /// To look at a file that is there.
    Look,
    /// To look for a file that is not there: some servers refuse even that.
    LookForMissing,
    /// To read what we have written.
    Read,
    /// To give a file its name.
    Rename,
    /// To remove a file.
    Remove,
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    Works,
    /// The server allows it, and what came of it is not what was expected.
    Odd(String),
    /// The server refuses it.
    Refused(String),
}

/// The folders of a trial.
#[derive(Clone, Copy, Debug)]
pub struct TrialFolders<'f> {
    /// Where we put files.
    pub inbound: &'f str,
    /// Where the other side puts files.
    pub outbound: &'f str,
}

/// Tries each right, one after the other. An error means that the connection broke. `word` makes the names unique.
pub async fn try_rights(
    drop: &dyn FileDrop,
    folders: TrialFolders<'_>,
    word: &str,
) -> Result<Vec<(Right, Tried)>, DropError> {
    let content = format!("A trial of the rights at this server: {word}\n");
    let expected = u64::try_from(content.len()).unwrap_or(u64::MAX);
    let part = format!("{}/.tikivip-trial-{word}.part", folders.inbound);
    let named = format!("{}/.tikivip-trial-{word}", folders.inbound);
    let mut rights = Vec::new();
    let listed = drop.list(folders.outbound).await.map(drop_value);
    rights.push((Right::ListOutbound, plain(listed)?));
    let listed = drop.list(folders.inbound).await.map(drop_value);
    rights.push((Right::ListInbound, plain(listed)?));
    let looked = drop.stat(&named).await;
    let missing = match looked {
        Ok(Some(_)) => Tried::Odd("it says that there is a file of a name that nobody uses".into()),
        other => plain(other.map(drop_value))?,
    };
    rights.push((Right::LookForMissing, missing));
    let written = drop.write(&part, &mut content.as_bytes()).await;
    let can_write = written.is_ok();
    let written = match written {
        Ok(written) if !written.synced => {
            Tried::Odd("it does not say that the file is on its disk".into())
        }
        other => plain(other.map(drop_value))?,
    };
    rights.push((Right::Write, written));
    if !can_write {
        // It may have been created.
        let _ = drop.remove(&part).await;
        return Ok(rights);
    }
    let looked = match drop.stat(&part).await {
        Ok(None) => {
            Tried::Odd("the file is gone as soon as it is closed: set SftpUpload to direct".into())
        }
        Ok(Some(stat)) if stat.bytes.is_none() => Tried::Odd("it does not say sizes".into()),
        Ok(Some(stat)) if stat.bytes != Some(expected) => {
            Tried::Odd("it says another size than was written".into())
        }
        other => plain(other.map(drop_value))?,
    };
    rights.push((Right::Look, looked));
    let mut back = Vec::new();
    let read = match drop.read(&part, &mut back, expected).await {
        Ok(true) if back != content.as_bytes() => {
            Tried::Odd("it gives other bytes back than were written".into())
        }
        Ok(false) => Tried::Odd("it says that there is no such file".into()),
        other => plain(other.map(drop_value))?,
    };
    rights.push((Right::Read, read));
    let renamed = drop.rename(&part, &named).await;
    let left = if renamed.is_ok() { &named } else { &part };
    rights.push((Right::Rename, plain(renamed)?));
    let removed = drop.remove(left).await;
    rights.push((Right::Remove, plain(removed)?));
    Ok(rights)
}

fn drop_value<T>(_: T) {}

/// Works or not; an error if the connection broke.
fn plain(tried: Result<(), DropError>) -> Result<Tried, DropError> {
    match tried {
        Ok(()) => Ok(Tried::Works),
        Err(DropError::Missing { .. }) => {
            Ok(Tried::Refused("there is no such file or folder".into()))
        }
        Err(DropError::Refused { answer, .. }) => Ok(Tried::Refused(answer.to_string())),
        Err(error) => Err(error),
    }
}
