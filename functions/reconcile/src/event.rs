//! The event that a run is invoked with.

use anyhow::bail;
use domain::Day;
use serde::Deserialize;
use serde_json::Value;

/// The work of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `{"action": "reconcile"}`: everything that is due.
    Scheduled,
    /// `{"day": "2026-11-22"}`: export this day, also if it was exported before.
    Day(Day),
    /// `{"results": "tikivip_vnptmoney_20261122_1"}`: read this result file, also if it was read before: the configured
    /// format may have been wrong.
    Results(String),
}

impl Event {
    /// Reads an event. Another event is an error of the caller.
    pub fn read(event: Value) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            day: Option<String>,
            action: Option<String>,
            results: Option<String>,
        }
        let raw: Raw = serde_json::from_value(event)?;
        match (raw.day.as_deref(), raw.action.as_deref(), raw.results) {
            (Some(day), None, None) => match day.parse() {
                Ok(day) => Ok(Self::Day(day)),
                Err(error) => bail!("day {error}"),
            },
            (None, Some("reconcile"), None) => Ok(Self::Scheduled),
            (None, None, Some(name)) if !name.is_empty() => Ok(Self::Results(name)),
            _ => bail!(
                r#"the event is none of {{"action":"reconcile"}}, {{"day":"2026-11-22"}}, {{"results":"tikivip_…"}}"#
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_a_day_a_file_or_the_schedule() {
        let read = |event| Event::read(event).map_err(|error| error.to_string());
        assert_eq!(read(json!({"action": "reconcile"})), Ok(Event::Scheduled));
        let day = "2026-11-22".parse().unwrap();
        assert_eq!(read(json!({"day": "2026-11-22"})), Ok(Event::Day(day)));
        let results = Event::Results("tikivip_x_20261122_1".to_owned());
        assert_eq!(
            read(json!({"results": "tikivip_x_20261122_1"})),
            Ok(results)
        );
        for (bad, named) in [
            (json!({}), "none of"),
            (json!({"action": "sweep"}), "none of"),
            (json!({"results": ""}), "none of"),
            (json!({"day": "2026-11-31"}), "day"),
            (json!({"day": 20_261_122}), "string"),
            (
                json!({"day": "2026-11-22", "action": "reconcile"}),
                "none of",
            ),
            (json!({"days": 1}), "days"),
        ] {
            let refused = read(bad).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
    }
}
