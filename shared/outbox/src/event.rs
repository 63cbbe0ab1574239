//! The two events that bring work: a batch of the stream, and the call of the schedule.
//!
//! The stream's event is read by a reader of our own: the typed event of `aws_lambda_events` refuses a whole batch
//! for fields that nobody here reads, and makes an empty item of a deleted one.

use serde::Deserialize;
use serde_json::Value;
use store::Item;

/// The event that a worker is invoked with.
#[derive(Debug)]
pub enum Event {
    /// `{"Records": […]}`: newly queued obligations.
    Stream(Vec<StreamRecord>),
    /// `{"action": "sweep"}`: process everything that is due.
    Sweep,
}

/// A record of the table's stream.
#[derive(Debug)]
pub struct StreamRecord {
    /// Identifies the record in the response.
    pub sequence_number: String,
    /// The item as it was written; `None` if it was deleted.
    pub new_image: Option<Item>,
}

impl Event {
    /// Reads an event. Another event is an error of the configuration.
    pub fn read(event: Value) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(rename = "Records")]
            records: Option<Vec<RawRecord>>,
            action: Option<String>,
        }
        #[derive(Deserialize)]
        struct RawRecord {
            dynamodb: RawChange,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct RawChange {
            sequence_number: String,
            new_image: Option<Item>,
        }

        let raw: Raw = serde_json::from_value(event)?;
        match (raw.records, raw.action.as_deref()) {
            (Some(records), None) => {
                let records = records.into_iter().map(|record| StreamRecord {
                    sequence_number: record.dynamodb.sequence_number,
                    new_image: record.dynamodb.new_image,
                });
                Ok(Self::Stream(records.collect()))
            }
            (None, Some("sweep")) => Ok(Self::Sweep),
            _ => {
                anyhow::bail!(r#"the event is neither {{"Records":[…]}} nor {{"action":"sweep"}}"#)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_a_batch_or_a_sweep() {
        let record = json!({"dynamodb": {"SequenceNumber": "1", "NewImage": {"a": {"S": "b"}}}});
        let deleted = json!({"dynamodb": {"SequenceNumber": "2"}});
        match Event::read(json!({"Records": [record, deleted]})).unwrap() {
            Event::Stream(records) => {
                assert_eq!(records.len(), 2);
                assert!(records[0].new_image.is_some() && records[1].new_image.is_none());
            }
            Event::Sweep => panic!("not a sweep"),
        }
        assert!(matches!(
            Event::read(json!({"action": "sweep"})),
            Ok(Event::Sweep)
        ));
        for other in [
            json!({}),
            json!({"action": "weep"}),
            json!([]),
            json!(null),
            json!({"Records": [{}]}),
        ] {
            assert!(Event::read(other.clone()).is_err(), "{other}");
        }
    }
}
