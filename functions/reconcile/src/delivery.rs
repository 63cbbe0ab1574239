//! Delivers each file to Tiki once: it has its name there only when it is complete.
//!
//! A file is written under a temporary name, its size is read back, and then it is renamed. So a run that crashes at
//! any moment leaves no incomplete file under a name that Tiki reads (protocol §7).
//!
//! Servers differ in what they allow. A step that only tidies, looks or measures never stops the delivery: what could
//! not be verified is a [`Doubt`], which is recorded, and which the day's report shows.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use files::FileDrop;
use files::file_drop::{DropError, Stat, Written as WrittenFile};
use reconciliation::hash::HashingWriter;
use reconciliation::place::Folders;
use reconciliation::record::{Doubt, RunName, Sent};

use crate::TikiFileDrop;

/// How a temporary name ends.
const TEMPORARY: &str = ".part";

/// How a file gets its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upload {
    /// It is written under a temporary name and renamed.
    #[default]
    Rename,
    /// It is written under its name: for a server that takes a file when it is closed.
    Direct,
}

/// A file to deliver, and where.
pub(crate) struct Parcel<'p> {
    folders: &'p Folders,
    upload: Upload,
    sent: &'p Sent,
    /// Makes the temporary name unique.
    run: &'p RunName,
}

impl TikiFileDrop {
    /// A file of ours that this run delivers there.
    pub(crate) fn parcel<'p>(&'p self, sent: &'p Sent, run: &'p RunName) -> Parcel<'p> {
        Parcel {
            folders: &self.folders,
            upload: self.upload,
            sent,
            run,
        }
    }
}

/// Whether a file with the name and the bytes of ours is at Tiki.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    Yes,
    /// There is a file of that name, and the server does not let us compare all of it.
    Unverified(Doubt),
    No,
    /// The server does not say whether there is one.
    Unknown,
    /// There is another one.
    Other,
}

/// Whether there is a file of a name.
enum Seen {
    /// There is, of this size, if the server says so.
    Yes(Option<u64>),
    No,
    Unknown,
}

impl Parcel<'_> {
    /// Delivers the file, unless it has arrived before. The answer says what could not be verified.
    pub(crate) async fn deliver(
        &self,
        drop: &dyn FileDrop,
        file: &Path,
    ) -> anyhow::Result<Vec<Doubt>> {
        let mut doubts = Vec::new();
        match self.arrived(drop).await? {
            Arrived::Yes => return Ok(doubts),
            Arrived::Unverified(doubt) if self.upload == Upload::Rename => {
                return Ok(vec![doubt]);
            }
            Arrived::Other if self.upload == Upload::Rename => {
                bail!("at Tiki there is another file of this name")
            }
            Arrived::Unknown => doubts.push(Doubt::NameTaken),
            // A run that died left a part of it.
            Arrived::Unverified(_) | Arrived::Other | Arrived::No => {}
        }
        match self.upload {
            Upload::Rename => self.write_and_rename(drop, file, &mut doubts).await?,
            Upload::Direct => self.write_directly(drop, file, &mut doubts).await?,
        }
        Ok(doubts)
    }

    /// Whether the file is in `INBOUND` or, after Tiki has taken it, in `ARCHIVED`.
    pub(crate) async fn arrived(&self, drop: &dyn FileDrop) -> anyhow::Result<Arrived> {
        let inbound = self.in_folder(drop, &self.folders.inbound()).await?;
        if inbound != Arrived::No && inbound != Arrived::Unknown {
            return Ok(inbound);
        }
        // Not every server shows `ARCHIVED`. If it does not, a file that Tiki has taken is sent again under the same
        // name.
        let archived = self.in_folder(drop, &self.folders.archived()).await?;
        Ok(match archived {
            Arrived::No | Arrived::Unknown => inbound,
            archived => archived,
        })
    }

    async fn in_folder(&self, drop: &dyn FileDrop, folder: &str) -> Result<Arrived, DropError> {
        let path = format!("{folder}/{}", self.sent.name);
        let content = &self.sent.content;
        let bytes = match self.seen_in(drop, folder).await? {
            Seen::Yes(bytes) => bytes,
            Seen::No => return Ok(Arrived::No),
            Seen::Unknown => return Ok(Arrived::Unknown),
        };
        if bytes.is_some_and(|bytes| bytes != content.bytes) {
            return Ok(Arrived::Other);
        }
        let mut hash = HashingWriter::new(io::sink());
        match drop.read(&path, &mut hash, content.bytes).await {
            Ok(true) => {
                let hashed = hash.finish().map_err(DropError::Local)?;
                let same = hashed.sha256 == content.sha256;
                Ok(if same { Arrived::Yes } else { Arrived::Other })
            }
            // Tiki has just taken it.
            Ok(false) => Ok(Arrived::Unknown),
            Err(DropError::TooLarge { .. }) => Ok(Arrived::Other),
            Err(DropError::Refused { .. }) => Ok(Arrived::Unverified(Doubt::Content)),
            Err(error) => Err(error),
        }
    }

    /// Whether there is a file of our name, and its size. Some servers refuse to say so of a name that is not there, and
    /// some show no listing.
    async fn seen_in(&self, drop: &dyn FileDrop, folder: &str) -> Result<Seen, DropError> {
        let name = &self.sent.name;
        match drop.stat(&format!("{folder}/{name}")).await {
            Ok(None) | Err(DropError::Missing { .. }) => return Ok(Seen::No),
            Ok(Some(Stat { bytes })) => return Ok(Seen::Yes(bytes)),
            Err(DropError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        match drop.list(folder).await {
            Ok(files) => {
                let there = files.into_iter().find(|file| file.name == *name);
                Ok(there.map_or(Seen::No, |file| Seen::Yes(file.bytes)))
            }
            Err(DropError::Refused { .. } | DropError::Missing { .. }) => Ok(Seen::Unknown),
            Err(error) => Err(error),
        }
    }

    async fn write_and_rename(
        &self,
        drop: &dyn FileDrop,
        file: &Path,
        doubts: &mut Vec<Doubt>,
    ) -> anyhow::Result<()> {
        if !self.clear(drop).await? {
            doubts.push(Doubt::LeftOvers);
        }
        let (temporary, written) = self.write_temporary(drop, file, doubts).await?;
        let named = self
            .give_name(drop, file, &temporary, written, doubts)
            .await;
        if named.is_err() {
            remove_quietly(drop, &temporary).await;
        }
        named
    }

    /// Removes temporary files of crashed runs. The answer is whether none is left, as far as we can see.
    async fn clear(&self, drop: &dyn FileDrop) -> Result<bool, DropError> {
        let folder = self.folders.inbound();
        let name = &self.sent.name;
        let is_ours = |there: &str| {
            let there = there.strip_prefix('.').unwrap_or(there);
            let rest = there.strip_prefix(name.as_str());
            let rest = rest.and_then(|rest| rest.strip_prefix('.'));
            rest.is_some_and(|rest| rest.strip_suffix(TEMPORARY).is_some())
        };
        let files = match drop.list(&folder).await {
            Ok(files) => files,
            Err(DropError::Refused { .. } | DropError::Missing { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut clean = true;
        for left in files.iter().filter(|file| is_ours(&file.name)) {
            match drop.remove(&format!("{folder}/{}", left.name)).await {
                Ok(()) | Err(DropError::Missing { .. }) => {}
                Err(DropError::Refused { .. }) => clean = false,
                Err(error) => return Err(error),
            }
        }
        Ok(clean)
    }

    async fn write_temporary(
        &self,
        drop: &dyn FileDrop,
        file: &Path,
        doubts: &mut Vec<Doubt>,
    ) -> anyhow::Result<(String, WrittenFile)> {
        let (folder, name, run) = (self.folders.inbound(), &self.sent.name, self.run);
        let hidden = format!("{folder}/.{name}.{run}{TEMPORARY}");
        match drop.write(&hidden, &mut File::open(file)?).await {
            Ok(written) => return Ok((hidden, written)),
            // It may have been created, and its disk may be full.
            Err(DropError::Refused { .. }) => remove_quietly(drop, &hidden).await,
            Err(error) => {
                remove_quietly(drop, &hidden).await;
                return Err(error.into());
            }
        }
        // Some servers refuse names that begin with a dot. If this one is refused, too, it was not that.
        let visible = format!("{folder}/{name}.{run}{TEMPORARY}");
        let written = drop.write(&visible, &mut File::open(file)?).await;
        if written.is_err() {
            remove_quietly(drop, &visible).await;
        }
        let written = written?;
        doubts.push(Doubt::VisibleName);
        Ok((visible, written))
    }

    async fn give_name(
        &self,
        drop: &dyn FileDrop,
        file: &Path,
        temporary: &str,
        written: WrittenFile,
        doubts: &mut Vec<Doubt>,
    ) -> anyhow::Result<()> {
        ensure!(
            written.bytes == self.sent.content.bytes,
            "the file has changed while it was written"
        );
        match drop.stat(temporary).await {
            Ok(Some(Stat { bytes: Some(there) })) => self.same_size(there)?,
            Ok(Some(Stat { bytes: None })) | Err(DropError::Refused { .. }) => {
                doubts.push(Doubt::Size);
            }
            Ok(None) | Err(DropError::Missing { .. }) => {
                return self.write_directly(drop, file, doubts).await;
            }
            Err(error) => return Err(error.into()),
        }
        if !written.synced {
            doubts.push(Doubt::Sync);
        }
        // A rename replaces nothing, but not every server follows that.
        if let Seen::Yes(_) = self.seen_in(drop, &self.folders.inbound()).await? {
            bail!("at Tiki there is a file of this name now");
        }
        match drop.rename(temporary, &self.path()).await {
            Ok(()) => Ok(()),
            Err(DropError::Missing { .. }) => self.write_directly(drop, file, doubts).await,
            Err(error) => Err(error).context("the file is complete, and did not get its name"),
        }
    }

    async fn write_directly(
        &self,
        drop: &dyn FileDrop,
        file: &Path,
        doubts: &mut Vec<Doubt>,
    ) -> anyhow::Result<()> {
        let name = self.path();
        let written = drop.write(&name, &mut File::open(file)?).await?;
        self.same_size(written.bytes)?;
        match drop.stat(&name).await {
            Ok(Some(Stat { bytes: Some(there) })) => self.same_size(there)?,
            Ok(Some(Stat { bytes: None })) | Err(DropError::Refused { .. }) => {
                doubts.push(Doubt::Size);
            }
            Ok(None) | Err(DropError::Missing { .. }) => doubts.push(Doubt::TakenAtClose),
            Err(error) => return Err(error.into()),
        }
        if !written.synced {
            doubts.push(Doubt::Sync);
        }
        Ok(())
    }

    fn path(&self) -> String {
        format!("{}/{}", self.folders.inbound(), self.sent.name)
    }

    fn same_size(&self, there: u64) -> anyhow::Result<()> {
        let bytes = self.sent.content.bytes;
        ensure!(
            there == bytes,
            "the file has {bytes} bytes, and {there} are on the server"
        );
        Ok(())
    }
}

/// Removes a temporary file. It may not exist, and the connection may be broken: the next run tidies what is left.
async fn remove_quietly(drop: &dyn FileDrop, path: &str) {
    let _ = drop.remove(path).await;
}
