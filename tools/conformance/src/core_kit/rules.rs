//! The headings of docs/core.md that the checks cite.

pub(super) const AGE: &str = "docs/core.md#how-old-a-signature-may-be";
pub(super) const AMOUNTS: &str = "docs/core.md#money-is-a-whole-number-of-vnd";
pub(super) const ANEW: &str = "docs/core.md#each-try-is-signed-anew";
pub(super) const BOUNDS: &str = "docs/core.md#bounds-of-every-field";
pub(super) const FINAL: &str = "docs/core.md#final-words-stay-final";
pub(super) const FORM: &str = "docs/core.md#the-form-for-tests";
pub(super) const IDEMPOTENCY_KEY: &str = "docs/core.md#the-idempotency-key-is-the-refund-id";
pub(super) const LINK: &str = "docs/core.md#the-link-is-signed-like-a-get";
pub(super) const LINK_AGE: &str = "docs/core.md#how-long-a-link-to-the-screen-lives";
pub(super) const NEVER_MORE: &str = "docs/core.md#never-more-than-was-paid";
pub(super) const NEVER_SEEN: &str = "docs/core.md#never-seen-is-said-in-your-own-words";
pub(super) const ONCE: &str = "docs/core.md#a-refund-is-paid-once";
pub(super) const ONE_CONTENT: &str = "docs/core.md#a-refund-id-has-one-amount-and-one-transaction";
pub(super) const ONLY_PAID: &str = "docs/core.md#only-a-paid-payment-is-refunded";
pub(super) const OPENAPI: &str = "docs/core.md#what-we-call-core_url";
pub(super) const PAGES: &str = "docs/core.md#pages-and-cursors";
pub(super) const PAGE_HEADERS: &str = "docs/core.md#headers-of-the-page";
pub(super) const PAYMENT: &str = "docs/core.md#a-question-about-a-payment";
pub(super) const PAYS_ONCE: &str = "docs/core.md#the-screen-takes-the-money-once";
pub(super) const REFUND_ANSWER: &str =
    "docs/core.md#an-answer-about-a-refund-names-it-and-its-amount";
pub(super) const REFUND_FOUND: &str = "docs/core.md#a-question-about-a-refund";
pub(super) const REFUNDED_SO_FAR: &str = "docs/core.md#what-had-gone-back-before-refunded_so_far";
pub(super) const REFUNDS_CROSS: &str = "docs/core.md#refunds-cross-each-other";
pub(super) const RESULT: &str = "docs/core.md#a-payment-result-is-sent-until-it-is-accepted";
pub(super) const ROTATION: &str = "docs/core.md#a-rotation-accepts-two-secrets";
pub(super) const IDS: &str = "docs/core.md#ids";
pub(super) const OWN_CALL: &str = "docs/core.md#a-body-is-used-for-its-own-call-only";
pub(super) const SECOND_RESULT: &str = "docs/core.md#a-second-result-must-say-the-same";
pub(super) const ID_KEEPING: &str = "docs/core.md#ids-are-kept-for-ever";
pub(super) const SCREEN: &str = "docs/core.md#what-the-screen-shows";
pub(super) const SIGNATURE: &str = "docs/core.md#signature";
pub(super) const SIGNED: &str = "docs/core.md#what-is-signed";
pub(super) const SIGNED_GET: &str = "docs/core.md#a-get-signs-its-path-and-query";
pub(super) const SIZES: &str = "docs/core.md#sizes";
pub(super) const STATEMENT: &str = "docs/core.md#what-a-statement-has";
pub(super) const TIME_OUTS: &str = "docs/core.md#how-long-we-wait";
pub(super) const TIMES: &str = "docs/core.md#times";
pub(super) const UNKNOWN_FIELDS: &str =
    "docs/core.md#unknown-fields-are-ignored-foreign-fields-are-refused";
pub(super) const WAY_BACK: &str = "docs/core.md#the-way-back";
pub(super) const WRONG_CALL: &str = "docs/core.md#what-you-answer-to-a-call-that-is-wrong";
