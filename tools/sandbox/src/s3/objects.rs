//! The object files, and beside the buckets a file with each object's content type and entity tag.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use axum::body::Bytes;
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt;

/// A folder beside the buckets. A bucket's name never begins with a dot.
const ABOUT: &str = ".about";
/// The folder for objects that are still being received.
const FRESH: &str = ".fresh";
/// The longest key of S3, in bytes.
const MAX_KEY_BYTES: usize = 1024;
const CHUNK_BYTES: usize = 64 * 1024;

/// The folder with all objects.
#[derive(Clone)]
pub(super) struct Objects(PathBuf);

/// Where an object is, or would be.
pub(super) struct Place {
    file: PathBuf,
    about: PathBuf,
}

/// What the sender said about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) content_type: String,
    pub(super) etag: String,
}

/// An open object. A new object under the same key does not change what is read here.
pub(super) struct Found {
    file: std::fs::File,
    pub(super) about: About,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

impl Objects {
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        let fresh = folder.join(FRESH);
        // Objects whose upload did not end before the sandbox stopped.
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh)?;
        }
        std::fs::create_dir_all(fresh)?;
        Ok(Self(folder))
    }

    /// The place of an object; always inside its bucket's folder.
    pub(super) fn place(&self, bucket: &str, key: &str) -> Option<Place> {
        let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\0', '\\']);
        let is_key = key.len() <= MAX_KEY_BYTES && key.split('/').all(is_name);
        let is_bucket = is_name(bucket) && !bucket.contains('/') && !bucket.starts_with('.');
        (is_key && is_bucket).then(|| Place {
            file: self.0.join(bucket).join(key),
            about: self.0.join(ABOUT).join(bucket).join(key),
        })
    }

    /// A file for an upload. It is deleted when it is dropped.
    pub(super) fn fresh(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(self.0.join(FRESH))
    }

    /// All objects of these buckets, the newest first.
    pub(super) fn list<'b>(
        &self,
        buckets: impl IntoIterator<Item = &'b String>,
    ) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for bucket in buckets {
            let folder = self.0.join(bucket);
            let mut folders = vec![folder.clone()];
            while let Some(inner) = folders.pop() {
                let Ok(entries) = std::fs::read_dir(&inner) else {
                    continue;
                };
                for entry in entries {
                    let entry = entry?;
                    let metadata = entry.metadata()?;
                    if metadata.is_dir() {
                        folders.push(entry.path());
                    } else if let Some(key) = key(&folder, &entry.path()) {
                        listed.push(Listed {
                            bucket: bucket.clone(),
                            key,
                            size: metadata.len(),
                            modified: metadata.modified()?,
                        });
                    }
                }
            }
        }
        listed.sort_by(|a, b| (b.modified, &a.key).cmp(&(a.modified, &b.key)));
        Ok(listed)
    }
}

fn key(bucket: &Path, file: &Path) -> Option<String> {
    Some(file.strip_prefix(bucket).ok()?.to_str()?.to_owned())
}

impl Place {
    /// Moves an upload to its place.
    pub(super) fn keep(&self, fresh: NamedTempFile, about: &About) -> io::Result<()> {
        for path in [&self.about, &self.file] {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
        }
        std::fs::write(&self.about, serde_json::to_vec(about)?)?;
        fresh.persist(&self.file)?;
        Ok(())
    }

    pub(super) async fn find(&self) -> io::Result<Option<Found>> {
        let file = match std::fs::File::open(&self.file) {
            Ok(file) => file,
            // A part of the key can be an object itself.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let about = tokio::fs::read(&self.about).await.ok();
        let about = about.and_then(|json| serde_json::from_slice(&json).ok());
        Ok(Some(Found {
            file,
            // A person may put a file into the folder by hand.
            about: about.unwrap_or_else(|| About {
                content_type: "application/octet-stream".to_owned(),
                etag: "\"unknown\"".to_owned(),
            }),
            size: metadata.len(),
            modified: metadata.modified()?,
        }))
    }
}

impl Found {
    pub(super) fn chunks(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let file = tokio::fs::File::from_std(self.file);
        stream::try_unfold(file, async |mut file| {
            let mut chunk = vec![0; CHUNK_BYTES];
            let length = file.read(&mut chunk).await?;
            chunk.truncate(length);
            Ok((length > 0).then(|| (Bytes::from(chunk), file)))
        })
    }
}
