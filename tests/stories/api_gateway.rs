//! What API Gateway and Lambda do before and after a function runs.

use std::collections::BTreeMap;

use e2e::TestEnv;
use futures::future::join_all;
use sandbox::{Fault, Response};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_route_is_answered_in_our_envelope() {
    let env = TestEnv::start().await;
    let http = &env.tiki.caller.http;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/tikivip/v1"),
        ("GET", "/tikivip/v1/refunds"),
        ("PUT", "/tikivip/v1/transactions"),
        ("DELETE", "/tikivip/v1/transactions"),
        ("POST", "/tikivip/v1/transactions/"),
        ("POST", "/tikivip/v2/transactions"),
        ("POST", "/tikivip/v1/transactions/query/x"),
        ("PUT", "/pay/token"),
        ("GET", "/pay/"),
        ("GET", "/pay/a/b/return"),
        ("GET", "/partner/v1/webview"),
        ("POST", "/partner/v1/payments/x"),
        ("POST", "/partner/v1/payments//result"),
    ] {
        let url = format!("{}{path}", env.sandbox.url);
        let answer = http
            .request(method.parse().unwrap(), url)
            .body("{}")
            .send()
            .await
            .unwrap();
        let answer = Response::read(answer).await.unwrap();
        assert_eq!(
            (answer.status, answer.code()),
            (404, Some(1)),
            "{method} {path}: {}",
            answer.text
        );
        assert!(answer.headers.contains_key("x-request-id"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_get_instances_up_to_the_limit() {
    let env = TestEnv::with(|options| options.instances = 3).await;
    let payment = env.confirmed(1_000_000).await;
    // Each call occupies an instance until three calls run. Two more calls must wait.
    env.core
        .faults
        .next("refund", vec![Fault::Late { ms: 1_500 }; 5]);
    let ids: Vec<String> = (0..5).map(|i| format!("R{i}")).collect();
    let refunds = join_all(ids.iter().map(|id| env.refund(&payment, id, 1)));
    let watch = async {
        env.until("three are at work", async || {
            env.core.refunds(&payment.id).len() == 3
        })
        .await;
        assert_eq!(env.sandbox.pids("refund-transaction").len(), 3);
    };
    let (answers, ()) = tokio::join!(refunds, watch);
    assert!(answers.iter().all(|answer| answer.code() == Some(0)));
    assert_eq!(env.sandbox.pids("refund-transaction").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrongly_configured_function_names_every_error() {
    // What the template allows, and the functions do not.
    let env = TestEnv::with(|options| {
        for (name, value) in [
            ("MinAmountVnd", "1.5"),
            ("ExpiryGraceSeconds", "99999999999999999999"),
        ] {
            options.parameters.push((name.to_owned(), value.to_owned()));
        }
    });
    let env = env.await;
    let id = env.tiki.order(100_000);
    let answer = env.tiki.create(&id, None).await.unwrap();
    assert_eq!(
        (answer.status, answer.code()),
        (502, Some(2)),
        "{}",
        answer.text
    );
    env.until("it is said", async || {
        let said = json!(
            env.sandbox
                .logs()
                .iter()
                .map(|line| line.event.clone())
                .collect::<Vec<_>>()
        )
        .to_string();
        said.contains("MIN_AMOUNT_VND must be a whole number")
            && said.contains("EXPIRY_GRACE_S must be a number of seconds")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_over_the_limit_are_answered_429() {
    let env = TestEnv::with(|options| {
        options
            .parameters
            .push(("TikiThrottleRate".to_owned(), "1".to_owned()));
        options
            .parameters
            .push(("TikiThrottleBurst".to_owned(), "5".to_owned()));
    });
    let env = env.await;
    let answers = join_all((0..20).map(|_| env.tiki.check("T-1"))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .map(Result::unwrap)
        .partition(|answer| answer.status == 200);
    assert!(
        taken.len() >= 5 && refused.len() >= 10,
        "{} taken",
        taken.len()
    );
    for answer in refused {
        assert_eq!(
            (answer.status, answer.code()),
            (429, Some(2)),
            "{}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_api_gateway_refuses_reaches_no_function() {
    let env = TestEnv::start().await;
    let http = &env.tiki.caller.http;
    let url = |path: String| format!("{}{path}", env.sandbox.url);
    let long = http
        .get(url(format!("/pay/{}", "%C4%91".repeat(5_000))))
        .send()
        .await
        .unwrap();
    assert_eq!(long.status(), 400);
    let query = format!(
        "/tikivip/v1/transactions?tiki_transaction_id={}",
        "!".repeat(30_000)
    );
    assert_eq!(http.get(url(query)).send().await.unwrap().status(), 400);
    let huge = vec![b' '; 11 * 1024 * 1024];
    let huge = http
        .post(url("/tikivip/v1/transactions".to_owned()))
        .body(huge)
        .send()
        .await;
    // The refusal can come before or after the whole body is sent.
    assert!(huge.is_err() || huge.unwrap().status() == 413);
    for value in ["\u{e9}", "a\tb", "\u{7f}x"] {
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(value.as_bytes()) else {
            continue;
        };
        let request = http
            .post(url("/tikivip/v1/transactions".to_owned()))
            .body("{}");
        let answer = request
            .header("X-Tikivip-Signature", value)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 401);
    }
}

/// An event as API Gateway makes it of a call of this route, but for what the caller says of our address.
fn odd_event(method: &str, resource: &str, path: &Value, headers: &Value) -> Value {
    let multi: serde_json::Map<_, _> = headers
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), json!([value])))
        .collect();
    json!({
        "resource": resource, "path": path, "httpMethod": method,
        "headers": headers, "multiValueHeaders": multi,
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": { "transaction_id": "x", "token": "x", "day": "x" },
        "requestContext": {
            "accountId": sandbox::ACCOUNT, "apiId": "a", "httpMethod": method,
            "identity": { "sourceIp": "127.0.0.1" }, "path": path, "protocol": "HTTP/1.1",
            "requestId": "r", "resourcePath": resource, "stage": "live",
        },
        "body": "{}", "isBase64Encoded": false,
    })
}

/// The sandbox's API Gateway replaces `Host` and `X-Forwarded-Proto`, and one at AWS may not: so the functions get these
/// events without it.
#[tokio::test(flavor = "multi_thread")]
async fn no_address_that_a_caller_claims_ends_a_process() {
    let env = TestEnv::start().await;
    let good = json!("/");
    let ours = ("api.example.vn", "https");
    let addresses = [
        ("", "https"),
        ("a b", "https"),
        ("[::1", "https"),
        ("@@@", "https"),
        ("api.example.vn:99999999", "https"),
        ("\u{e9}\t.vn", "https"),
        ("api.example.vn", ""),
        ("api.example.vn", "ht tp"),
        ("api.example.vn", "://"),
        ("api.example.vn", "javascript"),
    ];
    let paths = [
        json!(null),
        json!(""),
        json!("pay/x"),
        json!("a b"),
        json!("//["),
        json!(":x"),
        json!("http://[::1"),
        json!("/%zz?#\u{0}\u{202e}"),
        json!("@evil.example"),
    ];
    let by_address = addresses.iter().map(|address| (*address, &good));
    let odd: Vec<_> = by_address
        .chain(paths.iter().map(|path| (ours, path)))
        .collect();
    let routes = env.sandbox.plan.routes.iter();
    let one_each: BTreeMap<_, _> = routes.map(|route| (&route.function, route)).collect();
    for (function, route) in one_each {
        let (method, path) = (&route.method, &route.path);
        let answered = async |event: Value| {
            let answer = env.sandbox.invoke(function, &event).await;
            let answer = answer.unwrap_or_else(|error| panic!("{function}: {error:#}: {event}"));
            let status = answer["statusCode"].as_u64().unwrap();
            assert!(
                (200..500).contains(&status),
                "{function}: {answer}: {event}"
            );
        };
        let usual = json!({ "Host": ours.0, "X-Forwarded-Proto": ours.1 });
        answered(odd_event(method, path, &json!(path), &usual)).await;
        let before = env.sandbox.pids(function);
        assert_eq!(before.len(), 1, "{function}");
        for ((host, scheme), at) in &odd {
            // Whoever invokes a function by hand may name no stage; then the path alone makes the URL.
            for (name, other, stage) in [
                ("Host", "X-Forwarded-Proto", json!("live")),
                ("host", "x-forwarded-proto", Value::Null),
            ] {
                let headers = json!({ name: host, other: scheme });
                let mut event = odd_event(method, path, at, &headers);
                event["requestContext"]["stage"] = stage;
                answered(event).await;
            }
        }
        answered(odd_event(method, path, &json!(path), &usual)).await;
        assert_eq!(env.sandbox.pids(function), before, "{function} has died");
    }
    // And they still do their work.
    let payment = env.create(100_000).await;
    assert_eq!(env.check(&payment).await["status"], "PENDING");
}
