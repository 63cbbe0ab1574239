//! The network between our functions and the counterparties: calls that are lost, late, doubled, or answered with
//! something unreadable.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use signed_http::{Answer, Method, Outgoing, Transport, TransportError};
use signing::{HeaderNames, SignatureHeaders, Window};

use crate::choices::Lane;
use crate::fault::Fault;
use crate::fleet::Function;
use crate::secrets::Secret;
use crate::tiki;
use crate::world::{HOUR, MINUTE, SECOND, Waiting, World, answered};

/// The counterparty of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Tiki,
    Core,
}

/// The HTTP client of one function.
pub(crate) struct SimTransport {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) who: usize,
    pub(crate) peer: Peer,
}

#[async_trait]
impl Transport for SimTransport {
    async fn send(&self, request: Outgoing, timeout: Duration) -> Result<Answer, TransportError> {
        let receiver = {
            let mut world = self.world.lock().unwrap();
            let lane = world.lane_of_call(self.peer, &request);
            let timeout = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
            let point = match self.peer {
                Peer::Tiki => "call Tiki",
                Peer::Core => "call the core",
            };
            world.ask(self.who, lane, point, |world, waiting| {
                if self.peer == Peer::Tiki {
                    world.begins_at_tiki(self.who, &request);
                    world.reconciliation_asks(self.who, &request);
                }
                let leased = world.audit_sends(self.who, self.peer, &request);
                let call = Call {
                    peer: self.peer,
                    leased,
                    lane,
                    request: Arc::new(request),
                    timeout,
                };
                call.send(world, waiting);
            })
        };
        answered(receiver).await
    }
}

struct Call {
    peer: Peer,
    /// When its sender last wrote the transaction: it may send what it has read then.
    leased: i64,
    lane: Lane,
    request: Arc<Outgoing>,
    timeout: i64,
}

type Reply = Waiting<Result<Answer, TransportError>>;

const NONSENSE: [&str; 10] = [
    "",
    "{}",
    "<html><body>502 Bad Gateway</body></html>",
    "{\"code\":0",
    "[]",
    "{\"code\":null}",
    "{\"code\":0,\"message\":\"success\"}",
    "{\"code\":0,\"data\":{\"transaction_id\":\"another\"}}",
    "{\"code\":99,\"message\":\"?\"}",
    "{\"status\":\"succeeded\",\"refund_id\":\"another\",\"transaction_id\":\"another\"}",
];

const ERRORS: [u16; 6] = [500, 502, 503, 429, 400, 403];

impl Call {
    fn send(self, world: &mut World, reply: Reply) {
        let (lane, timeout) = (self.lane, self.timeout);
        if world.is_down(self.peer) {
            world.log(lane, self.peer.name(), || "is away".to_owned());
            if world.hangs() {
                return no_answer(world, reply, timeout, || TransportError::TimedOut);
            }
            return no_answer(world, reply, timeout.min(3 * SECOND), || {
                TransportError::NotConnected("simulated".into())
            });
        }
        if world.inject(lane, Fault::OutLost) {
            world.log(lane, self.peer.name(), || {
                "never receives the call".to_owned()
            });
            return no_answer(world, reply, timeout, || TransportError::TimedOut);
        }
        if world.inject(lane, Fault::OutLate) {
            let delay = timeout + world.choices.span(lane, SECOND, 8 * MINUTE);
            self.arrive(world, delay);
            return no_answer(world, reply, timeout, || TransportError::TimedOut);
        }
        if world.inject(lane, Fault::OutTwice) {
            let again = world.choices.span(lane, SECOND, HOUR);
            self.arrive(world, again);
        }
        if world.inject(lane, Fault::OutHttpError) {
            let status = world.choices.one_of(lane, &ERRORS);
            let body = br#"{"message":"simulated"}"#.to_vec();
            return self.spoiled(world, reply, Answer { status, body });
        }
        if world.inject(lane, Fault::OutNonsense) {
            let body = world.choices.one_of(lane, &NONSENSE).as_bytes().to_vec();
            return self.spoiled(world, reply, Answer { status: 200, body });
        }
        let lost = world.inject(lane, Fault::OutAnswerLost);
        let slow = world.inject(lane, Fault::OutSlow);
        let way = if slow { slow_way(timeout) } else { 30 };
        world.after(way, move |world| {
            let Received { answer, is_slow } = world.receive(self.peer, &self.request, self.leased);
            if lost {
                world.log(lane, self.peer.name(), || "its answer is lost".to_owned());
                return no_answer(world, reply, timeout - way, || TransportError::TimedOut);
            }
            let back = if is_slow { slow_way(timeout) } else { way };
            world.after(back, move |world| {
                reply.answer_and(world, Ok(answer.clone()), move |world, who| {
                    world.heard(who, self.peer, &self.request, &answer);
                });
            });
        });
    }

    /// The call arrives, also if nobody waits for its answer.
    fn arrive(&self, world: &mut World, after: i64) {
        let (peer, lane, leased) = (self.peer, self.lane, self.leased);
        let request = Arc::clone(&self.request);
        world.after(after, move |world| {
            world.log(lane, peer.name(), || {
                "receives the call late or again".to_owned()
            });
            world.receive(peer, &request, leased);
        });
    }

    /// A proxy gives another answer, whether or not the call took effect.
    fn spoiled(self, world: &mut World, reply: Reply, answer: Answer) {
        if world.choices.happens(self.lane, 5000) {
            self.arrive(world, 20);
        }
        world.after(60, move |world| {
            reply.answer_and(world, Ok(answer.clone()), move |world, who| {
                world.heard(who, self.peer, &self.request, &answer);
            });
        });
    }
}

/// What a counterparty answers.
struct Received {
    answer: Answer,
    /// Whether the answer is slow on its way.
    is_slow: bool,
}

/// Two ways as slow as this are a little faster than the time-out.
fn slow_way(timeout: i64) -> i64 {
    timeout / 2 - 10
}

fn no_answer(
    world: &mut World,
    reply: Reply,
    after: i64,
    why: impl FnOnce() -> TransportError + Send + 'static,
) {
    world.after(after, move |world| reply.answer(world, Err(why())));
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tiki => "Tiki",
            Self::Core => "core",
        }
    }
}

impl World {
    fn is_down(&self, peer: Peer) -> bool {
        let until = match peer {
            Peer::Tiki => self.tiki.down_until,
            Peer::Core => self.core.down_until,
        };
        self.faults.on() && self.now() < until
    }

    fn receive(&mut self, peer: Peer, request: &Outgoing, leased: i64) -> Received {
        let answer = match peer {
            Peer::Tiki => self.tiki_receives(request, leased),
            Peer::Core => self.core_receives(request),
        };
        let is_slow = std::mem::take(&mut self.core.answers_slowly);
        Received { answer, is_slow }
    }

    /// Counts the table cell of an answer. The first refusal of a signature counts for none, because the client signs
    /// and sends the call again.
    fn heard(&mut self, who: usize, peer: Peer, request: &Outgoing, answer: &Answer) {
        if matches!(answer.status, 401 | 403) && self.fleet.refused_first(who, &request.url) {
            return;
        }
        match peer {
            // It decides nothing about a payment: the answer goes into a finding.
            Peer::Tiki if self.fleet.function(who) == Function::Reconcile => {
                self.reconciliation_hears(who, request, answer);
            }
            Peer::Tiki => {
                self.takes_from_tiki(who, request, answer);
                self.cells_of_tiki(request, answer);
            }
            Peer::Core => {
                self.audit_takes_from_core(who, request, answer);
                self.cells_of_core(request, answer);
            }
        }
    }

    /// Whether the counterparty accepts a call's signature now.
    pub(crate) fn signed(
        &self,
        request: &Outgoing,
        names: HeaderNames,
        secret: Secret,
        base: &str,
    ) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let value = value.parse().expect("a header of ours is text");
            headers.insert(
                http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                value,
            );
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let claimed = SignatureHeaders {
            timestamp: header(names.timestamp),
            client_id: header(names.client_id),
            signature: header(names.signature),
        };
        let relative = request.url.strip_prefix(base).unwrap_or_default();
        let body = match request.method {
            Method::Post => request.body.as_slice(),
            Method::Get => relative.as_bytes(),
        };
        let keys = self.secrets.accepted(secret);
        keys.verify(&claimed, body, self.now(), Window::default())
            .is_ok()
    }

    fn lane_of_call(&self, peer: Peer, request: &Outgoing) -> Lane {
        let payment = match peer {
            Peer::Tiki => tiki::asked_about(request),
            Peer::Core => self.core_payment_of(request),
        };
        payment.map_or(Lane::WORLD, Lane::of)
    }
}
