//! The numbers in the text that the code has, too. `tools/contract/tests/limits.rs` compares them with the code.

/// A number of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub name: &'static str,
    pub value: &'static str,
}

const fn limit(name: &'static str, value: &'static str) -> Limit {
    Limit { name, value }
}

/// In seconds, if the name does not say another unit.
const LIMITS: [Limit; 12] = [
    limit("core-timeout", "20"),
    limit("core-timeout-while-failing", "3"),
    limit("tiki-timeout", "15"),
    limit("tiki-timeout-in-request", "6"),
    limit("connect-timeout", "3"),
    limit("create-timeout", "15"),
    limit("check-timeout", "15"),
    limit("refund-timeout", "28"),
    limit("reconciliation-timeout", "20"),
    limit("gateway-timeout", "29"),
    limit("ipn-tries", "10"),
    limit("look-up-from-failure", "3"),
];

impl Limit {
    /// All of them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &LIMITS
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        LIMITS.into_iter().find(|limit| limit.name == name)
    }
}
