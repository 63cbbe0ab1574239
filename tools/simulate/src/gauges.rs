//! What our functions measure: the values of their metrics, as CloudWatch gets them.

use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// The metrics of the poll that runs.
#[derive(Clone, Default)]
pub(crate) struct Gauges(Arc<Mutex<Vec<Gauge>>>);

/// A metric and its value.
#[derive(Default)]
pub(crate) struct Gauge {
    pub(crate) metric: String,
    pub(crate) value: i64,
}

impl Gauges {
    /// What was measured since the last call.
    pub(crate) fn take(&self) -> Vec<Gauge> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Subscriber for Gauges {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "metrics"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut gauge = Gauge::default();
        event.record(&mut gauge);
        self.0.lock().unwrap().push(gauge);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Gauge {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "metric" {
            value.clone_into(&mut self.metric);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "value" {
            self.value = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
