use serde_json::{Value, json};
use signing::{ClientSecret, GetSigning, HeaderNames, Keyring};
use tempfile::TempDir;

use super::*;
use crate::caller::{Caller, http};
use crate::journal::Journal;
use crate::state_store::StateStore;

const HEADER: &str =
    "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at";
const TIMES: &str = "2026-11-22 10:00:00,2026-11-22 10:01:00";
const NOW: &str = "2026-11-23 09:00:00";

fn order(amount: u64, status: &str) -> Order {
    Order {
        amount,
        status: status.to_owned(),
        cancelled: false,
        ipns: Vec::new(),
        only_at_tiki: false,
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
    let mut output = Vec::new();
    compare(file.as_bytes(), &mut output, orders, NOW).unwrap();
    let output = String::from_utf8(output).unwrap();
    let mut lines = output.lines().map(str::to_owned);
    assert_eq!(lines.next().unwrap(), format!("{HEADER},result,reason"));
    lines.collect()
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
            format!("gone,ours-gone,1000,SUCCESS,{TIMES},01,đã huỷ ở Tiki"),
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
    assert!(answered(file, &agreed).is_empty());
    let short = "tiki_transaction_id,transaction_id\na,b\n";
    assert!(compare(short.as_bytes(), Vec::new(), &agreed, NOW).is_err());
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

/// Tiki and its SFTP folder.
fn tiki() -> (Tiki, TempDir) {
    let folder = TempDir::new().unwrap();
    for name in ["INBOUND", "OUTBOUND", "ARCHIVED"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let caller = Caller {
        base: String::new(),
        headers: HeaderNames::TIKI,
        keys: Keyring::new("id", ClientSecret::new("secret")),
        get_signing: GetSigning::default(),
        http: http().unwrap(),
    };
    let orders = StateStore::open(None::<&Path>, "tiki.json").unwrap();
    let path = folder.path().to_owned();
    let tiki = Tiki::new(caller, Journal::new(), String::new(), path, orders);
    (tiki, folder)
}

fn names(folder: &TempDir, name: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join(name)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn each_file_is_answered_once() {
    let (tiki, folder) = tiki();
    let put = |name: &str, content: &str| {
        fs::write(folder.path().join("INBOUND").join(name), content).unwrap();
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
    assert_eq!(tiki.reconcile(folder.path()).unwrap(), [one, two]);
    assert_eq!(names(&folder, "OUTBOUND"), [one, two]);
    assert_eq!(names(&folder, "ARCHIVED"), [one, two]);
    assert_eq!(names(&folder, "INBOUND").len(), 2);
    let answer = |name: &str| {
        let answer = fs::read_to_string(folder.path().join("OUTBOUND").join(name));
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

    assert!(tiki.reconcile(folder.path()).unwrap().is_empty());
    put(one, "no header of ours\n1\n");
    assert!(tiki.reconcile(folder.path()).is_err());
    assert_eq!(names(&folder, "INBOUND").len(), 3);
}

#[tokio::test]
async fn a_person_changes_orders_and_starts_the_reconciliation() {
    let (tiki, folder) = tiki();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/_sandbox", listener.local_addr().unwrap());
    let router = tiki.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let post = async |path: &str, body: Value| {
        let post = http().unwrap().post(format!("{url}{path}")).json(&body);
        let answer = post.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    tiki.add_order("a", 1000);
    let changed = json!({ "status": "SUCCESS", "amount": 900 });
    assert_eq!(post("/orders/a", changed).await.0, 204);
    assert_eq!(tiki.known("a").unwrap(), order(900, "SUCCESS"));
    assert_eq!(post("/orders/a", json!({ "cancelled": true })).await.0, 204);
    assert!(tiki.known("a").unwrap().cancelled);
    assert_eq!(post("/orders/b", json!({})).await.0, 404);
    assert_eq!(post("/orders/a", json!({ "status": "PAID" })).await.0, 422);
    assert_eq!(
        post("/orders/a", json!({ "state": "SUCCESS" })).await.0,
        422
    );

    let name = "tikivip_sandbox_20261122_1";
    let file = folder.path().join("INBOUND").join(name);
    fs::write(&file, format!("{HEADER}\na,ours,1000,SUCCESS,{TIMES}\n")).unwrap();
    let (status, names) = post("/reconcile", json!({})).await;
    assert_eq!((status, names), (200, json!([name]).to_string()));
    fs::write(&file, "a\n1\n").unwrap();
    let (status, problem) = post("/reconcile", json!({})).await;
    assert_eq!(status, 500);
    assert!(problem.contains(name), "{problem}");
}
