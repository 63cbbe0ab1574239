//! Time: moments, days in Vietnam, and the clock.

mod day;
mod timestamp;

pub use self::day::{BadDay, Day};
pub use self::timestamp::{BadTimestamp, Clock, Timestamp};
