//! The ids of writes.

use uuid::Uuid;

/// Gives each write its own id, so that a write that was committed although its answer was lost is recognised
/// in the item that a failed condition returns.
pub trait WriteIds: Send + Sync {
    /// A new id, which was never given before.
    fn next(&self) -> Uuid;
}

/// Random ids, for production.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomWriteIds;

impl WriteIds for RandomWriteIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where randomness comes in"
    )]
    fn next(&self) -> Uuid {
        Uuid::new_v4()
    }
}
