//! Whoever captures a signed call and sends it again, to its own route or to any other, changes nothing: it opens no
//! webview, pays and refunds nothing, and no payment gets another status.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::{Payment, TestEnv, now_ms};
use reqwest::Method;
use sandbox::{Callee, Exchange};
use serde_json::{Value, json};

use crate::reconciliation::{reconcile, the_day};
use crate::reports::links;

/// Calls that were captured.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<Exchange>>>);

impl Captured {
    fn of(env: &TestEnv) -> Self {
        let captured = Self::default();
        let calls = Arc::clone(&captured.0);
        env.sandbox
            .journal
            .watch(move |exchange| calls.lock().unwrap().push(exchange.clone()));
        captured
    }

    /// The calls so far that were accepted.
    fn accepted(&self) -> Vec<Exchange> {
        let calls = self.0.lock().unwrap();
        let accepted = calls.iter().filter(|call| (1..400).contains(&call.status));
        accepted.cloned().collect()
    }
}

/// What there is in the tables and in the books of Tiki and of the core. What is remembered of a webview's call is left out.
async fn books(env: &TestEnv, payments: &[&Payment]) -> Value {
    let mut items = serde_json::Map::new();
    for (table, keys) in [
        ("TransactionsTable", &["transaction_id"][..]),
        ("SessionsTable", &["request_id"]),
        ("ReconciliationTable", &["partition", "sort"]),
    ] {
        let scan = env.dynamodb.scan().table_name(table).consistent_read(true);
        let found = scan.send().await.unwrap();
        assert!(found.last_evaluated_key().is_none(), "{table}: one page");
        for item in found.items() {
            let id: Vec<&str> = keys
                .iter()
                .map(|key| item[*key].as_s().unwrap().as_str())
                .collect();
            let id = format!("{table} {}", id.join(" "));
            if !id.starts_with("SessionsTable call/") {
                items.insert(id, e2e::plain(&AttributeValue::M(item.clone())));
            }
        }
    }
    for table in ["TransactionsTable", "SessionsTable", "ReconciliationTable"] {
        let has_items = items.keys().any(|id| id.starts_with(table));
        assert!(has_items, "{table} is empty: nothing in it can change");
    }
    let core = payments.iter().map(|payment| {
        let refunds = env.core.refunds(&payment.id).len();
        json!([env.core.refunded_vnd(&payment.id), refunds])
    });
    let tiki = payments.iter().map(|payment| {
        let order = env.tiki.known(&payment.tiki_id).unwrap();
        json!([order.status, order.ipns.len()])
    });
    json!({
        "items": items,
        "core": core.collect::<Vec<_>>(),
        "tiki": tiki.collect::<Vec<_>>(),
        "webviews": env.tiki.webviews().len(),
    })
}

/// Sends the headers and the body of a captured call to this route.
async fn replay(
    env: &TestEnv,
    call: &Exchange,
    base: &str,
    method: &str,
    target: &str,
) -> (u16, String) {
    let url = format!("{base}{target}");
    let request = env.tiki.caller.http.request(method.parse().unwrap(), url);
    let sent = [
        "host",
        "content-length",
        "connection",
        "accept",
        "accept-encoding",
    ];
    let headers = call
        .headers
        .iter()
        .filter(|(name, _)| !sent.contains(&name.as_str()));
    let request = headers.fold(request, |request, (name, value)| {
        request.header(name, value)
    });
    let answer = request.body(call.body.to_vec()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The path and query of a captured call.
fn target(call: &Exchange) -> String {
    match call.query.as_str() {
        "" => call.path.clone(),
        query => format!("{}?{query}", call.path),
    }
}

/// A route's path.
fn at(route: &str, transaction_id: &str, token: &str) -> String {
    let path = route.replace("{transaction_id}", transaction_id);
    let path = path
        .replace("{token}", token)
        .replace("{day}", &the_day().to_string())
        .replace("{check}", "settings");
    assert!(!path.contains('{'), "{path}");
    path
}

/// Whether a call came to this route.
fn is_of(call: &Exchange, method: &str, path: &str) -> bool {
    let (wanted, came) = (path.split('/'), call.path.split('/'));
    let same = |(wanted, came): (&str, &str)| wanted == came || wanted.starts_with('{');
    method == call.method
        && wanted.clone().count() == came.clone().count()
        && wanted.zip(came).all(same)
}

/// A day that Tiki looks up, and whose report a person opens.
async fn a_day(env: &TestEnv) {
    env.confirmed(200_000).await;
    env.days_pass().await;
    env.set_first_day(the_day()).await;
    reconcile(env).await;
    reconcile(env).await;
    let path = format!("/tikivip/v1/reconciliation/{}", the_day());
    let day = env.tiki.caller.get(&path).await.unwrap();
    assert_eq!(day.code(), Some(0), "{}", day.text);
    let mail = env.sandbox.sns.mails().pop().unwrap();
    let report = links(&mail).swap_remove(0);
    let report = sandbox::http().unwrap().get(report).send().await.unwrap();
    assert_eq!(report.status(), 302);
}

/// A payment with everything that can be called about it, and one of the same amount that is not paid.
async fn live(env: &TestEnv) -> (Payment, Payment) {
    a_day(env).await;
    let customer = json!({ "identify_code": "KH-1", "identify_phone": "0912345678" });
    let opened = env.core.open_webview(&customer).await.unwrap();
    assert_eq!(opened.code(), Some(0), "{}", opened.text);
    let paid = env.confirmed(100_000).await;
    assert_eq!(env.core.details(&paid.id).await.unwrap().status, 200);
    assert_eq!(env.check(&paid).await["status"], "SUCCESS");
    let get = format!(
        "/tikivip/v1/transactions?tiki_transaction_id={}",
        paid.tiki_id
    );
    assert_eq!(env.tiki.caller.get(&get).await.unwrap().status, 200);
    let refunded = env.refund(&paid, "R-1", 40_000).await;
    assert_eq!(refunded.code(), Some(0), "{}", refunded.text);
    let handed = env.tiki.order(100_000);
    let handed_over = env
        .core
        .hand_over(&json!({ "tiki_transaction_id": handed, "transaction_amount": 100_000 }))
        .await
        .unwrap();
    assert_eq!(handed_over.code(), Some(0), "{}", handed_over.text);
    for url in [paid.url.clone(), format!("{}/return", paid.url)] {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let link = env.tiki.caller.http.request(method, &url);
            let link = link.send().await.unwrap();
            assert!(link.status().is_redirection(), "{url}: {}", link.status());
        }
    }
    let unpaid = env.create(100_000).await;
    (paid, unpaid)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_call_changes_nothing_at_any_route() {
    let env = TestEnv::start().await;
    let captured = Captured::of(&env);
    let (paid, unpaid) = live(&env).await;
    let calls = captured.accepted();
    let payments = [&paid, &unpaid];
    let before = books(&env, &payments).await;

    // The routes of operators are authorised by AWS's signature (SigV4) and not by ours, so no call of theirs is captured
    // here: `operator_command` has them. What is captured is sent to them, too.
    let own = env.sandbox.plan.routes.iter().filter(|route| !route.is_iam);
    for route in own {
        let captured = calls
            .iter()
            .any(|call| call.to == Callee::Api && is_of(call, &route.method, &route.path));
        assert!(captured, "{} {} was not called", route.method, route.path);
    }
    for call in calls.iter().filter(|call| call.to == Callee::Api) {
        let same = target(call);
        let (status, answer) = replay(&env, call, &env.sandbox.url, &call.method, &same).await;
        assert!(status < 400, "{} {same}: {status} {answer}", call.method);
        for route in &env.sandbox.plan.routes {
            for payment in payments {
                let token = payment.url.rsplit('/').next().unwrap();
                let path = at(&route.path, &payment.id, token);
                replay(&env, call, &env.sandbox.url, &route.method, &path).await;
                let now = books(&env, &payments).await;
                let (method, from) = (&call.method, &call.path);
                assert_eq!(
                    now, before,
                    "{method} {from} was replayed at {} {path}",
                    route.method
                );
            }
        }
    }

    let operator = env.sandbox.pids("operator");
    assert!(
        operator.is_empty(),
        "our signature opens a route of operators"
    );

    // In the other direction: what we sent to the core changes nothing there, nor at us.
    let sent: Vec<_> = calls
        .iter()
        .filter(|call| call.to == Callee::Core)
        .collect();
    assert!(!sent.is_empty());
    for call in sent {
        let (status, answer) = replay(
            &env,
            call,
            &env.sandbox.core_url,
            &call.method,
            &target(call),
        )
        .await;
        assert!(
            status < 400,
            "{} {}: {status} {answer}",
            call.method,
            call.path
        );
        for route in &env.sandbox.plan.routes {
            let path = at(&route.path, &unpaid.id, "x");
            let (status, answer) = replay(&env, call, &env.sandbox.url, &route.method, &path).await;
            assert!(
                status >= 400 || !answer.contains("\"code\":0"),
                "{path}: {answer}"
            );
        }
        assert_eq!(books(&env, &payments).await, before, "{}", call.path);
    }
}

/// What we send to Tiki is signed with the secret with which Tiki signs, so it must be no call of ours.
#[tokio::test(flavor = "multi_thread")]
async fn our_own_calls_to_tiki_are_no_calls_of_tiki() {
    let env = TestEnv::start().await;
    let (paid, unpaid) = live(&env).await;
    let payments = [&paid, &unpaid];
    let before = books(&env, &payments).await;
    let ipn = env.tiki.known(&paid.tiki_id).unwrap().ipns[0].body.clone();
    let mut unpaid_ipn = ipn.clone();
    unpaid_ipn["transaction_id"] = json!(unpaid.id);
    unpaid_ipn["reference_transaction_id"] = json!(unpaid.tiki_id);
    let look_up = format!("/transaction?tiki_transaction_id={}", unpaid.tiki_id);
    let webview = env.tiki.webviews()[0].to_string();
    for body in [ipn.to_string(), unpaid_ipn.to_string(), webview, look_up] {
        let headers = env.tiki.caller.sign(now_ms(), body.as_bytes());
        for route in &env.sandbox.plan.routes {
            let path = at(&route.path, &unpaid.id, "x");
            let url = format!("{}{path}", env.sandbox.url);
            let request = env
                .tiki
                .caller
                .http
                .request(route.method.parse().unwrap(), url);
            let request = headers
                .iter()
                .fold(request, |r, (name, value)| r.header(*name, value));
            let answer = request.body(body.clone()).send().await.unwrap();
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            assert!(
                !text.contains("\"code\":0"),
                "{} {body}: {status} {text}",
                route.path
            );
            assert_eq!(
                books(&env, &payments).await,
                before,
                "{} {body}",
                route.path
            );
        }
    }
}
