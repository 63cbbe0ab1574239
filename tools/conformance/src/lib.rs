//! The conformance kits: they call a system of the other side over HTTP, and report what is right and what is not.
//!
//! | kit | plays | against |
//! |---|---|---|
//! | [`core_kit`] | this backend | a partner's core: `tikivip test-core` |
//! | [`partner_kit`] | Tiki | the partner's side of Tiki VIP, this one or another: `tikivip test-partner` |
//!
//! What a kit expects is written down here, from docs/core.md and the hand-over to Tiki. It does not use the product's
//! own readers, because a mistake in them would then be a mistake in the kit, too. It shares the signature's rule only.

#![expect(
    clippy::disallowed_methods,
    reason = "a kit plays one side of the outside world, which has real time and randomness"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "only JSON is indexed, which returns null and does not panic"
)]

mod address;
mod browser;
mod call;
pub mod cases;
mod clock;
pub mod core_kit;
mod host;
mod only;
mod page_text;
pub mod partner_kit;
mod report;
mod run;
mod schema;
mod verdict;

pub use address::api_address;
pub use report::{CheckResult, Form, Outcome, Progress, Report};
