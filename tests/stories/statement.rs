//! The third side: what the core's statement says beside our records, and what follows from it.

use std::collections::BTreeMap;

use e2e::{Payment, TestEnv};
use sandbox::Fault;
use sandbox::core::Booking;
use serde_json::{Value, json};

use crate::operator_command::assert_fits;
use crate::reconciliation::{archived, finding, open_findings, run, the_day};
use crate::reversal::reversed;
use crate::watch::last_gauge;

fn scheduled() -> Value {
    json!({ "action": "reconcile" })
}

/// A run of the schedule, that reconciles the day of the payments, too.
async fn compare(env: &TestEnv) {
    env.set_first_day(the_day()).await;
    run(env, scheduled()).await;
}

/// Noon of the day: whatever the time of the test, not near midnight.
fn noon() -> i64 {
    the_day().start().unix_ms() + 12 * 3_600_000
}

fn at_core(payment: &Payment) -> String {
    format!("core:{}", payment.id)
}

/// Changes the bookings of a payment, and of its refunds.
fn change(env: &TestEnv, payment: &Payment, change: impl Fn(&mut Booking)) {
    env.core.change_bookings(|bookings| {
        let of_it = bookings.iter_mut();
        of_it
            .filter(|b| b.transaction_id == payment.id)
            .for_each(&change);
    });
}

fn remove(env: &TestEnv, payment: &Payment, kind: &str) {
    env.core.change_bookings(|bookings| {
        bookings.retain(|b| b.transaction_id != payment.id || b.kind != kind);
    });
}

fn again(env: &TestEnv, payment: &Payment, change: impl Fn(&mut Booking)) {
    env.core.change_bookings(|bookings| {
        let booked = bookings.iter().find(|b| b.transaction_id == payment.id);
        let mut second = booked.unwrap().clone();
        change(&mut second);
        bookings.push(second);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_agrees_is_no_finding() {
    let env = TestEnv::start().await;
    for amount in [100_000, 200_000, 300_000, 400_000] {
        let payment = env.confirmed(amount).await;
        if amount > 200_000 {
            let refunded = env.refund(&payment, "R1", 40_000).await;
            assert_eq!(refunded.code(), Some(0));
        }
    }
    let failed = env.create(500_000).await;
    env.send_failed_result(&failed).await;
    env.days_pass().await;
    compare(&env).await;
    assert_eq!(open_findings(&env).await, BTreeMap::new());
    let page = archived(&env, &format!("{}/report.html", the_day())).await;
    assert!(page.contains("Sao kê của hệ thống lõi"), "{page}");
    assert!(page.contains("1.000.000 ₫"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::too_many_lines,
    reason = "one payment for each kind of difference"
)]
async fn each_difference_to_the_statement_is_a_finding_and_moves_nothing() {
    let env = TestEnv::start().await;
    let agrees = env.confirmed(100_000).await;
    let never_taken = env.confirmed(110_000).await;
    remove(&env, &never_taken, "payment");
    env.core.set_payment(&never_taken.id, 110_000, "not_paid");
    remove(&env, &never_taken, "payment");
    let left_out = env.confirmed(120_000).await;
    remove(&env, &left_out, "payment");
    let twice = env.confirmed(130_000).await;
    again(&env, &twice, |b| b.id = "B-second".to_owned());
    let other = env.confirmed(140_000).await;
    change(&env, &other, |b| b.amount = 139_000);
    let page_twice = env.confirmed(150_000).await;
    again(&env, &page_twice, |_| {});

    let refunded = async |amount: u64| {
        let payment = env.confirmed(amount).await;
        let refund = env.refund(&payment, "R1", 40_000).await;
        assert_eq!(refund.code(), Some(0));
        payment
    };
    let refund_other = refunded(160_000).await;
    env.core.change_bookings(|bookings| {
        let mut of_it = bookings.iter_mut();
        let refund = of_it.find(|b| b.transaction_id == refund_other.id && b.kind == "refund");
        refund.unwrap().amount = 4_000;
    });
    let refund_gone = refunded(170_000).await;
    remove(&env, &refund_gone, "refund");
    let gone_id = env.item(&refund_gone).await["refunds"][0]["refund_id"].clone();
    env.core.set_refund(gone_id.as_str().unwrap(), "rejected");
    let by_hand = env.confirmed(180_000).await;
    again(&env, &by_hand, |b| {
        (b.kind, b.id, b.amount) = ("refund".to_owned(), "BY-HAND".to_owned(), 50_000);
    });
    let unknown = "9e87ce51-4647-5d79-9155-19ee50d4d84e";
    again(&env, &agrees, |b| {
        unknown.clone_into(&mut b.transaction_id);
        "B-unknown".clone_into(&mut b.id);
    });
    env.days_pass().await;
    env.core.set_paid_at(&left_out.id, noon());
    let before = env.item(&by_hand).await["version"].clone();
    compare(&env).await;

    let listed = env.tikivip(&["reconciliation"]).await.out;
    assert_fits(&listed);
    for text in [
        format!("\n  {}  {}  needs_review\n", at_core(&twice), the_day()),
        "    ours: SUCCESS, 130.000 ₫ → Tiki: success, 130.000 ₫ → statement: 2 entries, 260.000 ₫ in all\n"
            .to_owned(),
    ] {
        // A long line goes on in the next one.
        let unfolded = listed.replace("\n      ", " ");
        assert!(unfolded.contains(&text), "{listed}");
    }
    let open = open_findings(&env).await;
    let refund_of =
        |payment: &Payment, id: &Value| format!("{}/{}", at_core(payment), id.as_str().unwrap());
    let other_id = env.item(&refund_other).await["refunds"][0]["refund_id"].clone();
    let review = |reason| finding("needs_review", reason);
    let expected = BTreeMap::from([
        (
            at_core(&never_taken),
            finding("order_without_money", "not_taken_at_core"),
        ),
        (at_core(&left_out), review("statement_lacks_payment")),
        (at_core(&twice), review("taken_twice")),
        (at_core(&other), review("taken_other_amount")),
        (
            refund_of(&refund_other, &other_id),
            review("given_back_other_amount"),
        ),
        (
            refund_of(&refund_gone, &gone_id),
            review("refund_not_at_core"),
        ),
        (
            refund_of(&by_hand, &json!("BY-HAND")),
            review("given_back_without_us"),
        ),
        (format!("core:{unknown}"), review("taken_and_unknown_here")),
    ]);
    assert_eq!(open, expected);
    assert_eq!(
        env.item(&by_hand).await["version"],
        before,
        "nothing is recorded"
    );
    assert_eq!(env.core.refunded_vnd(&twice.id), 0, "nothing goes back");
    let page = archived(&env, &format!("{}/report.html", the_day())).await;
    for text in ["Sao kê của hệ thống lõi", "2 × = 260.000 ₫", "139.000 ₫"] {
        assert!(page.contains(text), "{text}");
    }

    // The core corrects its book, and a person has the statement compared again.
    env.core.change_bookings(|bookings| {
        bookings.retain(|b| !["B-second", "B-unknown", "BY-HAND"].contains(&b.id.as_str()));
    });
    change(&env, &other, |b| b.amount = 140_000);
    let event = json!({ "statement": the_day().to_string() });
    env.sandbox.invoke("reconcile", &event).await.unwrap();
    let open = open_findings(&env).await;
    for ended in [at_core(&twice), at_core(&other), format!("core:{unknown}")] {
        assert!(!open.contains_key(&ended), "{ended}: {open:?}");
    }
    assert!(open.contains_key(&at_core(&left_out)));
}

/// The core took the money after the payment had expired, and its result never came.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_the_core_never_reported_goes_back_by_the_ordinary_rules() {
    let env = TestEnv::start().await;
    let late = env.create(100_000).await;
    env.core.set_payment(&late.id, 100_000, "not_paid");
    env.send_failed_result(&late).await;
    env.until("it has failed", async || {
        env.check(&late).await["status"] == "FAILURE"
    })
    .await;
    env.core.take_money(&late.id, 100_000);
    env.days_pass().await;
    compare(&env).await;
    env.until("the money is back", async || {
        env.later(&late).await;
        env.core.refunded_vnd(&late.id) == 100_000
    })
    .await;
    assert_eq!(env.check(&late).await["status"], "FAILURE");
    assert_eq!(open_findings(&env).await, BTreeMap::new());
}

/// It was taken all the same: a failure in our records does not hide that the statement lacks it. One was reversed on a
/// later day than it was taken; the other was paid after it had failed.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_and_went_back_must_be_in_the_statement() {
    let env = TestEnv::start().await;
    let reversed = reversed(&env).await;
    let late = env.create(110_000).await;
    env.send_failed_result(&late).await;
    env.core.take_money(&late.id, 110_000);
    env.send_paid_result(&late).await;
    env.until("the money is back", async || {
        env.later(&late).await;
        env.core.refunded_vnd(&late.id) == 110_000
    })
    .await;
    for payment in [&reversed, &late] {
        remove(&env, payment, "payment");
    }
    env.days_pass().await;
    let earlier = the_day().previous();
    let noon_before = earlier.start().unix_ms() + 12 * 3_600_000;
    env.set_final_at(&reversed, noon_before).await;
    env.core.set_paid_at(&reversed.id, noon_before);
    env.core.set_paid_at(&late.id, noon());

    for day in [earlier, the_day()] {
        run(&env, json!({ "statement": day.to_string() })).await;
    }
    let lacks = finding("needs_review", "statement_lacks_payment");
    let expected = BTreeMap::from([(at_core(&reversed), lacks.clone()), (at_core(&late), lacks)]);
    assert_eq!(open_findings(&env).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_the_core_contradicts_records_nothing() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    env.send_failed_result(&payment).await;
    env.core.take_money(&payment.id, 100_000);
    env.core.set_payment(&payment.id, 100_000, "not_paid");
    env.days_pass().await;
    compare(&env).await;
    let open = open_findings(&env).await;
    let found = finding("needs_review", "core_contradicts_statement");
    assert_eq!(open, BTreeMap::from([(at_core(&payment), found)]));
    assert!(env.item(&payment).await["failure"]["late_payment"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_without_an_answer_leaves_it_undecided() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    remove(&env, &payment, "payment");
    env.days_pass().await;
    env.core.set_paid_at(&payment.id, noon());
    env.core.faults.standing("payment", Fault::Down);
    compare(&env).await;
    let unclear = finding("undecided", "no_clear_answer_of_core");
    let open = open_findings(&env).await;
    assert_eq!(open, BTreeMap::from([(at_core(&payment), unclear)]));
    env.core.faults.off("payment");
    compare(&env).await;
    let lacks = finding("needs_review", "statement_lacks_payment");
    let open = open_findings(&env).await;
    assert_eq!(open, BTreeMap::from([(at_core(&payment), lacks)]));
}

/// The core writes a CSV into the bucket.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_in_the_bucket_is_read_and_torn_lines_are_findings() {
    let env = TestEnv::with(|options| {
        let given = ("CoreStatement".to_owned(), "file".to_owned());
        options.parameters.push(given);
    })
    .await;
    let (agrees, twice) = (env.confirmed(100_000).await, env.confirmed(200_000).await);
    again(&env, &twice, |b| b.id = "B-second".to_owned());
    env.days_pass().await;
    let day = the_day().to_string();
    // Before it is there, nothing is said.
    compare(&env).await;
    assert_eq!(open_findings(&env).await, BTreeMap::new());
    let id = &agrees.id;
    let torn = format!(
        "payment,B-7,{id},100,000,2026-11-22T10:00:00+07:00,FT\nfee,B-8,{id},1,2026-11-22T10:00:00Z,\npayment,B-9,{id},100000,2025-11-22T10:00:00+07:00,FT\n"
    );
    let csv = env.core.statement_csv(&day) + &torn;
    // What cannot be read at all is not compared: nobody says that the core has nothing.
    env.put_object(&format!("statements/{day}.csv"), &csv.replace(',', ";"))
        .await;
    compare(&env).await;
    let unreadable = finding("needs_review", "unreadable_line");
    let line = |n: usize| format!("statement {day}:{n}");
    assert_eq!(
        open_findings(&env).await,
        BTreeMap::from([(line(1), unreadable.clone())])
    );
    env.put_object(&format!("statements/{day}.csv"), &csv).await;
    compare(&env).await;
    let open = open_findings(&env).await;
    assert_eq!(
        open,
        BTreeMap::from([
            (at_core(&twice), finding("needs_review", "taken_twice")),
            (line(5), unreadable.clone()),
            (line(6), unreadable.clone()),
            // It is of another day.
            (line(7), unreadable),
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_on_a_later_day_is_another_one() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let refund = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(refund.code(), Some(0));
    env.days_pass().await;
    env.days_pass().await;
    let later = the_day().previous();
    let mut refund_id = String::new();
    env.core.change_bookings(|bookings| {
        for mut booking in bookings.clone() {
            booking.at_ms = later.start().unix_ms() + 12 * 3_600_000;
            if booking.kind == "refund" {
                refund_id.clone_from(&booking.id);
            }
            bookings.push(booking);
        }
    });
    env.set_first_day(later.previous()).await;
    run(&env, scheduled()).await;
    let given_back = format!("{}/{refund_id}", at_core(&payment));
    // The id of a finding names its transaction.
    for id in [&at_core(&payment), &given_back] {
        let shown = env.tikivip(&["show", id, "--output", "json"]).await;
        assert_eq!((shown.code, shown.err.as_str()), (0, ""), "{id}");
        assert!(shown.out.contains(&payment.id), "{id}");
    }
    assert_eq!(
        open_findings(&env).await,
        BTreeMap::from([
            (at_core(&payment), finding("needs_review", "taken_twice")),
            (given_back, finding("needs_review", "given_back_twice")),
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_not_over_is_not_compared() {
    let env = TestEnv::start().await;
    for days in [0, 27] {
        let mut day = the_day().next().next();
        (0..days).for_each(|_| day = day.next());
        let event = json!({ "statement": day.to_string() });
        let refused = env.sandbox.invoke("reconcile", &event).await;
        let refused = format!("{:#}", refused.unwrap_err());
        assert!(
            refused.contains("until then payments may still be added"),
            "{refused}"
        );
    }
}

/// Nobody can bring what never was: the alarm would stay on for a month.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_before_statements_were_compared_is_not_missing() {
    let env = TestEnv::with(|options| {
        let given = ("CoreStatement".to_owned(), "file".to_owned());
        options.parameters.push(given);
    })
    .await;
    compare(&env).await;
    assert_eq!(last_gauge(&env, "StatementsMissing"), Some(0));
    // The same day counts if it was switched on before.
    env.set_compared_from(the_day()).await;
    compare(&env).await;
    let missing = last_gauge(&env, "StatementsMissing");
    assert!(missing >= Some(1), "{missing:?}");
    // What comes late is compared all the same, and nothing of that day is missing then.
    let day = the_day();
    let csv = env.core.statement_csv(&day.to_string());
    env.put_object(&format!("statements/{day}.csv"), &csv).await;
    compare(&env).await;
    let left = last_gauge(&env, "StatementsMissing");
    assert_eq!(left, missing.map(|missing| missing - 1));
}
