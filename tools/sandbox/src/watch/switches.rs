//! The switches of the page: what can go wrong at each call, and what is on.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{self, Switch, Switchable};
use crate::handles::Handles;

/// A call that can go wrong.
pub(super) struct CallSwitch {
    pub(super) call: &'static str,
    pub(super) vietnamese: &'static str,
    pub(super) english: &'static str,
    pub(super) choices: &'static [Choice],
    /// What is on, as the call's faults are written.
    pub(super) on: Option<String>,
}

/// A fault that the page offers. By hand there are more (docs/operations.md).
pub(super) struct Choice {
    /// The fault as JSON.
    pub(super) fault: &'static str,
    pub(super) words: &'static str,
}

const fn choice(fault: &'static str, words: &'static str) -> Choice {
    Choice { fault, words }
}

const OF_A_CALL: &[Choice] = &[
    choice(r#""down""#, "không kết nối được · down"),
    choice(r#""lost""#, "làm xong nhưng mất câu trả lời · lost"),
    choice(r#"{"late":{"ms":4000}}"#, "trả lời trễ 4 giây · late"),
    choice(r#"{"answer":{"status":503,"body":""}}"#, "trả lời 503"),
    choice(
        r#"{"answer":{"status":401,"body":"{}"}}"#,
        "trả lời 401: từ chối chữ ký",
    ),
    choice(
        r#"{"answer":{"status":200,"body":"<html></html>"}}"#,
        "trả lời một trang HTML",
    ),
];

const OF_TIKI: &[Choice] = &[
    choice(r#""down""#, "không kết nối được · down"),
    choice(r#""lost""#, "làm xong nhưng mất câu trả lời · lost"),
    choice(r#"{"late":{"ms":4000}}"#, "trả lời trễ 4 giây · late"),
    choice(r#"{"answer":{"status":503,"body":""}}"#, "trả lời 503"),
    choice(
        r#"{"answer":{"status":200,"body":"{\"code\":3,\"message\":\"transaction not found\"}"}}"#,
        "code 3: không có đơn hàng",
    ),
    choice(
        r#"{"answer":{"status":200,"body":"{\"code\":500,\"message\":\"system error\"}"}}"#,
        "code 500: lỗi hệ thống",
    ),
];

const OF_A_RESULT_FILE: &[Choice] = &[
    choice(r#""torn_lines""#, "dòng bị rách · torn_lines"),
    choice(r#""without_codes""#, "không có mã kết quả · without_codes"),
    choice(
        r#""without_header""#,
        "không có dòng tiêu đề · without_header",
    ),
    choice(
        r#""refund_rows_differ""#,
        "dòng hoàn tiền khác nhau · refund_rows_differ",
    ),
    choice(
        r#"{"half_written":{"ms":3000}}"#,
        "mới có một nửa tệp · half_written",
    ),
    choice(r#""side_files""#, "có tệp lạ bên cạnh · side_files"),
    choice(r#""no_bytes""#, "tệp rỗng · no_bytes"),
];

const OF_THE_FILE_SERVER: &[Choice] = &[choice(r#""denied""#, "không có quyền · denied")];

type Offered = (&'static str, &'static str, &'static str, &'static [Choice]);

const CALLS: [Offered; 14] = [
    (
        "webview",
        "Tiki mở webview",
        "Tiki opens the webview",
        OF_TIKI,
    ),
    (
        "ipn",
        "Tiki nhận thông báo kết quả",
        "Tiki takes a notification",
        OF_TIKI,
    ),
    (
        "look_up",
        "Tiki trả lời tra cứu",
        "Tiki answers a look-up",
        OF_TIKI,
    ),
    (
        "refund",
        "Hệ thống lõi hoàn tiền",
        "the core refunds",
        OF_A_CALL,
    ),
    (
        "find_refund",
        "Hệ thống lõi trả lời về một khoản hoàn",
        "the core is asked about a refund",
        OF_A_CALL,
    ),
    (
        "payment",
        "Hệ thống lõi trả lời về một thanh toán",
        "the core is asked about a payment",
        OF_A_CALL,
    ),
    (
        "statement",
        "Sao kê của hệ thống lõi",
        "the core's statement",
        OF_A_CALL,
    ),
    (
        "result_file",
        "Tệp kết quả của Tiki",
        "Tiki's result file",
        OF_A_RESULT_FILE,
    ),
    (
        "sftp_list",
        "SFTP: liệt kê",
        "SFTP: list",
        OF_THE_FILE_SERVER,
    ),
    (
        "sftp_stat",
        "SFTP: xem thuộc tính",
        "SFTP: stat",
        OF_THE_FILE_SERVER,
    ),
    ("sftp_read", "SFTP: đọc", "SFTP: read", OF_THE_FILE_SERVER),
    ("sftp_write", "SFTP: ghi", "SFTP: write", OF_THE_FILE_SERVER),
    (
        "sftp_rename",
        "SFTP: đổi tên",
        "SFTP: rename",
        OF_THE_FILE_SERVER,
    ),
    (
        "sftp_remove",
        "SFTP: xóa",
        "SFTP: remove",
        OF_THE_FILE_SERVER,
    ),
];

/// The switches of the sides that the sandbox plays.
pub(super) fn all(handles: &Handles) -> Vec<CallSwitch> {
    let sides = sides(handles);
    let on: serde_json::Map<String, Value> = sides.iter().flat_map(|side| side.on()).collect();
    let has = |call: &&str| sides.iter().any(|side| side.calls().contains(call));
    let offered = CALLS.iter().filter(|(call, ..)| has(call));
    offered
        .map(|(call, vietnamese, english, choices)| CallSwitch {
            call,
            vietnamese,
            english,
            choices,
            on: on.get(*call).map(written),
        })
        .collect()
}

/// `luôn luôn: "down"`, and how many of the next calls have a fault.
fn written(on: &Value) -> String {
    let standing = Some(&on["standing"]).filter(|fault| !fault.is_null());
    let next = on["next"]
        .as_array()
        .map(Vec::len)
        .filter(|count| *count > 0);
    let standing = standing.map(|fault| format!("luôn luôn · always: {fault}"));
    let next = next.map(|count| format!("{count} lần tới · next {count}: {}", on["next"]));
    [standing, next]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}

/// What a person chose.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    call: String,
    /// The fault as JSON; empty switches all faults of the call off.
    #[serde(default)]
    fault: String,
    /// `next` or `standing`.
    #[serde(default)]
    when: String,
}

/// Switches what a person chose.
pub(super) fn choose(handles: &Handles, chosen: &Chosen) -> Response {
    let fault: Option<Value> = serde_json::from_str(&chosen.fault).ok();
    let mut switch = json!({ "call": chosen.call });
    match (fault, chosen.when.as_str()) {
        (Some(fault), "next") => switch["next"] = json!([fault]),
        (Some(fault), _) => switch["standing"] = fault,
        (None, _) => {}
    }
    let sides = sides(handles);
    let sides: Vec<&dyn Switchable> = sides.iter().map(AsRef::as_ref).collect();
    match serde_json::from_value::<Switch>(switch) {
        Ok(switch) => faults::switch(&sides, switch),
        Err(_) => axum::response::IntoResponse::into_response(StatusCode::UNPROCESSABLE_ENTITY),
    }
}

fn sides(handles: &Handles) -> Vec<Box<dyn Switchable>> {
    let mut sides: Vec<Box<dyn Switchable>> = Vec::new();
    if let Some(tiki) = &handles.tiki {
        sides.push(Box::new(tiki.faults.clone()));
        sides.push(Box::new(tiki.result_files.clone()));
        sides.push(Box::new(tiki.file_server.clone()));
    }
    if let Some(core) = &handles.core {
        sides.push(Box::new(core.faults.clone()));
    }
    sides
}

#[cfg(test)]
mod tests {
    use crate::faults::{Fault, Faults};
    use crate::sftp::SftpFault;
    use crate::tiki::FileFault;

    use super::*;

    #[test]
    fn every_choice_is_a_fault_of_its_call() {
        for (call, _, _, choices) in CALLS {
            for Choice { fault, .. } in choices {
                let read = match call {
                    "result_file" => serde_json::from_str::<FileFault>(fault).map(drop),
                    call if call.starts_with("sftp_") => {
                        serde_json::from_str::<SftpFault>(fault).map(drop)
                    }
                    _ => serde_json::from_str::<Fault>(fault).map(drop),
                };
                read.unwrap_or_else(|error| panic!("{call}: {fault}: {error}"));
            }
        }
    }

    #[test]
    fn what_is_on_is_written() {
        let faults: Faults = Faults::of(&["ipn"]);
        assert!(faults.on().is_empty());
        faults.standing("ipn", Fault::Down);
        faults.next("ipn", [Fault::Lost]);
        let on = written(&faults.on()["ipn"]);
        assert_eq!(
            on,
            r#"luôn luôn · always: "down"; 1 lần tới · next 1: ["lost"]"#
        );
    }
}
