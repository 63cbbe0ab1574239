//! A partner's side with one mistake at a time: a proxy in front of the sandbox that changes one thing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use conformance::cases::CASES;
use futures::StreamExt;
use futures::stream;
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use signing::{ClientSecret, Keyring};
use tokio::net::TcpListener;

use super::{failed, options, partner_kit, report_of};

/// The schema's case fails for many mistakes beside their own, and is named where it must.
const SCHEMA: &str = "TC-98";

/// Each mistake, and the cases that fail for it. No other case fails, but for `SCHEMA`.
const MISTAKES: &[(&str, &[&str])] = &[
    ("create: another status", &["TC-01"]),
    (
        "create: another answer each time",
        &["TC-02", "TC-03", "TC-72"],
    ),
    ("create: 8 is 0", &["TC-04"]),
    ("create: no amounts as texts", &["TC-05"]),
    (
        "create: 5 is 0",
        &["TC-06", "TC-07", "TC-08", "TC-09", "TC-10", "TC-11"],
    ),
    (
        "create: 1 is 0",
        &[
            "TC-12", "TC-13", "TC-14", "TC-15", "TC-16", "TC-20", "TC-21", "TC-23", "TC-24",
            "TC-25",
        ],
    ),
    (
        "create: names no field",
        &[
            "TC-12", "TC-13", "TC-14", "TC-15", "TC-16", "TC-20", "TC-21", "TC-23",
        ],
    ),
    ("create: no new fields", &["TC-17"]),
    ("create: no empty texts", &["TC-18"]),
    ("create: one expiry for all", &["TC-19"]),
    ("create: bytes for characters", &["TC-22"]),
    ("create: any size", &["TC-26"]),
    (
        "create: 97 is 1",
        &["TC-30", "TC-31", "TC-32", "TC-33", "TC-34"],
    ),
    ("create: 98 is 97", &["TC-35", "TC-36"]),
    ("create: three minutes only", &["TC-37"]),
    ("check: 97 is 0", &["TC-38", "TC-49", "TC-50"]),
    ("refund: 97 is 1", &["TC-39"]),
    (
        "check: another amount",
        &["TC-40", "TC-41", "TC-42", "TC-47", "TC-48", "TC-70"],
    ),
    ("check: 3 is 0", &["TC-43"]),
    ("check: 1 is 3", &["TC-44", "TC-45", "TC-46"]),
    ("check: the whole path only", &["TC-47"]),
    ("check: the relative path only", &["TC-48"]),
    ("check: no paid_at", &["TC-70"]),
    ("check: no refunds", &["TC-87"]),
    ("link: no signature", &["TC-51", "TC-70"]),
    ("link: no page", &["TC-52"]),
    ("link: to the screen again", &["TC-71"]),
    ("check: FAILURE is SUCCESS", &["TC-73", "TC-75"]),
    ("refund: 6 is 0", &["TC-74"]),
    ("refund: 9 is 0", &["TC-60"]),
    ("refund: 3 is 9", &["TC-61"]),
    (
        "refund: 1 is 2",
        &["TC-62", "TC-63", "TC-64", "TC-66", "TC-84"],
    ),
    ("refund: 5 is 1", &["TC-65"]),
    ("refund: another balance", &["TC-80", "TC-85"]),
    ("refund: another answer each time", &["TC-81"]),
    ("refund: 11 is 0", &["TC-82"]),
    ("refund: 10 is 0", &["TC-83", "TC-86"]),
    ("refund: forgets the last but one", &["TC-88"]),
    ("refund: does not see itself at work", &["TC-89"]),
    ("ipn: another secret", &["TC-90"]),
    ("ipn: another amount", &["TC-91"]),
    ("ipn: one signature for all", &["TC-92"]),
    ("ipn: again and again", &["TC-93"]),
    ("check: no created_at", &[SCHEMA]),
    ("every: no request id", &["TC-99"]),
];

/// How many partners are tested at the same time.
const MAX_CONCURRENT_KITS: usize = 4;

/// The sandbox, and in front of it a partner's side with a mistake.
#[derive(Clone)]
struct Partner {
    mistake: &'static str,
    sandbox_url: String,
    url: String,
    keys: Keyring,
    http: reqwest::Client,
    count: Arc<AtomicU64>,
    refunds: Arc<Mutex<Refunds>>,
    /// Which Tiki has an order: its address, and the mistake of the side that notifies it.
    tikis: Tikis,
    tiki_url: String,
}

/// What a side remembers of refunds, by their `request_id`.
#[derive(Default)]
struct Refunds {
    seen: BTreeSet<String>,
    last: String,
    at_work: Vec<String>,
}

impl Refunds {
    fn ended(&mut self, id: &str) {
        self.at_work.retain(|at_work| at_work != id);
    }
}

type Tikis = Arc<Mutex<HashMap<String, (String, &'static str)>>>;

/// What goes through the proxy, and can be changed.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    json: Value,
    text: String,
}

impl Partner {
    fn change(&self, call: &str, body: &Value, answer: &mut Answer) {
        let Some((of, what)) = self.mistake.split_once(": ") else {
            return;
        };
        if of == "every" {
            answer.headers.remove("x-request-id");
        }
        if of != call {
            return;
        }
        if let Some((code, other)) = what.split_once(" is ")
            && answer.json["code"].as_u64() == code.parse().ok()
        {
            // A body that is too large has a status of its own.
            if answer.status != StatusCode::PAYLOAD_TOO_LARGE {
                answer.status = StatusCode::OK;
                answer.json["code"] = other.parse::<u8>().unwrap().into();
            }
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let data = !answer.json["data"].is_null();
        match what {
            "another status" if data => answer.json["data"]["status"] = json!("CREATED"),
            "another answer each time" if data => answer.json["data"]["number"] = json!(number),
            "names no field" if answer.json["code"] == 1 => answer.json["message"] = json!("wrong"),
            "one expiry for all" if body.get("expires_in").is_some() && data => {
                answer.json["data"]["expires_at"] = json!("2030-01-01T00:00:00+07:00");
            }
            "another balance" if data => answer.json["data"]["remaining_amount"] = json!(1),
            "another amount" if answer.json["code"] == 0 => answer.json["amount"] = json!(1),
            "no created_at" if answer.json["code"] == 0 => answer.json["created_at"] = Value::Null,
            "FAILURE is SUCCESS" if answer.json["status"] == "FAILURE" => {
                answer.json["status"] = json!("SUCCESS");
            }
            "no paid_at" => answer.json["paid_at"] = Value::Null,
            "no refunds" if answer.json["code"] == 0 => answer.json["refunded_amount"] = json!(0),
            "no page" if answer.status == StatusCode::NOT_FOUND => {
                let text = HeaderValue::from_static("text/plain");
                answer.headers.insert("content-type", text);
            }
            "no signature" => Self::change_location(answer, |to| {
                to.split('?').next().unwrap_or_default().to_owned()
            }),
            "to the screen again" => Self::change_location(answer, |to| {
                let signed = to.contains("signature=");
                if signed {
                    to.to_owned()
                } else {
                    format!("{to}&signature=0")
                }
            }),
            "any size" if answer.status == StatusCode::PAYLOAD_TOO_LARGE => {
                answer.status = StatusCode::OK;
                answer.json = json!({ "code": 0, "message": "success" });
            }
            _ => {}
        }
    }

    fn change_location(answer: &mut Answer, change: impl Fn(&str) -> String) {
        if let Some(to) = answer.headers.get("location") {
            let to = change(to.to_str().unwrap());
            answer.headers.insert("location", to.parse().unwrap());
        }
    }

    /// What this side refuses although it must not.
    fn refuses(&self, call: &str, headers: &HeaderMap, body: &[u8]) -> Option<(u16, u8)> {
        let (of, what) = self.mistake.split_once(": ")?;
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        let sent: i64 = text("x-tikivip-timestamp")
            .and_then(|ms| ms.parse().ok())
            .unwrap_or(0);
        let age = e2e::now_ms() - sent;
        let amount = json["transaction_amount"].as_str();
        let small = body.len() < 64 * 1024;
        let refuses = match what {
            _ if of != call => return None,
            "no amounts as texts" => amount.is_some_and(|text| !text.contains('.')),
            "no new fields" => small && json.get("x_new").is_some(),
            "no empty texts" => json["order_code"] == "",
            "bytes for characters" => json["description"]
                .as_str()
                .is_some_and(|text| text.len() > 255),
            "three minutes only" if (180_000..300_000).contains(&age) => return Some((401, 98)),
            _ => false,
        };
        refuses.then_some((400, 1))
    }

    /// What this side does with a refund: one that it wrongly takes for a new one gets a `request_id` of its own.
    fn taken(&self, call: &str, headers: &mut HeaderMap, body: Bytes) -> Bytes {
        let Ok(mut refund) = serde_json::from_slice::<Value>(&body) else {
            return body;
        };
        let Some(id) = refund["request_id"].as_str().map(str::to_owned) else {
            return body;
        };
        let mut refunds = self.refunds.lock().unwrap();
        let is_new = match self.mistake {
            "refund: forgets the last but one" => refunds.seen.contains(&id) && refunds.last != id,
            "refund: does not see itself at work" => refunds.at_work.contains(&id),
            _ => false,
        };
        refunds.last.clone_from(&id);
        refunds.seen.insert(id.clone());
        refunds.at_work.push(id);
        if call != "refund" || !is_new {
            return body;
        }
        refund["request_id"] = json!(format!("new-{}", refunds.at_work.len()));
        let body = Bytes::from(refund.to_string());
        let signed = self.keys.sign(e2e::now_ms(), &body);
        for (name, value) in [
            ("x-tikivip-timestamp", signed.timestamp),
            ("x-tikivip-signature", signed.signature),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        body
    }

    /// Whether a GET is signed in the way that this side does not take.
    fn refuses_get(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let whole = uri.path_and_query().unwrap().as_str();
        let refused = match self.mistake {
            "check: the whole path only" => whole.strip_prefix("/tikivip/v1").unwrap_or(whole),
            "check: the relative path only" => whole,
            _ => return false,
        };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let timestamp = header("x-tikivip-timestamp").and_then(|text| text.parse().ok());
        let signed = self.keys.sign(timestamp.unwrap_or(0), refused.as_bytes());
        header("x-tikivip-signature") == Some(&*signed.signature)
    }
}

fn name_of(uri: &Uri) -> &'static str {
    match uri.path() {
        "/tikivip/v1/transactions/query" => "check",
        "/tikivip/v1/refunds" => "refund",
        path if path.starts_with("/pay/") => "link",
        _ => "create",
    }
}

async fn proxy(
    State(partner): State<Partner>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_get = method == Method::GET && uri.path() == "/tikivip/v1/transactions";
    let call = if is_get { "check" } else { name_of(&uri) };
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(id) = json["tiki_transaction_id"].as_str() {
        let tiki = (partner.tiki_url.clone(), partner.mistake);
        partner.tikis.lock().unwrap().insert(id.to_owned(), tiki);
    }
    let refused = if is_get && partner.refuses_get(&headers, &uri) {
        Some((401, 97))
    } else {
        partner.refuses(call, &headers, &body)
    };
    if let Some((status, code)) = refused {
        let body = json!({ "code": code, "message": "description: refused" }).to_string();
        let status = StatusCode::from_u16(status).unwrap();
        return (status, [("x-request-id", "proxy")], body).into_response();
    }
    let to = format!("{}{}", partner.sandbox_url, uri.path_and_query().unwrap());
    let body = partner.taken(call, &mut headers, body);
    let mut request = partner.http.request(method, to).body(body);
    for (name, value) in &headers {
        if name != "host" && name != "content-length" {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    let done = json["request_id"].as_str().unwrap_or_default();
    partner.refunds.lock().unwrap().ended(done);
    let mut headers = answer.headers().clone();
    headers.remove("content-length");
    headers.remove("transfer-encoding");
    let status = answer.status();
    let text = answer.text().await.unwrap();
    let text = text.replace(&partner.sandbox_url, &partner.url);
    let mut answer = Answer {
        json: serde_json::from_str(&text).unwrap_or_default(),
        status,
        headers,
        text,
    };
    partner.change(call, &json, &mut answer);
    let body = if answer.json.is_null() {
        answer.text
    } else {
        answer.json.to_string()
    };
    (answer.status, answer.headers, body).into_response()
}

/// The way of the notifications: to the kit that has the order, with the mistake of its partner's side.
#[derive(Clone)]
struct Notifier {
    tikis: Tikis,
    keys: Keyring,
    http: reqwest::Client,
    /// The first notification of each order.
    first: Arc<Mutex<HashMap<String, HeaderMap>>>,
}

async fn notify(
    State(notifier): State<Notifier>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let query = uri
        .query()
        .and_then(|query| query.split_once('='))
        .map(|(_, id)| id);
    let id = message["reference_transaction_id"].as_str().or(query);
    let id = id.unwrap_or_default().to_owned();
    let tiki = notifier.tikis.lock().unwrap().get(&id).cloned();
    let Some((tiki_url, mistake)) = tiki.filter(|(url, _)| !url.is_empty()) else {
        // A kit that does not play Tiki: everything is accepted.
        let data = json!({ "transaction_id": message["transaction_id"] });
        return axum::Json(json!({ "code": 0, "message": "success", "data": data }))
            .into_response();
    };
    let mut headers: HeaderMap = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-tikivip"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let spoilt = HeaderValue::from_str(&"0".repeat(64)).unwrap();
    let first = notifier
        .first
        .lock()
        .unwrap()
        .entry(id)
        .or_insert(headers.clone())
        .clone();
    let mut bytes = body.clone();
    match mistake {
        "ipn: another secret" => drop(headers.insert("x-tikivip-signature", spoilt)),
        "ipn: one signature for all" => headers = first,
        "ipn: another amount" => {
            message["transaction_amount"] = json!(1);
            bytes = message.to_string().into();
            let timestamp = headers["x-tikivip-timestamp"].to_str().unwrap().parse();
            let signed = notifier.keys.sign(timestamp.unwrap(), &bytes);
            let name = HeaderName::from_static("x-tikivip-signature");
            headers.insert(name, signed.signature.parse().unwrap());
        }
        _ => {}
    }
    let mut times = if mistake == "ipn: again and again" {
        2
    } else {
        1
    };
    loop {
        let to = format!("{tiki_url}{}", uri.path_and_query().unwrap());
        let request = notifier.http.request(method.clone(), to);
        let answer = request
            .headers(headers.clone())
            .body(bytes.clone())
            .send()
            .await
            .unwrap();
        let (status, answer) = (answer.status(), answer.text().await.unwrap());
        times -= 1;
        if times == 0 || status != StatusCode::OK || method == Method::GET {
            let kind = [("content-type", "application/json")];
            return (status, kind, answer).into_response();
        }
    }
}

async fn serve(router: Router, listener: TcpListener) {
    axum::serve(listener, router).await.unwrap();
}

async fn free() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// The cases that must fail, and after each the next one, which must not. All of them for each mistake would take long.
fn played(expected: &[&str]) -> Vec<String> {
    // TC-40 makes a call, which the cases about every answer need.
    let expected = [expected, &["TC-40"]].concat();
    let is_asked_for = |at: usize| {
        CASES
            .get(at)
            .is_some_and(|case| expected.contains(&case.id))
    };
    let played =
        (0..CASES.len()).filter(|at| is_asked_for(*at) || (*at > 0 && is_asked_for(at - 1)));
    played.map(|at| CASES[at].id.to_owned()).collect()
}

/// The cases that fail at a partner's side with this mistake.
async fn failed_with(
    (mistake, expected): (&'static str, &[&str]),
    sandbox: &Sandbox,
    notifier: &Notifier,
) -> BTreeSet<String> {
    let defaults = Options::default();
    let kit = partner_kit(&defaults, mistake.starts_with("ipn"), played(expected)).await;
    let (listener, url) = free().await;
    let partner = Partner {
        mistake,
        sandbox_url: sandbox.url.clone(),
        url: url.clone(),
        keys: notifier.keys.clone(),
        http: notifier.http.clone(),
        count: Arc::default(),
        refunds: Arc::default(),
        tikis: notifier.tikis.clone(),
        tiki_url: kit.tiki_url().unwrap_or_default().to_owned(),
    };
    let router = Router::new().fallback(proxy).with_state(partner);
    let serving = tokio::spawn(serve(router, listener));
    let report = report_of(kit.against(&url), sandbox).await;
    serving.abort();
    failed(&report)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_of_a_partner_fails_its_own_cases() {
    let credentials = Options::default().credentials;
    let secret = ClientSecret::new(credentials.client_secret);
    let notifier = Notifier {
        tikis: Arc::default(),
        keys: Keyring::new(credentials.client_id, secret),
        http: sandbox::http().unwrap(),
        first: Arc::default(),
    };
    let (listener, tiki_url) = free().await;
    let router = Router::new().fallback(notify).with_state(notifier.clone());
    tokio::spawn(serve(router, listener));
    let sandbox = Sandbox::start(options(&tiki_url)).await.unwrap();

    let runs = stream::iter(MISTAKES).map(async |(mistake, expected)| {
        let found = failed_with((mistake, expected), &sandbox, &notifier).await;
        (*mistake, *expected, found)
    });
    let runs: Vec<_> = runs.buffer_unordered(MAX_CONCURRENT_KITS).collect().await;
    let mut wrong = BTreeMap::new();
    for (mistake, expected, mut found) in runs {
        if !expected.contains(&SCHEMA) {
            found.remove(SCHEMA);
        }
        let expected: BTreeSet<String> = expected.iter().map(|id| (*id).to_owned()).collect();
        if found != expected {
            let missing: Vec<_> = expected.difference(&found).cloned().collect();
            let more: Vec<_> = found.difference(&expected).cloned().collect();
            wrong.insert(mistake, (missing, more));
        }
    }
    assert!(
        wrong.is_empty(),
        "mistake: (does not fail, fails too)\n{wrong:#?}"
    );
}

#[test]
fn every_case_is_failed_by_a_mistake() {
    let failed: BTreeSet<&str> = MISTAKES.iter().flat_map(|(_, ids)| *ids).copied().collect();
    let all: BTreeSet<&str> = CASES.iter().map(|case| case.id).collect();
    assert_eq!(failed, all);
}
