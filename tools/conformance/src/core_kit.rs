//! `tikivip test-core`: plays this backend against a partner's core (docs/core.md).
//!
//! | module | what it checks |
//! |---|---|
//! | `screen` | the payment screen: its page, its form, its links |
//! | `once` | that the screen takes the money once |
//! | `forged` | what a dishonest customer sends to the screen |
//! | `links` | links that are forged or late, and texts of an order |
//! | `results` | the payment result that the core sends |
//! | `payments` | the answers about a payment |
//! | `refunds` | the answers about a refund, and that money goes back once |
//! | `contents` | what a refund must have, and may have |
//! | `crossing` | refunds that come at once, together, or too late |
//! | `signatures` | calls that are signed wrong |
//! | `statements` | the statement of a day |
//! | `replay` | that nothing has changed at the end |
//! | `booked` | that the statement says what the run has done |
//! | `answers` | every answer of the run |
//!
//! `partner_api` is the API that the core calls; `bench` makes the payments that the checks use; `rules` names the
//! headings of docs/core.md.

mod answers;
mod bench;
mod booked;
mod contents;
mod crossing;
mod forged;
mod links;
mod once;
mod partner_api;
mod payments;
mod refunds;
mod replay;
mod results;
mod rules;
mod screen;
mod signatures;
mod statements;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use futures::future::BoxFuture;
use serde_json::json;
use signing::{ClientSecret, HeaderNames, Keyring};
use tokio::sync::{OnceCell, mpsc};
use url::Url;
use uuid::Uuid;

use self::bench::{FinalRefunds, Paid, Payment};
use self::partner_api::PartnerApi;
use crate::address;
use crate::call::{Journal, Peer, Request, http};
use crate::clock::CallClock;
use crate::host::Host;
use crate::only::{is_asked_for, known};
use crate::report::{Progress, Report};
use crate::run::{CheckHeading, run_check};
use crate::schema::Schema;
use crate::verdict::Verdict;

/// What the kit is asked to do.
#[derive(Clone, Debug)]
pub struct CoreOptions {
    /// The core's API.
    pub core_url: String,
    /// The core's payment screen; without it `/pay` of the core's address.
    pub screen_url: Option<String>,
    pub client_id: String,
    pub secret: String,
    /// A person opens the payment screen and pays.
    pub by_hand: bool,
    /// The amount of each payment, in VND.
    pub amount: u64,
    /// Also run the check that needs more than a minute of waiting.
    pub slow: bool,
    /// Whether the core has statements by API.
    pub statements: bool,
    /// A day of which the core has bookings: `2026-11-22`.
    pub statement_day: Option<String>,
    /// Where the kit serves the API that the core calls.
    pub listen: SocketAddr,
    /// How the core reaches it, if that is another address.
    pub public_url: Option<String>,
    /// The ids of the checks to make; empty for all.
    pub only: Vec<String>,
    pub limits: Limits,
}

/// How long the kit waits, and what it calls slow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the payment result after the form was submitted, and for its repeat.
    pub result: Duration,
    /// For a person who pays.
    pub person: Duration,
    /// The core's time for an answer.
    pub answer: Duration,
    /// For a refund that is `pending`, until it is final.
    pub refund: Duration,
    /// So long our API hangs where a check has it hang: longer than a core waits.
    pub api_hangs: Duration,
    /// After so long, an answer of the core is no longer on its way.
    pub on_its_way: Duration,
    /// How long the form of an almost expired payment can be used.
    pub form_open: Duration,
    /// So much the clocks of the two machines may differ.
    pub clock_margin: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            result: Duration::from_secs(60),
            person: Duration::from_mins(10),
            answer: Duration::from_secs(10),
            refund: Duration::from_secs(30),
            api_hangs: Duration::from_secs(14),
            on_its_way: Duration::from_secs(65),
            form_open: Duration::from_secs(10),
            clock_margin: Duration::from_secs(3),
        }
    }
}

/// A check: what it is about, and the function that makes it.
pub struct Check {
    /// Stands in reports: `refund-repeat`.
    pub id: &'static str,
    pub title: &'static str,
    pub title_vi: &'static str,
    /// The rule: a heading of docs/core.md.
    pub cites: &'static str,
    run: for<'k> fn(&'k CoreKit) -> BoxFuture<'k, Verdict>,
}

/// Every check, in the order in which they run.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    let groups = [
        screen::CHECKS,
        once::CHECKS,
        forged::CHECKS,
        links::CHECKS,
        results::CHECKS,
        payments::CHECKS,
        refunds::CHECKS,
        contents::CHECKS,
        crossing::CHECKS,
        signatures::CHECKS,
        statements::CHECKS,
        replay::CHECKS,
        booked::CHECKS,
        answers::CHECKS,
    ];
    groups.into_iter().flatten()
}

/// The kit, ready to run: the core can already call it.
pub struct CoreKit {
    options: CoreOptions,
    core: Peer,
    screen_url: Url,
    keys: Keyring,
    api: PartnerApi,
    host: Host,
    schema: Schema,
    /// What the person who runs the kit must know at once.
    says: mpsc::UnboundedSender<String>,
    said: mpsc::UnboundedReceiver<String>,
    /// The payment of which the core's first result is answered with an error.
    first: OnceCell<Verdict<Paid>>,
    cancelled: OnceCell<Verdict<Paid>>,
    /// A payment of which the screen was opened, and nothing submitted.
    unpaid: OnceCell<Verdict<Payment>>,
    /// A payment that was paid shortly before its `expires_at`.
    short: OnceCell<Verdict<Payment>>,
    refunds: FinalRefunds,
}

impl CoreKit {
    /// Starts the API that the core calls.
    pub async fn start(options: CoreOptions) -> anyhow::Result<Self> {
        let base = address::api_option("--core-url", &options.core_url)?;
        known(&options.only, checks().map(|check| check.id))?;
        let screen = options.screen_url.clone();
        let screen = screen.unwrap_or_else(|| format!("{base}/pay"));
        let screen_url = address::page_option("--screen-url", &screen)?;
        let secret = ClientSecret::new(options.secret.as_str());
        let keys = Keyring::new(options.client_id.as_str(), secret);
        let mut host = Host::open(options.listen, options.public_url.as_deref()).await?;
        let api = PartnerApi::new(keys.clone(), options.limits.api_hangs);
        host.serve(api.router());
        let core = Peer {
            http: http()?,
            base,
            names: HeaderNames::PARTNER,
            keys: keys.clone(),
            journal: Journal::default(),
            clock: CallClock::default(),
        };
        let (says, said) = mpsc::unbounded_channel();
        Ok(Self {
            says,
            said,
            options,
            core,
            screen_url,
            keys,
            api,
            host,
            schema: Schema::of_core()?,
            first: OnceCell::new(),
            cancelled: OnceCell::new(),
            unpaid: OnceCell::new(),
            short: OnceCell::new(),
            refunds: FinalRefunds::default(),
        })
    }

    /// The address of the API that the core calls: its setting for our API.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.host.url
    }

    /// Runs every check. An error means that the core could not be reached.
    pub async fn run(mut self, progress: &mut dyn FnMut(Progress<'_>)) -> anyhow::Result<Report> {
        self.reach().await?;
        let (_, nothing) = mpsc::unbounded_channel();
        let mut said = std::mem::replace(&mut self.said, nothing);
        let mut report = Report::started("test-core", &self.core.base);
        let mut is_said = false;
        for check in checks().filter(|check| is_asked_for(&self.options.only, check.id)) {
            let heading = CheckHeading {
                id: check.id,
                title: check.title,
                title_vi: check.title_vi,
                cites: check.cites.to_owned(),
            };
            let running = (check.run)(&self);
            let result = run_check(heading, running, &self.core.journal, &mut said, progress).await;
            report.results.push(result);
            if !is_said && self.was_never_called() {
                is_said = true;
                let says = format!(
                    "The core has never called {}. Is that its setting for our API? Without it most checks are skipped.",
                    self.host.url
                );
                progress(Progress::Says(&says));
            }
        }
        Ok(report.finished())
    }

    /// Whether a payment could not be made, and the core has called nothing of the kit.
    fn was_never_called(&self) -> bool {
        let failed = self.first.get().is_some_and(Result::is_err);
        failed && self.api.got_nothing()
    }

    /// A core that refuses each call for its signature is not tested any further: nothing else could be seen.
    async fn reach(&self) -> anyhow::Result<()> {
        let harmless = [
            Request::get(format!("/payments/{}", Uuid::new_v4())),
            Request::post("/refunds", &json!({})),
        ];
        for call in harmless {
            match self.core.attempt(&call).await.answer {
                Ok(answer) if answer.status == 401 => {}
                Ok(_) => return Ok(()),
                Err(error) => bail!("the core cannot be reached at {}: {error}", self.core.base),
            }
        }
        let id = &self.options.client_id;
        bail!(
            "the core refuses each call with HTTP 401: the client id is not {id}, it has another secret, or the clocks of \
             the two machines differ (docs/core.md#signature)"
        )
    }
}
