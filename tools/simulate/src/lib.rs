//! Simulates the whole system in one thread and one virtual time, from one seed. The code of domain, handlers and
//! workers is the production code. DynamoDB, network, Tiki, core and customers are simulated, with every fault that
//! we can think of. An auditor checks the invariants at every step.
//!
//! | module | content |
//! |---|---|
//! | `run` | one run, from the first payment to some days after the last fault |
//! | `choices`, `fault` | the choices of a run, from its seed; the faults, and how often they happen |
//! | `crowd` | runs with thousands of payments |
//! | `world` | virtual time, the event queue, and how a function waits, dies and freezes |
//! | `function`, `fleet`, `invocation`, `wiring` | the functions' instances, and the production code in them |
//! | `template` | what the simulation takes from `template.yaml` |
//! | `table`, `queries`, `capacity`, `brake`, `indexes`, `streams`, `secrets`, `net` | simulated `DynamoDB`, stream and schedule, secrets, HTTP |
//! | `gauges` | what our functions measure |
//! | `calls` | calls to our functions |
//! | `lifecycle`, `tiki`, `said`, `core` | customers, Tiki and its log, and the core |
//! | `reconcile` | the runs of the reconciliation, and Tiki's answers to its files |
//! | `day_file` | the file of a day, as Tiki reads it |
//! | `files` | the object store, and Tiki's file server |
//! | `records` | the table of reconciliation |
//! | `audit`, `coverage` | the invariants; which cells of the decision tables were reached |
//! | `shrink`, `report`, `history` | the output for a failing seed |
//! | `model` | every interleaving of a small configuration, in the pure domain |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an error in the simulator must stop it at once"
)]

mod audit;
mod brake;
mod calls;
mod capacity;
mod cells;
mod choices;
mod core;
mod coverage;
mod crowd;
mod day_file;
mod fault;
mod files;
mod fleet;
mod function;
mod gauges;
mod history;
mod indexes;
mod invocation;
mod lifecycle;
mod many;
pub mod model;
mod net;
mod persons;
mod queries;
mod reconcile;
mod records;
mod report;
mod run;
mod said;
mod secrets;
mod sessions;
mod shrink;
mod streams;
mod table;
mod template;
mod tiki;
mod versions;
mod wiring;
mod world;

/// A run makes and drops small things all the time: with the system's allocator it takes a third longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use audit::{Invariant, Violation};
pub use cells::required;
pub use choices::Script;
pub use coverage::{Cell, Coverage};
pub use fault::Fault;
pub use history::{History, Line};
pub use many::many;
pub use report::{Total, payment_history};
pub use run::{Outcome, Source, run};
pub use shrink::{Shrunk, shrink};
