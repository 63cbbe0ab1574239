//! Reads a statement of the core, page by page or from the bucket, into the books of the day.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::BufReader;

use anyhow::bail;
use core_api::{StatementError, Statements};
use reconciliation::file::Sum;
use reconciliation::place::ObjectKey;
use reconciliation::plan::import::Reading;
use reconciliation::record::StatementRead;
use reconciliation::result::Unreadable;
use reconciliation::statement::entry::{CsvEntries, Entry, EntryKind};

use crate::spill::Books;
use crate::{Reconcile, Run};

/// A statement with more entries that cannot be read is read no further.
const MAX_UNREADABLE: u64 = 1_000;

/// What came of reading a statement.
pub(crate) enum Source {
    Read(Read),
    /// There is none yet.
    NotThere,
    /// Its first line gives no columns, which is a finding. What it has is not known.
    NoColumns,
    OutOfTime,
}

/// What was read of a statement.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) payments: Sum,
    pub(crate) refunds: Sum,
    pub(crate) unreadable: u64,
}

impl Reconcile {
    pub(crate) async fn read_pages(
        &self,
        run: &Run,
        pages: &dyn Statements,
        (this, record): (Reading<'_>, &StatementRead),
        books: &mut Books,
    ) -> anyhow::Result<Source> {
        let mut read = Read::default();
        let mut cursor: Option<String> = None;
        let mut cursors = HashSet::new();
        let mut number = 0_u64;
        loop {
            if !run.has_time(self.clock.now()) {
                return Ok(Source::OutOfTime);
            }
            let page = match pages.page(this.day, cursor.as_deref()).await {
                Ok(page) => page,
                Err(StatementError::NotThere) if cursor.is_none() => return Ok(Source::NotThere),
                Err(error) => return Err(error.into()),
            };
            if cursor.is_none() {
                self.store_statement(record).await?;
            }
            for entry in page.entries {
                number = number.saturating_add(1);
                let entry = entry.map_err(|unreadable| Unreadable {
                    line: number,
                    ..unreadable
                });
                self.add_entry((number, entry), this, books, &mut read)
                    .await?;
            }
            let Some(next) = page.next else {
                return Ok(Source::Read(read));
            };
            if !cursors.insert(hash_of(&next)) {
                bail!("the core's statement has the same cursor twice");
            }
            cursor = Some(next);
        }
    }

    pub(crate) async fn read_csv(
        &self,
        run: &Run,
        (this, record): (Reading<'_>, &StatementRead),
        books: &mut Books,
    ) -> anyhow::Result<Source> {
        let local = run.folder.path().join("statement.csv");
        let key = ObjectKey::Statement(this.day).to_string();
        if !self.objects.get(&key, &local).await? {
            return Ok(Source::NotThere);
        }
        self.store_statement(record).await?;
        let mut read = Read::default();
        let mut entries = CsvEntries::new(BufReader::new(File::open(&local)?));
        while let Some(entry) = entries.read()? {
            if !run.has_time(self.clock.now()) {
                return Ok(Source::OutOfTime);
            }
            let entry = (entries.line(), entry);
            self.add_entry(entry, this, books, &mut read).await?;
        }
        if !entries.has_columns() {
            return Ok(Source::NoColumns);
        }
        Ok(Source::Read(read))
    }

    async fn add_entry(
        &self,
        (line, entry): (u64, Result<Entry, Unreadable>),
        this: Reading<'_>,
        books: &mut Books,
        read: &mut Read,
    ) -> anyhow::Result<()> {
        let of_day = entry.and_then(|entry| {
            let problem = || Unreadable {
                line,
                column: Some("at".to_owned()),
                problem: format!("is not on {}", this.day),
            };
            entry.is_of(this.day).then_some(entry).ok_or_else(problem)
        });
        let entry = match of_day {
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
}

/// A cursor in little memory: a statement may have thousands.
fn hash_of(cursor: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    cursor.hash(&mut hasher);
    hasher.finish()
}
