//! Exports a day: writes its files, and carries out the plan of their delivery.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use domain::{Day, FinalStatus, FinalTransaction, Refund, Timestamp};
use reconciliation::file::{self, Part, Parts, Refunded, Row, Sum};
use reconciliation::place::ObjectKey;
use reconciliation::plan::export::{self, DayFiles, Step};
use reconciliation::record::{Began, Doubt, Exported, Sent};
use store::{Key, Versioned, Written, day_partition};

use crate::delivery::{Arrived, Upload};
use crate::{EXPORT_CUTOFF, EXPORT_DUE_AFTER, MAX_DUE_DAYS, Reconcile, Run};

/// A day that is being exported.
struct DayExport {
    day: Day,
    parts: Vec<Part>,
    /// What Tiki had refunded on the day.
    refunded: Sum,
    sent: Vec<Versioned<Sent>>,
    exported: Option<Versioned<Exported>>,
    /// Counters of planned files that are certainly not at Tiki.
    absent: BTreeSet<u32>,
}

impl Reconcile {
    /// The days whose files are due, the oldest first.
    pub(crate) async fn due_days(&self) -> anyhow::Result<Vec<Day>> {
        let first = self.first_day().await?;
        Ok(due(first, self.clock.now()))
    }

    /// The first day that is reconciled: the day before the first run.
    pub(crate) async fn first_day(&self) -> anyhow::Result<Day> {
        if let Some(known) = self.records.get(&Key::began()).await? {
            return Ok(known.record.first_day);
        }
        let began = Began {
            first_day: self.clock.now().vietnamese_day().previous(),
        };
        let (Written::Stored(began) | Written::Conflict(began)) =
            self.records.put(began, None).await?;
        Ok(began.record.first_day)
    }

    /// Whether a day was exported, and each of its files was delivered.
    pub(crate) async fn is_delivered(&self, day: Day) -> anyhow::Result<bool> {
        let exported = self.exported(day).await?.map(|known| known.record);
        let sent = self.records.list::<Sent>(&day_partition(day)).await?;
        let sent: Vec<Sent> = sent.into_iter().map(|sent| sent.record).collect();
        Ok(export::is_delivered(exported.as_ref(), &sent))
    }

    pub(crate) async fn exported(&self, day: Day) -> anyhow::Result<Option<Versioned<Exported>>> {
        Ok(self.records.get(&Key::exported(day)).await?)
    }

    /// Exports a day. The same bytes are sent once; bytes that have changed since are sent under the next counter.
    pub(crate) async fn export(&self, run: &mut Run, day: Day) -> anyhow::Result<()> {
        self.ensure_complete(day)?;
        let written = self.write(run, day).await;
        let (parts, refunded) = written.with_context(|| format!("{day}"))?;
        let mut export = DayExport {
            day,
            parts,
            refunded,
            sent: self.records.list(&day_partition(day)).await?,
            exported: self.exported(day).await?,
            absent: BTreeSet::new(),
        };
        while let Some(step) = export.next() {
            self.carry_out(run, &mut export, step).await?;
        }
        Ok(())
    }

    /// Refuses a day to which payments may still be added.
    pub(crate) fn ensure_complete(&self, day: Day) -> anyhow::Result<()> {
        let from = exportable_from(day);
        if self.clock.now() < from {
            bail!(
                "{day} cannot be exported before {from}: until then payments may still be added to it"
            );
        }
        Ok(())
    }

    /// Writes the lines of a day into files in the run's folder, and sums what Tiki had refunded.
    async fn write(&self, run: &Run, day: Day) -> anyhow::Result<(Vec<Part>, Sum)> {
        let open = |place| Ok(BufWriter::new(File::create(path(run, day, place))?));
        let mut parts = Parts::new(self.refund_rows, open);
        let mut payments = self.transactions.final_on_day(day);
        while let Some(payment) = payments.next().await? {
            parts.write(Row::Payment(&payment))?;
        }
        let mut refunded = Sum::default();
        let today = self.clock.now().vietnamese_day();
        let mut refunds = self.transactions.refunded_on_day(day, today);
        while let Some(refunds) = refunds.next().await? {
            for (payment, refund) in refunds {
                // Of a payment that is a failure nothing is due.
                let is_due = payment.status == FinalStatus::Success;
                if is_due && refund.origin.request_id().is_some() {
                    refunded.add(1, refund.amount.get())?;
                }
                if self.refund_rows {
                    write_refund(&mut parts, &payment, &refund)?;
                }
            }
        }
        Ok((parts.finish()?, refunded))
    }

    async fn carry_out(
        &self,
        run: &mut Run,
        export: &mut DayExport,
        step: Step,
    ) -> anyhow::Result<()> {
        match step {
            Step::FindOut { counter } => self.find_out(run, export, counter).await,
            Step::Plan { counter, place } => self.plan(run, export, counter, place).await,
            Step::Archive { counter, place } => self.archive(run, export, counter, place).await,
            Step::Record { counters } => self.record(run, export, counters).await,
            Step::Deliver { counter, place } => self.deliver(run, export, counter, place).await,
        }
    }

    /// Whether the file of a run that died is at Tiki. If the server does not say, it counts as there: its counter is
    /// not used again.
    async fn find_out(
        &self,
        run: &mut Run,
        export: &mut DayExport,
        counter: u32,
    ) -> anyhow::Result<()> {
        let sent = export.file(counter)?.clone();
        let drop = self.file_drop.as_ref();
        let direct = drop.is_some_and(|drop| drop.upload == Upload::Direct);
        let arrived = match (self.session(run).await?, &self.file_drop) {
            (Some(session), Some(drop)) => {
                let parcel = drop.parcel(&sent.record, &run.name);
                let arrived = parcel.arrived(session.as_ref()).await;
                arrived.with_context(|| sent.record.name.clone())?
            }
            _ => Arrived::No,
        };
        let doubt = match arrived {
            Arrived::No => {
                export.absent.insert(counter);
                return Ok(());
            }
            // A run that died wrote a part of it: with that counter it is written once more.
            Arrived::Other if direct => {
                export.absent.insert(counter);
                return Ok(());
            }
            Arrived::Other => bail!(
                "{}: at Tiki there is another file of this name",
                sent.record.name
            ),
            Arrived::Yes => None,
            Arrived::Unverified(doubt) => Some(doubt),
            Arrived::Unknown => Some(Doubt::NameTaken),
        };
        self.record_delivery(export, sent, doubt.into_iter().collect())
            .await
    }

    /// Records a part under its counter, before anything of it is sent.
    async fn plan(
        &self,
        run: &Run,
        export: &mut DayExport,
        counter: u32,
        place: usize,
    ) -> anyhow::Result<()> {
        let day = export.day;
        let content = export.parts.get(place).context("a part that is written")?;
        let sent = Sent {
            day,
            counter,
            name: file::name(&self.partner, day, counter),
            content: content.clone(),
            run: run.name.clone(),
            planned_at: self.clock.now(),
            archived_at: None,
            delivered_at: None,
            doubts: Vec::new(),
        };
        let before = export.file(counter).ok().map(|known| known.version);
        match self.records.put(sent, before).await? {
            Written::Stored(planned) => export.keep(planned),
            // Another run has used the counter, perhaps for the same bytes.
            Written::Conflict(_) => export.sent = self.records.list(&day_partition(day)).await?,
        }
        Ok(())
    }

    /// Copies a part to the object store.
    async fn archive(
        &self,
        run: &Run,
        export: &mut DayExport,
        counter: u32,
        place: usize,
    ) -> anyhow::Result<()> {
        let sent = export.file(counter)?.clone();
        let key = ObjectKey::Sent(export.day, &sent.record.name);
        let file = path(run, export.day, place);
        let sha256 = &sent.record.content.sha256;
        self.objects
            .put(&key.to_string(), &file, sha256, key.content_type())
            .await?;
        let archived = Sent {
            archived_at: Some(self.clock.now()),
            ..sent.record
        };
        match self.records.put(archived, Some(sent.version)).await? {
            Written::Stored(archived) => export.keep(archived),
            Written::Conflict(there) => bail!("another run is sending {}", there.record.name),
        }
        Ok(())
    }

    /// Records the files that are the day. From here on check-reconciliation offers them.
    async fn record(
        &self,
        run: &mut Run,
        export: &mut DayExport,
        counters: Vec<u32>,
    ) -> anyhow::Result<()> {
        let day = export.day;
        let totals = export.files(&[]).totals();
        let totals = totals.context("a sum of the day is too large")?;
        let transactions = totals.success.count.saturating_add(totals.failure.count);
        let exported = Exported {
            day,
            totals,
            refunded: export.refunded,
            counters,
            exported_at: self.clock.now(),
            run: run.name.clone(),
        };
        run.changed_days.insert(day);
        let version = export.exported.as_ref().map(|known| known.version);
        match self.records.put(exported, version).await? {
            Written::Stored(exported) => export.exported = Some(exported),
            Written::Conflict(_) => bail!("another run has exported {day}"),
        }
        tracing::info!(%day, transactions, "exported");
        Ok(())
    }

    /// Delivers a part under its name.
    async fn deliver(
        &self,
        run: &mut Run,
        export: &mut DayExport,
        counter: u32,
        place: usize,
    ) -> anyhow::Result<()> {
        let sent = export.file(counter)?.clone();
        let name = sent.record.name.clone();
        run.changed_days.insert(export.day);
        let mut doubts = Vec::new();
        if let (Some(session), Some(drop)) = (self.session(run).await?, &self.file_drop) {
            let parcel = drop.parcel(&sent.record, &run.name);
            let file = path(run, export.day, place);
            let delivered = parcel.deliver(session.as_ref(), &file).await;
            if delivered.is_err() {
                // The session may be broken; another day gets a new one.
                run.session.close().await;
            }
            doubts = delivered.with_context(|| name.clone())?;
        }
        for doubt in &doubts {
            tracing::warn!(file = name, %doubt, "something could not be verified at the delivery");
        }
        self.record_delivery(export, sent, doubts).await?;
        tracing::info!(file = name, "delivered");
        run.outcome.delivered.push(name);
        Ok(())
    }

    async fn record_delivery(
        &self,
        export: &mut DayExport,
        sent: Versioned<Sent>,
        doubts: Vec<Doubt>,
    ) -> anyhow::Result<()> {
        let delivered = Sent {
            delivered_at: Some(self.clock.now()),
            doubts,
            ..sent.record
        };
        match self.records.put(delivered, Some(sent.version)).await? {
            Written::Stored(delivered) => export.keep(delivered),
            Written::Conflict(there) if there.record.delivered_at.is_some() => export.keep(there),
            Written::Conflict(there) => bail!("another run is sending {}", there.record.name),
        }
        Ok(())
    }
}

impl DayExport {
    fn next(&self) -> Option<Step> {
        let sent: Vec<Sent> = self.sent.iter().map(|sent| sent.record.clone()).collect();
        self.files(&sent).next()
    }

    fn files<'d>(&'d self, sent: &'d [Sent]) -> DayFiles<'d> {
        DayFiles {
            parts: &self.parts,
            sent,
            exported: self.exported.as_ref().map(|exported| &exported.record),
            absent: &self.absent,
        }
    }

    fn file(&self, counter: u32) -> anyhow::Result<&Versioned<Sent>> {
        let mut sent = self.sent.iter();
        sent.find(|sent| sent.record.counter == counter)
            .context("a recorded file")
    }

    /// Keeps what is stored now.
    fn keep(&mut self, stored: Versioned<Sent>) {
        let counter = stored.record.counter;
        let mut known = self.sent.iter_mut();
        match known.find(|known| known.record.counter == counter) {
            Some(known) => *known = stored,
            None => self.sent.push(stored),
        }
    }
}

fn write_refund<W: Write, F: FnMut(usize) -> io::Result<W>>(
    parts: &mut Parts<W, F>,
    payment: &FinalTransaction,
    refund: &Refund,
) -> io::Result<()> {
    let refunded = Refunded {
        request_id: refund.origin.request_id().cloned(),
        refund_id: refund.id,
        amount: refund.amount,
        back_at: refund.back_at().unwrap_or(Timestamp::MIN),
    };
    parts.write(Row::Refund(payment, &refunded))
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

    #[test]
    fn a_day_can_be_exported_fifteen_minutes_after_midnight() {
        assert_eq!(
            exportable_from(day("2026-11-22")),
            at("2026-11-23T00:15:00")
        );
    }
}
