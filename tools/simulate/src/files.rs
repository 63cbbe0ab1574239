//! The object store, and Tiki's file server with its three folders. The server breaks connections before and after an
//! effect, and each run's server lacks some of the rights that one would expect.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use files::file_drop::{DropError, RemoteFile, Stat, Written};
use files::object_store::ObjectError;
use files::{FileDrop, FileServer, ObjectStore};

use crate::choices::{Choices, Lane};
use crate::fault::Fault;
use crate::world::{SECOND, Waiting, World, answered};

/// The folder that contains Tiki's three folders.
pub(crate) const FOLDER: &str = "/IF_TIKI_VIP";

/// Tiki's file server.
pub(crate) struct Server {
    pub(crate) files: BTreeMap<String, File>,
    lacks: Lack,
}

/// A file on the server.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// Unix seconds.
    pub(crate) modified: u32,
}

/// What a server does not let us do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Nothing,
    /// To list `INBOUND`.
    List,
    /// To look at a file of `INBOUND`.
    Look,
    /// To read what we have written.
    Read,
    /// To remove a file.
    Remove,
    /// To give a file a name that begins with a dot.
    DotNames,
    /// It does not say sizes.
    Sizes,
    /// It refuses to say that a file is on its disk.
    Sync,
    /// It does not show `ARCHIVED`.
    Archive,
    /// It takes a file as soon as it is closed.
    KeepingFiles,
}

const LACKS: [Lack; 13] = [
    Lack::Nothing,
    Lack::Nothing,
    Lack::Nothing,
    Lack::Nothing,
    Lack::List,
    Lack::Look,
    Lack::Read,
    Lack::Remove,
    Lack::DotNames,
    Lack::Sizes,
    Lack::Sync,
    Lack::Archive,
    Lack::KeepingFiles,
];

impl Server {
    pub(crate) fn draw(choices: &mut Choices) -> Self {
        Self {
            files: BTreeMap::new(),
            lacks: choices.one_of(Lane::WORLD, &LACKS),
        }
    }

    /// What it does not let us do.
    pub(crate) fn lacks(&self) -> &'static str {
        match self.lacks {
            Lack::Nothing => "nothing",
            Lack::List => "the right to list",
            Lack::Look => "the right to look",
            Lack::Read => "the right to read",
            Lack::Remove => "the right to remove",
            Lack::DotNames => "names with a dot",
            Lack::Sizes => "sizes",
            Lack::Sync => "sync",
            Lack::Archive => "ARCHIVED",
            Lack::KeepingFiles => "keeping files",
        }
    }
}

/// The object store of one function.
pub(crate) struct SimObjects {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) who: usize,
}

#[async_trait]
impl ObjectStore for SimObjects {
    async fn put(
        &self,
        key: &str,
        file: &Path,
        _sha256: &str,
        _content_type: &str,
    ) -> Result<(), ObjectError> {
        let key = key.to_owned();
        let bytes = std::fs::read(file).expect("a file of the run");
        let receiver = {
            let mut world = self.world.lock().unwrap();
            world.ask(self.who, Lane::WORLD, "put object", |world, waiting| {
                let lost = world.inject(Lane::WORLD, Fault::WriteLost);
                world.after(20, move |world| {
                    if lost {
                        let source = "simulated".into();
                        let operation = "PutObject";
                        return waiting.answer(world, Err(ObjectError { operation, source }));
                    }
                    world.bucket.insert(key, bytes);
                    waiting.answer(world, Ok(()));
                });
            })
        };
        answered(receiver).await
    }

    async fn get(&self, _: &str, _: &Path) -> Result<bool, ObjectError> {
        unreachable!("the simulated core answers with pages")
    }

    async fn link(&self, _: &str, _: Duration) -> Result<String, ObjectError> {
        unreachable!("reconcile gives no links")
    }
}

/// Tiki's server, as one function reaches it.
pub(crate) struct SimServer {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) who: usize,
}

/// A session with it. One that broke stays broken.
struct SimDrop {
    world: Arc<Mutex<World>>,
    who: usize,
    broken: Mutex<bool>,
}

fn broken() -> DropError {
    DropError::Broken("simulated".into())
}

fn refused(doing: &'static str) -> DropError {
    DropError::Refused {
        doing,
        answer: "simulated".into(),
    }
}

#[async_trait]
impl FileServer for SimServer {
    async fn connect(&self) -> Result<Box<dyn FileDrop>, DropError> {
        let receiver = {
            let mut world = self.world.lock().unwrap();
            world.ask(self.who, Lane::WORLD, "connect", |world, waiting| {
                let down = world.faults.on() && world.now() < world.tiki.down_until;
                let fails = down || world.inject(Lane::WORLD, Fault::DropBreaks);
                let takes = if fails { 20 * SECOND } else { 30 };
                world.after(takes, move |world| waiting.answer(world, !fails));
            })
        };
        if !answered(receiver).await {
            return Err(broken());
        }
        Ok(Box::new(SimDrop {
            world: Arc::clone(&self.world),
            who: self.who,
            broken: Mutex::new(false),
        }))
    }
}

impl SimDrop {
    /// Asks the server. The connection may break before it hears of it, or before we hear its answer.
    async fn ask<T: Send + 'static>(
        &self,
        point: &'static str,
        answer: impl FnOnce(&mut World) -> Result<T, DropError> + Send + 'static,
    ) -> Result<T, DropError> {
        if *self.broken.lock().unwrap() {
            return Err(broken());
        }
        let receiver = {
            let mut world = self.world.lock().unwrap();
            world.ask(self.who, Lane::WORLD, point, |world, waiting| {
                let lost = world.inject(Lane::WORLD, Fault::DropBreaks);
                let answer_lost = world.inject(Lane::WORLD, Fault::DropAnswerLost);
                world.after(20, move |world| {
                    let answer = if lost { Err(broken()) } else { answer(world) };
                    let answer = if answer_lost { Err(broken()) } else { answer };
                    say(world, waiting, answer);
                });
            })
        };
        let answer = answered(receiver).await;
        if matches!(answer, Err(DropError::Broken(_))) {
            *self.broken.lock().unwrap() = true;
        }
        answer
    }
}

fn say<T: Send + 'static>(
    world: &mut World,
    waiting: Waiting<Result<T, DropError>>,
    answer: Result<T, DropError>,
) {
    let takes = if matches!(answer, Err(DropError::Broken(_))) {
        SECOND
    } else {
        20
    };
    world.after(takes, move |world| waiting.answer(world, answer));
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn is_inbound(path: &str) -> bool {
    folder_of(path).ends_with("/INBOUND")
}

impl World {
    fn lacks(&self, lack: Lack) -> bool {
        self.server.lacks == lack
    }

    fn sizes(&self, bytes: usize) -> Option<u64> {
        u64::try_from(bytes)
            .ok()
            .filter(|_| !self.lacks(Lack::Sizes))
    }

    fn hidden(&self, path: &str) -> bool {
        path.contains("/ARCHIVED") && self.lacks(Lack::Archive)
    }
}

#[async_trait]
impl FileDrop for SimDrop {
    async fn list(&self, folder: &str) -> Result<Vec<RemoteFile>, DropError> {
        let folder = folder.to_owned();
        self.ask("list files", move |world| {
            let denied = world.lacks(Lack::List) && folder.ends_with("/INBOUND");
            if denied || world.hidden(&folder) {
                return Err(refused("list"));
            }
            let files = world.server.files.iter();
            let files = files.filter(|(path, _)| folder_of(path) == folder);
            let listed = files.map(|(path, file)| RemoteFile {
                name: path[folder.len() + 1..].to_owned(),
                bytes: world.sizes(file.bytes.len()),
                modified: Some(file.modified),
            });
            Ok(listed.collect())
        })
        .await
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, DropError> {
        let path = path.to_owned();
        self.ask("look at a file", move |world| {
            if (world.lacks(Lack::Look) && is_inbound(&path)) || world.hidden(&path) {
                return Err(refused("look at"));
            }
            let file = world.server.files.get(&path);
            Ok(file.map(|file| Stat {
                bytes: world.sizes(file.bytes.len()),
            }))
        })
        .await
    }

    async fn read(
        &self,
        path: &str,
        into: &mut (dyn Write + Send),
        at_most: u64,
    ) -> Result<bool, DropError> {
        let path = path.to_owned();
        let bytes = self
            .ask("read a file", move |world| {
                if (world.lacks(Lack::Read) && is_inbound(&path)) || world.hidden(&path) {
                    return Err(refused("open"));
                }
                Ok(world.server.files.get(&path).map(|file| file.bytes.clone()))
            })
            .await?;
        let Some(bytes) = bytes else {
            return Ok(false);
        };
        if u64::try_from(bytes.len()).is_ok_and(|bytes| bytes > at_most) {
            return Err(DropError::TooLarge { at_most });
        }
        into.write_all(&bytes).map_err(DropError::Local)?;
        Ok(true)
    }

    async fn write(
        &self,
        path: &str,
        content: &mut (dyn Read + Send),
    ) -> Result<Written, DropError> {
        let path = path.to_owned();
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(DropError::Local)?;
        self.ask("write a file", move |world| {
            if world.lacks(Lack::DotNames) && path.contains("/.") {
                return Err(refused("create"));
            }
            let written = Written {
                bytes: bytes.len() as u64,
                synced: !world.lacks(Lack::Sync),
            };
            if world.inject(Lane::WORLD, Fault::DropHalf) {
                bytes.truncate(bytes.len() / 2);
                // What was not closed is not taken.
                if !world.lacks(Lack::KeepingFiles) {
                    world.put_file(path, bytes);
                }
                return Err(broken());
            }
            world.put_file(path.clone(), bytes);
            if world.lacks(Lack::KeepingFiles) && is_inbound(&path) {
                world.server.files.remove(&path);
            }
            Ok(written)
        })
        .await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DropError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.ask("rename a file", move |world| {
            if world.server.files.contains_key(&to) {
                return Err(refused("rename"));
            }
            let Some(file) = world.server.files.remove(&from) else {
                return Err(DropError::Missing { doing: "rename" });
            };
            world.put_file(to, file.bytes);
            Ok(())
        })
        .await
    }

    async fn remove(&self, path: &str) -> Result<(), DropError> {
        let path = path.to_owned();
        self.ask("remove a file", move |world| {
            if world.lacks(Lack::Remove) {
                return Err(refused("remove"));
            }
            let removed = world.server.files.remove(&path);
            removed
                .map(|_| ())
                .ok_or(DropError::Missing { doing: "remove" })
        })
        .await
    }

    async fn close(&self) {
        *self.broken.lock().unwrap() = true;
    }
}

impl World {
    /// A file is there now. If it has its name in `INBOUND`, Tiki reads it.
    pub(crate) fn put_file(&mut self, path: String, bytes: Vec<u8>) {
        let modified = u32::try_from(self.now() / SECOND).unwrap_or(u32::MAX);
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let is_temporary = name.strip_suffix(".part").is_some();
        let arrives = is_inbound(&path) && name.starts_with("tikivip_") && !is_temporary;
        let file = File { bytes, modified };
        self.server.files.insert(path.clone(), file);
        if arrives {
            self.tiki_receives_file(path, &name);
        }
    }
}
