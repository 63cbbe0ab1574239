//! The headings of docs/core.md that the checks cite.

pub(super) const SIGNATURE: &str = "docs/core.md#what-your-core-must-offer-and-may-call";
pub(super) const ANSWERS: &str = "docs/core.md#what-we-call-core_url";
pub(super) const REFUND: &str = "docs/core.md#what-we-call-core_url";
pub(super) const REFUND_ONCE: &str = "docs/core.md#what-we-call-core_url";
pub(super) const REFUNDED_SO_FAR: &str = "docs/core.md#what-we-call-core_url";
pub(super) const NEVER_MORE: &str = "docs/core.md#what-we-call-core_url";
pub(super) const NEVER_SEEN: &str = "docs/core.md#what-we-call-core_url";
pub(super) const PAYMENT: &str = "docs/core.md#what-we-call-core_url";
pub(super) const STATEMENT: &str = "docs/core.md#your-statement-of-a-day";
pub(super) const DETAILS: &str = "docs/core.md#what-you-call-apiurl";
pub(super) const RESULT: &str = "docs/core.md#what-you-call-apiurl";
pub(super) const SCREEN: &str = "docs/core.md#your-payment-screen";
