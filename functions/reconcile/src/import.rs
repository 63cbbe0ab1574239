//! Reads Tiki's result files: each file once, and each line to an outcome.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use domain::{Day, TransactionId};
use files::sftp::{RemoteFile, SftpError, SftpFileDrop};
use futures::{StreamExt, stream};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::file::day_in;
use reconciliation::hash::HashingWriter;
use reconciliation::record::{Closed, Finding, Received, ours};
use reconciliation::result::{Lines, ResultLine, Unreadable, Verdict};
use store::{Record, Versioned, Written, day_partition};

use crate::{Reconcile, Run};

/// The largest result file that is read. Our own files have at most half a million lines, so a larger one is not an
/// answer to them.
const MAX_RESULT_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The lines that are processed at the same time. Tiki is asked about each one on which the sides differ.
const MAX_CONCURRENT_LINES: usize = 8;

/// The lines after which the progress in a file is recorded.
const LINES_PER_PROGRESS_RECORD: usize = 400;

/// The findings that one request reads.
const FINDINGS_PER_PAGE: u16 = 200;

/// The longest file name in a finding, in characters.
const MAX_NAME_CHARS: usize = 200;

/// The outcome of a line.
enum LineOutcome {
    Matched,
    Finding,
    Unreadable,
}

impl Reconcile {
    /// Reads each result file that is new; or the one that is named, also if it was read before. If one file fails,
    /// the others are read all the same.
    pub(crate) async fn import(&self, run: &mut Run, named: Option<&str>) -> anyhow::Result<()> {
        let Some(server) = &self.sftp else {
            return Ok(());
        };
        let sftp = server.connect().await?;
        let folder = server.outbound();
        let listed = sftp.list(&folder).await;
        let mut files = listed.context("the list of Tiki's result files")?;
        if let Some(named) = named {
            files.retain(|file| file.name == named);
            ensure!(!files.is_empty(), "{named} is not in {folder}");
        }
        let again = named.is_some();
        for file in files {
            if !run.has_time(self.clock.now()) {
                break;
            }
            let path = format!("{folder}/{}", file.name);
            let imported = match day_in(&file.name, &self.partner) {
                Some(day) => {
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

    async fn import_file(
        &self,
        run: &mut Run,
        sftp: &SftpFileDrop,
        path: &str,
        (day, file): (Day, &RemoteFile),
        again: bool,
    ) -> anyhow::Result<()> {
        let known = self.records.list::<Received>(&day_partition(day)).await?;
        let same = |known: &&Versioned<Received>| {
            let known = &known.record;
            (known.name.as_str(), known.bytes) == (file.name.as_str(), file.size)
        };
        let unchanged = |known: &Versioned<Received>| {
            known.record.done_at.is_some() && known.record.modified == file.modified
        };
        if !again && file.modified.is_some() && known.iter().filter(same).any(unchanged) {
            return Ok(());
        }
        let local = run.folder.path().join("received");
        let sha256 = match fetch(sftp, path, &local).await? {
            Fetched::Whole(sha256) => sha256,
            Fetched::Gone => return Ok(()),
            Fetched::TooLarge => {
                let problem = format!("the file has more than {MAX_RESULT_FILE_BYTES} bytes");
                return self.report_file(run, day, file, problem).await;
            }
        };
        let received = match known.into_iter().find(|known| {
            (known.record.name.as_str(), &known.record.sha256) == (file.name.as_str(), &sha256)
        }) {
            Some(known) if again => self.start_again(known).await?,
            Some(known) if known.record.done_at.is_some() => {
                // The same bytes with a new time, by which the next run recognises the file without reading it.
                let modified = file.modified;
                let record = Received {
                    modified,
                    ..known.record
                };
                self.records.put(record, Some(known.version)).await?;
                return Ok(());
            }
            Some(known) => known,
            None => {
                let received = new(day, file, &sha256, self.clock.now().unix_ms());
                let key = format!("{day}/received/{}", file.name);
                let kind = "text/plain; charset=utf-8";
                self.objects.put(&key, &local, &sha256, kind).await?;
                match self.records.put(received, None).await? {
                    Written::Stored(received) | Written::Conflict(received) => received,
                }
            }
        };
        run.changed_days.insert(day);
        self.process_lines(run, day, received, &local).await
    }

    /// Resets the progress in a file, and closes the findings about its unreadable lines. The other findings stay,
    /// and are checked again.
    async fn start_again(&self, known: Versioned<Received>) -> anyhow::Result<Versioned<Received>> {
        let partition = known.record.partition();
        let mut after = None;
        loop {
            let (page, next) = self
                .records
                .page::<Finding>(&partition, after, FINDINGS_PER_PAGE)
                .await?;
            let of_file = |finding: &Versioned<Finding>| {
                let finding = &finding.record;
                finding.mismatch == MismatchReason::UnreadableLine
                    && finding.file == known.record.name
            };
            for Versioned {
                mut record,
                version,
            } in page.into_iter().filter(of_file)
            {
                record.closed = Some(Closed {
                    at: self.clock.now().unix_ms(),
                    by: "reconcile".to_owned(),
                    reason: "the file is read again".to_owned(),
                });
                self.records.put(record, Some(version)).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let record = Received {
            lines: 0,
            matched: 0,
            findings: 0,
            unreadable: 0,
            done_at: None,
            ..known.record
        };
        match self.records.put(record, Some(known.version)).await? {
            Written::Stored(known) => Ok(known),
            Written::Conflict(_) => bail!("another run is reading this file"),
        }
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
                .map(|read| self.process_line(day, &name, read));
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
                run.outcome.received.push(name);
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

    async fn process_line(
        &self,
        day: Day,
        file: &str,
        read: reconciliation::result::Read,
    ) -> anyhow::Result<LineOutcome> {
        match read {
            Err(unreadable) => {
                self.report_line(day, file, unreadable).await?;
                Ok(LineOutcome::Unreadable)
            }
            Ok(line) if self.matches(&line).await? => Ok(LineOutcome::Matched),
            Ok(line) => {
                self.check_line(day, file, line).await?;
                Ok(LineOutcome::Finding)
            }
        }
    }

    /// Whether the file says that the sides agree, and our own record agrees too. Tiki is then not asked.
    async fn matches(&self, line: &ResultLine) -> anyhow::Result<bool> {
        if line.verdict != Verdict::Match {
            return Ok(false);
        }
        let id = TransactionId::derive(&line.tiki_id);
        let Some(t) = self.transactions.load(id).await? else {
            return Ok(false);
        };
        let ours = ours(t.status(), t.order().amount);
        let same_status = line.values.status.is_none() || line.values.status == ours.status;
        let same_amount =
            line.values.amount_vnd.is_none() || line.values.amount_vnd == ours.amount_vnd;
        Ok(t.final_at().is_some() && same_status && same_amount)
    }

    /// Makes a finding of a file whose name we do not recognise, under yesterday: the name gives no day.
    async fn report_unrecognised_file(
        &self,
        run: &mut Run,
        file: &RemoteFile,
    ) -> anyhow::Result<()> {
        let yesterday = self.clock.now().vietnamese_day().previous();
        let problem = "the file's name is not tikivip_{PartnerName}_{YYYYMMDD}_{n}".to_owned();
        self.report_file(run, yesterday, file, problem).await
    }

    async fn report_file(
        &self,
        run: &mut Run,
        day: Day,
        file: &RemoteFile,
        problem: String,
    ) -> anyhow::Result<()> {
        let name: String = file.name.chars().take(MAX_NAME_CHARS).collect();
        let unreadable = Unreadable {
            line: 0,
            column: None,
            problem,
        };
        // The file stays on the server. It is reported once, and not each day.
        for known in [day, day.previous(), day.previous().previous()] {
            let sort = format!("{}{name}:0", Finding::PREFIX);
            let found = self
                .records
                .get::<Finding>(&day_partition(known), &sort)
                .await?;
            if found.is_some() {
                return Ok(());
            }
        }
        run.changed_days.insert(day);
        self.report_line(day, &name, unreadable).await
    }

    async fn report_line(&self, day: Day, file: &str, line: Unreadable) -> anyhow::Result<()> {
        let now = self.clock.now().unix_ms();
        let reason = match &line.column {
            Some(column) => format!("{column} {}", line.problem),
            None => line.problem,
        };
        let id = format!("{file}:{}", line.line);
        let mut finding = Finding::new(day, id, file, line.line, now);
        finding.reason = reason;
        finding.look(now, Kind::NeedsReview, MismatchReason::UnreadableLine);
        match self.records.put(finding.clone(), None).await? {
            Written::Stored(_) => metrics::FINDINGS.count(&[Kind::NeedsReview.as_str()]),
            // An earlier run has reported it. Only when the file is read again is it reported again.
            Written::Conflict(there) if there.record.closed.is_some() => {
                self.records.put(finding, Some(there.version)).await?;
            }
            Written::Conflict(_) => {}
        }
        Ok(())
    }
}

fn new(day: Day, file: &RemoteFile, sha256: &str, now: i64) -> Received {
    Received {
        day: day.to_string(),
        name: file.name.clone(),
        sha256: sha256.to_owned(),
        bytes: file.size,
        modified: file.modified,
        received_at: now,
        lines: 0,
        matched: 0,
        findings: 0,
        unreadable: 0,
        done_at: None,
    }
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
