//! Makes a failing run smaller. It removes payments, cuts off ends, removes blocks of choices or replaces them with
//! mild ones, as long as the same invariant is violated.

use crate::choices::Script;
use crate::history::History;
use crate::run::{Outcome, Source, run};

/// The smallest failing run that was found.
pub struct Shrunk {
    pub script: Script,
    /// The number of smaller runs that were tried.
    pub tried: u32,
}

/// Makes a failing script smaller, with at most `most` tries.
#[must_use]
pub fn shrink(script: Script, steps: u64, most: u32, fails: impl Fn(&Outcome) -> bool) -> Shrunk {
    let mut shrinker = Shrinker {
        best: script,
        steps,
        fails,
        tried: 0,
        most,
    };
    // First whole lanes, the last ones first: payments without influence. A second round can remove lanes that only
    // a removed lane needed.
    let mut before = (usize::MAX, u64::MAX);
    while size(&shrinker.best) < before {
        before = size(&shrinker.best);
        for lane in (1..shrinker.best.len()).rev() {
            shrinker.attempt(|script| script[lane].clear());
        }
    }
    // Then blocks in all lanes, from large to small, while the script becomes smaller.
    loop {
        let before = size(&shrinker.best);
        let longest = shrinker.best.iter().map(Vec::len).max().unwrap_or(0);
        let mut block = longest.next_power_of_two();
        while block > 0 {
            for lane in 0..shrinker.best.len() {
                shrinker.smaller_lane(lane, block);
            }
            block /= 2;
        }
        if size(&shrinker.best) == before || shrinker.tried >= most {
            break;
        }
    }
    let Shrinker { best, tried, .. } = shrinker;
    Shrunk {
        script: best,
        tried,
    }
}

struct Shrinker<F> {
    best: Script,
    steps: u64,
    fails: F,
    tried: u32,
    most: u32,
}

impl<F: Fn(&Outcome) -> bool> Shrinker<F> {
    fn smaller_lane(&mut self, lane: usize, block: usize) {
        let pieces = self.best[lane].len().div_ceil(block);
        for piece in (0..pieces).rev() {
            self.smaller_block(lane, piece * block, block);
        }
    }

    fn smaller_block(&mut self, lane: usize, from: usize, block: usize) {
        let within = |lane: &Vec<u64>| from..(from + block).min(lane.len());
        if within(&self.best[lane]).is_empty() {
            return;
        }
        let removed = self.attempt(|script| {
            let within = within(&script[lane]);
            script[lane].drain(within);
        });
        if removed
            || self.best[lane][within(&self.best[lane])]
                .iter()
                .all(|c| *c == 0)
        {
            return;
        }
        let tamed = self.attempt(|script| {
            let within = within(&script[lane]);
            script[lane][within].fill(0);
        });
        if !tamed && block == 1 {
            self.attempt(|script| script[lane][from] /= 2);
        }
    }

    /// Keeps a change if the run still fails and is smaller.
    fn attempt(&mut self, change: impl FnOnce(&mut Script)) -> bool {
        if self.tried >= self.most {
            return false;
        }
        let mut script = self.best.clone();
        change(&mut script);
        if size(&script) >= size(&self.best) {
            return false;
        }
        self.tried += 1;
        let outcome = run(
            Source::Script(script.clone()),
            self.steps,
            History::default(),
        );
        let fails = (self.fails)(&outcome);
        if fails {
            self.best = script;
        }
        fails
    }
}

/// Fewer choices are smaller, and then milder ones.
fn size(script: &Script) -> (usize, u64) {
    let choices = script.iter().map(Vec::len).sum();
    let sum = script
        .iter()
        .flatten()
        .fold(0, |sum: u64, c| sum.saturating_add(*c));
    (choices, sum)
}
