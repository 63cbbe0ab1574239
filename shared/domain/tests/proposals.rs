//! Proposals: one person proposes an act, another one approves it.

#![expect(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "a test may panic"
)]

use std::time::Duration;

use domain::testing::{
    AssumeCommitted, answered, given_up, pending_payment, said, tried, with_refund,
};
use domain::{
    ApprovalRule, AuditEvent, Change, Decision, DisputeReason, Ipn, MAX_OPEN_ACTS,
    MAX_OPERATOR_ACTS, MAX_RESENDS, OperatorRefusal, OperatorWord, PROPOSAL_HOURS, PaidDetails,
    PaymentResult, PaymentResultMessage, PaymentState, Proposal, ProposedAct, RefundAnswer,
    Resolution, SeenReview, Timestamp, Transaction, Vnd,
};

const REVERSE: ProposedAct = ProposedAct::Resolve(Resolution::Reverse);
const CONFIRMED: ProposedAct = ProposedAct::Resolve(Resolution::Confirmed);
const LAN: &str = "operators/lan";
/// The same person, with another role.
const LAN_AS_HEAD: &str = "heads/lan";
const BINH: &str = "heads/binh";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000).unwrap()
}

fn vnd(amount: u64) -> Vnd {
    Vnd::new(amount).unwrap()
}

fn word(by: &str) -> OperatorWord {
    OperatorWord {
        by: by.parse().unwrap(),
        reason: "as the letter says".parse().unwrap(),
    }
}

fn paid() -> Transaction {
    said_paid(&pending_payment(at(0)), None)
}

fn said_paid(t: &Transaction, amount: Option<u64>) -> Transaction {
    said(t, PaymentResult::Paid(PaidDetails::default()), amount)
}

fn disputed() -> Transaction {
    tried(&paid(), Decision::Dispute(DisputeReason::AmountDiffers))
}

fn proposed(t: &Transaction, act: ProposedAct, by: &str, now: Timestamp) -> Transaction {
    let change = t.propose(act, &word(by), now).unwrap();
    change.unwrap().assume_committed()
}

fn rejected(t: &Transaction) -> Transaction {
    answered(t, &RefundAnswer::Rejected { reason: None })
}

fn back(t: &Transaction) -> Transaction {
    answered(t, &RefundAnswer::Succeeded)
}

/// A paid transaction of which Tiki wants so much back.
fn on_its_way(amount: u64) -> Transaction {
    with_refund(&paid(), amount)
}

fn partly_refunded(t: &Transaction) -> Transaction {
    with_refund(t, 1)
}

fn names(t: &Transaction) -> Vec<&'static str> {
    let entries = t.audit_trail().iter();
    entries.map(|entry| entry.event.as_str()).collect()
}

/// What may become of a proposal, and at which time somebody acts on it.
fn states() -> Vec<(&'static str, Transaction, Timestamp)> {
    let disputed = disputed();
    let now = disputed.updated_at().after(Duration::from_secs(1));
    let open = proposed(&disputed, REVERSE, LAN, now);
    let late = now.after(Duration::from_hours(PROPOSAL_HOURS));
    let just_in_time = Timestamp::from_unix_ms(late.unix_ms() - 1).unwrap();
    let exhausted = given_up(&paid());
    let then = exhausted.updated_at();
    let resend = proposed(&exhausted, ProposedAct::Resend, LAN, then);
    let sent = resend.resend_ipn(&word(BINH), then).unwrap();
    let retrying = tried(&paid(), Decision::Retry);
    let asked = proposed(&retrying, ProposedAct::Resend, LAN, retrying.updated_at());
    let confirmed = tried(&asked, Decision::Confirm);
    let contradicted = said_paid(&open, Some(99_999));
    let approved = open.approve(1, &word(BINH), now).unwrap();
    let declined = open.decline_proposal(1, &word(BINH), now).unwrap();
    vec![
        ("none", disputed, now),
        ("open", open.clone(), now),
        ("open, a millisecond left", open.clone(), just_in_time),
        ("expired", open.clone(), late),
        ("a part was refunded", partly_refunded(&open), now),
        ("another review came before", contradicted, now),
        ("approved", approved.assume_committed(), now),
        ("declined", declined.assume_committed(), now),
        ("resend, open", resend, then),
        (
            "resend, sent by somebody else",
            sent.assume_committed(),
            then,
        ),
        (
            "resend, confirmed meanwhile",
            confirmed.clone(),
            confirmed.updated_at(),
        ),
    ]
}

fn outcome(before: &Transaction, result: Result<Option<Change>, OperatorRefusal>) -> String {
    let change = match result {
        Ok(Some(change)) => change,
        Ok(None) => return "nothing".to_owned(),
        Err(refusal) => return format!("refused: {refusal}"),
    };
    let happened: Vec<_> = change.events().iter().map(AuditEvent::as_str).collect();
    let after = change.assume_committed();
    Transaction::restore(after.to_snapshot()).unwrap();
    assert_eq!(after.version(), before.version() + 1);
    let open = after.proposal().map_or_else(
        || "none open".to_owned(),
        |open| format!("{} of {}: {}", open.number, open.word.by, open.act.as_str()),
    );
    format!("{}; {open}", happened.join(", "))
}

/// Every command about a proposal in everything that may have become of it.
fn table() -> String {
    let mut text = String::new();
    for (name, t, now) in states() {
        let valid = t.valid_proposal(now).is_some();
        let open = t.proposal().map(|open| open.number);
        text += &format!("{name}: number {open:?}, can be approved: {valid}\n");
        let propose = |act, by| outcome(&t, t.propose(act, &word(by), now));
        let approve = |number, by| outcome(&t, t.approve(number, &word(by), now).map(Some));
        let decline =
            |number, by| outcome(&t, t.decline_proposal(number, &word(by), now).map(Some));
        let alone = t.resolve(Resolution::Confirmed, &word(BINH), now);
        for (command, outcome) in [
            ("Lan proposes to reverse", propose(REVERSE, LAN)),
            ("Bình proposes to reverse", propose(REVERSE, BINH)),
            ("Lan proposes to confirm", propose(CONFIRMED, LAN)),
            (
                "Lan proposes to send again",
                propose(ProposedAct::Resend, LAN),
            ),
            ("Bình approves", approve(1, BINH)),
            ("Lan approves", approve(1, LAN)),
            ("Lan approves as a head", approve(1, LAN_AS_HEAD)),
            ("somebody without a principal approves", approve(1, "binh")),
            ("Bình approves another number", approve(2, BINH)),
            ("Bình declines", decline(1, BINH)),
            ("Lan withdraws", decline(1, LAN)),
            ("Bình declines another number", decline(2, BINH)),
            ("Bình confirms alone", outcome(&t, alone.map(Some))),
        ] {
            text += &format!("    {command:<38} {outcome}\n");
        }
    }
    text
}

#[test]
fn every_command_about_a_proposal_does_what_the_table_says() {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("proposal_table", table());
    });
}

#[test]
fn a_proposal_says_what_it_is_about() {
    let disputed = disputed();
    let now = disputed.updated_at();
    let t = proposed(&disputed, REVERSE, LAN, now);
    let expected = Proposal {
        number: 1,
        act: REVERSE,
        review: disputed.needs_review(),
        contradictions: 0,
        remaining: vnd(100_000),
        word: word(LAN),
        at: now,
        expires_at: now.after(Duration::from_hours(24)),
    };
    assert_eq!(t.proposal(), Some(&expected));
    let entry = AuditEvent::Proposed {
        number: 1,
        act: REVERSE,
        remaining: vnd(100_000),
        word: word(LAN),
    };
    assert_eq!(t.audit_trail().last().unwrap().event, entry);
}

#[test]
fn who_approved_and_who_proposed_are_in_the_trail() {
    let disputed = disputed();
    let now = disputed.updated_at();
    let t = proposed(&disputed, REVERSE, LAN, now);
    let change = t.approve(1, &word(BINH), now).unwrap();
    assert!(change.due_marks().refund);
    let t = change.assume_committed();
    let expected = ["proposed", "approved", "resolved", "refund_reserved"];
    assert_eq!(names(&t)[3..], expected);
    let words: Vec<_> = t.audit_trail()[3..6]
        .iter()
        .map(|entry| match &entry.event {
            AuditEvent::Proposed { word, .. }
            | AuditEvent::Approved { word, .. }
            | AuditEvent::Resolved { word, .. } => word.by.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(words, [LAN, BINH, LAN]);
    assert!(matches!(t.payment(), PaymentState::Reversed { .. }));
    let again = t.approve(1, &word(BINH), now);
    assert_eq!(again, Err(OperatorRefusal::NoProposal));
}

/// A reversed payment of which a person says that all the money went back.
fn returned_by_hand() -> Transaction {
    let disputed = disputed();
    let reversed = disputed.resolve(Resolution::Reverse, &word(LAN), disputed.updated_at());
    let rejected = rejected(&reversed.unwrap().assume_committed());
    let amount = rejected.remaining_amount();
    let by_hand = Resolution::Returned { amount };
    let change = rejected.resolve(by_hand, &word(LAN), rejected.updated_at());
    change.unwrap().assume_committed()
}

#[test]
fn a_small_amount_or_one_person_needs_no_approval() {
    let (pending, disputed, gone) = (pending_payment(at(0)), disputed(), returned_by_hand());
    let resolve = ProposedAct::Resolve;
    let returned_now = |t: &Transaction| Resolution::Returned {
        amount: t.remaining_amount(),
    };
    for (about, t, act, amount) in [
        (
            "all is left",
            &disputed,
            resolve(Resolution::Confirmed),
            100_000,
        ),
        ("all is left", &disputed, REVERSE, 100_000),
        (
            "all is left",
            &disputed,
            resolve(returned_now(&disputed)),
            100_000,
        ),
        // What is on its way can be rejected, and goes back another way then.
        ("a part is on its way", &on_its_way(1), REVERSE, 100_000),
        ("all is on its way", &on_its_way(100_000), REVERSE, 100_000),
        ("a part is back", &back(&on_its_way(1)), REVERSE, 99_999),
        ("nothing is left", &gone, resolve(Resolution::Confirmed), 0),
        // Other money may be at stake than what is recorded here.
        (
            "nothing is left",
            &gone,
            resolve(Resolution::Handled),
            100_000,
        ),
        (
            "nothing was paid",
            &pending,
            resolve(Resolution::NotPaid),
            100_000,
        ),
    ] {
        for (above, one_person, expected) in [
            (0, false, amount > 0),
            (amount, false, false),
            (u64::saturating_sub(amount, 1), false, amount > 0),
            (0, true, false),
        ] {
            let rule = ApprovalRule {
                above: vnd(above),
                one_person,
            };
            for over_the_hour in [false, true] {
                let needed = t.needs_approval(act, rule, over_the_hour);
                assert_eq!(needed, expected, "{about}, {act:?}, above {above}");
            }
        }
    }
}

/// Of a dispute it ends it, and the money may go back then; otherwise only many are too many.
#[test]
fn a_resend_needs_approval_of_a_dispute_and_when_the_hour_has_had_too_many() {
    let (paid, disputed) = (paid(), disputed());
    let remaining = disputed.remaining_amount();
    for (t, above, one_person, over_the_hour, expected) in [
        (&paid, Vnd::ZERO, false, false, false),
        (&paid, Vnd::ZERO, false, true, true),
        (&paid, Vnd::ZERO, true, true, false),
        (&disputed, Vnd::ZERO, false, false, true),
        (&disputed, remaining, false, false, false),
        (&disputed, remaining, false, true, true),
        (&disputed, Vnd::ZERO, true, false, false),
        (&disputed, Vnd::ZERO, true, true, false),
    ] {
        let rule = ApprovalRule { above, one_person };
        let needed = t.needs_approval(ProposedAct::Resend, rule, over_the_hour);
        assert_eq!(needed, expected, "{above} {one_person} {over_the_hour}");
    }
}

/// A refund that the core may still reject is no money that is back.
#[test]
fn a_dispute_is_not_ended_alone_while_its_money_is_on_its_way() {
    let rule = ApprovalRule {
        above: Vnd::ZERO,
        one_person: false,
    };
    let asked = with_refund(&disputed(), 100_000);
    assert_eq!(asked.remaining_amount(), Vnd::ZERO);
    for act in [REVERSE, CONFIRMED, ProposedAct::Resend] {
        assert!(asked.needs_approval(act, rule, false), "{act:?}");
        assert!(!back(&asked).needs_approval(act, rule, false), "{act:?}");
    }
}

/// The core says that far more was taken than was asked for.
#[test]
fn what_the_core_has_said_counts_if_it_is_more() {
    let rule = ApprovalRule {
        above: vnd(1_000_000),
        one_person: false,
    };
    let handled = ProposedAct::Resolve(Resolution::Handled);
    let less = said_paid(&paid(), Some(99_999));
    assert!(!less.needs_approval(handled, rule, false));
    let more = said_paid(&paid(), Some(50_000_000));
    assert!(more.needs_approval(handled, rule, false));
}

/// Another debit of the same kind, or the same review once more, is nothing that the first person has seen.
#[test]
fn a_proposal_covers_nothing_that_came_after_it() {
    let now = at(1000);
    let handled = ProposedAct::Resolve(Resolution::Handled);
    let one = said_paid(&paid(), Some(99_999));
    let open = proposed(&one, handled, LAN, now);
    let two = said_paid(&open, Some(99_998));
    assert_eq!(two.needs_review(), open.needs_review());
    let refused = two.approve(1, &word(BINH), now);
    assert_eq!(refused, Err(OperatorRefusal::ProposalOutdated));
    assert!(proposed(&two, handled, LAN, now).proposal().is_some());

    // The notification is sent again, and in vain: it is in review for the same reason, but not since then.
    let first = given_up(&paid());
    let open = proposed(&first, CONFIRMED, LAN, first.updated_at());
    let requeued = open.requeue_ipn(open.updated_at()).unwrap();
    let again = given_up(&requeued.assume_committed());
    let reasons = [&first, &again].map(|t| t.needs_review().unwrap().0);
    assert_eq!(reasons[0], reasons[1]);
    let refused = again.approve(1, &word(BINH), open.updated_at());
    assert_eq!(refused, Err(OperatorRefusal::ProposalOutdated));
}

#[test]
fn a_decision_is_on_the_review_that_was_seen() {
    let (now, handled) = (at(1000), Resolution::Handled);
    let seen = |text: &str| text.parse::<SeenReview>().unwrap();
    let disputed = disputed();
    let dispute = seen("amount_differs");
    let amount = seen("paid_amount_differs:1");
    let another = |seen, next| Err(OperatorRefusal::AnotherReview { seen, next });
    assert_eq!(disputed.review_to_see(), Some(dispute));
    assert_eq!(disputed.check_review(dispute), Ok(()));
    assert_eq!(disputed.check_review(amount), another(amount, dispute));

    // Something came up that the person has not seen.
    let both = said_paid(&disputed, Some(99_999));
    assert_eq!(both.check_review(dispute), another(dispute, amount));
    assert_eq!(both.check_review(amount), Ok(()));
    // The repeat of a command whose answer was lost decides nothing else.
    let one_left = both.resolve(handled, &word(LAN), now).unwrap();
    let one_left = one_left.assume_committed();
    let dispute_left = seen("amount_differs:1");
    assert_eq!(one_left.check_review(amount), another(amount, dispute_left));
    assert_eq!(one_left.check_review(dispute_left), Ok(()));
    // Nor one more of the same kind: before the first is decided, and after.
    let other = seen("paid_amount_differs:2");
    for before in [&both, &one_left] {
        let again = said_paid(before, Some(88_888));
        assert_eq!(again.check_review(amount), another(amount, other));
        assert_eq!(again.check_review(other), Ok(()));
    }
    let nothing = Err(OperatorRefusal::NothingToDecide);
    assert_eq!(paid().check_review(dispute), nothing);
}

#[test]
fn a_resend_that_was_done_waits_for_nobody() {
    let retrying = tried(&paid(), Decision::Retry);
    let now = retrying.updated_at();
    let waits = proposed(&retrying, ProposedAct::Resend, LAN, now);
    assert!(waits.valid_proposal(now).is_some());
    let sent = waits.resend_ipn(&word(BINH), now).unwrap();
    assert_eq!(sent.assume_committed().proposal(), None);
}

/// A contradiction brings it back into review each day, so that there is always something to decide.
fn raised_again(t: &Transaction) -> (Transaction, Timestamp) {
    let now = t.updated_at().after(Duration::from_hours(48));
    let message = PaymentResultMessage {
        amount: Some(vnd(99_999)),
        result: PaymentResult::Paid(PaidDetails::default()),
    };
    let recorded = t.record_payment_result(&message, now).change;
    let raised = recorded.map_or_else(|| t.clone(), Change::assume_committed);
    (raised, now)
}

#[test]
fn proposals_that_come_to_nothing_leave_room_to_end_it() {
    let handled = ProposedAct::Resolve(Resolution::Handled);
    let mut t = paid();
    let mut longest = 0;
    // One person proposes and withdraws, or lets it expire, far more often than persons may act.
    let spoil = |t: &Transaction, round: usize| {
        let (t, now) = raised_again(t);
        let before = t.proposal().map_or(0, |open| open.number);
        let t = proposed(&t, handled, LAN, now);
        let number = t.proposal().unwrap().number;
        assert!(number > before);
        if round.is_multiple_of(3) {
            return t;
        }
        let declined = t.decline_proposal(number, &word(LAN), now);
        declined.unwrap().assume_committed()
    };
    // With the place of the last act that ended nothing.
    for ended in 0..=MAX_OPERATOR_ACTS - MAX_OPEN_ACTS {
        for round in 0..50 {
            t = spoil(&t, round);
        }
        longest = longest.max(t.audit_trail().len());
        let (raised, now) = raised_again(&t);
        let ready = proposed(&raised, handled, LAN, now);
        let number = ready.proposal().unwrap().number;
        let approved = ready.approve(number, &word(BINH), now).unwrap();
        t = approved.assume_committed();
        assert_eq!(t.needs_review(), None, "it was ended {ended} times");
    }
    let (raised, now) = raised_again(&t);
    let refused = raised.propose(handled, &word(LAN), now);
    let all = OperatorRefusal::TooManyActs(MAX_OPERATOR_ACTS);
    assert_eq!(refused, Err(all));
    // The trail is bounded all the same: the last places are counted.
    assert!(longest < 75, "{longest} entries");
    let counted = t.audit_trail().iter().filter(|entry| entry.times > 1);
    assert!(counted.count() >= 5);
}

#[test]
fn what_ends_nothing_is_proposed_so_often_and_no_more() {
    let now = at(1000);
    let mut t = disputed();
    for number in 1..=u32::try_from(MAX_RESENDS).unwrap() {
        t = proposed(&t, ProposedAct::Resend, LAN, now);
        let declined = t.decline_proposal(number, &word(BINH), now).unwrap();
        t = declined.assume_committed();
    }
    let refused = t.propose(ProposedAct::Resend, &word(LAN), now);
    assert_eq!(refused, Err(OperatorRefusal::TooManyActs(MAX_RESENDS)));
    let all = ["proposed", "proposal_declined"].repeat(MAX_RESENDS);
    assert_eq!(names(&t)[3..], all, "each has an entry of its own");
    // An approved reversal that the core rejects is one act, and not three.
    for number in MAX_RESENDS + 1..=MAX_OPEN_ACTS {
        t = proposed(&t, REVERSE, LAN, now);
        let number = u32::try_from(number).unwrap();
        let approved = t.approve(number, &word(BINH), now).unwrap();
        t = rejected(&approved.assume_committed());
    }
    for refused in [
        t.propose(REVERSE, &word(LAN), now).map(|_| ()),
        t.resolve(Resolution::Reverse, &word(LAN), now).map(|_| ()),
    ] {
        assert_eq!(refused, Err(OperatorRefusal::TooManyActs(MAX_OPEN_ACTS)));
    }
    let amount = t.remaining_amount();
    let returned = ProposedAct::Resolve(Resolution::Returned { amount });
    assert!(t.propose(returned, &word(LAN), now).is_ok());
}

/// What was begun may be ended: the bound is for what begins.
#[test]
fn an_open_proposal_is_approved_or_declined_at_the_bound() {
    let now = at(1000);
    let mut t = disputed();
    for _ in 1..MAX_RESENDS {
        t = t.resend_ipn(&word(LAN), now).unwrap().assume_committed();
    }
    let t = proposed(&t, ProposedAct::Resend, LAN, now);
    assert!(t.resend_ipn(&word(BINH), now).is_err());
    assert!(t.decline_proposal(1, &word(LAN), now).is_ok());
    let sent = t.approve(1, &word(BINH), now).unwrap().assume_committed();
    assert!(matches!(sent.ipn(), Ipn::Retrying { due_at, .. } if due_at == now));
}

#[test]
fn a_proposal_that_nobody_can_have_made_is_damage() {
    let disputed = disputed();
    let open = proposed(&disputed, REVERSE, LAN, disputed.updated_at());
    let with = |change: &dyn Fn(&mut Proposal)| {
        let mut snapshot = open.to_snapshot();
        change(snapshot.proposal.as_mut().unwrap());
        Transaction::restore(snapshot).is_ok()
    };
    let returned = |amount| ProposedAct::Resolve(Resolution::Returned { amount });
    assert!(with(&|_| {}));
    assert!(with(&|p| p.act = returned(vnd(100_000))));
    assert!(!with(&|p| p.act = returned(vnd(99_999))));
    assert!(!with(&|p| p.review = None));
    assert!(with(&|p| (p.act, p.review) = (ProposedAct::Resend, None)));
}
