//! What may happen to a transaction: each command decides on it as it was read, and returns a change or refuses.

mod notification;
mod operator;
mod payment;
mod refund;

pub use self::payment::RecordedResult;
pub use self::refund::Reservation;
