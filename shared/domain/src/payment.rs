//! The payment: its state, and what the core says of it.

mod answer;
mod state;

pub use self::answer::{
    Contradiction, CoreAnswer, PaidDetails, PaymentAnswer, PaymentResult, PaymentResultMessage,
};
pub use self::state::{Failure, FailureCause, Payment, PaymentState, Reversal};
