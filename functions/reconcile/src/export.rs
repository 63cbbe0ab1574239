//! Exports a day: writes its files, records them, copies them to the object store and delivers them to Tiki.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::{Context, bail};
use domain::{Day, FinalTransaction, Timestamp};
use reconciliation::file::{self, Part, Parts, Refunded, Row, Totals};
use reconciliation::record::{Began, Exported, Sent};
use store::{Record, Versioned, Written, day_partition};

use crate::{EXPORT_CUTOFF, EXPORT_DUE_AFTER, MAX_DUE_DAYS, Reconcile, Run};

impl Reconcile {
    /// The days whose files are due, the oldest first.
    pub(crate) async fn due_days(&self) -> anyhow::Result<Vec<Day>> {
        let first = self.first_day().await?;
        Ok(due(first, self.clock.now()))
    }

    /// The first day that is reconciled: the day before the first run.
    async fn first_day(&self) -> anyhow::Result<Day> {
        let began = Began {
            first_day: self.clock.now().vietnamese_day().previous().to_string(),
        };
        let known = self
            .records
            .get::<Began>(&began.partition(), &began.sort())
            .await?;
        let began = match known {
            Some(known) => known.record,
            None => match self.records.put(began, None).await? {
                Written::Stored(began) | Written::Conflict(began) => began.record,
            },
        };
        Ok(began.first_day.parse()?)
    }

    /// Whether a day was exported, and each of its files was delivered.
    pub(crate) async fn is_delivered(&self, day: Day) -> anyhow::Result<bool> {
        let partition = day_partition(day);
        let Some(exported) = self.exported(day).await? else {
            return Ok(false);
        };
        let sent = self.records.list::<Sent>(&partition).await?;
        let delivered = |counter: &u32| {
            let at = sent.iter().find(|sent| sent.record.counter == *counter);
            at.is_some_and(|sent| sent.record.delivered_at.is_some())
        };
        Ok(exported.record.counters.iter().all(delivered))
    }

    pub(crate) async fn exported(&self, day: Day) -> anyhow::Result<Option<Versioned<Exported>>> {
        let found = self
            .records
            .get::<Exported>(&day_partition(day), Exported::PREFIX)
            .await;
        Ok(found?)
    }

    /// Exports a day. The same bytes are sent once; bytes that have changed since are sent under the next counter.
    pub(crate) async fn export(&self, run: &mut Run, day: Day) -> anyhow::Result<()> {
        let from = exportable_from(day);
        if self.clock.now() < from {
            bail!(
                "{day} cannot be exported before {from}: until then payments may still be added to it"
            );
        }
        let parts = self
            .write(run, day)
            .await
            .with_context(|| format!("{day}"))?;
        let mut totals = Totals::default();
        let mut all = Vec::new();
        for (place, part) in parts.iter().enumerate() {
            totals.add(&part.totals)?;
            let sent = self.plan(run, day, part, &parts).await?;
            all.push(self.copy(sent, &path(run, day, place)).await?);
        }
        let exported = Exported {
            day: day.to_string(),
            totals,
            counters: all.iter().map(|sent| sent.record.counter).collect(),
            exported_at: self.clock.now().unix_ms(),
            run: run.name.clone(),
        };
        // From here on check-reconciliation offers the files, whether the delivery works or not.
        self.record_export(run, day, exported).await?;
        for (place, sent) in all.into_iter().enumerate() {
            if sent.record.delivered_at.is_none() {
                run.changed_days.insert(day);
                self.deliver(run, sent, &path(run, day, place)).await?;
            }
        }
        Ok(())
    }

    async fn record_export(
        &self,
        run: &mut Run,
        day: Day,
        exported: Exported,
    ) -> anyhow::Result<()> {
        let known = self.exported(day).await?;
        let same = |known: &Versioned<Exported>| {
            (&known.record.counters, known.record.totals) == (&exported.counters, exported.totals)
        };
        if known.as_ref().is_some_and(same) {
            return Ok(());
        }
        run.changed_days.insert(day);
        let transactions = exported
            .totals
            .success
            .count
            .saturating_add(exported.totals.failure.count);
        let version = known.map(|known| known.version);
        match self.records.put(exported, version).await? {
            Written::Stored(_) => {
                tracing::info!(%day, transactions, "exported");
                Ok(())
            }
            Written::Conflict(_) => bail!("another run has exported {day}"),
        }
    }

    /// Writes the lines of a day into files in the run's folder.
    async fn write(&self, run: &Run, day: Day) -> anyhow::Result<Vec<Part>> {
        let open = |place| Ok(BufWriter::new(File::create(path(run, day, place))?));
        let mut parts = Parts::new(self.refund_rows, open);
        let mut payments = self.transactions.final_on_day(day);
        while let Some(payment) = payments.next().await? {
            parts.write(Row::Payment(&payment))?;
        }
        if self.refund_rows {
            let today = self.clock.now().vietnamese_day();
            let mut refunds = self.transactions.refunded_on_day(day, today);
            while let Some(refunds) = refunds.next().await? {
                for (transaction, refund) in refunds {
                    let payment = FinalTransaction::of(&transaction);
                    let payment = payment.context("a refund of a payment that is not final")?;
                    let refunded = Refunded {
                        request_id: refund.origin.request_id().cloned(),
                        refund_id: refund.id,
                        amount: refund.amount,
                        back_at: refund.back_at().unwrap_or(Timestamp::MIN),
                    };
                    parts.write(Row::Refund(&payment, &refunded))?;
                }
            }
        }
        Ok(parts.finish()?)
    }

    /// The record of a part: the existing one for these bytes, or a new one.
    async fn plan(
        &self,
        run: &Run,
        day: Day,
        part: &Part,
        parts: &[Part],
    ) -> anyhow::Result<Versioned<Sent>> {
        loop {
            let known = self.records.list::<Sent>(&day_partition(day)).await?;
            let (counter, version) = match place(&known, part, parts) {
                Place::Known(known) => return Ok(known.clone()),
                // Its run may have delivered it, and crashed before it recorded that.
                Place::Unfinished(sent) if self.has_arrived(&sent.record).await? => {
                    self.record_delivery(sent.clone()).await?;
                    continue;
                }
                Place::Unfinished(sent) => (sent.record.counter, Some(sent.version)),
                Place::New(counter) => (counter, None),
            };
            let sent = Sent {
                day: day.to_string(),
                counter,
                name: file::name(&self.partner, day, counter),
                lines: part.lines,
                bytes: part.bytes,
                sha256: part.sha256.clone(),
                totals: part.totals,
                run: run.name.clone(),
                planned_at: self.clock.now().unix_ms(),
                archived_at: None,
                delivered_at: None,
            };
            if let Written::Stored(planned) = self.records.put(sent, version).await? {
                return Ok(planned);
            }
            // Another run has used the counter, perhaps for the same bytes.
        }
    }
}

/// The place of a part among the recorded files of its day.
#[derive(Debug, PartialEq)]
enum Place<'k> {
    /// This record has the same bytes.
    Known(&'k Versioned<Sent>),
    /// The file of this record was never delivered, and no part has its bytes any more. So its counter is free again.
    Unfinished(&'k Versioned<Sent>),
    /// The next counter.
    New(u32),
}

fn place<'k>(known: &'k [Versioned<Sent>], part: &Part, parts: &[Part]) -> Place<'k> {
    let same = |sent: &&Versioned<Sent>| sent.record.sha256 == part.sha256;
    if let Some(known) = known.iter().find(same) {
        return Place::Known(known);
    }
    let unfinished = |sent: &&Versioned<Sent>| {
        // If another part of the day has these bytes, the record belongs to that part.
        let wanted = parts.iter().any(|part| part.sha256 == sent.record.sha256);
        sent.record.delivered_at.is_none() && !wanted
    };
    let last = known.last().map_or(0, |last| last.record.counter);
    let new = Place::New(last.saturating_add(1));
    known.iter().find(unfinished).map_or(new, Place::Unfinished)
}

fn path(run: &Run, day: Day, place: usize) -> PathBuf {
    run.folder.path().join(format!("{day}-{place}"))
}

/// The days since `first` whose files are due at `now`, the oldest first; at most [`MAX_DUE_DAYS`], the latest ones.
fn due(first: Day, now: Timestamp) -> Vec<Day> {
    let mut day = now.vietnamese_day().previous();
    let mut days = Vec::new();
    while days.len() < MAX_DUE_DAYS && day >= first {
        if now >= day.end_exclusive().after(EXPORT_DUE_AFTER) {
            days.push(day);
        }
        if day.previous() == day {
            break;
        }
        day = day.previous();
    }
    days.reverse();
    days
}

/// From this time on nothing is added to a day any more.
fn exportable_from(day: Day) -> Timestamp {
    day.end_exclusive().after(EXPORT_CUTOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        Timestamp::parse_rfc3339(&format!("{time}+07:00")).unwrap()
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_file_is_due_at_six_in_the_morning_of_the_next_day() {
        let first = day("2026-11-21");
        for (now, last) in [
            ("2026-11-22T23:59:59", "2026-11-21"),
            ("2026-11-23T00:00:00", "2026-11-21"),
            ("2026-11-23T05:59:59", "2026-11-21"),
            ("2026-11-23T06:00:00", "2026-11-22"),
            ("2026-11-23T23:59:59", "2026-11-22"),
        ] {
            let due = due(first, at(now));
            assert_eq!(due.first().copied(), Some(first), "{now}");
            assert_eq!(due.last().copied(), Some(day(last)), "{now}");
        }
    }

    #[test]
    fn days_before_the_first_one_or_long_ago_are_not_due() {
        let now = at("2026-11-23T07:00:00");
        assert_eq!(due(day("2026-11-23"), now), []);
        assert_eq!(due(day("2026-11-22"), now), [day("2026-11-22")]);
        let many = due(day("2020-01-01"), now);
        assert_eq!(many.len(), MAX_DUE_DAYS);
        assert!(many.windows(2).all(|two| two[0].next() == two[1]));
        assert_eq!(due(day("1970-01-01"), Timestamp::MIN), []);
    }

    fn part(bytes: &str) -> Part {
        Part {
            lines: 2,
            bytes: 1,
            sha256: bytes.to_owned(),
            totals: Totals::default(),
        }
    }

    fn sent(counter: u32, bytes: &str, delivered: bool) -> Versioned<Sent> {
        let record = Sent {
            day: "2026-11-22".to_owned(),
            counter,
            name: String::new(),
            lines: 2,
            bytes: 1,
            sha256: bytes.to_owned(),
            totals: Totals::default(),
            run: String::new(),
            planned_at: 0,
            archived_at: None,
            delivered_at: delivered.then_some(1),
        };
        Versioned { record, version: 1 }
    }

    #[test]
    fn each_part_has_its_own_counter() {
        let parts = ["a", "b", "c"].map(part);
        let mut known = Vec::new();
        for (part, counter) in parts.iter().zip(1..) {
            assert_eq!(place(&known, part, &parts), Place::New(counter));
            // Recorded, and not delivered yet.
            known.push(sent(counter, &part.sha256, false));
        }
        for (part, planned) in parts.iter().zip(&known) {
            assert_eq!(place(&known, part, &parts), Place::Known(planned));
        }
    }

    #[test]
    fn a_changed_part_gets_an_undelivered_counter_or_the_next() {
        let parts = ["a2", "b"].map(part);
        let delivered = [sent(1, "a", true), sent(2, "b", true)];
        assert_eq!(place(&delivered, &parts[0], &parts), Place::New(3));
        assert_eq!(
            place(&delivered, &parts[1], &parts),
            Place::Known(&delivered[1])
        );
        let died = [sent(1, "a", false), sent(2, "b", false)];
        assert_eq!(place(&died, &parts[0], &parts), Place::Unfinished(&died[0]));
        assert_eq!(place(&died, &parts[1], &parts), Place::Known(&died[1]));
    }

    #[test]
    fn a_day_can_be_exported_fifteen_minutes_after_midnight() {
        assert_eq!(
            exportable_from(day("2026-11-22")),
            at("2026-11-23T00:15:00")
        );
    }
}
