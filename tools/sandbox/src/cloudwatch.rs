//! CloudWatch: the metrics that the functions log, and the template's alarms over them.
//!
//! An alarm is computed as CloudWatch does it, by the sandbox's clock, with one difference: it is also on if it is with the
//! period that still runs, so that a person sees it at once. An alarm over metrics of AWS itself, or over an expression, is not computed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::template::Plan;

/// Points that are kept of each metric. Enough for the longest period, and a limit for a long run.
const MAX_POINTS: usize = 5_000;

/// The metrics that the functions have logged. Clones have the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(Arc<Mutex<HashMap<String, VecDeque<Point>>>>);

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    at_ms: i64,
    dimensions: BTreeMap<String, String>,
    value: f64,
}

/// An alarm, and whether it is on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AlarmState {
    /// Its name in the template.
    pub(crate) alarm: String,
    pub(crate) is_on: bool,
    /// The value of the newest period that has one.
    pub(crate) value: Option<f64>,
    pub(crate) threshold: f64,
    /// Where docs/operations.md says what to do: the end of the alarm's description.
    pub(crate) section: String,
}

/// An alarm as the template declares it.
struct Alarm<'p> {
    name: &'p str,
    metric: &'p str,
    dimensions: BTreeMap<String, String>,
    statistic: &'p str,
    period_ms: i64,
    periods: i64,
    datapoints: usize,
    comparison: &'p str,
    threshold: f64,
    missing: &'p str,
    section: String,
}

impl Metrics {
    /// Takes the values of a log line in CloudWatch's embedded metric format. Another line has none.
    pub(crate) fn take(&self, line: &Value) {
        let Some(at_ms) = line["_aws"]["Timestamp"].as_i64() else {
            return;
        };
        let directives = line["_aws"]["CloudWatchMetrics"].as_array();
        let mut points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for directive in directives.into_iter().flatten() {
            for metric in directive["Metrics"].as_array().into_iter().flatten() {
                let Some(name) = metric["Name"].as_str() else {
                    continue;
                };
                let of_metric = points.entry(name.to_owned()).or_default();
                for set in directive["Dimensions"].as_array().into_iter().flatten() {
                    let dimensions = dimensions_of(line, set);
                    of_metric.extend(values(&line[name]).map(|value| Point {
                        at_ms,
                        dimensions: dimensions.clone(),
                        value,
                    }));
                }
                let too_many = of_metric.len().saturating_sub(MAX_POINTS);
                of_metric.drain(..too_many);
            }
        }
    }

    /// The alarms of the template that these metrics decide, those that are on first.
    pub(crate) fn alarms(&self, plan: &Plan, now_ms: i64) -> Vec<AlarmState> {
        let points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let none = VecDeque::new();
        let declared = plan
            .resources
            .iter()
            .filter_map(|(name, of)| Alarm::of(name, of));
        let states = declared.map(|alarm| {
            let points = points.get(alarm.metric).unwrap_or(&none);
            alarm.state(points, now_ms)
        });
        let mut states: Vec<_> = states.collect();
        states.sort_by_key(|state| (!state.is_on, state.alarm.clone()));
        states
    }
}

fn dimensions_of(line: &Value, set: &Value) -> BTreeMap<String, String> {
    let names = set
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    names
        .map(|name| {
            (
                name.to_owned(),
                line[name].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

/// A value, or all values of a list.
fn values(value: &Value) -> impl Iterator<Item = f64> {
    let list = value
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![value.clone()]);
    list.into_iter().filter_map(|value| value.as_f64())
}

impl<'p> Alarm<'p> {
    fn of(name: &'p str, resource: &'p Value) -> Option<Self> {
        if resource["Type"] != "AWS::CloudWatch::Alarm" {
            return None;
        }
        let of = &resource["Properties"];
        let text = |name: &str| of[name].as_str();
        if !text("Namespace")?.starts_with("TikiVip/") {
            return None;
        }
        let number = |name: &str| {
            let text = of[name].as_str().and_then(|text| text.parse().ok());
            of[name].as_f64().or(text)
        };
        let whole = |name: &str| of[name].as_i64();
        let periods = whole("EvaluationPeriods")?;
        let datapoints = whole("DatapointsToAlarm").unwrap_or(periods);
        let dimensions = of["Dimensions"].as_array().into_iter().flatten();
        let dimension = |of: &Value| {
            let text = |name: &str| of[name].as_str().map(str::to_owned);
            text("Name").zip(text("Value"))
        };
        let description = text("AlarmDescription").unwrap_or_default();
        let section = description.rsplit_once("docs/operations.md#");
        Some(Self {
            name,
            metric: text("MetricName")?,
            dimensions: dimensions.filter_map(dimension).collect(),
            statistic: text("Statistic")?,
            period_ms: whole("Period")? * 1000,
            periods,
            datapoints: usize::try_from(datapoints).ok()?,
            comparison: text("ComparisonOperator")?,
            threshold: number("Threshold")?,
            missing: text("TreatMissingData").unwrap_or("missing"),
            section: section.map_or_else(String::new, |(_, section)| {
                section.trim_end_matches('.').to_owned()
            }),
        })
    }

    fn state(&self, points: &VecDeque<Point>, now_ms: i64) -> AlarmState {
        let mut by_period: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        let mine = points
            .iter()
            .filter(|point| point.dimensions == self.dimensions);
        for point in mine {
            let period = point.at_ms.div_euclid(self.period_ms);
            by_period.entry(period).or_default().push(point.value);
        }
        let measured: BTreeMap<i64, f64> = by_period
            .into_iter()
            .map(|(period, values)| (period, self.statistic_of(&values)))
            .collect();
        let now = now_ms.div_euclid(self.period_ms);
        let is_on = if self.missing == "ignore" {
            // Without data the state stays what it was: the newest periods that have some decide.
            let wanted = usize::try_from(self.periods).unwrap_or(usize::MAX);
            let newest = measured.values().rev().take(wanted);
            newest.filter(|value| self.is_breached_by(**value)).count() >= self.datapoints
        } else {
            // The periods that are over, or those with the one that runs.
            [now - 1, now]
                .into_iter()
                .any(|last| self.breaches(&measured, last))
        };
        AlarmState {
            alarm: self.name.to_owned(),
            is_on,
            value: measured.values().next_back().copied(),
            threshold: self.threshold,
            section: self.section.clone(),
        }
    }

    /// Whether enough of the periods up to this one are over the threshold.
    fn breaches(&self, measured: &BTreeMap<i64, f64>, last: i64) -> bool {
        let missing = self.missing == "breaching";
        let periods = (last + 1 - self.periods)..=last;
        let breached = periods.filter(|period| {
            let value = measured.get(period);
            value.map_or(missing, |value| self.is_breached_by(*value))
        });
        breached.count() >= self.datapoints
    }

    fn statistic_of(&self, values: &[f64]) -> f64 {
        match self.statistic {
            "Sum" => values.iter().sum(),
            "Minimum" => values.iter().copied().fold(f64::INFINITY, f64::min),
            "SampleCount" => f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX)),
            _ => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    fn is_breached_by(&self, value: f64) -> bool {
        match self.comparison {
            "GreaterThanThreshold" => value > self.threshold,
            "GreaterThanOrEqualToThreshold" => value >= self.threshold,
            "LessThanThreshold" => value < self.threshold,
            _ => value <= self.threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MINUTE_MS: i64 = 60_000;
    const NOW_MS: i64 = 1_795_000_000_000;

    fn emf(name: &str, at_ms: i64, queue: &str, value: i64) -> Value {
        json!({
            "_aws": {
                "Timestamp": at_ms,
                "CloudWatchMetrics": [{
                    "Namespace": "TikiVip/sandbox",
                    "Dimensions": [["Queue"]],
                    "Metrics": [{ "Name": name, "Unit": "Count" }],
                }],
            },
            "Queue": queue,
            name: value,
        })
    }

    fn is_on(missing: &str, statistic: &str, points: &[(i64, &str, i64)]) -> bool {
        let metrics = Metrics::default();
        for (minutes_ago, queue, value) in points {
            metrics.take(&emf(
                "Late",
                NOW_MS - minutes_ago * MINUTE_MS,
                queue,
                *value,
            ));
        }
        let resource = json!({
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmDescription": "It is late. See docs/operations.md#alarms.",
                "Namespace": "TikiVip/sandbox",
                "MetricName": "Late",
                "Dimensions": [{ "Name": "Queue", "Value": "ipn" }],
                "Statistic": statistic,
                "Period": 60,
                "EvaluationPeriods": 3,
                "DatapointsToAlarm": 2,
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": 10,
                "TreatMissingData": missing,
            },
        });
        let alarm = Alarm::of("Late", &resource).unwrap();
        let points = metrics.0.lock().unwrap();
        let none = VecDeque::new();
        let state = alarm.state(points.get("Late").unwrap_or(&none), NOW_MS);
        assert_eq!(state.section, "alarms");
        state.is_on
    }

    #[test]
    fn so_many_periods_must_be_over_the_threshold() {
        assert!(!is_on("notBreaching", "Maximum", &[(0, "ipn", 11)]));
        assert!(is_on(
            "notBreaching",
            "Maximum",
            &[(0, "ipn", 11), (2, "ipn", 11)]
        ));
        assert!(!is_on(
            "notBreaching",
            "Maximum",
            &[(0, "ipn", 11), (3, "ipn", 11)]
        ));
        let over = [(1, "ipn", 11), (3, "ipn", 11)];
        assert!(
            is_on("notBreaching", "Maximum", &over),
            "without the period that runs"
        );
        assert!(!is_on(
            "notBreaching",
            "Maximum",
            &[(0, "ipn", 10), (1, "ipn", 10)]
        ));
        let other = [(0, "refund", 11), (1, "refund", 11)];
        assert!(!is_on("notBreaching", "Maximum", &other), "another queue");
    }

    #[test]
    fn a_statistic_is_of_all_values_of_a_period() {
        let small = [(0, "ipn", 6), (0, "ipn", 6), (1, "ipn", 6), (1, "ipn", 6)];
        assert!(is_on("notBreaching", "Sum", &small));
        assert!(!is_on("notBreaching", "Maximum", &small));
        let mixed = [(0, "ipn", 6), (0, "ipn", 60), (1, "ipn", 6), (1, "ipn", 60)];
        assert!(is_on("notBreaching", "Maximum", &mixed));
        assert!(!is_on("notBreaching", "Minimum", &mixed));
    }

    #[test]
    fn what_is_missing_counts_as_the_template_says() {
        let old = [(50, "ipn", 11), (51, "ipn", 11)];
        assert!(is_on("ignore", "Maximum", &old));
        assert!(!is_on("notBreaching", "Maximum", &old));
        assert!(is_on("breaching", "Maximum", &old));
        assert!(!is_on("missing", "Maximum", &[]));
    }
}
