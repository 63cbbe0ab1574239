//! One run at a time. Nothing rests on it but peace: two runs at once would plan under each other's versions
//! and rename onto each other's names, and both are refused; they would only do the same work twice.

use domain::Timestamp;
use reconciliation::record::Lease;
use store::{Record, Versioned, Written};

use crate::Reconcile;

/// Whose turn it is.
pub(crate) enum Turn {
    /// Ours, until it is given back.
    Ours(Versioned<Lease>),
    /// Another run's, of this name.
    Anothers(String),
}

impl Reconcile {
    /// Takes the turn, unless another run has it.
    pub(crate) async fn acquire(&self, run: &str, until: Timestamp) -> anyhow::Result<Turn> {
        let mine = Lease {
            run: run.to_owned(),
            until: until.unix_ms(),
        };
        let found = self
            .records
            .get::<Lease>(&mine.partition(), &mine.sort())
            .await?;
        let now = self.clock.now().unix_ms();
        if let Some(theirs) = found.as_ref().filter(|found| found.record.until > now) {
            return Ok(Turn::Anothers(theirs.record.run.clone()));
        }
        let before = found.map(|found| found.version);
        match self.records.put(mine, before).await? {
            Written::Stored(mine) => Ok(Turn::Ours(mine)),
            Written::Refused(theirs) => Ok(Turn::Anothers(theirs.record.run)),
        }
    }

    /// Gives it back; if that fails, it is over at the run's deadline.
    pub(crate) async fn give_turn_back(&self, turn: Versioned<Lease>) {
        let over = Lease {
            until: 0,
            ..turn.record
        };
        if let Err(error) = self.records.put(over, Some(turn.version)).await {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(error, "the turn runs out by itself");
        }
    }
}
