//! Calls to our functions. The caller signs with its own clock and secret. The network loses, delays, doubles and
//! replays calls, and a function may die before it answers.

use api::Inbound;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use signing::HeaderNames;

use crate::choices::Lane;
use crate::fault::Fault;
use crate::fleet::Function;
use crate::invocation::{Answered, Input, Output};
use crate::secrets::Secret;
use crate::template::TEMPLATE;
use crate::world::{DAY, MINUTE, SECOND, World};

/// How long a caller waits: API Gateway's limit, in milliseconds.
const CALLER_TIMEOUT_MS: i64 = 29 * SECOND;

/// A call before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) payment: usize,
    pub(crate) intent: Intent,
    pub(crate) body: String,
    /// When its caller made it; the network may deliver it much later, and again.
    pub(crate) sent: i64,
}

/// What a call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Webview,
    Create,
    CheckByPost,
    CheckByGet,
    /// A planned refund, by its number.
    Refund(usize),
    /// A payment result, by its content.
    Result(&'static str),
    /// The customer's browser, with this token.
    Redirect(String),
    /// The customer's browser, back from the payment screen.
    Return(String),
}

impl Intent {
    fn function(&self) -> Function {
        match self {
            Self::Webview => Function::Webview,
            Self::Create => Function::Create,
            Self::CheckByPost | Self::CheckByGet => Function::Check,
            Self::Refund(_) => Function::Refund,
            Self::Result(_) => Function::Result,
            Self::Redirect(_) | Self::Return(_) => Function::Redirect,
        }
    }

    pub(crate) fn caller(&self) -> &'static str {
        match self {
            Self::Webview => "app",
            Self::Create | Self::CheckByPost | Self::CheckByGet | Self::Refund(_) => "Tiki",
            Self::Result(_) => "core",
            Self::Redirect(_) | Self::Return(_) => "customer",
        }
    }

    fn secret(&self) -> Option<(Secret, HeaderNames)> {
        match self {
            Self::Webview | Self::Result(_) => Some((Secret::Core, HeaderNames::PARTNER)),
            Self::Create | Self::CheckByPost | Self::CheckByGet | Self::Refund(_) => {
                Some((Secret::Tiki, HeaderNames::TIKI))
            }
            Self::Redirect(_) | Self::Return(_) => None,
        }
    }

    fn resource(&self) -> &'static str {
        match self {
            Self::Webview => "/partner/v1/webview",
            Self::Create | Self::CheckByGet => "/tikivip/v1/transactions",
            Self::CheckByPost => "/tikivip/v1/transactions/query",
            Self::Refund(_) => "/tikivip/v1/refunds",
            Self::Result(_) => "/partner/v1/payments/{transaction_id}/result",
            Self::Redirect(_) => "/pay/{token}",
            Self::Return(_) => "/pay/{token}/return",
        }
    }
}

impl World {
    /// Makes a call. `done` is called exactly once, with the answer or `None`.
    pub(crate) fn call(
        &mut self,
        call: Call,
        done: impl FnOnce(&mut Self, Option<Answered>) + Send + 'static,
    ) {
        let lane = Lane::of(call.payment);
        let inbound = self.sign(&call);
        self.forge(&call, &inbound);
        self.log(lane, call.intent.caller(), || {
            format!("asks: {:?} {}", call.intent, call.body)
        });
        if self.inject(lane, Fault::CallTwice) {
            let later = self.choices.span(lane, 0, 4 * MINUTE);
            self.deliver_later(later, &call, &inbound);
        }
        if self.inject(lane, Fault::CallReplayed) {
            let later = self.choices.span(lane, DAY - 5 * MINUTE, DAY + 5 * MINUTE);
            self.deliver_later(later, &call, &inbound);
        }
        if self.inject(lane, Fault::CallLost) {
            return self.after(CALLER_TIMEOUT_MS, move |world| done(world, None));
        }
        if self.inject(lane, Fault::CallLate) {
            let delay = self.choices.span(lane, CALLER_TIMEOUT_MS, 6 * MINUTE);
            self.deliver_later(delay, &call, &inbound);
            return self.after(CALLER_TIMEOUT_MS, move |world| done(world, None));
        }
        self.after(20, move |world| {
            world.deliver(call, inbound, move |world, answer| {
                if world.inject(lane, Fault::AnswerLost) {
                    return world.after(CALLER_TIMEOUT_MS, move |world| done(world, None));
                }
                world.after(20, move |world| done(world, answer));
            });
        });
    }

    fn deliver_later(&mut self, later: i64, call: &Call, inbound: &Inbound) {
        let (call, inbound) = (call.clone(), inbound.clone());
        self.after(later, move |world| world.deliver(call, inbound, |_, _| {}));
    }

    fn deliver(
        &mut self,
        call: Call,
        inbound: Inbound,
        done: impl FnOnce(&mut Self, Option<Answered>) + Send + 'static,
    ) {
        let lane = Lane::of(call.payment);
        let began = self.now();
        self.invoke(
            call.intent.function(),
            lane,
            Input::Http(inbound),
            move |world, who, output| {
                let answer = match output {
                    Output::Http(answer) => Some(answer),
                    Output::NotStarted => {
                        let answer = not_started();
                        world.audit_not_started(call.payment, &answer);
                        return done(world, Some(answer));
                    }
                    _ => None,
                };
                if let Some(answer) = &answer {
                    world.log(lane, call.intent.function().name(), || {
                        format!(
                            "answers {} {}",
                            answer.status,
                            String::from_utf8_lossy(&answer.body)
                        )
                    });
                    world.audit_answered(who, &call, began, answer);
                }
                done(world, answer);
            },
        );
    }

    fn sign(&self, call: &Call) -> Inbound {
        let intent = &call.intent;
        let resource = intent.resource();
        let mut inbound = Inbound {
            request_id: "simulated".to_owned(),
            method: Method::POST,
            resource: resource.to_owned(),
            path: resource.to_owned(),
            base_url: "https://api.simulated/live".to_owned(),
            body: call.body.clone().into_bytes(),
            ..Inbound::default()
        };
        match intent {
            Intent::Redirect(token) | Intent::Return(token) => {
                inbound.method = Method::GET;
                inbound
                    .path_parameters
                    .insert("token".to_owned(), token.clone());
            }
            Intent::Result(_) => {
                let id = self.payments[call.payment].id.to_string();
                inbound
                    .path_parameters
                    .insert("transaction_id".to_owned(), id);
            }
            Intent::CheckByGet => {
                inbound.method = Method::GET;
                let id = self.payments[call.payment].tiki_id.to_string();
                inbound.query.push(("tiki_transaction_id".to_owned(), id));
            }
            Intent::Webview | Intent::Create | Intent::CheckByPost | Intent::Refund(_) => {}
        }
        if let Some((secret, names)) = intent.secret() {
            let message = if *intent == Intent::CheckByGet {
                format!(
                    "/transactions?tiki_transaction_id={}",
                    self.payments[call.payment].tiki_id
                )
            } else {
                call.body.clone()
            };
            let signed = self
                .secrets
                .theirs(secret)
                .sign(self.now(), message.as_bytes());
            put(&mut inbound.headers, names.timestamp, &signed.timestamp);
            put(&mut inbound.headers, names.client_id, &signed.client_id);
            put(&mut inbound.headers, names.signature, &signed.signature);
        }
        inbound
    }

    /// Sometimes sends a forged copy of a call.
    fn forge(&mut self, call: &Call, genuine: &Inbound) {
        let lane = Lane::of(call.payment);
        let Some((_, names)) = call.intent.secret() else {
            return;
        };
        if !self.inject(lane, Fault::Forged) {
            return;
        }
        let mut forged = genuine.clone();
        let mut function = call.intent.function();
        match self.choices.below(lane, 5) {
            0 => put(&mut forged.headers, names.signature, &"0".repeat(64)),
            1 => drop(forged.headers.remove(names.signature)),
            2 => put(&mut forged.headers, names.client_id, "another"),
            3 => put(
                &mut forged.headers,
                names.timestamp,
                &self.now().to_string(),
            ),
            // A valid signature, sent to another endpoint.
            _ => match call.intent {
                Intent::Create => function = Function::Refund,
                Intent::Refund(_) => function = Function::Create,
                Intent::Webview => function = Function::Result,
                Intent::Result(_) => function = Function::Webview,
                _ => return,
            },
        }
        if forged.headers == genuine.headers && function == call.intent.function() {
            return;
        }
        let call = call.clone();
        self.after(10, move |world| {
            world.invoke(
                function,
                lane,
                Input::Http(forged),
                move |world, _, output| {
                    if let Output::Http(answer) = output {
                        world.audit_forged(&call, &answer);
                    }
                },
            );
        });
    }
}

impl Answered {
    /// The body, if it is JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The code of the body.
    pub(crate) fn code(&self) -> Option<i64> {
        self.json()["code"].as_i64()
    }
}

/// API Gateway's answer when Lambda has not started the function.
fn not_started() -> Answered {
    let (status, body) = &TEMPLATE.not_started;
    Answered {
        status: *status,
        body: body.clone().into_bytes(),
        location: None,
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
    headers.insert(
        name,
        HeaderValue::from_str(value).expect("a header's value"),
    );
}
