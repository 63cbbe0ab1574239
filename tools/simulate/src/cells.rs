//! The cells of the decision tables. The fixed seeds must reach each of them.

mod crashes;
mod reconciliation;

use domain::{IpnAnswer, IpnRefusal, LookUpAnswer, Status, Vnd};

use crate::coverage::Cell;
use crate::tiki::{ipn_cell, look_up_cell};

/// All cells that can be reached.
#[must_use]
pub fn required() -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |table, row, column: String| cells.push((table, row, column));
    tiki_cells(&mut add);
    let words = [
        "paid",
        "paid another amount",
        "failed",
        "not paid",
        "pending",
        "unreadable",
        "unknown",
    ];
    for word in words {
        add("expired payment", "pending", word.to_owned());
    }
    // The core has already sent the result, so its answer agrees with that result.
    for word in ["paid", "pending", "unknown"] {
        add("expired payment", "paid meanwhile", word.to_owned());
    }
    for word in ["failed", "not paid", "unknown"] {
        add("expired payment", "failed meanwhile", word.to_owned());
    }
    for origin in ["tiki", "reversal", "late_payment"] {
        for state in ["reserved", "unknown"] {
            for word in ["succeeded", "rejected", "pending", "unknown", "never seen"] {
                add("refund at the core", origin, format!("{state}, {word}"));
            }
        }
        for word in ["succeeded", "rejected"] {
            add(
                "refund at the core",
                origin,
                format!("decided meanwhile, {word}"),
            );
        }
    }
    for (table, rows) in LISTED {
        for (row, columns) in *rows {
            for column in *columns {
                add(table, row, (*column).to_owned());
            }
        }
    }
    for (row, points) in crashes::POINTS {
        for point in *points {
            for when in ["before", "after"] {
                add("crash points", row, format!("{when} {point}"));
            }
        }
    }
    cells
}

/// The cells of the tables of Tiki's answers.
fn tiki_cells(add: &mut impl FnMut(&'static str, &'static str, String)) {
    for row in ["SUCCESS", "FAILURE"] {
        for answer in ipn_answers() {
            for often in ["earlier", "third failure or later"] {
                add(
                    "IPN (protocol §3)",
                    row,
                    format!("{}, {often}", ipn_cell(answer)),
                );
            }
        }
    }
    for answer in ipn_answers() {
        // Tiki has denied it before, so only a wrong code of Tiki's is one of these.
        let rare = [IpnRefusal::NotOfThisPartner, IpnRefusal::InvalidAmount];
        if !rare.iter().any(|r| answer == IpnAnswer::Refused(*r)) {
            let column = ipn_cell(answer).to_owned();
            add("IPN (protocol §3)", "FAILURE, reversed", column);
        }
    }
    for (answer, same) in look_up_answers() {
        add(
            "look-up (protocol §4)",
            "paid",
            look_up_cell(answer, same).to_owned(),
        );
    }
    add(
        "look-up (protocol §4)",
        "paid",
        "code 3, not the first".to_owned(),
    );
}

fn ipn_answers() -> Vec<IpnAnswer> {
    let refusals = [
        IpnRefusal::InvalidRequest,
        IpnRefusal::NotFound,
        IpnRefusal::NotOfThisPartner,
        IpnRefusal::InvalidAmount,
        IpnRefusal::Cancelled,
    ];
    let others = [
        IpnAnswer::Accepted,
        IpnAnswer::AcceptedUnnamed,
        IpnAnswer::SystemError,
        IpnAnswer::Unauthorized,
        IpnAnswer::Unclear,
    ];
    let refusals = refusals.into_iter().map(IpnAnswer::Refused);
    others.into_iter().chain(refusals).collect()
}

fn look_up_answers() -> Vec<(LookUpAnswer, bool)> {
    let found = |status, amount| LookUpAnswer::Found(status, amount);
    vec![
        (found(Status::Success, Some(Vnd::MAX)), true),
        (found(Status::Success, Some(Vnd::MAX)), false),
        (found(Status::Success, None), false),
        (found(Status::Pending, None), false),
        (found(Status::Failure, None), false),
        (LookUpAnswer::InvalidRequest, false),
        (LookUpAnswer::SystemError, false),
        (LookUpAnswer::NotFound, false),
        (LookUpAnswer::NotOfThisPartner, false),
        (LookUpAnswer::Cancelled, false),
        (LookUpAnswer::Unauthorized, false),
        (LookUpAnswer::Unclear, false),
    ]
}

/// The points at which functions must have died, each with the name of its function.
pub(crate) fn crash_points() -> Vec<(&'static str, &'static str)> {
    let points = crashes::POINTS.iter();
    points
        .flat_map(|(function, points)| points.iter().map(|point| (*function, *point)))
        .collect()
}

type Rows = &'static [(&'static str, &'static [&'static str])];

/// The tables in which not every row has every column, so their cells are listed.
const LISTED: &[(&str, Rows)] = &[
    ("payment result", RESULTS),
    ("refund requested", REFUNDS),
    ("answers", ANSWERS),
    ("look-up (protocol §4)", CLOSING),
    ("contradiction", CONTRADICTIONS),
    ("undecided", UNDECIDED),
    ("the brake", BRAKE),
    ("throttled index", CAPACITY),
    ("gauge", GAUGES),
    ("a crowd", CROWD),
    ("pages", PAGES),
    ("concurrency", CONCURRENCY),
    ("persons", PERSONS),
    ("reconciliation", reconciliation::DAYS),
    ("finding", reconciliation::FINDINGS),
];

/// What a person did, and what `tikivip` had shown before.
const PERSONS: Rows = &[
    ("approve", &["disputed", "exhausted", "paid"]),
    ("confirmed", &["disputed", "exhausted"]),
    ("decline", &["disputed", "exhausted", "paid"]),
    (
        "handled",
        &["paid", "paid late", "pending", "reversed, known as paid"],
    ),
    ("not_paid", &["pending"]),
    ("propose", &["disputed", "exhausted", "paid"]),
    ("refused", &["paid", "reversing"]),
    (
        "resend",
        &["disputed", "exhausted", "paid", "reversed, known as paid"],
    ),
    ("returned", GIVEN_BACK),
    ("reverse", GIVEN_BACK),
];
const GIVEN_BACK: &[&str] = &["disputed", "paid", "paid late", "reversal rejected"];

/// What Tiki says after it was notified that a payment is reversed.
const CLOSING: Rows = &[(
    "reversed",
    &[
        "FAILURE",
        "SUCCESS, same amount",
        "code 3",
        "code 6",
        "unclear",
    ],
)];

/// What the core says against our record, and where.
const CONTRADICTIONS: Rows = &[
    (
        "payment result",
        &["another amount", "a second debit", "failed after paid"],
    ),
    ("question at expiry", &["another amount"]),
];

/// Payments that are undecided for a day.
const UNDECIDED: Rows = &[("pending", &["asked after a day", "a day after expiry"])];

/// The count of reversals in an hour.
const BRAKE: Rows = &[("a reversal", &["counted", "over the limit", "not in time"])];

/// What an index without capacity refuses.
const CAPACITY: Rows = &[
    (
        "a query",
        &[
            "ipn_due",
            "refund_due",
            "expiry_due",
            "needs_review",
            "by_day",
        ],
    ),
    (
        "a write",
        &[
            "ipn_due",
            "refund_due",
            "expiry_due",
            "needs_review",
            "by_day",
            "by_refund_day",
        ],
    ),
];

/// Who is away while thousands pay.
const CROWD: Rows = &[("is away", &["core", "Tiki"])];

/// The functions of which more were wanted than may run.
const CONCURRENCY: Rows = &[
    ("refund-transaction", &["not started"]),
    // core-worker has the same reserve, and the core never keeps so many of it busy in the fixed seeds.
    ("ipn-sender", &["not started"]),
];

/// The indexes of which a query had more than one page.
const PAGES: Rows = &[(
    "a query",
    &["ipn_due", "refund_due", "expiry_due", "needs_review"],
)];

/// What a gauge showed.
const GAUGES: Rows = &[("review queue", &["nothing waits", "something waits"])];

/// The states in which the core sends each result.
const RESULTS: Rows = &[
    (
        "paid",
        &[
            "pending",
            "paid",
            "declined",
            "expired",
            "paid late",
            "reversing",
            "reversed, money is back",
            "reversed, confirmed",
            "reversal rejected",
            "disputed",
        ],
    ),
    (
        "paid, no reference",
        &["pending", "paid", "expired", "paid late"],
    ),
    (
        "paid a second time",
        &[
            "paid",
            "paid late",
            "refunded in part",
            "reversing",
            "reversed, confirmed",
            "reversal rejected",
            "disputed",
        ],
    ),
    (
        "paid another amount",
        &[
            "pending",
            "paid",
            "declined",
            "expired",
            "paid late",
            "reversing",
            "reversed, confirmed",
            "reversal rejected",
        ],
    ),
    (
        "declined",
        &[
            "pending",
            "paid",
            "declined",
            "expired",
            "paid late",
            "reversing",
            "reversed, confirmed",
            "reversal rejected",
            "disputed",
        ],
    ),
];

/// The states in which a refund is requested, and its possible answers.
const REFUNDS: Rows = &[
    ("none", &["code 3"]),
    ("pending", &["code 9"]),
    // With code 9 while the core contradicts itself.
    ("paid", &["code 0", "code 9", "code 10", "code 12"]),
    ("refund reserved", &["code 0", "code 10", "code 12"]),
    ("refund unknown", &["code 10", "code 11", "code 12"]),
    (
        "refund rejected",
        &["code 0", "code 9", "code 10", "code 11"],
    ),
    (
        "refunded in part",
        &["code 0", "code 9", "code 10", "code 11"],
    ),
    ("refunded in full", &["code 0", "code 10", "code 11"]),
    // A reversed payment has failed, and a repeat still has its outcome.
    ("reversing", &["code 0", "code 6", "code 12"]),
    ("reversed, money is back", &["code 6"]),
    ("reversed, confirmed", &["code 0", "code 6", "code 11"]),
    (
        "reversal rejected",
        &["code 0", "code 9", "code 11", "code 12"],
    ),
    ("reversal held", &["code 9"]),
    (
        "disputed",
        &["code 0", "code 9", "code 10", "code 11", "code 12"],
    ),
    ("exhausted", &["code 0", "code 10"]),
    ("declined", &["code 6"]),
    ("expired", &["code 7"]),
    ("paid late", &["code 6", "code 7"]),
];

/// The answer codes of each function.
const ANSWERS: Rows = &[
    (
        "create-transaction",
        &["code 0", "code 2", "code 5", "code 8", "code 97", "code 98"],
    ),
    (
        "check-transaction",
        &["code 0", "code 2", "code 3", "code 97", "code 98"],
    ),
    (
        "refund-transaction",
        &[
            "code 0", "code 2", "code 3", "code 6", "code 7", "code 9", "code 10", "code 11",
            "code 12", "code 97", "code 98",
        ],
    ),
    (
        "payment-result",
        &["code 0", "code 2", "code 5", "code 8", "code 97", "code 98"],
    ),
    (
        "open-webview",
        &["code 0", "code 1", "code 2", "code 97", "code 98"],
    ),
];
