//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use domain::Day;

/// Looks at payments, sends and decides what got stuck, and finds what is set up wrongly.
///
/// Exit codes: 0 done; 1 something broke; 2 wrong usage; 3 there is no such transaction; 4 refused by the rules;
/// 5 looked at, and something is wrong.
#[derive(Debug, Parser)]
#[command(name = "tikivip", version)]
pub(crate) struct Cli {
    /// The stack's output `OperatorSettings`, or what `sandbox --operator-file` wrote: a JSON object of variables
    #[arg(long, global = true, value_name = "FILE", env = "TIKIVIP_SETTINGS")]
    pub(crate) settings: Option<PathBuf>,

    /// How to answer
    #[arg(long, global = true, value_name = "FORM", default_value = "table")]
    pub(crate) output: Form,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For a person.
    Table,
    /// For a program.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A transaction's life: what happened, when and on whose word
    Show {
        /// Our id or Tiki's
        id: String,
    },
    /// Transactions that wait for somebody or something
    List {
        /// For what
        #[arg(long, value_name = "STATE", default_value = "desk")]
        state: State,
        /// At most so many, the oldest first
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Report a result to Tiki now, with the whole budget of tries where it was given up
    ResendIpn {
        /// Our id or Tiki's
        id: String,
        #[command(flatten)]
        word: Word,
    },
    /// Ask Tiki what it knows of a transaction; changes nothing
    Lookup {
        /// Our id or Tiki's
        id: String,
    },
    /// Decide what is disputed or was given up
    Resolve {
        /// Our id or Tiki's
        id: String,
        /// What is decided
        #[arg(long = "as", value_name = "VERDICT")]
        verdict: Verdict,
        #[command(flatten)]
        word: Word,
    },
    /// What the two sides' books do not agree in, and is not settled
    Reconciliation {
        /// Of this day alone: 2026-11-22
        #[arg(long, value_name = "DAY")]
        day: Option<Day>,
        /// At most so many, what needs a person first
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Close a finding that the two companies have resolved between them; no money moves
    #[command(alias = "settle")]
    CloseFinding {
        /// Tiki's id, or what the list shows for a line that cannot be read
        id: String,
        /// The day that it is about: 2026-11-22
        #[arg(long, value_name = "DAY")]
        day: Day,
        #[command(flatten)]
        word: Word,
    },
    /// Sign a message, as the functions do
    Sign {
        #[command(flatten)]
        message: Message,
    },
    /// Check a signature, as the functions do
    Verify {
        #[command(flatten)]
        message: Message,
        #[command(flatten)]
        headers: Headers,
        /// Show what is signed, byte by byte, and which known mistake would have given this signature
        #[arg(long)]
        explain: bool,
    },
    /// Look for what is set up wrongly: configuration, clock, secrets, tables, Tiki, the core
    Doctor,
    /// Print the completions for a shell
    Completions {
        /// Which
        shell: Shell,
    },
}

/// What a transaction may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// For a person, whatever the reason
    Desk,
    /// For a person: Tiki's word and ours differ
    Disputed,
    /// For a person: Tiki could not be told, within the whole schedule
    Exhausted,
    /// For a person: the core will not give a late payment back
    RefundRejected,
    /// For a person: the core says that another amount was paid
    AmountDiffers,
    /// For the core: a refund without a clear answer
    Unknown,
    /// For the core: money on its way back because Tiki does not have the order
    Reversing,
    /// For Tiki: a result that it has not confirmed
    Unconfirmed,
    /// For the customer
    Pending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verdict {
    /// Tiki has the order: the payment stands
    Confirmed,
    /// What remains goes back to the customer, by the core
    Reverse,
    /// What remains has gone back already, by other means than the core: nothing more goes
    Returned,
}

/// Who acts, and why; it stays in the audit trail.
#[derive(Debug, Args)]
pub(crate) struct Word {
    /// Who acts
    #[arg(long, value_name = "NAME", env = "TIKIVIP_OPERATOR")]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// A message: of a POST the body, of a GET path and query.
#[derive(Debug, Args)]
pub(crate) struct Message {
    /// The body, byte for byte; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "get")]
    pub(crate) body: Option<PathBuf>,
    /// Path and query of a GET, from after the base URL: `/transaction?tiki_transaction_id=…`
    #[arg(long, value_name = "PATH")]
    pub(crate) get: Option<String>,
    /// Whose conversation
    #[arg(long = "with", value_name = "WHO", default_value = "tiki")]
    pub(crate) conversation: Conversation,
}

/// Whose headers and secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Conversation {
    /// X-Tikivip-…
    Tiki,
    /// X-Partner-…
    Core,
}

/// The three headers as received.
#[derive(Debug, Args)]
pub(crate) struct Headers {
    /// X-…-Timestamp
    #[arg(long, value_name = "MS", required_unless_present = "event")]
    pub(crate) timestamp: Option<String>,
    /// X-…-Client-Id
    #[arg(long, value_name = "ID", required_unless_present = "event")]
    pub(crate) client_id: Option<String>,
    /// X-…-Signature
    #[arg(long, value_name = "HEX", required_unless_present = "event")]
    pub(crate) signature: Option<String>,
    /// Headers and body from an event of API Gateway, such as those in events/
    #[arg(long, value_name = "FILE", conflicts_with_all = ["timestamp", "client_id", "signature", "body", "get"])]
    pub(crate) event: Option<PathBuf>,
}
