//! Runs production code on hostile bytes, and checks its results.
//!
//! There is one function for each place that reads bytes from outside. It accepts any bytes, builds the expected input
//! from them, runs the production code, and *asserts properties* of the result. Most assertions compare the result with
//! a second, independent reader. No input may cause a panic. libFuzzer calls these functions (`tools/fuzz/README.md`),
//! and this crate's tests call them on a stable toolchain.
//!
//! | target | input | properties |
//! |---|---|---|
//! | [`headers`] | signature headers and a body | accepted only with a valid signature in time; any change is refused |
//! | [`inbound`] | signed bodies, read as every incoming message | bounds, one meaning, no field of another message, refusals that quote nothing |
//! | [`tiki_answers`] | status and bytes of Tiki's answers | confirmed, and money returned, only after a clear answer about our transaction |
//! | [`core_answers`] | status and bytes of the core's answers | everything except a clear answer of the contract is unknown |
//! | [`day_files`] | the core's statement and Tiki's result files | what is accepted is what a second reader finds in the same line |
//! | [`item`] | stored items, damaged and made up | what is read follows the rules, and is written and read back unchanged |
//! | [`operator`] | what `/operator/v1` reads: bodies, words, messages whose signature is asked about, callers | what is accepted is what a second reader finds; what was signed is found; a caller's name leads back to the caller |
//! | [`token`] | tokens of payment links | only our tokens are accepted; a changed token is invalid |

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a target is run for its assertions; only the tests use its marks"
)]

mod core_answers;
mod data;
mod day_files;
mod fixtures;
mod headers;
mod inbound;
mod item;
mod json;
mod operator;
pub mod samples;
mod tiki_answers;
mod token;

pub use core_answers::core_answers;
pub use day_files::day_files;
pub use headers::headers;
pub use inbound::inbound;
pub use item::item;
pub use operator::operator;
pub use tiki_answers::tiki_answers;
pub use token::token;

use samples::Sample;

/// The names of the results of a run. The tests require that each result occurs, because a target that accepts no
/// input proves nothing.
pub type Marks = Vec<&'static str>;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its function and of its folder in `tools/fuzz/corpus/`.
    pub name: &'static str,
    /// The function, which accepts any bytes.
    pub run: fn(&[u8]) -> Marks,
    seeds: fn(&[Sample]) -> Vec<Vec<u8>>,
}

impl Target {
    /// Inputs that reach deep into the code, made from the samples, and the sample files themselves.
    #[must_use]
    pub fn seeds(&self, samples: &[Sample]) -> Vec<Vec<u8>> {
        let files = samples.iter().map(|sample| sample.file.clone());
        (self.seeds)(samples).into_iter().chain(files).collect()
    }
}

pub const TARGETS: [Target; 8] = [
    Target {
        name: "headers",
        run: headers,
        seeds: headers::seeds,
    },
    Target {
        name: "inbound",
        run: inbound,
        seeds: inbound::seeds,
    },
    Target {
        name: "tiki_answers",
        run: tiki_answers,
        seeds: tiki_answers::seeds,
    },
    Target {
        name: "core_answers",
        run: core_answers,
        seeds: core_answers::seeds,
    },
    Target {
        name: "day_files",
        run: day_files,
        seeds: day_files::seeds,
    },
    Target {
        name: "item",
        run: item,
        seeds: item::seeds,
    },
    Target {
        name: "operator",
        run: operator,
        seeds: operator::seeds,
    },
    Target {
        name: "token",
        run: token,
        seeds: token::seeds,
    },
];
