//! Reconciliation (đối soát, protocol §7): yesterday's file goes to Tiki, Tiki's answer comes back, and what
//! does not agree is looked into until it does, or lies on a person's desk.
//!
//! | room | what happens there |
//! |---|---|
//! | `turn` | one run at a time |
//! | `export` | a day's data, in files |
//! | `delivery` | a file to Tiki, once |
//! | `import` | Tiki's result files, line by line |
//! | `look` | one transaction, by our record and Tiki's word |
//! | `publish` | the day's report |

mod delivery;
mod event;
mod export;
mod import;
mod publish;
mod recheck;
mod run_lock;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{ClientId, Clock, Day, Timestamp};
use files::s3::S3ObjectStore;
use reconciliation::classify::Kind;
use reconciliation::file::PartnerName;
use reconciliation::result::ResultFormat;
use serde::Serialize;
use store::{ReconciliationRecords, Transactions, WriteIds};
use tempfile::TempDir;
use tiki_api::TikiClient;

pub use self::delivery::SftpServer;
pub use self::event::Event;
use self::run_lock::Turn;

/// A day can be exported from so long after its end on: until then somebody with a slow clock, or in the midst
/// of a write, may still add to it.
pub const EXPORT_CUTOFF: Duration = Duration::from_mins(15);

/// The file of a day is due so long after the day's end: 06:00 in Vietnam.
const EXPORT_DUE_AFTER: Duration = Duration::from_hours(6);

/// Days that are looked after by themselves. An older one, somebody must ask for.
const MAX_DUE_DAYS: usize = 31;

/// What is left of the time when nothing more is begun.
const TIME_TO_FINISH: Duration = Duration::from_secs(60);

/// What reconciliation needs.
pub struct Reconcile {
    /// The transactions.
    pub transactions: Transactions,
    /// What is kept of files and findings.
    pub records: ReconciliationRecords,
    /// Copies of everything.
    pub objects: S3ObjectStore,
    /// Tiki's server; none if files are offered by API alone.
    pub sftp: Option<SftpServer>,
    /// Tiki, for look-ups.
    pub tiki: TikiClient,
    /// Whose transactions they are.
    pub client_id: ClientId,
    /// Our name in file names.
    pub partner: PartnerName,
    /// Whether refunds have rows.
    pub refund_rows: bool,
    /// How Tiki's result files are written.
    pub format: ResultFormat,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names of runs.
    pub write_ids: Arc<dyn WriteIds>,
}

/// What a run did, for whoever called it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Another run that was at it, so that this one did nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<String>,
    /// Files that went to Tiki in this run.
    pub delivered: Vec<String>,
    /// Result files of which each line is now accounted for.
    pub received: Vec<String>,
    /// Days whose report is new.
    pub reported: Vec<String>,
}

/// A run: its name, when it began, its folder, and until when it may begin something.
pub(crate) struct Run {
    name: String,
    began: Timestamp,
    folder: TempDir,
    until: Timestamp,
    /// Days about which there is something new to report.
    touched: BTreeSet<Day>,
    outcome: Outcome,
    failures: Vec<anyhow::Error>,
}

impl Reconcile {
    /// Does an event's work until shortly before the deadline. What one part of it fails in keeps no other part
    /// from being done; the run then fails as a whole, so that it is tried again and seen.
    pub async fn handle(&self, event: Event, deadline: Timestamp) -> anyhow::Result<Outcome> {
        let mut run = Run {
            name: self.write_ids.next().simple().to_string(),
            began: self.clock.now(),
            folder: tempfile::tempdir()?,
            until: before(deadline, TIME_TO_FINISH),
            touched: BTreeSet::new(),
            outcome: Outcome::default(),
            failures: Vec::new(),
        };
        let turn = match self.acquire(&run.name, deadline).await? {
            Turn::Ours(turn) => turn,
            Turn::Anothers(busy) => {
                tracing::info!(busy, "another run is at it");
                run.outcome.busy = Some(busy);
                return Ok(run.outcome);
            }
        };
        match event {
            Event::Day(day) => {
                let exported = self.export(&mut run, day).await;
                run.note("a day could not be exported", exported);
            }
            Event::Results(name) => {
                let imported = self.import(&mut run, Some(&name)).await;
                run.note("Tiki's results could not be read", imported);
            }
            Event::Scheduled => self.everything(&mut run).await,
        }
        let published = self.publish(&mut run).await;
        run.note("a report could not be written", published);
        self.give_turn_back(turn).await;
        match run.failures.into_iter().next() {
            None => Ok(run.outcome),
            Some(first) => Err(first),
        }
    }

    async fn everything(&self, run: &mut Run) {
        let exported = self.export_due(run).await;
        run.note("a day could not be exported", exported);
        let imported = self.import(run, None).await;
        run.note("Tiki's results could not be read", imported);
        let looked = self.look_again(run).await;
        run.note("findings could not be looked at", looked);
        let measured = self.measure().await;
        run.note("what waits cannot be measured", measured);
    }

    /// Delivers every day that is due and was not delivered, the oldest first: one that cannot be keeps no
    /// later one back.
    async fn export_due(&self, run: &mut Run) -> anyhow::Result<()> {
        for day in self.due_days().await? {
            if !self.is_delivered(day).await? {
                let exported = self.export(run, day).await;
                run.note("a day could not be exported", exported);
            }
        }
        Ok(())
    }

    /// Measures what lasts, so that an alarm can last as long.
    async fn measure(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let mut lateness = Duration::ZERO;
        for day in self.due_days().await? {
            if !self.is_delivered(day).await? {
                lateness = lateness.max(now.since(day.end_exclusive().after(EXPORT_DUE_AFTER)));
            }
        }
        metrics::RECONCILIATION_LATENESS.record_duration(&[], lateness);
        let waiting = self
            .records
            .count_with_status(Kind::NeedsReview.as_str())
            .await?;
        metrics::FINDINGS_OPEN.record(&[], waiting);
        Ok(())
    }
}

impl Run {
    /// Notes what a part of the run failed in.
    fn note(&mut self, what: &'static str, result: anyhow::Result<()>) {
        if let Err(error) = result {
            metrics::FAILURES.count(&[]);
            tracing::error!(error = format!("{error:#}"), "{what}");
            self.failures.push(error.context(what));
        }
    }

    /// Whether there is time to begin something.
    fn has_time(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

fn before(deadline: Timestamp, time: Duration) -> Timestamp {
    let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(deadline.unix_ms().saturating_sub(ms)).unwrap_or(Timestamp::MIN)
}
