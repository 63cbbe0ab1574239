//! Hostile bytes into production code, and what must hold of whatever comes out.
//!
//! One function for each place where bytes from outside are read. Each takes any bytes at all, makes of them
//! what the place expects, and *asserts properties*, mostly against a second reading of its own; that nothing
//! panics is the least of them. libFuzzer drives them (`tools/fuzz/README.md`), and so do this crate's tests, on a
//! stable toolchain.
//!
//! | target | what goes in | what must hold |
//! |---|---|---|
//! | [`headers`] | signature headers and a body | accepted only if really signed, and in time; any change is refused |
//! | [`inbound`] | signed bodies, as every message that comes in | bounds, one meaning, no field of another message, refusals that quote nothing |
//! | [`tiki_answers`] | status and bytes of Tiki's answers | confirmed, and money moved, only on Tiki's clear word about our transaction |
//! | [`core_answers`] | status and bytes of the core's answers | everything but the contract's clear word is unknown |
//! | [`item`] | stored items, damaged and made up | what is read holds by the rules, and is written and read back as it is |
//! | [`token`] | tokens of payment links | only ours are taken; a changed one is invalid |

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a target is run for its assertions; what it came to is for the tests"
)]

mod core_answers;
mod data;
mod fixtures;
mod headers;
mod inbound;
mod item;
mod json;
pub mod samples;
mod tiki_answers;
mod token;

pub use core_answers::core_answers;
pub use headers::headers;
pub use inbound::inbound;
pub use item::item;
pub use tiki_answers::tiki_answers;
pub use token::token;

use samples::Sample;

/// What a run came to, by name: a target that never sees anything accepted proves nothing, and the tests see
/// to it that it does.
pub type Marks = Vec<&'static str>;

/// A target by name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its function, and of its folder in `tools/fuzz/corpus/`.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]) -> Marks,
    seeds: fn(&[Sample]) -> Vec<Vec<u8>>,
}

impl Target {
    /// Inputs that reach far, made of the samples, and the samples' files as they are.
    #[must_use]
    pub fn seeds(&self, samples: &[Sample]) -> Vec<Vec<u8>> {
        let files = samples.iter().map(|sample| sample.file.clone());
        (self.seeds)(samples).into_iter().chain(files).collect()
    }
}

/// Every target.
pub const TARGETS: [Target; 6] = [
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
        name: "item",
        run: item,
        seeds: item::seeds,
    },
    Target {
        name: "token",
        run: token,
        seeds: token::seeds,
    },
];
