//! The functions, with what the template says about them.

use crate::template::{FunctionPlan, TEMPLATE};
use crate::world::MINUTE;

/// A Lambda function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Function {
    Create,
    Check,
    Refund,
    Redirect,
    Webview,
    Result,
    Ipn,
    Core,
    Reconcile,
    /// Not a function: a person's `tikivip`.
    Person,
}

impl Function {
    /// The function's name in the template.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create-transaction",
            Self::Check => "check-transaction",
            Self::Refund => "refund-transaction",
            Self::Redirect => "payment-redirect",
            Self::Webview => "open-webview",
            Self::Result => "payment-result",
            Self::Ipn => "ipn-sender",
            Self::Core => "core-worker",
            Self::Reconcile => "reconcile",
            Self::Person => "tikivip",
        }
    }

    /// The functions of the template.
    pub(crate) const ALL: [Self; 9] = [
        Self::Create,
        Self::Check,
        Self::Refund,
        Self::Redirect,
        Self::Webview,
        Self::Result,
        Self::Ipn,
        Self::Core,
        Self::Reconcile,
    ];

    /// Its time-out in milliseconds.
    pub(crate) fn timeout(self) -> i64 {
        match self {
            Self::Person => 15 * MINUTE,
            function => function.plan().timeout,
        }
    }

    /// What the template says about it.
    pub(crate) fn plan(self) -> &'static FunctionPlan {
        &TEMPLATE.functions[self.name()]
    }
}
