//! Makes all transactions one day older, so that a day passes in a moment.

use std::collections::HashMap;

use anyhow::{Context, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Day;

use crate::settings::sdk;
use crate::start::Sandbox;

type Item = HashMap<String, AttributeValue>;

const TABLE: &str = "TransactionsTable";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The index keys that contain a day.
const DAY_KEYS: [&str; 3] = ["day_shard", "refund_day_shard", "reversal_day_shard"];

/// The attributes that trigger a worker. This write must trigger none.
const DUE_MARKS: [&str; 2] = ["ipn_due_mark", "refund_due_mark"];

impl Sandbox {
    /// Makes every transaction one day older. A function that changes one at the same time has a version conflict and
    /// tries again. Payment links and clocks do not change.
    pub async fn day_passes(&self) -> anyhow::Result<()> {
        if let Some(core) = &self.core {
            core.day_passes();
        }
        make_all_older(&Client::new(&sdk(&self.dynamodb_url))).await
    }
}

async fn make_all_older(client: &Client) -> anyhow::Result<()> {
    let (mut items, mut next) = (Vec::new(), None);
    // All items are read before the first write, so that none is read twice.
    loop {
        let scan = client.scan().table_name(TABLE).consistent_read(true);
        let page = scan.set_exclusive_start_key(next).send().await?;
        items.extend(page.items.unwrap_or_default());
        next = page.last_evaluated_key;
        if next.is_none() {
            break;
        }
    }
    // The count of this hour's reversals is no transaction.
    let transactions = items
        .into_iter()
        .filter(|item| item.contains_key("version"));
    for item in transactions {
        make_older(client, item).await?;
    }
    Ok(())
}

/// Writes an item back one day older. If the item has changed in the meantime, it is read again.
async fn make_older(client: &Client, mut item: Item) -> anyhow::Result<()> {
    let id = item.get("transaction_id").cloned();
    let id = id.context("an item has no transaction_id")?;
    loop {
        let version = item
            .get("version")
            .cloned()
            .context("an item has no version")?;
        let put = client
            .put_item()
            .table_name(TABLE)
            .set_item(Some(older(item)?))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", version);
        match put.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => return Ok(()),
            Err(PutItemError::ConditionalCheckFailedException(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let get = client.get_item().table_name(TABLE).consistent_read(true);
        let current = get.key("transaction_id", id.clone()).send().await?;
        match current.item {
            Some(current) => item = current,
            None => return Ok(()),
        }
    }
}

/// The item with all its times one day earlier.
fn older(mut item: Item) -> anyhow::Result<Item> {
    for mark in DUE_MARKS {
        item.remove(mark);
    }
    for (name, value) in &mut item {
        match value {
            AttributeValue::S(key) if DAY_KEYS.contains(&name.as_str()) => {
                let (day, shard) = key.split_once('#').context("a day key has no shard")?;
                let day: Day = day.parse()?;
                *key = format!("{}#{shard}", day.previous());
            }
            AttributeValue::N(version) if name == "version" => {
                let next = version.parse::<u64>()?.checked_add(1);
                *version = next.context("the version is at its maximum")?.to_string();
            }
            value => shift(name, value)?,
        }
    }
    Ok(item)
}

/// Subtracts a day from every time in this value, at any depth.
fn shift(name: &str, value: &mut AttributeValue) -> anyhow::Result<()> {
    match value {
        AttributeValue::N(ms) if is_time(name) => {
            let Ok(at) = ms.parse::<i64>() else {
                bail!("{name} is not a time: {ms}");
            };
            *ms = at.saturating_sub(DAY_MS).to_string();
        }
        AttributeValue::M(entries) => {
            for (name, value) in entries {
                shift(name, value)?;
            }
        }
        AttributeValue::L(values) => {
            for value in values {
                shift(name, value)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn is_time(name: &str) -> bool {
    matches!(name, "at" | "since") || name.ends_with("_at") || name.ends_with("_since")
}

#[cfg(test)]
mod tests;
