//! The clock of a sandbox, as its parts get it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::clock::Clock;
use crate::options::Options;
use crate::time::Refused;

/// A sandbox's clock.
pub(super) struct Moved {
    pub(super) clock: Clock,
    /// Why nobody can move it.
    pub(super) stands: Option<Refused>,
    /// The variables by which a function has this clock and not the machine's.
    pub(super) environment: Vec<(String, String)>,
}

impl Moved {
    /// The clock that is kept in this folder. Where it cannot be moved, it is never ahead, either.
    pub(super) fn open(
        options: &Options,
        binaries: &BTreeMap<String, PathBuf>,
        data_dir: &Path,
        scratch: &Path,
    ) -> anyhow::Result<Self> {
        let foreign = options.foreign();
        let library = binaries.get("sandbox_clock");
        let link = scratch.join("clock.so");
        // `LD_PRELOAD` is a list, and has no quotes. The library may stand in a folder with any name, the link does not.
        let path = link.to_str().filter(|path| !path.contains([' ', ':']));
        let (library, path) = match (library, path) {
            (Some(library), Some(path)) if foreign.is_empty() => (library, path),
            _ => {
                let stands = if foreign.is_empty() {
                    Refused::NotHere
                } else {
                    Refused::OthersPlay(foreign)
                };
                return Ok(Self {
                    clock: Clock::default(),
                    stands: Some(stands),
                    environment: Vec::new(),
                });
            }
        };
        std::os::unix::fs::symlink(library, &link).with_context(|| path.to_owned())?;
        let file = std::path::absolute(data_dir.join("clock"))?;
        let clock = Clock::open(&file)?;
        let file = file
            .to_str()
            .context("the data directory's name is not UTF-8")?;
        let environment = [("LD_PRELOAD", path), ("SANDBOX_CLOCK_FILE", file)];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self {
            clock,
            stands: None,
            environment: environment.into(),
        })
    }
}
