//! What the real command prints, at 80 and at 120 columns, for the answers of a played function.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

use serde_json::{Value, json};

const ID: &str = "0a3d6209-3cd2-5d0b-a7a8-079f5a5a7ba9";

/// Answers each call with what `answer` has for its method and target.
fn served(answer: fn(&str, &str) -> Option<Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            respond(&mut stream.unwrap(), answer);
        }
    });
    url
}

fn respond(stream: &mut TcpStream, answer: fn(&str, &str) -> Option<Value>) {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    let head = loop {
        let n = stream.read(&mut buffer).unwrap();
        if n == 0 {
            return;
        }
        read.extend_from_slice(&buffer[..n]);
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break String::from_utf8(read[..end].to_vec()).unwrap();
        }
    };
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (status, body) = match answer(method, target.trim_start_matches("/operator/v1/")) {
        Some(data) => (
            200,
            json!({ "code": 0, "message": "success", "data": data }),
        ),
        None => (
            404,
            json!({ "code": 3, "message": "transaction does not exist" }),
        ),
    };
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).unwrap();
}

fn run(url: &str, columns: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tikivip"))
        .env_clear()
        .env("API_URL", url)
        .env("AWS_REGION", "ap-southeast-1")
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("COLUMNS", columns)
        .args(arguments)
        .output()
        .unwrap()
}

/// Everything that a run shows: what it was, its exit code, and both outputs.
fn shown(url: &str, columns: &str, arguments: &[&str]) -> String {
    let output = run(url, columns, arguments);
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    let widest = columns.parse::<usize>().unwrap();
    for line in out.lines() {
        assert!(line.chars().count() <= widest, "{line}");
    }
    let code = output.status.code().unwrap();
    format!(
        "$ tikivip {}\n{out}{err}exit code {code}\n",
        arguments.join(" ")
    )
}

fn trail(event: &str, at: &str, actor: &str, what: &str) -> Value {
    json!({ "at": at, "last_at": at, "times": 1, "event": event, "actor": actor, "what": what })
}

fn transaction() -> Value {
    let noon = "2026-11-24T07:08:07+07:00";
    json!({
        "transaction_id": ID, "tiki_transaction_id": "261124TIKIVIP-300110-1795478900",
        "order_code": "DH-4711", "amount_vnd": 150_000, "status": "SUCCESS",
        "payment": { "state": "paid", "paid_at": noon, "core_reference": "FT26328-0042", "banking_method": "VIETQR" },
        "ipn": {
            "state": "disputed", "attempts": 1, "failures": 0, "failures_since_queued": 0,
            "reason": "not_of_this_partner",
        },
        "created_at": "2026-11-24T07:08:06+07:00", "expires_at": "2026-11-24T07:23:06+07:00",
        "refunded_vnd": 40_000, "remaining_vnd": 110_000,
        "needs_review": "not_of_this_partner", "review": "not_of_this_partner",
        "next_step": "Tiki says that the order is another partner's. Ask Tiki. When it is corrected, resend; or resolve.",
        "choices": [
            { "verdict": "confirmed", "consequence": "No money moves. Tiki counts as notified.", "needs_approval": true },
            { "verdict": "returned", "amount_vnd": 110_000, "consequence": "This payment, 110.000 ₫, is back already. Tiki is notified of a FAILURE.", "needs_approval": true },
        ],
        "may_resend": true, "resend_needs_approval": true, "proposal": null, "next_at_core": null,
        "refunds": [{
            "refund_id": "5b2f6c1e-8a52-5d0b-9c39-0d4a5a5a7ba9", "origin": "tiki", "request_id": "R-1",
            "amount_vnd": 40_000, "state": "succeeded", "final_at": "2026-11-24T09:00:00+07:00",
        }],
        "trail": [
            trail("created", "2026-11-24T07:08:06+07:00", "Tiki", "created, 150.000 ₫"),
            trail("paid", noon, "core", "paid"),
            trail(
                "notification_attempt", noon, "Tiki",
                "IPN, attempt 1: not_of_this_partner; look-up: not_of_this_partner → disputed",
            ),
        ],
    })
}

fn proposed() -> Value {
    let mut t = transaction();
    t["proposal"] = json!({
        "number": 1, "act": "confirmed", "consequence": "No money moves. Tiki counts as notified.",
        "by": "tikivip-operator/lan", "reason": "Tiki, ticket 4711",
        "at": "2026-11-24T07:08:27+07:00", "expires_at": "2026-11-25T07:08:27+07:00",
    });
    t["next_step"] = json!("Proposal 1 waits for another person. Nothing of it has happened yet.");
    t
}

fn listed(id: &str) -> Value {
    let t = transaction();
    let mut listed = json!({ "transaction_id": id, "open_refunds": [], "proposal": null });
    for name in [
        "tiki_transaction_id",
        "amount_vnd",
        "created_at",
        "payment",
        "ipn",
        "needs_review",
    ] {
        listed[name] = t[name].clone();
    }
    listed["needs_review_since"] = json!("2026-11-24T07:08:07+07:00");
    listed
}

/// Two pages of what needs review, one payment with this reference, one transaction.
fn stack(method: &str, target: &str) -> Option<Value> {
    let other = "b80a7d7e-2492-5325-8225-ad09ce30b202";
    match (method, target) {
        ("GET", "transactions?state=review&limit=100&count=true") => Some(json!({
            "transactions": [listed(ID)], "unreadable": [], "next": "1.x",
            "count": { "entries": 2, "at_least": false },
        })),
        ("GET", "transactions?state=review&limit=99&after=1.x") => {
            let mut late = listed(other);
            late["needs_review"] = json!("system_refund_rejected");
            late["open_refunds"] = json!([{
                "refund_id": "5b2f6c1e-8a52-5d0b-9c39-0d4a5a5a7ba9", "origin": "tiki",
                "request_id": "R-2", "amount_vnd": 40_000, "state": "unknown", "attempts": 3,
                "next_at": "2026-11-24T09:05:00+07:00",
            }]);
            Some(json!({ "transactions": [late], "unreadable": [], "next": null }))
        }
        ("GET", "transactions?reference=FT26328-0042&day=2026-11-24") => Some(json!({
            "transactions": [listed(ID)], "searched": 1204, "forgotten": 0, "next": null,
        })),
        ("GET", target) if target.starts_with("transactions?reference=") => Some(json!({
            "transactions": [], "searched": 1204, "forgotten": 0, "next": null,
        })),
        ("GET", "transactions?state=exhausted&limit=100&count=true") => Some(json!({
            "transactions": [listed(ID), listed(other)], "unreadable": [], "next": null,
            "count": { "entries": 2, "at_least": false },
        })),
        ("POST", target) if !target.contains(ID) => None,
        ("POST", target) if target.ends_with("/resend") => Some(transaction()),
        ("POST", target) if target.ends_with("/resolve") => Some(proposed()),
        ("GET", target) if target.ends_with(ID) => Some(transaction()),
        ("GET", target) if target.ends_with(&format!("{ID}/lookup")) => Some(json!({
            "transaction_id": ID, "tiki_transaction_id": "261124TIKIVIP-300110-1795478900",
            "ours": "SUCCESS", "amount_vnd": 150_000, "tiki": "unclear", "tiki_amount_vnd": null, "http": "503",
            "means": "Tiki gave no answer that can be used, so nothing is known. Run `tikivip doctor`; what is due is tried again by itself.",
            "agrees": false,
        })),
        _ => None,
    }
}

/// The lines that differ from run to run: when a run began.
fn without_times(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.split_once("\"began_at\": \"") {
            Some((before, _)) => format!("{before}\"began_at\": …\n"),
            None => format!("{line}\n"),
        });
    lines.collect()
}

#[test]
fn the_output_fits_into_80_and_into_120_columns() {
    let url = served(stack);
    let resolve = [
        "resolve",
        ID,
        "--review",
        "not_of_this_partner",
        "--as",
        "confirmed",
        "--reason",
        "ticket",
    ];
    let commands: [&[&str]; 8] = [
        &["show", ID],
        &["list"],
        &["lookup", ID],
        &["find", "--reference", "FT26328-0042", "--day", "2026-11-24"],
        &["find", "--reference", "none", "--day", "2026-11-24"],
        &resolve,
        &[&resolve[..], &["--dry-run"]].concat(),
        &["resend-ipn", "--all-exhausted", "--reason", "INC-4711"],
    ];
    for columns in ["80", "120"] {
        let all = commands.map(|arguments| shown(&url, columns, arguments));
        let name = format!("output_{columns}");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, all.join("\n"));
        });
    }
}

#[test]
fn json_has_fields_and_errors_are_json() {
    let url = served(stack);
    let json = ["--output", "json"];
    let grouped = [
        "resolve", ID, "--review", "x", "--as", "returned", "--amount", "110.000", "--reason", "x",
    ];
    let commands: [&[&str]; 5] = [
        &["resend-ipn", "--all-exhausted", "--reason", "INC-4711"],
        &["show", "T-none"],
        &[
            "resolve",
            ID,
            "--review",
            "x",
            "--as",
            "reverse",
            "--reason",
            "x",
            "--dry-run",
        ],
        &grouped,
        &["show"],
    ];
    let all = commands.map(|arguments| shown(&url, "120", &[arguments, &json].concat()));
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("output_json", without_times(&all.join("\n")));
    });
}

/// The manual is made from the words of `--help`.
#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let output = run("http://127.0.0.1:9", "80", &["man", "--out", out]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for page in [
        "tikivip.1",
        "tikivip-show.1",
        "tikivip-resend-ipn.1",
        "tikivip-find.1",
    ] {
        assert!(folder.path().join(page).is_file(), "{page}");
    }
}
