//! The conformance kits against the sandbox: everything passes; and against a partner's side with one mistake at a time.

mod mistakes;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use conformance::core_kit::{self, CoreKit, CoreOptions};
use conformance::partner_kit::{Limits, PartnerKit, PartnerOptions, Pay};
use conformance::{Outcome, Progress, Report};
use sandbox::{Options, Sandbox};
use serde_json::Value;

fn skipped(report: &Report) -> Vec<&str> {
    let skipped = report.results.iter();
    let skipped = skipped.filter(|result| matches!(result.outcome, Outcome::Skipped { .. }));
    skipped.map(|result| result.id.as_str()).collect()
}

fn failed(report: &Report) -> BTreeSet<String> {
    report.failed().map(|result| result.id.clone()).collect()
}

const TWO_DAYS_MS: i64 = 2 * 24 * 60 * 60 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn the_sandboxs_core_passes_test_core() {
    let options = Options::default();
    let sandbox = Sandbox::start(options.clone()).await.unwrap();
    let core = sandbox.core.clone().unwrap();
    // Bookings of a past day, in more than one page.
    for number in 0..5 {
        let id = format!("9e87ce51-4647-5d79-9155-19ee50d4d84{number}");
        core.take_money(&id, 50_000);
    }
    core.change_bookings(|bookings| {
        for booking in bookings {
            booking.at_ms -= TWO_DAYS_MS;
        }
    });
    let credentials = &options.credentials;
    let kit = CoreKit::start(CoreOptions {
        core_url: sandbox.core_url.clone(),
        screen_url: None,
        client_id: credentials.core_client_id.clone(),
        secret: credentials.core_secret.clone(),
        by_hand: false,
        amount: 100_000,
        slow: true,
        statements: true,
        statement_day: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: None,
        only: Vec::new(),
        limits: core_kit::Limits::default(),
    });
    let kit = kit.await.unwrap();
    core.call_api_at(Some(kit.api_url().to_owned()));
    let report = kit.run(&mut |_| {}).await.unwrap();
    assert!(report.passed(), "{}", report.text());
    assert_eq!(skipped(&report), [""; 0]);
}

/// A kit that pays by the form, and plays Tiki's API if it is asked to.
async fn partner_kit(options: &Options, plays_tiki: bool, only: Vec<String>) -> PartnerKit {
    let listen = plays_tiki.then(|| "127.0.0.1:0".parse().unwrap());
    let kit = PartnerKit::start(PartnerOptions {
        url: "http://127.0.0.1:9".to_owned(),
        base_path: "/tikivip/v1".to_owned(),
        client_id: options.credentials.client_id.clone(),
        secret: options.credentials.client_secret.clone(),
        slow: true,
        test_environment: true,
        pay: Pay::Form,
        amount: 100_000,
        listen,
        public_url: None,
        only,
        limits: Limits {
            paid: Duration::from_secs(20),
            notification: Duration::from_secs(30),
            quiet: Duration::from_secs(2),
            ..Limits::default()
        },
    });
    kit.await.unwrap()
}

fn options(tiki_url: &str) -> Options {
    Options {
        tiki_url: Some(tiki_url.parse().unwrap()),
        sweep_every: Duration::from_secs(1),
        no_cron: true,
        ..Options::default()
    }
}

/// Makes the question about the payment due that nobody pays (TC-75), as if its five minutes were over.
async fn let_it_expire(sandbox: &Sandbox) {
    let dynamodb = Client::new(&sandbox::sdk(&sandbox.dynamodb_url));
    let number = |n: u64| AttributeValue::N(n.to_string());
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let open = dynamodb
            .scan()
            .table_name("TransactionsTable")
            .filter_expression("order_code = :code AND attribute_exists(expiry_due_at)")
            .expression_attribute_values(":code", AttributeValue::S("TC-75".to_owned()));
        for item in open.send().await.unwrap().items() {
            let version: u64 = item["version"].as_n().unwrap().parse().unwrap();
            // Another write may come in between; then it is tried again.
            let _ = dynamodb
                .update_item()
                .table_name("TransactionsTable")
                .key("transaction_id", item["transaction_id"].clone())
                .update_expression(
                    "SET expiry_due_at = :now, expiry_check.due_at = :now, version = :next",
                )
                .condition_expression("version = :version")
                .expression_attribute_values(":now", number(1))
                .expression_attribute_values(":version", number(version))
                .expression_attribute_values(":next", number(version + 1))
                .send()
                .await;
        }
    }
}

/// The report of a kit, while payments expire at the sandbox.
async fn report_of(kit: PartnerKit, sandbox: &Sandbox) -> Report {
    let mut progress = |_: Progress<'_>| {};
    let run = Box::pin(kit.run(&mut progress));
    tokio::select! {
        report = run => report.unwrap(),
        () = let_it_expire(sandbox) => unreachable!("it never ends"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_passes_test_partner() {
    let kit = partner_kit(&Options::default(), true, Vec::new()).await;
    let sandbox = Sandbox::start(options(kit.tiki_url().unwrap()))
        .await
        .unwrap();
    let report = report_of(kit.against(&sandbox.url), &sandbox).await;
    assert!(report.passed(), "{}", report.text());
    assert_eq!(skipped(&report), [""; 0]);
}

/// Runs `tikivip` without settings: its exit code and its output.
async fn tikivip(arguments: &[&str]) -> (i32, String) {
    let binaries = sandbox::binaries(false).await.unwrap();
    let mut command = tokio::process::Command::new(&binaries["tikivip"]);
    let output = command.env_clear().args(arguments).output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_say_how_it_ended() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (text, json, html) = (file("r.txt"), file("r.json"), file("r.html"));
    let run = ["test-partner", "--url", &sandbox.url];
    let reports = ["--report", &text, "--report", &json, "--report", &html];
    let (code, out) = tikivip(&[&run[..], &reports].concat()).await;
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("✔ TC-01") && out.contains("– TC-80"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let read = |file: &str| std::fs::read_to_string(file).unwrap();
    assert!(read(&text).contains("TC-80"));
    let report: Value = serde_json::from_str(&read(&json)).unwrap();
    assert_eq!(report["results"][0]["outcome"], "passed");
    assert!(read(&html).contains("Kiểm tra phía đối tác"));
    let secret = Options::default().credentials.client_secret;
    for file in [&text, &json, &html] {
        assert!(!read(file).contains(&secret));
    }

    let run = ["test-core", "--core-url", &sandbox.core_url];
    // The core calls the functions and not the kit, so no result comes.
    let check = [
        "--only",
        "details-signed",
        "--only",
        "screen-closed-payment",
    ];
    let (code, out) = tikivip(&[&run[..], &check].concat()).await;
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("✘ screen-closed-payment"), "{out}");
    // Nothing was looked at: that is no success, and the reason is said.
    let check = ["--only", "refund-answer"];
    let (code, out) = tikivip(&[&run[..], &check].concat()).await;
    assert_eq!(code, 2, "{out}");
    for said in [
        "has never called",
        "– refund-answer",
        "no check could be made",
    ] {
        assert!(out.contains(said), "{said}: {out}");
    }
    // Another client id, or no secret: one sentence.
    let check = ["--client-id", "another"];
    let (code, out) = tikivip(&[&run[..], &check].concat()).await;
    assert_eq!(code, 2, "{out}");
    assert!(
        out.contains("refuses each call with HTTP 401") && !out.contains('✘'),
        "{out}"
    );
    let empty = file("empty");
    std::fs::write(&empty, "\n").unwrap();
    let (code, out) = tikivip(&[&run[..], &["--secret-file", &empty]].concat()).await;
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("the secret is empty"), "{out}");
    let (code, out) = tikivip(&["test-partner", "--url", &sandbox.url, "--client-id", "x"]).await;
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("code 97"), "{out}");

    let (code, out) = tikivip(&["test-core", "--core-url", "http://127.0.0.1:9"]).await;
    assert_eq!(code, 2, "{out}");
    let (code, out) = tikivip(&["test-core", "--core-url", "x", "--report", "r.pdf"]).await;
    assert_eq!(code, 2, "{out}");
}
