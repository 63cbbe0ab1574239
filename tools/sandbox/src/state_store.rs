//! What a side that the sandbox plays has on its books; kept with the database, if that is kept.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// StateStore that several hands read and change.
pub(crate) struct StateStore<T> {
    kept: Arc<Mutex<T>>,
    file: Option<PathBuf>,
}

impl<T> Clone for StateStore<T> {
    fn clone(&self) -> Self {
        Self {
            kept: Arc::clone(&self.kept),
            file: self.file.clone(),
        }
    }
}

impl<T: Default + Serialize + DeserializeOwned> StateStore<T> {
    /// The books in this folder, or new ones that are gone at exit.
    pub(crate) fn open(folder: Option<impl AsRef<Path>>, name: &str) -> anyhow::Result<Self> {
        let file = folder.map(|folder| folder.as_ref().join(name));
        let kept = match file.as_ref().filter(|file| file.exists()) {
            Some(file) => serde_json::from_slice(&std::fs::read(file)?)
                .with_context(|| format!("{} is damaged", file.display()))?,
            None => T::default(),
        };
        Ok(Self {
            kept: Arc::new(Mutex::new(kept)),
            file,
        })
    }

    /// Looks something up.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes something down.
    pub(crate) fn write<R>(&self, write: impl FnOnce(&mut T) -> R) -> R {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let result = write(&mut kept);
        if let Some(file) = &self.file {
            let fresh = file.with_extension("new");
            // A full disk loses what a played side knows, and nothing of what is tested.
            let saved = serde_json::to_vec(&*kept).map(|json| std::fs::write(&fresh, json));
            if matches!(saved, Ok(Ok(()))) {
                let _ = std::fs::rename(fresh, file);
            }
        }
        result
    }
}
