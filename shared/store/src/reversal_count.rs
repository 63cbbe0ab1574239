//! How many payments were reversed in this hour: one item in the table of transactions, under a key that no
//! transaction can have. It has no key of an index, so nothing that reads transactions ever meets it.

use std::cmp::Ordering;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use crate::error::TableError;

/// The value of the table's key.
const KEY: &str = "reversals";
/// The hour that is counted, in hours of the Unix time.
const HOUR: &str = "reversal_hour";
/// How many there were in it.
const COUNT: &str = "reversal_count";

/// Another process can begin the same hour between two attempts, and a clock can be an hour ahead: each costs one
/// more attempt.
const MAX_ATTEMPTS: usize = 4;

/// Counts one reversal, if the limit allows it.
pub(crate) async fn count(
    client: &Client,
    table: &str,
    key: &str,
    hour: i64,
    limit: u32,
) -> Result<bool, TableError> {
    if limit == 0 {
        return Ok(false);
    }
    let mut hour = hour;
    for _ in 0..MAX_ATTEMPTS {
        let (update, condition) = (
            format!("SET {COUNT} = {COUNT} + :one"),
            format!("{HOUR} = :hour AND {COUNT} < :limit"),
        );
        let request = request(client, table, key, &update, &condition, hour)
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()));
        let counted_hour = match write(request).await? {
            Written::Counted => return Ok(true),
            Written::NotYetInThisTable => i64::MIN,
            Written::CountsHour(known) => known,
        };
        match counted_hour.cmp(&hour) {
            Ordering::Equal => return Ok(false),
            // A clock is ahead, and its hour is the later one: its count holds.
            Ordering::Greater => hour = counted_hour,
            Ordering::Less => {
                let (update, condition) = (
                    format!("SET {HOUR} = :hour, {COUNT} = :one"),
                    format!("attribute_not_exists({HOUR}) OR {HOUR} < :hour"),
                );
                let first = self::request(client, table, key, &update, &condition, hour);
                if let Written::Counted = write(first).await? {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

type Request = aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;

fn request(
    client: &Client,
    table: &str,
    key: &str,
    update: &str,
    condition: &str,
    hour: i64,
) -> Request {
    client
        .update_item()
        .table_name(table)
        .key(key, AttributeValue::S(KEY.to_owned()))
        .update_expression(update)
        .condition_expression(condition)
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":hour", AttributeValue::N(hour.to_string()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

/// What came of an update.
enum Written {
    Counted,
    /// The condition did not hold: nothing was ever counted.
    NotYetInThisTable,
    /// The condition did not hold: this hour is counted now.
    CountsHour(i64),
}

async fn write(request: Request) -> Result<Written, TableError> {
    match request.send().await {
        Ok(_) => Ok(Written::Counted),
        Err(SdkError::ServiceError(refused)) => match refused.into_err() {
            UpdateItemError::ConditionalCheckFailedException(found) => {
                let hour = found.item.as_ref().and_then(|item| item.get(HOUR));
                let hour = hour.and_then(|value| value.as_n().ok()?.parse().ok());
                Ok(hour.map_or(Written::NotYetInThisTable, Written::CountsHour))
            }
            other => Err(TableError::new("UpdateItem", other)),
        },
        Err(error) => Err(TableError::new("UpdateItem", error)),
    }
}
