//! Fetches Tiki's result files: each file once, and each line to an outcome.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use domain::Day;
use files::FileDrop;
use files::file_drop::DropError;
use futures::{StreamExt, stream};
use reconciliation::hash::HashingWriter;
use reconciliation::place::ObjectKey;
use reconciliation::plan::import::{self, Fetched, Listed, Name, Next, Reading};
use reconciliation::record::{Received, Unrecognised};
use reconciliation::result::{Lines, Read, Unreadable, number};
use store::{Key, Versioned, Written};

use crate::lines::LineOutcome;
use crate::{Reconcile, Run};

/// The largest result file that is read. Our own files have at most half a million lines, so a larger one is not an
/// answer to them.
const MAX_RESULT_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The lines that are processed at the same time. Tiki is asked about each one on which the sides differ.
const MAX_CONCURRENT_LINES: usize = 8;

/// The lines after which the progress in a file is recorded.
const LINES_PER_PROGRESS_RECORD: usize = 400;

impl Reconcile {
    /// Reads each result file that is new; or the one that is named, also if it was read before. If one file fails,
    /// the others are read all the same.
    pub(crate) async fn import(&self, run: &mut Run, named: Option<&str>) -> anyhow::Result<()> {
        let Some(drop) = &self.file_drop else {
            return Ok(());
        };
        let folder = drop.folders.outbound();
        let Some(session) = self.session(run).await? else {
            return Ok(());
        };
        let files = match named {
            Some(named) => named_file(session.as_ref(), &folder, named).await?,
            None => self.new_files(run, session.as_ref(), &folder).await?,
        };
        for file in files {
            if !run.has_time(self.clock.now()) {
                break;
            }
            // A file that broke the session does not take the others with it.
            let Some(session) = self.session(run).await? else {
                return Ok(());
            };
            let imported = match Name::of(&file.name, &self.partner, &self.format) {
                Name::Results(day) => {
                    let path = format!("{folder}/{}", file.name);
                    let fetched = fetch(session.as_ref(), &path, run).await;
                    if fetched.is_err() {
                        run.session.close().await;
                    }
                    match fetched {
                        Ok(fetched) => {
                            let file = (day, &file);
                            self.import_file(run, file, fetched, named.is_some()).await
                        }
                        Err(error) => Err(error),
                    }
                }
                Name::Unrecognised(name) => self.report_unrecognised_file(run, &name).await,
                Name::SideFile => Ok(()),
            };
            let imported = imported.with_context(|| file.name.clone());
            run.note("a result file could not be read", imported);
        }
        Ok(())
    }

    /// The files that are not read yet, and that nobody is writing: two looks, so far apart as the setting says, see
    /// the same size and time.
    async fn new_files(
        &self,
        run: &Run,
        session: &dyn FileDrop,
        folder: &str,
    ) -> anyhow::Result<Vec<Listed>> {
        let mut new = Vec::new();
        for file in list(session, folder).await? {
            if self.is_new(&file).await? {
                new.push(file);
            }
        }
        if new.is_empty() || self.unchanged_for.is_zero() {
            return Ok(new);
        }
        if self.clock.now().after(self.unchanged_for) >= run.until {
            tracing::warn!(
                "there is no time to see whether new files are whole: the next run reads them"
            );
            return Ok(Vec::new());
        }
        self.clock.sleep(self.unchanged_for).await;
        let now = list(session, folder).await?;
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

    async fn is_new(&self, file: &Listed) -> anyhow::Result<bool> {
        Ok(match Name::of(&file.name, &self.partner, &self.format) {
            Name::SideFile => false,
            Name::Results(day) => {
                let known = self.records.get(&Key::received(day, &file.name)).await?;
                let known = known.map(|known| known.record);
                !import::is_read(known.as_ref(), file)
            }
            Name::Unrecognised(name) => {
                let known = self.records.get(&Key::unrecognised(&name)).await?;
                known.is_none()
            }
        })
    }

    /// Carries out what follows from a file that was fetched. `again`: a person has asked for it.
    async fn import_file(
        &self,
        run: &mut Run,
        (day, file): (Day, &Listed),
        fetched: Fetched,
        again: bool,
    ) -> anyhow::Result<()> {
        let known = self.records.get(&Key::received(day, &file.name)).await?;
        let record = known.as_ref().map(|known| &known.record);
        let now = self.clock.now();
        let received = match import::after_fetch(record, (day, file), fetched, again, now) {
            Next::Nothing => return Ok(()),
            Next::Later => {
                tracing::info!(file = file.name, "it has changed: the next run reads it");
                return Ok(());
            }
            Next::Recognise(received) => {
                let version = known.map(|known| known.version);
                self.records.put(received, version).await?;
                return Ok(());
            }
            Next::Refuse(refused, problem) => {
                let whole = Unreadable::whole(problem);
                self.report_line(refused.this_reading(), &whole).await?;
                self.begin_reading(known, refused).await?;
                run.changed_days.insert(day);
                return Ok(());
            }
            Next::GoOn => known.context("a reading that goes on")?,
            Next::Begin(received) => {
                let key = ObjectKey::Received(day, &file.name);
                let sha256 = received.sha256.as_deref().unwrap_or_default();
                self.objects
                    .put(&key.to_string(), &local(run), sha256, key.content_type())
                    .await?;
                self.begin_reading(known, received).await?
            }
        };
        run.changed_days.insert(day);
        self.process_lines(run, received).await
    }

    /// Begins a reading of a file: the first, or another one.
    async fn begin_reading(
        &self,
        known: Option<Versioned<Received>>,
        received: Received,
    ) -> anyhow::Result<Versioned<Received>> {
        let version = known.map(|known| known.version);
        match self.records.put(received, version).await? {
            Written::Stored(received) => Ok(received),
            Written::Conflict(_) => bail!("another run is reading this file"),
        }
    }

    /// Processes the lines of a file from the last recorded progress on, as far as the time allows. The file is done
    /// when each line has an outcome.
    async fn process_lines(
        &self,
        run: &mut Run,
        mut received: Versioned<Received>,
    ) -> anyhow::Result<()> {
        let file = BufReader::new(File::open(local(run))?);
        let mut lines = Lines::new(file, self.format.clone());
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
            let this = received.record.clone();
            let counted = self.process_batch(run, &this, batch).await?;
            counted.add_to(&mut received.record);
            at_end = at_end && !counted.out_of_time;
            // Only a file that can be understood says what it does not say any more.
            if at_end && lines.has_columns() {
                self.withdraw_old_claims(this.this_reading()).await?;
            }
            let now = self.clock.now();
            if !counted.out_of_time {
                received.record.lines = received.record.lines.max(lines.line());
            }
            received.record.done_at = at_end.then_some(now);
            let version = Some(received.version);
            received = match self.records.put(received.record, version).await? {
                Written::Stored(received) => received,
                Written::Conflict(_) => bail!("another run is reading this file"),
            };
            let (file, lines) = (&received.record.name, received.record.lines);
            if at_end {
                tracing::info!(file, lines, "a result file was read");
                run.outcome.received.push(file.clone());
                return Ok(());
            }
            if counted.out_of_time || !run.has_time(now) {
                tracing::warn!(
                    file,
                    "there was no time for the whole result file: the next run continues"
                );
                return Ok(());
            }
        }
    }

    /// Processes lines side by side, as long as there is time to start one, and counts them in their order. A line that
    /// was processed and is not counted is processed again by the next run.
    async fn process_batch(
        &self,
        run: &Run,
        this: &Received,
        batch: Vec<Read>,
    ) -> anyhow::Result<Counted> {
        let work = batch.into_iter().map(async |read| {
            if !run.has_time(self.clock.now()) {
                return anyhow::Ok(None);
            }
            let number = number(&read);
            let outcome = self.process_line(this.this_reading(), read).await?;
            Ok(Some((number, outcome)))
        });
        let mut work = stream::iter(work).buffered(MAX_CONCURRENT_LINES);
        let mut counted = Counted::default();
        while let Some(outcome) = work.next().await {
            let Some((number, outcome)) = outcome? else {
                counted.out_of_time = true;
                break;
            };
            counted.last = number;
            let count = match outcome {
                LineOutcome::Matched => &mut counted.matched,
                LineOutcome::Finding => &mut counted.findings,
                LineOutcome::Unreadable => &mut counted.unreadable,
            };
            *count = count.saturating_add(1);
        }
        Ok(counted)
    }

    /// Makes a finding of a file whose name we do not recognise, under yesterday: the name gives no day. The file stays
    /// on the server, and is a finding once.
    async fn report_unrecognised_file(&self, run: &mut Run, name: &str) -> anyhow::Result<()> {
        let day = self.clock.now().vietnamese_day().previous();
        let reading = Reading {
            day,
            file: name,
            number: 1,
        };
        let problem = "the file's name is not tikivip_{PartnerName}_{YYYYMMDD}_{n}";
        self.report_line(reading, &Unreadable::whole(problem))
            .await?;
        let unrecognised = Unrecognised {
            name: name.to_owned(),
            day,
        };
        self.records.put(unrecognised, None).await?;
        run.changed_days.insert(day);
        Ok(())
    }
}

/// The outcomes of lines, up to the first one for which there was no time.
#[derive(Default)]
struct Counted {
    matched: u64,
    findings: u64,
    unreadable: u64,
    /// The number of the last of them.
    last: u64,
    out_of_time: bool,
}

impl Counted {
    fn add_to(&self, received: &mut Received) {
        received.matched = received.matched.saturating_add(self.matched);
        received.findings = received.findings.saturating_add(self.findings);
        received.unreadable = received.unreadable.saturating_add(self.unreadable);
        received.lines = received.lines.max(self.last);
    }
}

/// The file that a person names.
async fn named_file(
    session: &dyn FileDrop,
    folder: &str,
    name: &str,
) -> anyhow::Result<Vec<Listed>> {
    let mut files = list(session, folder).await?;
    files.retain(|file| file.name == name);
    ensure!(!files.is_empty(), "{name} is not in {folder}");
    Ok(files)
}

/// The files of a folder, without hidden ones.
async fn list(session: &dyn FileDrop, folder: &str) -> anyhow::Result<Vec<Listed>> {
    let listed = session.list(folder).await;
    let listed = listed.context("the list of Tiki's result files")?;
    let listed = listed
        .into_iter()
        .filter(|file| !file.name.starts_with('.'));
    let listed = listed.map(|file| Listed {
        name: file.name,
        bytes: file.bytes,
        modified: file.modified,
    });
    Ok(listed.collect())
}

/// The place in the run's folder of the file that is being imported.
fn local(run: &Run) -> std::path::PathBuf {
    run.folder.path().join("received")
}

async fn fetch(session: &dyn FileDrop, path: &str, run: &Run) -> anyhow::Result<Fetched> {
    let to: &Path = &local(run);
    let mut file = HashingWriter::new(File::create(to)?);
    match session.read(path, &mut file, MAX_RESULT_FILE_BYTES).await {
        Ok(true) => Ok(Fetched::Whole(file.finish()?)),
        Ok(false) => Ok(Fetched::Gone),
        Err(error @ (DropError::TooLarge { .. } | DropError::Refused { .. })) => {
            let problem = format!("{:#}", anyhow::Error::from(error));
            Ok(Fetched::Refused(problem))
        }
        Err(error) => Err(error.into()),
    }
}
