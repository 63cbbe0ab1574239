//! What a person at a shell can have the sandbox's Tiki, its file server and the core do to the reconciliation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use e2e::{Payment, TestEnv};
use serde_json::{Value, json};

use crate::reconciliation::{archived, finding, folder, inbound, open_findings, the_day};

type Findings = BTreeMap<String, (String, String)>;

/// A request as `curl --json` makes it, or with an empty body.
async fn post(url: &str, path: &str, body: &str) -> (u16, Value) {
    let post = sandbox::http()
        .unwrap()
        .post(format!("{url}/_sandbox/{path}"));
    let post = post.header("content-type", "application/json");
    let answer = post.body(body.to_owned()).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// Switches a fault at Tiki.
async fn switch(env: &TestEnv, faults: Value) {
    let (status, _) = post(&env.sandbox.tiki_url, "faults", &faults.to_string()).await;
    assert_eq!(status, 204, "{faults}");
}

/// Runs the function with an event.
async fn run(env: &TestEnv, event: Value) -> Value {
    let (status, outcome) = post(&env.sandbox.tiki_url, "reconcile", &event.to_string()).await;
    assert_eq!(status, 200, "{outcome}");
    outcome
}

/// A page of another site, a name that leads here, and whoever does not sign, get nothing of the sandbox's AWS: with
/// `--tiki-url` the secrets may be real.
#[tokio::test]
async fn the_services_of_aws_answer_no_browser() {
    let env = TestEnv::start().await;
    let signed = "AWS4-HMAC-SHA256 Credential=somebody/20261123/x/y/aws4_request, SignedHeaders=host, Signature=0";
    let secret = json!({ "SecretId": env.sandbox.plan.secrets["CoreSecret"] });
    let services = [
        (
            &*env.sandbox.secrets_url,
            "secretsmanager.GetSecretValue",
            &secret,
        ),
        (
            env.sandbox.aws_dynamodb_url(),
            "DynamoDB_20120810.ListTables",
            &json!({}),
        ),
    ];
    for (url, target, body) in services {
        let call = async |headers: &[(&str, &str)]| {
            let post = sandbox::http().unwrap().post(url);
            let post = post
                .header("x-amz-target", target)
                .header("content-type", "application/x-amz-json-1.0")
                .header("x-amz-date", "20261123T000000Z");
            let post = headers
                .iter()
                .fold(post, |post, (name, value)| post.header(*name, *value));
            let answer = post.body(body.to_string()).send().await.unwrap();
            let cors = answer.headers().contains_key("access-control-allow-origin");
            assert!(!cors, "{target} {headers:?}");
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let (status, answer) = call(&[("authorization", signed)]).await;
        assert_eq!(status, 200, "{target}: {answer}");
        for (refusal, header) in [
            (403, ("origin", "https://evil.example")),
            (403, ("sec-fetch-site", "cross-site")),
            (421, ("host", "evil.example")),
        ] {
            let (status, answer) = call(&[("authorization", signed), header]).await;
            assert_eq!(status, refusal, "{target} {header:?}: {answer}");
        }
    }
    let page = sandbox::http().unwrap().post(&env.sandbox.sns_url);
    let page = page.header("origin", "https://evil.example").body("");
    assert_eq!(page.send().await.unwrap().status(), 403);
    let unsigned = sandbox::http().unwrap().post(&env.sandbox.secrets_url);
    let unsigned = unsigned.header("x-amz-target", "secretsmanager.GetSecretValue");
    let answer = unsigned.body(secret.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let answer = answer.text().await.unwrap();
    assert!(answer.contains("MissingAuthenticationToken"), "{answer}");
}

fn names(answer: &Value) -> Vec<String> {
    serde_json::from_value(answer.clone()).unwrap()
}

/// The name of the day's file, and of Tiki's answer.
fn name() -> String {
    format!("tikivip_sandbox_{}_1", the_day().digits())
}

/// Tiki answers the day's file once more, with this fault.
async fn answer(env: &TestEnv, fault: Value) {
    let taken = folder(env, "ARCHIVED").join(name());
    if taken.exists() {
        fs::rename(taken, folder(env, "INBOUND").join(name())).unwrap();
    }
    switch(env, json!({ "call": "result_file", "next": [fault] })).await;
    let (status, answered) = post(&env.sandbox.tiki_url, "reconcile", "").await;
    assert_eq!(status, 200, "{fault}");
    // From six in the morning on, the file of yesterday is there too.
    assert!(names(&answered).contains(&name()), "{fault}: {answered}");
}

/// What is open when Tiki's answer with this fault was read.
async fn findings_of(env: &TestEnv, fault: Value) -> Findings {
    answer(env, fault).await;
    let outcome = run(env, json!({ "results": name() })).await;
    assert_eq!(outcome["received"], json!([name()]));
    open_findings(env).await
}

fn review(reason: &str) -> (String, String) {
    finding("needs_review", reason)
}

/// Payments of the day on which Tiki has another amount, and one with two refunds.
async fn a_day(env: &TestEnv) -> (Findings, Payment) {
    let mut differ = Findings::new();
    for amount in [110_000, 120_000] {
        let payment = env.confirmed(amount).await;
        let path = format!("orders/{}", payment.tiki_id);
        let change = json!({ "amount": amount - 1_000 }).to_string();
        let (status, _) = post(&env.sandbox.tiki_url, &path, &change).await;
        assert_eq!(status, 204);
        differ.insert(payment.tiki_id, review("amount_differs"));
    }
    let refunded = env.confirmed(200_000).await;
    for (request_id, amount) in [("r-1", 40_000), ("r-2", 50_000)] {
        let refund = env.refund(&refunded, request_id, amount).await;
        assert_eq!(refund.code(), Some(0));
    }
    env.days_pass().await;
    let outcome = run(env, json!({ "day": the_day().to_string() })).await;
    assert_eq!(outcome["delivered"], json!([name()]));
    (differ, refunded)
}

#[tokio::test(flavor = "multi_thread")]
async fn tiki_plays_each_kind_of_result_file() {
    let env = TestEnv::with(|options| {
        for (name, value) in [
            ("ReconciliationRefundRows", "on"),
            ("ReconciliationUnchangedSeconds", "3"),
        ] {
            let given = (name.to_owned(), value.to_owned());
            options.parameters.push(given);
        }
    })
    .await;
    let (differ, refunded) = a_day(&env).await;
    let unreadable = |line: u32| (format!("{}:{line}", name()), review("unreadable_line"));

    // The first of the two lines is torn, so only the payment of the second is a finding.
    let torn = findings_of(&env, json!("torn_lines")).await;
    let (lines, payments): (Findings, Findings) =
        torn.into_iter().partition(|(id, _)| id.contains(':'));
    assert_eq!(lines, Findings::from([unreadable(2)]));
    assert_eq!(payments.len(), 1);
    assert!(differ.contains_key(payments.keys().next().unwrap()));
    // A file without bytes takes back nothing.
    let nothing = findings_of(&env, json!("no_bytes")).await;
    let mut expected = payments;
    expected.extend([unreadable(1), unreadable(2)]);
    assert_eq!(nothing, expected);
    // Each of these says the same as an ordinary file.
    for kind in [
        "without_header",
        "without_codes",
        "without_codes_and_header",
    ] {
        assert_eq!(findings_of(&env, json!(kind)).await, differ, "{kind}");
    }

    // Tiki's refunds: one of another amount, one that is not there, and one that only Tiki has.
    let file = &taken_file(&env);
    let refund_of = |request_id: &str| {
        let row = file
            .lines()
            .find(|line| line.contains(&format!(",{request_id},")));
        let id = row.unwrap().split(',').nth(8).unwrap();
        format!("{}/{id}", refunded.tiki_id)
    };
    let rows = file.lines().filter(|line| line.contains(",REFUND,"));
    let in_order: Vec<&str> = rows.map(|row| row.split(',').nth(7).unwrap()).collect();
    let mut expected = differ.clone();
    expected.extend([
        (refund_of(in_order[0]), review("refund_differs")),
        (refund_of(in_order[1]), review("refund_only_here")),
        (
            format!("{}/only-at-tiki", refunded.tiki_id),
            review("refund_only_at_tiki"),
        ),
    ]);
    let refunds = findings_of(&env, json!("refund_rows_differ")).await;
    assert_eq!(refunds, expected);

    // A file that grows between two looks is read by the next run.
    answer(&env, json!({ "half_written": { "ms": 2_500 } })).await;
    let scheduled = json!({ "action": "reconcile" });
    let half = run(&env, scheduled.clone()).await;
    assert_eq!(half["received"], json!([]));
    let whole = run(&env, scheduled.clone()).await;
    assert_eq!(whole["received"], json!([name()]));
    assert_eq!(open_findings(&env).await, differ);

    // What stands beside a file is left alone, also by a run that looks for new files.
    assert_eq!(findings_of(&env, json!("side_files")).await, differ);
    let there = fs::read_dir(folder(&env, "OUTBOUND")).unwrap();
    let there: BTreeSet<String> = there
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.starts_with(&name()))
        .collect();
    let beside = ["", ".filepart", ".md5"].map(|ending| format!("{}{ending}", name()));
    assert_eq!(there, BTreeSet::from(beside));
    let again = names(&run(&env, scheduled).await["received"]);
    assert!(
        !again.iter().any(|file| file.starts_with(&name())),
        "{again:?}"
    );
    assert_eq!(open_findings(&env).await, differ);
}

/// The day's file, which Tiki has taken.
fn taken_file(env: &TestEnv) -> String {
    assert_eq!(inbound(env), BTreeMap::new());
    fs::read_to_string(folder(env, "ARCHIVED").join(name())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_at_tikis_file_server_can_be_taken_away() {
    let env = TestEnv::start().await;
    let standing = async |call: &str| {
        switch(&env, json!({ "call": call, "standing": "denied" })).await;
    };
    for (call, right) in [
        ("sftp_list", "list files"),
        ("sftp_stat", "look at a file"),
        ("sftp_read", "read a file"),
        ("sftp_write", "create and write a file"),
        ("sftp_rename", "rename a file"),
        ("sftp_remove", "remove a file"),
    ] {
        standing(call).await;
        let doctor = env.tikivip(&["doctor"]).await.out;
        assert!(doctor.contains(right), "{call}: {doctor}");
        switch(&env, json!({ "call": call })).await;
    }
    let doctor = env.tikivip(&["doctor"]).await.out;
    assert!(doctor.contains("gives us every right"), "{doctor}");

    // Without a rename nothing is delivered, and the answer says why.
    let event = json!({ "day": the_day().to_string() });
    standing("sftp_rename").await;
    let (status, failed) = post(&env.sandbox.tiki_url, "reconcile", &event.to_string()).await;
    assert_eq!(status, 502);
    let why = failed["message"].as_str().unwrap();
    assert!(why.contains("could not be exported"), "{why}");
    assert!(!inbound(&env).contains_key(&name()));
    switch(&env, json!({ "call": "sftp_rename" })).await;
    // Without sizes it is delivered, and the report says what could not be verified.
    standing("sftp_stat").await;
    assert_eq!(run(&env, event).await["delivered"], json!([name()]));
    let page = archived(&env, &format!("{}/report.html", the_day())).await;
    assert!(page.contains("kích thước"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cores_book_can_be_changed_so_that_its_statement_differs() {
    let env = TestEnv::start().await;
    let [twice, other, gone] = [
        env.confirmed(110_000).await,
        env.confirmed(120_000).await,
        env.confirmed(130_000).await,
    ];
    let refunded = env.confirmed(140_000).await;
    let refund = env.refund(&refunded, "r-1", 40_000).await;
    assert_eq!(refund.code(), Some(0));
    let core = &env.sandbox.core_url;
    for call in ["refund", "find_refund"] {
        let down = json!({ "call": call, "standing": "down" }).to_string();
        assert_eq!(post(core, "faults", &down).await.0, 204);
    }
    let refund = env.refund(&refunded, "r-2", 50_000).await;
    assert_eq!(refund.code(), Some(12), "in progress");
    let refunds = env.item(&refunded).await["refunds"].clone();
    let [refund_id, open_id] = [0, 1].map(|n| refunds[n]["refund_id"].as_str().unwrap());
    env.days_pass().await;

    let url = format!("{core}/_sandbox/bookings");
    let got = sandbox::http().unwrap().get(&url).send().await.unwrap();
    let mut book: Vec<Value> = serde_json::from_str(&got.text().await.unwrap()).unwrap();
    assert_eq!(book.len(), 5);
    let of = |payment: &Payment| {
        let id = payment.id.clone();
        move |booking: &&Value| booking["transaction_id"] == id
    };
    let mut second = book.iter().find(of(&twice)).unwrap().clone();
    second["id"] = json!("B-second");
    let mut unknown = second.clone();
    unknown["transaction_id"] = json!("9e87ce51-4647-5d79-9155-19ee50d4d84e");
    let mut fee = second.clone();
    (fee["type"], fee["id"]) = (json!("fee"), json!("B-fee"));
    let mut by_hand = second.clone();
    (by_hand["type"], by_hand["id"]) = (json!("refund"), json!("BY-HAND"));
    book.retain(|booking| booking["transaction_id"] != gone.id);
    for booking in &mut book {
        if booking["transaction_id"] == other.id || booking["id"] == refund_id {
            booking["amount"] = json!(39_000);
        }
    }
    let mut in_progress = by_hand.clone();
    in_progress["transaction_id"] = json!(refunded.id);
    in_progress["id"] = json!(open_id);
    in_progress["amount"] = json!(50_000);
    book.extend([second, unknown, fee, by_hand, in_progress]);
    let (status, _) = post(core, "bookings", &json!(book).to_string()).await;
    assert_eq!(status, 204);
    let not_paid = json!({ "transaction_id": gone.id, "status": "not_paid" }).to_string();
    let says = json!({ "answer": { "status": 200, "body": not_paid } });
    let faults = json!({ "call": "payment", "standing": says }).to_string();
    assert_eq!(post(core, "faults", &faults).await.0, 204);

    let statement = json!({ "statement": the_day().to_string() });
    run(&env, statement.clone()).await;
    let at_core = |id: &str| format!("core:{id}");
    let given_back = |payment: &Payment, id: &str| format!("core:{}/{id}", payment.id);
    let found = open_findings(&env).await;
    let (lines, found): (Findings, Findings) = found
        .into_iter()
        .partition(|(id, _)| id.starts_with("statement "));
    let lines: Vec<_> = lines.into_values().collect();
    assert_eq!(lines, [review("unreadable_line")]);
    let expected = BTreeMap::from([
        (at_core(&twice.id), review("taken_twice")),
        (
            given_back(&twice, "BY-HAND"),
            review("given_back_without_us"),
        ),
        (at_core(&other.id), review("taken_other_amount")),
        (
            at_core(&gone.id),
            finding("order_without_money", "not_taken_at_core"),
        ),
        (
            given_back(&refunded, refund_id),
            review("given_back_other_amount"),
        ),
        (
            given_back(&refunded, open_id),
            finding("undecided", "refund_in_progress"),
        ),
        (
            at_core("9e87ce51-4647-5d79-9155-19ee50d4d84e"),
            review("taken_and_unknown_here"),
        ),
    ]);
    assert_eq!(found, expected);

    // The core rejects the refund that its book has.
    let rejected = json!({ "refund_id": open_id, "status": "rejected", "amount": 50_000 });
    let says = json!({ "answer": { "status": 200, "body": rejected.to_string() } });
    let faults = json!({ "call": "find_refund", "standing": says }).to_string();
    assert_eq!(post(core, "faults", &faults).await.0, 204);
    env.until("the refund is rejected", async || {
        env.later(&refunded).await;
        env.item(&refunded).await["refunds"][1]["state"] == "rejected"
    })
    .await;
    run(&env, statement).await;
    let found = open_findings(&env).await;
    let now = &found[&given_back(&refunded, open_id)];
    assert_eq!(*now, review("given_back_though_rejected"));
}
