//! The records: the history of a finding, and how a stored one is read.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use domain::{Day, Status, TikiTransactionId, Vnd};
use proptest::prelude::*;
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::record::{Claim, Closed, Finding, Subject, ours};

fn day() -> Day {
    "2026-11-22".parse().unwrap()
}

fn payment() -> Subject {
    let tiki_id = "T-1".parse().unwrap();
    Subject::Payment { tiki_id }
}

fn finding() -> Finding {
    let mut finding = Finding::new(day(), payment(), "f", 2, 1_000);
    finding.ours = ours(Status::Success, Vnd::new(300_000).unwrap());
    "success".clone_into(&mut finding.tiki);
    finding.tiki_amount_vnd = Some(299_000);
    finding
}

/// A finding that needed review, closed by a person.
fn closed() -> Finding {
    let mut finding = finding();
    finding.look(2_000, Kind::NeedsReview, MismatchReason::AmountDiffers);
    finding.closed = Some(Closed {
        at: 3_000,
        by: "lan".to_owned(),
        reason: "Tiki, ticket 4713".to_owned(),
        by_run: false,
    });
    finding.reported = true;
    finding
}

#[test]
fn the_same_state_adds_no_step() {
    let mut finding = finding();
    assert!(finding.look(2_000, Kind::NeedsReview, MismatchReason::AmountDiffers));
    let before = finding.clone();
    assert!(!finding.look(3_000, Kind::NeedsReview, MismatchReason::AmountDiffers));
    assert_eq!(finding.looked_at, 3_000);
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
    finding.look(2_000, Kind::Resent, MismatchReason::NotificationInProgress);
    "pending".clone_into(&mut finding.tiki);
    finding.tiki_amount_vnd = None;
    assert!(finding.look(3_000, Kind::Matched, MismatchReason::Agree));
    let seen = finding.history.iter().map(|step| {
        let tiki = (step.tiki.as_str(), step.tiki_amount_vnd);
        (step.at, step.kind, step.mismatch, tiki)
    });
    let expected = [
        (
            2_000,
            Kind::Resent,
            MismatchReason::NotificationInProgress,
            ("success", Some(299_000)),
        ),
        (
            3_000,
            Kind::Matched,
            MismatchReason::Agree,
            ("pending", None),
        ),
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
    assert!(!same.look(9_000, Kind::NeedsReview, MismatchReason::AmountDiffers));
    assert!(same.closed.is_some() && same.reported && !same.is_open());
    // The file and the line are not part of the state.
    let mut again = closed();
    (again.file, again.line) = ("g".to_owned(), 7);
    assert!(!again.look(9_000, Kind::NeedsReview, MismatchReason::AmountDiffers));
    assert!(again.closed.is_some());
}

#[test]
fn a_new_state_opens_a_closed_finding_again() {
    for what in ["our status", "our amount", "Tiki's answer", "Tiki's amount"] {
        let mut finding = closed();
        match what {
            "our status" => finding.ours.status = Some("FAILURE".to_owned()),
            "our amount" => finding.ours.amount_vnd = Some(1),
            "Tiki's answer" => "pending".clone_into(&mut finding.tiki),
            _ => finding.tiki_amount_vnd = Some(1),
        }
        assert!(
            finding.look(9_000, Kind::NeedsReview, MismatchReason::AmountDiffers),
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
        assert!(finding.look(9_000, kind, reason));
        assert_eq!(finding.closed, None);
    }
}

/// What a run has closed is open again when the file says it again; what a person has closed is not, unless the file
/// says something else of what no look-up covers.
#[test]
fn a_claim_of_a_file_opens_what_is_closed() {
    let refund = |amount| {
        let mut finding = closed();
        let tiki_id = "T-1".parse().unwrap();
        finding.subject = Subject::Refund {
            tiki_id,
            refund: "R1".to_owned(),
        };
        finding.history.clear();
        let claim = Claim {
            reading: 1,
            code: "03".to_owned(),
            values: ours(Status::Success, Vnd::new(amount).unwrap()),
            id: None,
        };
        finding.claims.insert("f".to_owned(), claim);
        finding
    };
    let kind = (Kind::NeedsReview, MismatchReason::RefundDiffers);
    let mut finding = refund(4_000);
    assert!(finding.look(1, kind.0, kind.1));
    for by_run in [true, false] {
        finding.closed = closed().closed.map(|closed| Closed { by_run, ..closed });
        assert_eq!(finding.look(2, kind.0, kind.1), by_run);
        assert_eq!(finding.is_open(), by_run);
    }
    finding.claims = refund(1).claims;
    assert!(
        finding.look(3, kind.0, kind.1),
        "the file says something else"
    );
    assert!(finding.is_open());
}

/// Tiki may give a different unclear answer each hour. Each would open the finding again, and the 24 hours until
/// it needs review would never end.
#[test]
fn all_unclear_answers_are_the_same_state() {
    let mut finding = finding();
    finding.tiki_amount_vnd = None;
    let answers = ["unclear", "system_error", "unauthorized"];
    for (hour, answer) in (1..100).zip(answers.into_iter().cycle()) {
        answer.clone_into(&mut finding.tiki);
        let new = finding.look(hour, Kind::Undecided, MismatchReason::NoClearAnswer);
        assert_eq!(new, hour == 1, "{answer}");
    }
    assert_eq!(finding.history.len(), 1);
    assert_eq!(
        finding.history.first().map(|step| step.at),
        Some(1),
        "since the first"
    );
    // To need review is a new state.
    assert!(finding.look(100, Kind::NeedsReview, MismatchReason::NoClearAnswer));
}

#[test]
fn a_long_history_keeps_its_start_and_its_end() {
    let mut finding = finding();
    for n in 0..100 {
        finding.ours.amount_vnd = Some(n);
        assert!(finding.look(
            i64::try_from(n).unwrap(),
            Kind::NeedsReview,
            MismatchReason::AmountDiffers
        ));
    }
    let at: Vec<i64> = finding.history.iter().map(|step| step.at).collect();
    let kept: Vec<i64> = (0..20).chain(80..100).collect();
    assert_eq!(at, kept);
}

/// A look-up says nothing about a refund, and a line that cannot be read is about nothing.
#[test]
fn tiki_can_be_asked_about_a_payment_alone() {
    let tiki_id: TikiTransactionId = "T-1".parse().unwrap();
    let refund = Subject::Refund {
        tiki_id: tiki_id.clone(),
        refund: "R1".to_owned(),
    };
    let line = Subject::Line {
        file: "f".to_owned(),
        line: 2,
    };
    for (subject, text, of, asked) in [
        (payment(), "T-1", true, true),
        (refund, "T-1/R1", true, false),
        (line, "f:2", false, false),
    ] {
        assert_eq!(subject.to_string(), text);
        assert_eq!(subject.tiki_id(), of.then_some(&tiki_id));
        assert_eq!(subject.payment(), asked.then_some(&tiki_id));
        let json = serde_json::to_string(&subject).unwrap();
        assert_eq!(serde_json::from_str::<Subject>(&json).unwrap(), subject);
    }
}

#[test]
fn a_finding_of_an_earlier_version_is_read() {
    let mut old = serde_json::to_value(closed()).unwrap();
    let step = old
        .pointer_mut("/history/0")
        .unwrap()
        .as_object_mut()
        .unwrap();
    assert!(step.remove("tiki_amount_vnd").is_some());
    old.as_object_mut().unwrap().remove("reported");
    let read: Finding = serde_json::from_value(old).unwrap();
    assert_eq!(read.history.first().unwrap().tiki_amount_vnd, None);
    assert!(!read.reported);
}

proptest! {
    #[test]
    fn a_finding_is_read_as_it_was_written(texts in prop::collection::vec(".*", 5), amounts: [Option<u64>; 3]) {
        let mut finding = closed();
        for (field, text) in [&mut finding.file, &mut finding.code, &mut finding.reason]
            .into_iter()
            .zip(&texts)
        {
            field.clone_from(text);
        }
        finding.in_file.status = texts.last().cloned();
        let [file, refund] = [texts[0].clone(), texts[1].clone()];
        finding.subject = match amounts[0] {
            None => Subject::Line { file, line: 7 },
            Some(_) => Subject::Refund { tiki_id: "T-1".parse().unwrap(), refund },
        };
        [finding.in_file.amount_vnd, finding.ours.amount_vnd, finding.tiki_amount_vnd] = amounts;
        let json = serde_json::to_string(&finding).unwrap();
        prop_assert_eq!(serde_json::from_str::<Finding>(&json).unwrap(), finding);
    }
}
