//! The third side: compares a day with the core's statement. The statement only says where to look; the core is asked
//! about each payment and refund on which the books differ, and its answer decides by the ordinary rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::bail;
use core_api::{Core, Statements};
use domain::{Day, FinalStatus, RefundId, Timestamp, TransactionId};
use futures::{StreamExt, stream};
use reconciliation::file::Sum;
use reconciliation::plan::import::Reading;
use reconciliation::record::{StatementRead, StatementWord, Subject};
use reconciliation::result::Unreadable;
use reconciliation::statement::InStatement;
use store::{Key, StoreError, Versioned};

use crate::recheck::MAX_CONCURRENT_LOOK_UPS;
use crate::spill::{Books, Pair};
use crate::statement_source::Source;
use crate::{Reconcile, Run};

/// A statement with more differences than this is not believed: it may be of another day, or of another partner.
const MAX_DIFFERENCES: u64 = 10_000;

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
            Some(day) => {
                self.ensure_complete(day)?;
                vec![day]
            }
            None => self.due_days().await?,
        };
        for day in days {
            if !run.has_time(self.clock.now()) {
                break;
            }
            let known = self.records.get(&Key::statement(day)).await?;
            let known = known.map(|known| known.record);
            let is_done = known.as_ref().is_some_and(|known| known.done_at.is_some());
            if is_done && named.is_none() {
                continue;
            }
            let compared = self.compare_statement(run, books, day, known).await;
            run.note("a statement could not be compared", compared);
        }
        Ok(())
    }

    async fn compare_statement(
        &self,
        run: &mut Run,
        core: &CoreBooks,
        day: Day,
        known: Option<StatementRead>,
    ) -> anyhow::Result<()> {
        // Also if it ends early: what cannot be read of it is a finding at once.
        run.changed_days.insert(day);
        let folder = run.folder.path().join(format!("statement-{day}"));
        std::fs::create_dir_all(&folder)?;
        let mut books = Books::new(&folder);
        let name = Subject::statement_name(day);
        let mut record = next_attempt(day, known.as_ref());
        let this = Reading {
            day,
            file: &name,
            number: record.reading,
        };
        let source = match &core.source {
            StatementSource::Api(pages) => {
                self.read_pages(run, pages.as_ref(), (this, &record), &mut books)
                    .await?
            }
            StatementSource::Bucket => self.read_csv(run, (this, &record), &mut books).await?,
        };
        let read = match source {
            Source::Read(read) => read,
            Source::NotThere => {
                tracing::warn!(%day, "there is no statement of this day yet");
                return Ok(());
            }
            Source::NoColumns => {
                tracing::warn!(%day, "the statement cannot be read: the next run tries again");
                return Ok(());
            }
            Source::OutOfTime => {
                no_time(day);
                return Ok(());
            }
        };
        if !self.add_ours(run, day, &mut books).await? {
            no_time(day);
            return Ok(());
        }
        record.findings = match self.compare_books(run, core, this, books).await? {
            Compared::Whole { findings } => {
                self.withdraw_old_claims(this).await?;
                self.end_old_words(core, this).await?;
                findings
            }
            // What is not believed ends nothing.
            Compared::Disbelieved { findings } => findings,
            Compared::OutOfTime => {
                no_time(day);
                return Ok(());
            }
        };
        record.payments = read.payments;
        record.refunds = read.refunds;
        record.unreadable = read.unreadable;
        record.done_at = Some(self.clock.now());
        self.store_statement(&record).await?;
        let findings = record.findings;
        tracing::info!(%day, findings, "the core's statement was compared");
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }

    pub(crate) async fn store_statement(&self, record: &StatementRead) -> Result<(), StoreError> {
        let key = Key::statement(record.day);
        let stored = self
            .records
            .update::<_, StoreError>(&key, |_| Ok(Some(record.clone())));
        stored.await.map(drop)
    }

    /// What was taken and what went back on the day, by our records. The answer is whether there was time for all of it.
    async fn add_ours(&self, run: &mut Run, day: Day, books: &mut Books) -> anyhow::Result<bool> {
        let mut payments = self.transactions.final_on_day(day);
        while let Some(payment) = payments.next().await? {
            if !run.has_time(self.clock.now()) {
                return Ok(false);
            }
            // A failure is not loaded, since there may be many. If it was taken all the same, its money goes back.
            if payment.status == FinalStatus::Success {
                books.add_taken(payment.id, payment.amount)?;
            }
        }
        let today = self.clock.now().vietnamese_day();
        if !self.add_given_back(run, (day, today), books).await? {
            return Ok(false);
        }
        let mut refunds = self.transactions.refunded_on_day(day, today);
        while let Some(refunds) = refunds.next().await? {
            if !run.has_time(self.clock.now()) {
                return Ok(false);
            }
            for (payment, refund) in refunds {
                books.add_refund(payment.id, refund.id, refund.amount)?;
            }
        }
        Ok(true)
    }

    /// What was taken on the day and goes back unasked. A reversal may be decided on a later day than the payment was
    /// taken; a late payment was taken on another day than it failed.
    async fn add_given_back(
        &self,
        run: &mut Run,
        (day, today): (Day, Day),
        books: &mut Books,
    ) -> anyhow::Result<bool> {
        let mut decided_on = day;
        while decided_on <= today {
            for shard in 0..store::SHARDS {
                if !run.has_time(self.clock.now()) {
                    return Ok(false);
                }
                let given_back = self.transactions.given_back_on_day(decided_on, shard);
                for t in given_back.await? {
                    let t = match t {
                        Ok(t) => t,
                        // It hides no other. If the statement has it, the comparison fails at it.
                        Err(error) => {
                            let what = "a payment that went back could not be read";
                            run.note(what, Err(error.into()));
                            continue;
                        }
                    };
                    let taken = t.money_taken().map(|taken| taken.recorded_at);
                    if taken.map(Timestamp::vietnamese_day) == Some(day) {
                        books.add_taken(t.id(), t.order().amount)?;
                    }
                }
            }
            if decided_on.next() == decided_on {
                break;
            }
            decided_on = decided_on.next();
        }
        Ok(true)
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
            for Versioned { record: known, .. } in page {
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

/// The record of the next attempt to compare a day. It is not done yet.
fn next_attempt(day: Day, known: Option<&StatementRead>) -> StatementRead {
    let before = known.map_or(0, |known| known.reading);
    StatementRead {
        day,
        reading: before.saturating_add(1),
        payments: Sum::default(),
        refunds: Sum::default(),
        unreadable: 0,
        findings: 0,
        done_at: None,
    }
}

fn no_time(day: Day) {
    tracing::warn!(%day, "there was no time for the whole statement: the next run begins it again");
}
