//! What may happen so often in an hour: for each, one item in the table of transactions counts it, under a key that no
//! transaction can have. It has no key of an index, so nothing that reads transactions ever meets it.

use std::cmp::Ordering;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use crate::error::TableError;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HourlyCount {
    /// Payments that are reversed because Tiki does not have the order.
    Reversals,
    /// Notifications that persons send again.
    Resends,
}

/// The names of one count in the table.
struct Names {
    /// The value of the table's key.
    key: &'static str,
    /// The attribute with the hour that is counted, in hours of the Unix time.
    hour: &'static str,
    /// The attribute with how many there were in it.
    count: &'static str,
}

const REVERSALS: Names = Names {
    key: "reversals",
    hour: "reversal_hour",
    count: "reversal_count",
};

const RESENDS: Names = Names {
    key: "resends",
    hour: "resend_hour",
    count: "resend_count",
};

impl HourlyCount {
    const fn names(self) -> Names {
        match self {
            Self::Reversals => REVERSALS,
            Self::Resends => RESENDS,
        }
    }
}

/// Another process can begin the same hour between two attempts, and a clock can be an hour ahead: each costs one
/// more attempt.
const MAX_ATTEMPTS: usize = 4;

/// Counts one more, if the limit allows it.
pub(crate) async fn count(
    client: &Client,
    (table, key): (&str, &str),
    counted: HourlyCount,
    hour: i64,
    limit: u32,
) -> Result<bool, TableError> {
    if limit == 0 {
        return Ok(false);
    }
    let Names {
        key: key_value,
        hour: hour_name,
        count: count_name,
    } = counted.names();
    let request = |update: &str, condition: &str, hour: i64| {
        client
            .update_item()
            .table_name(table)
            .key(key, AttributeValue::S(key_value.to_owned()))
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":hour", AttributeValue::N(hour.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    let mut hour = hour;
    for _ in 0..MAX_ATTEMPTS {
        let (update, condition) = (
            format!("SET {count_name} = {count_name} + :one"),
            format!("{hour_name} = :hour AND {count_name} < :limit"),
        );
        let one_more = request(&update, &condition, hour)
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()));
        let counted_hour = match write(one_more, hour_name).await? {
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
                    format!("SET {hour_name} = :hour, {count_name} = :one"),
                    format!("attribute_not_exists({hour_name}) OR {hour_name} < :hour"),
                );
                let first = request(&update, &condition, hour);
                if let Written::Counted = write(first, hour_name).await? {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

type Request = aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;

/// What came of an update.
enum Written {
    Counted,
    /// The condition did not hold: nothing was ever counted.
    NotYetInThisTable,
    /// The condition did not hold: this hour is counted now.
    CountsHour(i64),
}

async fn write(request: Request, hour_name: &str) -> Result<Written, TableError> {
    match request.send().await {
        Ok(_) => Ok(Written::Counted),
        Err(SdkError::ServiceError(refused)) => match refused.into_err() {
            UpdateItemError::ConditionalCheckFailedException(found) => {
                let hour = found.item.as_ref().and_then(|item| item.get(hour_name));
                let hour = hour.and_then(|value| value.as_n().ok()?.parse().ok());
                Ok(hour.map_or(Written::NotYetInThisTable, Written::CountsHour))
            }
            other => Err(TableError::new("UpdateItem", other)),
        },
        Err(error) => Err(TableError::new("UpdateItem", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_count_is_mixed_up_with_another() {
        let (one, other) = (HourlyCount::Reversals.names(), HourlyCount::Resends.names());
        assert_ne!(one.key, other.key);
        assert_ne!(one.hour, other.hour);
        assert_ne!(one.count, other.count);
        for key in [one.key, other.key] {
            assert!(key.parse::<domain::TransactionId>().is_err(), "{key}");
        }
    }
}
