//! Forgets the personal data of old payments, day by day: what a create call said of a customer goes once the payments of
//! a day are old enough and the day is reconciled. Where a run stops, the next one goes on.

use std::time::Duration;

use domain::{Day, Timestamp, Transaction};
use futures::{StreamExt, stream};
use reconciliation::plan::forget::is_reconciled;
use reconciliation::record::{Forgetting, Reported};
use signing::Keyring;
use store::{ForgetError, Key, SHARDS, StoreError, Versioned, Written};

use crate::{Reconcile, Run};

/// So long a run forgets at most: it has other work, and so has the table.
const MAX_TIME: Duration = Duration::from_mins(5);

/// The transactions that are written at the same time.
const MAX_CONCURRENT_WRITES: usize = 16;

/// What became of a transaction.
enum Outcome {
    Forgotten,
    /// There is nothing to forget any more.
    Nothing,
    /// Something of it is open.
    Left,
}

/// Where the sweep is, as it is stored and as it is now.
struct Progress {
    now: Forgetting,
    /// As it was read, or last written.
    recorded: Forgetting,
    version: Option<u64>,
    forgotten: u64,
}

impl Reconcile {
    /// Forgets what is old enough, as far as the time allows.
    pub(crate) async fn forget_personal_data(&self, run: &mut Run) -> anyhow::Result<()> {
        let until = run.until.min(self.clock.now().after(MAX_TIME));
        let (recorded, version) = match self.records.get(&Key::forgetting()).await? {
            Some(Versioned { record, version }) => (record, Some(version)),
            None => (Forgetting::from(self.first_day().await?), None),
        };
        let mut progress = Progress {
            now: recorded.clone(),
            recorded,
            version,
            forgotten: 0,
        };
        let keys = self.link_keys.keys().await?;
        let swept = self.sweep_days(run, &mut progress, &keys, until).await;
        // What was done is recorded, also if something could not be.
        self.store(&mut progress).await?;
        let lateness = progress
            .now
            .lateness(self.personal_data_kept_for, self.clock.now());
        metrics::PERSONAL_DATA_LATENESS.record_duration(&[], lateness);
        let (left, days) = (progress.now.payments.len(), progress.now.days.len());
        if progress.forgotten > 0 || left > 0 || days > 0 {
            let forgotten = progress.forgotten;
            tracing::info!(forgotten, left, days, "personal data of old payments");
        }
        swept
    }

    async fn sweep_days(
        &self,
        run: &mut Run,
        progress: &mut Progress,
        keys: &Keyring,
        until: Timestamp,
    ) -> anyhow::Result<()> {
        self.try_payments_again(progress, keys).await;
        let mut again = progress.now.to_try_again().into_iter();
        while self.clock.now() < until {
            let Some(day) = progress.now.day else {
                match self.next_day(progress, &mut again).await? {
                    Some(day) => progress.now.sweep(day),
                    None => return Ok(()),
                }
                continue;
            };
            self.sweep_shard(run, progress, keys, day).await?;
            progress.now.shard_is_done(SHARDS);
            self.store(progress).await?;
        }
        Ok(())
    }

    /// The next day to sweep: one whose turn it is, or else one that was put off and is reconciled now.
    async fn next_day(
        &self,
        progress: &mut Progress,
        again: &mut impl Iterator<Item = Day>,
    ) -> anyhow::Result<Option<Day>> {
        let (kept_for, now) = (self.personal_data_kept_for, self.clock.now());
        while let Some(day) = progress.now.turn_to_next(kept_for, now) {
            // First, so that it is not lost if its report cannot be read.
            progress.now.put_off(day);
            if self.is_reconciled(day).await? {
                return Ok(Some(day));
            }
        }
        for day in again {
            if self.is_reconciled(day).await? {
                return Ok(Some(day));
            }
        }
        Ok(None)
    }

    async fn is_reconciled(&self, day: Day) -> anyhow::Result<bool> {
        let reported = self.records.get::<Reported>(&Key::reported(day)).await?;
        let summary = reported.and_then(|reported| reported.record.summary);
        Ok(summary.is_some_and(|summary| is_reconciled(&summary)))
    }

    /// Tries each payment again of which something was open.
    async fn try_payments_again(&self, progress: &mut Progress, keys: &Keyring) {
        let left = std::mem::take(&mut progress.now.payments);
        let work = left.into_iter().map(async |id| {
            let outcome = match self.transactions.load(id).await {
                Ok(Some(found)) => self.forget(found, keys).await,
                Ok(None) => Ok(Outcome::Nothing),
                Err(error) => Err(error),
            };
            (id, outcome)
        });
        let mut work = stream::iter(work).buffered(MAX_CONCURRENT_WRITES);
        while let Some((id, outcome)) = work.next().await {
            match outcome {
                Ok(Outcome::Forgotten) => progress.count(),
                Ok(Outcome::Nothing) => {}
                Ok(Outcome::Left) => progress.now.payments.push(id),
                Err(error) => {
                    metrics::INTERNAL_ERRORS.count(&[]);
                    tracing::warn!(%id, %error, "a payment could not be forgotten: the next run tries it again");
                    progress.now.payments.push(id);
                }
            }
        }
    }

    /// Forgets the payments of one shard of a day. If the table does not answer, the next run sweeps the shard again.
    async fn sweep_shard(
        &self,
        run: &mut Run,
        progress: &mut Progress,
        keys: &Keyring,
        day: Day,
    ) -> anyhow::Result<()> {
        let mut pages = self.transactions.final_in_shard(day, progress.now.shards);
        while let Some(page) = pages.next().await? {
            let work = page.into_iter().map(async |(id, found)| {
                let outcome = match found {
                    Ok(found) => self.forget(found, keys).await,
                    Err(error) => Err(error),
                };
                (id, outcome)
            });
            let mut work = stream::iter(work).buffer_unordered(MAX_CONCURRENT_WRITES);
            while let Some((id, outcome)) = work.next().await {
                match outcome {
                    Ok(Outcome::Forgotten) => progress.count(),
                    Ok(Outcome::Nothing) => {}
                    Ok(Outcome::Left) => progress.now.leave(day, id),
                    // It stops no other.
                    Err(error @ StoreError::Unreadable { .. }) => {
                        run.note("a payment could not be forgotten", Err(error.into()));
                        progress.now.leave(day, id);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    async fn forget(&self, found: Transaction, keys: &Keyring) -> Result<Outcome, StoreError> {
        let now = self.clock.now();
        match self
            .transactions
            .forget_personal(found, keys, None, now)
            .await
        {
            Ok(updated) if updated.written => Ok(Outcome::Forgotten),
            Ok(_) => Ok(Outcome::Nothing),
            Err(ForgetError::StillNeeded(_)) => Ok(Outcome::Left),
            Err(ForgetError::Store(error)) => Err(error),
        }
    }

    /// Records how far it is, if that has changed.
    async fn store(&self, progress: &mut Progress) -> anyhow::Result<()> {
        if progress.now == progress.recorded {
            return Ok(());
        }
        let (record, version) = (progress.now.clone(), progress.version);
        match self.records.put(record, version).await? {
            Written::Stored(Versioned { record, version }) => {
                (progress.recorded, progress.version) = (record, Some(version));
            }
            Written::Conflict(_) => anyhow::bail!("another run forgets personal data"),
        }
        Ok(())
    }
}

impl Progress {
    fn count(&mut self) {
        self.forgotten = self.forgotten.saturating_add(1);
    }
}
