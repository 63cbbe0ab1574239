//! Metrics in CloudWatch's embedded metric format: a JSON line that declares which of its members are metrics.

use std::io::Write;

use domain::Clock;
use serde_json::{Map, Value, json};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};

use crate::SystemClock;

/// Writes each metric event as one line.
pub(super) struct EmbeddedMetrics<W> {
    namespace: String,
    function: &'static str,
    out: W,
}

impl<W> EmbeddedMetrics<W> {
    pub(super) fn new(namespace: String, function: &'static str, out: W) -> Self {
        Self {
            namespace,
            function,
            out,
        }
    }
}

impl<S, W> Layer<S> for EmbeddedMetrics<W>
where
    S: Subscriber,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut figure = Figure::default();
        event.record(&mut figure);
        let line = figure.line(&self.namespace, self.function, SystemClock.now().unix_ms());
        // In one piece, so that no other line comes in between. A log that cannot be written stops no payment.
        let _ = self
            .out
            .make_writer()
            .write_all(format!("{line}\n").as_bytes());
    }
}

/// A metric event's fields, as `metrics` writes them.
#[derive(Default)]
struct Figure {
    metric: String,
    unit: String,
    dimensions: String,
    of: String,
    total: bool,
    value: i64,
}

impl Figure {
    fn line(&self, namespace: &str, function: &str, now_ms: i64) -> Value {
        let list = |text: &str| -> Vec<String> {
            let parts = text.split(',').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        let names = list(&self.dimensions);
        let mut sets = vec![json!(names)];
        if self.total {
            sets.push(json!([]));
        }
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now_ms,
                "CloudWatchMetrics": [{
                    "Namespace": namespace,
                    "Dimensions": sets,
                    "Metrics": [{ "Name": self.metric, "Unit": self.unit }],
                }],
            }),
        );
        let mut values = list(&self.of).into_iter();
        line.extend(names.into_iter().map(|name| {
            let value = if name == metrics::FUNCTION {
                function.to_owned()
            } else {
                values.next().unwrap_or_default()
            };
            (name, json!(value))
        }));
        line.insert(self.metric.clone(), json!(self.value));
        Value::Object(line)
    }
}

impl Visit for Figure {
    fn record_str(&mut self, field: &Field, value: &str) {
        let part = match field.name() {
            "metric" => &mut self.metric,
            "unit" => &mut self.unit,
            "dimensions" => &mut self.dimensions,
            "of" => &mut self.of,
            _ => return,
        };
        value.clone_into(part);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "value" {
            self.value = value;
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "total" {
            self.total = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::prelude::*;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(work: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let out = lines.clone();
        let layer =
            EmbeddedMetrics::new("TikiVip/test".to_owned(), "a-function", move || out.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        let bytes = lines.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The rules of the format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
    fn assert_embedded(line: &Value, metric: &metrics::Metric) {
        assert!(line["_aws"]["Timestamp"].as_i64().unwrap() > 1_700_000_000_000);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "TikiVip/test");
        for set in directive["Dimensions"].as_array().unwrap() {
            for dimension in set.as_array().unwrap() {
                let value = line[dimension.as_str().unwrap()].as_str();
                assert!(value.is_some_and(|value| !value.is_empty()), "{line}");
            }
        }
        let declared = &directive["Metrics"][0];
        assert_eq!(declared["Name"], metric.name);
        assert!(["Count", "Milliseconds"].contains(&declared["Unit"].as_str().unwrap()));
        assert!(line[metric.name].is_i64(), "{line}");
    }

    #[test]
    fn every_metric_is_written_in_the_embedded_format() {
        for metric in metrics::all() {
            let own = metric.dimensions.iter();
            let own = own.filter(|name| **name != metrics::FUNCTION);
            let of: Vec<&str> = own.map(|_| "x").collect();
            let written = lines(|| metric.record(&of, -7));
            assert_eq!(written.len(), 1, "{}", metric.name);
            assert_embedded(&written[0], metric);
            assert_eq!(written[0][metric.name], -7);
        }
    }

    #[test]
    fn a_metric_with_a_total_also_has_no_dimensions() {
        let written = lines(|| metrics::REVIEW_RAISED.count(&["ipn_exhausted"]));
        let sets = &written[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        assert_eq!(*sets, json!([["Alarm"], []]));
        assert_eq!(written[0]["Alarm"], "ipn_exhausted");
    }

    #[test]
    fn dimensions_keep_their_order() {
        let written = lines(|| metrics::CALLS.count(&["tiki", "none"]));
        assert_eq!(
            (
                &written[0]["To"],
                &written[0]["Outcome"],
                &written[0]["Calls"]
            ),
            (&json!("tiki"), &json!("none"), &json!(1))
        );
    }
}
