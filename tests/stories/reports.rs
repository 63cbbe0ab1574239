//! The reports for people: `tikivip report`, the daily mail, and its links.

use std::fs;

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::{Payment, TestEnv};
use reqwest::StatusCode;
use reqwest::Url;
use reqwest::header::LOCATION;
use sandbox::PublishedMail;
use serde_json::{Value, json};

use crate::operator_command::assert_fits;
use crate::reconciliation::{inbound, reconcile, run, the_day};

/// A payment of 100.000 ₫ on the day before yesterday, of which 40.000 ₫ were refunded on the same day.
async fn paid_and_refunded(env: &TestEnv) -> Payment {
    let payment = env.confirmed(100_000).await;
    env.refund(&payment, "R1", 40_000).await;
    env.days_pass().await;
    payment
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_the_report_of_a_day_and_of_several_days_as_one() {
    let env = TestEnv::start().await;
    paid_and_refunded(&env).await;
    env.set_first_day(the_day().previous()).await;
    run(&env, json!({ "day": the_day().to_string() })).await;
    reconcile(&env).await;
    let (before, day) = (the_day().previous(), the_day());

    let shown = env
        .tikivip(&["report", &day.to_string(), "--output", "json"])
        .await;
    assert_eq!(shown.code, 0, "{}", shown.err);
    let shown = shown.json();
    assert_eq!(shown["total"]["success_vnd"], 100_000, "{shown}");
    assert_eq!(shown["total"]["refunded_vnd"], 40_000);
    assert_eq!(shown["total"]["net_vnd"], 60_000);
    assert_eq!(shown["days"][0]["delivered"], true);
    assert_eq!(shown["page"], Value::Null, "nobody asked for files");

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("two-days");
    let period = format!("{before}..{day}");
    let table = env
        .tikivip(&["report", &period, "--out", out.to_str().unwrap()])
        .await;
    assert_eq!(table.code, 0, "{}", table.err);
    assert_fits(&table.out.replace(out.to_str().unwrap(), "…"));
    assert!(table.out.contains("60.000 ₫"), "{}", table.out);
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let page = read("report.html");
    for part in [
        "60.000 ₫",
        &format!("href=\"{day}.html\""),
        &format!("href=\"{before}.html\""),
        "Từng ngày",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(read(&format!("{day}.html")).contains("100.000 ₫"));
    assert!(read("report.csv").starts_with('\u{feff}'));
    assert!(
        fs::read(out.join("report.xlsx"))
            .unwrap()
            .starts_with(b"PK")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_is_refused() {
    let env = TestEnv::start().await;
    let today = the_day().next().next().to_string();
    for (period, code, text) in [
        (today.as_str(), 4, "is not over"),
        ("2020-01-05", 3, "nothing is recorded of 2020-01-05"),
        ("2020-01", 3, "nothing is recorded of 2020-01"),
        ("22/11/2026", 2, "must be a day"),
        ("2020-01-01..2021-01-01", 2, "100 days at most"),
    ] {
        let answer = env.tikivip(&["report", period]).await;
        assert_eq!(answer.code, code, "{period}: {}", answer.err);
        assert!(answer.err.contains(text), "{period}: {}", answer.err);
    }
}

/// The links in a mail, in the order in which they stand there.
pub(crate) fn links(mail: &PublishedMail) -> Vec<Url> {
    let text = mail.message.lines();
    let links = text.filter(|line| line.starts_with("http"));
    links.map(|link| link.parse().unwrap()).collect()
}

/// Follows no redirect.
async fn get(url: &str) -> reqwest::Response {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    client.get(url).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_of_a_day_is_mailed_once_with_links_that_need_no_access_to_aws() {
    let env = TestEnv::start().await;
    paid_and_refunded(&env).await;
    env.set_first_day(the_day()).await;
    reconcile(&env).await;
    reconcile(&env).await;
    let mails = env.sandbox.sns.mails();
    let [mail] = mails.as_slice() else {
        panic!("one mail a day: {mails:?}");
    };
    // Until six in the morning the files of yesterday are not due.
    let subjects = [the_day(), the_day().next()].map(|day| {
        let day = day.to_string();
        let date: Vec<&str> = day.split('-').rev().collect();
        format!("Tiki VIP {}: nothing to do yet", date.join("/"))
    });
    assert!(subjects.contains(&mail.subject), "{}", mail.subject);
    assert_eq!(mail.topic, "DailyReports");
    for part in [
        "* Chưa có tệp kết quả nào của Tiki cho ngày này",
        "* No result file of Tiki for this day",
        "Chênh lệch đang mở: 0 · 0 ₫",
    ] {
        assert!(mail.message.contains(part), "{part}\n{}", mail.message);
    }

    let links = links(mail);
    assert_eq!(links.len(), 6, "three in each language: {}", mail.message);
    assert_eq!(links[..3], links[3..]);
    for (link, kind, text) in [
        (&links[0], "text/html; charset=utf-8", "Đối soát Tiki VIP"),
        (&links[2], "text/html; charset=utf-8", "Tổng hợp trong kỳ"),
    ] {
        let redirect = get(link.as_str()).await;
        assert_eq!(redirect.status(), StatusCode::FOUND, "{link}");
        assert_eq!(redirect.headers()["cache-control"], "no-store");
        let location = redirect.headers()[LOCATION].to_str().unwrap().to_owned();
        let report = get(&location).await;
        assert_eq!(report.status(), StatusCode::OK, "{location}");
        assert_eq!(report.headers()["content-type"], kind);
        let page = report.text().await.unwrap();
        assert!(page.contains(text), "{page}");
    }
    let workbook = get(links[1].as_str()).await;
    let workbook = get(workbook.headers()[LOCATION].to_str().unwrap()).await;
    assert!(workbook.bytes().await.unwrap().starts_with(b"PK"));

    // The last character of a token belongs to its tag.
    let link = links[0].as_str();
    let last = if link.ends_with('A') { 'B' } else { 'A' };
    let changed = format!("{}{last}", &link[..link.len() - 1]);
    assert_eq!(get(&changed).await.status(), StatusCode::NOT_FOUND);
    let other = link.replace("/report/", "/pay/");
    assert_eq!(get(&other).await.status(), StatusCode::NOT_FOUND);
}

/// A day that is not delivered is the first thing that the mail says.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_not_delivered_is_mailed_as_such() {
    let env = TestEnv::start().await;
    paid_and_refunded(&env).await;
    env.set_first_day(the_day()).await;
    fs::remove_dir_all(env.sandbox.sftp_folder.join("INBOUND")).unwrap();
    let event = json!({"action": "reconcile"});
    let failed = env.sandbox.invoke("reconcile", &event);
    assert!(failed.await.is_err(), "a run without its folder fails");
    let mails = env.sandbox.sns.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(
        mails[0].subject.ends_with(": NOT DELIVERED"),
        "{}",
        mails[0].subject
    );
    fs::create_dir_all(env.sandbox.sftp_folder.join("INBOUND")).unwrap();
    reconcile(&env).await;
    assert!(!inbound(&env).is_empty());
}

/// What a run had changed was in its memory: if it died before it wrote the reports, the next one writes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_writes_the_reports_that_a_dead_one_owed() {
    let env = TestEnv::start().await;
    paid_and_refunded(&env).await;
    env.set_first_day(the_day()).await;
    let day = the_day().to_string();
    let reported = |outcome: Value| {
        let days = outcome["reported"].as_array().unwrap().clone();
        days.contains(&json!(day))
    };
    assert!(reported(run(&env, json!({ "day": day })).await));
    // It also compares the core's statement.
    reconcile(&env).await;
    assert!(!reported(reconcile(&env).await), "nothing has changed");
    let text = |text: &str| AttributeValue::S(text.to_owned());
    env.dynamodb
        .delete_item()
        .table_name("ReconciliationTable")
        .key("partition", text(&format!("day#{day}")))
        .key("sort", text("reported"))
        .send()
        .await
        .unwrap();
    assert!(!reported(reconcile(&env).await), "nobody owes it");
    env.expire_run_lock().await;
    assert!(reported(reconcile(&env).await), "the lock was left behind");
    assert!(!reported(reconcile(&env).await), "and it is written once");
}
