//! The conditional write, by which every change of a transaction and of a reconciliation record is stored.
//!
//! Each write has an id of its own, which is in its item. When the answer to a committed write is lost, the SDK tries
//! the write again, and the condition fails on our own item. DynamoDB returns that item with the refusal, so the
//! write id tells our own write from another writer's.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use serde_dynamo::Item;
use uuid::Uuid;

use crate::error::TableError;

/// The attribute with the id of the write that stored the item.
pub(crate) const WRITE_ID: &str = "write_id";

/// The condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no item under this key.
    Absent,
    /// The stored item has this `version`.
    VersionIs(u64),
}

/// The outcome of a conditional write.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteOutcome {
    /// The item is stored.
    Stored,
    /// The condition did not hold; this is the stored item, if there is one.
    Conflict(Option<Item>),
}

impl WriteOutcome {
    /// Recognises the write with this id in the item that a failed condition returns: an earlier attempt stored it,
    /// and its answer was lost.
    pub(crate) fn recognise(self, write_id: Uuid) -> Self {
        match self {
            Self::Conflict(Some(found)) if has_write_id(&found, write_id) => Self::Stored,
            other => other,
        }
    }
}

fn has_write_id(item: &Item, write_id: Uuid) -> bool {
    match item.get(WRITE_ID) {
        Some(serde_dynamo::AttributeValue::S(found)) => *found == write_id.to_string(),
        _ => false,
    }
}

/// Puts an item into the table if the condition holds. `key` is an attribute of the table's key, which every
/// stored item has.
pub(crate) async fn put_item(
    client: &Client,
    table: &str,
    key: &str,
    item: Item,
    condition: Condition,
) -> Result<WriteOutcome, TableError> {
    let request = client
        .put_item()
        .table_name(table)
        .set_item(Some(HashMap::from(item)))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let request = match condition {
        Condition::Absent => request
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", key),
        Condition::VersionIs(version) => request
            .condition_expression("version = :version")
            .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
    };
    match request.send().await {
        Ok(_) => Ok(WriteOutcome::Stored),
        Err(SdkError::ServiceError(refused)) => match refused.into_err() {
            PutItemError::ConditionalCheckFailedException(found) => {
                Ok(WriteOutcome::Conflict(found.item.map(Item::from)))
            }
            other => Err(TableError::new("PutItem", other)),
        },
        Err(error) => Err(TableError::new("PutItem", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item_of(write_id: &str) -> Item {
        let value = serde_dynamo::AttributeValue::S(write_id.to_owned());
        HashMap::from([(WRITE_ID.to_owned(), value)]).into()
    }

    #[test]
    fn a_write_whose_answer_was_lost_is_recognised() {
        let own = Uuid::from_u128(7);
        let found = WriteOutcome::Conflict(Some(item_of(&own.to_string())));
        assert_eq!(found.recognise(own), WriteOutcome::Stored);
        assert_eq!(WriteOutcome::Stored.recognise(own), WriteOutcome::Stored);
    }

    #[test]
    fn the_write_of_another_writer_is_a_refusal() {
        let own = Uuid::from_u128(7);
        let other = item_of(&Uuid::from_u128(8).to_string());
        for found in [Some(other), Some(Item::default()), None] {
            let refused = WriteOutcome::Conflict(found.clone()).recognise(own);
            assert_eq!(refused, WriteOutcome::Conflict(found));
        }
    }
}
