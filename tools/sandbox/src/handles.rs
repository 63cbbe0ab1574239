//! Handles of a running sandbox, for its own pages and its scenarios.

use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::clock::Clock;
use crate::core::Core;
use crate::gateway::Gateway;
use crate::lambda::Logs;
use crate::secrets::SecretsManager;
use crate::tiki::Tiki;
use crate::time::Time;

/// Handles of a running sandbox. A clone is of the same one.
#[derive(Clone)]
pub(crate) struct Handles {
    pub(crate) gateway: Arc<Gateway>,
    /// Tiki, if the sandbox plays it.
    pub(crate) tiki: Option<Tiki>,
    /// The core, if the sandbox plays it.
    pub(crate) core: Option<Core>,
    pub(crate) secrets: SecretsManager,
    pub(crate) logs: Logs,
    pub(crate) clock: Clock,
    pub(crate) time: Time,
    pub(crate) dynamodb: Client,
    /// The folder `IF_TIKI_VIP` of Tiki's SFTP server.
    pub(crate) sftp_folder: PathBuf,
    pub(crate) pages: Pages,
}

/// Where a browser finds the sides and the sandbox's pages.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) api: String,
    pub(crate) tiki: String,
    pub(crate) s3: String,
    pub(crate) sns: String,
}

impl Handles {
    /// The item of a payment, as JSON without type tags; null if there is none.
    pub(crate) async fn item(&self, transaction_id: &str) -> anyhow::Result<Value> {
        let get = self.dynamodb.get_item().table_name("TransactionsTable");
        let key = AttributeValue::S(transaction_id.to_owned());
        let get = get.key("transaction_id", key).consistent_read(true);
        let item = get.send().await?.item;
        Ok(item.map_or(Value::Null, |item| plain(&AttributeValue::M(item))))
    }
}

/// A value of an item without its type.
fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::from(text.as_str()),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap_or_default(),
        AttributeValue::Bool(value) => Value::Bool(*value),
        AttributeValue::L(values) => values.iter().map(plain).collect(),
        AttributeValue::M(map) => {
            let fields = map.iter().map(|(name, value)| (name.clone(), plain(value)));
            Value::Object(fields.collect())
        }
        // The functions write no other types.
        _ => Value::Null,
    }
}
