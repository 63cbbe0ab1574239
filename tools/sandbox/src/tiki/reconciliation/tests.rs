use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use signing::{ClientSecret, GetSigning, HeaderNames, Keyring};
use tempfile::TempDir;

use super::*;
use crate::caller::{Caller, http};
use crate::clock::Clock;
use crate::journal::Journal;
use crate::lambda::{Function, Launch, Logs};
use crate::sftp::Sftp;
use crate::state_store::StateStore;
use crate::template::FunctionPlan;

const HEADER: &str =
    "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at";
const REFUND_HEADER: &str = "type,request_id,refund_id,refund_amount";
const TIMES: &str = "2026-11-22 10:00:00,2026-11-22 10:01:00";
const NOW: &str = "2026-11-23 09:00:00";

fn order(amount: u64, status: &str) -> Order {
    Order {
        amount,
        status: status.to_owned(),
        ..Order::default()
    }
}

fn orders() -> HashMap<String, Order> {
    let cancelled = Order {
        cancelled: true,
        ..order(1000, "SUCCESS")
    };
    let only_at_tiki = |amount| Order {
        only_at_tiki: true,
        ..order(amount, "SUCCESS")
    };
    let orders = [
        ("same", order(1000, "SUCCESS")),
        ("failed", order(1000, "FAILURE")),
        ("waits", order(1000, "PENDING")),
        ("cheaper", order(900, "SUCCESS")),
        ("gone", cancelled),
        ("z-claimed", only_at_tiki(7000)),
        ("claimed", only_at_tiki(5000)),
    ];
    orders.map(|(id, order)| (id.to_owned(), order)).into()
}

/// The lines of the result file, without the header.
fn answered(file: &str, orders: &HashMap<String, Order>) -> Vec<String> {
    let mut lines = answered_with(file, orders, None);
    assert_eq!(lines.remove(0), format!("{HEADER},result,reason"));
    lines
}

/// All lines of the result file.
fn answered_with(
    file: &str,
    orders: &HashMap<String, Order>,
    fault: Option<FileFault>,
) -> Vec<String> {
    let mut output = Vec::new();
    compare(file.as_bytes(), &mut output, orders, NOW, fault).unwrap();
    let output = String::from_utf8(output).unwrap();
    output.lines().map(str::to_owned).collect()
}

#[test]
fn the_result_file_has_only_lines_that_differ() {
    let line = |id: &str, values: &str| format!("{id},ours-{id},{values},{TIMES}\n");
    let file = [
        format!("{HEADER}\n"),
        line("same", "1000,SUCCESS"),
        line("failed", "1000,FAILURE"),
        line("waits", "1000,SUCCESS"),
        line("cheaper", "1000,SUCCESS"),
        line("gone", "1000,SUCCESS"),
        line("unknown", "1000,SUCCESS"),
        line("failed", "no number,SUCCESS"),
    ];
    let mut agreed = orders();
    agreed.retain(|_, order| !order.only_at_tiki);
    assert_eq!(
        answered(&file.concat(), &agreed),
        [
            format!("waits,ours-waits,1000,PENDING,{TIMES},03,lệch trạng thái"),
            format!("cheaper,ours-cheaper,900,SUCCESS,{TIMES},03,lệch số tiền"),
            format!("gone,ours-gone,1000,SUCCESS,{TIMES},01,đã hủy ở Tiki"),
            format!("unknown,ours-unknown,1000,SUCCESS,{TIMES},01,không có ở Tiki"),
            format!("failed,ours-failed,1000,FAILURE,{TIMES},03,lệch số tiền và lệch trạng thái"),
        ]
    );
}

#[test]
fn columns_are_found_by_name_and_refunds_are_ignored() {
    let file = "type,status,transaction_amount,tiki_transaction_id,transaction_id,created_at,updated_at,refund_id\r\n\
         PAYMENT,SUCCESS,1000,same,1,a,b,\r\n\
         REFUND,SUCCESS,1000,unknown,2,a,b,r-1\r\n";
    let mut agreed = orders();
    agreed.retain(|_, order| !order.only_at_tiki);
    assert_eq!(
        answered_with(file, &agreed, None),
        [format!("{HEADER},{REFUND_HEADER},result,reason")]
    );
    let short = "tiki_transaction_id,transaction_id\na,b\n";
    assert!(compare(short.as_bytes(), Vec::new(), &agreed, NOW, None).is_err());
}

#[test]
fn orders_only_at_tiki_come_last() {
    assert_eq!(
        answered(&format!("{HEADER}\n"), &orders()),
        [
            format!("claimed,,5000,SUCCESS,{NOW},{NOW},02,chỉ có ở Tiki"),
            format!("z-claimed,,7000,SUCCESS,{NOW},{NOW},02,chỉ có ở Tiki"),
        ]
    );
}

#[test]
fn a_fault_changes_how_the_differences_are_written() {
    let mut agreed = orders();
    agreed.retain(|_, order| !order.only_at_tiki);
    let ids = ["waits", "cheaper", "gone"];
    let lines = ids.map(|id| format!("{id},ours,1000,SUCCESS,{TIMES}\n"));
    let file = format!("{HEADER}\n{}", lines.concat());
    let written = |fault| answered_with(&file, &agreed, Some(fault));
    let whole = answered_with(&file, &agreed, None);
    assert_eq!(whole.len(), 4);
    assert_eq!(written(FileFault::WithoutHeader), whole[1..]);
    let plain = [
        format!("waits,ours,1000,PENDING,{TIMES}"),
        format!("cheaper,ours,900,SUCCESS,{TIMES}"),
        format!("gone,ours,1000,SUCCESS,{TIMES}"),
    ];
    assert_eq!(written(FileFault::WithoutCodesAndHeader), plain);
    let without_codes = written(FileFault::WithoutCodes);
    assert_eq!(without_codes[0], HEADER);
    assert_eq!(without_codes[1..], plain);
    let torn = written(FileFault::TornLines);
    assert_eq!([&torn[0], &torn[2]], [&whole[0], &whole[2]]);
    assert_eq!(torn[1], whole[1].replace(",1000,", ",1000,00,"));
    assert_eq!(torn[3], whole[3].replace(",1000,", ",1000,00,"));
}

#[test]
fn refunds_differ_in_turn_and_one_is_only_at_tiki() {
    let payment = |rest: &str| format!("same,ours,1000,SUCCESS,{TIMES},{rest}\n");
    let file = [
        format!("{HEADER},{REFUND_HEADER}\n"),
        payment("PAYMENT,,,"),
        payment("REFUND,r-1,A,4000"),
        payment("REFUND,r-2,B,5000"),
    ];
    let mut agreed = orders();
    agreed.retain(|_, order| !order.only_at_tiki);
    let fault = Some(FileFault::RefundRowsDiffer);
    assert_eq!(
        answered_with(&file.concat(), &agreed, fault)[1..],
        [
            payment("REFUND,r-1,A,5000,03,lệch số tiền hoàn").trim(),
            payment("REFUND,r-2,B,5000,01,không có ở Tiki").trim(),
            payment("REFUND,only-at-tiki,,4000,02,chỉ có ở Tiki").trim(),
        ]
    );
    let none = file[..2].concat();
    let refused = compare(none.as_bytes(), Vec::new(), &agreed, NOW, fault).unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("ReconciliationRefundRows=on"), "{refused}");
}

/// Tiki, its SFTP folder, and what the folder is in.
fn tiki() -> (Tiki, PathBuf, TempDir) {
    let home = TempDir::new().unwrap();
    let sftp = Sftp::open(home.path()).unwrap();
    let caller = Caller {
        base: String::new(),
        headers: HeaderNames::TIKI,
        keys: Keyring::new("id", ClientSecret::new("secret")),
        get_signing: GetSigning::default(),
        http: http().unwrap(),
        clock: Clock::default(),
    };
    let orders = StateStore::open(None::<&Path>, "tiki.json").unwrap();
    let tiki = Tiki::new(caller, Journal::new(), String::new(), &sftp, orders);
    (tiki, sftp.folder(), home)
}

/// The address of the controls.
async fn served(tiki: &Tiki) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/_sandbox", listener.local_addr().unwrap());
    let router = tiki.router(broken_function());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn posted(url: &str, path: &str, body: String) -> (u16, String) {
    let post = http().unwrap().post(format!("{url}{path}"));
    let post = post.header("content-type", "application/json").body(body);
    let answer = post.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A function whose process does not start.
fn broken_function() -> Arc<Function> {
    let plan = FunctionPlan {
        binary: "reconcile".to_owned(),
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(1),
        memory: 128,
        reserved_concurrency: None,
        grants: Vec::new(),
    };
    let launch = Launch {
        shim: "/dev/null".into(),
        binary: "/dev/null".into(),
        environment: Vec::new(),
        clock: Clock::default(),
    };
    Arc::new(Function::new(plan, launch, Logs::new(None).unwrap(), 1))
}

fn names(folder: &Path, name: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.join(name)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn each_file_is_answered_once() {
    let (tiki, folder, _home) = tiki();
    let put = |name: &str, content: &str| {
        fs::write(folder.join("INBOUND").join(name), content).unwrap();
    };
    let (one, two) = ("tikivip_sandbox_20261122_1", "tikivip_sandbox_20261122_2");
    put(
        two,
        &format!("{HEADER}\nunknown,ours,1000,SUCCESS,{TIMES}\n"),
    );
    put(one, &format!("{HEADER}\n"));
    put(".tikivip_sandbox_20261122_3.part", "half a li");
    put("readme.txt", "not ours");
    tiki.add_order_only_at_tiki("claimed", 5000);
    assert_eq!(tiki.reconcile(&folder).unwrap(), [one, two]);
    assert_eq!(names(&folder, "OUTBOUND"), [one, two]);
    assert_eq!(names(&folder, "ARCHIVED"), [one, two]);
    assert_eq!(names(&folder, "INBOUND").len(), 2);
    let answer = |name: &str| {
        let answer = fs::read_to_string(folder.join("OUTBOUND").join(name));
        answer
            .unwrap()
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(answer(one)[0].starts_with("claimed,,5000,SUCCESS,"));
    assert_eq!(answer(one).len(), 1);
    assert!(answer(two)[0].ends_with(",01,không có ở Tiki"));
    assert_eq!(answer(two).len(), 1);

    assert!(tiki.reconcile(&folder).unwrap().is_empty());
    put(one, "no header of ours\n1\n");
    assert!(tiki.reconcile(&folder).is_err());
    assert_eq!(names(&folder, "INBOUND").len(), 3);
}

#[tokio::test]
async fn a_person_changes_orders_and_starts_the_reconciliation() {
    let (tiki, folder, _home) = tiki();
    let url = served(&tiki).await;
    let post = async |path: &str, body: Value| posted(&url, path, body.to_string()).await;
    let reconcile = async |event: &str| posted(&url, "/reconcile", event.to_owned()).await;
    tiki.add_order("a", 1000);
    let changed = json!({ "status": "SUCCESS", "amount": 900 });
    assert_eq!(post("/orders/a", changed).await.0, 204);
    let order = tiki.known("a").unwrap();
    assert_eq!((order.amount, order.status.as_str()), (900, "SUCCESS"));
    assert_eq!(post("/orders/a", json!({ "cancelled": true })).await.0, 204);
    assert!(tiki.known("a").unwrap().cancelled);
    assert_eq!(post("/orders/b", json!({})).await.0, 404);
    assert_eq!(post("/orders/a", json!({ "status": "PAID" })).await.0, 422);
    assert_eq!(
        post("/orders/a", json!({ "state": "SUCCESS" })).await.0,
        422
    );

    let name = "tikivip_sandbox_20261122_1";
    let file = folder.join("INBOUND").join(name);
    fs::write(&file, format!("{HEADER}\na,ours,1000,SUCCESS,{TIMES}\n")).unwrap();
    let (status, names) = reconcile("").await;
    assert_eq!((status, names), (200, json!([name]).to_string()));
    fs::write(&file, "a\n1\n").unwrap();
    let (status, problem) = reconcile("").await;
    assert_eq!(status, 500);
    assert!(problem.contains(name), "{problem}");
    // With a body it is the partner's function that runs, and here it cannot.
    let (status, problem) = reconcile(r#"{"day":"2026-11-22"}"#).await;
    assert_eq!(status, 502);
    assert!(problem.contains("reconcile died"), "{problem}");
    assert_eq!(reconcile("day=2026-11-22").await.0, 400);
}

#[tokio::test]
async fn a_wrong_fault_is_refused_and_explained() {
    let (tiki, folder, _home) = tiki();
    let url = served(&tiki).await;
    let faults = async |body: Value| posted(&url, "/faults", body.to_string()).await;
    let next =
        json!({ "call": "result_file", "next": ["no_bytes", { "half_written": { "ms": 1 } }] });
    assert_eq!(faults(next).await.0, 204);
    let (status, problem) = faults(json!({ "call": "results", "standing": "no_bytes" })).await;
    assert_eq!(status, 404);
    assert!(
        problem.contains("result_file") && problem.contains("sftp_stat"),
        "{problem}"
    );
    for (call, fault) in [
        ("result_file", "down"),
        ("ipn", "denied"),
        ("sftp_stat", "lost"),
    ] {
        let (status, problem) = faults(json!({ "call": call, "standing": fault })).await;
        assert_eq!(status, 422);
        assert!(problem.contains(fault), "{problem}");
    }
    // A refused request changes nothing.
    fs::write(folder.join("INBOUND/tikivip_x"), format!("{HEADER}\n")).unwrap();
    tiki.reconcile(&folder).unwrap();
    assert_eq!(fs::read(folder.join("OUTBOUND/tikivip_x")).unwrap(), b"");
}
