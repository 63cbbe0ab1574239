//! Where each function may die.

use super::{Rows, reconciliation};

/// The points at which each function waits, and so can die.
pub(super) const POINTS: Rows = &[
    ("create-transaction", &["read secret", "get", "put"]),
    ("check-transaction", &["read secret", "get"]),
    (
        "refund-transaction",
        &["read secret", "get", "put", "call the core", "sleep"],
    ),
    ("payment-result", &["read secret", "get", "put", "sleep"]),
    ("payment-redirect", &["read secret", "get", "get session"]),
    ("open-webview", &["read secret", "call Tiki", "put session"]),
    (
        "ipn-sender",
        &[
            "due",
            "needs_review",
            "get",
            "put",
            "read secret",
            "call Tiki",
            "count reversal",
            "sleep",
        ],
    ),
    (
        "core-worker",
        &["due", "get", "put", "read secret", "call the core", "sleep"],
    ),
    ("reconcile", reconciliation::CRASHES),
];
