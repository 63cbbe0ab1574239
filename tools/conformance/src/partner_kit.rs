//! `tikivip test-partner`: plays Tiki against the partner's side, this one or another's.
//!
//! | module | what it plays |
//! |---|---|
//! | `bench` | Tiki's backend: creates, looks up, refunds; and the customer who pays |
//! | `creates`, `lookups`, `refunds`, `notifications` | the test cases of each call |
//! | `tiki_api` | Tiki's API, if the partner's side is set to call it |
//!
//! What is sent and expected stands in [`crate::cases`].

mod bench;
mod creates;
mod lookups;
mod notifications;
mod refunds;
mod tiki_api;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use signing::{ClientSecret, HeaderNames, Keyring};
use tokio::sync::{OnceCell, mpsc};

use self::bench::{Created, new_id};
use self::tiki_api::TikiApi;
use crate::address;
use crate::call::{Answer, Journal, Peer, Request, http};
use crate::cases::{CASES, Needs, TestCase};
use crate::clock::CallClock;
use crate::host::Host;
use crate::only::{is_asked_for, known};
use crate::report::{Progress, Report};
use crate::run::{CheckHeading, run_check};
use crate::schema::Schema;
use crate::verdict::{Stop, Verdict};

/// What the kit is asked to do.
#[derive(Clone, Debug)]
pub struct PartnerOptions {
    /// The address of the partner's side, and the path under which Tiki's routes are: `/tikivip/v1`.
    pub url: String,
    pub base_path: String,
    pub client_id: String,
    pub secret: String,
    /// Also play the case that needs more than five minutes of waiting.
    pub slow: bool,
    /// Money may go back: the environment is a test one.
    pub test_environment: bool,
    pub pay: Pay,
    /// The amount of each payment, in VND.
    pub amount: u64,
    /// Where the kit serves Tiki's API, if the partner's side is set to call it.
    pub listen: Option<SocketAddr>,
    /// How the partner's side reaches it, if that is another address.
    pub public_url: Option<String>,
    /// The ids of the cases to play; empty for all.
    pub only: Vec<String>,
    pub limits: Limits,
}

/// How the kit pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pay {
    /// It submits the form of the payment screen.
    Form,
    /// A person opens the payment screen.
    Hand,
    /// Not at all.
    Nothing,
}

/// How long the kit waits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the status SUCCESS after the form was submitted.
    pub paid: Duration,
    /// For a person who pays.
    pub person: Duration,
    /// For the final status of a payment that expires after five minutes.
    pub expired: Duration,
    /// For a notification and its repeat.
    pub notification: Duration,
    /// So long no notification may follow one that was accepted.
    pub quiet: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            paid: Duration::from_secs(60),
            person: Duration::from_mins(15),
            expired: Duration::from_mins(10),
            notification: Duration::from_mins(3),
            quiet: Duration::from_secs(10),
        }
    }
}

/// How a case is played.
type Play = for<'k> fn(&'k PartnerKit, &'static TestCase) -> BoxFuture<'k, Verdict>;

/// The kit, ready to run: the partner's side can already call it.
pub struct PartnerKit {
    options: PartnerOptions,
    partner: Peer,
    tiki: TikiApi,
    host: Option<Host>,
    schema: Schema,
    says: mpsc::UnboundedSender<String>,
    said: mpsc::UnboundedReceiver<String>,
    /// The payment of TC-01.
    created: OnceCell<Verdict<Created>>,
    paid: OnceCell<Verdict<Created>>,
    cancelled: OnceCell<Verdict<Created>>,
    /// The answer to TC-80.
    refunded: OnceCell<Verdict<refunds::Refunded>>,
    /// The answer to TC-85.
    rest: OnceCell<Verdict<Answer>>,
}

impl PartnerKit {
    /// Starts Tiki's API, if it is asked for.
    pub async fn start(options: PartnerOptions) -> anyhow::Result<Self> {
        let root = address::api_option("--url", &options.url)?;
        known(&options.only, CASES.iter().map(|case| case.id))?;
        let secret = ClientSecret::new(options.secret.as_str());
        let keys = Keyring::new(options.client_id.as_str(), secret);
        let tiki = TikiApi::new(keys.clone());
        let mut host = None;
        if let Some(listen) = options.listen {
            let mut open = Host::open(listen, options.public_url.as_deref()).await?;
            open.serve(tiki.router());
            host = Some(open);
        }
        let (says, said) = mpsc::unbounded_channel();
        Ok(Self {
            partner: Peer {
                http: http()?,
                base: format!("{root}{}", options.base_path.trim_end_matches('/')),
                names: HeaderNames::TIKI,
                keys,
                journal: Journal::default(),
                clock: CallClock::default(),
            },
            options,
            tiki,
            host,
            schema: Schema::of_partner()?,
            says,
            said,
            created: OnceCell::new(),
            paid: OnceCell::new(),
            cancelled: OnceCell::new(),
            refunded: OnceCell::new(),
            rest: OnceCell::new(),
        })
    }

    /// The partner's side has this address. It can be started after the kit, because it needs the kit's own.
    #[must_use]
    pub fn against(mut self, url: &str) -> Self {
        let root = url.trim_end_matches('/');
        self.partner.base = format!("{root}{}", self.base_path());
        self
    }

    /// The address of Tiki's API, for the setting `TIKI_API_URL` of the partner's side.
    #[must_use]
    pub fn tiki_url(&self) -> Option<&str> {
        self.host.as_ref().map(|host| host.url.as_str())
    }

    /// Plays every case. An error means that the partner's side could not be reached.
    pub async fn run(mut self, progress: &mut dyn FnMut(Progress<'_>)) -> anyhow::Result<Report> {
        self.reach().await?;
        let (_, nothing) = mpsc::unbounded_channel();
        let mut said = std::mem::replace(&mut self.said, nothing);
        let mut report = Report::started("test-partner", &self.partner.base);
        let asked_for = |case: &&TestCase| is_asked_for(&self.options.only, case.id);
        for case in CASES.iter().filter(asked_for) {
            let heading = CheckHeading {
                id: case.id,
                title: case.title_en,
                title_vi: case.title_vi,
                cites: format!("{}: {}", case.call, case.send_en),
            };
            let playing = self.play(case).boxed();
            let result =
                run_check(heading, playing, &self.partner.journal, &mut said, progress).await;
            report.results.push(result);
        }
        Ok(report.finished())
    }

    async fn reach(&self) -> anyhow::Result<()> {
        let body = json!({ "tiki_transaction_id": new_id() });
        let call = Request::post("/transactions/query", &body);
        match self.partner.attempt(&call).await.answer {
            Ok(answer) if answer.code() == Some(97) => bail!(
                "the partner's side refuses the first call with code 97: the client id is not {}, it has another secret, \
                 or the clocks of the two machines differ",
                self.options.client_id
            ),
            Ok(_) => Ok(()),
            Err(error) => bail!("nothing answers at {}: {error}", self.partner.base),
        }
    }

    async fn play(&self, case: &'static TestCase) -> Verdict {
        if case.needs == Needs::TestEnvironment && !self.options.test_environment {
            let why = "money goes back: say that it is a test environment (--test-environment)";
            return Err(Stop::skipped(why));
        }
        if case.needs == Needs::Tiki && self.host.is_none() {
            let why =
                "the partner's side must call the kit as Tiki (--listen, and its TIKI_API_URL)";
            return Err(Stop::skipped(why));
        }
        match play_of(case.id) {
            Some(play) => play(self, case).await,
            None => Err(Stop::skipped("the kit cannot play this case")),
        }
    }
}

/// How a case is played, by its id.
fn play_of(id: &str) -> Option<Play> {
    let groups = [
        creates::PLAYS,
        lookups::PLAYS,
        refunds::PLAYS,
        notifications::PLAYS,
    ];
    let mut plays = groups.into_iter().flatten();
    plays.find(|(of, _)| *of == id).map(|(_, play)| *play)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_can_be_played() {
        for case in CASES {
            assert!(play_of(case.id).is_some(), "{}", case.id);
        }
    }
}
