//! The gauges: how late the work is, and what the worker measures itself.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join, join_all, select};
use store::DueIndex;

use crate::group::Group;
use crate::sweep::queue;
use crate::{Outbox, Worker};

/// How long a sweep may measure. Each gauge is written as soon as it is known.
pub const MEASURING_TIME: Duration = Duration::from_secs(10);

impl<W: Worker> Outbox<W> {
    /// Measures, if the sweep of this group does.
    pub(crate) async fn measure(&self, group: Group) {
        if !group.measures() {
            return;
        }
        let lateness = join_all(self.worker.indexes().iter().map(|i| self.lateness(*i)));
        let measured = pin!(join(lateness, self.worker.measure()));
        if let Either::Right(_) = select(measured, self.clock.sleep(MEASURING_TIME)).await {
            tracing::warn!("not everything could be measured in time");
        }
    }

    /// Records how late the oldest obligation of all shards is when the sweep begins.
    async fn lateness(&self, index: DueIndex) {
        let now = self.clock.now();
        let shards = self.transactions.due_by_shard(index, now, 1);
        let mut latest = None;
        for shard in join_all(shards).await {
            match shard {
                Ok(oldest) => {
                    let late = oldest.first().map(|oldest| now.since(oldest.at));
                    latest = latest.max(Some(late.unwrap_or_default()));
                }
                // The sweep of that shard fails too, and its invocation with it.
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    tracing::warn!(error, "a shard cannot be measured");
                }
            }
        }
        // If no shard could be read, no data raises the alarm.
        if let Some(latest) = latest {
            metrics::OBLIGATION_LATENESS.record_duration(&[queue(index)], latest);
        }
    }
}
