//! Reconciliation (đối soát, protocol §7): the file of yesterday goes to Tiki, Tiki's result file comes back, and
//! each difference is checked again until both sides agree or a person reviews it.
//!
//! | module | what happens there |
//! |---|---|
//! | `run_lock` | one run at a time |
//! | `export` | the data of a day, written to files |
//! | `delivery` | a file goes to Tiki, once |
//! | `import` | Tiki's result files, line by line |
//! | `recheck` | one transaction, compared with Tiki's look-up |
//! | `publish` | the report of a day |

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

use archive::Archive;
use domain::{ClientId, Clock, Day, Timestamp};
use ledger::Ledger;
use reconciliation::classify::Kind;
use reconciliation::file::PartnerName;
use reconciliation::result::ResultFormat;
use serde::Serialize;
use store::{Transactions, WriteIds};
use tempfile::TempDir;
use tiki_api::TikiClient;

pub use self::delivery::SftpServer;
pub use self::event::Event;
use self::run_lock::RunLock;

/// A day can be exported from this time after its end. Until then a machine with a slow clock, or a write that is not
/// finished, may still add to it.
pub const EXPORT_CUTOFF: Duration = Duration::from_mins(15);

/// The file of a day is due this time after the end of the day: at 06:00 in Vietnam.
const EXPORT_DUE_AFTER: Duration = Duration::from_hours(6);

/// How many days back a scheduled run exports. A person can ask for an older day.
const MAX_DUE_DAYS: usize = 31;

/// Nothing is started when less than this time is left.
const TIME_TO_FINISH: Duration = Duration::from_secs(60);

/// What the function works with.
pub struct Reconcile {
    /// The table of payments.
    pub transactions: Transactions,
    /// The records of files and findings.
    pub ledger: Ledger,
    /// The bucket with a copy of every file.
    pub archive: Archive,
    /// Tiki's file server; `None` if Tiki gets the files by API only.
    pub sftp: Option<SftpServer>,
    /// The client for look-ups at Tiki.
    pub tiki: TikiClient,
    /// The client whose transactions these are.
    pub client_id: ClientId,
    /// Our name in file names.
    pub partner: PartnerName,
    /// Whether refunds have rows of their own.
    pub refund_rows: bool,
    /// The format of Tiki's result files.
    pub format: ResultFormat,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Names of runs.
    pub write_ids: Arc<dyn WriteIds>,
}

/// What a run did: the answer to the caller.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The name of another run that holds the lock. This one did nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<String>,
    /// Files that went to Tiki in this run.
    pub delivered: Vec<String>,
    /// Result files that are now completely processed.
    pub received: Vec<String>,
    /// Days with a new report.
    pub reported: Vec<String>,
}

/// A run of the function.
pub(crate) struct Run {
    name: String,
    began: Timestamp,
    folder: TempDir,
    /// Nothing is started after this time.
    until: Timestamp,
    /// Days that need a new report.
    touched: BTreeSet<Day>,
    outcome: Outcome,
    failures: Vec<anyhow::Error>,
}

impl Reconcile {
    /// Does the work of an event until shortly before the deadline. A part that fails stops no other part. Then the
    /// whole run fails, so that an alarm shows it and it is tried again.
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
        let lock = match self.acquire(&run.name, deadline).await? {
            RunLock::Held(lock) => lock,
            RunLock::HeldByAnother(busy) => {
                tracing::info!(busy, "another run is in progress");
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
        self.release(lock).await;
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
        let rechecked = self.recheck_open(run).await;
        run.note("findings could not be checked again", rechecked);
        let measured = self.measure().await;
        run.note("lateness and open findings could not be measured", measured);
    }

    /// Delivers every day that is due and not delivered, the oldest first. A day that fails stops no later day.
    async fn export_due(&self, run: &mut Run) -> anyhow::Result<()> {
        for day in self.due_days().await? {
            if !self.is_delivered(day).await? {
                let exported = self.export(run, day).await;
                run.note("a day could not be exported", exported);
            }
        }
        Ok(())
    }

    /// Measures what is waiting, so that an alarm stays on as long as it waits.
    async fn measure(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let mut lateness = Duration::ZERO;
        for day in self.due_days().await? {
            if !self.is_delivered(day).await? {
                lateness = lateness.max(now.since(day.end_exclusive().after(EXPORT_DUE_AFTER)));
            }
        }
        metrics::RECONCILIATION_LATENESS.record_duration(&[], lateness);
        let waiting = self.ledger.count_open(Kind::NeedsReview.as_str()).await?;
        metrics::FINDINGS_OPEN.record(&[], waiting);
        Ok(())
    }
}

impl Run {
    /// Counts and logs the error of a part of the run, and keeps it.
    fn note(&mut self, what: &'static str, result: anyhow::Result<()>) {
        if let Err(error) = result {
            metrics::FAILURES.count(&[]);
            tracing::error!(error = format!("{error:#}"), "{what}");
            self.failures.push(error.context(what));
        }
    }

    /// Whether enough time is left to start something.
    fn has_time(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

fn before(deadline: Timestamp, time: Duration) -> Timestamp {
    let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(deadline.unix_ms().saturating_sub(ms)).unwrap_or(Timestamp::MIN)
}
