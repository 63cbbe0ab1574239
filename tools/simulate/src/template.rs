//! What the simulation takes from `template.yaml`, so that it cannot differ from what is deployed.

use std::sync::LazyLock;

use yaml_serde::Value;

/// What the template declares.
pub(crate) static TEMPLATE: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("../../../template.yaml")));

/// What the simulation needs of the template.
pub(crate) struct Template {
    /// The indexes of the table of transactions.
    pub(crate) indexes: Vec<Schema>,
}

/// The keys of an index, and the attributes that its entries have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schema {
    pub(crate) name: String,
    pub(crate) partition_key: String,
    pub(crate) sort_key: String,
    pub(crate) sort_type: Type,
    /// The keys of the index and of the table, and what it projects; `None` if it projects all.
    pub(crate) attributes: Option<Vec<String>>,
}

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Number,
    Text,
}

impl Template {
    fn read(yaml: &str) -> Self {
        let template: Value = yaml_serde::from_str(yaml).expect("the template is YAML");
        let table = &template["Resources"]["TransactionsTable"]["Properties"];
        let indexes = list(&table["GlobalSecondaryIndexes"]);
        Self {
            indexes: indexes.map(|index| Schema::read(table, index)).collect(),
        }
    }
}

impl Schema {
    fn read(table: &Value, index: &Value) -> Self {
        let name = text(&index["IndexName"]);
        let of_table = key(table, "HASH").expect("the table has a key");
        let partition_key = key(index, "HASH");
        let partition_key = partition_key.unwrap_or_else(|| panic!("{name} has no partition key"));
        let sort_key = key(index, "RANGE");
        let sort_key = sort_key.unwrap_or_else(|| panic!("{name} has no sort key"));
        assert_eq!(type_of(table, &partition_key), Type::Text, "{name}");
        let projection = &index["Projection"];
        let attributes = match text(&projection["ProjectionType"]).as_str() {
            "ALL" => None,
            of => {
                let mut attributes = vec![of_table, partition_key.clone(), sort_key.clone()];
                if of == "INCLUDE" {
                    let others = list(&projection["NonKeyAttributes"]).map(text);
                    attributes.extend(others);
                }
                Some(attributes)
            }
        };
        Self {
            sort_type: type_of(table, &sort_key),
            name,
            partition_key,
            sort_key,
            attributes,
        }
    }
}

/// The key of a table or an index with this role.
fn key(of: &Value, role: &str) -> Option<String> {
    let mut keys = list(&of["KeySchema"]);
    let found = keys.find(|key| key["KeyType"].as_str() == Some(role))?;
    Some(text(&found["AttributeName"]))
}

fn type_of(table: &Value, attribute: &str) -> Type {
    let mut defined = list(&table["AttributeDefinitions"]);
    let found = defined.find(|of| of["AttributeName"].as_str() == Some(attribute));
    let found = found.unwrap_or_else(|| panic!("the template does not define {attribute}"));
    match found["AttributeType"].as_str() {
        Some("N") => Type::Number,
        Some("S") => Type::Text,
        other => panic!("{attribute} has the type {other:?}"),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_sequence().into_iter().flatten()
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    let text = text.unwrap_or_else(|| panic!("{value:?} of the template is no text"));
    text.to_owned()
}
