//! A crowd: in a few runs thousands of payments come within an hour, and a counterparty is away for a day. So pages are
//! full, a backlog builds up, and one sweep cannot work it off.

use crate::choices::{Choices, Lane};
use crate::fault::Fault;
use crate::net::Peer;
use crate::world::{DAY, HOUR, MINUTE, World};

/// One run in so many has a crowd.
const ONE_IN: u64 = 100;
/// So many times the usual number of payments a crowd has.
const LEAST: u64 = 20;
const MOST: u64 = 40;

/// The entries of one page of a query, at most. A page of a megabyte has thousands of them.
const PAGE_SIZES: [usize; 5] = [usize::MAX, usize::MAX, 40, 7, 1];

/// How large a run is.
pub(crate) struct Size {
    /// So many times the usual number of payments and steps.
    pub(crate) times: u64,
    pub(crate) page: usize,
}

impl Size {
    pub(crate) fn draw(choices: &mut Choices) -> Self {
        let lane = Lane::WORLD;
        let crowd = choices.below(lane, ONE_IN) == ONE_IN - 1;
        let times = if crowd {
            LEAST + choices.below(lane, MOST - LEAST + 1)
        } else {
            1
        };
        Self {
            times,
            page: choices.one_of(lane, &PAGE_SIZES),
        }
    }

    pub(crate) fn is_crowd(&self) -> bool {
        self.times > 1
    }
}

impl World {
    /// Whether a counterparty that is away lets its callers wait until their time-out. In a crowd it does so every other
    /// hour, the first one included.
    pub(crate) fn hangs(&self) -> bool {
        let hours = (self.now() - self.began()).div_euclid(HOUR);
        self.size.is_crowd() && hours % 2 == 0
    }

    /// In a crowd a counterparty is away for a day, soon after the first payments.
    pub(crate) fn leave_the_crowd_alone(&mut self) {
        let lane = Lane::WORLD;
        if !self.size.is_crowd() {
            return;
        }
        let peer = self.choices.one_of(lane, &[Peer::Core, Peer::Tiki]);
        let begins = self.choices.span(lane, MINUTE, HOUR / 2);
        self.after(begins, move |world| {
            let until = world.now() + world.choices.span(lane, DAY / 2, DAY + HOUR);
            let (fault, down_until) = match peer {
                Peer::Core => (Fault::CoreDown, &mut world.core.down_until),
                Peer::Tiki => (Fault::TikiDown, &mut world.tiki.down_until),
            };
            *down_until = until;
            world.faults.note(fault);
            world.coverage.count("a crowd", "is away", peer.name());
        });
    }
}
