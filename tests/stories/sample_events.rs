//! Uses every sample event in `events/`, so that none becomes outdated.
//!
//! The events are signed with the sandbox's credentials at a fixed time. So a function accepts them only if
//! `SIGNATURE_MAX_AGE_S` is large. `REWRITE_EVENTS=1 cargo test -p e2e sample_events` writes the files again. People use
//! these files with `sam local invoke`, so they are plain JSON events and not snapshots with a header.

use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::{TikiTransactionId, TransactionId};
use e2e::{Payment, TestEnv};
use serde_json::{Value, json};
use signing::{ClientSecret, HeaderNames, Keyring, PaymentLink, ReportLink};

/// The time at which the events are signed.
const SIGNED_AT_MS: i64 = 1_795_000_000_000;
const TIKI_ID: &str = "221115TIKIVIP-235784371-1668488254";
/// A day without payments.
const DAY: &str = "2026-11-22";
/// Tiki's result file of this day.
const RESULTS: &str = "tikivip_sandbox_20261122_1";
/// The app hands it over, and Tiki makes no create call.
const HANDED_OVER: &str = "221115TIKIVIP-235784373-1668488256";
const DECLINED: &str = "221115TIKIVIP-235784372-1668488255";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn rewrites() -> bool {
    std::env::var_os("REWRITE_EVENTS").is_some()
}

/// Reads the event from its file. With `REWRITE_EVENTS` it is written first.
fn event(name: &str, fresh: impl FnOnce() -> Value) -> Value {
    let file = folder().join(name);
    if rewrites() {
        let text = serde_json::to_string_pretty(&fresh()).unwrap();
        std::fs::write(&file, text + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("no events/{name}"));
    serde_json::from_str(&text).unwrap()
}

struct Call<'c> {
    method: &'c str,
    resource: &'c str,
    parameters: Value,
    query: Value,
    signed: Option<(HeaderNames, &'c Keyring)>,
    body: Option<Value>,
}

impl Call<'_> {
    fn path(&self) -> String {
        let mut path = self.resource.to_owned();
        for (name, value) in self.parameters.as_object().into_iter().flatten() {
            path = path.replace(&format!("{{{name}}}"), value.as_str().unwrap());
        }
        path
    }

    /// The event of a REST API with proxy integration.
    fn event(&self) -> Value {
        let path = self.path();
        let body = self.body.as_ref().map(ToString::to_string);
        let mut headers =
            json!({ "Content-Type": "application/json", "Host": "api.partner.example" });
        if let Some((names, keys)) = self.signed {
            let query = self.query.as_object().into_iter().flatten();
            let query = query
                .map(|(n, v)| format!("{n}={}", v.as_str().unwrap()))
                .collect::<Vec<_>>()
                .join("&");
            let get = match query.as_str() {
                "" => path.clone(),
                query => format!("{path}?{query}"),
            };
            let message = body.clone().unwrap_or(get);
            let signed = keys.sign(SIGNED_AT_MS, message.as_bytes());
            headers[names.timestamp] = json!(signed.timestamp);
            headers[names.client_id] = json!(signed.client_id);
            headers[names.signature] = json!(signed.signature);
        }
        // Of an operator AWS says who it is.
        let identity = if self.resource.starts_with("/operator/") {
            let arn = sandbox::Principal::LAN.arn();
            json!({ "sourceIp": "127.0.0.1", "accountId": sandbox::ACCOUNT, "userArn": arn })
        } else {
            json!({ "sourceIp": "127.0.0.1" })
        };
        json!({
            "resource": self.resource,
            "path": path,
            "httpMethod": self.method,
            "headers": headers,
            "queryStringParameters": self.query,
            "pathParameters": self.parameters,
            "requestContext": {
                "accountId": "000000000000", "apiId": "sandbox", "domainName": "api.partner.example",
                "httpMethod": self.method, "identity": identity,
                "path": format!("/live{path}"), "protocol": "HTTP/1.1", "requestId": "sample-event",
                "resourceId": "sample", "resourcePath": self.resource, "stage": "live",
            },
            "body": body,
            "isBase64Encoded": false,
        })
    }
}

fn id_of(tiki_id: &str) -> TransactionId {
    TransactionId::derive(&tiki_id.parse::<TikiTransactionId>().unwrap())
}

/// A stream record of an item in its current state.
async fn record(env: &TestEnv, tiki_id: &str, mark: &str) -> Value {
    let payment = payment(tiki_id);
    let item = env.item(&payment).await;
    let mut image = typed(&item)["M"].clone();
    image[mark] = json!({ "S": "now" });
    json!({ "Records": [{
        "eventID": "1", "eventName": "MODIFY", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "ap-southeast-1",
        "dynamodb": {
            "Keys": { "transaction_id": { "S": payment.id } }, "NewImage": image,
            "SequenceNumber": "1", "SizeBytes": 1, "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }] })
}

pub(crate) fn typed(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({ "S": text }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::Array(items) => json!({ "L": items.iter().map(typed).collect::<Vec<_>>() }),
        Value::Object(map) => {
            json!({ "M": map.iter().map(|(k, v)| (k.clone(), typed(v))).collect::<serde_json::Map<_, _>>() })
        }
        other => panic!("{other}"),
    }
}

fn payment(tiki_id: &str) -> Payment {
    Payment {
        tiki_id: tiki_id.to_owned(),
        id: id_of(tiki_id).to_string(),
        url: String::new(),
        amount: 100_000,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_event_is_accepted_by_its_function() {
    let env = TestEnv::with(|options| {
        let forever = ("SignatureMaxAgeSeconds".to_owned(), "3153600000".to_owned());
        let early = (
            "SignatureMaxAheadSeconds".to_owned(),
            "3153600000".to_owned(),
        );
        options.parameters.extend([forever, early]);
    });
    let env = env.await;
    let c = &env.options.credentials;
    let tiki_keys = Keyring::new(
        c.client_id.as_str(),
        ClientSecret::new(c.client_secret.as_str()),
    );
    let core_keys = Keyring::new(
        c.core_client_id.as_str(),
        ClientSecret::new(c.core_secret.as_str()),
    );
    let tiki = Some((HeaderNames::TIKI, &tiki_keys));
    let core = Some((HeaderNames::PARTNER, &core_keys));
    let id = id_of(TIKI_ID);
    let link_keys = Keyring::new("payment-link", ClientSecret::new("sandbox-link-key"));
    let link = PaymentLink {
        transaction_id: id.to_bytes(),
        expires_at_ms: 4_102_444_800_000,
    };
    let token = json!({ "token": link.token(&link_keys) });
    let report = ReportLink {
        report: *b"p20261122",
        expires_at_ms: 4_102_444_800_000,
    };
    let report = json!({ "token": report.token(&link_keys) });
    let none = || Value::Null;
    env.tiki.add_order(TIKI_ID, 100_000);
    env.tiki.add_order(DECLINED, 100_000);
    env.tiki.add_order(HANDED_OVER, 100_000);

    let post = |resource, parameters, signed, body: Value| Call {
        method: "POST",
        resource,
        parameters,
        query: Value::Null,
        signed,
        body: Some(body),
    };
    let get = |resource, parameters, query, signed| Call {
        method: "GET",
        resource,
        parameters,
        query,
        signed,
        body: None,
    };
    let create = |tiki_id: &str| {
        json!({
            "tiki_transaction_id": tiki_id, "transaction_amount": 100_000, "order_code": "235784371",
            "description": "Đơn hàng Tiki VIP", "expires_in": 900,
        })
    };
    let transactions = "/tikivip/v1/transactions";
    let result = "/partner/v1/payments/{transaction_id}/result";
    let of = |id: TransactionId| json!({ "transaction_id": id.to_string() });
    let paid = json!({
        "transaction_id": id.to_string(), "status": "SUCCESS", "amount": 100_000,
        "paid_at": "2026-11-23T10:00:00+07:00", "partner_banking_method": "ACCOUNT", "rail_reference": "FT0001",
    });
    let declined_id = id_of(DECLINED);
    let declined = json!({ "transaction_id": declined_id.to_string(), "status": "FAILURE", "reason": "not enough money" });
    let late = json!({ "transaction_id": declined_id.to_string(), "status": "SUCCESS", "amount": 100_000 });
    let refund = |amount: u64| {
        json!({
            "tiki_transaction_id": TIKI_ID, "transaction_id": id.to_string(), "transaction_amount": amount,
            "reason": "Khách hủy một phần đơn", "request_id": format!("sample-refund-{amount}"),
        })
    };

    // (file, function, call, status, code), in the order of the story.
    let story = [
        (
            "open-webview.json",
            "open-webview",
            post(
                "/partner/v1/webview",
                none(),
                core,
                json!({ "identify_code": "KH-0001", "identify_phone": "0912345678", "identify_fullname": "Nguyễn Văn An" }),
            ),
            200,
            Some(0),
        ),
        (
            "create-transaction.json",
            "create-transaction",
            post(transactions, none(), tiki, create(TIKI_ID)),
            200,
            Some(0),
        ),
        (
            "create-transaction-with-a-fraction.json",
            "create-transaction",
            post(
                transactions,
                none(),
                tiki,
                json!({ "tiki_transaction_id": TIKI_ID, "transaction_amount": 100_000.5 }),
            ),
            200,
            Some(5),
        ),
        (
            "report-redirect-to-a-report.json",
            "report-redirect",
            get("/report/{token}", report, none(), None),
            302,
            None,
        ),
        (
            "report-redirect-unknown-link.json",
            "report-redirect",
            get(
                "/report/{token}",
                json!({ "token": "unknown" }),
                none(),
                None,
            ),
            404,
            None,
        ),
        (
            "payment-redirect-to-the-screen.json",
            "payment-redirect",
            get("/pay/{token}", token.clone(), none(), None),
            302,
            None,
        ),
        (
            "payment-redirect-unknown-link.json",
            "payment-redirect",
            get("/pay/{token}", json!({ "token": "unknown" }), none(), None),
            404,
            None,
        ),
        (
            "payment-details.json",
            "payment-details",
            get(
                "/partner/v1/payments/{transaction_id}",
                of(id),
                none(),
                core,
            ),
            200,
            Some(0),
        ),
        (
            "partner-transaction.json",
            "partner-transaction",
            post(
                "/partner/v1/transactions",
                none(),
                core,
                create(HANDED_OVER),
            ),
            200,
            Some(0),
        ),
        (
            "payment-result-paid.json",
            "payment-result",
            post(result, of(id), core, paid),
            200,
            Some(0),
        ),
        (
            "payment-redirect-back-to-tiki.json",
            "payment-redirect",
            get("/pay/{token}/return", token, none(), None),
            302,
            None,
        ),
        (
            "check-transaction.json",
            "check-transaction",
            post(
                "/tikivip/v1/transactions/query",
                none(),
                tiki,
                json!({ "tiki_transaction_id": TIKI_ID }),
            ),
            200,
            Some(0),
        ),
        (
            "check-transaction-by-get.json",
            "check-transaction",
            get(
                transactions,
                none(),
                json!({ "tiki_transaction_id": TIKI_ID }),
                tiki,
            ),
            200,
            Some(0),
        ),
        (
            "refund-transaction-in-part.json",
            "refund-transaction",
            post("/tikivip/v1/refunds", none(), tiki, refund(40_000)),
            200,
            Some(0),
        ),
        (
            "refund-transaction-of-too-much.json",
            "refund-transaction",
            post("/tikivip/v1/refunds", none(), tiki, refund(60_001)),
            500,
            Some(10),
        ),
        (
            "create-transaction-to-be-declined.json",
            "create-transaction",
            post(transactions, none(), tiki, create(DECLINED)),
            200,
            Some(0),
        ),
        (
            "payment-result-declined.json",
            "payment-result",
            post(result, of(declined_id), core, declined),
            200,
            Some(0),
        ),
        (
            "payment-result-paid-after-all.json",
            "payment-result",
            post(result, of(declined_id), core, late),
            200,
            Some(0),
        ),
        (
            "operator-show.json",
            "operator",
            get(
                "/operator/v1/transactions/{transaction_id}",
                of(id),
                none(),
                None,
            ),
            200,
            Some(0),
        ),
        (
            "operator-resolve-nothing.json",
            "operator",
            post(
                "/operator/v1/transactions/{transaction_id}/resolve",
                of(id),
                None,
                json!({ "verdict": "handled", "review": "second_debit", "reason": "ticket 4711" }),
            ),
            200,
            Some(9),
        ),
    ];
    let mut used = BTreeSet::new();
    for (file, function, call, status, code) in story {
        let event = event(file, || call.event());
        let answer = env.sandbox.invoke(function, &event).await.unwrap();
        let body: Value =
            serde_json::from_str(answer["body"].as_str().unwrap()).unwrap_or_default();
        assert_eq!(
            (answer["statusCode"].as_u64(), body["code"].as_i64()),
            (Some(status), code),
            "{file}: {answer}"
        );
        used.insert(file.to_owned());
    }

    for (file, function, tiki_id, mark) in [
        (
            "ipn-sender-newly-queued.json",
            "ipn-sender",
            TIKI_ID,
            "ipn_due_mark",
        ),
        (
            "core-worker-late-payment.json",
            "core-worker",
            DECLINED,
            "refund_due_mark",
        ),
    ] {
        let fresh = record(&env, tiki_id, mark).await;
        let answer = env
            .sandbox
            .invoke(function, &event(file, || fresh))
            .await
            .unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }), "{file}");
        used.insert(file.to_owned());
    }
    for (file, function) in [
        ("ipn-sender-sweep.json", "ipn-sender"),
        ("core-worker-sweep.json", "core-worker"),
    ] {
        let answer = env
            .sandbox
            .invoke(function, &event(file, || json!({ "action": "sweep" })))
            .await
            .unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }), "{file}");
        used.insert(file.to_owned());
    }
    for tiki_id in [TIKI_ID, DECLINED] {
        let payment = payment(tiki_id);
        env.until("Tiki is notified", async || {
            env.ipn_state(&payment).await == "confirmed"
        })
        .await;
    }
    env.until("the late payment is back", async || {
        env.core.refunded_vnd(&declined_id.to_string()) == 100_000
    })
    .await;
    assert_eq!(env.core.refunded_vnd(&id.to_string()), 40_000);

    for (file, fresh) in [
        ("reconcile-a-day.json", json!({ "day": DAY })),
        ("reconcile.json", json!({ "action": "reconcile" })),
        ("reconcile-a-statement.json", json!({ "statement": DAY })),
        ("reconcile-results.json", json!({ "results": RESULTS })),
    ] {
        if file == "reconcile-results.json" {
            let named = env.tiki.reconcile(&env.sandbox.sftp_folder).unwrap();
            assert!(named.iter().any(|name| name == RESULTS), "{named:?}");
        }
        let event = event(file, || fresh);
        let answer = env.sandbox.invoke("reconcile", &event).await.unwrap();
        assert!(answer["delivered"].is_array(), "{file}: {answer}");
        used.insert(file.to_owned());
    }
    let file = "check-reconciliation.json";
    let resource = "/tikivip/v1/reconciliation/{day}";
    let call = get(resource, json!({ "day": DAY }), none(), tiki);
    let asked = event(file, || call.event());
    let answer = env.sandbox.invoke("check-reconciliation", &asked).await;
    let answer = answer.unwrap();
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["code"], 0, "{answer}");
    assert_eq!(body["data"]["files"][0]["lines"], 1, "{answer}");
    used.insert(file.to_owned());

    let there = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let there: BTreeSet<String> = there.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(
        there, used,
        "every sample event is used, and none is missing"
    );
    let functions: BTreeSet<String> = env.sandbox.plan.functions.keys().cloned().collect();
    for function in functions {
        // Only CodeDeploy invokes it; its own tests play CodeDeploy.
        if function == "pre-traffic-hook" {
            continue;
        }
        assert!(
            used.iter().any(|file| file.starts_with(&function)),
            "no sample event for {function}"
        );
    }
}
