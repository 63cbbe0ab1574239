//! The state of the played Tiki and core. With `--data-dir` it is saved beside the database.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A shared state, saved to a file after each change if there is one.
pub(crate) struct StateStore<T> {
    state: Arc<Mutex<T>>,
    file: Option<PathBuf>,
}

impl<T> Clone for StateStore<T> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            file: self.file.clone(),
        }
    }
}

impl<T: Default + Serialize + DeserializeOwned> StateStore<T> {
    /// Loads the state from this folder. Without a folder the state is lost at exit.
    pub(crate) fn open(folder: Option<impl AsRef<Path>>, name: &str) -> anyhow::Result<Self> {
        let file = folder.map(|folder| folder.as_ref().join(name));
        let state = match file.as_ref().filter(|file| file.exists()) {
            Some(file) => serde_json::from_slice(&std::fs::read(file)?)
                .with_context(|| format!("{} is damaged", file.display()))?,
            None => T::default(),
        };
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
            file,
        })
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn write<R>(&self, write: impl FnOnce(&mut T) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = write(&mut state);
        if let Some(file) = &self.file {
            let fresh = file.with_extension("new");
            // On a full disk only the played side's state is lost, and nothing that is tested.
            let saved = serde_json::to_vec(&*state).map(|json| std::fs::write(&fresh, json));
            if matches!(saved, Ok(Ok(()))) {
                let _ = std::fs::rename(fresh, file);
            }
        }
        result
    }
}
