//! All choices of a run: from a seed, or from a script.
//!
//! A run takes all choices from here: how long an answer takes, whether a write is lost, when a customer pays. Each
//! choice is recorded. Shrinking repeats a failing run with fewer choices or with zeros. Zero is always the mildest
//! choice: no fault, the shortest time, the simplest customer.
//!
//! There is a lane of choices for each payment, and one for the world, each with its own random numbers. So removing
//! a payment does not change the others.

/// One of the streams of choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane(usize);

impl Lane {
    /// The lane of the world: clocks, sweeps, rotations, outages.
    pub(crate) const WORLD: Self = Self(0);

    /// The lane of a payment.
    pub(crate) fn of(payment: usize) -> Self {
        Self(payment + 1)
    }

    /// The payment of this lane; `None` for the world.
    pub(crate) fn payment(self) -> Option<usize> {
        self.0.checked_sub(1)
    }
}

/// All choices, lane by lane.
pub type Script = Vec<Vec<u64>>;

/// The source of choices.
pub(crate) struct Choices {
    seed: u64,
    lanes: Vec<LaneState>,
    script: Option<Script>,
}

struct LaneState {
    random: fastrand::Rng,
    made: Vec<u64>,
}

impl Choices {
    /// New choices from a seed.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self {
            seed,
            lanes: Vec::new(),
            script: None,
        }
    }

    /// The choices of a script; after its end the mildest choices.
    pub(crate) fn of_script(script: Script) -> Self {
        Self {
            seed: 0,
            lanes: Vec::new(),
            script: Some(script),
        }
    }

    /// A number below `bound`; zero is the mildest.
    pub(crate) fn below(&mut self, lane: Lane, bound: u64) -> u64 {
        while self.lanes.len() <= lane.0 {
            // Odd multipliers give each lane another seed.
            let number = self.lanes.len() as u64;
            let seed = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
                ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03);
            self.lanes.push(LaneState {
                random: fastrand::Rng::with_seed(seed),
                made: Vec::new(),
            });
        }
        let state = &mut self.lanes[lane.0];
        let bound = bound.max(1);
        let choice = match &self.script {
            None => state.random.u64(..bound),
            Some(script) => {
                let written = script
                    .get(lane.0)
                    .and_then(|lane| lane.get(state.made.len()));
                written.map_or(0, |choice| choice % bound)
            }
        };
        state.made.push(choice);
        choice
    }

    /// Whether something happens, with this chance in ten thousand; no is the mildest.
    pub(crate) fn happens(&mut self, lane: Lane, in_ten_thousand: u64) -> bool {
        const ALL: u64 = 10_000;
        in_ten_thousand > 0 && self.below(lane, ALL) >= ALL.saturating_sub(in_ten_thousand)
    }

    /// One of several; the first is the mildest.
    pub(crate) fn one_of<T: Copy>(&mut self, lane: Lane, of: &[T]) -> T {
        of[self.index(lane, of.len())]
    }

    /// An index below `len`.
    pub(crate) fn index(&mut self, lane: Lane, len: usize) -> usize {
        usize::try_from(self.below(lane, len as u64)).unwrap_or(0)
    }

    /// A time span from `least` to `most` milliseconds; the shortest is the mildest.
    pub(crate) fn span(&mut self, lane: Lane, least: i64, most: i64) -> i64 {
        let width = u64::try_from(most.saturating_sub(least)).unwrap_or(0);
        least + i64::try_from(self.below(lane, width + 1)).unwrap_or(0)
    }

    /// All choices so far.
    pub(crate) fn script(&self) -> Script {
        self.lanes.iter().map(|lane| lane.made.clone()).collect()
    }
}
