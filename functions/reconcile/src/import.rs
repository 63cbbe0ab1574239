//! Tiki's result files: each is read once, and each of its lines is processed.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use domain::{Day, TransactionId};
use futures::{StreamExt, stream};
use ledger::{Entry, Written};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::file::day_in;
use reconciliation::record::{Closed, Finding, Received, Record, of_day, ours};
use reconciliation::result::{Lines, ResultLine, Unreadable, Verdict};
use sftp::{RemoteFile, Sftp, SftpError};
use sha2::{Digest, Sha256};

use crate::{Reconcile, Run};

/// A larger file cannot be an answer to ours, which have half a million lines at most.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// How many lines are processed at the same time. For each difference, Tiki is asked.
const MAX_CONCURRENT_LINES: usize = 8;

/// After this many lines, the position in the file is recorded.
const LINES_PER_CHECKPOINT: usize = 400;

/// The outcome of a line.
enum LineOutcome {
    Matched,
    Found,
    Unreadable,
}

impl Reconcile {
    /// Reads every new result file; or the named one, also if it was read before. A file that fails stops no other.
    pub(crate) async fn import(&self, run: &mut Run, named: Option<&str>) -> anyhow::Result<()> {
        let Some(server) = &self.sftp else {
            return Ok(());
        };
        let sftp = server.connect().await?;
        let folder = server.outbound();
        let listed = sftp.list(&folder).await;
        let mut files = listed.context("Tiki's results")?;
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
        sftp: &Sftp,
        path: &str,
        (day, file): (Day, &RemoteFile),
        again: bool,
    ) -> anyhow::Result<()> {
        let known = self.ledger.list::<Received>(&of_day(day)).await?;
        let same = |known: &&Entry<Received>| {
            let known = &known.record;
            (known.name.as_str(), known.bytes) == (file.name.as_str(), file.size)
        };
        let unchanged = |known: &Entry<Received>| {
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
                let problem = format!("the file has more than {MAX_FILE_BYTES} bytes");
                return self.report_file(run, day, file, problem).await;
            }
        };
        let received = match known.into_iter().find(|known| {
            (known.record.name.as_str(), &known.record.sha256) == (file.name.as_str(), &sha256)
        }) {
            Some(known) if again => self.begin_again(known).await?,
            Some(known) if known.record.done_at.is_some() => {
                // The same bytes were uploaded again. The new time is recorded, so that they are skipped next time.
                let modified = file.modified;
                let record = Received {
                    modified,
                    ..known.record
                };
                self.ledger.put(record, Some(known.version)).await?;
                return Ok(());
            }
            Some(known) => known,
            None => {
                let received = new(day, file, &sha256, self.clock.now().unix_ms());
                let key = format!("{day}/received/{}", file.name);
                let kind = "text/plain; charset=utf-8";
                self.archive.put(&key, &local, &sha256, kind).await?;
                match self.ledger.put(received, None).await? {
                    Written::Stored(received) | Written::Refused(received) => received,
                }
            }
        };
        run.touched.insert(day);
        self.process_lines(run, day, received, &local).await
    }

    /// Resets the position in a file, and closes the findings about unreadable lines. Other findings stay, and are
    /// checked again.
    async fn begin_again(&self, known: Entry<Received>) -> anyhow::Result<Entry<Received>> {
        let subject = known.record.subject();
        let mut after = None;
        loop {
            let (page, next) = self.ledger.page::<Finding>(&subject, after, 200).await?;
            let of_file = |finding: &Entry<Finding>| {
                let finding = &finding.record;
                finding.ground == MismatchReason::UnreadableLine
                    && finding.file == known.record.name
            };
            for Entry {
                mut record,
                version,
            } in page.into_iter().filter(of_file)
            {
                record.closed = Some(Closed {
                    at: self.clock.now().unix_ms(),
                    by: "reconcile".to_owned(),
                    reason: "the file is read again".to_owned(),
                });
                self.ledger.put(record, Some(version)).await?;
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
        match self.ledger.put(record, Some(known.version)).await? {
            Written::Stored(known) => Ok(known),
            Written::Refused(_) => bail!("another run reads it"),
        }
    }

    /// Continues a file where the last run stopped, as far as the time allows. The file is done when each line is a
    /// match, a finding, or reported as unreadable.
    async fn process_lines(
        &self,
        run: &mut Run,
        day: Day,
        mut received: Entry<Received>,
        local: &Path,
    ) -> anyhow::Result<()> {
        let mut lines = Lines::new(BufReader::new(File::open(local)?), self.format.clone());
        let name = received.record.name.clone();
        loop {
            let mut some = Vec::new();
            let mut at_end = false;
            while some.len() < LINES_PER_CHECKPOINT && !at_end {
                match lines.read()? {
                    None => at_end = true,
                    // An earlier run has processed this line.
                    Some(read) if number(&read) <= received.record.lines => {}
                    Some(read) => some.push(read),
                }
            }
            let work = some
                .into_iter()
                .map(|read| self.process_line(day, &name, read));
            let mut work = stream::iter(work).buffer_unordered(MAX_CONCURRENT_LINES);
            while let Some(outcome) = work.next().await {
                let count = match outcome? {
                    LineOutcome::Matched => &mut received.record.matched,
                    LineOutcome::Found => &mut received.record.findings,
                    LineOutcome::Unreadable => &mut received.record.unreadable,
                };
                *count = count.saturating_add(1);
            }
            drop(work);
            let now = self.clock.now();
            received.record.lines = received.record.lines.max(lines.line());
            received.record.done_at = at_end.then_some(now.unix_ms());
            let version = Some(received.version);
            received = match self.ledger.put(received.record, version).await? {
                Written::Stored(received) => received,
                Written::Refused(_) => bail!("another run reads it"),
            };
            if at_end {
                tracing::info!(
                    file = name,
                    lines = received.record.lines,
                    "a result file is processed"
                );
                run.outcome.received.push(name);
                return Ok(());
            }
            if !run.has_time(now) {
                tracing::warn!(
                    file = name,
                    "the time is over; the next run continues the file"
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
                self.find(day, file, line).await?;
                Ok(LineOutcome::Found)
            }
        }
    }

    /// Whether the line says that both sides agree, and our own record agrees with it. Then Tiki is not asked.
    async fn matches(&self, line: &ResultLine) -> anyhow::Result<bool> {
        if line.verdict != Verdict::Match {
            return Ok(false);
        }
        let id = TransactionId::derive(&self.client_id, &line.tiki_id);
        let Some(t) = self.transactions.load(id).await? else {
            return Ok(false);
        };
        let ours = ours(t.status(), t.order.amount);
        let same_status = line.values.status.is_none() || line.values.status == ours.status;
        let same_amount =
            line.values.amount_vnd.is_none() || line.values.amount_vnd == ours.amount_vnd;
        Ok(t.final_at().is_some() && same_status && same_amount)
    }

    /// Reports a file with an unrecognised name: nobody can know the day that it is about.
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
        let name: String = file.name.chars().take(200).collect();
        let unreadable = Unreadable {
            line: 0,
            column: None,
            problem,
        };
        // An unrecognised file stays where it is. It is reported once, not once a day.
        for known in [day, day.previous(), day.previous().previous()] {
            let entry = format!("{}{name}:0", Finding::PREFIX);
            let found = self.ledger.get::<Finding>(&of_day(known), &entry).await?;
            if found.is_some() {
                return Ok(());
            }
        }
        run.touched.insert(day);
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
        match self.ledger.put(finding.clone(), None).await? {
            Written::Stored(_) => metrics::FINDINGS.count(&[Kind::NeedsReview.as_str()]),
            // An earlier run has reported it. A report that was closed for a second reading is opened again.
            Written::Refused(there) if there.record.closed.is_some() => {
                self.ledger.put(finding, Some(there.version)).await?;
            }
            Written::Refused(_) => {}
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
    /// With the SHA-256 of its bytes.
    Whole(String),
    Gone,
    TooLarge,
}

async fn fetch(sftp: &Sftp, path: &str, to: &PathBuf) -> anyhow::Result<Fetched> {
    let mut file = File::create(to)?;
    match sftp.get(path, &mut file, MAX_FILE_BYTES).await {
        Ok(true) => {}
        Ok(false) => return Ok(Fetched::Gone),
        Err(SftpError::TooLarge { .. }) => return Ok(Fetched::TooLarge),
        Err(error) => return Err(error.into()),
    }
    file.flush()?;
    Ok(Fetched::Whole(sha256(to)?))
}

/// The SHA-256 of a file, in hex.
pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let length = file.read(&mut chunk)?;
        match chunk.get(..length) {
            Some(piece) if !piece.is_empty() => hash.update(piece),
            _ => return Ok(hex::encode(hash.finalize())),
        }
    }
}
