//! Reconciliation (đối soát, protocol §7): yesterday's files go to Tiki, and Tiki's result files come back. Each
//! transaction on which the sides differ is a finding. Findings are checked again until the sides agree, or until a
//! person has closed them.
//!
//! | module | what it does |
//! |---|---|
//! | `run_lock` | lets one run at a time work |
//! | `session` | keeps one connection to Tiki's file server |
//! | `export` | carries out the plan of a day's export |
//! | `delivery` | delivers each file to Tiki once |
//! | `import` | fetches Tiki's result files, each once |
//! | `lines` | brings each line of one to an outcome |
//! | `statement` | compares a day with the core's statement |
//! | `statement_source`, `spill` | reads a statement, and keeps both books of a day in little memory |
//! | `findings` | writes a finding, and reads those of a day |
//! | `at_core` | asks the core about one payment or refund |
//! | `recheck` | compares payments with Tiki's look-up, at first and again |
//! | `watch` | asks Tiki about payments whose money went back |
//! | `forget` | forgets the personal data of old payments |
//! | `measure` | measures what is open or late |
//! | `publish` | writes the day's report |
//! | `daily_mail` | mails the verdict about a day |
//!
//! What is to be done next is planned by the pure crate ([`reconciliation::plan`]). Here it is carried out.

mod at_core;
mod daily_mail;
mod delivery;
mod event;
mod export;
mod findings;
mod forget;
mod import;
mod lines;
mod measure;
mod publish;
mod recheck;
mod run_lock;
mod session;
mod spill;
mod statement;
mod statement_source;
mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day, Timestamp};
use files::{FileServer, ObjectStore};
use lambda::telemetry::TRAIL_OF_OPERATORS;
use reconciliation::file::PartnerName;
use reconciliation::place::Folders;
use reconciliation::record::RunName;
use reconciliation::result::ResultFormat;
use serde::Serialize;
use signing::KeyProvider;
use store::{REQUEST_TIMEOUT, ReconciliationRecords, Transactions, WriteIds};
use tempfile::TempDir;
use tiki_api::{TIKI_ANSWER_TIMEOUT, TikiClient};

pub use self::daily_mail::{DailyMail, LinkMaker};
pub use self::delivery::Upload;
pub use self::event::Event;
use self::run_lock::RunLock;
use self::session::Session;
pub use self::session::SftpServer;
pub use self::statement::{CoreBooks, StatementSource};

/// The time after the end of a day from which on the day can be exported. Before, a function with a slow clock, or in
/// the middle of a write, may still add a payment to the day.
pub const EXPORT_CUTOFF: Duration = Duration::from_mins(15);

/// The time after the end of a day at which its files are due: 06:00 in Vietnam.
const EXPORT_DUE_AFTER: Duration = Duration::from_hours(6);

/// The days that scheduled runs export, the latest ones. An older day must be named in the event.
const MAX_DUE_DAYS: usize = 31;

/// The time before the deadline from which on a run imports and checks no more lines, and only finishes.
pub const TIME_TO_FINISH: Duration = Duration::from_secs(60);

const _: () = assert!(
    TIME_TO_FINISH.as_millis() >= TIKI_ANSWER_TIMEOUT.as_millis() + 5 * REQUEST_TIMEOUT.as_millis(),
    "a line that was started is looked up and recorded, and the run releases its lock"
);

pub struct Reconcile {
    pub transactions: Transactions,
    /// The records of files and findings.
    pub records: ReconciliationRecords,
    /// The bucket for copies of all files, and for the reports.
    pub objects: Arc<dyn ObjectStore>,
    /// Tiki's file drop; none if Tiki fetches the files from check-reconciliation.
    pub file_drop: Option<TikiFileDrop>,
    /// Looks transactions up at Tiki.
    pub tiki: TikiClient,
    /// The core's books; none if there are no statements.
    pub core_books: Option<CoreBooks>,
    /// The daily mail; none if nobody wants one.
    pub daily_mail: Option<DailyMail>,
    /// The keys of payment links, from which those of keyed hashes are derived.
    pub link_keys: Arc<dyn KeyProvider>,
    /// So long after its last payment the personal data of a day are kept.
    pub personal_data_kept_for: Duration,
    /// Our name in file names.
    pub partner: PartnerName,
    /// Whether the files have rows for refunds.
    pub refund_rows: bool,
    /// The format of Tiki's result files.
    pub format: ResultFormat,
    /// So long a new result file must have stood still before it is read.
    pub unchanged_for: Duration,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Gives runs their names.
    pub write_ids: Arc<dyn WriteIds>,
}

/// Tiki's file drop.
pub struct TikiFileDrop {
    pub server: Arc<dyn FileServer>,
    pub folders: Folders,
    /// How a file gets its name there.
    pub upload: Upload,
}

/// The answer to the event.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The name of the run that held the run lock, so that this run did nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<String>,
    /// Files that this run delivered.
    pub delivered: Vec<String>,
    /// Result files of which all lines are now processed.
    pub received: Vec<String>,
    /// Days whose report was written.
    pub reported: Vec<String>,
}

/// The state of a run.
pub(crate) struct Run {
    name: RunName,
    started_at: Timestamp,
    folder: TempDir,
    session: Session,
    /// From this time on, no more work is started.
    until: Timestamp,
    /// Days whose report has changed.
    changed_days: BTreeSet<Day>,
    /// Whether a report may be owed of which nobody knows any more, or could not be written: all are written then.
    owes_reports: bool,
    outcome: Outcome,
    errors: Vec<anyhow::Error>,
}

impl Reconcile {
    /// Does the work of an event until shortly before the deadline. If one part fails, the others are done all the
    /// same; the run then fails as a whole, so that it is tried again and an alarm sees it.
    pub async fn handle(&self, event: Event, deadline: Timestamp) -> anyhow::Result<Outcome> {
        let mut run = Run {
            name: self.write_ids.next().simple().to_string().parse()?,
            started_at: self.clock.now(),
            folder: tempfile::tempdir()?,
            session: Session::default(),
            until: before(deadline, TIME_TO_FINISH),
            changed_days: BTreeSet::new(),
            owes_reports: false,
            outcome: Outcome::default(),
            errors: Vec::new(),
        };
        // A person can invoke it by hand: the access trail has who it was, and this what for, whatever the log level is.
        tracing::info!(target: TRAIL_OF_OPERATORS, ?event, run = %run.name, "begins");
        let lock = match self.acquire(&run.name, deadline).await? {
            RunLock::Acquired { lock, left_behind } => {
                run.owes_reports = left_behind;
                lock
            }
            RunLock::HeldByAnotherRun(busy) => {
                tracing::info!(
                    %busy,
                    "another run holds the run lock: this run does nothing"
                );
                run.outcome.busy = Some(busy.to_string());
                return Ok(run.outcome);
            }
        };
        let is_scheduled = matches!(event, Event::Scheduled);
        match event {
            Event::Day(day) => {
                let exported = self.export(&mut run, day).await;
                run.note("a day could not be exported", exported);
                // Its report may be of other settings, or may lack what has come since.
                run.changed_days.insert(day);
            }
            Event::Results(name) => {
                let imported = self.import(&mut run, Some(&name)).await;
                run.note("Tiki's results could not be read", imported);
            }
            Event::Statement(day) => {
                let compared = self.compare_statements(&mut run, Some(day)).await;
                run.note("the core's statement could not be compared", compared);
            }
            Event::Scheduled => self.do_everything_due(&mut run).await,
        }
        run.session.close().await;
        self.publish(&mut run).await;
        if is_scheduled {
            let mailed = self.mail_latest_day(&mut run).await;
            run.note("a day could not be mailed", mailed);
        }
        self.release(lock, run.owes_reports).await;
        match run.errors.into_iter().next() {
            None => Ok(run.outcome),
            Some(first) => Err(first),
        }
    }

    async fn do_everything_due(&self, run: &mut Run) {
        let exported = self.export_due(run).await;
        run.note("a day could not be exported", exported);
        let imported = self.import(run, None).await;
        run.note("Tiki's results could not be read", imported);
        let rechecked = self.recheck_open_findings(run).await;
        run.note("findings could not be checked again", rechecked);
        let watched = self.watch_what_went_back(run).await;
        run.note("what went back could not be looked up", watched);
        // After what Tiki waits for, since a large one may take all the time that is left.
        let compared = self.compare_statements(run, None).await;
        run.note("the core's statements could not be compared", compared);
        let forgotten = self.forget_personal_data(run).await;
        run.note("personal data could not be forgotten", forgotten);
        let measured = self.measure().await;
        run.note("open work could not be measured", measured);
    }

    /// Exports each day that is due and not delivered, the oldest first. If one day fails, the later ones are
    /// exported all the same.
    async fn export_due(&self, run: &mut Run) -> anyhow::Result<()> {
        for day in self.due_days().await? {
            if !self.is_delivered(day).await? {
                let exported = self.export(run, day).await;
                run.note("a day could not be exported", exported);
            }
        }
        Ok(())
    }
}

impl Run {
    /// Notes the error of a part of the run.
    fn note(&mut self, what: &'static str, result: anyhow::Result<()>) {
        if let Err(error) = result {
            metrics::INTERNAL_ERRORS.count(&[]);
            tracing::error!(error = format!("{error:#}"), "{what}");
            self.errors.push(error.context(what));
        }
    }

    /// Whether there is time to start more work.
    fn has_time(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

fn before(deadline: Timestamp, time: Duration) -> Timestamp {
    let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(deadline.unix_ms().saturating_sub(ms)).unwrap_or(Timestamp::MIN)
}
