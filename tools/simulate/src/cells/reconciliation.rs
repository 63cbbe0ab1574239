//! The cells of the reconciliation: its days, its findings, and where it may die.

use super::Rows;

/// What became of days, of Tiki's lines, and of servers that do not let us do everything.
pub(super) const DAYS: Rows = &[
    ("a day", &["with payments", "without payments", "again"]),
    ("a line of Tiki", &["a finding", "matched"]),
    ("a run", &["done", "failed", "busy"]),
    ("queued again", &["SUCCESS", "FAILURE"]),
    (
        "a delivery, without",
        &[
            "nothing",
            "the right to list",
            "the right to look",
            "the right to read",
            "the right to remove",
            "names with a dot",
            "sizes",
            "sync",
            "ARCHIVED",
            "keeping files",
        ],
    ),
];

/// What a finding said after each answer of Tiki.
pub(super) const FINDINGS: Rows = &[
    (
        "success",
        &[
            "amount_differs, needs_review",
            "reversed_and_paid, order_without_money",
            "paid_at_tiki_only, order_without_money",
            "in_review, needs_review",
        ],
    ),
    (
        "failure",
        &[
            "confirmed_and_gone, needs_review",
            "money_is_back, matched",
            "nobody_paid, matched",
        ],
    ),
    (
        "pending",
        &[
            "confirmed_and_forgotten, needs_review",
            "queued_again, resent",
        ],
    ),
    (
        "not_found",
        &[
            "confirmed_and_gone, needs_review",
            "money_is_back, matched",
            "nobody_paid, matched",
        ],
    ),
    ("not_of_this_partner", &["not_ours, needs_review"]),
    (
        "cancelled",
        &["confirmed_and_gone, needs_review", "money_is_back, matched"],
    ),
    ("invalid_request", &["not_ours, needs_review"]),
    (
        "system_error",
        &[
            "no_clear_answer, undecided",
            "no_clear_answer, needs_review",
        ],
    ),
];

/// The points before and after which a run dies.
pub(super) const CRASHES: &[&str] = &[
    "get record",
    "put record",
    "list records",
    "read day",
    "put object",
    "connect",
    "look at a file",
    "write a file",
    "rename a file",
    "list files",
    "read a file",
    "call Tiki",
];
