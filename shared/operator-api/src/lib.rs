//! What operators ask of the function `operator` behind `/operator/v1`, and what it shows them. The function makes these
//! views and `tikivip` prints them, so both sides of the wire are one type. Who asks is not part of a message: AWS says it
//! (`IAM`), and the function takes the name from there. It must not depend on Lambda, nor on the store.
//!
//! | module | what is there |
//! |---|---|
//! | [`request`] | the bodies of the calls that act, and how the function reads them |
//! | [`transaction`] | a transaction, and a list of them |
//! | [`payment`] | the payment, its notification and its refunds, in fields |
//! | [`next`] | what a person can do next, and what follows from it |
//! | [`trail`] | the audit trail, in fields |
//! | [`look_up`] | what Tiki knows of a transaction, and what it means |
//! | [`finding`] | the findings of the reconciliation |
//! | [`report`] | the report of a period |
//! | [`check`] | what `tikivip doctor` finds out |
//! | [`signature`] | a signed message, and the verdict on one |
//! | [`text`] | the words for states, events and verdicts |
//! | [`variants`] | what a body was before a proxy rewrote it |

pub mod check;
pub mod finding;
pub mod look_up;
pub mod next;
pub mod payment;
pub mod report;
pub mod request;
pub mod signature;
pub mod text;
pub mod trail;
pub mod transaction;
pub mod variants;
