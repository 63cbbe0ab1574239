//! The whole system in one thread and one virtual time, from one seed: the production code of domain,
//! handlers and workers, and around it a simulated DynamoDB, network, Tiki, core and customers, with every
//! fault that we can think of. An auditor checks at every step what must hold.
//!
//! | room | what is there |
//! |---|---|
//! | `run` | one run, from the first payment to some days after the last fault |
//! | `choices`, `fault` | everything that is not decided, from the seed; what goes wrong, and how often |
//! | `world` | virtual time, the queue of events, and how a function waits, dies and freezes |
//! | `fleet`, `wiring` | instances of the functions, and the production code in them |
//! | `table`, `indexes`, `streams`, `secrets`, `net` | the simulated edges: `DynamoDB`, stream and schedule, secrets, HTTP |
//! | `calls` | calls to us |
//! | `life`, `tiki`, `core` | customers, Tiki and the core |
//! | `reconcile` | who reads each day's data, and queues reports again |
//! | `audit`, `coverage` | what must hold; which cells of which tables were reached |
//! | `shrink`, `report`, `history` | what a person sees of a failing seed |
//! | `model` | every interleaving of a small configuration, over the pure domain |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a simulator that is wrong must stop at once"
)]

mod audit;
mod calls;
mod cells;
mod choices;
mod core;
mod coverage;
mod fault;
mod fleet;
mod history;
mod indexes;
mod lifecycle;
mod many;
pub mod model;
mod net;
mod reconcile;
mod report;
mod run;
mod secrets;
mod shrink;
mod streams;
mod table;
mod tiki;
mod wiring;
mod world;

pub use audit::{Invariant, Violation};
pub use cells::required;
pub use choices::Script;
pub use coverage::{Cell, Coverage};
pub use fault::Fault;
pub use history::{History, Line};
pub use many::many;
pub use report::{Total, life};
pub use run::{Outcome, Source, run};
pub use shrink::{Shrunk, shrink};
