//! Measures states in each run, so that an alarm lasts as long as its state.

use std::time::Duration;

use domain::Day;
use reconciliation::classify::Kind;
use reconciliation::record::{ComparedFrom, DeliveredUntil, Received};
use store::{Key, StoreError, Written, day_partition};

use crate::{EXPORT_DUE_AFTER, Reconcile};

/// The latest days of which results of Tiki are looked for.
const MAX_DAYS_WITHOUT_RESULTS: usize = 31;

/// So long after it is due a statement of the core is missing.
const STATEMENT_LATE_AFTER: Duration = Duration::from_hours(12);

impl Reconcile {
    /// The lateness of the oldest file, however old it is; the findings that need review; the days without results.
    pub(crate) async fn measure(&self) -> anyhow::Result<()> {
        let oldest = self.oldest_missing_day().await?;
        let lateness = oldest.map_or(Duration::ZERO, |day| {
            let due = day.end_exclusive().after(EXPORT_DUE_AFTER);
            self.clock.now().since(due)
        });
        metrics::RECONCILIATION_LATENESS.record_duration(&[], lateness);
        let review = Kind::NeedsReview.as_str();
        let for_review = self.records.count_with_status(review).await?;
        let without_money = Kind::OrderWithoutMoney.as_str();
        let without_money = self.records.count_with_status(without_money).await?;
        metrics::FINDINGS_OPEN.record(&[], for_review.saturating_add(without_money));
        metrics::ORDERS_WITHOUT_MONEY.record(&[], without_money);
        let silent = self.days_without_results().await?;
        metrics::DAYS_WITHOUT_RESULTS.record(&[], silent);
        let missing = self.statements_missing().await?;
        metrics::STATEMENTS_MISSING.record(&[], missing);
        Ok(())
    }

    /// The oldest day that is due and not delivered. It may be older than what a scheduled run exports; then a person
    /// must name it. Days that are known to be delivered are not looked at again.
    async fn oldest_missing_day(&self) -> anyhow::Result<Option<Day>> {
        let first = self.first_day().await?;
        let known = self.records.get(&Key::delivered_until()).await?;
        let known = known.map(|known| known.record.day);
        let mut day = known.map_or(first, Day::next).max(first);
        let now = self.clock.now();
        let mut until = known;
        let mut missing = None;
        while now >= day.end_exclusive().after(EXPORT_DUE_AFTER) {
            if !self.is_delivered(day).await? {
                missing = Some(day);
                break;
            }
            until = Some(day);
            let next = day.next();
            if next == day {
                break;
            }
            day = next;
        }
        if let Some(day) = until.filter(|until| known != Some(*until)) {
            self.records
                .update::<_, StoreError>(&Key::delivered_until(), |stored| {
                    let later = stored.is_none_or(|stored: DeliveredUntil| stored.day < day);
                    Ok(later.then_some(DeliveredUntil { day }))
                })
                .await?;
        }
        Ok(missing)
    }

    /// How many days have no statement of the core, half a day after it was due. A day from before the comparison was
    /// switched on is not missing: the core may have no statement of it, and will never have one.
    async fn statements_missing(&self) -> anyhow::Result<i64> {
        if self.core_books.is_none() {
            return Ok(0);
        }
        let now = self.clock.now();
        let first = self.first_day_with_statement().await?;
        let mut missing = 0_i64;
        for day in self
            .due_days()
            .await?
            .into_iter()
            .filter(|day| *day >= first)
        {
            let due = day.end_exclusive().after(EXPORT_DUE_AFTER);
            let overdue = now >= due.after(STATEMENT_LATE_AFTER);
            let known = self.records.get(&Key::statement(day)).await?;
            let is_done = known.is_some_and(|known| known.record.done_at.is_some());
            if overdue && !is_done {
                missing = missing.saturating_add(1);
            }
        }
        Ok(missing)
    }

    /// The day of the first run that compared statements.
    async fn first_day_with_statement(&self) -> anyhow::Result<Day> {
        if let Some(known) = self.records.get(&Key::compared_from()).await? {
            return Ok(known.record.first_day);
        }
        let began = ComparedFrom {
            first_day: self.clock.now().vietnamese_day(),
        };
        let (Written::Stored(began) | Written::Conflict(began)) =
            self.records.put(began, None).await?;
        Ok(began.record.first_day)
    }

    /// How many of the latest delivered days, without a gap, have no result file of Tiki. Without a file drop there are
    /// none.
    async fn days_without_results(&self) -> anyhow::Result<i64> {
        if self.file_drop.is_none() {
            return Ok(0);
        }
        let mut silent = 0_i64;
        for day in self.due_days().await?.into_iter().rev() {
            if !self.is_delivered(day).await? {
                continue;
            }
            let partition = day_partition(day);
            let results = self.records.list::<Received>(&partition).await?;
            if !results.is_empty() || silent >= i64::try_from(MAX_DAYS_WITHOUT_RESULTS)? {
                break;
            }
            silent = silent.saturating_add(1);
        }
        Ok(silent)
    }
}
