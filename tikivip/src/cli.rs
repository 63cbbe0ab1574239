//! The command line.

mod kits;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use contract::Lang;
use domain::{BadTimestamp, Day, Timestamp};
use operator_api::signature;
use reconciliation::period::Period;

use crate::output;

pub(crate) use self::kits::{PayArg, Reports, TestCore, TestPartner};
pub(crate) use self::words::{State, Verdict};

/// Shows payments, resends and resolves what needs review, and finds configuration errors.
///
/// Exit codes:
///   0  success
///   1  internal error
///   2  wrong usage
///   3  the id does not exist
///   4  refused by the rules
///   5  checked, and a problem was found
/// Of test-core and test-partner: 0 all passed, 1 a check failed, 2 it could not run
#[derive(Debug, Parser)]
#[command(name = "tikivip", version, verbatim_doc_comment)]
pub(crate) struct Cli {
    /// JSON file with the settings
    ///
    /// It is the stack's output `OperatorSettings`, or the file that `sandbox --operator-file` writes.
    #[arg(long, global = true, value_name = "FILE", env = "TIKIVIP_SETTINGS")]
    pub(crate) settings: Option<PathBuf>,

    /// For people, or JSON for programs: errors, too
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Form,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Table,
    Json,
}

/// Says what is wrong with the arguments, in JSON if that is asked for; or prints the help.
pub(crate) fn not_parsed(error: &clap::Error) -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let asks =
        |pair: &[String]| matches!(pair, [name, form] if name == "--output" && form == "json");
    let is_json = arguments.windows(2).any(asks) || arguments.iter().any(|a| a == "--output=json");
    if !is_json || !error.use_stderr() {
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    // What follows is the usage, and where to find help.
    let (message, _) = text.split_once("\n\n").unwrap_or((text, ""));
    output::print_error(Form::Json, ("wrong_usage", 2), message.trim_end());
    ExitCode::from(2)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a transaction: its state, its refunds and its audit trail
    Show {
        /// Our transaction id, Tiki's, or the id of a finding about it
        id: String,
    },
    /// List transactions by state; without a state those that need review
    List {
        /// Which transactions to list
        #[arg(long, value_name = "STATE", default_value = "review")]
        state: State,
        /// Maximum number, the oldest first
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Find payments by the core's reference, by Tiki's order or by the partner's code of a customer
    ///
    /// No index has these: the payments that became final on each day are read one after the other, the newest day first,
    /// after those that are not final. A payment that has forgotten its order and its customer is found by neither.
    #[command(group = ArgGroup::new("wanted").required(true))]
    Find {
        /// The core's reference of a payment
        #[arg(long, value_name = "REFERENCE", group = "wanted")]
        reference: Option<String>,
        /// Tiki's code of an order, as its create call has it
        #[arg(long, value_name = "ORDER", group = "wanted")]
        order: Option<String>,
        /// The partner's code of a customer (`identify_code`)
        #[arg(long, value_name = "CUSTOMER", group = "wanted")]
        customer: Option<String>,
        /// The day on which the payment became final; without it the last --days
        #[arg(long, value_name = "DAY", conflicts_with = "days")]
        day: Option<Day>,
        /// How many days back, today among them
        #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..=92))]
        days: u16,
    },
    /// Send the notification (IPN) to Tiki again
    ///
    /// After an exhausted notification all attempts start again. Above a number in an hour, another person must approve it.
    #[command(group = ArgGroup::new("which").required(true).multiple(true))]
    ResendIpn {
        /// Our transaction ids or Tiki's
        #[arg(group = "which")]
        ids: Vec<String>,
        /// All transactions of this state instead
        #[arg(long, value_name = "STATE", conflicts_with = "ids", group = "which")]
        state: Option<State>,
        /// All whose notification is exhausted: the same as `--state exhausted`
        #[arg(long, conflicts_with_all = ["ids", "state"], group = "which")]
        all_exhausted: bool,
        #[command(flatten)]
        bulk: BulkArgs,
        #[command(flatten)]
        reason: ReasonArg,
    },
    /// Look up a transaction at Tiki; changes nothing
    Lookup {
        /// Our transaction id, Tiki's, or the id of a finding about it
        id: String,
    },
    /// Resolve what waits in the review queue; `show` says which verdicts fit
    ///
    /// What moves money or ends a dispute must be approved by another person, unless the stack is set otherwise.
    Resolve {
        /// Our transaction id or Tiki's
        id: String,
        #[arg(long = "as", value_name = "VERDICT")]
        verdict: Verdict,
        /// With `returned`: the amount that was given back, in VND; it must be all that remains
        #[arg(long, value_name = "VND", required_if_eq("verdict", "returned"), value_parser = words::amount)]
        amount: Option<u64>,
        /// What you have seen and decide on, as `show` has it after "Needs review"
        #[arg(long, value_name = "REVIEW")]
        review: String,
        /// Do not ask on a terminal
        #[arg(long)]
        yes: bool,
        /// Show what would happen, and do nothing
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
        #[command(flatten)]
        reason: ReasonArg,
    },
    /// Approve what another person has proposed; `list --state proposed` shows it
    Approve {
        /// Our transaction id or Tiki's
        #[arg(required_unless_present = "resends", requires = "proposal")]
        id: Option<String>,
        /// The number of the proposal, as `show` has it
        #[arg(long, value_name = "NUMBER", requires = "id")]
        proposal: Option<u32>,
        /// All notifications that others have proposed to send again
        #[arg(long, conflicts_with_all = ["id", "proposal"])]
        resends: bool,
        #[command(flatten)]
        bulk: BulkArgs,
        #[command(flatten)]
        reason: ReasonArg,
    },
    /// Decline what another person has proposed, or take back what you have proposed
    Decline {
        /// Our transaction id or Tiki's
        #[arg(required_unless_present = "resends", requires = "proposal")]
        id: Option<String>,
        /// The number of the proposal, as `show` has it
        #[arg(long, value_name = "NUMBER", requires = "id")]
        proposal: Option<u32>,
        /// All notifications that somebody has proposed to send again
        #[arg(long, conflicts_with_all = ["id", "proposal"])]
        resends: bool,
        #[command(flatten)]
        bulk: BulkArgs,
        #[command(flatten)]
        reason: ReasonArg,
    },
    /// Forget who the customer of a payment is and what was bought, before its time
    ///
    /// Refused while anything of the payment is open. Amounts, times and ids stay.
    Forget {
        /// Our transaction id or Tiki's
        id: String,
        #[command(flatten)]
        reason: ReasonArg,
    },
    /// List the open findings of the reconciliation
    Reconciliation {
        /// Only this day, for example 2026-11-22
        #[arg(long, value_name = "DAY")]
        day: Option<Day>,
        /// Maximum number, findings that need review first
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show the report of a day, a month or several days as one
    ///
    /// It is made from the records as they are now, and publishes nothing. --open and --out give its page and tables, too.
    Report {
        /// A day 2026-11-22, a month 2026-11, or the first and the last day 2026-11-20..2026-11-22
        period: Period,
        #[command(flatten)]
        target: ReportTarget,
    },
    /// Close a finding that both companies have resolved; moves no money
    #[command(alias = "settle")] // retired-word: the old name stays as an alias
    CloseFinding {
        /// The finding's id, as `tikivip reconciliation` shows it
        id: String,
        /// The finding's day, for example 2026-11-22
        #[arg(long, value_name = "DAY")]
        day: Day,
        /// What you have seen: the time after "since", as in 2026-11-23T07:00:12 (Vietnam's)
        #[arg(long, value_name = "TIME", value_parser = of_vietnam)]
        since: String,
        #[command(flatten)]
        reason: ReasonArg,
    },
    /// Sign a message as the functions do
    ///
    /// With it a person can be Tiki or the core: it needs the policy for break-glass, and raises an alarm.
    Sign {
        #[command(flatten)]
        message: Message,
    },
    /// Verify a signature as the functions do
    Verify {
        #[command(flatten)]
        message: Message,
        #[command(flatten)]
        headers: Headers,
        /// Show the signed bytes, and which known mistake gives this signature
        #[arg(long)]
        explain: bool,
    },
    /// Check configuration, clock, secrets, tables, Tiki and the core
    Doctor,
    /// Write the hand-over to Tiki: a page with the stack's addresses and limits, to send
    ///
    /// It has the fields, codes and time limits, the signature with examples, our questions, the test cases and the lists
    /// for going live. It has no secret.
    Handover {
        #[command(flatten)]
        arguments: HandoverArgs,
    },
    /// Write collections of calls that sign themselves, for Postman and Bruno
    ///
    /// Without settings they are for a sandbox. For a stack the secrets are left empty, also for a sandbox with client ids
    /// of its own: enter them in the program. The secrets of a sandbox that has its default client ids are the default
    /// ones; if it was started with others, enter those.
    Collections {
        /// The folder to write into
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Test a core: play this backend against it; needs no settings
    TestCore(Box<TestCore>),
    /// Test the partner's side, this one or another: play Tiki against it; needs no settings
    TestPartner(Box<TestPartner>),
    /// Print the completion script of a shell
    Completions { shell: Shell },
    /// Write the manual pages of this command into a folder
    Man {
        /// The folder to write into, for example ~/.local/share/man/man1
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// The page for Tiki.
#[derive(Debug, Args)]
pub(crate) struct HandoverArgs {
    /// The file to write: a page to send (.html), or Markdown (.md)
    #[arg(long, value_name = "FILE", value_parser = page_or_markdown)]
    pub(crate) out: PathBuf,
    /// The languages, one after the other
    #[arg(
        long,
        value_name = "LANGUAGE",
        value_delimiter = ',',
        default_value = "vi,en"
    )]
    pub(crate) lang: Vec<Lang>,
    /// Settings of the stack for Tiki's other environment; without them its addresses are left blank
    #[arg(long, value_name = "FILE")]
    pub(crate) other_settings: Option<PathBuf>,
}

/// The ending of the file says what is written into it.
fn page_or_markdown(text: &str) -> Result<PathBuf, &'static str> {
    let file = PathBuf::from(text);
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("html" | "md") => Ok(file),
        _ => Err("must end in .html or .md"),
    }
}

/// A time as the tables show it, of Vietnam, or with its offset; as RFC 3339.
fn of_vietnam(text: &str) -> Result<String, BadTimestamp> {
    let text = text.replace(' ', "T");
    let at = Timestamp::parse_rfc3339(&text);
    let at = at.or_else(|_| Timestamp::parse_rfc3339(&format!("{text}+07:00")))?;
    Ok(at.to_rfc3339())
}

/// Where the files of a report go.
#[derive(Debug, Args)]
pub(crate) struct ReportTarget {
    /// Open the page in the browser
    #[arg(long)]
    pub(crate) open: bool,
    /// Write page, table (CSV) and workbook (XLSX) into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Why a person acts. It is kept in the audit trail, with the name that AWS has of the person.
#[derive(Debug, Args)]
pub(crate) struct ReasonArg {
    /// Reason for the action
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// How a command works through many transactions.
#[derive(Clone, Debug, Args)]
pub(crate) struct BulkArgs {
    /// Leave out what was sent again from this time on; without it since the command began
    ///
    /// With the time at which an earlier run began, the run goes on where that one stopped.
    #[arg(long, value_name = "TIME", value_parser = of_vietnam)]
    pub(crate) since: Option<String>,
    /// At most so many calls in a second
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) per_second: u32,
}

/// A message: the body of a POST, or path and query of a GET.
#[derive(Debug, Args)]
pub(crate) struct Message {
    /// File with the exact body; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "get")]
    pub(crate) body: Option<PathBuf>,
    /// Path and query of a GET after the base URL: `/transaction?tiki_transaction_id=…`
    #[arg(long, value_name = "PATH")]
    pub(crate) get: Option<String>,
    /// Counterparty whose headers and secret are used
    #[arg(long = "with", value_name = "WHO", default_value = "tiki")]
    pub(crate) counterparty: Counterparty,
}

/// Tiki or the core, as the other side of signed messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Counterparty {
    Tiki,
    Core,
}

impl Counterparty {
    pub(crate) fn on_the_wire(self) -> signature::Counterparty {
        match self {
            Self::Tiki => signature::Counterparty::Tiki,
            Self::Core => signature::Counterparty::Core,
        }
    }
}

/// The three headers of a received message.
#[derive(Debug, Args)]
pub(crate) struct Headers {
    #[arg(long, value_name = "MS", required_unless_present = "event")]
    pub(crate) timestamp: Option<String>,
    #[arg(long, value_name = "ID", required_unless_present = "event")]
    pub(crate) client_id: Option<String>,
    #[arg(long, value_name = "HEX", required_unless_present = "event")]
    pub(crate) signature: Option<String>,
    /// Read headers and body from an event of API Gateway, such as those in events/
    #[arg(long, value_name = "FILE", conflicts_with_all = ["timestamp", "client_id", "signature", "body", "get"])]
    pub(crate) event: Option<PathBuf>,
}
