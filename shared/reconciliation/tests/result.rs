//! Tiki's answer, in whatever format was agreed, from whoever wrote it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use reconciliation::result::{LONGEST_LINE, Lines, Read, ResultFormat, Verdict};

fn read(bytes: &[u8], format: &ResultFormat) -> Vec<Read> {
    let mut lines = Lines::new(bytes, format.clone());
    let mut all = Vec::new();
    while let Some(read) = lines.read().unwrap() {
        all.push(read);
    }
    all
}

fn by_default(text: &str) -> Vec<Read> {
    read(text.as_bytes(), &ResultFormat::default())
}

const HEADER: &str = "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at,result,reason\n";

#[test]
fn the_customary_codes_are_read() {
    let text = format!(
        "{HEADER}T-1,x,100000,SUCCESS,,,00,\nT-2,,,,,,01,chỉ có ở đối tác\nT-3,,5,,,,02,\nT-4,,5,FAILURE,,,03,\"lệch, nhiều\""
    );
    let lines: Vec<_> = by_default(&text).into_iter().map(Result::unwrap).collect();
    let verdicts: Vec<Verdict> = lines.iter().map(|line| line.verdict).collect();
    let expected = [
        Verdict::Match,
        Verdict::OnlyPartner,
        Verdict::OnlyTiki,
        Verdict::Differs,
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(lines[0].values.amount_vnd, Some(100_000));
    assert_eq!(lines[1].values.amount_vnd, None);
    assert_eq!(
        (lines[1].line, lines[1].reason.as_str()),
        (3, "chỉ có ở đối tác")
    );
    assert_eq!(lines[3].reason, "lệch, nhiều");
    assert_eq!(lines[3].values.status.as_deref(), Some("FAILURE"));
}

#[test]
fn marks_ends_of_lines_and_empty_lines_do_not_matter() {
    let text = format!("\u{feff}{}\r\n\n\r\nT-1,,,,,,00,\r\n", HEADER.trim_end());
    let lines = by_default(&text);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].as_ref().unwrap().line, 4);
    assert_eq!(by_default(""), []);
    assert_eq!(by_default(HEADER), []);
}

#[test]
fn what_cannot_be_read_is_named_and_the_next_line_is_read() {
    for (line, column) in [
        ("bad id,,1,,,,00,", Some("tiki_transaction_id")),
        (",,1,,,,00,", Some("tiki_transaction_id")),
        ("T-1,,1.5,,,,00,", Some("transaction_amount")),
        ("T-1,,-1,,,,00,", Some("transaction_amount")),
        ("T-1,,1,,,,04,", Some("result")),
        ("T-1,,1,,,,,", Some("result")),
        ("T-1,,1", Some("result")),
        ("T-1,,1,,,,00,\"open", None),
    ] {
        let text = format!("{HEADER}{line}\nT-9,,,,,,00,\n");
        let lines = by_default(&text);
        assert_eq!(lines.len(), 2, "{line}");
        let unreadable = lines[0].as_ref().unwrap_err();
        assert_eq!(
            (unreadable.line, unreadable.column.as_deref()),
            (2, column),
            "{line}"
        );
        assert_eq!(lines[1].as_ref().unwrap().line, 3, "{line}");
    }
    let long = format!(
        "{HEADER}T-1,,,,,,00,{}\nT-9,,,,,,00,\n",
        "x".repeat(LONGEST_LINE)
    );
    let lines = by_default(&long);
    assert!(
        lines[0].is_err() && lines[1].is_ok(),
        "a line that is too long"
    );
    let bytes = [HEADER.as_bytes(), b"T-1,,,,,,00,\xff\nT-9,,,,,,00,\n"].concat();
    let lines = read(&bytes, &ResultFormat::default());
    let unreadable = lines[0].as_ref().unwrap_err();
    assert_eq!(unreadable.column.as_deref(), Some("reason"));
    assert!(lines[1].is_ok());
}

#[test]
fn a_header_that_says_nothing_ends_the_reading_with_its_reason() {
    for (header, column) in [
        ("a,b,c", "tiki_transaction_id"),
        ("tiki_transaction_id,reason", "result"),
        ("result,tiki_transaction_id,RESULT", "result"),
    ] {
        let lines = by_default(&format!("{header}\n1,2,3\n"));
        assert_eq!(lines.len(), 1, "{header}");
        let unreadable = lines[0].as_ref().unwrap_err();
        assert_eq!(
            (unreadable.line, unreadable.column.as_deref()),
            (1, Some(column))
        );
    }
}

#[test]
fn a_format_is_what_was_agreed() {
    let format = r#"{"separator":"|","columns":{"tiki_transaction_id":"Mã GD","result":"KQ"},"codes":{"OK":"match","SAI":"differs"}}"#;
    let format: ResultFormat = format.parse().unwrap();
    let lines = read(
        "kq | mã gd | reason\nSAI|T-1|a,b\nOK|T-2|\n00|T-3|\n".as_bytes(),
        &format,
    );
    let first = lines[0].as_ref().unwrap();
    assert_eq!(
        (first.verdict, first.reason.as_str()),
        (Verdict::Differs, "a,b")
    );
    assert!(lines[1].is_ok());
    assert!(lines[2].is_err(), "a code that was not agreed");
    assert_eq!("{}".parse(), Ok(ResultFormat::default()));
    for bad in [
        "",
        "[]",
        r#"{"separator":""}"#,
        r#"{"separator":"a"}"#,
        r#"{"separator":"\""}"#,
        r#"{"separator":"ộ"}"#,
        r#"{"column":{}}"#,
        r#"{"columns":{"tiki":"x"}}"#,
        r#"{"columns":{"result":""}}"#,
        r#"{"columns":{"result":"Reason"}}"#,
        r#"{"codes":{}}"#,
        r#"{"codes":{"00":"fine"}}"#,
    ] {
        assert!(bad.parse::<ResultFormat>().is_err(), "{bad}");
    }
}

proptest! {
    /// Whatever bytes follow a good header: each line that is not empty gives one thing, under its own number.
    #[test]
    fn every_line_is_accounted_for(body in prop::collection::vec(any::<u8>(), 0..600)) {
        let bytes = [HEADER.as_bytes(), &body].concat();
        let lines = read(&bytes, &ResultFormat::default());
        let there = bytes.split(|b| *b == b'\n').enumerate().skip(1);
        let there = there.filter(|(_, line)| !line.strip_suffix(b"\r").unwrap_or(line).is_empty());
        let expected: Vec<u64> = there.map(|(n, _)| u64::try_from(n).unwrap() + 1).collect();
        let found: Vec<u64> = lines.iter().map(|read| match read {
            Ok(line) => line.line,
            Err(unreadable) => unreadable.line,
        }).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes, &ResultFormat::default());
    }
}
