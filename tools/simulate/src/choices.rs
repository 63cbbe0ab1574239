//! Every choice of a run, from one seed, and again from what was written down.
//!
//! A run asks here for everything that is not decided: how long an answer takes, whether a write is lost,
//! when a customer pays. Each answer is kept. A failing run is then made smaller by handing it the same
//! answers with some of them left out or made zero, and zero is always the tamest: no fault, the shortest
//! time, the plainest customer.
//!
//! Choices lie in lanes, one for each payment and one for the world around them, each with a random stream
//! of its own. So leaving a payment out does not change what happens to the others.

/// One of the streams of choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane(usize);

impl Lane {
    /// The world's: clocks, sweeps, rotations, outages.
    pub(crate) const WORLD: Self = Self(0);

    /// A payment's.
    pub(crate) fn of(payment: usize) -> Self {
        Self(payment + 1)
    }

    /// The payment, if it is one's.
    pub(crate) fn payment(self) -> Option<usize> {
        self.0.checked_sub(1)
    }
}

/// What was chosen, lane by lane.
pub type Script = Vec<Vec<u64>>;

/// Where choices come from.
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
    /// Fresh choices, from a seed.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self {
            seed,
            lanes: Vec::new(),
            script: None,
        }
    }

    /// The choices of a script; the tamest where it ends.
    pub(crate) fn of_script(script: Script) -> Self {
        Self {
            seed: 0,
            lanes: Vec::new(),
            script: Some(script),
        }
    }

    /// A number below `bound`; zero is the tamest.
    pub(crate) fn below(&mut self, lane: Lane, bound: u64) -> u64 {
        while self.lanes.len() <= lane.0 {
            // Odd multipliers keep the seeds of lanes apart.
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

    /// Whether something happens that happens so often in ten thousand times; no is the tamest.
    pub(crate) fn happens(&mut self, lane: Lane, in_ten_thousand: u64) -> bool {
        const ALL: u64 = 10_000;
        in_ten_thousand > 0 && self.below(lane, ALL) >= ALL.saturating_sub(in_ten_thousand)
    }

    /// One of several; the first is the tamest.
    pub(crate) fn one_of<T: Copy>(&mut self, lane: Lane, of: &[T]) -> T {
        of[self.index(lane, of.len())]
    }

    /// A place among `len`.
    pub(crate) fn index(&mut self, lane: Lane, len: usize) -> usize {
        usize::try_from(self.below(lane, len as u64)).unwrap_or(0)
    }

    /// A time span from `least` to `most` milliseconds; the shortest is the tamest.
    pub(crate) fn span(&mut self, lane: Lane, least: i64, most: i64) -> i64 {
        let width = u64::try_from(most.saturating_sub(least)).unwrap_or(0);
        least + i64::try_from(self.below(lane, width + 1)).unwrap_or(0)
    }

    /// Everything that was chosen so far.
    pub(crate) fn script(&self) -> Script {
        self.lanes.iter().map(|lane| lane.made.clone()).collect()
    }
}
