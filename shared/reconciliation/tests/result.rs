//! Result files of Tiki: every agreed format, and every kind of damage.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::io::{self, BufReader};

use domain::Vnd;
use proptest::prelude::*;
use reconciliation::record::Values;
use reconciliation::result::{Lines, MAX_LINE_BYTES, Read, ResultFormat, Verdict};

fn vnd(amount: u64) -> Vnd {
    Vnd::new(amount).unwrap()
}

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
fn the_usual_codes_are_read() {
    let text = format!(
        "{HEADER}T-1,x,100000,SUCCESS,,,00,\nT-2,,,,,,01,chỉ có ở đối tác\nT-3,,5,,,,02,\nT-4,,5,FAILURE,,,03,\"lệch, nhiều\""
    );
    let lines: Vec<_> = by_default(&text).into_iter().map(Result::unwrap).collect();
    let verdicts: Vec<Verdict> = lines.iter().map(|line| line.verdict.unwrap()).collect();
    let expected = [
        Verdict::Match,
        Verdict::OnlyPartner,
        Verdict::OnlyTiki,
        Verdict::Differs,
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(lines[0].values.amount, Some(vnd(100_000)));
    assert_eq!(lines[1].values.amount, None);
    assert_eq!(
        (lines[1].line, lines[1].reason.as_str()),
        (3, "chỉ có ở đối tác")
    );
    assert_eq!(lines[3].reason, "lệch, nhiều");
    assert_eq!(lines[3].values.status.as_deref(), Some("FAILURE"));
}

#[test]
fn byte_order_marks_line_ends_and_empty_lines_are_skipped() {
    let text = format!("\u{feff}{}\r\n\n\r\nT-1,,,,,,00,\r\n", HEADER.trim_end());
    let lines = by_default(&text);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].as_ref().unwrap().line, 4);
    let lines = by_default(&format!("\u{feff}\r\n{HEADER}T-1,,,,,,00,"));
    assert!(lines[0].is_ok(), "a byte order mark alone on its line");
    assert_eq!(by_default(HEADER), []);
}

#[test]
fn a_bad_line_is_named_and_the_next_line_is_read() {
    for (line, column) in [
        ("bad id,,1,,,,00,", Some("tiki_transaction_id")),
        (",,1,,,,00,", Some("tiki_transaction_id")),
        ("T-1,,1.5,,,,00,", Some("transaction_amount")),
        ("T-1,,-1,,,,00,", Some("transaction_amount")),
        ("T-1,,100.000,,,,00,", Some("transaction_amount")),
        ("T-1,,1e5,,,,00,", Some("transaction_amount")),
        ("T-1,,1,,,,04,", Some("result")),
        ("T-1,,1,,,,,", Some("result")),
        ("T-1,,1", None),
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
        "x".repeat(MAX_LINE_BYTES)
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
fn a_line_has_a_maximum_length() {
    let line = |length: usize| {
        let beginning = "T-1,,,,,,00,";
        format!("{beginning}{}", "x".repeat(length - beginning.len()))
    };
    let text = format!(
        "{HEADER}{}\n{}\r\nT-9,,,,,,00,",
        line(MAX_LINE_BYTES),
        line(MAX_LINE_BYTES + 1)
    );
    let lines = by_default(&text);
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0].as_ref().unwrap().reason.len(),
        255,
        "cut after the limit"
    );
    let unreadable = lines[1].as_ref().unwrap_err();
    assert_eq!((unreadable.line, unreadable.column.as_deref()), (3, None));
    assert!(unreadable.problem.contains("longer than"), "{unreadable:?}");
    assert!(lines[2].is_ok());
    // The header has the same limit.
    let lines = by_default(&format!(
        "{}\nT-9,,,,,,00,\n",
        "x".repeat(MAX_LINE_BYTES + 1)
    ));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].as_ref().unwrap_err().line, 1);
}

#[test]
fn a_quoted_field_may_have_separators_and_quotes() {
    let text = format!("{HEADER}\"T-1\",,\"100000\",,,,\"03\",\"a,\"\"b\"\"\"\n");
    let line = by_default(&text).remove(0).unwrap();
    assert_eq!((line.tiki_id.as_str(), line.code.as_str()), ("T-1", "03"));
    assert_eq!(line.values.amount, Some(vnd(100_000)));
    assert_eq!(line.reason, "a,\"b\"");
    // An open quote does not take in the next line: both halves are unreadable, and the third line is read.
    let text = format!("{HEADER}T-1,,,,,,03,\"a\nb\"\nT-3,,,,,,00,\n");
    let lines = by_default(&text);
    let read: Vec<bool> = lines.iter().map(Result::is_ok).collect();
    assert_eq!(read, [false, false, true]);
}

/// Old spreadsheets on a Mac write such files. Read as one long header, it would be a file without lines.
#[test]
fn carriage_returns_alone_do_not_hide_lines() {
    let text = format!("{HEADER}T-1,,,,,,03,x\nT-2,,,,,,00,\n").replace('\n', "\r");
    let lines = by_default(&text);
    assert_eq!(lines.len(), 1);
    let unreadable = lines[0].as_ref().unwrap_err();
    assert_eq!(unreadable.line, 1);
    assert!(
        unreadable.problem.contains("carriage return"),
        "{unreadable:?}"
    );
    // A carriage return inside a line does not hide the rest.
    let lines = by_default(&format!(
        "{HEADER}T-1,,,,,,00,\rT-2,,,,,,03,\nT-3,,,,,,00,\n"
    ));
    assert_eq!(lines.len(), 2);
    assert!(lines[0].is_err() && lines[1].is_ok());
    // Extra ones at the end of a line are skipped.
    let lines = by_default(&format!("{HEADER}T-1,,,,,,00,\r\r\n\r\r\nT-2,,,,,,00,\r"));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1].as_ref().unwrap().line, 4);
}

#[test]
fn columns_are_found_by_the_header_and_others_are_skipped() {
    let text = "note,RESULT ,, Tiki_Transaction_Id,y\nx,00,,T-1,z\n,01, ,T-2,\n";
    let lines: Vec<_> = by_default(text).into_iter().map(Result::unwrap).collect();
    let read: Vec<_> = lines
        .iter()
        .map(|line| (line.tiki_id.as_str(), line.verdict))
        .collect();
    assert_eq!(
        read,
        [
            ("T-1", Some(Verdict::Match)),
            ("T-2", Some(Verdict::OnlyPartner))
        ]
    );
    assert_eq!(lines[0].values, Values::default());
    assert_eq!(lines[0].reason, "");
}

#[test]
fn tikis_texts_have_no_control_characters() {
    let text = format!("{HEADER}T-1,,,\u{1b}[31mSUCCESS\0,,,03,\u{1b}[2Ja\tb\n");
    let line = by_default(&text).remove(0).unwrap();
    assert_eq!(line.values.status.as_deref(), Some("[31mSUCCESS"));
    assert_eq!(line.reason, "[2Ja b");
    let text = format!("{HEADER}T-1,,,,,,03,{}\n", "ộ".repeat(300));
    let line = by_default(&text).remove(0).unwrap();
    assert_eq!(line.reason, "ộ".repeat(255), "counted in characters");
}

#[test]
fn a_read_error_is_not_the_end_of_the_file() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let half = format!("{HEADER}T-1,,,,,,00,\nT-2,,");
    let input = BufReader::new(io::Read::chain(half.as_bytes(), Broken));
    let mut lines = Lines::new(input, ResultFormat::default());
    assert!(lines.read().unwrap().unwrap().is_ok());
    assert!(lines.read().is_err());
}

#[test]
fn a_bad_header_is_the_only_result() {
    for (header, column) in [
        ("a,b,c", "tiki_transaction_id"),
        ("tiki_transaction_id,reason,code", "code"),
        ("result,tiki_transaction_id,RESULT", "result"),
        ("result,tiki_transaction_id,reason, Reason ", "reason"),
        ("result;tiki_transaction_id", "tiki_transaction_id"),
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
fn the_agreed_format_is_a_setting() {
    let format = r#"{"separator":"|","columns":{"tiki_transaction_id":"Mã GD","result":"KQ"},"codes":{"OK":"match","SAI":"differs"}}"#;
    let format: ResultFormat = format.parse().unwrap();
    let lines = read(
        "kq | mã gd | reason\nSAI|T-1|a,b\nOK|T-2|\n00|T-3|\n".as_bytes(),
        &format,
    );
    let first = lines[0].as_ref().unwrap();
    assert_eq!(
        (first.verdict, first.reason.as_str()),
        (Some(Verdict::Differs), "a,b")
    );
    assert!(lines[1].is_ok());
    assert!(lines[2].is_err(), "not an agreed code");
    assert_eq!("{}".parse(), Ok(ResultFormat::default()));

    let format = r#"{"separator":";","columns":{"transaction_amount":"Số tiền","reason":"Lý do"}}"#;
    let lines = read(
        "\u{feff}tiki_transaction_id;SỐ TIỀN;result;lý DO\r\nT-1;100000;03;\"a;b\"\r\n".as_bytes(),
        &format.parse().unwrap(),
    );
    let line = lines[0].as_ref().unwrap();
    assert_eq!(line.values.amount, Some(vnd(100_000)));
    assert_eq!(line.reason, "a;b");
    let lines = read(
        b"tiki_transaction_id\tresult\nT-1\t00\n",
        &r#"{"separator":"\t"}"#.parse().unwrap(),
    );
    assert!(lines[0].is_ok());
}

const SIX: &str =
    "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at\n";

/// Each was counted as a line on which the sides agree.
#[test]
fn a_line_of_another_shape_is_unreadable_whatever_it_says() {
    let header = "tiki_transaction_id,transaction_id,transaction_amount,result\n";
    for line in [
        // A decimal comma: Tiki says 03.
        "T,X,100000,00,03",
        "T,X,100000,00,",
        "T,X,100000",
        "T,X,1\"00000\",00",
        "T,\"X\"Y\",100000,00",
        "T, \"X\",100000,00",
        "T,\"X,100000,00",
        "T",
    ] {
        let lines = by_default(&format!("{header}{line}\nT-9,,5,00\n"));
        let unreadable = lines[0].as_ref().unwrap_err();
        assert_eq!(unreadable.column, None, "{line}: {unreadable:?}");
        assert!(lines[1].is_ok(), "{line}");
    }
    let lines = by_default(&format!(
        "{HEADER}T-1,,1,,,,03,\"lệch \"nhiều\", nên 00\"\n"
    ));
    assert!(lines[0].is_err(), "a quote inside a quoted note");
}

#[test]
fn a_file_may_have_no_codes() {
    let line = "T-1,a-b,100000,SUCCESS,,";
    let lines = by_default(&format!("{SIX}{line}\n"));
    let read = lines[0].as_ref().unwrap();
    assert_eq!((read.verdict, read.code.as_str()), (None, ""));
    assert_eq!(read.transaction_id.as_deref(), Some("a-b"));
    assert_eq!(read.values.amount, Some(vnd(100_000)));
    // A list of differences: whatever stands in a line, it differs.
    let differs = r#"{"unmarked":"differs"}"#.parse().unwrap();
    let lines = read_all(SIX, line, &differs);
    assert_eq!(lines[0].as_ref().unwrap().verdict, Some(Verdict::Differs));
    // Codes can be demanded.
    let required = r#"{"codes_required":true}"#.parse().unwrap();
    let unreadable = read_all(SIX, line, &required).remove(0).unwrap_err();
    assert_eq!(unreadable.column.as_deref(), Some("result"));
    let unreadable = read_all("", line, &required).remove(0).unwrap_err();
    assert_eq!(unreadable.column.as_deref(), Some("result"));
    // A code under a heading that we do not know would be read over.
    let header = SIX.replace("updated_at", "updated_at,ma_ket_qua");
    let line = "T-1,a-b,100000,SUCCESS,,,03";
    let lines = read_all(&header, line, &ResultFormat::default());
    let unreadable = lines[0].as_ref().unwrap_err();
    assert_eq!((lines.len(), unreadable.line), (1, 1));
    assert_eq!(unreadable.column.as_deref(), Some("ma_ket_qua"));
    let ignored = r#"{"ignored":["Ma_Ket_Qua"]}"#.parse().unwrap();
    assert!(read_all(&header, line, &ignored)[0].is_ok());
}

fn read_all(header: &str, line: &str, format: &ResultFormat) -> Vec<Read> {
    read(format!("{header}{line}\n").as_bytes(), format)
}

#[test]
fn a_file_may_have_no_header_line() {
    let six = "T-1,a-b,100000,SUCCESS,x,y";
    for (line, code, reason) in [
        (six.to_owned(), None, ""),
        (format!("{six},03"), Some(Verdict::Differs), ""),
        (format!("{six},00,khớp"), Some(Verdict::Match), "khớp"),
    ] {
        let lines = by_default(&format!("\u{feff}{line}\r\n{line}\r\n"));
        assert_eq!(lines.len(), 2, "{line}");
        for (place, read) in (1..).zip(lines) {
            let read = read.unwrap();
            assert_eq!((read.line, read.verdict), (place, code), "{line}");
            assert_eq!((read.reason.as_str(), &read.refund), (reason, &None));
            assert_eq!(read.values.status.as_deref(), Some("SUCCESS"));
        }
    }
    // A line that cannot be read is one, and the next one is read.
    let lines = by_default("T-1,a-b,100.000,SUCCESS,x,y\nT-2,,5,FAILURE,,\n");
    assert!(lines[0].is_err() && lines[1].is_ok());
    // Headings that we do not know are no line.
    for header in [
        "Mã GD,Mã đối tác,Số tiền,Trạng thái,Ngày tạo,Ngày sửa",
        "a,b,c,d,e,f",
        "T-1,a-b,100000",
    ] {
        let lines = by_default(&format!("{header}\n{six}\n"));
        assert_eq!(lines.len(), 1, "{header}");
        let unreadable = lines[0].as_ref().unwrap_err();
        assert_eq!(unreadable.column.as_deref(), Some("tiki_transaction_id"));
    }
    let format = r#"{"header":"absent","order":["result","tiki_transaction_id","reason"]}"#;
    let format: ResultFormat = format.parse().unwrap();
    let lines = read(b"03,T-1,x\n03,T-2\n", &format);
    assert_eq!(lines[0].as_ref().unwrap().reason, "x");
    assert!(lines[1].is_err());
    // A header line is demanded: the first line is one, or the file is not read.
    let format: ResultFormat = r#"{"header":"present"}"#.parse().unwrap();
    assert!(read(six.as_bytes(), &format)[0].is_err());
}

#[test]
fn a_file_without_a_line_is_unreadable() {
    for text in ["", "\u{feff}", "\n\r\n", "\u{feff}\n"] {
        let lines = by_default(text);
        assert_eq!(lines.len(), 1, "{text:?}");
        let unreadable = lines[0].as_ref().unwrap_err();
        assert!(unreadable.problem.contains("no line"), "{unreadable:?}");
    }
    // A header says that there is nothing to say.
    assert_eq!(by_default(SIX), []);
}

#[test]
fn sums_and_end_marks_are_read_over_if_they_are_agreed() {
    let text = format!("{SIX}T-1,,5,SUCCESS,,\nTổng cộng,1,5\n#END\n");
    let read: Vec<bool> = by_default(&text).iter().map(Result::is_ok).collect();
    assert_eq!(read, [true, false, false]);
    let format = r##"{"trailers":["TỔNG","#end"]}"##.parse().unwrap();
    let lines = read_all("", &text, &format);
    assert_eq!(lines.len(), 1);
    // An id that begins like one is an id.
    let end = r#"{"trailers":["END"]}"#.parse().unwrap();
    let text = format!("{SIX}END-7,,5,SUCCESS,,\nEND,,,,,\nend of file\n");
    assert_eq!(read_all("", &text, &end).len(), 1);
}

#[test]
fn what_stands_beside_a_file_is_left_alone() {
    let usual = ResultFormat::default();
    let none: ResultFormat = r#"{"side_files":[]}"#.parse().unwrap();
    let own: ResultFormat = r#"{"side_files":[".LOCK"]}"#.parse().unwrap();
    for (name, beside, beside_own) in [
        ("tikivip_acme_20261122_1", false, false),
        ("tikivip_acme_20261122_1.csv", false, false),
        ("tikivip_acme_20261122_1.csv.filepart", true, false),
        ("tikivip_acme_20261122_1.MD5", true, false),
        ("tikivip_acme_20261122_1.csv~", true, false),
        ("tikivip_acme_20261122_1.lock", false, true),
    ] {
        assert_eq!(usual.is_side_file(name), beside, "{name}");
        assert_eq!(own.is_side_file(name), beside_own, "{name}");
        assert!(!none.is_side_file(name), "{name}");
    }
}

const TEN: &str = "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at,type,request_id,refund_id,refund_amount";

#[test]
fn a_line_about_a_refund_names_it() {
    let id = "6d2fe96c-c0f2-5447-97e6-8bf156962918";
    let payment = "T-1,x,100000,SUCCESS,,";
    let refund = format!("{payment},REFUND,R1,{id},40000");
    let plain = format!("{payment},PAYMENT,,,");
    // With a header and without, with a code and without.
    for (header, added, code) in [
        (TEN.to_owned() + "\n", "", None),
        (String::new(), "", None),
        (TEN.to_owned() + ",result\n", ",03", Some(Verdict::Differs)),
        (String::new(), ",03", Some(Verdict::Differs)),
    ] {
        let text = format!("{header}{plain}{added}\n{refund}{added}");
        let lines: Vec<_> = by_default(&text).into_iter().map(Result::unwrap).collect();
        assert_eq!(lines[0].refund, None);
        let read = lines[1].refund.as_ref().unwrap();
        assert_eq!(read.request_id.as_ref().unwrap().as_str(), "R1");
        assert_eq!(read.refund_id.unwrap().to_string(), id);
        assert_eq!(read.amount.unwrap().get(), 40_000);
        assert_eq!((lines[0].verdict, lines[1].verdict), (code, code));
    }
    for (tail, column) in [
        ("REFUND,,,40000", "refund_id"),
        ("PAYMENT,R1,,40000", "type"),
        (",R1,,40000", "type"),
        ("PAYMENT,,,40000", "type"),
        ("CHARGE,R1,,40000", "type"),
        ("REFUND,R1,x,40000", "refund_id"),
        ("REFUND,R1,,40.000", "refund_amount"),
    ] {
        let lines = by_default(&format!("{TEN}\n{payment},{tail}\n"));
        let unreadable = lines[0].as_ref().unwrap_err();
        assert_eq!(unreadable.column.as_deref(), Some(column), "{tail}");
    }
}

#[test]
fn a_bad_format_is_refused() {
    for bad in [
        "",
        "[]",
        r#"{"separator":""}"#,
        r#"{"separator":"a"}"#,
        r#"{"separator":"\""}"#,
        r#"{"separator":"ộ"}"#,
        r#"{"separator":",,"}"#,
        r#"{"separator":"\n"}"#,
        r#"{"separator":null,"more":1}"#,
        r#"{"columns":{"result":"Mã","reason":" MÃ "}}"#,
        r#"{"column":{}}"#,
        r#"{"columns":{"tiki":"x"}}"#,
        r#"{"columns":{"result":""}}"#,
        r#"{"columns":{"result":"Reason"}}"#,
        r#"{"codes":{}}"#,
        r#"{"codes":{"00":"fine"}}"#,
        r#"{"header":"maybe"}"#,
        r#"{"order":["transaction_id"]}"#,
        r#"{"order":["tiki_transaction_id","status","status"]}"#,
        r#"{"order":["tiki_transaction_id","amount"]}"#,
        r#"{"header":"absent","codes_required":true,"order":["tiki_transaction_id","status"]}"#,
        r#"{"unmarked":"match"}"#,
        r#"{"ignored":["Reason"]}"#,
        r#"{"ignored":[" "]}"#,
        r#"{"trailers":[" "]}"#,
        r#"{"side_files":[""]}"#,
    ] {
        assert!(bad.parse::<ResultFormat>().is_err(), "{bad}");
    }
}

/// The numbers of the lines that are not empty, from the second on.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let lines = (1..).zip(bytes.split(|b| *b == b'\n')).skip(1);
    let there = lines.filter(|(_, line)| line.iter().any(|b| *b != b'\r'));
    there.map(|(number, _)| number).collect()
}

fn number(read: &Read) -> u64 {
    match read {
        Ok(line) => line.line,
        Err(unreadable) => unreadable.line,
    }
}

/// The pieces of a table in any order.
fn like_a_table() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"T-1,x,100000,SUCCESS,,,00,\n".to_vec()),
        Just(b"T-2".to_vec()),
        Just(b",".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just("\u{feff}".as_bytes().to_vec()),
        Just(vec![b'x'; MAX_LINE_BYTES]),
        prop::collection::vec(any::<u8>(), 0..9),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// For all bytes after a good header: each line that is not empty gives one result with its own number.
    #[test]
    fn every_line_gives_one_result(
        body in prop_oneof![prop::collection::vec(any::<u8>(), 0..600), like_a_table()],
        at_a_time in 1_usize..50,
    ) {
        let bytes = [HEADER.as_bytes(), &body].concat();
        // The size of the reads must not matter.
        let input = BufReader::with_capacity(at_a_time, &bytes[..]);
        let mut lines = Lines::new(input, ResultFormat::default());
        let mut found = Vec::new();
        while let Some(read) = lines.read().unwrap() {
            prop_assert_eq!(number(&read), lines.line());
            found.push(number(&read));
        }
        prop_assert_eq!(found, numbers(&bytes));
        let there = bytes.strip_suffix(b"\n").unwrap_or(&bytes).split(|b| *b == b'\n').count();
        prop_assert_eq!(lines.line(), u64::try_from(there).unwrap(), "lines in, lines out");
        prop_assert!(lines.read().unwrap().is_none(), "nothing after the end");
    }

    /// A table is read as it was written, and a bad line does not change the others.
    #[test]
    fn a_table_is_read_as_it_was_written(
        rows in prop::collection::vec(("[A-Za-z0-9._-]{1,64}", 1_u64..1_000_000, 0_usize..5, "[ -~]{0,60}"), 0..20),
        end in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let codes = ["00", "01", "02", "03", "99"];
        let mut text = HEADER.trim_end().to_owned() + end;
        for (id, amount, code, reason) in &rows {
            let reason = reason.replace('"', "\"\"");
            write!(text, "{id},,{amount},,,,{},\"{reason}\"{end}", codes[*code]).unwrap();
        }
        let lines = by_default(&text);
        prop_assert_eq!(lines.len(), rows.len());
        for (n, ((id, amount, code, reason), read)) in (2..).zip(rows.iter().zip(&lines)) {
            prop_assert_eq!(number(read), n);
            prop_assert_eq!(read.is_ok(), *code < 4);
            if let Ok(line) = read {
                prop_assert_eq!(line.tiki_id.as_str(), id);
                prop_assert_eq!(line.values.amount, Some(vnd(*amount)));
                prop_assert_eq!(&line.reason, reason.trim());
            }
        }
    }

    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        format in r#"\{("separator":".",?)?("columns":\{"result":".{0,3}"\},?)?("codes":\{".":"match"\})?\}"#,
    ) {
        let format = format.parse().unwrap_or_default();
        let _ = read(&bytes, &format);
    }
}
