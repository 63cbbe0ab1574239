//! Watches what went back: once a day Tiki is asked about each payment whose money we gave back unasked.

use domain::{Day, Transaction};
use futures::{StreamExt, stream};
use reconciliation::classify::Kind;
use reconciliation::plan::watch;
use reconciliation::record::{Subject, Watched};
use store::{Key, SHARDS};

use crate::recheck::MAX_CONCURRENT_LOOK_UPS;
use crate::{Reconcile, Run};

impl Reconcile {
    /// Looks up what went back in the last month and was not looked up today, as far as the time allows. The next run
    /// goes on.
    pub(crate) async fn watch_what_went_back(&self, run: &mut Run) -> anyhow::Result<()> {
        let today = self.clock.now().vietnamese_day();
        for day in watch::days(today) {
            match self.watch_day(run, day, today).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(%day, "there was no time for all that went back: the next run goes on");
                    return Ok(());
                }
                // The other days are looked up all the same, and this one by the next run.
                Err(error) => {
                    run.note("what went back on a day could not be looked up", Err(error));
                }
            }
        }
        Ok(())
    }

    /// Looks up what went back on a day. The answer is whether there was time for all of it.
    async fn watch_day(&self, run: &mut Run, day: Day, today: Day) -> anyhow::Result<bool> {
        let known = self.records.get(&Key::watched(day)).await?;
        let version = known.as_ref().map(|known| known.version);
        let known = known.map(|known| known.record);
        let Some(due) = watch::next(day, known.as_ref(), today, SHARDS) else {
            return Ok(true);
        };
        let mut shards = due.from_shard;
        while shards < SHARDS && run.has_time(self.clock.now()) {
            if !self.watch_shard(run, day, shards).await? {
                break;
            }
            shards = shards.saturating_add(1);
        }
        let on = today;
        // If another run has written it, it has looked, too.
        self.records
            .put(Watched { day, on, shards }, version)
            .await?;
        Ok(shards >= SHARDS)
    }

    /// Looks up the payments of a shard. The answer is whether there was time for all of them. One that cannot be read
    /// stops no other, and is tried again tomorrow.
    async fn watch_shard(&self, run: &mut Run, day: Day, shard: u8) -> anyhow::Result<bool> {
        let given_back = self.transactions.given_back_on_day(day, shard).await?;
        let until = run.until;
        let work = given_back.into_iter().map(async |t| {
            if self.clock.now() >= until {
                return Ok(None);
            }
            self.watch_payment(day, &t?).await.map(Some)
        });
        let mut work = stream::iter(work).buffer_unordered(MAX_CONCURRENT_LOOK_UPS);
        let mut all = true;
        while let Some(looked) = work.next().await {
            match looked {
                Ok(Some(true)) => drop(run.changed_days.insert(day)),
                Ok(Some(false)) => {}
                Ok(None) => all = false,
                Err(error) => {
                    run.note(
                        "a payment that went back could not be looked up",
                        Err(error),
                    );
                }
            }
        }
        Ok(all)
    }

    /// Asks Tiki about one payment. Only what is not in order, or was not before, becomes a finding: under the day on
    /// which the money was given back. The answer is whether it has changed.
    async fn watch_payment(&self, day: Day, t: &Transaction) -> anyhow::Result<bool> {
        let comparison = self.compare(t.tiki_id()).await?;
        let subject = Subject::Payment {
            tiki_id: t.tiki_id().clone(),
        };
        let in_order = comparison.classification.kind == Kind::Matched;
        let mut changed = false;
        self.update_finding(day, &subject, in_order, |finding, now| {
            changed = comparison.record(finding, now);
        })
        .await?;
        Ok(changed)
    }
}
