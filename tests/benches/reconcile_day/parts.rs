//! The parts of reconciliation that are measured, each beside a plain read of what it reads.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use core_api::Statements;
use domain::Clock;
use files::{FileDrop, ObjectStore};
use reconcile::{CoreBooks, Event, Outcome, Reconcile, StatementSource, TikiFileDrop, Upload};
use reconciliation::place::Folders;
use reconciliation::record::{Exported, Received, StatementRead};
use reconciliation::result::ResultFormat;
use serde_dynamo::AttributeValue;
use signed_http::SignedClient;
use signing::{GetSigning, HeaderNames};
use store::{
    DayIndex, Item, Key, RandomWriteIds, ReconciliationRecords, SHARDS, TRANSACTION_ID, Table,
    Transactions, WriteIds,
};
use tiki_api::{PhoneFormat, TikiClient};

use crate::counterparties::{Morning, PlayedCore, PlayedKeys, PlayedTiki};
use crate::day::PlayedDay;
use crate::server::{PlayedBucket, PlayedServer, RESULTS, ROOT};
use crate::system;
use crate::table::{PlayedRecords, PlayedTable};

/// The entries that one request of the plain read asks for: as many as one of the store's.
const ENTRIES_PER_PAGE: u16 = 400;

/// A part of reconciliation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Export,
    Import,
    StatementFile,
    StatementPages,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [
        Self::Export,
        Self::Import,
        Self::StatementFile,
        Self::StatementPages,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Import => "import",
            Self::StatementFile => "comparison, file",
            Self::StatementPages => "comparison, pages",
        }
    }

    /// The number of lines that it writes, or that it reads of the other side.
    pub(crate) fn items(self, day: PlayedDay) -> u64 {
        match self {
            Self::Export => day.payments() + day.refunds(),
            Self::Import => day.payments(),
            Self::StatementFile | Self::StatementPages => day.made() + day.refunds(),
        }
    }

    fn event(self, day: PlayedDay) -> Event {
        match self {
            Self::Export => Event::Day(day.day),
            Self::Import => Event::Results(RESULTS.to_owned()),
            Self::StatementFile | Self::StatementPages => Event::Statement(day.day),
        }
    }
}

/// The function, and what it works with.
pub(crate) struct Bench {
    day: PlayedDay,
    part: Part,
    table: Arc<PlayedTable>,
    server: PlayedServer,
    records: ReconciliationRecords,
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) took: Duration,
    /// The time that the processor worked for it. Other programs on the machine do not lengthen it.
    pub(crate) cpu: Duration,
    /// The requests to the table of transactions.
    pub(crate) requests: u64,
}

struct Watch {
    began: Instant,
    cpu_before: Duration,
}

impl Watch {
    fn start() -> Self {
        Self {
            began: Instant::now(),
            cpu_before: system::cpu_time(),
        }
    }

    fn stop(self, requests: u64) -> Measured {
        Measured {
            took: self.began.elapsed(),
            cpu: system::cpu_time().saturating_sub(self.cpu_before),
            requests,
        }
    }
}

impl Bench {
    pub(crate) async fn of(part: Part, day: PlayedDay, numbers: &Path) -> Self {
        let records = Arc::new(PlayedRecords::default());
        Self {
            day,
            part,
            table: Arc::new(PlayedTable::of(day, numbers).await),
            server: PlayedServer::of(day),
            records: ReconciliationRecords::new(records, Arc::new(RandomWriteIds)),
        }
    }

    /// Runs the part as an invocation of the function does, with its report, and checks that nothing is left out.
    pub(crate) async fn run(&self) -> Measured {
        let reconcile = self.reconcile();
        let deadline = Morning.now().after(Duration::from_mins(15));
        let watch = Watch::start();
        let outcome = reconcile.handle(self.part.event(self.day), deadline).await;
        let measured = watch.stop(self.table.requests());
        self.check(&outcome.unwrap()).await;
        measured
    }

    /// Reads the same to its end, one request after the other, and makes nothing of it.
    pub(crate) async fn read_alone(&self) -> Measured {
        let watch = Watch::start();
        match self.part {
            Part::Export => self.read_day().await,
            Part::Import => {
                let path = format!("{ROOT}/OUTBOUND/{RESULTS}");
                let mut sink = io::sink();
                let read = self.server.read(&path, &mut sink, u64::MAX);
                assert!(read.await.unwrap());
                for payment in self.day.all() {
                    assert!(self.table.get(payment.id).await.unwrap().is_some());
                }
            }
            Part::StatementFile => {
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("statement.csv");
                assert!(PlayedBucket(self.day).get("", &file).await.unwrap());
                io::copy(&mut File::open(file).unwrap(), &mut io::sink()).unwrap();
                self.read_day().await;
            }
            Part::StatementPages => {
                let core = PlayedCore(self.day);
                let mut cursor = None;
                loop {
                    let page = core.page(self.day.day, cursor.as_deref()).await.unwrap();
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                }
                self.read_day().await;
            }
        }
        watch.stop(self.table.requests())
    }

    /// All entries of the day's payments, and each payment with a refund.
    async fn read_day(&self) {
        for index in [DayIndex::Final, DayIndex::Refund] {
            for shard in 0..SHARDS {
                let mut after = None;
                loop {
                    let day = self.day.day;
                    let page = self
                        .table
                        .on_day(index, day, shard, after, ENTRIES_PER_PAGE);
                    let page = page.await.unwrap();
                    if index == DayIndex::Refund {
                        self.read_each(&page.entries).await;
                    }
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
        }
    }

    async fn read_each(&self, entries: &[Item]) {
        for entry in entries {
            let Some(AttributeValue::S(id)) = entry.get(TRANSACTION_ID) else {
                unreachable!("an entry has its key");
            };
            let item = self.table.get(id.parse().unwrap()).await.unwrap();
            assert!(item.is_some());
        }
    }

    async fn check(&self, outcome: &Outcome) {
        let day = self.day;
        let declined = day.payments() - day.made();
        match self.part {
            Part::Export => {
                let exported = self.records.get::<Exported>(&Key::exported(day.day)).await;
                let exported = exported.unwrap().unwrap().record;
                let totals = exported.totals;
                let counts = [totals.success, totals.failure, totals.refunds].map(|sum| sum.count);
                assert_eq!(counts, [day.made(), declined, day.refunds()]);
                assert_eq!(self.server.lines_written(), self.part.items(day));
                assert_eq!(outcome.delivered.len(), exported.counters.len());
            }
            Part::Import => {
                let key = Key::received(day.day, RESULTS);
                let received = self.records.get::<Received>(&key).await;
                let received = received.unwrap().unwrap().record;
                let findings = day.differences();
                assert_eq!(received.matched, day.payments() - findings);
                assert_eq!((received.findings, received.unreadable), (findings, 0));
                assert_eq!(outcome.received, [RESULTS]);
            }
            Part::StatementFile | Part::StatementPages => {
                let key = Key::statement(day.day);
                let read = self.records.get::<StatementRead>(&key).await;
                let read = read.unwrap().unwrap().record;
                let counts = (read.payments.count, read.refunds.count);
                assert_eq!(counts, (day.made(), day.refunds()));
                assert_eq!((read.findings, read.unreadable), (day.differences(), 0));
                assert!(read.done_at.is_some());
            }
        }
        assert_eq!(outcome.reported, [day.day.to_string()]);
    }

    /// The function over the played world, with all that it can have in its files.
    fn reconcile(&self) -> Reconcile {
        let table = Arc::<PlayedTable>::clone(&self.table);
        let write_ids: Arc<dyn WriteIds> = Arc::new(RandomWriteIds);
        let clock: Arc<dyn Clock> = Arc::new(Morning);
        let source = match self.part {
            Part::StatementPages => StatementSource::Api(Arc::new(PlayedCore(self.day))),
            Part::Export | Part::Import | Part::StatementFile => StatementSource::Bucket,
        };
        let tiki = SignedClient {
            base: "https://tiki.bench/vip".parse().unwrap(),
            headers: HeaderNames::TIKI,
            get_signing: GetSigning::default(),
            keys: Arc::new(PlayedKeys),
            clock: Arc::clone(&clock),
            transport: Arc::new(PlayedTiki(self.day)),
        };
        Reconcile {
            daily_mail: None,
            link_keys: Arc::new(PlayedKeys),
            personal_data_kept_for: Duration::from_hours(90 * 24),
            transactions: Transactions::new(table, Arc::clone(&write_ids), Arc::clone(&clock)),
            records: self.records.clone(),
            objects: Arc::new(PlayedBucket(self.day)),
            file_drop: Some(TikiFileDrop {
                server: Arc::new(self.server.clone()),
                folders: Folders {
                    root: ROOT.to_owned(),
                },
                upload: Upload::default(),
            }),
            tiki: TikiClient::new(tiki, PhoneFormat::default()),
            core_books: Some(CoreBooks {
                core: Arc::new(PlayedCore(self.day)),
                source,
            }),
            partner: "bench".parse().unwrap(),
            refund_rows: true,
            format: ResultFormat::default(),
            unchanged_for: Duration::ZERO,
            clock,
            write_ids,
        }
    }
}
