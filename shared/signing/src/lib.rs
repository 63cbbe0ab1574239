//! Signs and verifies messages by Tiki's rule (protocol §2), makes the tokens of payment links, and the keyed hashes of
//! personal data. `signed-http`
//! signs with it, `api` verifies with it, and `tikivip` explains with it why a signature does not match. It is pure:
//! no I/O, no clock, no configuration; and it must not depend on any other crate of ours.
//!
//! One rule serves four directions (Tiki calls us, we call Tiki, the partner's systems call us, we call the core).
//! They differ only in [`HeaderNames`] and secrets.
//!
//! ```
//! use signing::{ClientSecret, Keyring, SignatureHeaders, Window};
//!
//! let keys = Keyring::new("client", ClientSecret::new("secret"));
//! let signed = keys.sign(1_620_621_619_569, br#"{"id":123}"#);
//! let headers = SignatureHeaders {
//!     timestamp: Some(&signed.timestamp),
//!     client_id: Some(&signed.client_id),
//!     signature: Some(&signed.signature),
//! };
//! let verified = keys.verify(&headers, br#"{"id":123}"#, 1_620_621_620_000, Window::default());
//! assert_eq!(verified.unwrap().body(), br#"{"id":123}"#);
//! ```

mod explain;
mod get;
mod header_names;
mod key;
mod keyed_hash;
mod link;
mod message;
mod verify;

pub use explain::{PayloadCandidate, SignatureMatch, SigningSteps};
pub use get::{GetSigning, UnknownGetSigning};
pub use header_names::HeaderNames;
pub use key::{ClientSecret, KeyError, KeyProvider, Keyring, MIN_SECRET_BYTES, TooShort};
pub use keyed_hash::{Hashed, KeyedHash};
pub use link::{LinkRefusal, PaymentLink, ReportLink};
pub use message::Signed;
pub use verify::{KeyUsed, SignatureHeaders, SignatureRefusal, Verified, Window};
