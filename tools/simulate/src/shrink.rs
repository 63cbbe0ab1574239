//! Makes a failing run smaller. It removes payments, cuts off ends, removes blocks of choices or replaces them with
//! mild ones, as long as the same invariant is violated.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

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
        best: without_mild_ends(script),
        steps,
        fails,
        passed: HashSet::new(),
        tried: 0,
        most,
    };
    // First whole lanes, the last ones first: payments without influence. A second round can remove lanes that only
    // a removed lane needed.
    let mut before = (usize::MAX, u64::MAX);
    while size(&shrinker.best) < before {
        before = size(&shrinker.best);
        shrinker.without_lanes(1..shrinker.best.len());
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
    /// The hashes of the scripts that do not fail: each is run once.
    passed: HashSet<u64>,
    tried: u32,
    most: u32,
}

impl<F: Fn(&Outcome) -> bool> Shrinker<F> {
    /// Removes these lanes, or as many of them as it can: the later half first.
    fn without_lanes(&mut self, lanes: Range<usize>) {
        let lanes = lanes.start..lanes.end.min(self.best.len());
        if self.best[lanes.clone()].iter().all(Vec::is_empty) {
            return;
        }
        let removed = self.attempt(|script| script[lanes.clone()].fill(Vec::new()));
        if !removed && lanes.len() > 1 {
            let middle = lanes.start + lanes.len() / 2;
            self.without_lanes(middle..lanes.end);
            self.without_lanes(lanes.start..middle);
        }
    }

    fn smaller_lane(&mut self, lane: usize, block: usize) {
        // A smaller run can have fewer lanes.
        let pieces = self.best.get(lane).map_or(0, Vec::len).div_ceil(block);
        for piece in (0..pieces).rev() {
            self.smaller_block(lane, piece * block, block);
        }
    }

    fn smaller_block(&mut self, lane: usize, from: usize, block: usize) {
        let within = |lane: &Vec<u64>| from..(from + block).min(lane.len());
        let is_there = |script: &Script| script.get(lane).is_some_and(|l| l.len() > from);
        if !is_there(&self.best) {
            return;
        }
        let removed = self.attempt(|script| {
            let within = within(&script[lane]);
            script[lane].drain(within);
        });
        let block_of = |script: &Script| script[lane][within(&script[lane])].to_vec();
        if removed || block_of(&self.best).iter().all(|c| *c == 0) {
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

    /// Keeps a change if the run still fails and is smaller. Of it only those choices are kept that the run has taken.
    fn attempt(&mut self, change: impl FnOnce(&mut Script)) -> bool {
        if self.tried >= self.most {
            return false;
        }
        let mut script = self.best.clone();
        change(&mut script);
        let script = without_mild_ends(script);
        let mut hasher = DefaultHasher::new();
        script.hash(&mut hasher);
        let hash = hasher.finish();
        if size(&script) >= size(&self.best) || self.passed.contains(&hash) {
            return false;
        }
        self.tried += 1;
        let outcome = run(Source::Script(script), self.steps, History::default());
        let fails = (self.fails)(&outcome);
        if fails {
            self.best = without_mild_ends(outcome.script);
        } else {
            self.passed.insert(hash);
        }
        fails
    }
}

/// The script without what it says anyway: after the end of a lane each choice is zero.
fn without_mild_ends(mut script: Script) -> Script {
    for lane in &mut script {
        let end = lane.iter().rposition(|choice| *choice > 0);
        lane.truncate(end.map_or(0, |last| last + 1));
    }
    let end = script.iter().rposition(|lane| !lane.is_empty());
    script.truncate(end.map_or(0, |last| last + 1));
    script
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mild_anyway_is_left_out() {
        let script = vec![vec![0, 3, 0], vec![0], vec![1], vec![0, 0], vec![]];
        let short: Script = vec![vec![0, 3], vec![], vec![1]];
        assert_eq!(without_mild_ends(script), short);
    }

    #[test]
    fn a_script_and_what_is_left_of_it_are_the_same_run() {
        let whole = run(Source::Seed(2), 2_000, History::default());
        let again = run(
            Source::Script(without_mild_ends(whole.script.clone())),
            2_000,
            History::default(),
        );
        assert_eq!(again.script, whole.script);
        assert_eq!((again.steps, again.checks), (whole.steps, whole.checks));
    }

    #[test]
    fn no_script_is_run_twice() {
        let script = run(Source::Seed(2), 2_000, History::default()).script;
        let seen = std::cell::RefCell::new(HashSet::new());
        let shrunk = shrink(script, 2_000, 60, |outcome| {
            let new = seen
                .borrow_mut()
                .insert(without_mild_ends(outcome.script.clone()));
            assert!(new, "the same run a second time");
            false
        });
        assert!(shrunk.tried > 10);
    }
}
