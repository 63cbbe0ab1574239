//! What the simulation takes from `template.yaml`, so that it cannot differ from what is deployed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use yaml_serde::Value;

use crate::world::{HOUR, SECOND};

/// How long Lambda keeps an event if the template does not say it.
const USUAL_EVENT_AGE: i64 = 6 * HOUR;

/// What the template declares.
pub(crate) static TEMPLATE: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("../../../template.yaml")));

/// What the simulation needs of the template.
pub(crate) struct Template {
    /// The indexes of the table of transactions.
    pub(crate) indexes: Vec<Schema>,
    /// The functions by the name of their binary.
    pub(crate) functions: BTreeMap<String, FunctionPlan>,
    /// What API Gateway answers when Lambda starts nothing: status and body.
    pub(crate) not_started: (u16, String),
}

/// The limits of a function, and what invokes it beside the API.
pub(crate) struct FunctionPlan {
    /// In milliseconds.
    pub(crate) timeout: i64,
    /// How many instances may run at once, if that is limited.
    pub(crate) concurrency: Option<Concurrency>,
    /// The events of its schedules of every minute.
    pub(crate) sweeps: Vec<serde_json::Value>,
    /// How long Lambda tries to start it for an event that nobody waits for, in milliseconds.
    pub(crate) event_age: i64,
    pub(crate) stream: Option<StreamPlan>,
}

/// A reserved concurrency.
#[derive(Clone, Copy)]
pub(crate) struct Concurrency {
    /// What the template has.
    pub(crate) usual: u64,
    /// The least that an operator may set.
    pub(crate) least: u64,
}

/// How a function gets the table's stream.
pub(crate) struct StreamPlan {
    pub(crate) batch: usize,
    pub(crate) retries: u64,
    /// In milliseconds.
    pub(crate) record_age: i64,
    /// Whether a batch that failed as a whole is split.
    pub(crate) bisects: bool,
    /// The attribute of a new image that passes the filter, and its value.
    pub(crate) mark: (String, String),
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
        let resources = template["Resources"].as_mapping().into_iter().flatten();
        let functions = resources.map(|(_, resource)| resource);
        let functions = functions.filter(|resource| {
            let kind = resource["Type"].as_str();
            kind == Some("AWS::Serverless::Function")
        });
        let api = &template["Resources"]["Api"]["Properties"];
        let not_started = &api["GatewayResponses"]["INTEGRATION_FAILURE"];
        let status = number(&not_started["StatusCode"]);
        Self {
            indexes: indexes.map(|index| Schema::read(table, index)).collect(),
            functions: functions
                .map(|function| FunctionPlan::read(&template, function))
                .collect(),
            not_started: (
                u16::try_from(status).expect("a status of HTTP"),
                text(&not_started["ResponseTemplates"]["application/json"]),
            ),
        }
    }
}

impl FunctionPlan {
    fn read(template: &Value, resource: &Value) -> (String, Self) {
        let name = text(&resource["Metadata"]["BuildProperties"]["Binary"]);
        let own = &resource["Properties"];
        let timeout = match &own["Timeout"] {
            Value::Null => &template["Globals"]["Function"]["Timeout"],
            own => own,
        };
        let events = own["Events"].as_mapping().into_iter().flatten();
        let events: Vec<&Value> = events.map(|(_, event)| event).collect();
        let of = |kind: &'static str| {
            let events = events.iter();
            events
                .filter(move |event| event["Type"].as_str() == Some(kind))
                .map(|event| &event["Properties"])
        };
        let minutely = |event: &&Value| event["ScheduleExpression"] == "rate(1 minute)";
        let input = |event: &Value| serde_json::from_str(&text(&event["Input"])).expect("JSON");
        let plan = Self {
            timeout: milliseconds(timeout),
            concurrency: Concurrency::read(template, &own["ReservedConcurrentExecutions"]),
            sweeps: of("ScheduleV2").filter(minutely).map(input).collect(),
            event_age: match &own["EventInvokeConfig"]["MaximumEventAgeInSeconds"] {
                Value::Null => USUAL_EVENT_AGE,
                own => milliseconds(own),
            },
            stream: of("DynamoDB").next().map(StreamPlan::read),
        };
        (name, plan)
    }
}

impl Concurrency {
    /// A number, or a reference to a parameter.
    fn read(template: &Value, reserved: &Value) -> Option<Self> {
        match (reserved, reserved.as_str()) {
            (Value::Null, _) => None,
            (_, Some(parameter)) => {
                let parameter = &template["Parameters"][parameter];
                Some(Self {
                    usual: number(&parameter["Default"]),
                    least: number(&parameter["MinValue"]),
                })
            }
            (fixed, None) => Some(Self {
                usual: number(fixed),
                least: number(fixed),
            }),
        }
    }
}

impl StreamPlan {
    fn read(stream: &Value) -> Self {
        let mut filters = list(&stream["FilterCriteria"]["Filters"]);
        let pattern = filters.next().expect("a stream has a filter");
        let pattern: serde_json::Value =
            serde_json::from_str(&text(&pattern["Pattern"])).expect("JSON");
        let image = pattern["dynamodb"]["NewImage"].as_object();
        let mut marks = image.into_iter().flatten();
        let (name, values) = marks.next().expect("a filter of the new image");
        let value = values["S"][0].as_str().expect("a filter by a text");
        Self {
            batch: usize::try_from(number(&stream["BatchSize"])).expect("a batch fits"),
            retries: number(&stream["MaximumRetryAttempts"]),
            record_age: milliseconds(&stream["MaximumRecordAgeInSeconds"]),
            bisects: stream["BisectBatchOnFunctionError"] == true,
            mark: (name.clone(), value.to_owned()),
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

fn number(value: &Value) -> u64 {
    let number = value.as_u64();
    number.unwrap_or_else(|| panic!("{value:?} of the template is no number"))
}

/// Seconds of the template in milliseconds.
fn milliseconds(seconds: &Value) -> i64 {
    i64::try_from(number(seconds)).expect("a time fits") * SECOND
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    let text = text.unwrap_or_else(|| panic!("{value:?} of the template is no text"));
    text.to_owned()
}
