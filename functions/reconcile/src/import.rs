//! Reads Tiki's result files: each file once, and each line to an outcome.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use domain::{Day, Timestamp};
use files::sftp::{RemoteFile, SftpError, SftpFileDrop};
use futures::{StreamExt, stream};
use reconciliation::file::day_in;
use reconciliation::hash::HashingWriter;
use reconciliation::record::{Received, Unrecognised};
use reconciliation::result::{Lines, Unreadable};
use store::{RUNS, Record, Versioned, Written, day_partition};

use crate::lines::{LineOutcome, Reading};
use crate::{Reconcile, Run};

/// The largest result file that is read. Our own files have at most half a million lines, so a larger one is not an
/// answer to them.
const MAX_RESULT_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The lines that are processed at the same time. Tiki is asked about each one on which the sides differ.
const MAX_CONCURRENT_LINES: usize = 8;

/// The lines after which the progress in a file is recorded.
const LINES_PER_PROGRESS_RECORD: usize = 400;

/// The longest file name in a finding, in characters.
const MAX_NAME_CHARS: usize = 200;

impl Reconcile {
    /// Reads each result file that is new; or the one that is named, also if it was read before. If one file fails,
    /// the others are read all the same.
    pub(crate) async fn import(&self, run: &mut Run, named: Option<&str>) -> anyhow::Result<()> {
        let Some(server) = &self.sftp else {
            return Ok(());
        };
        let sftp = server.connect().await?;
        let folder = server.outbound();
        let files = match named {
            Some(named) => self.named(&sftp, &folder, named).await?,
            None => self.new_files(&sftp, &folder, run.until).await?,
        };
        for file in files {
            if !run.has_time(self.clock.now()) {
                break;
            }
            let path = format!("{folder}/{}", file.name);
            let imported = match day_in(&file.name, &self.partner) {
                Some(day) => {
                    let again = named.is_some();
                    self.import_file(run, &sftp, &path, (day, &file), again)
                        .await
                }
                None => self.report_unrecognised_file(run, &file).await,
            };
            let imported = imported.with_context(|| file.name.clone());
            run.note("a result file could not be read", imported);
        }
        sftp.close().await;
        Ok(())
    }

    /// The file that a person names.
    async fn named(
        &self,
        sftp: &SftpFileDrop,
        folder: &str,
        name: &str,
    ) -> anyhow::Result<Vec<RemoteFile>> {
        let mut files = list(sftp, folder).await?;
        files.retain(|file| file.name == name);
        ensure!(!files.is_empty(), "{name} is not in {folder}");
        Ok(files)
    }

    /// The files that are not read yet, and that nobody is writing: two looks, so far apart as the setting says, see the
    /// same size and time.
    async fn new_files(
        &self,
        sftp: &SftpFileDrop,
        folder: &str,
        until: Timestamp,
    ) -> anyhow::Result<Vec<RemoteFile>> {
        let mut new = Vec::new();
        for file in list(sftp, folder).await? {
            if !self.format.is_side_file(&file.name) && !self.is_read(&file).await? {
                new.push(file);
            }
        }
        if new.is_empty() || self.unchanged_for.is_zero() {
            return Ok(new);
        }
        if self.clock.now().after(self.unchanged_for) >= until {
            tracing::warn!(
                "there is no time to see whether new files are whole: the next run reads them"
            );
            return Ok(Vec::new());
        }
        self.clock.sleep(self.unchanged_for).await;
        let now = list(sftp, folder).await?;
        new.retain(|file| {
            let rests = now.contains(file);
            if !rests {
                tracing::info!(
                    file = file.name,
                    "it is being written: the next run reads it"
                );
            }
            rests
        });
        Ok(new)
    }

    /// Whether a file was read, by its name, its size and its time. Without a time only its bytes can tell.
    async fn is_read(&self, file: &RemoteFile) -> anyhow::Result<bool> {
        let Some(day) = day_in(&file.name, &self.partner) else {
            let name = in_record(&file.name);
            return Ok(self.unrecognised(&name).await?.is_some());
        };
        let Some(known) = self.received(day, &file.name).await? else {
            return Ok(false);
        };
        let known = known.record;
        let same = known.bytes == file.size && known.modified == file.modified;
        Ok(same && file.modified.is_some() && known.done_at.is_some())
    }

    async fn import_file(
        &self,
        run: &mut Run,
        sftp: &SftpFileDrop,
        path: &str,
        (day, file): (Day, &RemoteFile),
        again: bool,
    ) -> anyhow::Result<()> {
        let known = self.received(day, &file.name).await?;
        let local = run.folder.path().join("received");
        let sha256 = match fetch(sftp, path, &local).await? {
            Fetched::Whole(sha256) => sha256,
            Fetched::Gone => return Ok(()),
            Fetched::TooLarge => return self.refuse(run, known, day, file).await,
        };
        let now = self.clock.now().unix_ms();
        let same = known.as_ref().filter(|known| known.record.sha256 == sha256);
        let received = match same {
            Some(same) if !again && same.record.done_at.is_some() => {
                // The same bytes with a new time, by which the next run recognises the file without reading it.
                let (modified, bytes) = (file.modified, file.size);
                let record = Received {
                    modified,
                    bytes,
                    ..same.record.clone()
                };
                self.records.put(record, Some(same.version)).await?;
                return Ok(());
            }
            Some(same) if !again => same.clone(),
            _ => {
                let key = format!("{day}/received/{}", file.name);
                let kind = "text/plain; charset=utf-8";
                self.objects.put(&key, &local, &sha256, kind).await?;
                let reading = new(day, file, &sha256, now);
                self.begin_reading(known, reading).await?
            }
        };
        run.changed_days.insert(day);
        self.process_lines(run, day, received, &local).await
    }

    async fn received(&self, day: Day, name: &str) -> anyhow::Result<Option<Versioned<Received>>> {
        let sort = format!("{}{name}", Received::PREFIX);
        Ok(self.records.get(&day_partition(day), &sort).await?)
    }

    /// Begins a reading of a file: the first, or another one.
    async fn begin_reading(
        &self,
        known: Option<Versioned<Received>>,
        received: Received,
    ) -> anyhow::Result<Versioned<Received>> {
        let (before, version) = known.map(|known| (known.record, known.version)).unzip();
        let earlier = before.map_or(0, |before: Received| before.reading);
        let received = Received {
            reading: earlier.saturating_add(1),
            ..received
        };
        match self.records.put(received, version).await? {
            Written::Stored(received) => Ok(received),
            Written::Conflict(_) => bail!("another run is reading this file"),
        }
    }

    /// A file that is too large is a finding, and is not fetched again until it changes.
    async fn refuse(
        &self,
        run: &mut Run,
        known: Option<Versioned<Received>>,
        day: Day,
        file: &RemoteFile,
    ) -> anyhow::Result<()> {
        let now = self.clock.now().unix_ms();
        let refused = Received {
            done_at: Some(now),
            ..new(day, file, "", now)
        };
        let earlier = known.as_ref().map_or(0, |known| known.record.reading);
        let reading = Reading {
            day,
            file: &file.name,
            number: earlier.saturating_add(1),
        };
        let problem = format!("the file has more than {MAX_RESULT_FILE_BYTES} bytes");
        self.report_line(reading, whole(problem)).await?;
        self.begin_reading(known, refused).await?;
        run.changed_days.insert(day);
        Ok(())
    }

    /// Processes the lines of a file from the last recorded progress on, as far as the time allows. The file is done
    /// when each line has an outcome.
    async fn process_lines(
        &self,
        run: &mut Run,
        day: Day,
        mut received: Versioned<Received>,
        local: &Path,
    ) -> anyhow::Result<()> {
        let mut lines = Lines::new(BufReader::new(File::open(local)?), self.format.clone());
        let name = received.record.name.clone();
        let reading = Reading {
            day,
            file: &name,
            number: received.record.reading,
        };
        loop {
            let mut batch = Vec::new();
            let mut at_end = false;
            while batch.len() < LINES_PER_PROGRESS_RECORD && !at_end {
                match lines.read()? {
                    None => at_end = true,
                    // An earlier run has processed it.
                    Some(read) if number(&read) <= received.record.lines => {}
                    Some(read) => batch.push(read),
                }
            }
            let work = batch
                .into_iter()
                .map(|read| self.process_line(reading, read));
            let mut work = stream::iter(work).buffer_unordered(MAX_CONCURRENT_LINES);
            while let Some(outcome) = work.next().await {
                let count = match outcome? {
                    LineOutcome::Matched => &mut received.record.matched,
                    LineOutcome::Finding => &mut received.record.findings,
                    LineOutcome::Unreadable => &mut received.record.unreadable,
                };
                *count = count.saturating_add(1);
            }
            drop(work);
            // Only a file that can be understood says what it does not say any more.
            if at_end && lines.has_columns() {
                self.withdraw_old_claims(reading).await?;
            }
            let now = self.clock.now();
            received.record.lines = received.record.lines.max(lines.line());
            received.record.done_at = at_end.then_some(now.unix_ms());
            let version = Some(received.version);
            received = match self.records.put(received.record, version).await? {
                Written::Stored(received) => received,
                Written::Conflict(_) => bail!("another run is reading this file"),
            };
            if at_end {
                tracing::info!(
                    file = name,
                    lines = received.record.lines,
                    "a result file was read"
                );
                run.outcome.received.push(name.clone());
                return Ok(());
            }
            if !run.has_time(now) {
                tracing::warn!(
                    file = name,
                    "there was no time for the whole result file: the next run continues"
                );
                return Ok(());
            }
        }
    }

    /// Makes a finding of a file whose name we do not recognise, under yesterday: the name gives no day. The file stays
    /// on the server, and is a finding once.
    async fn report_unrecognised_file(
        &self,
        run: &mut Run,
        file: &RemoteFile,
    ) -> anyhow::Result<()> {
        let yesterday = self.clock.now().vietnamese_day().previous();
        let name = in_record(&file.name);
        let reading = Reading {
            day: yesterday,
            file: &name,
            number: 1,
        };
        let problem = "the file's name is not tikivip_{PartnerName}_{YYYYMMDD}_{n}".to_owned();
        self.report_line(reading, whole(problem)).await?;
        let unrecognised = Unrecognised {
            name: name.clone(),
            day: yesterday.to_string(),
        };
        self.records.put(unrecognised, None).await?;
        run.changed_days.insert(yesterday);
        Ok(())
    }

    async fn unrecognised(&self, name: &str) -> anyhow::Result<Option<Versioned<Unrecognised>>> {
        let sort = format!("{}{name}", Unrecognised::PREFIX);
        Ok(self.records.get(RUNS, &sort).await?)
    }
}

/// A problem of a whole file.
fn whole(problem: String) -> Unreadable {
    Unreadable {
        line: 0,
        column: None,
        problem,
    }
}

async fn list(sftp: &SftpFileDrop, folder: &str) -> anyhow::Result<Vec<RemoteFile>> {
    let listed = sftp.list(folder).await;
    listed.context("the list of Tiki's result files")
}

fn new(day: Day, file: &RemoteFile, sha256: &str, now: i64) -> Received {
    Received {
        day: day.to_string(),
        name: file.name.clone(),
        sha256: sha256.to_owned(),
        bytes: file.size,
        modified: file.modified,
        reading: 0,
        received_at: now,
        lines: 0,
        matched: 0,
        findings: 0,
        unreadable: 0,
        done_at: None,
    }
}

/// A file name as a finding has it: not too long, and without the mark of a refund's id.
fn in_record(name: &str) -> String {
    let name = name.replace('/', "_");
    name.chars().take(MAX_NAME_CHARS).collect()
}

fn number(read: &reconciliation::result::Read) -> u64 {
    match read {
        Ok(line) => line.line,
        Err(unreadable) => unreadable.line,
    }
}

enum Fetched {
    /// The SHA-256 of the whole file.
    Whole(String),
    Gone,
    TooLarge,
}

async fn fetch(sftp: &SftpFileDrop, path: &str, to: &Path) -> anyhow::Result<Fetched> {
    let mut file = HashingWriter::new(File::create(to)?);
    match sftp.get(path, &mut file, MAX_RESULT_FILE_BYTES).await {
        Ok(true) => {}
        Ok(false) => return Ok(Fetched::Gone),
        Err(SftpError::TooLarge { .. }) => return Ok(Fetched::TooLarge),
        Err(error) => return Err(error.into()),
    }
    Ok(Fetched::Whole(file.finish()?.sha256))
}
