//! The third side: compares a day with the core's statement. The statement only says where to look; the core is asked
//! about each payment and refund on which the books differ, and its answer decides by the ordinary rules.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use anyhow::{Context, bail};
use core_api::{Core, FoundRefund, StatementError, Statements};
use domain::{
    Day, FinalStatus, LookUpAnswer, PaymentAnswer, PaymentResult, PaymentResultMessage,
    PaymentState, RefundAnswer, RefundId, Transaction, TransactionId,
};
use futures::{StreamExt, stream};
use reconciliation::file::Sum;
use reconciliation::place::ObjectKey;
use reconciliation::plan::core_check::{CoreCheck, ours_of_refund};
use reconciliation::plan::import::Reading;
use reconciliation::record::{CoreWord, Finding, Ours, StatementRead, StatementWord, Subject};
use reconciliation::result::Unreadable;
use reconciliation::statement::entry::{CsvEntries, Entry, EntryKind};
use reconciliation::statement::refund::CoreRefund;
use reconciliation::statement::{InStatement, payment, refund};
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
        let mut books = Books::create(&folder)?;
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
        let Some(findings) = self.compare_books(run, core, this, books).await? else {
            tracing::warn!(%day, "there was no time for the whole statement: the next run begins it again");
            return Ok(());
        };
        self.withdraw_old_claims(this).await?;
        self.end_old_words(this).await?;
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
        sum.count = sum.count.saturating_add(1);
        sum.amount_vnd = sum.amount_vnd.saturating_add(entry.amount.get());
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

    /// Compares both books, and looks at what differs. The answer is the number of findings; `None` if there was no time
    /// for all.
    async fn compare_books(
        &self,
        run: &mut Run,
        core: &CoreBooks,
        this: Reading<'_>,
        books: Books,
    ) -> anyhow::Result<Option<u64>> {
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
                return Ok(Some(findings));
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
                    None => return Ok(None),
                }
            }
        }
        Ok(Some(findings))
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
        let all: std::collections::BTreeSet<String> = ours.chain(theirs).collect();
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

    /// Asks the core about a payment, if its word is needed, and records what follows. What the core took and never
    /// reported is recorded like any result of it: then the ordinary rules decide.
    pub(crate) async fn check_payment_at_core(
        &self,
        core: &CoreBooks,
        day: Day,
        id: TransactionId,
        statement: StatementWord,
    ) -> anyhow::Result<bool> {
        let mut ours = self.transactions.load(id).await?;
        let mut answer = None;
        if payment::asks_core(ours.as_ref(), statement.has) {
            let said = core.core.payment(id).await;
            if statement.has != InStatement::Never
                && let Some(t) = ours.take()
            {
                ours = Some(self.record_unreported(t, &said).await?);
            }
            answer = Some(said);
        }
        let judged =
            |tiki| payment::judge(ours.as_ref(), statement.has, answer.as_ref(), tiki, day);
        let mut tiki = None;
        if !judged(None).is_matched()
            && let Some(t) = &ours
        {
            tiki = Some(self.tiki.look_up(t.tiki_id(), Some(t.id())).await);
        }
        let check = CoreCheck {
            transaction_id: ours.as_ref().map(Transaction::id),
            ours: ours.as_ref().map(Ours::of),
            statement,
            core: answer
                .as_ref()
                .zip(ours.as_ref())
                .map(|(answer, t)| CoreWord::of_payment(answer, t.order().amount)),
            tiki: tiki as Option<LookUpAnswer>,
            judgement: judged(tiki),
        };
        self.record_core_check(day, &Subject::AtCore { transaction: id }, &check)
            .await
    }

    /// Records a payment that the core confirms and never reported.
    async fn record_unreported(
        &self,
        t: Transaction,
        said: &PaymentAnswer,
    ) -> anyhow::Result<Transaction> {
        let PaymentAnswer::Paid { amount, details } = said else {
            return Ok(t);
        };
        if *amount != t.order().amount || t.money_taken().is_some() {
            return Ok(t);
        }
        let message = PaymentResultMessage {
            amount: Some(*amount),
            result: PaymentResult::Paid(details.clone()),
        };
        let id = t.id();
        let now = self.clock.now();
        let updated = self
            .transactions
            .apply(t, |t| t.record_payment_result(&message, now).change)
            .await?;
        if updated.written {
            tracing::warn!(%id, "the core took this payment and never reported it: it is recorded now");
        }
        Ok(updated.transaction)
    }

    /// Asks the core about a refund, if its word is needed, and records what follows.
    pub(crate) async fn check_refund_at_core(
        &self,
        core: &CoreBooks,
        day: Day,
        (id, name): (TransactionId, &str),
        statement: StatementWord,
    ) -> anyhow::Result<bool> {
        let found = self.transactions.load(id).await?;
        let refund_id: Option<RefundId> = name.parse().ok();
        let of_ours = found.as_ref().zip(refund_id);
        let of_ours = of_ours.and_then(|(t, id)| t.refund_by_id(id));
        let mut answer = None;
        if let Some(ours) = of_ours.filter(|_| refund::asks_core(of_ours, statement.has)) {
            answer = Some(meaning(core.core.find_refund(ours).await));
        }
        let check = CoreCheck {
            transaction_id: found.as_ref().map(Transaction::id),
            ours: found
                .as_ref()
                .map(|t| ours_of_refund(t, of_ours.map(|ours| ours.amount))),
            statement,
            core: answer.map(CoreWord::from),
            tiki: None,
            judgement: refund::judge(of_ours, statement.has, answer, day),
        };
        let subject = Subject::RefundAtCore {
            transaction: id,
            refund: name.to_owned(),
        };
        self.record_core_check(day, &subject, &check).await
    }

    /// Records a check. Only what is not in order, or was not before, is a finding. The answer is whether it is one.
    async fn record_core_check(
        &self,
        day: Day,
        subject: &Subject,
        check: &CoreCheck,
    ) -> anyhow::Result<bool> {
        let mut before = None;
        let updated = self
            .records
            .update::<_, StoreError>(&Key::finding(day, subject), |known: Option<Finding>| {
                if known.is_none() && check.judgement.is_matched() {
                    return Ok(None);
                }
                let now = self.clock.now();
                before = known.as_ref().map(|known| known.kind);
                let mut finding = known.unwrap_or_else(|| Finding::new(day, subject.clone(), now));
                check.record(&mut finding, now);
                Ok(Some(finding))
            })
            .await?;
        let kind = updated.map(|finding| finding.kind);
        if let Some(kind) = kind.filter(|kind| before != Some(*kind)) {
            metrics::FINDINGS.count(&[kind.as_str()]);
        }
        Ok(kind.is_some())
    }

    /// What an earlier reading of the statement had, and this one has as we have it, is looked at once more.
    async fn end_old_words(&self, this: Reading<'_>) -> anyhow::Result<()> {
        let Some(core) = &self.core_books else {
            return Ok(());
        };
        let partition = store::day_partition(this.day);
        let mut after = None;
        loop {
            let (page, next) = self
                .records
                .page::<Finding>(&partition, after, crate::lines::FINDINGS_PER_PAGE)
                .await?;
            for known in page {
                let old = known
                    .record
                    .statement
                    .filter(|word| word.reading < this.number);
                if old.is_some() {
                    let subject = &known.record.subject;
                    let now_agrees = self.as_ours(subject).await?;
                    let word = StatementWord {
                        has: now_agrees,
                        reading: this.number,
                    };
                    self.check_again_at_core(core, this.day, subject, word)
                        .await?;
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// The statement's word, if it is as our record has it.
    async fn as_ours(&self, subject: &Subject) -> anyhow::Result<InStatement> {
        let id = subject.at_core().context("a finding about the core")?;
        let found = self.transactions.load(id).await?;
        let amount = found.and_then(|t| match subject {
            Subject::RefundAtCore { refund, .. } => {
                let refund = t.refund_by_id(refund.parse().ok()?)?;
                refund.back_at().map(|_| refund.amount)
            }
            _ => t.money_taken().map(|_| t.order().amount),
        });
        Ok(amount.map_or(InStatement::Never, InStatement::Once))
    }

    /// Checks a finding about the core again, with what the statement had. The answer is whether it is one still.
    pub(crate) async fn check_again_at_core(
        &self,
        core: &CoreBooks,
        day: Day,
        subject: &Subject,
        word: StatementWord,
    ) -> anyhow::Result<bool> {
        match subject {
            Subject::AtCore { transaction } => {
                self.check_payment_at_core(core, day, *transaction, word)
                    .await
            }
            Subject::RefundAtCore {
                transaction,
                refund,
            } => {
                self.check_refund_at_core(core, day, (*transaction, refund), word)
                    .await
            }
            Subject::Payment { .. } | Subject::Refund { .. } | Subject::Line { .. } => Ok(false),
        }
    }
}

/// The name of a statement where a finding names a file.
fn source_name(day: Day) -> String {
    format!("statement {day}")
}

fn meaning(answer: FoundRefund) -> CoreRefund {
    match answer {
        FoundRefund::NeverSeen => CoreRefund::NeverSeen,
        FoundRefund::Known(RefundAnswer::Succeeded) => CoreRefund::Succeeded,
        FoundRefund::Known(RefundAnswer::Rejected { .. }) => CoreRefund::Rejected,
        FoundRefund::Known(RefundAnswer::Pending) => CoreRefund::Pending,
        FoundRefund::Known(RefundAnswer::Unknown) => CoreRefund::Unknown,
    }
}
