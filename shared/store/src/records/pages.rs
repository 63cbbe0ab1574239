//! Reads the records of a partition page by page, so that only one page is in memory.

use super::{ReconciliationRecords, Record, Versioned};
use crate::error::StoreError;

/// The records that one request reads.
const RECORDS_PER_PAGE: u16 = 200;

/// The records of one type in a partition, by sort key.
pub struct Pages<'r, R> {
    records: &'r ReconciliationRecords,
    partition: String,
    place: Place,
    of: std::marker::PhantomData<fn() -> R>,
}

enum Place {
    Start,
    After(String),
    End,
}

impl<'r, R: Record> Pages<'r, R> {
    pub(super) fn new(records: &'r ReconciliationRecords, partition: String) -> Self {
        Self {
            records,
            partition,
            place: Place::Start,
            of: std::marker::PhantomData,
        }
    }

    /// The next page; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Versioned<R>>>, StoreError> {
        let after = match std::mem::replace(&mut self.place, Place::End) {
            Place::Start => None,
            Place::After(sort) => Some(sort),
            Place::End => return Ok(None),
        };
        let page = self
            .records
            .page::<R>(&self.partition, after, RECORDS_PER_PAGE);
        let (page, next) = page.await?;
        self.place = next.map_or(Place::End, Place::After);
        Ok(Some(page))
    }
}
