//! The event that starts a run.

use anyhow::bail;
use domain::{Day, is_unprintable};
use serde::Deserialize;
use serde_json::Value;

/// The longest name of a result file.
const MAX_NAME_BYTES: usize = 255;

/// The work of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `{"action": "reconcile"}`, from the schedule: everything that is due.
    Scheduled,
    /// `{"day": "2026-11-22"}`: export this day, also if it was exported before.
    Day(Day),
    /// `{"results": "tikivip_vnptmoney_20261122_1"}`: read this result file, also if it was read before, perhaps with
    /// a wrong format.
    Results(String),
    /// `{"statement": "2026-11-22"}`: compare the core's statement of this day, also if it was compared before.
    Statement(Day),
}

impl Event {
    /// Reads an event. Any other event is an error.
    pub fn read(event: Value) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            day: Option<String>,
            action: Option<String>,
            results: Option<String>,
            statement: Option<String>,
        }
        let raw: Raw = serde_json::from_value(event)?;
        let day = |name: &str, text: &str| match text.parse() {
            Ok(day) => Ok(day),
            Err(error) => bail!("{name} {error}"),
        };
        let statement = raw.statement.as_deref();
        match (
            raw.day.as_deref(),
            raw.action.as_deref(),
            raw.results,
            statement,
        ) {
            (Some(text), None, None, None) => Ok(Self::Day(day("day", text)?)),
            (None, Some("reconcile"), None, None) => Ok(Self::Scheduled),
            (None, None, Some(name), None) if is_file_name(&name) => Ok(Self::Results(name)),
            (None, None, None, Some(text)) => Ok(Self::Statement(day("statement", text)?)),
            _ => bail!(
                r#"the event is none of {{"action":"reconcile"}}, {{"day":"2026-11-22"}}, {{"results":"tikivip_…"}}, {{"statement":"2026-11-22"}}"#
            ),
        }
    }
}

/// Whether it can be the name of a file: whoever invokes the function can send any text. It is logged, and becomes part
/// of paths and keys. All names that an hourly run reads by itself must do.
fn is_file_name(name: &str) -> bool {
    let fits = |c: char| !is_unprintable(c) && !"/\\".contains(c);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_the_schedules_or_names_a_day_or_a_file() {
        let read = |event| Event::read(event).map_err(|error| error.to_string());
        assert_eq!(read(json!({"action": "reconcile"})), Ok(Event::Scheduled));
        let day = "2026-11-22".parse().unwrap();
        assert_eq!(read(json!({"day": "2026-11-22"})), Ok(Event::Day(day)));
        assert_eq!(
            read(json!({"statement": "2026-11-22"})),
            Ok(Event::Statement(day))
        );
        let results = Event::Results("tikivip_x_20261122_1".to_owned());
        assert_eq!(
            read(json!({"results": "tikivip_x_20261122_1"})),
            Ok(results)
        );
        let copied = "tikivip_x_20261122_1 (1).csv";
        let results = Event::Results(copied.to_owned());
        assert_eq!(read(json!({"results": copied})), Ok(results));
        for (bad, named) in [
            (json!({}), "none of"),
            (json!({"action": "sweep"}), "none of"),
            (json!({"results": ""}), "none of"),
            (json!({"results": "a\nb"}), "none of"),
            (json!({"results": "a\u{202e}b"}), "none of"),
            (json!({"results": "../a"}), "none of"),
            (json!({"results": "a\\b"}), "none of"),
            (json!({"results": "a".repeat(256)}), "none of"),
            (json!({"day": "2026-11-31"}), "day"),
            (json!({"statement": "22/11/2026"}), "statement"),
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
