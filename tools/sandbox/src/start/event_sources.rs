//! What invokes the workers: streams and schedules.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{Mutex, Notify};

use super::Sandbox;
use super::moved::Moved;
use crate::journal::Journal;
use crate::lambda::Function;
use crate::options::Options;
use crate::schedule::Schedule;
use crate::stream::{Positions, Pump};
use crate::template::Plan;
use crate::time::{Parts, Time};

/// The time of a sandbox with these functions.
pub(super) fn time(
    moved: Moved,
    options: &Options,
    plan: &Plan,
    functions: &BTreeMap<String, Arc<Function>>,
    journal: &Journal,
    written: &Arc<Notify>,
) -> anyhow::Result<Time> {
    let schedules = plan.schedules.iter().map(|plan| {
        let function = functions.get(&plan.function);
        Ok(Schedule {
            function: Arc::clone(function.context("a schedule without its function")?),
            plan: plan.clone(),
            journal: journal.clone(),
        })
    });
    Ok(Time::new(Parts {
        schedules: schedules.collect::<anyhow::Result<_>>()?,
        written: Arc::clone(written),
        stands: moved.stands,
        fires_by_itself: !options.no_cron,
        fired_until: Mutex::new(moved.clock.now_ms()),
        clock: moved.clock,
    }))
}

impl Sandbox {
    /// Starts the streams and schedules of the workers.
    pub(super) fn start_event_sources(
        &mut self,
        options: &Options,
        streams: &aws_sdk_dynamodbstreams::Client,
    ) -> anyhow::Result<()> {
        let file = options
            .data_dir
            .as_ref()
            .map(|dir| dir.join("stream-positions.json"));
        let positions = Positions::load(file)?;
        for plan in self.plan.streams.clone() {
            let pump = Pump {
                client: streams.clone(),
                function: self.function(&plan.function)?,
                plan,
                positions: positions.clone(),
                journal: self.journal.clone(),
                written: Arc::clone(&self.written),
            };
            self.tasks.push(tokio::spawn(pump.run()));
        }
        for schedule in self.time.sweeps() {
            let sweeps = schedule.sweep(options.sweep_every, Arc::clone(&self.sweeps_ended));
            self.tasks.push(tokio::spawn(sweeps));
        }
        let firings = self.time.clone().fire_by_itself();
        self.tasks.push(tokio::spawn(firings));
        Ok(())
    }
}
