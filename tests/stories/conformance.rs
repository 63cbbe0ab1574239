//! The conformance kits against the sandbox: everything passes; and against a partner's side with one mistake at a time.

mod mistakes;

use std::collections::BTreeSet;
use std::time::Duration;

use conformance::core_kit::{self, CoreKit, CoreOptions};
use conformance::partner_kit::{Limits, PartnerKit, PartnerOptions, Pay};
use conformance::{Outcome, Report};
use e2e::TestEnv;
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};

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
    let env = TestEnv::start().await;
    // Bookings of a past day, in more than one page.
    for number in 0..5 {
        let id = format!("9e87ce51-4647-5d79-9155-19ee50d4d84{number}");
        env.core.take_money(&id, 50_000);
    }
    env.core.change_bookings(|bookings| {
        for booking in bookings {
            booking.at_ms -= TWO_DAYS_MS;
        }
    });
    let credentials = &env.options.credentials;
    let kit = CoreKit::start(CoreOptions {
        core_url: env.sandbox.core_url.clone(),
        screen_url: None,
        client_id: credentials.core_client_id.clone(),
        secret: credentials.core_secret.clone(),
        by_hand: false,
        amount: 100_000,
        slow: false,
        statements: true,
        statement_day: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: None,
        limits: core_kit::Limits::default(),
    });
    let kit = kit.await.unwrap();
    env.core.send_results_to(Some(kit.api_url().to_owned()));
    let report = kit.run(&mut |_| {}).await.unwrap();
    assert!(report.passed(), "{}", report.text());
    assert_eq!(skipped(&report), ["details-signed", "refund-so-far"]);
}

/// A kit that pays by the form, and plays Tiki's API if it is asked to.
async fn partner_kit(options: &Options, plays_tiki: bool) -> PartnerKit {
    let listen = plays_tiki.then(|| "127.0.0.1:0".parse().unwrap());
    let kit = PartnerKit::start(PartnerOptions {
        url: "http://127.0.0.1:9".to_owned(),
        base_path: "/tikivip/v1".to_owned(),
        client_id: options.credentials.client_id.clone(),
        secret: options.credentials.client_secret.clone(),
        test_environment: true,
        pay: Pay::Form,
        amount: 100_000,
        listen,
        public_url: None,
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
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_passes_test_partner() {
    let kit = partner_kit(&Options::default(), true).await;
    let sandbox = Sandbox::start(options(kit.tiki_url().unwrap()))
        .await
        .unwrap();
    let report = kit.against(&sandbox.url).run(&mut |_| {}).await.unwrap();
    assert!(report.passed(), "{}", report.text());
    assert_eq!(skipped(&report), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_say_how_it_ended() {
    let env = TestEnv::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (text, json_file, html) = (file("r.txt"), file("r.json"), file("r.html"));
    let url = &env.sandbox.url;
    let arguments = ["test-partner", "--url", url, "--report", &text];
    let all = [&arguments[..], &["--report", &json_file, "--report", &html]].concat();
    let passed = env.tikivip(&all).await;
    assert_eq!(passed.code, 0, "{passed:?}");
    assert!(passed.out.contains("✔ TC-01"), "{}", passed.out);
    assert!(passed.out.lines().all(|line| line.chars().count() <= 80));
    assert!(std::fs::read_to_string(&text).unwrap().contains("TC-80"));
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(&json_file).unwrap()).unwrap();
    assert_eq!(report["results"][0]["outcome"], json!("passed"));
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("Kiểm tra phía đối tác") && !page.contains("src="));
    for written in [&text, &json_file, &html] {
        let written = std::fs::read_to_string(written).unwrap();
        assert!(!written.contains(&env.options.credentials.client_secret));
    }

    // The core's results go to the functions, which do not have the kit's payments.
    let failed = env.tikivip(&[
        "test-core",
        "--core-url",
        &env.sandbox.core_url,
        "--without-statements",
    ]);
    let failed = failed.await;
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.out.contains("✘ screen-pay"), "{}", failed.out);

    let away = env
        .tikivip(&["test-core", "--core-url", "http://127.0.0.1:9"])
        .await;
    assert_eq!(away.code, 2, "{away:?}");
    let wrong = env
        .tikivip(&["test-partner", "--url", url, "--report", "r.pdf"])
        .await;
    assert_eq!(wrong.code, 2, "{wrong:?}");
}
