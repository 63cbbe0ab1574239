//! The third side: compares a day with the core's statement. The statement only says where to look; the core is asked
//! about each payment and refund on which the books differ, and its answer decides by the ordinary rules.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use anyhow::bail;
use core_api::{Core, StatementError, Statements};
use domain::{Day, FinalStatus, PaymentState, RefundId, TransactionId};
use futures::{StreamExt, stream};
use reconciliation::file::Sum;
use reconciliation::place::ObjectKey;
use reconciliation::plan::import::Reading;
use reconciliation::record::{StatementRead, StatementWord};
use reconciliation::result::Unreadable;
use reconciliation::statement::InStatement;
use reconciliation::statement::entry::{CsvEntries, Entry, EntryKind};
use store::{Key, StoreError};

use crate::recheck::MAX_CONCURRENT_LOOK_UPS;
use crate::spill::{Books, Pair};
use crate::{Reconcile, Run};

/// A statement with more differences than this is not believed: it may be of another day, or of another partner.
const MAX_DIFFERENCES: u64 = 10_000;

/// A statement with more entries that cannot be read is read no further.
const MAX_UNREADABLE: u64 = 1_000;

/// The pages of one statement: a million entries have at least a hundred.
const MAX_PAGES: u32 = 100_000;

/// The partner's core, as the third side.
pub struct CoreBooks {
    pub core: Arc<dyn Core>,
    pub source: StatementSource,
}

/// Where the core's statements come from.
pub enum StatementSource {
    /// The core answers with pages.
    Api(Arc<dyn Statements>),
    /// The core puts a CSV into the bucket.
    Bucket,
}

/// How a comparison ended.
enum Compared {
    /// All of it, with so many findings.
    Whole {
        findings: u64,
    },
    /// It differs so much that it is not believed.
    Disbelieved {
        findings: u64,
    },
    OutOfTime,
}

/// What was read of a statement.
#[derive(Default)]
struct Read {
    payments: Sum,
    refunds: Sum,
    unreadable: u64,
}

impl Reconcile {
    /// Compares each day that is due and was not compared yet; or the day that a person names, again.
    pub(crate) async fn compare_statements(
        &self,
        run: &mut Run,
        named: Option<Day>,
    ) -> anyhow::Result<()> {
        let Some(books) = &self.core_books else {
            if named.is_some() {
                bail!("there are no statements of the core: CORE_STATEMENT is off");
            }
            return Ok(());
        };
        let days = match named {
            Some(day) => vec![day],
            None => self.due_days().await?,
        };
        for day in days {
            if !run.has_time(self.clock.now()) {
                break;
            }
            let known = self.records.get(&Key::statement(day)).await?;
            if known.is_some() && named.is_none() {
                continue;
            }
            let reading = known
                .map_or(0, |known| known.record.reading)
                .saturating_add(1);
            let compared = self.compare_statement(run, books, day, reading).await;
            run.note("a statement could not be compared", compared);
        }
        Ok(())
    }

    async fn compare_statement(
        &self,
        run: &mut Run,
        core: &CoreBooks,
        day: Day,
        reading: u64,
    ) -> anyhow::Result<()> {
        let folder = run.folder.path().join(format!("statement-{day}"));
        std::fs::create_dir_all(&folder)?;
        let mut books = Books::new(&folder);
        let name = source_name(day);
        let this = Reading {
            day,
            file: &name,
            number: reading,
        };
        let read = match &core.source {
            StatementSource::Api(pages) => {
                self.read_pages(pages.as_ref(), this, &mut books).await?
            }
            StatementSource::Bucket => self.read_csv(run, this, &mut books).await?,
        };
        let Some(read) = read else {
            tracing::info!(%day, "there is no statement of this day yet");
            return Ok(());
        };
        run.changed_days.insert(day);
        self.add_ours(day, &mut books).await?;
        let findings = match self.compare_books(run, core, this, books).await? {
            Compared::Whole { findings } => {
                self.withdraw_old_claims(this).await?;
                self.end_old_words(core, this).await?;
                findings
            }
            // What is not believed ends nothing.
            Compared::Disbelieved { findings } => findings,
            Compared::OutOfTime => {
                tracing::warn!(%day, "there was no time for the whole statement: the next run begins it again");
                return Ok(());
            }
        };
        let record = StatementRead {
            day,
            reading,
            payments: read.payments,
            refunds: read.refunds,
            unreadable: read.unreadable,
            findings,
            read_at: self.clock.now(),
        };
        self.records
            .update::<_, StoreError>(&Key::statement(day), |_| Ok(Some(record.clone())))
            .await?;
        tracing::info!(%day, findings, "the core's statement was compared");
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }

    async fn read_pages(
        &self,
        pages: &dyn Statements,
        this: Reading<'_>,
        books: &mut Books,
    ) -> anyhow::Result<Option<Read>> {
        let mut read = Read::default();
        let mut cursor: Option<String> = None;
        let mut number = 0_u64;
        for _ in 0..MAX_PAGES {
            let page = match pages.page(this.day, cursor.as_deref()).await {
                Ok(page) => page,
                Err(StatementError::NotThere) if cursor.is_none() => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            for entry in page.entries {
                number = number.saturating_add(1);
                let line = number;
                let entry = entry.map_err(|unreadable| Unreadable { line, ..unreadable });
                self.add_entry(entry, this, books, &mut read).await?;
            }
            match page.next {
                None => return Ok(Some(read)),
                Some(next) if cursor.as_ref() == Some(&next) => {
                    bail!("the core's statement has the same cursor twice")
                }
                next => cursor = next,
            }
        }
        bail!("the core's statement has no end")
    }

    async fn read_csv(
        &self,
        run: &Run,
        this: Reading<'_>,
        books: &mut Books,
    ) -> anyhow::Result<Option<Read>> {
        let local = run.folder.path().join("statement.csv");
        let key = ObjectKey::Statement(this.day).to_string();
        if !self.objects.get(&key, &local).await? {
            return Ok(None);
        }
        let mut read = Read::default();
        let mut entries = CsvEntries::new(BufReader::new(File::open(&local)?));
        while let Some(entry) = entries.read()? {
            self.add_entry(entry, this, books, &mut read).await?;
        }
        Ok(Some(read))
    }

    async fn add_entry(
        &self,
        entry: Result<Entry, Unreadable>,
        this: Reading<'_>,
        books: &mut Books,
        read: &mut Read,
    ) -> anyhow::Result<()> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(unreadable) => {
                read.unreadable = read.unreadable.saturating_add(1);
                if read.unreadable > MAX_UNREADABLE {
                    bail!(
                        "the core's statement has more than {MAX_UNREADABLE} entries that cannot be read"
                    );
                }
                return self.report_line(this, &unreadable).await;
            }
        };
        let sum = match entry.kind {
            EntryKind::Payment => &mut read.payments,
            EntryKind::Refund => &mut read.refunds,
        };
        sum.add(1, entry.amount.get())?;
        Ok(books.add(&entry)?)
    }

    /// What was taken and what went back on the day, by our records.
    async fn add_ours(&self, day: Day, books: &mut Books) -> anyhow::Result<()> {
        let mut payments = self.transactions.final_on_day(day);
        while let Some(payment) = payments.next().await? {
            // A failure may be a payment that was taken and reversed.
            let taken = match payment.status {
                FinalStatus::Success => true,
                FinalStatus::Failure => {
                    let t = self.transactions.load(payment.id).await?;
                    t.is_some_and(|t| matches!(t.payment(), PaymentState::Reversed { .. }))
                }
            };
            if taken {
                books.add_taken(payment.id, payment.amount)?;
            }
        }
        // A late payment was taken on another day than it failed.
        for shard in 0..store::SHARDS {
            for t in self.transactions.given_back_on_day(day, shard).await? {
                if matches!(t.payment(), PaymentState::Failed { .. }) {
                    books.add_taken(t.id(), t.order().amount)?;
                }
            }
        }
        let today = self.clock.now().vietnamese_day();
        let mut refunds = self.transactions.refunded_on_day(day, today);
        while let Some(refunds) = refunds.next().await? {
            for (transaction, refund) in refunds {
                books.add_refund(transaction.id(), refund.id, refund.amount)?;
            }
        }
        Ok(())
    }

    /// Compares both books, and looks at what differs.
    async fn compare_books(
        &self,
        run: &mut Run,
        core: &CoreBooks,
        this: Reading<'_>,
        books: Books,
    ) -> anyhow::Result<Compared> {
        let mut compare = books.finish()?;
        let (mut findings, mut differences) = (0_u64, 0_u64);
        while let Some(differ) = compare.next()? {
            let count = u64::try_from(differ.len()).unwrap_or(u64::MAX);
            differences = differences.saturating_add(count);
            if differences > MAX_DIFFERENCES {
                let problem = format!(
                    "it differs from our records in more than {MAX_DIFFERENCES} transactions: is it the right day, and the right partner?"
                );
                self.report_line(this, &Unreadable::whole(problem)).await?;
                return Ok(Compared::Disbelieved { findings });
            }
            let until = run.until;
            let work = differ.into_iter().map(async |(id, pair)| {
                if self.clock.now() >= until {
                    return Ok(None);
                }
                self.check_pair(core, this, id, &pair).await.map(Some)
            });
            let mut work = stream::iter(work).buffer_unordered(MAX_CONCURRENT_LOOK_UPS);
            while let Some(found) = work.next().await {
                match found? {
                    Some(found) => findings = findings.saturating_add(found),
                    None => return Ok(Compared::OutOfTime),
                }
            }
        }
        Ok(Compared::Whole { findings })
    }

    /// Looks at the payment and the refunds of one transaction. The answer is the number of findings.
    async fn check_pair(
        &self,
        core: &CoreBooks,
        this: Reading<'_>,
        id: TransactionId,
        pair: &Pair,
    ) -> anyhow::Result<u64> {
        let word = |has| StatementWord {
            has,
            reading: this.number,
        };
        let taken = pair
            .ours
            .taken
            .map_or(InStatement::Never, InStatement::Once);
        let mut findings = 0_u64;
        let mut count =
            |is_finding: bool| findings = findings.saturating_add(u64::from(is_finding));
        if taken != pair.core.taken {
            count(
                self.check_payment_at_core(core, this.day, id, word(pair.core.taken))
                    .await?,
            );
        }
        let ours = pair.ours.given_back.keys().map(RefundId::to_string);
        let theirs = pair.core.given_back.keys().cloned();
        let all: BTreeSet<String> = ours.chain(theirs).collect();
        for refund in all {
            let has = pair
                .core
                .given_back
                .get(&refund)
                .copied()
                .unwrap_or_default();
            count(
                self.check_refund_at_core(core, this.day, (id, &refund), word(has))
                    .await?,
            );
        }
        Ok(findings)
    }

    /// What an earlier reading of the statement had, and this one has as we have it, is looked at once more.
    async fn end_old_words(&self, core: &CoreBooks, this: Reading<'_>) -> anyhow::Result<()> {
        let mut pages = self.findings_of(this.day);
        while let Some(page) = pages.next().await? {
            for known in page {
                if known
                    .statement
                    .is_none_or(|word| word.reading >= this.number)
                {
                    continue;
                }
                let subject = &known.subject;
                let word = StatementWord {
                    has: self.as_ours(subject).await?,
                    reading: this.number,
                };
                self.check_again_at_core(core, this.day, subject, word)
                    .await?;
            }
        }
        Ok(())
    }
}

/// The name of a statement where a finding names a file.
fn source_name(day: Day) -> String {
    format!("statement {day}")
}
