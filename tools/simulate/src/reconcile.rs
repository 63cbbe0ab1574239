//! The part of the reconciliation that reads and changes transactions (protocol §7): each day is exported, early,
//! late and repeatedly; and exhausted notifications are queued again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Clock, Day, Ipn, Timestamp, Transaction, TransactionId};
use serde_json::{Value, json};
use store::{StoreError, Transactions};

use crate::choices::Lane;
use crate::fleet::{Function, Work};
use crate::invocation::{Input, Output};
use crate::world::{DAY, HOUR, MAX_CLOCK_ERROR_MS, MINUTE, SECOND, World};

/// The same as `reconcile::EXPORT_CUTOFF`. That crate would add an SSH client and two SDKs as dependencies.
const EXPORT_CUTOFF: Duration = Duration::from_mins(15);

/// The function `reconcile`, as far as it uses transactions.
pub(crate) struct Reconciler {
    pub(crate) transactions: Transactions,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Work for Reconciler {
    async fn work(&self, event: Value, _: Timestamp) -> Output {
        let text = |name: &str| event[name].as_str();
        let done = match (text("day"), text("transaction_id")) {
            (Some(day), None) => self.export(day.parse().expect("a day")).await,
            (None, Some(id)) => self.queue_again(id.parse().expect("an id")).await,
            _ => panic!("an event of the wrong kind"),
        };
        done.unwrap_or(Output::Error)
    }
}

impl Reconciler {
    /// Exports a day.
    async fn export(&self, day: Day) -> Result<Output, StoreError> {
        if self.clock.now() < day.end_exclusive().after(EXPORT_CUTOFF) {
            return Ok(Output::TooEarly);
        }
        let mut final_transactions = self.transactions.final_on_day(day);
        let mut entries = Vec::new();
        while let Some(entry) = final_transactions.next().await? {
            entries.push(entry);
        }
        Ok(Output::Read(entries))
    }

    /// Queues a notification again. The domain command refuses what is not allowed, so this is tried for every payment,
    /// and not only for those that the reconciliation would choose.
    async fn queue_again(&self, id: TransactionId) -> Result<Output, StoreError> {
        let Some(found) = self.transactions.load(id).await? else {
            return Ok(Output::Error);
        };
        let queued = self
            .transactions
            .apply(found, |t| t.requeue_ipn(self.clock.now()))
            .await?;
        Ok(Output::Looked {
            queued: queued.written,
        })
    }
}

/// The days of a run.
#[derive(Default)]
pub(crate) struct Days {
    first: Option<Day>,
    /// How many days still need their last export.
    left: usize,
}

impl World {
    /// Reconciles each day from the first payment on, and also the day before, because a clock may be behind.
    pub(crate) fn reconcile_from_now_on(&mut self) {
        if self.days.first.is_none() {
            let yesterday = day_of(self.now()).previous();
            self.days.first = Some(yesterday);
            self.wait_for_the_end_of(yesterday);
        }
    }

    fn wait_for_the_end_of(&mut self, day: Day) {
        let left = day.end_exclusive().unix_ms() - self.now();
        self.after(left, move |world| world.day_ends(day));
    }

    /// A day has ended. It is exported, sometimes twice. The next day follows while events are left.
    fn day_ends(&mut self, day: Day) {
        if !self.is_over() {
            self.wait_for_the_end_of(day.next());
        }
        self.plan_reading(day);
        if self.choices.happens(Lane::WORLD, 3000) {
            self.plan_reading(day);
        }
    }

    fn plan_reading(&mut self, day: Day) {
        let lane = Lane::WORLD;
        let cutoff_ms = i64::try_from(EXPORT_CUTOFF.as_millis()).expect("a quarter of an hour");
        let after_its_end = match self.choices.below(lane, 8) {
            0..=2 => cutoff_ms,
            // Tried until it succeeds, as early as a clock that is ahead allows.
            3 | 4 => cutoff_ms - MAX_CLOCK_ERROR_MS,
            5 | 6 => 6 * HOUR,
            _ => self.choices.span(lane, DAY, 3 * DAY),
        };
        let at = day.end_exclusive().unix_ms() + after_its_end;
        self.after(at - self.now(), move |world| world.read_day(day, false));
    }

    /// Exports a day, and repeats until it succeeds.
    fn read_day(&mut self, day: Day, last: bool) {
        let event = Input::Event(json!({"day": day.to_string()}));
        let began = self.now();
        let done = move |world: &mut Self, _, output| match output {
            Output::Read(entries) => {
                world.audit_read(day, began, &entries);
                world.days.left -= usize::from(last);
            }
            Output::NotStarted => {
                world.after(MINUTE, move |world| world.read_day(day, last));
            }
            Output::TooEarly => {
                world.coverage.count("reconciliation", "a day", "too early");
                let later = world.choices.span(Lane::WORLD, SECOND, MINUTE);
                world.after(later, move |world| world.read_day(day, last));
            }
            _ => {
                world.audit_unread(day, last);
                world.after(HOUR, move |world| world.read_day(day, last));
            }
        };
        self.invoke(Function::Reconcile, Lane::WORLD, event, done);
    }

    /// Exports each day a last time, at the end of the run.
    pub(crate) fn read_all_days(&mut self) {
        let Some(mut day) = self.days.first else {
            return;
        };
        while day <= day_of(self.now() + MAX_CLOCK_ERROR_MS) {
            self.days.left += 1;
            let at = day.end_exclusive().after(EXPORT_CUTOFF).unix_ms();
            self.after(at - self.now(), move |world| world.read_day(day, true));
            day = day.next();
        }
    }

    /// Whether each day has had its last export.
    pub(crate) fn all_days_are_read(&self) -> bool {
        self.days.left == 0
    }

    /// The notification has ended. The reconciliation may check the payment later.
    pub(crate) fn reconciliation_may_look(
        &mut self,
        id: TransactionId,
        before: Option<&Transaction>,
        after: &Transaction,
    ) {
        let given_up = |ipn: Ipn| matches!(ipn, Ipn::Exhausted { .. } | Ipn::Abandoned { .. });
        let ended =
            |ipn: Ipn| !matches!(ipn, Ipn::NotDue | Ipn::Queued { .. } | Ipn::Retrying { .. });
        let Some(before) = before.filter(|before| before.ipn() != after.ipn()) else {
            return;
        };
        if given_up(before.ipn()) {
            // All its attempts start again.
            self.schedule();
        }
        if !ended(after.ipn()) {
            return;
        }
        let lane = self.lane_of(id);
        let often = if given_up(after.ipn()) { 2500 } else { 500 };
        if self.choices.happens(lane, often) {
            let most = self.choices.one_of(lane, &[10 * MINUTE, HOUR, 2 * DAY]);
            let later = self.choices.span(lane, MINUTE, most);
            self.after(later, move |world| world.look_at(id, lane));
        }
    }

    fn look_at(&mut self, id: TransactionId, lane: Lane) {
        let event = Input::Event(json!({"transaction_id": id.to_string()}));
        let done = |world: &mut Self, who, output| {
            if let Output::Looked { queued } = output {
                let row = if queued {
                    "queued again"
                } else {
                    "left as it is"
                };
                let saw = world.fleet.last_saw(who);
                world.coverage.count("reconciliation", row, saw);
            }
        };
        self.invoke(Function::Reconcile, lane, event, done);
    }
}

/// The day of a time.
fn day_of(now: i64) -> Day {
    let now = Timestamp::from_unix_ms(now).expect("a few weeks from the beginning");
    now.vietnamese_day()
}
