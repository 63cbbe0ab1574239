//! The two events that bring work: a batch of the stream, and the call of the schedule.
//!
//! The stream's event is read by a reader of our own: the typed event of `aws_lambda_events` refuses a whole batch
//! for fields that nobody here reads, and makes an empty item of a deleted one.

use anyhow::Context;
use domain::TransactionId;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::group::Group;

/// The event that a worker is invoked with.
#[derive(Debug)]
pub enum Event {
    /// `{"Records": […]}`: newly queued obligations.
    Stream(Vec<StreamRecord>),
    /// `{"action": "sweep", "group": 0, "of": 4}`: process everything that is due in a group of shards; without a
    /// group, in all of them.
    Sweep(Group),
}

/// A record of the table's stream: that an item was written. Its content is not read: the table has it, and whoever may
/// invoke a worker can send any record.
#[derive(Debug)]
pub struct StreamRecord {
    /// Identifies the record in the response.
    pub sequence_number: String,
    /// Which transaction was written; `None` if it was deleted, or its key is no id.
    pub transaction_id: Option<TransactionId>,
}

impl Event {
    /// Reads an event. Another event is an error of the configuration.
    pub fn read(event: Value) -> anyhow::Result<Self> {
        match (event.get("Records"), event.get("action")) {
            (Some(_), None) => batch(event),
            (None, Some(_)) => sweep(event).context(
                r#"the event of a sweep is {"action":"sweep"} or {"action":"sweep","group":0,"of":4}"#,
            ),
            _ => {
                anyhow::bail!(r#"the event is neither {{"Records":[…]}} nor {{"action":"sweep"}}"#)
            }
        }
    }
}

fn batch(event: Value) -> anyhow::Result<Event> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(rename = "Records")]
        records: Vec<RawRecord>,
    }
    #[derive(Deserialize)]
    struct RawRecord {
        dynamodb: RawChange,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct RawChange {
        sequence_number: String,
        keys: RawKeys,
        new_image: Option<IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct RawKeys {
        transaction_id: RawText,
    }
    #[derive(Deserialize)]
    struct RawText {
        #[serde(rename = "S")]
        text: String,
    }

    let raw: Raw = serde_json::from_value(event)?;
    let records = raw.records.into_iter().map(|RawRecord { dynamodb }| {
        let written = dynamodb.new_image.is_some();
        let id = dynamodb.keys.transaction_id.text.parse().ok();
        StreamRecord {
            sequence_number: dynamodb.sequence_number,
            transaction_id: id.filter(|_| written),
        }
    });
    Ok(Event::Stream(records.collect()))
}

/// A misspelt field is refused: without its group, each of the schedules would sweep all shards.
fn sweep(event: Value) -> anyhow::Result<Event> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        action: String,
        group: Option<u8>,
        of: Option<u8>,
    }

    let raw: Raw = serde_json::from_value(event)?;
    anyhow::ensure!(raw.action == "sweep", "the action is not sweep");
    match (raw.group, raw.of) {
        (None, None) => Ok(Event::Sweep(Group::ALL)),
        (Some(number), Some(of)) => Ok(Event::Sweep(Group::new(number, of)?)),
        _ => anyhow::bail!("group and of need each other"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_a_batch_or_a_sweep() {
        let id = TransactionId::from_bytes([7; 16]);
        let keys = json!({"transaction_id": {"S": id.to_string()}});
        let image = json!({"a": {"S": "b"}});
        let record = json!({"dynamodb": {"SequenceNumber": "1", "Keys": keys, "NewImage": image}});
        let deleted = json!({"dynamodb": {"SequenceNumber": "2", "Keys": keys}});
        let no_id = json!({"transaction_id": {"S": "x"}});
        let no_id = json!({"dynamodb": {"SequenceNumber": "3", "Keys": no_id, "NewImage": image}});
        match Event::read(json!({"Records": [record, deleted, no_id]})).unwrap() {
            Event::Stream(records) => {
                let ids: Vec<_> = records.iter().map(|record| record.transaction_id).collect();
                assert_eq!(ids, [Some(id), None, None]);
            }
            Event::Sweep(_) => panic!("not a sweep"),
        }
        for (sweep, group) in [
            (json!({"action": "sweep"}), Group::ALL),
            (json!({"action": "sweep", "group": 0, "of": 1}), Group::ALL),
            (
                json!({"action": "sweep", "group": 3, "of": 4}),
                Group::new(3, 4).unwrap(),
            ),
        ] {
            match Event::read(sweep.clone()).unwrap() {
                Event::Sweep(found) => assert_eq!(found, group, "{sweep}"),
                Event::Stream(_) => panic!("not a batch: {sweep}"),
            }
        }
        for other in [json!({}), json!([]), json!(null), json!({"Records": [{}]})] {
            assert!(Event::read(other.clone()).is_err(), "{other}");
        }
        assert!(Event::read(json!({"Records": [], "action": "sweep"})).is_err());
    }

    #[test]
    fn a_sweep_of_a_group_that_is_not_there_is_refused() {
        for (bad, why) in [
            (json!({"action": "weep"}), "not sweep"),
            (json!({"action": 1}), "invalid type"),
            (json!({"action": "sweep", "group": 0}), "need each other"),
            (json!({"action": "sweep", "of": 4}), "need each other"),
            (
                json!({"action": "sweep", "group": 4, "of": 4}),
                "no group 4 of 4",
            ),
            (
                json!({"action": "sweep", "group": 0, "of": 0}),
                "no group 0 of 0",
            ),
            (
                json!({"action": "sweep", "group": 0, "of": 17}),
                "no group 0 of 17",
            ),
            (json!({"action": "sweep", "group": -1, "of": 4}), "-1"),
            (json!({"action": "sweep", "group": 0.5, "of": 4}), "0.5"),
            (json!({"action": "sweep", "group": "0", "of": 4}), "string"),
            (json!({"action": "sweep", "groups": 4}), "groups"),
        ] {
            let error = format!("{:#}", Event::read(bad.clone()).unwrap_err());
            assert!(error.contains(why), "{bad}: {error}");
            assert!(error.contains(r#""group":0,"of":4"#), "{bad}: {error}");
        }
    }
}
