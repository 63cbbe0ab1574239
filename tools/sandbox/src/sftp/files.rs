//! The file operations of SFTP 3. Paths begin at the root folder, and none leaves it.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File as LocalFile, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use russh_sftp::protocol::{
    Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode, Version,
};
use russh_sftp::server::Handler;

use super::SftpFault;
use crate::faults::Faults;

/// The most bytes in one answer. With its header it fits into a client's packet limit.
const MAX_READ_BYTES: usize = 255 * 1024;
/// The most names in one answer.
const MAX_NAMES: usize = 100;

/// One client's open files and folders.
pub(super) struct Files {
    root: PathBuf,
    faults: Faults<SftpFault>,
    open: HashMap<String, Open>,
    opened: u64,
}

enum Open {
    File(LocalFile),
    Folder(VecDeque<File>),
}

/// Resolves `.`, `..` and empty parts. The parent of the root is the root.
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

fn code(error: &io::Error) -> StatusCode {
    match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        _ => StatusCode::Failure,
    }
}

fn done(id: u32) -> Status {
    Status {
        id,
        status_code: StatusCode::Ok,
        error_message: "Ok".to_owned(),
        language_tag: "en".to_owned(),
    }
}

impl Files {
    pub(super) fn new(root: PathBuf, faults: Faults<SftpFault>) -> Self {
        Self {
            root,
            faults,
            open: HashMap::new(),
            opened: 0,
        }
    }

    /// The local path of a client's path. Symbolic links are refused, because they can lead out of the folder.
    pub(super) fn local(&self, path: &str) -> Result<PathBuf, StatusCode> {
        let mut local = self.root.clone();
        for part in parts(path) {
            local.push(part);
            let linked = |metadata: Metadata| metadata.is_symlink();
            if fs::symlink_metadata(&local).is_ok_and(linked) {
                return Err(StatusCode::PermissionDenied);
            }
        }
        Ok(local)
    }

    /// Refuses a request whose right was taken away.
    fn allowed(&self, call: &str) -> Result<(), StatusCode> {
        match self.faults.take(call) {
            None => Ok(()),
            Some(SftpFault::Denied) => Err(StatusCode::PermissionDenied),
        }
    }

    fn keep(&mut self, id: u32, open: Open) -> Handle {
        self.opened += 1;
        let handle = self.opened.to_string();
        self.open.insert(handle.clone(), open);
        Handle { id, handle }
    }

    fn file(&self, handle: &str) -> Result<&LocalFile, StatusCode> {
        match self.open.get(handle) {
            Some(Open::File(file)) => Ok(file),
            Some(Open::Folder(_)) | None => Err(StatusCode::Failure),
        }
    }

    fn attributes(&self, id: u32, path: &str) -> Result<Attrs, StatusCode> {
        self.allowed("sftp_stat")?;
        let metadata = fs::metadata(self.local(path)?).map_err(|error| code(&error))?;
        Ok(attrs(id, &metadata))
    }
}

fn attrs(id: u32, metadata: &Metadata) -> Attrs {
    Attrs {
        id,
        attrs: FileAttributes::from(metadata),
    }
}

fn entries(folder: &Path) -> io::Result<VecDeque<File>> {
    let mut entries = VecDeque::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A file that was removed in the meantime is left out.
        if let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) {
            entries.push_back(File::new(name, FileAttributes::from(&metadata)));
        }
    }
    Ok(entries)
}

/// Renames like OpenSSH: if two clients rename to the same name, only one succeeds.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    if fs::metadata(from)?.is_dir() {
        if to.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        return fs::rename(from, to);
    }
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

impl Handler for Files {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Result<Version, StatusCode> {
        Ok(Version::new())
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        pflags: OpenFlags,
        _: FileAttributes,
    ) -> Result<Handle, StatusCode> {
        if pflags.contains(OpenFlags::READ) {
            self.allowed("sftp_read")?;
        }
        if pflags.contains(OpenFlags::WRITE) {
            self.allowed("sftp_write")?;
        }
        let file = OpenOptions::from(pflags).open(self.local(&filename)?);
        let file = file.map_err(|error| code(&error))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(StatusCode::Failure);
        }
        Ok(self.keep(id, Open::File(file)))
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, StatusCode> {
        let closed = self.open.remove(&handle);
        closed.map(|_| done(id)).ok_or(StatusCode::Failure)
    }

    async fn read(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        len: u32,
    ) -> Result<Data, StatusCode> {
        let length = usize::try_from(len)
            .unwrap_or(MAX_READ_BYTES)
            .min(MAX_READ_BYTES);
        let mut data = vec![0; length];
        let read = self.file(&handle)?.read_at(&mut data, offset);
        match read.map_err(|error| code(&error))? {
            0 => Err(StatusCode::Eof),
            read => {
                data.truncate(read);
                Ok(Data { id, data })
            }
        }
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Status, StatusCode> {
        let written = self.file(&handle)?.write_all_at(&data, offset);
        written.map_err(|error| code(&error))?;
        Ok(done(id))
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        self.attributes(id, &path)
    }

    /// The same as `stat`, because links are refused.
    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        self.attributes(id, &path)
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, StatusCode> {
        let metadata = self.file(&handle)?.metadata();
        Ok(attrs(id, &metadata.map_err(|error| code(&error))?))
    }

    /// Accepts times and modes, which clients often set, and ignores them.
    async fn setstat(
        &mut self,
        id: u32,
        path: String,
        _: FileAttributes,
    ) -> Result<Status, StatusCode> {
        let there = fs::metadata(self.local(&path)?);
        there.map(|_| done(id)).map_err(|error| code(&error))
    }

    async fn fsetstat(
        &mut self,
        id: u32,
        handle: String,
        _: FileAttributes,
    ) -> Result<Status, StatusCode> {
        self.file(&handle).map(|_| done(id))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, StatusCode> {
        self.allowed("sftp_list")?;
        let entries = entries(&self.local(&path)?).map_err(|error| code(&error))?;
        Ok(self.keep(id, Open::Folder(entries)))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, StatusCode> {
        let Some(Open::Folder(entries)) = self.open.get_mut(&handle) else {
            return Err(StatusCode::Failure);
        };
        if entries.is_empty() {
            return Err(StatusCode::Eof);
        }
        let files = entries.drain(..entries.len().min(MAX_NAMES)).collect();
        Ok(Name { id, files })
    }

    async fn remove(&mut self, id: u32, filename: String) -> Result<Status, StatusCode> {
        self.allowed("sftp_remove")?;
        let removed = fs::remove_file(self.local(&filename)?);
        removed.map(|()| done(id)).map_err(|error| code(&error))
    }

    async fn rename(
        &mut self,
        id: u32,
        oldpath: String,
        newpath: String,
    ) -> Result<Status, StatusCode> {
        self.allowed("sftp_rename")?;
        let renamed = rename(&self.local(&oldpath)?, &self.local(&newpath)?);
        renamed.map(|()| done(id)).map_err(|error| code(&error))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, StatusCode> {
        let files = vec![File::dummy(format!("/{}", parts(&path).join("/")))];
        Ok(Name { id, files })
    }
}
