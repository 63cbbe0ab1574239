//! Tiki's own log: what it answered about a payment, and which of our functions took the answer and wrote down what
//! came of it. The auditor judges by this log, and not by what our records say that Tiki said.

use serde_json::Value;
use signed_http::{Answer, Method, Outgoing};

use crate::audit::Heard;
use crate::fleet::Function;
use crate::tiki::asked_about;
use crate::wiring::TIKI_URL;
use crate::world::World;

/// The name of an answer's number in its body.
const SERIAL: &str = "serial";

/// Everything that Tiki has heard and said of one payment.
#[derive(Default)]
pub(crate) struct TikiLog {
    said: Vec<Said>,
    /// The notifications that have arrived, at Tiki or at a proxy that answered for it: when, and whether they said
    /// `SUCCESS`.
    pub(crate) notified: Vec<(i64, bool)>,
}

/// What Tiki answered to a notification or to a look-up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    serial: u64,
    /// When Tiki gave it.
    pub(crate) at: i64,
    pub(crate) what: What,
    /// The function that took it.
    by: Option<usize>,
    state: State,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has taken it.
    Given,
    /// A function has taken it, and has not written anything yet.
    Taken,
    /// A function has written down what came of it.
    Recorded,
    /// The function that took it died, failed, or had no lease any more.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// An answer to a notification.
    Ipn { code: u64, named: Named },
    /// An answer to a look-up.
    LookUp(Known),
}

/// The transaction that an answer with code 0 names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// By our id.
    Ours,
    /// By Tiki's id.
    Tikis,
    Another,
    None,
}

/// What Tiki says that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Paid, with this amount.
    Success(Amount),
    Failure,
    Pending,
    Code(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    Same,
    Other,
    None,
}

impl Said {
    /// Whether it says that Tiki has the order, or anything else than that it does not.
    pub(crate) fn denies_not_found(&self) -> bool {
        match self.what {
            What::Ipn { code, named } => code == 0 && named != Named::Another,
            What::LookUp(Known::Code(code)) => matches!(code, 1 | 4 | 6),
            What::LookUp(Known::Success(_) | Known::Failure | Known::Pending) => true,
        }
    }
}

impl TikiLog {
    fn add(&mut self, serial: u64, at: i64, what: What) {
        self.said.push(Said {
            serial,
            at,
            what,
            by: None,
            state: State::Given,
        });
    }

    /// A function has taken an answer. The same bytes may come twice, but a function takes them once.
    fn take(&mut self, serial: u64, who: usize) {
        if let Some(said) = self.said.iter_mut().find(|said| said.serial == serial) {
            (said.by, said.state) = (Some(who), State::Taken);
        }
    }

    /// A function begins a notification: of an earlier one it has written nothing.
    fn begin(&mut self, who: usize) {
        for said in &mut self.said {
            if said.by == Some(who) && said.state == State::Taken {
                said.state = State::Lost;
            }
        }
    }

    /// The numbers of the answers that a function has taken, and of which it has not written anything yet.
    pub(crate) fn taken_by(&self, who: usize) -> Vec<u64> {
        let said = self.said.iter();
        let taken = said.filter(|said| said.by == Some(who) && said.state == State::Taken);
        taken.map(|said| said.serial).collect()
    }

    /// A function has written down what came of these answers: they are returned, in order.
    pub(crate) fn record(&mut self, taken: &[u64]) -> Vec<Said> {
        let mut recorded = Vec::new();
        for said in &mut self.said {
            if taken.contains(&said.serial) {
                said.state = State::Recorded;
                recorded.push(*said);
            }
        }
        recorded
    }

    /// All answers of which something was written down, in order.
    pub(crate) fn recorded(&self) -> impl DoubleEndedIterator<Item = &Said> {
        let recorded = |said: &&Said| said.state == State::Recorded;
        self.said.iter().filter(recorded)
    }
}

impl World {
    /// Tiki gives an answer. It has a number, by which the answer is known when a function takes it.
    pub(crate) fn tiki_gives(&mut self, payment: usize, what: What, mut body: Value) -> Value {
        let (serial, now) = (self.unique(), self.now());
        self.payments[payment].log.add(serial, now, what);
        body[SERIAL] = serial.into();
        body
    }

    /// One of our functions sends something to Tiki.
    pub(crate) fn begins_at_tiki(&mut self, who: usize, request: &Outgoing) {
        if let Some(payment) = asked_about(request).filter(|_| is_notification(request)) {
            self.payments[payment].log.begin(who);
        }
    }

    /// A run of the reconciliation asks about a payment.
    pub(crate) fn reconciliation_asks(&mut self, who: usize, request: &Outgoing) {
        let Some(payment) = asked_about(request) else {
            return;
        };
        if self.fleet.function(who) == Function::Reconcile {
            let (asked_at, answer) = (self.now(), None);
            let looked = self.looked.entry(who).or_default();
            looked.insert(payment, Heard { asked_at, answer });
        }
    }

    /// A run of the reconciliation has an answer about a payment. One that Tiki did not give says nothing.
    pub(crate) fn reconciliation_hears(&mut self, who: usize, request: &Outgoing, heard: &Answer) {
        let Some(payment) = asked_about(request) else {
            return;
        };
        let body: Value = serde_json::from_slice(&heard.body).unwrap_or_default();
        let serial = body[SERIAL].as_u64();
        let mut said = self.payments[payment].log.said.iter();
        let said = said.rfind(|said| Some(said.serial) == serial);
        let answer = said.and_then(|said| match said.what {
            What::LookUp(known) => Some(known),
            What::Ipn { .. } => None,
        });
        if let Some(heard) = self
            .looked
            .get_mut(&who)
            .and_then(|of| of.get_mut(&payment))
        {
            heard.answer = answer;
        }
    }

    /// One of our functions has taken an answer, of Tiki or of a proxy before it.
    pub(crate) fn takes_from_tiki(&mut self, who: usize, request: &Outgoing, heard: &Answer) {
        let Some(payment) = asked_about(request) else {
            return;
        };
        let body: Value = serde_json::from_slice(&heard.body).unwrap_or_default();
        let serial = body[SERIAL].as_u64();
        let log = &mut self.payments[payment].log;
        if let Some(serial) = serial {
            return log.take(serial, who);
        }
        // A code 0 of a proxy looks like one of Tiki.
        if is_notification(request) && heard.status == 200 && body["code"] == 0 {
            let named = match body["data"]["transaction_id"].as_str() {
                Some(_) => Named::Another,
                None => Named::None,
            };
            let (serial, now) = (self.unique(), self.now());
            let log = &mut self.payments[payment].log;
            let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            log.notified.push((now, sent["status"] == "SUCCESS"));
            log.add(serial, now, What::Ipn { code: 0, named });
            log.take(serial, who);
        }
    }
}

/// Whether a call to Tiki is a notification.
pub(crate) fn is_notification(request: &Outgoing) -> bool {
    let path = request.url.strip_prefix(TIKI_URL).unwrap_or_default();
    request.method == Method::Post && path != "/webview"
}
