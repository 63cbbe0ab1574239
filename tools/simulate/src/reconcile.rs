//! The reconciliation (protocol §7): the function runs over the simulated records, object store and file server, and
//! Tiki reads what arrives, compares it with its own books, and answers with a file of what differs.

use async_trait::async_trait;
use domain::{Day, Timestamp, Transaction, TransactionId};
use reconcile::{EXPORT_CUTOFF, Event, Reconcile};
use serde_json::{Value, json};

use crate::choices::Lane;
use crate::day_file::{self, Row};
use crate::files::FOLDER;
use crate::fleet::{Function, Work};
use crate::invocation::{Input, Output};
use crate::tiki::Order;
use crate::world::{DAY, HOUR, MAX_CLOCK_ERROR_MS, MINUTE, SECOND, World};

#[async_trait]
impl Work for Reconcile {
    async fn work(&self, event: Value, deadline: Timestamp) -> Output {
        let event = Event::read(event).expect("an event of the schedule or of a person");
        match self.handle(event, deadline).await {
            Ok(outcome) if outcome.busy.is_some() => Output::Busy,
            Ok(outcome) => Output::Reconciled(outcome.received),
            Err(_) => Output::Error,
        }
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
            self.plan_run();
        }
    }

    /// The schedule has a run every hour. Some of them are enough here. A simulated run that is about them has more, and
    /// Tiki answers at once: it has faults for some hours only.
    fn plan_run(&mut self) {
        let lane = Lane::WORLD;
        let next = if self.aims_at(Function::Reconcile) {
            15 * MINUTE
        } else {
            let most = self.choices.one_of(lane, &[2 * DAY, DAY, 8 * HOUR]);
            self.choices.span(lane, 6 * HOUR, most)
        };
        self.after(next, |world| {
            if world.is_over() {
                return;
            }
            world.run_as_scheduled();
            world.plan_run();
        });
    }

    fn run_as_scheduled(&mut self) {
        let event = Input::Event(json!({"action": "reconcile"}));
        let done = |world: &mut Self, _, output| match output {
            Output::Reconciled(received) => {
                world.coverage.count("reconciliation", "a run", "done");
                world.audit_results_read(&received);
            }
            Output::Busy => world.coverage.count("reconciliation", "a run", "busy"),
            _ => world.coverage.count("reconciliation", "a run", "failed"),
        };
        self.invoke(Function::Reconcile, Lane::WORLD, event, done);
    }

    fn wait_for_the_end_of(&mut self, day: Day) {
        let left = day.end_exclusive().unix_ms() - self.now();
        self.after(left, move |world| world.day_ends(day));
    }

    /// A day has ended. A person has it exported, sometimes twice. The next day follows while events are left.
    fn day_ends(&mut self, day: Day) {
        if !self.is_over() {
            self.wait_for_the_end_of(day.next());
        }
        self.plan_export(day);
        if self.choices.happens(Lane::WORLD, 3000) {
            self.plan_export(day);
        }
    }

    fn plan_export(&mut self, day: Day) {
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
        self.after(at - self.now(), move |world| {
            world.export_day(day, false, 0);
        });
    }

    /// Exports a day, and repeats until it succeeds.
    fn export_day(&mut self, day: Day, last: bool, tried: u32) {
        let event = Input::Event(json!({"day": day.to_string()}));
        let done = move |world: &mut Self, _, output| match output {
            Output::Reconciled(_) => {
                world.audit_exported(day);
                world.days.left -= usize::from(last);
            }
            output => {
                let soon = matches!(output, Output::NotStarted | Output::Busy);
                world.audit_not_exported(day, last && !soon, tried);
                let wait = if soon { MINUTE } else { 10 * MINUTE };
                let wait = wait + world.choices.span(Lane::WORLD, SECOND, MINUTE);
                world.after(wait, move |world| world.export_day(day, last, tried + 1));
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
            self.after(at - self.now(), move |world| {
                world.export_day(day, true, 0);
            });
            day = day.next();
        }
    }

    /// Whether each day has had its last export.
    pub(crate) fn all_days_are_read(&self) -> bool {
        self.days.left == 0
    }

    /// A file has its name in `INBOUND`. Tiki reads it, moves it away, and answers.
    pub(crate) fn tiki_receives_file(&mut self, path: String, name: &str) {
        let bytes = self.server.files[&path].bytes.clone();
        self.audit_file(name, &bytes);
        let lacks = self.server.lacks();
        self.coverage
            .count("reconciliation", "a delivery, without", lacks);
        let lane = Lane::WORLD;
        let name = name.to_owned();
        let most = if self.aims_at(Function::Reconcile) {
            10 * MINUTE
        } else {
            6 * HOUR
        };
        let later = self.choices.span(lane, MINUTE, most);
        self.after(later, move |world| {
            if world.choices.happens(lane, 8000)
                && let Some(file) = world.server.files.remove(&path)
            {
                let archived = format!("{FOLDER}/ARCHIVED/{name}");
                world.server.files.insert(archived, file);
            }
            world.tiki_answers_file(&name, &bytes);
        });
    }

    /// Tiki puts what differs into `OUTBOUND`: mostly in our six columns, with noise of every kind.
    fn tiki_answers_file(&mut self, name: &str, bytes: &[u8]) {
        let lane = Lane::WORLD;
        let with_codes = self.choices.happens(lane, 3000);
        let mut text = day_file::header(with_codes);
        let mut lines = 0;
        for row in day_file::rows(bytes) {
            let Some(payment) = self.payment_of_row(&row) else {
                continue;
            };
            let said = self.as_tiki_has_it(payment, &row);
            let agrees = said.as_ref() == Some(&row);
            if agrees && !self.choices.happens(lane, 500) {
                continue;
            }
            lines += 1;
            let code = match said {
                Some(_) if agrees => "00",
                Some(_) => "03",
                None => "01",
            };
            let row = said.unwrap_or(row);
            let shown = day_file::line(&row, with_codes.then_some(code));
            if self.choices.happens(lane, 300) {
                // Torn: a decimal comma, or a quote that is not closed.
                let torn = self.choices.one_of(lane, &[",00", ",\"", ",,,"]);
                text.extend([shown.trim_end(), torn, "\n"]);
            } else {
                text += &shown;
            }
        }
        if lines == 0 && self.choices.happens(lane, 5000) {
            return;
        }
        let path = format!("{FOLDER}/OUTBOUND/{name}");
        let whole = text.into_bytes();
        if self.choices.happens(lane, 1000) {
            // It is seen while it is being written.
            self.put_file(path.clone(), whole[..whole.len() / 2].to_vec());
            let later = self.choices.span(lane, SECOND, 5 * MINUTE);
            self.after(later, move |world| world.put_file(path, whole));
        } else {
            self.put_file(path, whole);
        }
    }

    pub(crate) fn payment_of_row(&self, row: &Row) -> Option<usize> {
        let id: TransactionId = row.id.parse().ok()?;
        self.by_id.get(&id).copied()
    }

    /// The row as Tiki's own book has the order; none if Tiki does not have it.
    fn as_tiki_has_it(&self, payment: usize, row: &Row) -> Option<Row> {
        let simulated = &self.payments[payment];
        let (status, amount) = match simulated.order {
            Order::Success => ("SUCCESS", simulated.amount),
            Order::OtherAmount => ("SUCCESS", simulated.amount + 1),
            Order::Failure | Order::Cancelled => ("FAILURE", simulated.amount),
            Order::Waiting => ("PENDING", simulated.amount),
            Order::Missing | Order::OfAnother | Order::InvalidField | Order::Broken => return None,
        };
        Some(Row {
            status: status.to_owned(),
            amount: amount.to_string(),
            ..row.clone()
        })
    }

    /// The notification has ended.
    pub(crate) fn reconciliation_may_look(
        &mut self,
        before: Option<&Transaction>,
        after: &Transaction,
    ) {
        use domain::Ipn;
        let given_up = |ipn: Ipn| matches!(ipn, Ipn::Exhausted { .. } | Ipn::Abandoned { .. });
        let was_given_up = before.is_some_and(|before| given_up(before.ipn()));
        if was_given_up && !given_up(after.ipn()) {
            // All its attempts start again.
            self.schedule();
            self.coverage
                .count("reconciliation", "queued again", after.status().as_str());
        }
    }
}

/// The day of a time.
fn day_of(now: i64) -> Day {
    let now = Timestamp::from_unix_ms(now).expect("a few weeks from the beginning");
    now.vietnamese_day()
}
