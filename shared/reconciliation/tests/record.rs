//! The records: the history of a finding, what files say of it, and what they do not say any more.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use domain::{Day, LookUpAnswer, Status, TikiTransactionId, Timestamp, Vnd};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::record::{
    BadRunName, Claim, Closed, ClosedBy, Finding, Ours, RunName, Subject, Values,
};

fn day() -> Day {
    "2026-11-22".parse().unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms).unwrap()
}

fn vnd(amount: u64) -> Vnd {
    Vnd::new(amount).unwrap()
}

fn ours(status: Status, amount: u64) -> Ours {
    let amount = Some(vnd(amount));
    Ours { status, amount }
}

fn success(amount: u64) -> LookUpAnswer {
    LookUpAnswer::Found(Status::Success, Some(vnd(amount)))
}

const PENDING: Option<LookUpAnswer> = Some(LookUpAnswer::Found(Status::Pending, None));

fn payment() -> Subject {
    let tiki_id = "T-1".parse().unwrap();
    Subject::Payment { tiki_id }
}

fn refund() -> Subject {
    Subject::Refund {
        tiki_id: "T-1".parse().unwrap(),
        refund: "R1".to_owned(),
    }
}

fn finding() -> Finding {
    let mut finding = Finding::new(day(), payment(), at(1_000));
    finding.ours = Some(ours(Status::Success, 300_000));
    finding.tiki = Some(success(299_000));
    finding
}

fn person() -> ClosedBy {
    ClosedBy::Person("lan".parse().unwrap(), "Tiki, ticket 4713".parse().unwrap())
}

/// A finding that needed review, closed by a person.
fn closed() -> Finding {
    let mut finding = finding();
    finding.look(at(2_000), Kind::NeedsReview, MismatchReason::AmountDiffers);
    finding.closed = Some(Closed {
        at: at(3_000),
        by: person(),
    });
    finding.reported = true;
    finding
}

fn claim(reading: u64, amount: u64) -> Claim {
    Claim {
        reading,
        heard_at: at(i64::try_from(reading).unwrap()),
        line: 2,
        code: "03".to_owned(),
        reason: String::new(),
        values: Values {
            status: Some("SUCCESS".to_owned()),
            amount: Some(vnd(amount)),
        },
        id: None,
        withdrawn: false,
    }
}

#[test]
fn the_same_state_adds_no_step() {
    let mut finding = finding();
    assert!(finding.look(at(2_000), Kind::NeedsReview, MismatchReason::AmountDiffers));
    let before = finding.clone();
    assert!(!finding.look(at(3_000), Kind::NeedsReview, MismatchReason::AmountDiffers));
    assert_eq!(finding.looked_at, at(3_000));
    let looked_at = before.looked_at;
    assert_eq!(
        Finding {
            looked_at,
            ..finding
        },
        before
    );
}

#[test]
fn a_new_state_is_a_step_with_the_values_of_that_time() {
    let mut finding = finding();
    let resent = (Kind::Resent, MismatchReason::NotificationInProgress);
    finding.look(at(2_000), resent.0, resent.1);
    finding.tiki = PENDING;
    assert!(finding.look(at(3_000), Kind::Matched, MismatchReason::Agree));
    let seen = finding
        .history
        .iter()
        .map(|step| (step.at, step.kind, step.mismatch, step.tiki));
    let expected = [
        (at(2_000), resent.0, resent.1, Some(success(299_000))),
        (at(3_000), Kind::Matched, MismatchReason::Agree, PENDING),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert_eq!(
        (finding.kind, finding.mismatch),
        (Kind::Matched, MismatchReason::Agree)
    );
}

#[test]
fn a_closed_finding_stays_closed_in_the_same_state() {
    let mut same = closed();
    assert!(!same.look(at(9_000), Kind::NeedsReview, MismatchReason::AmountDiffers));
    assert!(same.closed.is_some() && same.reported && !same.is_open());
    // Of a payment, the files are not part of the state: Tiki's look-up is.
    let mut again = closed();
    again.claims.insert("g".to_owned(), claim(7, 1));
    assert!(!again.look(at(9_000), Kind::NeedsReview, MismatchReason::AmountDiffers));
    assert!(again.closed.is_some());
}

#[test]
fn a_new_state_opens_a_closed_finding_again() {
    for what in ["our status", "our amount", "Tiki's answer", "Tiki's amount"] {
        let mut finding = closed();
        match what {
            "our status" => finding.ours = Some(ours(Status::Failure, 300_000)),
            "our amount" => finding.ours = Some(ours(Status::Success, 1)),
            "Tiki's answer" => finding.tiki = PENDING,
            _ => finding.tiki = Some(success(1)),
        }
        assert!(
            finding.look(at(9_000), Kind::NeedsReview, MismatchReason::AmountDiffers),
            "{what}"
        );
        assert!(finding.closed.is_none() && !finding.reported, "{what}");
        assert!(finding.is_open(), "{what}");
    }
    for (kind, reason) in [
        (Kind::NeedsReview, MismatchReason::NoAmountAtTiki),
        (Kind::Matched, MismatchReason::AmountDiffers),
    ] {
        let mut finding = closed();
        assert!(finding.look(at(9_000), kind, reason));
        assert_eq!(finding.closed, None);
    }
}

/// What a run has closed is open again when the file says it again; what a person has closed is not, unless the file
/// says something else of what no look-up covers.
#[test]
fn a_claim_of_a_file_opens_what_is_closed() {
    let (kind, mismatch) = (Kind::NeedsReview, MismatchReason::RefundDiffers);
    let mut finding = Finding::new(day(), refund(), at(0));
    finding.claims.insert("f".to_owned(), claim(1, 4_000));
    assert!(finding.look(at(1), kind, mismatch));
    for (by, opens) in [(ClosedBy::Run, true), (person(), false)] {
        finding.closed = Some(Closed { at: at(1), by });
        assert_eq!(finding.look(at(2), kind, mismatch), opens);
        assert_eq!(finding.is_open(), opens);
    }
    finding.claims.insert("f".to_owned(), claim(1, 1));
    assert!(
        finding.look(at(3), kind, mismatch),
        "the file says something else"
    );
    assert!(finding.is_open());
}

/// Each file's word ends when that file comes without it; and with the last word what no look-up covers is closed.
#[test]
fn a_word_ends_when_its_file_comes_without_it() {
    for (subject, by_file_alone) in [(refund(), true), (payment(), false)] {
        let mut finding = Finding::new(day(), subject, at(0));
        finding.claims.insert("f".to_owned(), claim(1, 4_000));
        finding.claims.insert("g".to_owned(), claim(5, 5_000));
        finding.look(at(1), Kind::NeedsReview, MismatchReason::RefundDiffers);
        assert!(!finding.withdraw("f", 1, at(2)), "this reading has it");
        assert!(!finding.withdraw("h", 9, at(2)), "another file");
        assert!(finding.withdraw("f", 2, at(2)));
        assert!(finding.is_open(), "the other file still says it");
        assert!(!finding.withdraw("f", 3, at(2)), "once");
        assert!(finding.withdraw("g", 6, at(3)));
        assert_eq!(finding.is_open(), !by_file_alone);
        let last = finding.last_word().unwrap();
        assert_eq!((last.0, last.1.values.amount), ("g", Some(vnd(5_000))));
        assert_eq!(finding.present_claims().count(), 0);
    }
}

/// Tiki may give a different unclear answer each hour. Each would open the finding again, and the 24 hours until
/// it needs review would never end.
#[test]
fn all_unclear_answers_are_the_same_state() {
    let mut finding = finding();
    let answers = [
        LookUpAnswer::Unclear,
        LookUpAnswer::SystemError,
        LookUpAnswer::Unauthorized,
    ];
    for (hour, answer) in (1..100).zip(answers.into_iter().cycle()) {
        finding.tiki = Some(answer);
        let new = finding.look(at(hour), Kind::Undecided, MismatchReason::NoClearAnswer);
        assert_eq!(new, hour == 1, "{answer:?}");
    }
    assert_eq!(finding.history.len(), 1);
    let since = finding.history.first().map(|step| step.at);
    assert_eq!(since, Some(at(1)), "since the first");
    // To need review is a new state.
    assert!(finding.look(at(100), Kind::NeedsReview, MismatchReason::NoClearAnswer));
}

#[test]
fn a_long_history_keeps_its_start_and_its_end() {
    let mut finding = finding();
    for n in 0..100 {
        finding.ours = Some(ours(Status::Success, u64::try_from(n).unwrap() + 1));
        assert!(finding.look(at(n), Kind::NeedsReview, MismatchReason::AmountDiffers));
    }
    let kept: Vec<Timestamp> = finding.history.iter().map(|step| step.at).collect();
    let expected: Vec<Timestamp> = (0..20).chain(80..100).map(at).collect();
    assert_eq!(kept, expected);
}

/// A look-up says nothing about a refund, and a line that cannot be read is about nothing.
#[test]
fn tiki_can_be_asked_about_a_payment_alone() {
    let tiki_id: TikiTransactionId = "T-1".parse().unwrap();
    let line = Subject::Line {
        file: "f".to_owned(),
        line: 2,
    };
    for (subject, text, of, asked) in [
        (payment(), "T-1", true, true),
        (refund(), "T-1/R1", true, false),
        (line, "f:2", false, false),
    ] {
        assert_eq!(subject.to_string(), text);
        assert_eq!(subject.tiki_id(), of.then_some(&tiki_id));
        assert_eq!(subject.payment(), asked.then_some(&tiki_id));
    }
}

#[test]
fn a_run_has_a_name_of_letters_and_digits() {
    let name: RunName = "0a1b".parse().unwrap();
    assert_eq!(name.to_string(), "0a1b");
    for bad in ["", "a-b", "ä", &"a".repeat(65)] {
        assert_eq!(bad.parse::<RunName>(), Err(BadRunName), "{bad}");
    }
}
