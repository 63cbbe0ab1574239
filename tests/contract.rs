//! The documents of the API against the code that reads and writes its messages. (The stories hold each of their calls
//! against the documents, too: `e2e::contract`.)

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};

use e2e::contract::{API, CORE};
use openapi::{Answer, Api, Operation, Request, probes};
use serde_json::Value;
use signing::{ClientSecret, Keyring, SignatureHeaders, Verified, Window};

const ID: &str = "a48f46ff-cd8d-5da2-ba2a-72142ee252d0";

/// A request of each kind that has a body: its operation, and the name of an example.
const GOOD: [(&str, &str); 7] = [
    ("createTransaction", "order"),
    ("checkTransaction", "by_both_ids"),
    ("refundTransaction", "refund"),
    ("openWebview", "customer"),
    ("handOverTransaction", "order"),
    ("paymentResult", "paid"),
    ("paymentResult", "failed"),
];

/// Runs a reader on bytes that are signed.
fn reads<T, E>(body: &[u8], read: impl FnOnce(Verified<'_>) -> Result<T, E>) -> bool {
    let keys = Keyring::new("client", ClientSecret::new("secret"));
    let signed = keys.sign(0, body);
    let headers = SignatureHeaders {
        timestamp: Some(&signed.timestamp),
        client_id: Some(&signed.client_id),
        signature: Some(&signed.signature),
    };
    let verified = keys.verify(&headers, body, 0, Window::default()).unwrap();
    read(verified).is_ok()
}

/// Whether our code reads the body of an operation.
fn code_reads(operation: &str, body: &[u8]) -> bool {
    let id = ID.parse().unwrap();
    match operation {
        "createTransaction" | "handOverTransaction" => reads(body, tiki_api::request::create),
        "checkTransaction" => reads(body, tiki_api::request::check),
        "refundTransaction" => reads(body, tiki_api::request::refund),
        "openWebview" => reads(body, partner_api::request::webview),
        "paymentResult" => reads(body, |verified| {
            partner_api::request::payment_result(verified, id)
        }),
        other => unreachable!("{other} has no reader here"),
    }
}

/// What the code accepts and the document does not have: details of a payment result that its status does not need, and a
/// time that cannot be read, refuse no payment (decision 13).
fn is_read_all_the_same(operation: &Operation, body: &Value) -> bool {
    let unread: &[&str] = match (operation.id.as_str(), body["status"].as_str()) {
        ("paymentResult", Some("SUCCESS")) => &["paid_at", "reason"],
        ("paymentResult", Some("FAILURE")) => {
            &["paid_at", "partner_banking_method", "rail_reference"]
        }
        _ => return false,
    };
    let mut read = body.clone();
    let fields = read.as_object_mut().unwrap();
    fields.retain(|name, _| !unread.contains(&name.as_str()));
    problems(operation, read.to_string().as_bytes()).is_empty()
}

/// What the code refuses and no schema can: two amounts that differ (protocol §5).
fn is_not_in_a_schema(refund: &Value) -> bool {
    refund.get("request_amount").is_some()
}

#[test]
fn what_the_document_allows_is_what_the_code_reads() {
    let mut checked = 0;
    let mut differences = Vec::new();
    for (id, example) in GOOD {
        let operation = API.operation(id).unwrap();
        let mut good = request_example(operation, example);
        if id == "paymentResult" {
            good["transaction_id"] = ID.into();
        }
        assert!(
            code_reads(id, good.to_string().as_bytes()),
            "{id} {example}"
        );
        let names: Vec<&str> = field_names().iter().copied().collect();
        for body in probes::variants(&good, &names) {
            let bytes = body.to_string();
            let problems = problems(operation, bytes.as_bytes());
            let reads = code_reads(id, bytes.as_bytes());
            let known = if reads {
                is_read_all_the_same(operation, &body)
            } else {
                is_not_in_a_schema(&body)
            };
            if problems.is_empty() != reads && !known {
                let word = if reads { "reads" } else { "refuses" };
                differences.push(format!(
                    "{id}: the code {word} {bytes}, and the document says {problems:?}"
                ));
            }
            checked += 1;
        }
    }
    let has_a_good_one = |operation: &Operation| GOOD.iter().any(|(id, _)| *id == operation.id);
    // A browser's POST to a payment link says nothing in its body.
    let with_a_body = API
        .operations()
        .iter()
        .filter(|o| described(o)["requestBody"].is_object());
    for operation in with_a_body {
        assert!(
            has_a_good_one(operation),
            "{} has no good example here",
            operation.id
        );
    }
    assert_eq!(differences, Vec::<String>::new());
    assert!(checked > 10_000, "{checked}");
}

fn described(operation: &Operation) -> &'static Value {
    &API.document()["paths"][&operation.path][operation.method.to_lowercase()]
}

fn request_example(operation: &Operation, name: &str) -> Value {
    let examples = &described(operation)["requestBody"]["content"]["application/json"]["examples"];
    examples[name]["value"].clone()
}

/// What of a body is not as the document says. (The path is a good one.)
fn problems(operation: &Operation, body: &[u8]) -> Vec<String> {
    let request = Request {
        path: &operation.path.replace("{transaction_id}", ID),
        ..request(body)
    };
    API.request_problems(operation, &request)
}

/// The names of all fields of all requests, on either side, and some of answers.
fn field_names() -> BTreeSet<&'static str> {
    let mut names: BTreeSet<&str> = api::TIKI_FIELDS.iter().copied().collect();
    names.extend(partner_api::request::ALL_PARTNER);
    names.insert("a_field_that_no_message_has");
    names
}

fn request(body: &[u8]) -> Request<'_> {
    Request {
        path: "",
        query: "",
        headers: &[],
        body,
    }
}

#[test]
fn every_example_is_as_its_schema_says() {
    for (name, api) in [("openapi", &*API), ("openapi-core", &*CORE)] {
        for operation in api.operations() {
            let described =
                &api.document()["paths"][&operation.path][operation.method.to_lowercase()];
            for (example, value) in examples(api, &described["requestBody"]) {
                let bytes = value["value"].to_string();
                let problems = api.request_problems(operation, &request(bytes.as_bytes()));
                let problems: Vec<_> = problems
                    .iter()
                    .filter(|problem| !problem.contains("parameter"))
                    .collect();
                let invalid = value["x-invalid"] == true;
                assert_eq!(
                    problems.is_empty(),
                    !invalid,
                    "{name} {} {example}: {problems:?}",
                    operation.id
                );
            }
            for (status, response) in described["responses"].as_object().unwrap() {
                for (example, value) in examples(api, response) {
                    let bytes = value["value"].to_string();
                    let headers = [("content-type", "application/json"), ("x-request-id", "1")];
                    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
                    let answer = Answer {
                        status: status.replace("XX", "00").parse().unwrap(),
                        headers: &headers,
                        body: bytes.as_bytes(),
                    };
                    let problems = api.answer_problems(operation, &answer);
                    assert!(
                        problems.is_empty(),
                        "{name} {} {status} {example}: {problems:?}",
                        operation.id
                    );
                }
            }
        }
    }
}

fn examples<'a>(api: &'a Api, part: &'a Value) -> Vec<(&'a String, &'a Value)> {
    let pointer = part["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    let part = pointer.map_or(part, |pointer| api.document().pointer(pointer).unwrap());
    let examples = part["content"]["application/json"]["examples"].as_object();
    examples.into_iter().flatten().collect()
}

/// Every text for people stands in both languages.
#[test]
fn every_text_is_in_vietnamese_too() {
    fn walk(part: &Value, at: &str, problems: &mut Vec<String>) {
        if let Some(fields) = part.as_object() {
            for name in ["summary", "description"] {
                // A field of a message may have this name, too.
                if fields.get(name).is_some_and(Value::is_string)
                    && !fields.contains_key(&format!("x-{name}-vi"))
                {
                    problems.push(format!("{at}/{name}"));
                }
            }
            let parts = fields
                .iter()
                .filter(|(name, _)| !["value", "example", "variables"].contains(&name.as_str()));
            parts.for_each(|(name, part)| walk(part, &format!("{at}/{name}"), problems));
        }
        if let Some(items) = part.as_array() {
            let items = items.iter().enumerate();
            items.for_each(|(i, part)| walk(part, &format!("{at}/{i}"), problems));
        }
    }
    for api in [&*API, &*CORE] {
        let mut problems = Vec::new();
        walk(api.document(), "", &mut problems);
        assert_eq!(problems, Vec::<String>::new());
    }
}

/// `x-codes` has each code that the code has, and no other; and each is in an answer of the document.
#[test]
fn the_codes_are_those_of_the_code() {
    let documented: Vec<u64> = API.document()["x-codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code["code"].as_u64().unwrap())
        .collect();
    let ours: Vec<u64> = api::Code::ALL
        .iter()
        .map(|code| code.number().into())
        .collect();
    assert_eq!(documented, ours);

    let schemas = API.document()["components"]["schemas"].as_object().unwrap();
    let mut answered = BTreeSet::new();
    for schema in schemas.values() {
        let code = &schema["properties"]["code"];
        let listed = code["enum"].as_array().into_iter().flatten();
        answered.extend(listed.chain(code.get("const")).filter_map(Value::as_u64));
    }
    assert_eq!(answered, documented.into_iter().collect());
}

/// `http` of each code is a status with which an answer of the document has that code.
#[test]
fn each_code_comes_with_its_status() {
    let mut statuses: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for operation in API.operations() {
        let described = &API.document()["paths"][&operation.path][operation.method.to_lowercase()];
        for (status, response) in described["responses"].as_object().unwrap() {
            let schema = &referred(response)["content"]["application/json"]["schema"];
            let parts = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
            for part in parts.map_or(std::slice::from_ref(schema), Vec::as_slice) {
                let code = &referred(part)["properties"]["code"];
                let listed = code["enum"].as_array().into_iter().flatten();
                for code in listed.chain(code.get("const")).filter_map(Value::as_u64) {
                    let status = status.replace("XX", "00");
                    statuses.entry(code).or_default().insert(status);
                }
            }
        }
    }
    for code in API.document()["x-codes"].as_array().unwrap() {
        let (number, http) = (code["code"].as_u64().unwrap(), code["http"].to_string());
        assert!(
            statuses[&number].contains(&http),
            "code {number}: {http}, and the answers have {statuses:?}"
        );
    }
}

fn referred(part: &'static Value) -> &'static Value {
    let pointer = part["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer.map_or(part, |pointer| API.document().pointer(pointer).unwrap())
}
