use std::collections::BTreeMap;

use super::*;
use crate::dynamodb::{EmbeddedDynamoDb, create_tables};
use crate::template::Plan;

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn map<const N: usize>(entries: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(item(entries))
}

fn item<const N: usize>(entries: [(&str, AttributeValue); N]) -> Item {
    entries.map(|(name, value)| (name.to_owned(), value)).into()
}

#[test]
fn every_time_is_a_day_earlier_and_nothing_else_changes() {
    let at = 1_795_305_600_000;
    let before = at - DAY_MS;
    let with = |at: i64, version: i64, days: [&str; 2], due_marks: bool| {
        let mut made = item([
            ("transaction_id", s("t-1")),
            ("version", n(version)),
            ("write_id", s("w-1")),
            ("amount_vnd", n(100_000)),
            ("expires_in_s", n(900)),
            ("created_at", n(at)),
            ("needs_review_since", n(at + 5)),
            ("day_shard", s(days[0])),
            ("refund_day_shard", s(days[1])),
            ("ipn_shard", s("07")),
            ("ipn", map([("state", s("confirmed")), ("at", n(at + 1))])),
            (
                "refunds",
                AttributeValue::L(vec![map([
                    ("amount_vnd", n(40_000)),
                    ("outcome_at", n(at + 2)),
                    ("due", map([("due_at", n(at + 3)), ("attempts", n(2))])),
                ])]),
            ),
            (
                "trail",
                AttributeValue::L(vec![map([("at", n(at)), ("last_at", n(at + 4))])]),
            ),
        ]);
        if due_marks {
            made.insert("ipn_due_mark".to_owned(), s("now"));
            made.insert("refund_due_mark".to_owned(), s("now"));
        }
        made
    };
    let today = with(at, 7, ["2026-12-01#07", "2027-01-01#07"], true);
    let yesterday = with(before, 8, ["2026-11-30#07", "2026-12-31#07"], false);
    assert_eq!(older(today).unwrap(), yesterday);
}

#[test]
fn an_unreadable_item_is_not_written() {
    for wrong in [
        item([("day_shard", s("2026-12-01"))]),
        item([("day_shard", s("today#07"))]),
        item([("version", n(-1))]),
        item([("created_at", AttributeValue::N("1.5".to_owned()))]),
    ] {
        assert!(older(wrong).is_err());
    }
}

#[tokio::test]
async fn a_concurrent_change_is_kept_when_a_day_passes() {
    let yaml = r"
Resources:
  TransactionsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: transaction_id, AttributeType: S }]
      KeySchema: [{ AttributeName: transaction_id, KeyType: HASH }]
";
    let plan = Plan::read(yaml, &BTreeMap::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dynamodb = EmbeddedDynamoDb::start(&folder.path().join("dynamodb.sqlite")).unwrap();
    let client = Client::new(&sdk(dynamodb.url()));
    create_tables(&client, &plan).await.unwrap();
    let made = |id: &str, version: i64, at: i64, status: &str| {
        item([
            ("transaction_id", s(id)),
            ("version", n(version)),
            ("status", s(status)),
            ("created_at", n(at)),
            (
                "day_shard",
                s(if at == 0 {
                    "2026-11-22#00"
                } else {
                    "2026-11-23#00"
                }),
            ),
            // Large enough that a scan needs several pages.
            ("description", s(&"x".repeat(30_000))),
        ])
    };
    let put = async |item: Item| {
        let put = client.put_item().table_name(TABLE);
        put.set_item(Some(item)).send().await.unwrap();
    };
    let stored = async |id: &str| {
        let get = client.get_item().table_name(TABLE);
        let got = get.key("transaction_id", s(id)).send().await.unwrap();
        got.item
    };
    let ids: Vec<String> = (0..50).map(|i| format!("t-{i}")).collect();
    for id in &ids {
        put(made(id, 1, DAY_MS, "PENDING")).await;
    }
    make_all_older(&client).await.unwrap();
    for id in &ids {
        assert_eq!(stored(id).await, Some(made(id, 2, 0, "PENDING")), "{id}");
    }

    // One item changes between the read and the write, and another one is removed.
    put(made("t-1", 8, DAY_MS, "SUCCESS")).await;
    make_older(&client, made("t-1", 7, DAY_MS, "PENDING"))
        .await
        .unwrap();
    assert_eq!(stored("t-1").await, Some(made("t-1", 9, 0, "SUCCESS")));
    make_older(&client, made("gone", 1, DAY_MS, "PENDING"))
        .await
        .unwrap();
    assert_eq!(stored("gone").await, None);
}
