//! What may happen to a transaction: each command decides on it as it was read, and returns a change or refuses.

mod forget;
mod notification;
mod operator;
mod payment;
mod proposal;
mod refund;

pub use self::forget::StillNeeded;
pub use self::payment::RecordedResult;
pub use self::refund::Reservation;
