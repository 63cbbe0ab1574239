//! The signature check, on every signed route (protocol §2).

use std::time::Duration;

use e2e::{TestEnv, now_ms};
use sandbox::{Caller, Response};
use serde_json::json;

/// Every signed route: its caller, method, path, and a correctly formed body.
fn routes(env: &TestEnv) -> Vec<(Caller, &'static str, &'static str, Vec<u8>)> {
    let (tiki, core) = (&env.tiki.caller, &env.core.caller);
    let id = "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";
    let create = json!({ "tiki_transaction_id": "T-1", "transaction_amount": 1000 });
    let check = json!({ "tiki_transaction_id": "T-1" });
    let refund = json!({
        "tiki_transaction_id": "T-1", "transaction_id": id, "transaction_amount": 1,
        "reason": "r", "request_id": "q",
    });
    let webview = json!({ "identify_code": "c", "identify_phone": "0912345678" });
    let result = json!({ "status": "SUCCESS", "amount": 1000 });
    let handed_over = json!({ "tiki_transaction_id": "T-2", "transaction_amount": 1000 });
    let bytes = |json: serde_json::Value| json.to_string().into_bytes();
    vec![
        (
            tiki.clone(),
            "POST",
            "/tikivip/v1/transactions",
            bytes(create),
        ),
        (
            tiki.clone(),
            "POST",
            "/tikivip/v1/transactions/query",
            bytes(check),
        ),
        (
            tiki.clone(),
            "GET",
            "/tikivip/v1/transactions?tiki_transaction_id=T-1",
            Vec::new(),
        ),
        (tiki.clone(), "POST", "/tikivip/v1/refunds", bytes(refund)),
        (
            tiki.clone(),
            "GET",
            "/tikivip/v1/reconciliation/2026-11-27",
            Vec::new(),
        ),
        (core.clone(), "POST", "/partner/v1/webview", bytes(webview)),
        (
            core.clone(),
            "POST",
            "/partner/v1/payments/9d2f8378-8d6c-5b98-8c46-c1852c4d18ed/result",
            bytes(result),
        ),
        (
            core.clone(),
            "GET",
            "/partner/v1/payments/9d2f8378-8d6c-5b98-8c46-c1852c4d18ed",
            Vec::new(),
        ),
        (
            core.clone(),
            "POST",
            "/partner/v1/transactions",
            bytes(handed_over),
        ),
    ]
}

async fn send(
    caller: &Caller,
    method: &str,
    path: &str,
    body: &[u8],
    headers: &[(&str, String)],
) -> Response {
    let request = match method {
        "GET" => caller.http.get(caller.url(path)),
        _ => caller.http.post(caller.url(path)).body(body.to_vec()),
    };
    let request = headers
        .iter()
        .fold(request, |r, (name, value)| r.header(*name, value));
    let answer = Response::read(request.send().await.unwrap()).await.unwrap();
    assert_guarded(method, path, &answer);
    answer
}

/// Whatever the answer is: browsers and proxies come back by TLS only, and keep nothing.
fn assert_guarded(method: &str, path: &str, answer: &Response) {
    for (name, value) in [
        ("strict-transport-security", "max-age=31536000"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        let found = answer
            .headers
            .get(name)
            .map(|found| found.to_str().unwrap());
        assert_eq!(found, Some(value), "{method} {path}: {name}");
    }
}

/// The client id is looked at after the signature, and neither text nor header says which of both is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_says_which_client_ids_are_known() {
    let env = TestEnv::start().await;
    for (caller, method, path, body) in routes(&env) {
        let signed: Vec<u8> = if method == "GET" {
            path.into()
        } else {
            body.clone()
        };
        let known = caller.keys.client_id();
        let signed_by = |client_id: &str, secret: &str| {
            let sender = env.caller_with(&caller, client_id, secret);
            sender.sign(now_ms(), &signed).to_vec()
        };
        let mut another_id = caller.sign(now_ms(), &signed).to_vec();
        another_id[1].1 = "stranger".to_owned();
        let mut heard = Vec::new();
        for headers in [
            signed_by(known, "another secret"),
            signed_by("stranger", "another secret"),
            another_id,
        ] {
            let mut answer = send(&caller, method, path, &body, &headers).await;
            for of_this_call in ["x-request-id", "date"] {
                answer.headers.remove(of_this_call);
            }
            heard.push((answer.status, answer.headers, answer.text));
        }
        assert_eq!(heard[0].0, 401, "{method} {path}");
        for other in &heard[1..] {
            assert_eq!(*other, heard[0], "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_every_bad_signature() {
    let env = TestEnv::start().await;
    for (caller, method, path, body) in routes(&env) {
        let signed: Vec<u8> = if method == "GET" {
            path.into()
        } else {
            body.clone()
        };
        let now = now_ms();
        let good = caller.sign(now, &signed).to_vec();
        let with = |index: usize, value: &str| {
            let mut headers = good.clone();
            headers[index].1 = value.to_owned();
            headers
        };
        let without = |index: usize| {
            let mut headers = good.clone();
            headers.remove(index);
            headers
        };
        let at = |at: i64| caller.sign(at, &signed).to_vec();
        let another = env.caller_with(&caller, caller.keys.client_id(), "another secret");
        let stranger = env.caller_with(&caller, "stranger", "another secret");
        let mut other_body = signed.clone();
        other_body.push(b' ');
        let cases = [
            ("no headers", vec![], 97),
            ("no timestamp", without(0), 97),
            ("no client id", without(1), 97),
            ("no signature", without(2), 97),
            ("timestamp of no number", with(0, "soon"), 97),
            (
                "timestamp that overflows",
                with(0, "99999999999999999999"),
                97,
            ),
            (
                "timestamp of another message",
                with(0, &(now - 1).to_string()),
                97,
            ),
            ("unknown client id", with(1, "stranger"), 97),
            ("short signature", with(2, "abc"), 97),
            ("signature of no hex", with(2, &"x".repeat(64)), 97),
            ("wrong signature", with(2, &"0".repeat(64)), 97),
            ("another secret", another.sign(now, &signed).to_vec(), 97),
            ("stranger", stranger.sign(now, &signed).to_vec(), 97),
            (
                "signature of another body",
                caller.sign(now, &other_body).to_vec(),
                97,
            ),
            ("too old", at(now - 301_000), 98),
            ("too far ahead", at(now + 90_000), 98),
            (
                "too old and wrong",
                another.sign(now - 400_000, &signed).to_vec(),
                97,
            ),
        ];
        for (name, headers, code) in cases {
            let answer = send(&caller, method, path, &body, &headers).await;
            let found = (answer.status, answer.code());
            assert_eq!(
                found,
                (401, Some(code)),
                "{method} {path}, {name}: {}",
                answer.text
            );
        }
        for (name, headers) in [
            ("now", good.clone()),
            ("old", at(now - 290_000)),
            ("ahead", at(now + 30_000)),
        ] {
            let answer = send(&caller, method, path, &body, &headers).await;
            assert_ne!(
                answer.status, 401,
                "{method} {path}, {name}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_previous_secret_is_valid_only_during_a_rotation() {
    let env = TestEnv::start().await;
    let secret = env.sandbox.plan.secrets["TikiSecret"].clone();
    let old = env.tiki.caller.clone();
    let new = env.caller_with(&old, old.keys.client_id(), "the secret that is next");
    let id = env.tiki.order(100_000);
    let body = json!({ "tiki_transaction_id": id, "transaction_amount": 100_000 });
    let path = "/tikivip/v1/transactions";
    assert_eq!(old.post(path, &body).await.unwrap().status, 200);
    assert_eq!(new.post(path, &body).await.unwrap().status, 401);

    env.sandbox.secrets.put(&secret, "the secret that is next");
    // The function has cached the old secret. An unknown signature makes it reload, at most every few seconds.
    env.until("the new secret is accepted", async || {
        new.post(path, &body).await.unwrap().status == 200
    })
    .await;
    assert_eq!(
        old.post(path, &body).await.unwrap().status,
        200,
        "both, during the rotation"
    );
    let counted = || {
        env.sandbox
            .logs()
            .iter()
            .any(|line| line.event["previous_secret"] == true)
    };
    env.until("the use of the previous secret is counted", async || {
        counted()
    })
    .await;

    env.sandbox.secrets.forget_previous(&secret);
    env.sandbox.restart("create-transaction").await;
    assert_eq!(old.post(path, &body).await.unwrap().status, 401, "over");
    assert_eq!(new.post(path, &body).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_previous_secret_ends_by_itself() {
    let env = TestEnv::start().await;
    let day = Duration::from_hours(24);
    let arn = &env.sandbox.plan.secrets["TikiSecret"];
    let old = env.tiki.caller.clone();
    let new = env.caller_with(&old, old.keys.client_id(), "the secret that is next");
    env.sandbox.secrets.put(arn, "the secret that is next");
    let body = json!({ "tiki_transaction_id": "T-none" });
    let path = "/tikivip/v1/transactions/query";
    // In days: how many pass, and whether the previous secret still counts then.
    for (pass, is_accepted) in [(8, true), (5, true), (2, false)] {
        env.sandbox.secrets.age(arn, day * pass);
        env.sandbox.restart("check-transaction").await;
        let taken = new.post(path, &body).await.unwrap();
        assert_eq!(taken.code(), Some(3), "{}", taken.text);
        let answer = old.post(path, &body).await.unwrap();
        let expected = if is_accepted { 3 } else { 97 };
        assert_eq!(answer.code(), Some(expected), "{}", answer.text);
    }
    // The alarm after a week has its data.
    let week_ms = 7 * 24 * 60 * 60 * 1000;
    env.until("its age is measured", async || {
        env.sandbox.logs().iter().any(|line| {
            let age_ms = line.event["PreviousSecretAge"].as_i64();
            age_ms.is_some_and(|age_ms| age_ms > week_ms)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_signed_for_one_route_is_refused_on_every_other() {
    let env = TestEnv::start().await;
    let all = routes(&env);
    let posts = || all.iter().filter(|(_, method, ..)| *method == "POST");
    for (sender, _, from, body) in posts() {
        for (receiver, _, to, _) in posts() {
            // Only between the same parties, which share a secret.
            if from == to || sender.headers != receiver.headers {
                continue;
            }
            let answer = sender.post_bytes(to, body.clone()).await.unwrap();
            let refused = [(400, Some(1)), (500, Some(1))];
            assert!(
                refused.contains(&(answer.status, answer.code())),
                "{from} at {to}: {}",
                answer.text
            );
        }
    }
    // A message that the partner has sent to Tiki comes back.
    let ipn = json!({
        "reference_transaction_id": "T-1", "transaction_amount": 1000,
        "transaction_id": "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed", "status": "SUCCESS",
    });
    for path in [
        "/tikivip/v1/transactions",
        "/tikivip/v1/transactions/query",
        "/tikivip/v1/refunds",
    ] {
        let answer = env.tiki.caller.post(path, &ipn).await.unwrap();
        assert_eq!(answer.code(), Some(1), "{path}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signed_route_accepts_the_previous_secret() {
    let env = TestEnv::start().await;
    // The secret is rotated before any function has started.
    for name in ["TikiSecret", "CoreSecret"] {
        env.sandbox
            .secrets
            .put(&env.sandbox.plan.secrets[name], "the secret that is next");
    }
    for (old, method, path, body) in routes(&env) {
        let new = env.caller_with(&old, old.keys.client_id(), "the secret that is next");
        let stranger = env.caller_with(&old, old.keys.client_id(), "no secret");
        let signed: Vec<u8> = if method == "GET" {
            path.into()
        } else {
            body.clone()
        };
        for (caller, taken) in [(&old, true), (&new, true), (&stranger, false)] {
            let headers = caller.sign(now_ms(), &signed).to_vec();
            let answer = send(caller, method, path, &body, &headers).await;
            assert_eq!(
                answer.status != 401,
                taken,
                "{method} {path}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_malformed_and_oversized_bodies() {
    let env = TestEnv::start().await;
    for (caller, method, path, good) in routes(&env) {
        if method == "GET" {
            continue;
        }
        let refunds = path.ends_with("/refunds");
        let (malformed, large) = if refunds { (500, 500) } else { (400, 413) };
        let bodies: [&[u8]; 7] = [
            b"",
            b"{",
            b"[]",
            b"null",
            b"\"x\"",
            b"{\"a\":1}}",
            b"\xff\xfe",
        ];
        for body in bodies {
            let answer = caller.post_bytes(path, body.to_vec()).await.unwrap();
            assert_guarded(method, path, &answer);
            assert_eq!(
                (answer.status, answer.code()),
                (malformed, Some(1)),
                "{path}: {}",
                answer.text
            );
        }
        let mut filled = good.clone();
        filled.resize(65_536, b' ');
        let answer = caller.post_bytes(path, filled.clone()).await.unwrap();
        assert_ne!(answer.status, 413, "{path}: 64 KiB are read");
        filled.push(b' ');
        let answer = caller.post_bytes(path, filled).await.unwrap();
        assert_guarded(method, path, &answer);
        assert_eq!(
            (answer.status, answer.code()),
            (large, Some(1)),
            "{path}: {}",
            answer.text
        );
    }
}
