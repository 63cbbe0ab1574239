//! The examples of `docs/openapi.yaml`: each request is sent, and each answer is what the functions answer.

use std::collections::BTreeSet;

use e2e::contract::API;
use e2e::{TestEnv, now_ms};
use sandbox::{Caller, Fault, Response};
use serde_json::{Value, json};

/// Fields whose values are another time each: of time, of a random id, of a file. They must be there, and of the same type.
const DIFFERS: [&str; 11] = [
    "created_at",
    "expires_at",
    "payment_url",
    "url",
    "url_expires_at",
    "url_open",
    "url_checkout_result",
    "name",
    "bytes",
    "sha256",
    "day",
];

/// No story can make these: the firewall answers them, which the sandbox does not play. Their words are compared with the
/// template.
const OF_THE_FIREWALL: &str = "/components/responses/Forbidden/forbidden";

/// One sandbox, in which examples are walked through one after the other.
struct Walk {
    env: TestEnv,
    shown: BTreeSet<String>,
}

/// How a request is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    Right,
    Wrong,
    WithoutTimestamp,
    TenMinutesAgo,
}

impl Walk {
    async fn start() -> Self {
        let env = TestEnv::start().await;
        for request in ["order", "least"] {
            let body = request_example("createTransaction", request);
            let id = body["tiki_transaction_id"].as_str().unwrap();
            let amount = body["transaction_amount"].as_u64().unwrap();
            env.tiki.add_order(id, amount);
        }
        let shown = BTreeSet::new();
        Self { env, shown }
    }

    /// Sends the request that an example of an answer belongs to, and compares.
    async fn shows(&mut self, operation: &str, status: u16, example: &str) {
        let path = path_example(operation);
        self.shows_at(operation, status, example, &path).await;
    }

    async fn shows_at(&mut self, operation: &str, status: u16, example: &str, path: &str) {
        let (_, described) = answer_example(operation, status, example);
        let body = match described["x-request"].as_str() {
            Some(request) if method(operation) == "POST" => {
                request_example(operation, request).to_string()
            }
            _ => String::new(),
        };
        let signed = match described["x-signature"].as_str() {
            Some("wrong") => Signed::Wrong,
            Some("missing") => Signed::WithoutTimestamp,
            Some("stale") => Signed::TenMinutesAgo,
            _ => Signed::Right,
        };
        let answer = self.sends(operation, path, body, signed).await;
        self.is(operation, status, example, &answer);
    }

    /// The answer must be the example.
    fn is(&mut self, operation: &str, status: u16, example: &str, answer: &Response) {
        let (at, described) = answer_example(operation, status, example);
        assert_eq!(answer.status, status, "{at}: {}", answer.text);
        let (mut found, mut expected) = (answer.json.clone(), described["value"].clone());
        mask(&mut found);
        mask(&mut expected);
        assert_eq!(
            found, expected,
            "{at}: what is answered (left) is not what the document says"
        );
        self.shown.insert(at);
    }

    /// Sends a request example without an example of its answer.
    async fn prepares(&self, operation: &str, request: &str) {
        let body = request_example(operation, request).to_string();
        let answer = self
            .sends(operation, &path_example(operation), body, Signed::Right)
            .await;
        assert_eq!(
            answer.code(),
            Some(0),
            "{operation} {request}: {}",
            answer.text
        );
    }

    async fn sends(&self, operation: &str, path: &str, body: String, signed: Signed) -> Response {
        let caller = self.caller(operation);
        let now = now_ms();
        let message = if method(operation) == "GET" {
            path
        } else {
            &body
        };
        let mut headers = match signed {
            Signed::TenMinutesAgo => caller.sign(now - 600_000, message.as_bytes()),
            Signed::Right | Signed::WithoutTimestamp => caller.sign(now, message.as_bytes()),
            Signed::Wrong => caller.sign(now, b"another message"),
        }
        .to_vec();
        if signed == Signed::WithoutTimestamp {
            headers.remove(0);
        }
        let url = caller.url(path);
        let request = match method(operation).as_str() {
            "GET" => caller.http.get(url),
            _ => caller.http.post(url).body(body),
        };
        let request = headers
            .into_iter()
            .fold(request, |r, (name, value)| r.header(name, value));
        Response::read(request.send().await.unwrap()).await.unwrap()
    }

    fn caller(&self, operation: &str) -> &Caller {
        let path = &API.operation(operation).unwrap().path;
        if path.starts_with("/partner/") {
            &self.env.core.caller
        } else {
            &self.env.tiki.caller
        }
    }
}

/// An order that is looked up, paid and refunded.
async fn a_purchase() -> BTreeSet<String> {
    let mut walk = Walk::start().await;
    walk.shows("openWebview", 200, "opened").await;
    walk.shows("openWebview", 400, "bad_phone").await;

    walk.shows("createTransaction", 200, "created").await;
    walk.prepares("createTransaction", "least").await;
    walk.shows("createTransaction", 200, "id_reused").await;
    walk.shows("createTransaction", 200, "too_small").await;
    walk.shows("createTransaction", 200, "grouped_amount").await;
    walk.shows("createTransaction", 400, "missing_field").await;
    walk.shows("createTransaction", 400, "foreign_field").await;

    walk.shows("checkTransaction", 200, "pending").await;
    let by_get = "/tikivip/v1/transactions?tiki_transaction_id=261127TIKIVIP-235784371-1795773600";
    walk.shows_at("checkTransactionByGet", 200, "pending", by_get)
        .await;
    walk.shows("checkTransaction", 200, "not_found").await;
    let unknown = "/tikivip/v1/transactions?tiki_transaction_id=261127TIKIVIP-999999999-1795773600";
    walk.shows_at("checkTransactionByGet", 200, "not_found", unknown)
        .await;
    walk.shows("paymentDetails", 200, "pending").await;
    let unknown = "/partner/v1/payments/fec637ab-9f3b-5066-bc02-a539f47b5582";
    walk.shows_at("paymentDetails", 200, "not_found", unknown)
        .await;

    for refused in ["not_paid", "not_found", "invalid_request"] {
        walk.shows("refundTransaction", 500, refused).await;
    }
    walk.shows("paymentResult", 200, "recorded").await;
    walk.shows("refundTransaction", 200, "refunded").await;
    walk.shows("refundTransaction", 200, "refunded").await;
    for refused in ["request_id_reused", "exceeds_remaining"] {
        walk.shows("refundTransaction", 500, refused).await;
    }
    walk.shows("checkTransaction", 200, "refunded_in_part")
        .await;
    walk.shows_at("checkTransactionByGet", 200, "refunded_in_part", by_get)
        .await;

    let least = "/partner/v1/payments/0f3c5fec-92e1-52e4-be89-efc4c4f05bdf/result";
    walk.shows_at("paymentResult", 200, "failure_recorded", least)
        .await;
    for refused in ["wrong_signature", "missing_header", "stale"] {
        walk.shows("createTransaction", 401, refused).await;
    }
    walk.shown
}

/// What the core says against itself.
async fn contradictions() -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for (before, example) in [("order", "other_amount"), ("paid", "second_debit")] {
        let mut walk = Walk::start().await;
        walk.prepares("createTransaction", "order").await;
        if before == "paid" {
            walk.prepares("paymentResult", "paid").await;
        }
        walk.shows("paymentResult", 200, example).await;
        shown.extend(walk.shown);
    }
    shown
}

/// A core, and a Tiki, that do not answer.
async fn silence() -> BTreeSet<String> {
    let mut walk = Walk::start().await;
    walk.prepares("createTransaction", "order").await;
    walk.prepares("paymentResult", "paid").await;
    walk.env.core.faults.standing("refund", Fault::Down);
    walk.env.core.faults.standing("find_refund", Fault::Down);
    walk.shows("refundTransaction", 500, "in_progress").await;

    walk.env.tiki.faults.standing("webview", Fault::Down);
    walk.env.tiki.faults.standing("look_up", Fault::Down);
    let body = request_example("openWebview", "customer").to_string();
    let answer = walk
        .sends("openWebview", "/partner/v1/webview", body, Signed::Right)
        .await;
    walk.is("openWebview", 502, "tiki_silent", &answer);
    let body = request_example("handOverTransaction", "order").to_string();
    let answer = walk.sends(
        "handOverTransaction",
        "/partner/v1/transactions",
        body,
        Signed::Right,
    );
    let answer = answer.await;
    walk.is("handOverTransaction", 502, "tiki_silent", &answer);
    walk.shown
}

/// Orders that the app was handed.
async fn handed_over() -> BTreeSet<String> {
    let mut walk = Walk::start().await;
    for example in ["created", "other_amount"] {
        let (_, described) = answer_example("handOverTransaction", 200, example);
        let request = described["x-request"].as_str().unwrap();
        let id = request_example("handOverTransaction", request)["tiki_transaction_id"].clone();
        let amount = described["x-at-tiki"]["amount"].as_u64().unwrap();
        walk.env.tiki.add_order(id.as_str().unwrap(), amount);
        walk.shows("handOverTransaction", 200, example).await;
    }
    walk.shows("handOverTransaction", 200, "not_found").await;
    walk.shown
}

/// A day with one payment.
async fn a_day() -> BTreeSet<String> {
    let mut walk = Walk::start().await;
    walk.shows("reconciliationDay", 200, "no_file").await;
    let payment = walk.env.confirmed(150_000).await;
    walk.env.days_pass().await;
    let day = walk.env.item(&payment).await["day_shard"].as_str().unwrap()[..10].to_owned();
    let event = json!({ "day": day });
    walk.env.sandbox.invoke("reconcile", &event).await.unwrap();
    let path = format!("/tikivip/v1/reconciliation/{day}");
    walk.shows_at("reconciliationDay", 200, "day", &path).await;
    walk.shown
}

/// What API Gateway answers, and what a function answers that cannot work.
async fn broken() -> BTreeSet<String> {
    let mut walk = Walk::start().await;
    let create = "createTransaction";
    let path = path_example(create);
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(65_536));
    let answer = walk.sends(create, &path, large, Signed::Right).await;
    walk.is(create, 413, "too_large", &answer);

    let url = walk.env.tiki.caller.url("/tikivip/v1/refunds");
    let call = walk
        .env
        .tiki
        .caller
        .http
        .post(url)
        .header("x-long", "x".repeat(11_000));
    let answer = Response::read(call.send().await.unwrap()).await.unwrap();
    walk.is("refundTransaction", 400, "invalid_request", &answer);

    let body = request_example(create, "order").to_string();
    walk.env.sandbox.restart("create-transaction").await;
    let secret = walk.env.sandbox.plan.secrets["TikiSecret"].clone();
    walk.env.sandbox.secrets.put(&secret, "no secret");
    let answer = walk.sends(create, &path, body.clone(), Signed::Right).await;
    walk.is(create, 500, "system_error", &answer);

    let mut shown = walk.shown;
    let env = TestEnv::with(|options| {
        for parameter in ["TikiThrottleRate", "TikiThrottleBurst"] {
            options
                .parameters
                .push((parameter.to_owned(), "1".to_owned()));
        }
    });
    let mut walk = Walk {
        env: env.await,
        shown: BTreeSet::new(),
    };
    let mut answer = walk.sends(create, &path, body.clone(), Signed::Right).await;
    for _ in 0..20 {
        if answer.status == 429 {
            break;
        }
        answer = walk.sends(create, &path, body.clone(), Signed::Right).await;
    }
    walk.is(create, 429, "throttled", &answer);
    shown.extend(walk.shown);

    let (_, forbidden) = answer_example(create, 403, "forbidden");
    let (_, words) = &walk.env.sandbox.plan.gateway_responses["WAF_FILTERED"];
    assert_eq!(
        words,
        &forbidden["value"].to_string(),
        "the firewall's answer"
    );
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_document_is_answered() {
    let mut shown = BTreeSet::from([OF_THE_FIREWALL.to_owned()]);
    shown.extend(Box::pin(a_purchase()).await);
    shown.extend(Box::pin(contradictions()).await);
    shown.extend(Box::pin(silence()).await);
    shown.extend(Box::pin(handed_over()).await);
    shown.extend(Box::pin(a_day()).await);
    shown.extend(Box::pin(broken()).await);
    let all = all_answer_examples();
    let missing: Vec<_> = all.difference(&shown).collect();
    assert_eq!(
        missing,
        Vec::<&String>::new(),
        "no story shows these examples"
    );
}

fn described(operation: &str) -> &'static Value {
    let found = API.operation(operation).unwrap();
    &API.document()["paths"][&found.path][found.method.to_lowercase()]
}

fn method(operation: &str) -> String {
    API.operation(operation).unwrap().method.clone()
}

/// The path with the example of each parameter.
fn path_example(operation: &str) -> String {
    let mut path = API.operation(operation).unwrap().path.clone();
    let parameters = described(operation)["parameters"].as_array();
    for parameter in parameters.into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let example = parameter["example"].as_str().unwrap_or_default();
        path = path.replace(&format!("{{{name}}}"), example);
    }
    path
}

fn request_example(operation: &str, name: &str) -> Value {
    let content = &described(operation)["requestBody"]["content"]["application/json"];
    let value = content["examples"][name]["value"].clone();
    assert!(
        !value.is_null(),
        "{operation} has no request example {name}"
    );
    value
}

/// An example of an answer, and where it stands.
fn answer_example(operation: &str, status: u16, name: &str) -> (String, Value) {
    let responses = &described(operation)["responses"];
    let exact = status.to_string();
    let range = format!("{}XX", status / 100);
    for status in [exact, range] {
        let Some(response) = responses.get(&status) else {
            continue;
        };
        let (at, response) = located(operation, &status, response);
        let example = &response["content"]["application/json"]["examples"][name];
        if !example.is_null() {
            return (format!("{at}/{name}"), example.clone());
        }
    }
    panic!("{operation} has no example {name} of an answer {status}");
}

fn all_answer_examples() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for operation in API.operations() {
        let responses = described(&operation.id)["responses"].as_object().unwrap();
        for (status, response) in responses {
            let (at, response) = located(&operation.id, status, response);
            let examples = response["content"]["application/json"]["examples"].as_object();
            let examples = examples.into_iter().flatten();
            all.extend(examples.map(|(name, _)| format!("{at}/{name}")));
        }
    }
    all
}

/// A response, or what it refers to; and where that stands.
fn located<'r>(operation: &str, status: &str, response: &'r Value) -> (String, &'r Value) {
    let referred = response["$ref"]
        .as_str()
        .and_then(|to| to.strip_prefix('#'));
    match referred {
        Some(pointer) => (pointer.to_owned(), API.document().pointer(pointer).unwrap()),
        None => (format!("{operation} {status}"), response),
    }
}

/// Replaces what is another time each by its type.
fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // The id of a webview is Tiki's, and random; everywhere else a `request_id` is that of the request.
            let is_webview = fields.contains_key("url_open");
            for (name, value) in fields {
                let differs =
                    DIFFERS.contains(&name.as_str()) || (is_webview && name == "request_id");
                match value {
                    Value::String(text) if differs => "a text".clone_into(text),
                    Value::Number(number) if differs => *number = 1.into(),
                    _ => mask(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}
