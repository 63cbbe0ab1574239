//! Reconciliation with Tiki (protocol §7): the file of a day, and Tiki's result file.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use e2e::{Payment, TestEnv};
use sandbox::{Caller, Fault};
use serde_json::{Value, json};

/// The day of a test's payments after [`TestEnv::days_pass`]: the day before yesterday. It can be exported at any time
/// of day.
pub(crate) fn the_day() -> domain::Day {
    today().previous().previous()
}

fn today() -> domain::Day {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let now = domain::Timestamp::from_unix_ms(i64::try_from(now).unwrap());
    now.unwrap().vietnamese_day()
}

/// Runs `reconcile` with an event.
pub(crate) async fn run(env: &TestEnv, event: Value) -> Value {
    env.sandbox.invoke("reconcile", &event).await.unwrap()
}

pub(crate) async fn reconcile(env: &TestEnv) -> Value {
    run(env, json!({ "action": "reconcile" })).await
}

pub(crate) fn folder(env: &TestEnv, name: &str) -> PathBuf {
    env.sandbox.sftp_folder.join(name)
}

pub(crate) fn inbound(env: &TestEnv) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder(env, "INBOUND")).unwrap();
    let files = entries.map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    files.collect()
}

/// The open findings as `tikivip` shows them: Tiki's id → kind and reason.
pub(crate) async fn open_findings(env: &TestEnv) -> BTreeMap<String, (String, String)> {
    let typed = env.tikivip(&["reconciliation", "--output", "json"]).await;
    assert_eq!(typed.code, 0, "{}", typed.err);
    let findings = typed.json()["findings"].as_array().unwrap().clone();
    let findings = findings.into_iter().map(|finding| {
        let text = |name: &str| finding[name].as_str().unwrap().to_owned();
        (text("id"), (text("kind"), text("mismatch")))
    });
    findings.collect()
}

/// When the state of an open finding began, as `close-finding` wants it.
pub(crate) async fn since(env: &TestEnv, id: &str) -> String {
    let typed = env.tikivip(&["reconciliation", "--output", "json"]).await;
    let findings = typed.json()["findings"].as_array().unwrap().clone();
    let found = findings.iter().find(|finding| finding["id"] == id);
    found.unwrap()["since"].as_str().unwrap().to_owned()
}

pub(crate) fn finding(kind: &str, reason: &str) -> (String, String) {
    (kind.to_owned(), reason.to_owned())
}

/// A file in the reconciliation bucket.
pub(crate) async fn archived(env: &TestEnv, key: &str) -> String {
    let url = format!(
        "{}/_sandbox/files/ReconciliationBucket/{key}",
        env.sandbox.s3_url
    );
    let got = sandbox::http().unwrap().get(url).send().await.unwrap();
    assert_eq!(got.status(), 200, "{key}");
    got.text().await.unwrap()
}

/// A payment whose notification is exhausted, because Tiki was down.
pub(crate) async fn exhausted(env: &TestEnv, amount: u64) -> Payment {
    env.tiki.faults.standing("ipn", Fault::Down);
    env.tiki.faults.standing("look_up", Fault::Down);
    let payment = env.paid(amount).await;
    env.until("it is exhausted", async || {
        env.later(&payment).await;
        env.ipn_state(&payment).await == "exhausted"
    })
    .await;
    env.tiki.faults.off("ipn");
    env.tiki.faults.off("look_up");
    payment
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_delivered_and_its_findings_are_processed() {
    let env = TestEnv::start().await;
    let agrees = env.confirmed(100_000).await;
    let failed = env.create(200_000).await;
    env.send_failed_result(&failed).await;
    env.until("Tiki is notified", async || {
        env.ipn_state(&failed).await == "confirmed"
    })
    .await;
    let other_amount = env.confirmed(300_000).await;
    let never_heard = exhausted(&env, 400_000).await;
    let cancelled = exhausted(&env, 500_000).await;
    let gone = env.confirmed(600_000).await;
    env.tiki
        .change(&other_amount.tiki_id, |order| order.amount = 299_000);
    env.tiki
        .change(&cancelled.tiki_id, |order| order.cancelled = true);
    env.tiki
        .change(&gone.tiki_id, |order| order.cancelled = true);
    let only_at_tiki = "261123TIKIVIP-0-CLAIMED";
    env.tiki.add_order_only_at_tiki(only_at_tiki, 700_000);
    env.days_pass().await;

    // The day's file.
    let day = the_day();
    let outcome = run(&env, json!({ "day": day.to_string() })).await;
    let name = format!("tikivip_sandbox_{}_1", day.digits());
    assert_eq!(outcome["delivered"], json!([name]));
    let files = inbound(&env);
    let lines: Vec<&str> = files[&name].split_terminator('\n').collect();
    assert_eq!(
        lines[0],
        "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at"
    );
    let mut expected = BTreeMap::new();
    for payment in [
        &agrees,
        &failed,
        &other_amount,
        &never_heard,
        &cancelled,
        &gone,
    ] {
        let status = if payment.id == failed.id {
            "FAILURE"
        } else {
            "SUCCESS"
        };
        let begins = format!(
            "{},{},{},{status},",
            payment.tiki_id, payment.id, payment.amount
        );
        expected.insert(payment.id.clone(), begins);
    }
    assert_eq!(lines.len(), 1 + expected.len());
    for begins in expected.values() {
        let line = lines.iter().find(|line| line.starts_with(begins)).unwrap();
        let times = &line[begins.len()..];
        assert!(times.starts_with(&day.to_string()), "{line}");
        assert_eq!(
            times.len(),
            "2026-11-22 00:00:00,2026-11-22 00:00:00".len(),
            "{line}"
        );
    }
    assert_eq!(
        archived(&env, &format!("{day}/sent/{name}")).await,
        files[&name]
    );

    // Tiki's result file.
    assert_eq!(
        env.tiki.reconcile(&env.sandbox.sftp_folder).unwrap(),
        std::slice::from_ref(&name)
    );
    assert_eq!(inbound(&env), BTreeMap::new(), "Tiki has taken it");
    let outcome = reconcile(&env).await;
    assert_eq!(outcome["received"], json!([name]));
    let delivered = outcome["delivered"].as_array().unwrap();
    assert!(
        !delivered.contains(&json!(name)),
        "Tiki has taken it, so it is not delivered again"
    );
    let findings = open_findings(&env).await;
    let expected = BTreeMap::from([
        (
            other_amount.tiki_id.clone(),
            finding("needs_review", "amount_differs"),
        ),
        (
            never_heard.tiki_id.clone(),
            finding("resent", "queued_again"),
        ),
        (
            cancelled.tiki_id.clone(),
            finding("reverse", "being_reversed"),
        ),
        (
            gone.tiki_id.clone(),
            finding("needs_review", "confirmed_and_gone"),
        ),
        (
            only_at_tiki.to_owned(),
            finding("order_without_money", "unknown_here"),
        ),
    ]);
    assert_eq!(findings, expected);
    for payment in [&agrees, &other_amount, &never_heard, &gone] {
        let back = env.core.refunds(&payment.id);
        assert!(
            back.is_empty(),
            "a file alone must not move money: {back:?}"
        );
    }

    // The notification's ordinary rules do the rest.
    for payment in [&never_heard, &cancelled] {
        env.until(
            "the notification is confirmed, of the result or of the reversal",
            async || {
                env.later(payment).await;
                env.ipn_state(payment).await == "confirmed"
            },
        )
        .await;
    }
    // The reason is Tiki's answer to the notification, and not the line of a file.
    let item = env.item(&cancelled).await;
    let trail = item["trail"].as_array().unwrap();
    let place = |what: &str| {
        trail
            .iter()
            .rposition(|entry| entry["what"] == what)
            .unwrap()
    };
    let reversed = trail
        .iter()
        .position(|entry| entry["reason"] == "cancelled_at_tiki");
    assert!(Some(place("requeued")) < reversed, "{trail:?}");
    assert_eq!(item["status"], "FAILURE");
    env.until("the money is back", async || {
        env.later(&cancelled).await;
        env.check(&cancelled).await["refunded_amount"] == 500_000
    })
    .await;
    let outcome = reconcile(&env).await;
    assert_eq!(
        outcome["reported"],
        json!([day.to_string()]),
        "the report shows the new state"
    );
    let findings = open_findings(&env).await;
    let kinds: Vec<&str> = findings.values().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["order_without_money", "needs_review", "needs_review"],
        "{findings:?}"
    );

    // An operator closes the other findings.
    let report = archived(&env, &format!("{day}/report.html")).await;
    for text in [&agrees.tiki_id, &never_heard.tiki_id] {
        let there = report.contains(text.as_str());
        assert_eq!(
            there,
            *text == never_heard.tiki_id,
            "a payment that agrees is not a finding"
        );
    }
    for text in [
        "300.000 ₫",
        "299.000 ₫",
        "Đối soát",
        only_at_tiki,
        &gone.tiki_id,
    ] {
        assert!(report.contains(text), "{text}");
    }
    let day_text = day.to_string();
    let close = ["close-finding", only_at_tiki, "--day", &day_text, "--since"];
    // It is not any more what the person has seen.
    let seen = ["2026-11-01T07:00:12", "--reason", "Tiki đã hủy đơn"];
    let typed = env.tikivip(&[&close[..], &seen].concat()).await;
    assert_eq!(typed.code, 4, "{}", typed.err);
    assert!(typed.err.contains("unknown_here since"), "{}", typed.err);
    assert!(open_findings(&env).await.contains_key(only_at_tiki));
    let since = since(&env, only_at_tiki).await;
    let close = [&close[..], &[&since, "--reason"]].concat();
    let typed = env
        .tikivip(&[&close[..], &["Tiki đã hủy đơn"]].concat())
        .await;
    assert_eq!(typed.code, 0, "{}", typed.err);
    let typed = env.tikivip(&[&close[..], &["lần nữa"]].concat()).await;
    assert_eq!(typed.code, 4, "closed already: {}", typed.err);
    assert!(!open_findings(&env).await.contains_key(only_at_tiki));
    let outcome = reconcile(&env).await;
    assert_eq!(outcome["reported"], json!([day.to_string()]));
    assert!(
        archived(&env, &format!("{day}/report.html"))
            .await
            .contains("Tiki đã hủy đơn")
    );
    let table = archived(&env, &format!("{day}/report.csv")).await;
    assert!(table.matches("TIKIVIP-").count() > 4, "{table}");
    // Without a change no report is written.
    assert_eq!(
        reconcile(&env).await["reported"],
        json!([]),
        "nothing has changed"
    );
    // The finding stays closed.
    assert!(!open_findings(&env).await.contains_key(only_at_tiki));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_delivered_again_only_if_its_data_has_changed() {
    let env = TestEnv::start().await;
    let day = the_day();
    let event = json!({ "day": day.to_string() });
    let name = |n: u32| format!("tikivip_sandbox_{}_{n}", day.digits());
    // A day without payments.
    assert_eq!(
        run(&env, event.clone()).await["delivered"],
        json!([name(1)])
    );
    assert_eq!(
        inbound(&env)[&name(1)].lines().count(),
        1,
        "only the header"
    );
    assert_eq!(run(&env, event.clone()).await["delivered"], json!([]));

    // A payment of that day is added.
    let payment = env.confirmed(100_000).await;
    env.days_pass().await;
    assert_eq!(
        run(&env, event.clone()).await["delivered"],
        json!([name(2)])
    );
    let files = inbound(&env);
    assert!(files[&name(2)].contains(&payment.tiki_id));
    assert_eq!(run(&env, event.clone()).await["delivered"], json!([]));
    // A later refund does not change that day's file.
    assert_eq!(env.refund(&payment, "r-1", 40_000).await.code(), Some(0));
    assert_eq!(run(&env, event).await["delivered"], json!([]));
    assert_eq!(inbound(&env), files);
}

#[tokio::test(flavor = "multi_thread")]
async fn refund_rows_appear_on_their_own_day_if_switched_on() {
    let env = TestEnv::with(|options| {
        let on = ("ReconciliationRefundRows".to_owned(), "on".to_owned());
        options.parameters.push(on);
    })
    .await;
    let payment = env.confirmed(100_000).await;
    assert_eq!(env.refund(&payment, "r-1", 30_000).await.code(), Some(0));
    env.days_pass().await;
    // The second refund is today, which changes the payment's key in the index.
    assert_eq!(env.refund(&payment, "r-2", 20_000).await.code(), Some(0));
    let day = the_day();
    run(&env, json!({ "day": day.to_string() })).await;
    let files = inbound(&env);
    let file = &files[&format!("tikivip_sandbox_{}_1", day.digits())];
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(lines.len(), 3, "{file}");
    assert!(
        lines[0].ends_with(",type,request_id,refund_id,refund_amount"),
        "{file}"
    );
    assert!(lines[1].ends_with(",PAYMENT,,,"), "{file}");
    assert!(
        lines[2].contains(",REFUND,r-1,") && lines[2].ends_with(",30000"),
        "{file}"
    );
    assert!(
        lines[2].contains(",SUCCESS,"),
        "a refund row keeps the payment's status: {file}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_begins_and_ends_at_midnight_in_vietnam() {
    let env = TestEnv::start().await;
    let (last, first) = (env.confirmed(100_000).await, env.confirmed(200_000).await);
    let day = the_day();
    let end = day.end_exclusive().unix_ms();
    env.set_final_at(&last, end - 1).await;
    env.set_final_at(&first, end).await;
    run(&env, json!({ "day": day.to_string() })).await;
    let files = inbound(&env);
    let file = &files[&format!("tikivip_sandbox_{}_1", day.digits())];
    assert!(
        file.contains(&last.tiki_id) && !file.contains(&first.tiki_id),
        "{file}"
    );
    assert!(file.trim_end().ends_with("23:59:59"), "{file}");
    // Today is not over, so it cannot be exported.
    let refused = env
        .sandbox
        .invoke("reconcile", &json!({ "day": today().to_string() }))
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("cannot be exported before"), "{refused}");
    env.set_final_at(&first, end - 2).await;
    env.set_final_at(&last, end - 24 * 3_600_000 - 1).await;
    let before = day.previous().to_string();
    run(&env, json!({ "day": before })).await;
    let name = format!("tikivip_sandbox_{}_1", day.previous().digits());
    assert!(inbound(&env)[&name].contains(&last.tiki_id));
}

/// From about 6,000 payments on a shard of a day has more than one page, and the pages of 16 shards are merged: in the
/// order of the index, which must be the order of time.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_twenty_thousand_payments_is_exported_in_order() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let day = the_day();
    let begin = day.start().unix_ms();
    // Spread over the day, many in the same millisecond, and not in the order of their ids.
    let times: Vec<i64> = (0..20_000)
        .map(|n: i64| begin + (n * 7_919).rem_euclid(9_973) * 8_000)
        .collect();
    let ids = env.copies_of(&payment, &times).await;
    run(&env, json!({ "day": day.to_string() })).await;
    let files = inbound(&env);
    let file = &files[&format!("tikivip_sandbox_{}_1", day.digits())];
    let rows: Vec<Vec<&str>> = file
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(rows.len(), 20_000);
    // Each line's last field is when the payment became final.
    assert!(rows.is_sorted_by_key(|row| row[5]), "in the order of time");
    let mut exported: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let mut expected: Vec<&str> = ids.iter().map(String::as_str).collect();
    exported.sort_unstable();
    expected.sort_unstable();
    assert!(exported == expected, "each payment once");
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_during_an_export_belong_to_their_own_day() {
    let env = TestEnv::start().await;
    let day = the_day();
    let mut earlier = Vec::new();
    for _ in 0..30 {
        earlier.push(env.confirmed(100_000).await);
    }
    env.days_pass().await;
    let export = run(&env, json!({ "day": day.to_string() }));
    let pay = async {
        let mut now = Vec::new();
        for _ in 0..30 {
            now.push(env.confirmed(200_000).await);
        }
        now
    };
    let (_, now) = tokio::join!(export, pay);
    let files = inbound(&env);
    let file = &files[&format!("tikivip_sandbox_{}_1", day.digits())];
    assert_eq!(file.lines().count(), 31, "{file}");
    assert!(
        earlier
            .iter()
            .all(|payment| file.matches(&payment.id).count() == 1)
    );
    assert!(now.iter().all(|payment| !file.contains(&payment.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tiki_can_fetch_a_day_by_api() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    env.days_pass().await;
    let day = the_day();
    run(&env, json!({ "day": day.to_string() })).await;
    let path = format!("/tikivip/v1/reconciliation/{day}");
    let answer = env.tiki.caller.get(&path).await.unwrap();
    assert_eq!(
        (answer.status, answer.code()),
        (200, Some(0)),
        "{}",
        answer.text
    );
    let data = &answer.json["data"];
    assert_eq!(
        data["totals"]["SUCCESS"],
        json!({ "count": 1, "amount_vnd": 100_000 })
    );
    assert_eq!(
        data["totals"]["FAILURE"],
        json!({ "count": 0, "amount_vnd": 0 })
    );
    let file = &data["files"][0];
    assert_eq!(file["lines"], 2);
    let http = sandbox::http().unwrap();
    let url = file["url"].as_str().unwrap();
    let got = http.get(url).send().await.unwrap();
    assert_eq!(got.status(), 200);
    let got = got.text().await.unwrap();
    assert!(got.contains(&payment.tiki_id));
    assert_eq!(got, inbound(&env)[file["name"].as_str().unwrap()]);
    // The link needs its signature.
    let bare = url.split('?').next().unwrap();
    assert_eq!(http.get(bare).send().await.unwrap().status(), 403);

    let get = async |caller: &Caller, day: &str| {
        let path = format!("/tikivip/v1/reconciliation/{day}");
        let answer = caller.get(&path).await.unwrap();
        (answer.status, answer.code(), answer.text)
    };
    let (status, code, text) = get(&env.tiki.caller, "2026-02-30").await;
    assert_eq!((status, code), (400, Some(1)), "{text}");
    assert!(text.contains("day"), "{text}");
    let (status, code, text) = get(&env.tiki.caller, "2001-01-01").await;
    assert_eq!((status, code), (200, Some(3)), "{text}");
    let id = &env.options.credentials.client_id;
    let other = env.caller_with(&env.tiki.caller, id, "another secret");
    let (status, code, text) = get(&other, &day.to_string()).await;
    assert_eq!((status, code), (401, Some(97)), "{text}");
}
