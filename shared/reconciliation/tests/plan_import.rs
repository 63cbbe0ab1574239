//! What happens to each kind of file in Tiki's folder, at each look.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use domain::{Day, TikiTransactionId, Timestamp, TransactionId};
use reconciliation::hash::Hashed;
use reconciliation::plan::import::{Fetched, Listed, Name, Next, after_fetch, is_read};
use reconciliation::plan::line::hear;
use reconciliation::record::{Claim, Finding, Received, Subject, Values};
use reconciliation::result::ResultFormat;

const NAME: &str = "tikivip_vnptmoney_20261122_1";

fn day() -> Day {
    "2026-11-22".parse().unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms).unwrap()
}

fn listed(bytes: Option<u64>, modified: Option<u32>) -> Listed {
    Listed {
        name: NAME.to_owned(),
        bytes,
        modified,
    }
}

fn content(bytes: u64, sha256: &str) -> Hashed {
    Hashed {
        bytes,
        sha256: sha256.to_owned(),
    }
}

/// What is recorded of a file of 10 bytes.
fn known(sha256: Option<&str>, done: bool) -> Received {
    Received {
        day: day(),
        name: NAME.to_owned(),
        sha256: sha256.map(str::to_owned),
        bytes: 10,
        modified: Some(1),
        reading: 4,
        received_at: at(1),
        lines: 3,
        matched: 2,
        findings: 0,
        unreadable: 0,
        done_at: done.then(|| at(2)),
    }
}

#[test]
fn a_name_says_what_a_file_is() {
    let partner = "vnptmoney".parse().unwrap();
    let format = ResultFormat::default();
    let long = "x".repeat(300);
    for (name, expected) in [
        (NAME, Name::Results(day())),
        ("tikivip_vnptmoney_20261122_1.csv", Name::Results(day())),
        ("tikivip_vnptmoney_20261122_1.filepart", Name::SideFile),
        ("tikivip_vnptmoney_20261122_1.md5", Name::SideFile),
        (
            "20261122.csv",
            Name::Unrecognised("20261122.csv".to_owned()),
        ),
        ("a/b", Name::Unrecognised("a_b".to_owned())),
        (
            "tikivip_vnptmoney_20261122_1\u{1b}]0;title\u{7}",
            Name::Unrecognised(r"tikivip_vnptmoney_20261122_1\u{1b}]0;title\u{7}".to_owned()),
        ),
        (
            "a\nb\u{202e}",
            Name::Unrecognised(r"a\u{a}b\u{202e}".to_owned()),
        ),
        (&long, Name::Unrecognised("x".repeat(200))),
    ] {
        assert_eq!(Name::of(name, &partner, &format), expected, "{name}");
    }
}

#[test]
fn a_file_was_read_if_size_and_time_are_those_of_the_reading() {
    let done = known(Some("a"), true);
    for (known, listed, expected) in [
        (None, listed(Some(10), Some(1)), false),
        (Some(&done), listed(Some(10), Some(1)), true),
        (Some(&done), listed(None, Some(1)), true),
        (Some(&done), listed(Some(11), Some(1)), false),
        (Some(&done), listed(Some(10), Some(2)), false),
        // Without a time only the bytes can tell.
        (Some(&done), listed(Some(10), None), false),
        (
            Some(&known(Some("a"), false)),
            listed(Some(10), Some(1)),
            false,
        ),
    ] {
        assert_eq!(is_read(known, &listed), expected, "{known:?} {listed:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each case")]
fn what_was_fetched_is_read_once_and_bytes_that_changed_are_read_anew() {
    let entry = listed(Some(10), Some(7));
    let next = |known: Option<&Received>, fetched: Fetched, again: bool| {
        after_fetch(known, (day(), &entry), fetched, again, at(9))
    };
    let whole = |sha256| Fetched::Whole(content(10, sha256));
    let new = |reading, sha256: Option<&str>, done| Received {
        sha256: sha256.map(str::to_owned),
        modified: Some(7),
        reading,
        received_at: at(9),
        lines: 0,
        matched: 0,
        done_at: if done { Some(at(9)) } else { None },
        ..known(None, false)
    };
    let (done, begun) = (known(Some("a"), true), known(Some("a"), false));
    let refused = known(None, true);
    let problem = || Fetched::Refused("p".to_owned());
    let refuse = |reading| Next::Refuse(new(reading, None, true), "p".to_owned());
    let recognised = Received {
        modified: Some(7),
        ..done.clone()
    };
    for (known, fetched, again, expected) in [
        (
            None,
            whole("a"),
            false,
            Next::Begin(new(1, Some("a"), false)),
        ),
        (Some(&done), whole("a"), false, Next::Recognise(recognised)),
        (
            Some(&done),
            whole("a"),
            true,
            Next::Begin(new(5, Some("a"), false)),
        ),
        (
            Some(&done),
            whole("b"),
            false,
            Next::Begin(new(5, Some("b"), false)),
        ),
        (Some(&begun), whole("a"), false, Next::GoOn),
        (
            Some(&begun),
            whole("b"),
            false,
            Next::Begin(new(5, Some("b"), false)),
        ),
        (
            Some(&refused),
            whole("a"),
            false,
            Next::Begin(new(5, Some("a"), false)),
        ),
        (None, problem(), false, refuse(1)),
        (Some(&done), problem(), false, refuse(5)),
        // It was refused before in another form: this is a new one.
        (Some(&refused), problem(), false, refuse(5)),
        (Some(&done), Fetched::Gone, false, Next::Nothing),
        (None, Fetched::Gone, true, Next::Nothing),
    ] {
        let seen = next(known, fetched.clone(), again);
        assert_eq!(seen, expected, "{known:?} {fetched:?} {again}");
    }
    // The same refused file is reported once.
    let same = listed(Some(10), Some(1));
    let seen = |again| after_fetch(Some(&refused), (day(), &same), problem(), again, at(9));
    assert_eq!(seen(false), Next::Nothing);
    assert!(matches!(seen(true), Next::Refuse(..)));
    // It grew while it was fetched.
    let grown = Fetched::Whole(content(11, "c"));
    assert_eq!(next(None, grown, false), Next::Later);
    let without_size = listed(None, None);
    let fetched = Fetched::Whole(content(11, "c"));
    let seen = after_fetch(None, (day(), &without_size), fetched, false, at(9));
    assert!(matches!(seen, Next::Begin(received) if received.bytes == 11));
}

/// Two lines of one file are about one payment, and are processed side by side.
#[test]
fn a_wrong_id_in_one_line_is_not_made_good_by_another_line() {
    let tiki_id: TikiTransactionId = "T-1".parse().unwrap();
    let ours = TransactionId::derive(&tiki_id);
    let claim = |reading, line, id: TransactionId| Claim {
        reading,
        heard_at: at(0),
        line,
        code: "03".to_owned(),
        reason: String::new(),
        values: Values::default(),
        id: Some(id.to_string()),
        withdrawn: false,
    };
    let other = TransactionId::derive(&"T-2".parse().unwrap());
    let heard = |claims: [Claim; 2]| {
        let mut finding = Finding::new(
            day(),
            Subject::Payment {
                tiki_id: tiki_id.clone(),
            },
            at(0),
        );
        for claim in claims {
            hear(&mut finding, "results", claim, ours);
        }
        finding.claims["results"].line
    };
    let (right, wrong) = (claim(1, 6, ours), claim(1, 5, other));
    assert_eq!(heard([wrong.clone(), right.clone()]), 5);
    assert_eq!(heard([right.clone(), wrong.clone()]), 5);
    // Another reading of the file replaces what the last one said.
    assert_eq!(heard([wrong, claim(2, 6, ours)]), 6);
    assert_eq!(heard([right, claim(2, 5, other)]), 5);
}
