//! The records of files and findings, as the code has them. The store has types of its own for what is in the table,
//! and reads back nothing that these types could not say.

mod closed;
mod files;
mod finding;
mod forgetting;
mod run;
mod subject;
mod summary;

pub use self::closed::{Closed, ClosedBy};
pub use self::files::{Doubt, Exported, Received, Sent, StatementRead, Unrecognised};
pub use self::finding::{Claim, CoreWord, Finding, LastWord, Ours, StatementWord, Step, Values};
pub use self::forgetting::Forgetting;
pub use self::run::{
    BadRunName, Began, ComparedFrom, DeliveredUntil, Lease, Mailed, Reported, RunName, Watched,
};
pub use self::subject::Subject;
pub use self::summary::{DayMoney, DaySummary, Results, Statement};
